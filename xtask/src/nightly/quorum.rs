//! The task about a dishonest quorum: four validators that all lie, for real.
//!
//! It builds the program a second time with the feature `dishonest-quorum` (`crates/replica/src/dishonest.rs`), whose validators credit an account without an
//! operation at height 33. Four of them run, with an honest prover, an honest node that follows, and an honest light client that looks again and again.
//!
//! ```text
//! height   1 ──────── 16 ──────── 32 ─ 33 ──────── 48 ───────────────── 112 …
//!          window 0      window 1      ▲ the lie: window 2 cannot be proven, and nothing after it
//!          proven        proven        finalized by all four; an honest node stands at 32
//! ```
//! Rules
//! - It passes when the two honest windows are proven, the four validators are far beyond the lie, and for [`WATCHED`] after that the light client has never shown
//!   more as proven than the last honest window.
//! - The lie must be seen in the headers: the supply jumps by more than genesis lets a block issue, and honest headers before it do not.
//! - Programs are copies, so whoever builds another one meanwhile changes nothing here.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::chain::{LOOK, Running, shown, start};
use super::{commit, stamped};
use crate::process::{Workspace, output_of, succeed};

/// The feature.
const FEATURE: &str = "dishonest-quorum";
/// Where the validators lie: `replica::dishonest::AT`.
const LIE: u64 = 33;
/// Heights of a window.
const WINDOW: u64 = 16;
/// The last height before the lie at which a window ends.
const HONEST: u64 = 32;
/// The validators must come this far: five windows beyond the lie.
const FINALIZED_MIN: u64 = 112;
/// How long the light client goes on looking once everything is there.
const WATCHED: Duration = Duration::from_secs(30);
/// Fewest looks of the light client after the lie was finalized.
const LOOKS_MIN: u64 = 10;
/// Longest time of the task once the programs are built.
const TIME_MAX: Duration = Duration::from_secs(1_200);
/// First port of the network; each node has ten.
const BASE_PORT: u16 = 29_700;
/// Validators.
const NODES: u16 = 4;

/// What the chain says, as one round of looking found it.
#[derive(Debug, Default)]
struct Seen {
    finalized: u64,
    proven_max: u64,
    attested: u64,
    looks_after_lie: u64,
    follower: u64,
}

fn rpc(node: u16) -> String {
    format!("http://127.0.0.1:{}", BASE_PORT + 2 + 10 * node)
}

pub(super) fn run(workspace: &Workspace) -> Result<Value> {
    let commit = commit(workspace)?;
    let folder = workspace.target().join("nightly/quorum");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("{} cannot be removed", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    // The honest build comes last, so that it is the one that stays.
    let liar = built(workspace, &folder, "tb-dishonest", &["--features", "tb/dishonest-quorum"])?;
    let honest = built(workspace, &folder, "tb", &[])?;
    let refused = is_no_release(workspace, &liar, &honest)?;
    let summary = watch(workspace, &folder, &liar, &honest)?;
    let Value::Object(mut numbers) = summary else { bail!("the summary is no JSON object") };
    numbers.insert("release".to_owned(), json!(refused));
    stamped(workspace, "quorum", &commit, "cargo xtask nightly quorum", Value::Object(numbers))
}

/// Builds the program and keeps a copy of it.
fn built(workspace: &Workspace, folder: &Path, name: &str, features: &[&str]) -> Result<PathBuf> {
    let words = [&["build", "--release", "--workspace", "--locked", "--bins"], features].concat();
    succeed(&mut workspace.cargo(&words))?;
    let program = folder.join(name);
    fs::copy(workspace.target().join("release/tb"), &program)
        .with_context(|| format!("{} cannot be written", program.display()))?;
    Ok(program)
}

/// The liar says what it is, and a check of releases refuses it by that name.
fn is_no_release(workspace: &Workspace, liar: &Path, honest: &Path) -> Result<&'static str> {
    let version = |program: &Path| -> Result<String> {
        Ok(String::from_utf8(output_of(workspace.program(program).arg("--version"))?)?)
    };
    ensure!(version(liar)?.contains(FEATURE), "tb --version does not say that its validators lie");
    ensure!(!version(honest)?.contains(FEATURE), "the honest build says that its validators lie");
    let script = workspace.root().join("scripts/verify_release_features.sh");
    let checked = workspace.program(script).arg(liar).output().context("the check of releases did not run")?;
    let said = String::from_utf8_lossy(&checked.stderr).into_owned();
    ensure!(!checked.status.success() && said.contains(FEATURE), "a release could be built with {FEATURE}: {said}");
    Ok("refused")
}

fn watch(workspace: &Workspace, folder: &Path, liar: &Path, honest: &Path) -> Result<Value> {
    let params = folder.join("params.json");
    fs::write(&params, json!({ "window_blocks": WINDOW }).to_string()).context("the parameters cannot be written")?;
    let net_log = folder.join("net.log");
    let mut network = workspace.program(liar);
    network.args(["devnet", "--json", "--fresh", "--no-prover", "--block-interval-ms", "200"]);
    network.args(["--nodes", &NODES.to_string(), "--base-port", &BASE_PORT.to_string()]);
    network.arg("--params").arg(&params).arg("--home").arg(folder.join("net"));
    let _network = start(&mut network, &net_log)?;
    let genesis = folder.join("net/genesis.json");
    let tb = || workspace.program(honest);
    let deadline = Instant::now() + TIME_MAX;
    until(deadline, "the network to start", || Ok(status(&mut tb(), &rpc(0), "finalized_height").map(|_| ())))?;
    let prover_log = folder.join("prover.log");
    let mut command = tb();
    command.args(["prover", "--json", "--windows-only", "--nice", "10", "--node", &rpc(0), "--genesis"]).arg(&genesis);
    let _prover = start(command.arg("--home").arg(folder.join("prover")), &prover_log)?;
    let _follower = follower(&tb, folder, &genesis)?;

    let mut seen = Seen::default();
    let mut complete_since: Option<Instant> = None;
    loop {
        ensure!(
            Instant::now() < deadline,
            "it passed its time; {} and what it saw say why: {seen:?}",
            net_log.display()
        );
        sleep(LOOK);
        look(&tb, &genesis, &mut seen)?;
        let refusal = refusal(&prover_log);
        let is_complete = seen.proven_max == HONEST && seen.finalized >= FINALIZED_MIN && refusal.is_some();
        if is_complete && complete_since.get_or_insert_with(Instant::now).elapsed() >= WATCHED {
            let rose = jump(&tb)?;
            let lowest = (0..NODES).filter_map(|node| status(&mut tb(), &rpc(node), "finalized_height")).min();
            return Ok(json!({
                "verdict": "pass", "validators": NODES, "lie_height": LIE, "supply_from_nowhere": rose,
                "finalized_by_all": lowest, "proven_max": seen.proven_max, "attested": seen.attested,
                "looks_after_lie": seen.looks_after_lie, "honest_node": seen.follower, "prover": refusal,
            }));
        }
    }
}

/// One look: how far the validators are, what a light client shows, where the honest node is.
fn look(tb: &dyn Fn() -> Command, genesis: &Path, seen: &mut Seen) -> Result<()> {
    seen.finalized = status(&mut tb(), &rpc(0), "finalized_height").unwrap_or(seen.finalized);
    seen.follower = status(&mut tb(), &rpc(NODES), "finalized_height").unwrap_or(seen.follower);
    ensure!(seen.follower < LIE, "an honest node took the block with the lie");
    let mut command = tb();
    command.args(["light", "verify", "--windows", "1000", "--rpc", &rpc(0), "--genesis"]).arg(genesis);
    let Some(said) = shown(&mut command) else { return Ok(()) };
    let number = |field: &str| said.get(field).and_then(Value::as_u64).unwrap_or(0);
    let proven = number("proven_height");
    ensure!(proven <= HONEST, "the light client shows {proven} as proven, which is at the lie or above it");
    seen.proven_max = seen.proven_max.max(proven);
    seen.attested = seen.attested.max(number("attested_height"));
    seen.looks_after_lie += u64::from(seen.attested >= LIE);
    Ok(())
}

/// What the prover says of the first block that it cannot follow.
fn refusal(log: &Path) -> Option<String> {
    let said = fs::read_to_string(log).unwrap_or_default();
    let events = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut reasons = events.filter_map(|event| Some(event.get("reason")?.as_str()?.to_owned()));
    reasons.find(|reason| reason.contains(&format!("height {LIE} do not lead to the ledger root of its header")))
}

/// By how much the supply rose at the lie above what it rose at the height before: nothing else happens on this chain. µBLOCK.
fn jump(tb: &dyn Fn() -> Command) -> Result<u64> {
    let supply = |height: u64| -> Result<u64> {
        let mut command = tb();
        command.args(["block", "show", &height.to_string(), "--rpc", &rpc(0)]);
        let block = shown(&mut command).with_context(|| format!("block {height} is not shown"))?;
        let supply = block.get("header").and_then(|header| header.get("supply")).and_then(Value::as_u64);
        supply.with_context(|| format!("block {height} has no supply: {block}"))
    };
    let (before, at, after) = (supply(LIE - 2)?, supply(LIE - 1)?, supply(LIE)?);
    let honest = at.saturating_sub(before);
    let rose = after.saturating_sub(at).saturating_sub(honest);
    ensure!(rose > 0, "the supply rose by {honest} before the lie and by no more at it");
    Ok(rose)
}

/// An honest node of that chain: it knows every validator and executes every block itself.
fn follower(tb: &dyn Fn() -> Command, folder: &Path, genesis: &Path) -> Result<Running> {
    let home = folder.join("follower");
    let mut init = tb();
    init.args(["init", "--mode", "node", "--moniker", "honest", "--genesis"]).arg(genesis).arg("--home").arg(&home);
    succeed(init.stdout(Stdio::null()))?;
    let port = |node: u16, of: u16| BASE_PORT + 10 * node + of;
    let consensus: Vec<String> = (0..NODES).map(|node| format!("/ip4/127.0.0.1/tcp/{}", port(node, 0))).collect();
    let gossip: Vec<String> = (0..NODES).map(|node| format!("/ip4/127.0.0.1/udp/{}/quic-v1", port(node, 1))).collect();
    let settings = [
        format!("consensus.listen=/ip4/127.0.0.1/tcp/{}", port(NODES, 0)),
        format!("consensus.peers={}", consensus.join(",")),
        format!("p2p.listen=/ip4/127.0.0.1/udp/{}/quic-v1", port(NODES, 1)),
        format!("p2p.peers={}", gossip.join(",")),
        format!("rpc.listen=127.0.0.1:{}", port(NODES, 2)),
    ];
    let mut command = tb();
    command.args(["node", "start", "--json", "--home"]).arg(&home);
    for setting in settings {
        command.args(["--set", &setting]);
    }
    start(&mut command, &folder.join("follower.log"))
}

/// A number of a node's status; none while it does not answer.
fn status(command: &mut Command, rpc: &str, field: &str) -> Option<u64> {
    shown(command.args(["status", "--rpc", rpc]))?.get(field)?.as_u64()
}

fn until<T>(deadline: Instant, what: &str, mut look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    loop {
        if let Some(found) = look()? {
            return Ok(found);
        }
        ensure!(Instant::now() < deadline, "waited too long for {what}");
        sleep(LOOK);
    }
}

/// What is wrong with a result.
pub(super) fn wrong(result: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    let number = |key: &str| result.get(key).and_then(Value::as_u64);
    let mut must = |holds: bool, message: String| {
        if !holds {
            wrong.push(message);
        }
    };
    let (proven, finalized) = (number("proven_max"), number("finalized_by_all"));
    must(number("validators") == Some(u64::from(NODES)), format!("is not about {NODES} validators"));
    must(number("supply_from_nowhere").unwrap_or(0) > 0, "has no coin from nowhere".to_owned());
    must(
        finalized >= Some(FINALIZED_MIN),
        format!("has {finalized:?} as finalized by all, {FINALIZED_MIN} are wanted"),
    );
    must(proven == Some(HONEST), format!("has {proven:?} as proven, {HONEST} is wanted"));
    must(number("attested") > number("lie_height"), "has a light client that did not see the lie".to_owned());
    must(number("looks_after_lie") >= Some(LOOKS_MIN), format!("has fewer than {LOOKS_MIN} looks after the lie"));
    must(number("honest_node").is_some_and(|at| at > 0 && at < LIE), "has an honest node that took the lie".to_owned());
    let said = |key: &str| result.get(key).and_then(Value::as_str).unwrap_or_default();
    must(said("prover").contains("do not lead to the ledger root"), "has no refusal of the prover".to_owned());
    must(said("release") == "refused", "says that a release could have the feature".to_owned());
    wrong
}
