//! Proofs on chain in simulated networks: provers that bond, race, cheat and stand still, and blocks that go on.

use primitives::actions::{EndRecord, ProofClaim};
use primitives::{Address, Amount, Hash, Height, LedgerDigest};
use replica::ProofVerifier;
use sim::plan::{Fault, Misbehaviour, Scheduled};
use sim::stand_in::{Shared, Watched, look, prove};
use sim::{Plan, Report, profile, run};

/// What the judge asks of chains with proofs.
const PROPERTIES: [&str; 7] = [
    "proven_only_rises",
    "end_records_match_blocks",
    "each_height_is_paid_once",
    "bonds_follow_verdicts",
    "one_proof_in_a_block",
    "lag_never_stops_blocks",
    "verdicts_survive_restarts",
];

/// Four validators and four provers; nothing fails unless `more` says so.
fn plan(proofs: &str, more: &str) -> Plan {
    let text = format!(
        "seed = 3\nvalidators = 4\ntraffic_per_second = 8\nfaults_ms = 60000\ncalm_heights = 12\n[proofs]\n\
         window_heights = 3\nturn_heights = 3\nwork_ms = 2000\n{proofs}\n{more}"
    );
    Plan::from_toml(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn effect(report: &Report, name: &str) -> u64 {
    report.effects.get(name).copied().unwrap_or(0)
}

fn passed(plan: Plan) -> Report {
    let report = run(plan);
    assert!(report.verdict.is_pass(), "seed {}: {} {:?}", report.seed, report.verdict, report.detail);
    report
}

#[test]
fn the_profile_shows_everything_that_provers_do_and_no_proof_stops_a_block() {
    let report = run(profile("proofs").unwrap());
    assert!(report.is_expected(), "{:?} {:?}", report.unmet, report.detail);
    for property in PROPERTIES {
        assert!(
            report.properties.get(property).is_some_and(|count| *count > 10),
            "{property}: {:?}",
            report.properties
        );
    }
    assert!(
        report.faults.get("provers_stop") == Some(&1) && report.faults.get("crash").is_some_and(|count| *count > 3)
    );
    assert!(report.tamper_attempts > 5 && report.tamper_accepted == 0, "{}", report.tamper_attempts);
}

#[test]
fn a_crash_after_any_step_of_the_engine_changes_no_verdict() {
    // One validator after the other dies after so many effects, while provers hand in good and bad proofs.
    let crash = |number: u32| Scheduled {
        at_ms: 4_000 + u64::from(number) * 3_000,
        for_ms: 1_000,
        fault: Fault::Crash { node: u16::try_from(number % 4).unwrap(), effects: number },
    };
    for seed in 0..3 {
        let mut plan = Plan { seed, ..plan("bad_ppm = 400000", "") };
        plan.faults_ms = 120_000;
        plan.faults = (0..36).map(crash).collect();
        let report = passed(plan);
        assert!(report.faults["crash"] >= 24, "seed {seed}: {:?}", report.faults);
        assert!(effect(&report, "proof_accepted") > 3 && effect(&report, "proof_invalid") > 3, "{:?}", report.effects);
        assert!(report.properties["verdicts_survive_restarts"] > 50, "seed {seed}: {:?}", report.properties);
    }
}

#[test]
fn proofs_that_are_all_bad_cost_bonds_and_no_height() {
    let bad = passed(plan("bad_ppm = 1000000", ""));
    let none = passed(Plan { proofs: None, ..plan("", "") });
    assert_eq!(effect(&bad, "proof_accepted"), 0, "{:?}", bad.effects);
    assert!(effect(&bad, "proof_invalid") > 5, "{:?}", bad.effects);
    assert!(effect(&bad, "block_at_floor") > 10, "nothing was proven: {:?}", bad.effects);
    assert!(bad.height + 2 >= none.height, "{} heights, {} without proofs", bad.height, none.height);
}

#[test]
fn blocks_get_light_while_provers_stand_still_and_heavy_again_when_they_catch_up() {
    let stop = "[[faults]]\nat_ms = 10000\nfor_ms = 40000\nfault = { kind = \"provers_stop\" }\n";
    let report = passed(plan("bad_ppm = 0", stop));
    assert!(effect(&report, "block_at_floor") > 5 && effect(&report, "carried_at_floor") > 5, "{:?}", report.effects);
    assert!(effect(&report, "weight_recovered") >= 1, "{:?}", report.effects);
    assert!(effect(&report, "windows_proven_at_once") >= 1 && effect(&report, "proof_invalid") == 0);
    let busy = passed(plan("bad_ppm = 0", ""));
    assert_eq!(effect(&busy, "block_at_floor"), 0, "provers that work keep up: {:?}", busy.effects);
    let unforced = passed(plan("bad_ppm = 0\nenforced_from = 10000", stop));
    assert_eq!(effect(&unforced, "block_lightened"), 0, "without the gate blocks stay heavy");
}

#[test]
fn a_chain_takes_no_proof_before_its_gate() {
    let late = passed(plan("taken_from = 10000", ""));
    for name in ["prover_bonded", "window_closed", "proof_accepted", "proof_invalid"] {
        assert_eq!(effect(&late, name), 0, "{name}: {:?}", late.effects);
    }
}

#[test]
fn blocks_with_smuggled_proofs_are_refused_and_the_others_go_on() {
    let mut plan = plan("bad_ppm = 0", "");
    plan.dishonest.insert(2, Misbehaviour::SmuggledProofs);
    let report = passed(plan);
    for name in ["oversize_proof_refused", "unbonded_proof_refused", "second_proof_refused"] {
        assert!(effect(&report, name) > 0, "{name}: {:?}", report.effects);
    }
    assert!(report.tamper_accepted == 0 && effect(&report, "proof_accepted") > 3, "{:?}", report.effects);
}

#[test]
fn what_of_proofs_makes_no_sense_is_refused_by_name() {
    let base = "seed = 1\nvalidators = 4\nfaults_ms = 1000\n";
    let cases = [
        ("[[faults]]\nat_ms = 1\nfor_ms = 1\nfault = { kind = \"provers_stop\" }\n", "add the table [proofs]"),
        ("[dishonest]\n1 = \"smuggled_proofs\"\n", "add the table [proofs]"),
        ("[proofs]\nprovers = 17\n", "proofs.provers is 17"),
        ("[proofs]\nwindow_heights = 0\n", "proofs.window_heights is 0"),
        ("[proofs]\nbad_ppm = 1000001\n", "proofs.bad_ppm is 1000001"),
        ("[proofs]\nwork_ms = 0\n", "proofs.work_ms is 0"),
        ("[proofs]\nprover = 3\n", "did you mean provers?"),
        ("[expect]\neffects = [\"proof_acepted\"]\n", "did you mean proof_accepted?"),
    ];
    for (more, expected) in cases {
        let error = Plan::from_toml(&format!("{base}{more}")).expect_err(more).to_string();
        assert!(error.contains(expected) && error.contains("next: "), "{error}");
    }
}

fn claim(payout: &str) -> ProofClaim {
    let ledger = |height| EndRecord {
        height: Height(height),
        ledger_root: LedgerDigest::default(),
        ops_digest: LedgerDigest::default(),
        supply: Amount::from_blocks(5),
        next_slot: 12,
    };
    ProofClaim {
        system: Default::default(),
        genesis: Hash([1; 32]),
        origin: ledger(0),
        end: ledger(9),
        issuance_max: Amount::ZERO,
        supply_cap: Amount::from_blocks(9),
        payout: Address::of_module(payout),
    }
}

#[test]
fn a_stand_in_shows_its_claim_and_no_other_whoever_is_asked() {
    let answers = Shared::default();
    let judges = [0, 1].map(|node| Watched::new(node, answers.clone(), None));
    let (mine, theirs) = (claim("treasury"), claim("prover_pool"));
    for judge in &judges {
        assert!(judge.verify(&mine, &prove(&mine)) && judge.verify(&theirs, &prove(&theirs)));
        assert!(!judge.verify(&theirs, &prove(&mine)), "it names who is paid");
        assert!(!judge.verify(&mine, &[]) && !judge.verify(&mine, &[7; 32]) && !judge.verify(&mine, &[7; 65]));
    }
    assert_eq!(look(&answers).news(), (6, None), "the second one was asked what the first one was");
}
