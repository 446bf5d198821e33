//! The task about the size of chain proofs.
//!
//! It runs a network of four validators with blocks of 100 ms, one prover that folds, and a light client that looks again
//! and again, until the chain proof has passed height 1,000. Each new chain proof is noted in a journal with what the
//! light client fetched. Network, prover and journal stay below `target/nightly/chain`, so a task that is stopped goes on
//! where it was.
//!
//! ```text
//! run to 240 ─► halt ─► chain proof of 240 ─► run past 1,000 ─► halt ─► chain proof past 1,000 ─► result
//! ```
//! Rules
//! - The network halts, two of its four validators stopped, while the prover catches up: proving is what takes long, and
//!   blocks that nobody waits for would take the cores from it.
//! - The program is a copy, so whoever builds another one meanwhile changes nothing here.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::{TIME_MAX, commit, stamped};
use crate::process::{Workspace, succeed};

/// The first chain proof ends here: two windows.
const LOW: u64 = 240;
/// The first chain proof that counts ends here or below: two windows, and as many as a busy machine adds.
const LOW_MAX: u64 = 480;
/// The last one ends above.
const HIGH_MIN: u64 = 1_000;
/// Chain proofs may differ by so much, percent.
const GROWTH_MAX_PERCENT: u64 = 2;
/// Most bytes that the light client may fetch.
const DOWNLOAD_MAX: u64 = 500_000;
/// Time of its check, milliseconds, that is too long.
const VERIFY_MS_MAX: u64 = 100;
/// The network halts above this: nine windows.
const HIGH: u64 = 1_080;
/// How often finalized height and chain proof are looked at.
pub(super) const LOOK: Duration = Duration::from_secs(2);
/// First port of the network.
const BASE_PORT: &str = "29600";
/// The RPC of its first node.
const RPC: &str = "http://127.0.0.1:29602";
/// The validators that stop when the network halts, counted from 0.
const HALTED: [usize; 2] = [2, 3];

/// Longest time until the network says which processes it has.
const START_TIME: Duration = Duration::from_secs(120);

/// A program that ends with this.
pub(crate) struct Running(Child);

impl Running {
    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Its own children stop when its end of their input closes.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The validators that are stopped while the network halts. They go on when this is dropped, so that they can end.
struct Halt {
    pids: Vec<u64>,
    is_halted: bool,
}

impl Halt {
    /// The processes that the network has told of.
    fn of(net_log: &Path) -> Result<Self> {
        let start = Instant::now();
        while start.elapsed() < START_TIME {
            sleep(LOOK);
            let said = fs::read_to_string(net_log).unwrap_or_default();
            let events = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            let Some(nodes) = events.into_iter().find_map(|event| event.get("nodes")?.as_array().cloned()) else {
                continue;
            };
            let pids = HALTED.iter().filter_map(|node| nodes.get(*node)?.get("pid")?.as_u64()).collect::<Vec<_>>();
            ensure!(pids.len() == HALTED.len(), "the network does not say which processes it has: {nodes:?}");
            return Ok(Self { pids, is_halted: false });
        }
        bail!("the network did not start in {} s; {} says why", START_TIME.as_secs(), net_log.display());
    }

    /// Halts the network, or lets it go on.
    fn set(&mut self, halted: bool) -> Result<()> {
        if self.is_halted != halted {
            self.is_halted = halted;
            let signal = if halted { "-STOP" } else { "-CONT" };
            let pids = self.pids.iter().map(u64::to_string);
            ensure!(Command::new("kill").arg(signal).args(pids).status()?.success(), "a validator has ended by itself");
        }
        Ok(())
    }
}

impl Drop for Halt {
    fn drop(&mut self) {
        // A validator that has ended needs nothing.
        let _ = self.set(false);
    }
}

pub(super) fn run(workspace: &Workspace) -> Result<Value> {
    let commit = commit(workspace)?;
    succeed(&mut workspace.cargo(&["build", "--release", "--workspace", "--locked", "--bins"]))?;
    let folder = workspace.target().join("nightly/chain");
    fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let program = folder.join("tb");
    fs::copy(workspace.target().join("release/tb"), &program)
        .with_context(|| format!("{} cannot be written; does an earlier network still run?", program.display()))?;
    let tb = || workspace.program(&program);
    let words =
        ["devnet", "--json", "--no-prover", "--nodes", "4", "--block-interval-ms", "100", "--base-port", BASE_PORT];
    let net_log = folder.join("net.log");
    let _network = start(tb().args(words).arg("--home").arg(folder.join("net")), &net_log)?;
    let mut halt = Halt::of(&net_log)?;
    let genesis = folder.join("net/genesis.json");
    let mut command = tb();
    command.args(["prover", "--json", "--nice", "19", "--node", RPC, "--genesis"]).arg(&genesis);
    let _prover = start(command.arg("--home").arg(folder.join("prover")), &folder.join("prover.log"))?;
    let (deadline, journal) = (Instant::now() + TIME_MAX, folder.join("sizes.jsonl"));
    loop {
        sleep(LOOK);
        ensure!(Instant::now() < deadline, "it passed its time; start the task again, it goes on where it was");
        let shown = shown(tb().args(["light", "verify", "--rpc", RPC, "--genesis"]).arg(&genesis));
        let sizes = note(&journal, shown.as_ref())?;
        let proven = sizes.last().and_then(|size| size.get("height")?.as_u64()).unwrap_or(0);
        if proven > HIGH_MIN {
            let summary = json!({ "verdict": "pass", "sizes": sizes });
            return stamped(workspace, "chain", &commit, "cargo xtask nightly chain", summary);
        }
        let enough = if proven < LOW { LOW } else { HIGH };
        halt.set(finalized(&mut tb()).is_some_and(|height| height > enough))?;
    }
}

pub(crate) fn start(command: &mut Command, log: &Path) -> Result<Running> {
    let log = File::create(log).with_context(|| format!("{} cannot be made", log.display()))?;
    let errors = log.try_clone().context("the log cannot be shared")?;
    let child = command.stdout(log).stderr(errors).spawn().context("tb could not be started")?;
    Ok(Running(child))
}

/// The last finalized height of the first node; none while it does not answer.
fn finalized(command: &mut Command) -> Option<u64> {
    shown(command.args(["status", "--rpc", RPC]))?.get("finalized_height")?.as_u64()
}

/// What a command that ends well says.
pub(crate) fn shown(command: &mut Command) -> Option<Value> {
    let output = command.arg("--json").stderr(Stdio::null()).output().ok()?;
    if !output.status.success() {
        return None;
    }
    serde_json::from_slice(&output.stdout).ok()
}

/// Adds what the light client has seen to the journal, if it is a longer chain proof. Gives the whole journal.
fn note(journal: &PathBuf, shown: Option<&Value>) -> Result<Vec<Value>> {
    let said = fs::read_to_string(journal).unwrap_or_default();
    // A line that was torn when the machine stopped is no size.
    let mut sizes: Vec<Value> = said.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let Some(shown) = shown else { return Ok(sizes) };
    let number = |field: &str| shown.get(field).and_then(Value::as_u64);
    let (Some(height), Some(bytes)) = (number("chain_height"), number("chain_bytes")) else {
        bail!("tb light verify does not say how large the chain proof is");
    };
    let last = sizes.last().and_then(|size| size.get("height")?.as_u64());
    if last.is_none_or(|last| height > last) {
        let size = json!({
            "height": height, "bytes": bytes, "downloaded_bytes": number("downloaded_bytes"),
            "verify_ms": number("verify_ms"),
        });
        let file = fs::OpenOptions::new().create(true).append(true).open(journal);
        let mut file = file.with_context(|| format!("{} cannot be written", journal.display()))?;
        writeln!(file, "{size}").with_context(|| format!("{} cannot be written", journal.display()))?;
        println!("chain proof: {size}");
        sizes.push(size);
    }
    Ok(sizes)
}

/// What is wrong with a result.
pub(super) fn wrong(result: &Value) -> Vec<String> {
    let sizes: &[Value] = result.get("sizes").and_then(Value::as_array).map_or(&[], Vec::as_slice);
    let all = |field: &str| -> Vec<u64> { sizes.iter().filter_map(|size| size.get(field)?.as_u64()).collect() };
    let (heights, bytes, downloads) = (all("height"), all("bytes"), all("downloaded_bytes"));
    let mut wrong = Vec::new();
    if [bytes.len(), downloads.len(), all("verify_ms").len()] != [heights.len(); 3] || heights.len() < 2 {
        wrong.push("has fewer than two sizes, or incomplete ones".to_owned());
        return wrong;
    }
    let (low, high) = (heights.iter().min().copied(), heights.iter().max().copied());
    if low.is_none_or(|low| low > LOW_MAX) || high.is_none_or(|high| high <= HIGH_MIN) {
        wrong.push(format!("has no chain proof up to height {LOW_MAX} or none above {HIGH_MIN}: {heights:?}"));
    }
    let (least, most) = (bytes.iter().min().copied().unwrap_or(0), bytes.iter().max().copied().unwrap_or(0));
    if (most - least).saturating_mul(100) > least.saturating_mul(GROWTH_MAX_PERCENT) {
        wrong.push(format!("has chain proofs that differ by more than {GROWTH_MAX_PERCENT} percent: {bytes:?}"));
    }
    if let Some(slow) = all("verify_ms").iter().find(|ms| **ms >= VERIFY_MS_MAX) {
        wrong.push(format!("has a check that took {slow} ms, {VERIFY_MS_MAX} are too many"));
    }
    if let Some(large) = downloads.iter().find(|bytes| **bytes >= DOWNLOAD_MAX) {
        wrong.push(format!("has a download of {large} bytes, {DOWNLOAD_MAX} are too many"));
    }
    wrong
}
