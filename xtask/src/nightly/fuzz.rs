//! The task about fuzzing: every reader of foreign bytes is given mutated inputs for a while, and the edges that they reach are counted.
//!
//! ```text
//! fuzz/ (a workspace of its own) ─► cargo build, counters at every edge ─► FUZZ_TARGET=name fuzz corpus ─► runs, edges
//! ```
//! Rules
//! - A target that panics, runs out of memory or does not come back fails the task, and the input is named.
//! - Inputs that reached something new are kept below `target/nightly/fuzz`, so that the next start begins there.
//! - The seed is fixed and printed; together with an empty corpus it repeats a run.
//! - Every target that `fuzz/src/targets.rs` names is in the result, with enough runs and edges ([`wrong`], [`missing`]).

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};

use super::{commit, in_time, stamped};
use crate::process::{Workspace, output_of, succeed};
use crate::snapshot::Snapshot;

/// Where the targets are named, one `name: "…"` each.
const TARGETS: &str = "fuzz/src/targets.rs";
/// Time for each target, seconds.
const SECONDS: u64 = 20;
/// Longest time of a target beyond that: the last input, and merging what was found.
const TIME_MAX: Duration = Duration::from_secs(SECONDS + 120);
/// Longest time for one input, seconds, and most memory, MB. More of either is a finding.
const LIMITS: (u64, u64) = (10, 2_048);
/// The seed of all mutations.
const SEED: u64 = 20_261_122;
/// Fewest runs of a target, and fewest edges that they reach.
const LEAST: (u64, u64) = (1_000, 40);

/// What libFuzzer says of a run at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Measured {
    runs: u64,
    edges: u64,
    corpus: u64,
}

pub(super) fn run(workspace: &Workspace) -> Result<Value> {
    let commit = commit(workspace)?;
    let folder = workspace.target().join("nightly/fuzz");
    fs::create_dir_all(folder.join("scratch")).with_context(|| format!("{} cannot be made", folder.display()))?;
    let program = build(workspace)?;
    let listed = String::from_utf8(output_of(workspace.program(&program).env("FUZZ_LIST", "1"))?)?;
    succeed(workspace.program(&program).env("FUZZ_SEEDS", folder.join("corpus")))?;
    println!("fuzz: {SECONDS} s for each target, seed {SEED}");
    println!("{:<18} {:>10} {:>8} {:>8}", "target", "runs", "edges", "inputs");
    let mut targets = Map::new();
    for line in listed.lines() {
        let (name, bytes_max) = line.split_once('\t').context("the program names no length for a target")?;
        let found = one(workspace, &program, &folder, name, bytes_max)?;
        println!("{name:<18} {:>10} {:>8} {:>8}", found.runs, found.edges, found.corpus);
        targets.insert(name.to_owned(), json!({ "runs": found.runs, "edges": found.edges, "inputs": found.corpus }));
    }
    let edges: u64 = targets.values().filter_map(|target| target["edges"].as_u64()).sum();
    println!("fuzz: {} targets, {edges} edges reached, no finding", targets.len());
    let summary = json!({
        "verdict": "pass", "seed": SEED, "seconds": SECONDS, "findings": 0, "edges": edges, "targets": targets,
    });
    stamped(workspace, "fuzz", &commit, "cargo xtask nightly fuzz", summary)
}

/// Builds the program; gives its path.
fn build(workspace: &Workspace) -> Result<std::path::PathBuf> {
    let target = workspace.target().join("fuzz");
    let mut cargo = workspace.cargo(&["build", "--release", "--locked", "--manifest-path", "fuzz/Cargo.toml"]);
    cargo.arg("--target-dir").arg(&target);
    // What is built here is run for minutes and by nobody else: no time for a second, quicker build.
    cargo.env("RUSTC_WRAPPER", workspace.root().join("fuzz/rustc.sh")).env("CARGO_INCREMENTAL", "0");
    succeed(&mut cargo)?;
    Ok(target.join("release/fuzz"))
}

/// Fuzzes one target.
fn one(workspace: &Workspace, program: &Path, folder: &Path, name: &str, bytes_max: &str) -> Result<Measured> {
    let (log, found) = (folder.join(format!("{name}.log")), folder.join(format!("{name}-")));
    let file = File::create(&log).with_context(|| format!("{} cannot be made", log.display()))?;
    let mut command = workspace.program(program);
    command.env("FUZZ_TARGET", name).env("FUZZ_SCRATCH", folder.join("scratch"));
    command.arg(folder.join("corpus").join(name)).arg(format!("-artifact_prefix={}", found.display()));
    let (seconds, megabytes) = LIMITS;
    for (option, value) in
        [("max_total_time", SECONDS), ("seed", SEED), ("timeout", seconds), ("rss_limit_mb", megabytes)]
    {
        command.arg(format!("-{option}={value}"));
    }
    command.arg(format!("-max_len={bytes_max}")).args(["-print_final_stats=1", "-verbosity=1"]);
    command.stdout(File::create(folder.join("said")).context("a file cannot be made")?).stderr(file);
    let started = Instant::now();
    let ended = in_time(command.spawn().context("the fuzzing program could not be started")?, TIME_MAX);
    let said = String::from_utf8_lossy(&fs::read(&log).unwrap_or_default()).into_owned();
    if let Err(error) = ended {
        let tail: Vec<&str> = said.lines().rev().take(40).collect();
        let tail: Vec<&str> = tail.into_iter().rev().collect();
        bail!(
            "{name} ended after {} s ({error}); its input is {}…, the seed was {SEED}, and it said:\n{}",
            started.elapsed().as_secs(),
            found.display(),
            tail.join("\n")
        );
    }
    measured(&said).with_context(|| format!("{} does not say runs and edges", log.display()))
}

/// The numbers of the last lines that libFuzzer wrote: `#123 DONE cov: 45 ft: 67 corp: 8/9b …`, `stat::number_of_executed_units: 123`.
fn measured(said: &str) -> Option<Measured> {
    let after = |line: &str, mark: &str| -> Option<u64> {
        let rest = line.split_once(mark)?.1.trim_start();
        rest.split(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok()
    };
    let last = |mark: &str| said.lines().rev().find_map(|line| after(line, mark));
    Some(Measured { runs: last("stat::number_of_executed_units:")?, edges: last(" cov: ")?, corpus: last(" corp: ")? })
}

/// What is wrong with a result.
pub(super) fn wrong(result: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    let number = |of: &Value, key: &str| of.get(key).and_then(Value::as_u64);
    if number(result, "findings") != Some(0) {
        wrong.push(format!("says {:?} for `findings`, 0 is wanted", number(result, "findings")));
    }
    if number(result, "seed").is_none() {
        wrong.push("has no `seed`".to_owned());
    }
    let Some(targets) = result.get("targets").and_then(Value::as_object).filter(|targets| !targets.is_empty()) else {
        wrong.push("has no `targets`".to_owned());
        return wrong;
    };
    for (name, found) in targets {
        let (runs, edges) = (number(found, "runs").unwrap_or(0), number(found, "edges").unwrap_or(0));
        if runs < LEAST.0 || edges < LEAST.1 {
            wrong.push(format!("has {runs} runs and {edges} edges of {name}; {} and {} are wanted", LEAST.0, LEAST.1));
        }
    }
    wrong
}

/// Targets that are named in the code and not in the result.
pub(super) fn missing(snapshot: &Snapshot, result: &Value) -> Vec<String> {
    let named: BTreeSet<&str> = names(snapshot.text(TARGETS).unwrap_or_default()).collect();
    if named.is_empty() {
        return vec![format!("is about no target: {TARGETS} names none")];
    }
    let has = |name: &&str| result.get("targets").and_then(|targets| targets.get(*name)).is_some();
    named.into_iter().filter(|name| !has(name)).map(|name| format!("does not have the target {name}")).collect()
}

/// The names of the targets in the code.
fn names(code: &str) -> impl Iterator<Item = &str> {
    code.split("Target { name: \"").skip(1).filter_map(|rest| rest.split('"').next())
}

#[cfg(test)]
mod tests {
    use super::{Measured, measured, names};

    #[test]
    fn runs_edges_and_inputs_are_read_from_what_the_fuzzer_says() {
        let said = "INFO: Loaded 1 modules\n#2\tINITED cov: 12 ft: 13 corp: 1/4b exec/s: 0 rss: 30Mb\n\
                    #65536\tpulse  cov: 80 ft: 200 corp: 31/900b lim: 64\n\
                    #70001\tDONE   cov: 81 ft: 210 corp: 33/999b lim: 80 exec/s: 3500 rss: 61Mb\n\
                    stat::number_of_executed_units: 70001\nstat::peak_rss_mb: 61\n";
        assert_eq!(measured(said), Some(Measured { runs: 70_001, edges: 81, corpus: 33 }));
        assert_eq!(measured("INFO: seed corpus\n"), None);
    }

    #[test]
    fn the_targets_of_the_code_are_those_of_its_table() {
        let code = include_str!("../../../fuzz/src/targets.rs");
        let names: Vec<&str> = names(code).collect();
        assert!(names.len() >= 20, "{names:?}");
        for wanted in [
            "transaction",
            "block",
            "certificate",
            "peer_message",
            "manifest",
            "chunk",
            "archive_file",
            "guard_file",
            "genesis",
            "node_toml",
            "proof_envelope",
            "proof",
            "address",
            "rpc_body",
        ] {
            assert!(names.contains(&wanted), "nobody fuzzes {wanted}");
        }
    }
}
