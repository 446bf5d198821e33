//! `cargo xtask bench proofs`: what proofs cost on this machine, tuned to it and as a release is built, and what a prover costs that has nothing to do.
//!
//! ```text
//!   native    target-cpu=native, as every local build      window (several shapes) ─ fold ─ idle prover
//!   portable  the flags of a release, a folder of its own   window ─ fold
//! ```
//! Rules
//! - Each figure says its build, and the window its shape, so that two figures differ by one thing.
//! - Shapes: operations grow while accounts stay, and accounts grow while operations stay.
//! - An idle prover follows a chain that makes blocks and closes no window; what counts is processor time, which a busy machine does not change much.

use std::fs;
use std::path::Path;
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
    let mut results = Vec::new();
    for is_native in [true, false] {
        let shapes = if is_native { [&[EPOCH], &SHAPES[..]].concat() } else { vec![EPOCH] };
        for shape in shapes {
            results.extend(bench(workspace, is_native, "window", Some(shape))?);
        }
        results.extend(bench(workspace, is_native, "fold", None)?);
    }
    results.push(idle(workspace)?);
    let folder = workspace.target().join("bench");
    fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let path = folder.join("proofs.json");
    let report = json!({ "machine": machine(workspace), "results": results });
    fs::write(&path, format!("{report:#}\n")).with_context(|| format!("{} cannot be written", path.display()))?;
    println!("bench: {} figures in {}", results.len(), path.display());
    Ok(())
}

/// One benchmark of the `prover` crate, as one build makes it.
fn bench(workspace: &Workspace, is_native: bool, name: &str, shape: Option<[u32; 3]>) -> Result<Vec<Value>> {
    let mut command = workspace.cargo(&["bench", "--locked", "--quiet", "--profile", "release"]);
    command.args(["--package", "prover", "--bench", name]);
    if !is_native {
        command.arg("--target-dir").arg(workspace.target().join("bench-portable"));
        command
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .env("RUSTFLAGS", portable_flags(&format!("{}-", std::env::consts::ARCH)).join(" "));
    }
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
    use super::{EPOCH, SHAPES, ticks};

    #[test]
    fn times_are_read_behind_any_name() {
        let line = "42 (a) b ) S 1 2 3 4 5 6 7 8 9 10 700 23 0 0 39 19";
        assert_eq!(ticks(line), Some(723));
        assert_eq!(ticks("42 (tb) S 1 2"), None);
    }

    #[test]
    fn shapes_differ_from_the_epoch_in_one_number() {
        for shape in SHAPES {
            assert_eq!(shape.iter().zip(EPOCH).filter(|(one, other)| **one != *other).count(), 1, "{shape:?}");
        }
    }
}
