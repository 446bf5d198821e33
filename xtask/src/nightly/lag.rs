//! The task about how far proofs stay behind the chain under a load.
//!
//! It runs a network as `tb devnet` makes it, four validators and a prover on this machine, with blocks of a second and windows of one epoch, sends transfers for half an
//! hour, and notes each few seconds how many finalized heights are not proven, by windows and by the chain proof.
//!
//! ```text
//! lag  │   ╱│  ╱│   ╱│  ╱│      a window is proven some time after it has closed, so the lag is a saw; whether it grows is seen in
//!      │  ╱ │ ╱ │  ╱ │ ╱ │      the means of long stretches: the middle third of the run against the last one
//! ```
//! Rules
//! - The verdict is `pass` when the mean lag of the last third is at most [`GROWTH_MAX`] above that of the middle one, and else says that it grows. The first third is for
//!   warming up. Either is a result; one with fewer transfers than wanted is none.
//! - The load comes in pieces, because a transaction is valid for a limited number of heights.
//! - It needs a quiet machine, so its result may be missing; one that is there holds.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::chain::{shown, start};
use super::{commit, stamped};
use crate::process::{Workspace, succeed};

/// Transfers per second that are sent.
const RATE: u64 = 52;
/// Fewest that must be finalized per second.
const RATE_MIN: u64 = 50;
/// Heights of a window: an epoch.
const WINDOW: u64 = 120;
/// How much larger the mean lag of the last third may be than that of the middle one, heights.
const GROWTH_MAX: u64 = WINDOW / 4;
/// Fewest minutes of a result that is accepted.
const MINUTES_MIN: u64 = 30;
/// Time of one piece of the load, seconds.
const PIECE: u64 = 300;
/// How often the lag is noted.
const LOOK: Duration = Duration::from_secs(5);
/// Looks between two of the light client, which tells how far the chain proof is.
const LIGHT_EVERY: usize = 12;
/// Longest time until the network answers.
const START_TIME: Duration = Duration::from_secs(120);
/// First port of the network.
const BASE_PORT: &str = "29800";
/// The RPC of its first node.
const RPC: &str = "http://127.0.0.1:29802";

/// What was seen at one moment.
#[derive(Debug, Clone, Copy)]
struct Sample {
    second: u64,
    finalized: u64,
    proven: u64,
    chain: u64,
}

pub(super) fn run(workspace: &Workspace, minutes: u64) -> Result<Value> {
    let commit = commit(workspace)?;
    succeed(&mut workspace.cargo(&["build", "--release", "--workspace", "--locked", "--bins"]))?;
    let folder = workspace.target().join("nightly/lag");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("{} cannot be removed", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let program = folder.join("tb");
    fs::copy(workspace.target().join("release/tb"), &program)
        .with_context(|| format!("{} cannot be written", program.display()))?;
    let tb = || workspace.program(&program);
    let home = folder.join("net");
    let mut network = tb();
    network.args(["devnet", "--json", "--fresh", "--nodes", "4", "--block-interval-ms", "1000"]);
    network.args(["--base-port", BASE_PORT, "--home"]).arg(&home);
    let _network = start(&mut network, &folder.join("net.log"))?;
    let started = Instant::now();
    while look(&mut tb()).is_none() {
        ensure!(started.elapsed() < START_TIME, "the network does not answer; {}/net.log says why", folder.display());
        sleep(LOOK);
    }
    let (samples, finalized) = measure(&tb, &home, minutes)?;
    let mut summary = judged(&samples, minutes, finalized)?;
    if let Some(fields) = summary.as_object_mut() {
        fields.insert("prover_peak_memory_mb".to_owned(), json!(prover_memory_mb(&home)));
    }
    stamped(workspace, "lag", &commit, &format!("cargo xtask nightly lag --minutes {minutes}"), summary)
}

/// Sends transfers for so long and looks meanwhile. Gives what was seen, and how many transfers were finalized.
fn measure(tb: &dyn Fn() -> Command, home: &Path, minutes: u64) -> Result<(Vec<Sample>, u64)> {
    let (started, end) = (Instant::now(), Duration::from_secs(60 * minutes));
    let (mut samples, mut finalized, mut chain) = (Vec::new(), 0, 0);
    let mut load: Option<Child> = None;
    loop {
        let elapsed = started.elapsed();
        if let Some(ended) = load.take_if(|child| child.try_wait().ok().flatten().is_some()) {
            finalized += counted(ended)?;
        }
        let left = end.saturating_sub(elapsed).as_secs();
        if load.is_none() && left >= 10 {
            load = Some(piece(tb(), home, left.min(PIECE))?);
        }
        if load.is_none() && left < 10 {
            return Ok((samples, finalized));
        }
        ensure!(elapsed < end + Duration::from_secs(300), "the load does not end; the machine is too busy");
        if samples.len() % LIGHT_EVERY == 0 {
            let mut light = tb();
            light.args(["light", "verify", "--rpc", RPC, "--genesis"]).arg(home.join("genesis.json"));
            chain = shown(&mut light).and_then(|said| said.get("chain_height")?.as_u64()).unwrap_or(chain);
        }
        if let Some((finalized, proven)) = look(&mut tb()) {
            let sample = Sample { second: started.elapsed().as_secs(), finalized, proven, chain };
            samples.push(sample);
            if samples.len() % LIGHT_EVERY == 1 {
                println!("lag: {sample:?}");
            }
        }
        sleep(LOOK);
    }
}

/// Finalized and proven height of the first node; none while it does not answer.
fn look(command: &mut Command) -> Option<(u64, u64)> {
    let said = shown(command.args(["node", "status", "--rpc", RPC]))?;
    Some((said.get("finalized_height")?.as_u64()?, said.get("proven_height").and_then(Value::as_u64).unwrap_or(0)))
}

fn piece(mut command: Command, home: &Path, seconds: u64) -> Result<Child> {
    command.args(["bench", "load", "--json", "--senders", "100", "--rate", &RATE.to_string()]);
    command.args(["--duration", &format!("{seconds}s"), "--rpc", RPC, "--home"]).arg(home);
    command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().context("the load could not be started")
}

/// How many transfers of a piece were finalized.
fn counted(ended: Child) -> Result<u64> {
    let output = ended.wait_with_output().context("the load is gone")?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "the load ended with {}: {text}", output.status);
    let said: Value = serde_json::from_str(&text).context("the load said something that is not JSON")?;
    said.get("finalized").and_then(Value::as_u64).context("the load does not say how many were finalized")
}

/// The most memory that the prover had, as the kernel counts it, MB.
fn prover_memory_mb(home: &Path) -> Option<u64> {
    let marks = [home.join("prover").to_string_lossy().into_owned(), "prover".to_owned()];
    let processes = fs::read_dir("/proc").ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    let ours = processes.filter(|path| {
        let words = fs::read(path.join("cmdline")).unwrap_or_default();
        let text = String::from_utf8_lossy(&words).into_owned();
        marks.iter().all(|mark| text.contains(mark.as_str())) && !text.contains("devnet")
    });
    let peak = |path: std::path::PathBuf| {
        let status = fs::read_to_string(path.join("status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        Some(line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()? / 1_024)
    };
    ours.filter_map(peak).max()
}

/// The mean of what `lag` says of the samples between two parts of the run, in thirds.
fn mean(samples: &[Sample], third: usize, lag: impl Fn(&Sample) -> u64) -> u64 {
    let size = samples.len() / 3;
    let part = samples.get(third * size..(third + 1) * size).unwrap_or_default();
    let count = u64::try_from(part.len()).unwrap_or(u64::MAX);
    part.iter().map(lag).sum::<u64>().checked_div(count).unwrap_or(0)
}

/// The result: the lag over time, and whether it grows.
fn judged(samples: &[Sample], minutes: u64, finalized: u64) -> Result<Value> {
    let (Some(first), Some(last)) = (samples.first(), samples.last()) else { bail!("nothing was seen") };
    let of_windows = |sample: &Sample| sample.finalized.saturating_sub(sample.proven);
    let of_chain = |sample: &Sample| sample.finalized.saturating_sub(sample.chain);
    let means: Vec<u64> = (0..3).map(|third| mean(samples, third, of_windows)).collect();
    let chain_means: Vec<u64> = (0..3).map(|third| mean(samples, third, of_chain)).collect();
    let seconds = last.second.saturating_sub(first.second).max(1);
    let minute = |sample: &&Sample| {
        json!({
            "second": sample.second, "finalized": sample.finalized, "proven": sample.proven, "chain": sample.chain,
        })
    };
    let grows = |means: &[u64]| means[2] > means[1] + GROWTH_MAX;
    Ok(json!({
        "verdict": if grows(&means) { "the lag grows" } else { "pass" },
        "chain_verdict": if grows(&chain_means) { "the lag grows" } else { "pass" },
        "minutes": minutes, "window_blocks": WINDOW, "transfers": finalized, "transfers_per_second": finalized / seconds,
        "heights": last.finalized.saturating_sub(first.finalized), "lag_mean_by_third": means,
        "lag_max": samples.iter().map(of_windows).max(), "chain_lag_mean_by_third": chain_means,
        "chain_lag_max": samples.iter().map(of_chain).max(),
        "samples": samples.iter().step_by(LIGHT_EVERY).collect::<Vec<_>>().iter().map(minute).collect::<Vec<_>>(),
    }))
}

/// What is wrong with a result.
pub(super) fn wrong(result: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    let number = |key: &str| result.get(key).and_then(Value::as_u64);
    if number("minutes") < Some(MINUTES_MIN) {
        wrong.push(format!("is about {:?} minutes, {MINUTES_MIN} are wanted", number("minutes")));
    }
    if number("transfers_per_second") < Some(RATE_MIN) {
        wrong.push(format!("has {:?} transfers per second, {RATE_MIN} are wanted", number("transfers_per_second")));
    }
    if result.get("samples").and_then(Value::as_array).is_none_or(Vec::is_empty) {
        wrong.push("has no `samples`".to_owned());
    }
    wrong
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Sample, judged, wrong};

    /// One sample in five seconds, of a chain with a block each second; what is proven is `behind` its end.
    fn samples(behind: impl Fn(u64) -> u64) -> Vec<Sample> {
        let sample = |second: u64| Sample {
            second,
            finalized: second,
            proven: second.saturating_sub(behind(second)),
            chain: second.saturating_sub(2 * behind(second)),
        };
        (0..360).map(|at| sample(5 * at)).collect()
    }

    #[test]
    fn a_saw_does_not_grow_and_a_slope_does() {
        let saw = judged(&samples(|second| second % 120 + 20), 30, 95_000).unwrap();
        assert_eq!((&saw["verdict"], &saw["chain_verdict"]), (&json!("pass"), &json!("pass")), "{saw}");
        assert_eq!((&saw["transfers_per_second"], &saw["lag_max"]), (&json!(52), &json!(135)));
        assert!(wrong(&saw).is_empty());
        let slope = judged(&samples(|second| second / 10), 30, 95_000).unwrap();
        assert_eq!(slope["verdict"], "the lag grows", "{slope}");
        assert!(judged(&[], 30, 0).is_err());
    }

    #[test]
    fn a_short_or_slow_run_is_a_finding() {
        let short = judged(&samples(|_| 10), 3, 95_000).unwrap();
        assert_eq!(wrong(&short), ["is about Some(3) minutes, 30 are wanted"]);
        let slow = judged(&samples(|_| 10), 30, 80_000).unwrap();
        assert_eq!(wrong(&slow), ["has Some(44) transfers per second, 50 are wanted"]);
        assert!(wrong(&json!({ "minutes": 30, "transfers_per_second": 50 }))[0].contains("no `samples`"));
    }
}
