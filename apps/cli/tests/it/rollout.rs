//! The questions of a step to the next stage: each fact counts, and what nobody gave is never taken for good.

use std::path::{Path, PathBuf};

use cli::release::record::TestRecord;
use cli::rollout::incident::{Incident, Resolution};
use cli::rollout::judge::{MonitoringFacts, NodeFacts, ReleaseFacts, SoakFacts, TestAlert, is_ready, shipped_alerts};
use cli::rollout::{Baseline, Evidence, Facts, Finding, Verdict, gather, judge};
use config::{Drift, Profiles, ReleaseChannel};
use primitives::{Address, Hash, Height, SecretKey};
use rpc::ExitCode;
use rpc::types::TelemetryStatus;

use crate::release::Release;

/// A Thursday, 09:00 UTC: every change window is open.
const OPEN_MS: u64 = 1_767_225_600_000 + 9 * 3_600_000;
const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
const BEFORE: &str = "89abcdef0123456789abcdef0123456789abcdef";

fn address(number: u8) -> Address {
    Address::of_key(&SecretKey::from_seed([number; 32]).public_key())
}

fn evidence(text: &str) -> Evidence {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("evidence.toml");
    std::fs::write(&path, text).expect("written");
    Evidence::read(&path).expect("sound")
}

fn sound_evidence() -> String {
    format!("[acknowledgements]\n\"{}\" = \"agreed\"\n\"{}\" = \"agreed\"\n", address(1), address(2))
}

fn release(commit: &str) -> ReleaseFacts {
    let tests: TestRecord =
        serde_json::from_str(include_str!("../../../../fixtures/tests_record.json")).expect("a record");
    let tests = Some(TestRecord { commit: commit.to_owned(), ..tests });
    ReleaseFacts { commit: commit.to_owned(), signer: "mine".to_owned(), parts: 300, tests }
}

/// Everything is as it should be before `stage`.
fn good(stage: ReleaseChannel) -> Facts {
    Facts {
        now_ms: OPEN_MS,
        drift: Vec::new(),
        node: Some(NodeFacts {
            commit: Some(COMMIT.to_owned()),
            not_ready: Vec::new(),
            telemetry: TelemetryStatus {
                enabled: true,
                sample_interval_ms: 10_000,
                samples: 9,
                sample_height: Some(Height(7)),
                sampled_at_ms: Some(OPEN_MS - 9_000),
                ..TelemetryStatus::default()
            },
            attested: (4, true),
        }),
        soak: Some(SoakFacts {
            channel: stage.before().map_or("development", ReleaseChannel::as_str).to_owned(),
            commit: Some(COMMIT.to_owned()),
            height: Height(2_400),
            epoch_blocks: 240,
            epochs: 10,
            hours: 48,
            validators: vec![address(1), address(2)],
            snapshots: 1,
        }),
        release: Some(Ok(release(COMMIT))),
        previous: Some(Ok(release(BEFORE))),
        evidence: Some(evidence(&sound_evidence())),
        monitoring: Some(Ok(MonitoringFacts {
            alerts: shipped_alerts().map(str::to_owned).collect(),
            targets_down: Some(0),
            firing: 0,
            pages_in_soak: Some(0),
            relay_alerts_in_soak: Some(0),
        })),
        test_alert: Some(Ok(TestAlert::Received { receivers: vec!["pager".to_owned()], after_ms: 900 })),
        worse: Some(Ok(Vec::new())),
        incidents: Some(Vec::new()),
    }
}

/// An incident of a stage that is over.
fn incident(stage: ReleaseChannel, height: Option<u64>) -> Incident {
    Incident {
        number: 1,
        stage,
        chain_id: "net".to_owned(),
        reason: "finality stood still".to_owned(),
        opened_at_ms: OPEN_MS,
        height: height.map(Height),
        gates: Vec::new(),
        release: None,
        release_before: None,
        done: Vec::new(),
        recovered: true,
        resolved: Some(Resolution { by: "on call".to_owned(), hotfix: None, at_ms: OPEN_MS }),
    }
}

fn judged(stage: ReleaseChannel, facts: &Facts) -> Vec<Finding> {
    judge(Profiles::built_in().expect("sound").of(stage), facts)
}

/// What is wanting after `change` was made to facts that were good.
fn wanting(stage: ReleaseChannel, change: impl FnOnce(&mut Facts)) -> Vec<(&'static str, Verdict)> {
    let mut facts = good(stage);
    change(&mut facts);
    let findings = judged(stage, &facts);
    let open = findings.iter().filter(|finding| matches!(finding.verdict, Verdict::Failed | Verdict::Unknown));
    let open: Vec<_> = open.inspect(|finding| assert!(!finding.hint.is_empty(), "{finding:?}")).collect();
    assert_eq!(is_ready(&findings), open.is_empty());
    open.into_iter().map(|finding| (finding.check, finding.verdict)).collect()
}

#[test]
fn a_stage_is_ready_when_nothing_is_wanting_and_each_missing_fact_is_named() {
    use Verdict::{Failed, Unknown};
    let _parts = testkit::contract!("S001-005");
    let canary = ReleaseChannel::Canary;
    for stage in ReleaseChannel::ALL {
        assert_eq!(wanting(stage, |_| {}), [], "{stage:?}");
    }
    // Nobody gave it: it cannot be known, and that holds the step up.
    assert_eq!(
        wanting(canary, |facts| *facts = Facts { now_ms: OPEN_MS, ..Facts::default() }),
        [
            ("step", Unknown),
            ("incidents", Unknown),
            ("release", Unknown),
            ("sbom", Unknown),
            ("tests", Unknown),
            ("alert_rules", Unknown),
            ("dashboards", Unknown),
            ("test_alert", Unknown),
            ("relays", Unknown),
            ("soak", Unknown),
            ("epochs", Unknown),
            ("interventions", Unknown),
            ("acknowledgements", Unknown),
            ("rollback", Unknown),
            ("baseline", Unknown),
        ]
    );
    let refused = || "it does not answer".to_owned();
    let broken = wanting(canary, |facts| facts.monitoring = Some(Err(refused())));
    assert_eq!(broken, [("alert_rules", Unknown), ("dashboards", Unknown), ("relays", Unknown), ("soak", Unknown)]);
    assert_eq!(wanting(canary, |facts| facts.test_alert = Some(Err(refused()))), [("test_alert", Unknown)]);
    assert_eq!(wanting(canary, |facts| facts.worse = Some(Err(refused()))), [("baseline", Unknown)]);
    assert_eq!(
        wanting(canary, |facts| facts.release = Some(Err("the signature".to_owned()))),
        [("release", Failed), ("sbom", Failed), ("tests", Unknown), ("soak", Unknown), ("epochs", Unknown)]
    );
    // Every stage asks for the tests, also the one that asks for no release; who signed one without a record has shown none.
    for stage in ReleaseChannel::ALL {
        let untested = wanting(stage, |facts| released(facts).tests = None);
        assert_eq!(untested, [("tests", Unknown)], "{stage:?}");
    }
    // A folder that does not exist holds no incidents because nobody looked into the right one.
    let lost = wanting(ReleaseChannel::Mainnet, |facts| facts.incidents = None);
    assert_eq!(lost, [("incidents", Unknown), ("interventions", Unknown), ("hotfixes", Unknown)]);
    // Telemetry that is on has no sample yet just after a start.
    let early = wanting(canary, |facts| node(facts).telemetry.sampled_at_ms = None);
    assert_eq!(early, [("telemetry", Unknown)]);
}

#[test]
fn what_another_build_has_gone_through_does_not_count() {
    use Verdict::{Failed, Unknown};
    let canary = ReleaseChannel::Canary;
    for commit in [Some(BEFORE.to_owned()), None] {
        let other = wanting(canary, |facts| soak(facts).commit = commit);
        assert_eq!(other, [("soak", Failed), ("epochs", Failed)]);
    }
    // Too short a time stays what is said of it, whatever runs there.
    let short = wanting(canary, |facts| {
        (soak(facts).commit, soak(facts).hours) = (None, 0);
        soak(facts).epochs = 0;
    });
    assert_eq!(short, [("soak", Failed), ("epochs", Failed)]);
    let unnamed = wanting(canary, |facts| facts.release = None);
    let asked = ["release", "sbom", "tests", "soak", "epochs"];
    assert_eq!(unnamed, asked.map(|check| (check, Unknown)));
    // The tests of a release say nothing of another build that runs: where nobody asks for the release, that is all that tells.
    for commit in [Some(BEFORE.to_owned()), None] {
        let other = wanting(ReleaseChannel::Development, |facts| node(facts).commit = commit);
        assert_eq!(other, [("tests", Failed)]);
    }
}

#[test]
fn heights_count_from_the_first_that_is_not_older_than_the_process() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let first = |range: (u64, u64), since: u64| {
        // A block each second, the first kept one of height 5.
        let time_at = async |height: Height| match height.0 {
            asked if asked >= range.0 && asked <= range.1 => Ok(asked * 1_000),
            asked => Err(format!("height {asked} is not kept")),
        };
        let found = gather::first_since((Height(range.0), Height(range.1)), since, time_at);
        runtime.block_on(found).expect("only what is kept is asked for").0
    };
    assert_eq!(first((5, 100), 0), 5);
    assert_eq!(first((5, 100), 40_000), 40);
    assert_eq!(first((5, 100), 40_001), 41);
    assert_eq!(first((5, 100), 100_001), 101, "none since then");
    assert_eq!(first((1, 0), 7), 1, "no block at all");
}

#[test]
fn each_fact_that_is_not_as_it_must_be_holds_the_step_up() {
    use Verdict::Failed;
    let _tests = testkit::contract!("S001-020");
    let _release = testkit::contract!("S001-004");
    let _rollback = testkit::contract!("S001-011");
    let _soak = testkit::contract!("S001-029");
    let _acknowledged = testkit::contract!("S001-030");
    type Case = (&'static str, Box<dyn FnOnce(&mut Facts)>);
    let cases: Vec<Case> = vec![
        (
            "config",
            Box::new(|facts| {
                let (key, on) = ("rollout.feature_gates.pruning".to_owned(), "true".to_owned());
                facts.drift = vec![Drift { key, wanted: "false".to_owned(), found: on }];
            }),
        ),
        (
            "change_window",
            Box::new(|facts| {
                // A Saturday; the sample is as old as before.
                facts.now_ms += 2 * 86_400_000;
                node(facts).telemetry.sampled_at_ms = Some(facts.now_ms);
            }),
        ),
        ("node", Box::new(|facts| node(facts).not_ready = vec!["syncing".to_owned()])),
        ("telemetry", Box::new(|facts| node(facts).telemetry.encode_failures = 1)),
        ("telemetry", Box::new(|facts| node(facts).telemetry.sampled_at_ms = Some(OPEN_MS - 30_001))),
        ("telemetry", Box::new(|facts| node(facts).telemetry.enabled = false)),
        ("release", Box::new(|facts| node(facts).attested = (3, false))),
        ("alert_rules", Box::new(|facts| watched(facts).alerts.clear())),
        ("alert_rules", Box::new(|facts| drop(watched(facts).alerts.pop()))),
        ("test_alert", Box::new(|facts| facts.test_alert = Some(Ok(TestAlert::Lost("silenced".to_owned()))))),
        ("relays", Box::new(|facts| watched(facts).relay_alerts_in_soak = Some(1))),
        ("dashboards", Box::new(|facts| watched(facts).firing = 1)),
        ("dashboards", Box::new(|facts| watched(facts).targets_down = None)),
        ("soak", Box::new(|facts| watched(facts).pages_in_soak = Some(1))),
        ("soak", Box::new(|facts| soak(facts).hours = 47)),
        ("epochs", Box::new(|facts| soak(facts).epochs = 9)),
        ("step", Box::new(|facts| soak(facts).channel = "development".to_owned())),
        ("acknowledgements", Box::new(|facts| soak(facts).validators.push(address(3)))),
        ("acknowledgements", Box::new(|facts| soak(facts).validators.clear())),
        ("rollback", Box::new(|facts| soak(facts).snapshots = 0)),
        ("rollback", Box::new(|facts| facts.previous = Some(Ok(release(COMMIT))))),
        ("baseline", Box::new(|facts| facts.worse = Some(Ok(vec!["slower".to_owned()])))),
    ];
    for (index, (check, change)) in cases.into_iter().enumerate() {
        assert_eq!(wanting(ReleaseChannel::Canary, change), [(check, Failed)], "case {index}");
    }
    for commit in [Some(BEFORE.to_owned()), None] {
        let other = wanting(ReleaseChannel::Canary, |facts| node(facts).commit = commit);
        assert_eq!(other, [("release", Failed), ("tests", Failed)], "another build runs than the one that was tested");
    }
    for (check, change) in [("soak", true), ("soak", false)] {
        let open = wanting(ReleaseChannel::Testnet, |facts| match change {
            true => soak(facts).hours = 47,
            false => watched(facts).pages_in_soak = Some(1),
        });
        assert_eq!(open, [(check, Failed)], "48 hours without a page before the testnet");
    }
    let forgetful = wanting(ReleaseChannel::Canary, |facts| watched(facts).pages_in_soak = None);
    assert_eq!(forgetful, [("soak", Verdict::Unknown)]);
}

#[test]
fn an_alert_of_consensus_proofs_the_lottery_or_peers_holds_the_step_up() {
    let _consensus = testkit::contract!("S001-006");
    let _proofs = testkit::contract!("S001-007");
    let _lottery = testkit::contract!("S001-008");
    let _churn = testkit::contract!("S001-009");
    let network = include_str!("../../../../monitoring/grafana/network.json");
    assert!(network.contains("\"title\": \"Peers that joined and left\""), "the board says who comes and goes");
    let rules = include_str!("../../../../monitoring/alert.rules.yml");
    let of_consensus_proofs_and_lottery =
        ["HeightStalled", "FinalitySlow", "ProveSlow", "ProofsBehind", "VrfParticipationLow"];
    for alert in of_consensus_proofs_and_lottery.into_iter().chain(["NoPeers", "PeersBelowFloor"]) {
        assert!(rules.contains(&format!("      - alert: {alert}\n")), "{alert}");
    }
    // Whichever fires: a board is green while no alert of it does, and while everything on it is measured.
    for stage in [ReleaseChannel::Testnet, ReleaseChannel::Canary, ReleaseChannel::Mainnet] {
        assert_eq!(wanting(stage, |facts| watched(facts).firing = 1), [("dashboards", Verdict::Failed)]);
        assert_eq!(wanting(stage, |facts| watched(facts).targets_down = Some(1)), [("dashboards", Verdict::Failed)]);
        assert_eq!(wanting(stage, |facts| facts.monitoring = None)[1], ("dashboards", Verdict::Unknown));
    }
}

#[test]
fn a_canary_waits_for_alerts_on_rewards_and_for_relays_that_are_stable() {
    let _rewards = testkit::contract!("S001-036");
    let _relays = testkit::contract!("S001-039");
    use Verdict::{Failed, Unknown};
    let canary = ReleaseChannel::Canary;
    // Each is shipped, is drilled with promtool, and must be loaded where the canary is watched.
    let drills = include_str!("../../../../monitoring/tests/standing.yml");
    for alert in ["RewardsOverdue", "RewardPayeesFew"] {
        assert!(shipped_alerts().any(|shipped| shipped == alert) && drills.contains(&format!("- name: \"{alert}\"")));
        let without = wanting(canary, |facts| watched(facts).alerts.retain(|loaded| loaded != alert));
        assert_eq!(without, [("alert_rules", Failed)], "{alert}");
    }
    // Every node relays: what tells that it does not is an alert, and its history is asked before witnesses are paid.
    for alert in cli::rollout::judge::RELAY_ALERTS {
        assert!(shipped_alerts().any(|shipped| shipped == alert), "{alert}");
    }
    assert_eq!(wanting(canary, |facts| watched(facts).relay_alerts_in_soak = Some(2)), [("relays", Failed)]);
    assert_eq!(wanting(canary, |facts| watched(facts).relay_alerts_in_soak = None), [("relays", Unknown)]);
    let profiles = Profiles::built_in().expect("sound");
    for stage in ReleaseChannel::ALL {
        let profile = profiles.of(stage);
        assert_eq!(profile.checks.relays, profile.feature_gates["witness_network"], "{stage:?}");
    }
}

#[test]
fn the_mainnet_waits_for_seven_epochs_every_signature_and_a_branch_for_each_incident() {
    let _mainnet = testkit::contract!("S001-041");
    use ReleaseChannel::{Canary, Mainnet, Testnet};
    use Verdict::Failed;
    assert_eq!(Profiles::built_in().expect("sound").of(Mainnet).checks.epochs, 7);
    assert_eq!(wanting(Mainnet, |facts| soak(facts).epochs = 6), [("epochs", Failed)]);
    let slower = wanting(Mainnet, |facts| facts.worse = Some(Ok(vec!["slower".to_owned()])));
    assert_eq!(slower, [("baseline", Failed)]);
    assert_eq!(wanting(Mainnet, |facts| soak(facts).validators.push(address(3))), [("acknowledgements", Failed)]);
    // Before the epochs that are counted, so it is no intervention; its repair must be queued all the same.
    let after = |of, hotfix: Option<&str>| {
        wanting(Mainnet, |facts| {
            let resolved = Resolution { by: "on call".to_owned(), hotfix: hotfix.map(str::to_owned), at_ms: OPEN_MS };
            facts.incidents = Some(vec![Incident { resolved: Some(resolved), ..incident(of, Some(1)) }]);
        })
    };
    assert_eq!(after(Canary, None), [("hotfixes", Failed)]);
    assert_eq!(after(Canary, Some("fix/votes-wait")), []);
    assert_eq!(after(Testnet, None), [], "another chain");
}

#[test]
fn an_open_incident_and_help_within_the_epochs_that_count_hold_the_step_up() {
    use ReleaseChannel::{Canary, Development, Mainnet, Testnet};
    use Verdict::Failed;
    let _epochs = testkit::contract!("S001-034");
    for stage in ReleaseChannel::ALL {
        let open = wanting(stage, |facts| {
            facts.incidents = Some(vec![Incident { resolved: None, ..incident(stage, Some(1)) }]);
        });
        assert_eq!(open, [("incidents", Failed)], "{stage:?}");
    }
    let helped = |stage, of, height| wanting(stage, |facts| facts.incidents = Some(vec![incident(of, height)]));
    // Ten epochs of 240 heights end at height 2,400: they began at height 0. With two more epochs they begin later.
    assert_eq!(helped(Canary, Testnet, Some(1)), [("interventions", Failed)]);
    assert_eq!(helped(Canary, Testnet, None), [("interventions", Failed)], "nobody knows when");
    assert_eq!(helped(Canary, Development, Some(1)), [], "another chain");
    assert_eq!(helped(Testnet, Development, Some(1)), [], "no epochs are asked for");
    assert_eq!(helped(Mainnet, Canary, Some(2_000)), [("interventions", Failed), ("hotfixes", Failed)]);
    let later = |height| {
        wanting(Canary, |facts| {
            let soaked = soak(facts);
            (soaked.height, soaked.epochs) = (Height(2_880), 12);
            facts.incidents = Some(vec![incident(Testnet, Some(height))]);
        })
    };
    assert_eq!((later(480), later(481)), (vec![], vec![("interventions", Failed)]));
}

fn node(facts: &mut Facts) -> &mut NodeFacts {
    facts.node.as_mut().expect("good facts have it")
}

fn released(facts: &mut Facts) -> &mut ReleaseFacts {
    facts.release.as_mut().and_then(|release| release.as_mut().ok()).expect("good facts have it")
}

fn soak(facts: &mut Facts) -> &mut SoakFacts {
    facts.soak.as_mut().expect("good facts have it")
}

fn watched(facts: &mut Facts) -> &mut MonitoringFacts {
    facts.monitoring.as_mut().and_then(|monitoring| monitoring.as_mut().ok()).expect("good facts have it")
}

#[test]
fn channels_advance_one_step_at_a_time() {
    for (index, stage) in ReleaseChannel::ALL.into_iter().enumerate().skip(1) {
        for (from, before) in ReleaseChannel::ALL.into_iter().enumerate() {
            let open = wanting(stage, |facts| soak(facts).channel = before.as_str().to_owned());
            assert_eq!(open.is_empty(), from + 1 == index, "{before:?} to {stage:?}");
        }
    }
}

fn series(latency: u64, queue: u64, participation: u64) -> Baseline {
    Baseline {
        chain_id: "net".to_owned(),
        genesis_hash: Hash([1; 32]),
        version: "0".to_owned(),
        height: Height(9),
        // One outlier changes no median.
        consensus_latency_ms: vec![latency, latency, 99_999],
        proof_queue_depth: vec![queue; 3],
        vrf_participation_ppm: vec![participation; 3],
    }
}

#[test]
fn a_series_is_worse_only_beyond_its_slack() {
    let then = series(1_000, 4, 1_000_000);
    for today in [series(1_250, 5, 750_000), series(900, 0, 1_000_000)] {
        assert_eq!(then.worse(&today), [""; 0], "{today:?}");
    }
    for (today, word) in [
        (series(1_251, 4, 1_000_000), "consensus latency (ms) was 1000 and is 1251"),
        (series(1_000, 6, 1_000_000), "proof queue depth was 4 and is 6"),
        (series(1_000, 4, 749_999), "VRF participation (ppm) was 1000000 and is 749999"),
    ] {
        assert_eq!(then.worse(&today), [word]);
    }
    // A chain that is quick and idle does not fail by a step of nothing.
    assert_eq!(series(10, 0, 0).worse(&series(110, 1, 0)), [""; 0]);
    assert_eq!(series(10, 0, 0).worse(&series(111, 2, 0)).len(), 2);
}

fn tb(words: &str) -> ExitCode {
    let words = ["tb"].into_iter().chain(words.split_whitespace());
    cli::run(words.map(Into::into).collect(), super::offline::no_node)
}

fn checked(folder: &Path, more: &str) -> (ExitCode, serde_json::Value) {
    let report = folder.join("report.json");
    let _ = std::fs::remove_file(&report);
    let line = format!("rollout check --report {} {more}", report.display());
    let exit = tb(&line);
    let text = std::fs::read_to_string(&report).unwrap_or_else(|_| "null".to_owned());
    (exit, serde_json::from_str(&text).expect("a report is JSON"))
}

/// A genesis file of one validator.
fn genesis(folder: &Path) -> PathBuf {
    let (home, genesis) = (folder.join("home"), folder.join("genesis.json"));
    assert_eq!(tb(&format!("init --mode validator --home {}", home.display())), ExitCode::Ok);
    let public = home.join("validator_public.json");
    let made = format!("genesis new --chain-id my-net --validator {} --out {}", public.display(), genesis.display());
    assert_eq!(tb(&made), ExitCode::Ok);
    genesis
}

#[test]
fn that_the_tests_passed_is_taken_from_the_signed_provenance_and_from_no_file_of_a_person() {
    let _tests = testkit::contract!("S001-020");
    let folder = tempfile::tempdir().expect("a folder");
    let (genesis, config) = (genesis(folder.path()), folder.path().join("node.toml"));
    std::fs::write(&config, "").expect("written");
    let made = Release::new();
    let signers = made.beside("signers").display().to_string();
    let words = format!(
        "--stage development --config {} --genesis {} --release {} --signers {signers}",
        config.display(),
        genesis.display(),
        made.dir().display()
    );
    let found = |check: &str| {
        let (exit, report) = checked(folder.path(), &words);
        assert_eq!(exit, ExitCode::NotReady, "the configuration is none of the stage, so there is a report: {report}");
        let checks = report["checks"].as_array().expect("checks").iter();
        let one = checks.clone().find(|finding| finding["check"] == check).expect("it is asked");
        [&one["verdict"], &one["found"]].map(|value| value.as_str().expect("text").to_owned())
    };
    let [verdict, said] = found("tests");
    assert!(verdict == "unknown" && said.contains("without a record of its tests"), "{said}");
    made.pass_its_tests();
    let [verdict, said] = found("tests");
    let wanted = format!("a name says of {COMMIT}: 2050 of 2050 passed on 2026-03-03");
    assert!(verdict == "ok" && said.starts_with(&wanted), "{said}");
    made.alter_its_record();
    let [verdict, said] = found("tests");
    assert!(verdict == "unknown" && said.contains("it is no signature of a name"), "{said}");
    let evidence = folder.path().join("evidence.toml");
    std::fs::write(&evidence, format!("[tests]\ncommit = \"{COMMIT}\"\npassed = true\n")).expect("written");
    let (exit, report) = checked(folder.path(), &format!("{words} --evidence {}", evidence.display()));
    assert_eq!((exit, report), (ExitCode::Config, serde_json::Value::Null), "a person's word is none");
}

#[test]
fn files_are_compared_without_a_node_and_bad_files_are_refused() {
    let _drift = testkit::contract!("S001-003");
    let _reference = testkit::contract!("S001-001");
    let folder = tempfile::tempdir().expect("a folder");
    let genesis = genesis(folder.path());
    let profiles = Profiles::built_in().expect("sound");
    let config = folder.path().join("node.toml");
    let files = format!("--config {} --genesis {}", config.display(), genesis.display());

    // The file leaves the gates to the genesis file, which has none of them for a chain of the canary stage.
    let text = "release_channel = \"testnet\"\nmempool_limit = 99\n";
    std::fs::write(&config, text).expect("written");
    let (exit, report) = checked(folder.path(), &format!("--stage canary {files}"));
    assert_eq!((exit, &report["ready"]), (ExitCode::NotReady, &false.into()));
    let keys: Vec<&str> =
        report["drift"].as_array().expect("drift").iter().filter_map(|one| one["key"].as_str()).collect();
    let gate = |name: &str| format!("rollout.feature_gates.{name}");
    for key in ["mempool_limit", "release_channel", &gate("timetoke_rewards"), &gate("witness_network")] {
        assert!(keys.contains(&key), "{key}: {keys:?}");
    }
    assert!(!keys.contains(&gate("pruning").as_str()), "{keys:?}");
    assert!(report["recovery"].as_str().is_some_and(|link| link.ends_with("#canary-goes-back")), "{report}");

    // The profile itself, against a genesis file whose gates agree with it.
    std::fs::write(&config, profiles.node_toml(ReleaseChannel::Development).expect("sound")).expect("written");
    let (_, report) = checked(folder.path(), &format!("--stage dev {files}"));
    let drift = report["drift"].as_array().expect("drift");
    let engine = drift.iter().all(|one| one["key"] == gate("malachite_consensus"));
    assert!(engine, "a genesis file of several validators has the engine of the next stages: {drift:?}");

    // What is no profile, evidence, baseline or stage ends before anything is judged.
    let junk = folder.path().join("junk");
    std::fs::write(&junk, "surprise = 1").expect("written");
    for option in ["profiles", "evidence", "baseline", "config"] {
        let base = if option == "config" { format!("--genesis {}", genesis.display()) } else { files.clone() };
        let (exit, report) = checked(folder.path(), &format!("--stage testnet {base} --{option} {}", junk.display()));
        assert_eq!((exit, report), (ExitCode::Config, serde_json::Value::Null), "{option}");
    }
    assert_eq!(checked(folder.path(), &format!("--stage beta {files}")).0, ExitCode::Usage);
    assert_eq!(tb("rollout profile --stage testnet"), ExitCode::Ok);
}
