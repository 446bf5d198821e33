//! `cargo xtask bench proofs`: what proofs cost on this machine, tuned to it and as a release is built, and what a prover costs that has nothing to do.
//!
//! ```text
//!   native    target-cpu=native, as every local build      raw ─ window (several shapes) ─ fold ─ idle prover
//!   portable  the flags of a release, a folder of its own   raw ─ window ─ fold
//! ```
//! *Raw* is the proof stack alone on the library's own Poseidon2 table: cells in a second, beside those of our tables in the same run.
//!
//! Rules
//! - The run is bounded: each part says how long it took, its build apart, and what would begin after [`LIMIT`] is left out by name.
//! - Each figure says its build, and the window its shape, so that two figures differ by one thing.
//! - Shapes: operations grow while accounts stay, and accounts grow while operations stay.
//! - An idle prover follows a chain that makes blocks and closes no window; what counts is processor time, which a busy machine does not change much.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::{machine, measure};
use crate::nightly::chain::{Running, shown, start};
use crate::process::{Workspace, succeed};
use crate::release::portable_flags;

/// Blocks, transfers in each, accounts: the epoch that the documents speak of.
const EPOCH: [u32; 3] = [120, 50, 1_000];
/// The same with fewer and more operations, and with fewer and more accounts.
const SHAPES: [[u32; 3]; 4] = [[120, 10, 1_000], [120, 100, 1_000], [120, 50, 200], [120, 50, 4_000]];
/// No part begins later than this after the start.
const LIMIT: Duration = Duration::from_secs(22 * 60);
/// How long the idle prover is watched.
const IDLE: Duration = Duration::from_secs(60);
/// How often something is looked at that has to come.
const LOOK: Duration = Duration::from_millis(500);
/// Longest wait for the network and for the prover.
const START_TIME: Duration = Duration::from_secs(120);
/// First port of the network.
const BASE_PORT: &str = "29900";
/// The RPC of its node.
const RPC: &str = "http://127.0.0.1:29902";
/// Clock ticks of `/proc` in a second, on every Linux that this runs on.
const TICKS_PER_SECOND: u64 = 100;

/// Runs everything and writes `target/bench/proofs.json`.
///
/// # Errors
/// A build or a benchmark that fails.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let (mut results, mut parts, mut left_out) = (Vec::new(), Vec::new(), Vec::new());
    let start = Instant::now();
    for part in plan() {
        let name = part.name();
        if start.elapsed() > LIMIT {
            println!("-- left out for want of time: {name}");
            left_out.push(name);
            continue;
        }
        let began = Instant::now();
        results.extend(part.run(workspace)?);
        println!("-- {name}: {} s", began.elapsed().as_secs());
        parts.push(json!({ "part": name, "seconds": began.elapsed().as_secs() }));
    }
    print!("{}", table(&results));
    let folder = workspace.target().join("bench");
    fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let path = folder.join("proofs.json");
    let report = json!({ "machine": machine(workspace), "parts": parts, "left_out": left_out, "results": results });
    fs::write(&path, format!("{report:#}\n")).with_context(|| format!("{} cannot be written", path.display()))?;
    println!("bench: {} figures in {}", results.len(), path.display());
    Ok(())
}

/// One part of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// Builds the benchmarks.
    Build { is_native: bool },
    /// Runs one of them, a window with its shape.
    Bench { is_native: bool, bench: &'static str, shape: Option<[u32; 3]> },
    /// Watches a prover that has nothing to do; builds the program first.
    Idle,
}

/// The parts in their order: what belongs together stands together, and what may be left out stands last.
fn plan() -> Vec<Part> {
    let mut parts = Vec::new();
    for is_native in [true, false] {
        parts.push(Part::Build { is_native });
        let bench = |bench, shape| Part::Bench { is_native, bench, shape };
        parts.extend([bench("raw", None), bench("window", Some(EPOCH)), bench("fold", None)]);
        if is_native {
            parts.extend(SHAPES.map(|shape| bench("window", Some(shape))));
        }
    }
    parts.push(Part::Idle);
    parts
}

impl Part {
    fn name(self) -> String {
        let build = |is_native| if is_native { "native" } else { "portable" };
        match self {
            Self::Build { is_native } => format!("{} build", build(is_native)),
            Self::Bench { is_native, bench, shape: None } => format!("{} {bench}", build(is_native)),
            Self::Bench { is_native, bench, shape: Some([blocks, transfers, accounts]) } => {
                format!("{} {bench} {blocks} blocks x {transfers} transfers, {accounts} accounts", build(is_native))
            }
            Self::Idle => "idle prover".to_owned(),
        }
    }

    fn run(self, workspace: &Workspace) -> Result<Vec<Value>> {
        match self {
            Self::Build { is_native } => {
                succeed(cargo_bench(workspace, is_native).arg("--benches").arg("--no-run")).map(|()| Vec::new())
            }
            Self::Bench { is_native, bench: name, shape } => bench(workspace, is_native, name, shape),
            Self::Idle => Ok(vec![idle(workspace)?]),
        }
    }
}

/// The windows as a table for `docs/performance.md`: one row for each build and shape, beside the proof stack alone.
fn table(results: &[Value]) -> String {
    let mut lines = "| build | blocks × transfers | accounts | cells | trace s | prove s | verify ms | to stop ms | bytes | bits | peak MB | cells/s | of raw |\n\
        |---|---|---|---|---|---|---|---|---|---|---|---|---|\n"
        .to_owned();
    for build in ["native", "portable"] {
        for shape in [&[EPOCH], &SHAPES[..]].concat() {
            let of = |bench: &'static str, shape: Value| {
                results
                    .iter()
                    .filter(move |one| one["build"] == build && one["bench"] == bench && one["shape"] == shape)
            };
            let window: Vec<&Value> = of("window", json!(shape)).collect();
            let Some(whole) = window.iter().find(|one| one["cells"].is_u64()) else { continue };
            let time = |case: &str, field: &str| {
                let times = window.iter().filter(|one| one["case"] == case).filter_map(|one| one[field].as_f64());
                times.fold(0.0_f64, f64::max)
            };
            let raw = of("raw", Value::Null).find_map(|one| one["cells_per_second"].as_u64());
            let ours = whole["cells_per_second"].as_u64().unwrap_or_default();
            let percent = raw.map_or("–".to_owned(), |raw| format!("{} %", ours.saturating_mul(100) / raw.max(1)));
            let [blocks, transfers, accounts] = shape;
            lines += &format!(
                "| {build} | {blocks} × {transfers} | {accounts} | {} | {:.1} | {:.1} | {:.0} | {:.0} | {} | {:.2} | {} | {ours} | {percent} |\n",
                whole["cells"],
                (time("replay", "ms") + time("traces", "ms")) / 1_000.0,
                time("prove", "ms") / 1_000.0,
                time("verify", "ms"),
                time("prove", "longest_to_stop_ms"),
                whole["proof_bytes"],
                whole["security_bits"].as_f64().unwrap_or_default(),
                whole["peak_memory_mb"],
            );
        }
    }
    lines
}

/// `cargo bench` of the `prover` crate, as one build makes it.
fn cargo_bench(workspace: &Workspace, is_native: bool) -> Command {
    let mut command = workspace.cargo(&["bench", "--locked", "--quiet", "--profile", "release", "--package", "prover"]);
    if !is_native {
        command.arg("--target-dir").arg(workspace.target().join("bench-portable"));
        command
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .env("RUSTFLAGS", portable_flags(&format!("{}-", std::env::consts::ARCH)).join(" "));
    }
    command
}

/// One benchmark of the `prover` crate, as one build makes it.
fn bench(workspace: &Workspace, is_native: bool, name: &str, shape: Option<[u32; 3]>) -> Result<Vec<Value>> {
    let mut command = cargo_bench(workspace, is_native);
    command.args(["--bench", name]);
    if let Some(shape) = shape {
        command.arg("--").args(shape.map(|number| number.to_string()));
    }
    let build = if is_native { "native" } else { "portable" };
    println!("-- {build} {shape:?}");
    let mut figures = measure(&mut command, name)?;
    for figure in figures.iter_mut().filter_map(Value::as_object_mut) {
        figure.insert("build".to_owned(), json!(build));
        figure.insert("shape".to_owned(), json!(shape));
    }
    Ok(figures)
}

/// What a prover costs while no window closes: processor time and memory.
fn idle(workspace: &Workspace) -> Result<Value> {
    succeed(&mut workspace.cargo(&["build", "--release", "--workspace", "--locked", "--bins"]))?;
    let folder = workspace.target().join("bench/idle");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("{} cannot be removed", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let program = workspace.target().join("release/tb");
    let params = folder.join("params.json");
    // No window closes while anybody looks.
    fs::write(&params, json!({ "window_blocks": 1_000 }).to_string()).context("the parameters cannot be written")?;
    let mut network = workspace.program(&program);
    network.args(["devnet", "--json", "--fresh", "--no-prover", "--nodes", "1", "--block-interval-ms", "1000"]);
    network.args(["--base-port", BASE_PORT, "--params"]).arg(&params).arg("--home").arg(folder.join("net"));
    let _network = start(&mut network, &folder.join("net.log"))?;
    until("the network", || shown(workspace.program(&program).args(["status", "--rpc", RPC])).is_some())?;
    let mut prover = workspace.program(&program);
    prover.args(["prover", "--json", "--node", RPC, "--genesis"]).arg(folder.join("net/genesis.json"));
    let log = folder.join("prover.log");
    let prover = start(prover.arg("--home").arg(folder.join("prover")), &log)?;
    until("the prover", || fs::read_to_string(&log).is_ok_and(|said| said.contains("\"started\"")))?;
    let before = processor_ms(&prover)?;
    sleep(IDLE);
    let used = processor_ms(&prover)?.saturating_sub(before);
    println!("idle prover: {used} ms of processor time in {} s", IDLE.as_secs());
    Ok(json!({
        "bench": "idle prover", "build": "native", "seconds": IDLE.as_secs(), "processor_ms": used,
        "memory_mb": memory_mb(&prover),
    }))
}

fn until(what: &str, look: impl Fn() -> bool) -> Result<()> {
    let start = Instant::now();
    while !look() {
        ensure!(start.elapsed() < START_TIME, "{what} did not start in {} s", START_TIME.as_secs());
        sleep(LOOK);
    }
    Ok(())
}

/// Processor time that a process has used, milliseconds.
fn processor_ms(process: &Running) -> Result<u64> {
    let path = format!("/proc/{}/stat", process.id());
    let text = fs::read_to_string(Path::new(&path)).with_context(|| format!("{path} cannot be read"))?;
    ticks(&text).map(|ticks| ticks * 1_000 / TICKS_PER_SECOND).with_context(|| format!("{path} has no times"))
}

/// The ticks of user and system in a line of `/proc/PID/stat`: fields 14 and 15, counted behind the name, which may hold anything.
fn ticks(line: &str) -> Option<u64> {
    let (_, behind) = line.rsplit_once(") ")?;
    let mut fields = behind.split(' ').skip(11);
    let (user, system) = (fields.next()?.parse::<u64>().ok()?, fields.next()?.parse::<u64>().ok()?);
    user.checked_add(system)
}

fn memory_mb(process: &Running) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", process.id())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()? / 1_024)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{EPOCH, Part, SHAPES, plan, table, ticks};

    #[test]
    fn times_are_read_behind_any_name() {
        let line = "42 (a) b ) S 1 2 3 4 5 6 7 8 9 10 700 23 0 0 39 19";
        assert_eq!(ticks(line), Some(723));
        assert_eq!(ticks("42 (tb) S 1 2"), None);
    }

    #[test]
    fn each_window_stands_beside_the_proof_stack_alone() {
        let window = |case: &str, field: &str, value: f64| json!({ "build": "native", "bench": "window", "shape": EPOCH, "case": case, field: value });
        let whole = |build: &str| {
            json!({
                "build": build, "bench": "window", "shape": EPOCH, "cells": 3_000, "cells_per_second": 300, "proof_bytes": 290_000,
                "security_bits": 100.09, "peak_memory_mb": 1_900,
            })
        };
        let results = [
            window("replay", "ms", 400.0),
            window("traces", "ms", 600.0),
            window("prove", "ms", 9_400.0),
            window("prove", "longest_to_stop_ms", 812.0),
            window("verify", "ms", 17.0),
            window("verify", "ms", 19.2),
            whole("native"),
            json!({ "build": "native", "bench": "raw", "shape": null, "cells_per_second": 400 }),
            whole("portable"),
        ];
        let rows: Vec<String> = table(&results).lines().skip(2).map(str::to_owned).collect();
        let expected = [
            "| native | 120 × 50 | 1000 | 3000 | 1.0 | 9.4 | 19 | 812 | 290000 | 100.09 | 1900 | 300 | 75 % |",
            "| portable | 120 × 50 | 1000 | 3000 | 0.0 | 0.0 | 0 | 0 | 290000 | 100.09 | 1900 | 300 | – |",
        ];
        assert_eq!(rows, expected);
    }

    #[test]
    fn both_builds_measure_the_epoch_and_the_proof_stack_alone() {
        let plan = plan();
        for is_native in [true, false] {
            for (bench, shape) in [("raw", None), ("window", Some(EPOCH)), ("fold", None)] {
                assert!(plan.contains(&Part::Bench { is_native, bench, shape }), "{bench}");
            }
        }
        let names: std::collections::BTreeSet<String> = plan.iter().map(|part| part.name()).collect();
        assert_eq!(names.len(), plan.len(), "each part has a name of its own");
    }

    #[test]
    fn shapes_differ_from_the_epoch_in_one_number() {
        for shape in SHAPES {
            assert_eq!(shape.iter().zip(EPOCH).filter(|(one, other)| **one != *other).count(), 1, "{shape:?}");
        }
    }
}
