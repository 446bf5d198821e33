//! Scenarios of the simulator as drills on real processes.
//!
//! Model: a scenario is read by the simulator's own types, checked by its rules, and turned into what the command line
//! can do to processes: lines between nodes, times of payments, faults.
//!
//! Rules
//! - What has no meaning for processes is refused by name, all of it at once, before anything starts.
//! - The same seed gives the same network and the same times of payments as in the simulator.
//!
//! Read next: `apps/cli/src/devnet/drill/mod.rs`, `docs/chaos.md`.

use cli::devnet::drill::{Drill, Expected, FAULTS_MS_MAX, NODES_MAX, NODES_MIN, Planned, ProcessFault};
use cli::devnet::relay::Line;
use cli::{ExitCode, Failure, SimPlan};
use primitives::Hash;
use sim::chain::Keys;
use sim::mesh::Mesh;
use sim::plan::{DiskAnswer, DiskOperation, Fault, Links};
use sim::random::Random;
use sim::traffic::Traffic;
use sim::{Format, Plan, ProfileError};

/// The drills that are part of the program, with the text of their scenarios.
const PROFILES: [(&str, &str); 6] = [
    ("small-world", include_str!("../../scenarios/devnet/small-world.toml")),
    ("partition", include_str!("../../scenarios/devnet/partition.toml")),
    ("flood", include_str!("../../scenarios/devnet/flood.toml")),
    ("quorum-stress", include_str!("../../scenarios/devnet/quorum-stress.toml")),
    ("canary-rolling", include_str!("../../scenarios/devnet/canary-rolling.toml")),
    ("churn", include_str!("../../scenarios/devnet/churn.toml")),
];
/// Most payments of a drill.
const SENDS_MAX: usize = 200_000;
/// Payments go on for this long after the last fault, milliseconds, and for so much more with each calm height.
const CALM_MS: u64 = 30_000;
const CALM_MS_PER_HEIGHT: u64 = 2_000;
/// Characters of a name of an artefact.
const NAME_MAX: usize = 64;

/// Reads a scenario for real processes.
///
/// # Errors
/// [`Failure`] for a scenario that cannot be read, and for everything in it that processes cannot show.
pub fn plan(wanted: &SimPlan) -> Result<Drill, Failure> {
    let refused = |error: &dyn std::fmt::Display| Failure::told(ExitCode::Usage, "scenario", error, "");
    let (name, plan) = match wanted {
        SimPlan::OfSeed => return Err(Failure::usage("no scenario was named", "use --scenario or --profile")),
        SimPlan::Profile(name) => (name.clone(), profile(name)?),
        SimPlan::Scenario { path, text } => {
            let plan = Format::of_path(path).and_then(|format| Plan::read(text, format));
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            (name, plan.map_err(|error| refused(&error))?)
        }
    };
    let mut cannot = Vec::new();
    refuse_network(&plan, &mut cannot);
    refuse_expectations(&plan, &mut cannot);
    let mut faults = Vec::new();
    for scheduled in &plan.faults {
        match process_fault(&scheduled.fault) {
            Ok(fault) => faults.push(Planned {
                at_ms: scheduled.at_ms,
                for_ms: scheduled.for_ms,
                kind: scheduled.fault.kind().to_owned(),
                fault,
            }),
            Err(why) => cannot.push(why),
        }
    }
    cannot.sort_unstable();
    cannot.dedup();
    if !cannot.is_empty() {
        return Err(Failure::new(
            ExitCode::Refused,
            "not_for_processes",
            format!("real processes cannot show what the scenario asks for: {}", cannot.join("; ")),
            "take it out of the scenario, or run it with tb sim --scenario. Nothing was started",
        ));
    }
    let lines = lines(&plan);
    Ok(Drill {
        name: file_name(&name),
        scenario: plan.to_toml(),
        seed: plan.seed,
        nodes: plan.validators,
        topology: plan.topology.kind().to_owned(),
        loses_packets: loses_packets(&faults, &lines),
        lines,
        sends_ms: sends_ms(&plan),
        faults,
        calm_heights: plan.calm_heights,
        expected: Expected {
            heights_min: plan.expect.heights_min,
            resume_ms_max: plan.expect.resume_ms_max,
            round_max: plan.expect.round_max,
        },
    })
}

fn profile(name: &str) -> Result<Plan, Failure> {
    let known = PROFILES.map(|(name, _)| name).join(", ");
    match PROFILES.into_iter().find(|(known, _)| *known == name) {
        Some((_, text)) => Plan::from_toml(text).map_err(|error| Failure::told(ExitCode::Usage, "scenario", error, "")),
        None if name == "proofs" => Err(Failure::new(
            ExitCode::Refused,
            "not_for_processes",
            "the profile proofs has stand-ins for proofs, which no real process takes",
            format!("run it with tb sim --profile proofs, or use one of {known}"),
        )),
        None if name == "snapshot-guard" => Err(Failure::new(
            ExitCode::Refused,
            "not_for_processes",
            "the profile snapshot-guard needs files that fail and rot at chosen steps, which real processes do not have",
            format!("run it with tb sim --profile snapshot-guard, or use one of {known}"),
        )),
        None => {
            let error = ProfileError::Unknown { name: name.to_owned(), known };
            Err(Failure::told(ExitCode::Usage, "scenario", error, ""))
        }
    }
}

/// What of the network cannot be had with processes.
fn refuse_network(plan: &Plan, cannot: &mut Vec<String>) {
    let mut refuse = |is_asked: bool, why: &str| {
        if is_asked {
            cannot.push(why.to_owned());
        }
    };
    refuse(plan.seeds != 1, "seeds (a drill is run once)");
    refuse(plan.beyond_bound, "beyond_bound (no real node is dishonest)");
    refuse(!plan.dishonest.is_empty(), "dishonest (no real node is)");
    refuse(plan.seeded_bug.is_some(), "seeded_bug (no program contains one)");
    refuse(plan.staking.is_some(), "staking (the payments of a drill move no stake)");
    refuse(plan.identities.is_some(), "identities (the payments of a drill register nobody)");
    refuse(plan.snapshots.is_some(), "snapshots (the nodes of a drill make none)");
    refuse(plan.pruning.is_some(), "pruning (the nodes of a drill keep their blocks)");
    refuse(plan.proofs.is_some(), "proofs (those of the simulator are stand-ins)");
    if !(NODES_MIN..=NODES_MAX).contains(&plan.validators) {
        cannot.push(format!("validators = {} (use {NODES_MIN} to {NODES_MAX} processes)", plan.validators));
    }
    let healed = plan.faults.iter().map(|fault| fault.at_ms.saturating_add(fault.for_ms)).max();
    if healed.is_some_and(|ms| ms > FAULTS_MS_MAX) {
        cannot.push(format!("faults that last beyond {} minutes", FAULTS_MS_MAX / 60_000));
    }
}

fn refuse_expectations(plan: &Plan, cannot: &mut Vec<String>) {
    let expect = &plan.expect;
    let mut refuse = |is_asked: bool, why: &str| {
        if is_asked {
            cannot.push(why.to_owned());
        }
    };
    refuse(expect.verdict != "pass", "expect.verdict (a drill is meant to pass)");
    refuse(expect.fork_detected == Some(true), "expect.fork_detected (a fork is never meant)");
    refuse(
        expect.propagation_p95_ms_max.is_some(),
        "expect.propagation_p95_ms_max (processes do not tell when a proposal reached them)",
    );
    refuse(expect.equivocations_min.is_some_and(|least| least > 0), "expect.equivocations_min (nobody signs twice)");
    refuse(!expect.effects.is_empty(), "expect.effects (they are those of the simulator)");
}

/// A fault as processes have it, or why they cannot.
fn process_fault(fault: &Fault) -> Result<ProcessFault, String> {
    Ok(match fault.clone() {
        Fault::Partition { side, one_way } => ProcessFault::Partition { side, one_way },
        Fault::Disconnect { node } => ProcessFault::Partition { side: [node].into(), one_way: false },
        Fault::Crash { node, effects: 0 } => ProcessFault::Kill { node },
        Fault::Crash { .. } => return Err("crash with effects (they cannot be counted; use effects = 0)".to_owned()),
        Fault::Restart { node } => ProcessFault::Restart { node },
        Fault::Pause { node } => ProcessFault::Pause { node },
        Fault::PowerLoss => ProcessFault::PowerLoss,
        Fault::LostDisk { node } => ProcessFault::LostDisk { node },
        Fault::Delay { jitter_ms } => ProcessFault::Delay { jitter_ms },
        Fault::Clock { node, offset_ms } => ProcessFault::Clock { node, offset_ms },
        Fault::Disk { node, operation: DiskOperation::Write | DiskOperation::Sync, answer: DiskAnswer::NoSpace } => {
            ProcessFault::FullDisk { node }
        }
        Fault::Disk { .. } => {
            return Err("disk other than write or sync with no_space (a real disk is only filled)".to_owned());
        }
        Fault::Loss { ppm } => ProcessFault::Loss { ppm },
        Fault::Duplicates { ppm } => ProcessFault::Duplicates { ppm },
        Fault::Slow { .. } => return Err("slow (use pause or delay)".to_owned()),
        Fault::MigrateCrash { .. } => {
            return Err("migrate_crash (the tests of the store end processes while they migrate)".to_owned());
        }
        Fault::PruneCrash { .. } => {
            return Err("prune_crash (a real process is not ended at a step of pruning)".to_owned());
        }
        Fault::ProversStop => return Err("provers_stop (a drill has no provers)".to_owned()),
        Fault::TornWrite { .. }
        | Fault::BitFlip { .. }
        | Fault::Rot { .. }
        | Fault::MisdirectedWrite { .. }
        | Fault::SnapshotCrash { .. }
        | Fault::SnapshotDisk { .. }
        | Fault::SnapshotDamage { .. } => {
            return Err(format!("{} (the disk of a real process is left alone)", fault.kind()));
        }
    })
}

/// Whether some line or fault loses or doubles packets.
fn loses_packets(faults: &[Planned], lines: &[Line]) -> bool {
    let of_fault =
        |planned: &Planned| matches!(planned.fault, ProcessFault::Loss { .. } | ProcessFault::Duplicates { .. });
    faults.iter().any(of_fault) || lines.iter().any(|line| line.loss_ppm > 0 || line.duplicate_ppm > 0)
}

/// Who dials whom: each end of a link dials the other one.
fn lines(plan: &Plan) -> Vec<Line> {
    let mesh = Mesh::of(plan, Random::new(plan.seed).fork("mesh"));
    let mut lines = Vec::new();
    for from in 0..plan.validators {
        for to in mesh.neighbours(from).into_iter().filter(|to| *to != from) {
            let Links { delay_ms, jitter_ms, loss_ppm, duplicate_ppm } = *mesh.link(from, to);
            lines.push(Line { from, to, delay_ms, jitter_ms, loss_ppm, duplicate_ppm });
        }
    }
    lines
}

/// When payments are sent, by the phases of the plan.
fn sends_ms(plan: &Plan) -> Vec<u64> {
    let healed_ms = plan.faults.iter().map(|fault| fault.at_ms.saturating_add(fault.for_ms)).max().unwrap_or(0);
    let end_ms = healed_ms
        .saturating_add(CALM_MS)
        .saturating_add(CALM_MS_PER_HEIGHT.saturating_mul(plan.calm_heights))
        .min(FAULTS_MS_MAX.saturating_mul(2));
    let random = Random::new(plan.seed).fork("traffic");
    let mut traffic = Traffic::new(random, Keys::of(plan.seed), Hash([0; 32]), plan);
    let (mut now_us, mut sends_ms) = (0_u64, Vec::new());
    while now_us / 1_000 < end_ms && sends_ms.len() < SENDS_MAX {
        let tick = traffic.tick(now_us, plan);
        if tick.sends {
            sends_ms.push(now_us / 1_000);
        }
        let Some(wait_us) = tick.wait_us else { break };
        now_us = now_us.saturating_add(wait_us.max(1));
    }
    sends_ms
}

/// A name that is a name of a file everywhere.
fn file_name(name: &str) -> String {
    let plain = |character: char| if character.is_ascii_alphanumeric() || character == '_' { character } else { '-' };
    let name: String = name.chars().take(NAME_MAX).map(plain).collect();
    if name.is_empty() { "drill".to_owned() } else { name }
}
