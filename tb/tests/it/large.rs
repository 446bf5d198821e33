//! The drills of docs/storage_recovery.md on a chain of a real size, and a node that joins it although a source lies.
//!
//! ```text
//!   tb dev --more-accounts 10000 --blocks 2000 ─► the commands of the page, as they stand there ─► snapshot, backup, restore, verify, repair, migrate …
//!                                              ├► an empty node: one source alters every chunk, the other one is honest
//!                                              └► stopped: the state of an earlier height is made again
//! ```
//! The chain is made once, at full speed, in the folder in which the page begins one: its first command goes on with it.

use std::process::{Command, Stdio};
use std::time::Duration;

use cli::devnet::layout::Ports;
use rpc::{Client, ClientConfig};
use serde_json::{Value, json};

use crate::cluster::{Node, START_TIME, free_base, until};
use crate::command::{pid, run_in, without_ours};
use crate::documents::{Machine, commands_run_on};
use crate::join::connected_to;
use crate::snapshots::{liar, text};

/// Blocks of the chain.
const BLOCKS: u64 = 2_000;
/// Accounts of the chain, beside those with keys.
const ACCOUNTS: u32 = 10_000;
/// A height far below its end.
const EARLIER: u64 = 500;
/// Longest time to make it.
const MADE: Duration = Duration::from_secs(120);
/// The page.
const PAGE: &str = "docs/storage_recovery.md";

/// Makes the chain in the folder of the page.
async fn make(machine: &Machine) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tb"));
    without_ours(&mut command);
    let (base, blocks, accounts) = (machine.ports().consensus.to_string(), BLOCKS.to_string(), ACCOUNTS.to_string());
    command.args(["dev", "--json", "--base-port", &base, "--blocks", &blocks, "--more-accounts", &accounts, "--home"]);
    let log = std::fs::File::create(machine.home.path().join("made")).expect("a file");
    let child =
        command.arg(machine.home.path().join("practice")).stdout(Stdio::null()).stderr(log).stdin(Stdio::null());
    let mut child = child.spawn().expect("it was built");
    let client = Client::new(&ClientConfig::new(machine.ports().rpc_url())).expect("a URL");
    until("a long chain", MADE, async || {
        client.health_live().await.ok().filter(|live| live.finalized_height.0 >= BLOCKS)
    })
    .await;
    nix::sys::signal::kill(pid(child.id()), nix::sys::signal::Signal::SIGINT).expect("it runs");
    assert!(child.wait().expect("it is our child").success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_commands_of_the_storage_recovery_page_run_on_a_long_chain_with_many_accounts() {
    let _runbook = testkit::contract!("S000-108");
    let mut machine = Machine::new();
    make(&machine).await;
    commands_run_on(&mut machine, PAGE).await;
    joins_although_a_source_lies(&machine).await;
    machine.stop();
    makes_an_earlier_state_again(&machine);
}

/// From genesis, because every snapshot of the page is of a later height; an account is then read in it.
fn makes_an_earlier_state_again(machine: &Machine) {
    let (practice, made) = (machine.home.path().join("practice"), machine.home.path().join("at"));
    let (home, height) = (practice.join("node1"), EARLIER.to_string());
    let fixed = ["snapshots", "rebuild", "--height", &height, "--path", text(&made)];
    let gate = ["--set", "rollout.feature_gates.reconstruction=true"];
    let rebuilt = run_in(&home, &[&fixed[..], &gate].concat()).ok();
    assert_eq!(
        (&rebuilt["from"], &rebuilt["replayed"], &rebuilt["headers"]),
        (&json!(0), &json!(EARLIER), &json!(EARLIER)),
        "{rebuilt}"
    );
    let verified = run_in(&home, &["snapshots", "verify", "--path", text(&made)]).ok();
    assert_eq!((&verified["height"], &verified["attested"]), (&json!(EARLIER), &json!(true)), "{verified}");
    assert!(verified["accounts"].as_u64() >= Some(ACCOUNTS.into()), "{verified}");
    let account = run_in(&practice, &["snapshots", "account", "account-1", "--path", text(&made)]).ok();
    assert_eq!(account["height"], EARLIER, "{account}");
}

/// An empty node takes the state of the chain that runs from two sources, of which one alters every chunk.
async fn joins_although_a_source_lies(machine: &Machine) {
    let honest = Client::new(&ClientConfig::new(machine.ports().rpc_url())).expect("a URL");
    let made = honest.make_snapshot().await.expect("a snapshot");
    assert!(made.height.0 >= BLOCKS, "{made:?}");
    let home = machine.home.path().join("joins");
    let genesis = machine.home.path().join("practice/genesis.json");
    run_in(&home, &["init", "--mode", "node", "--moniker", "joins", "--genesis", text(&genesis)]).ok();
    let ports = Ports::of(free_base(1), 0).expect("free ports");
    let (mut late, mut words) = (Node::new(home, ports), connected_to(ports, &[], &[machine.ports()]));
    words.push("--state-sync".to_owned());
    let lies = liar(honest).await;
    words.extend(["--peer-url", &lies, "--peer-url", &machine.ports().rpc_url()].map(str::to_owned));
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    late.start_with(&words, &[]);
    stays_up_at(&late, made.height.0).await;
    let report = std::fs::read_to_string(late.home.join("data/state_sync.json")).expect("a report");
    let report: Value = serde_json::from_str(&report).expect("JSON");
    assert_eq!(report["height"], made.height.0, "{report}");
    let dropped = report["dropped"].as_array().expect("a list");
    assert_eq!((dropped.len(), dropped[0]["source"].as_str()), (1, Some(lies.as_str())), "{report}");
    assert!(dropped[0]["reason"].as_str().expect("a reason").contains("does not have the bytes"), "{report}");
    // The next start finds the state there, and nobody to follow either.
    late.stop();
    late.start_with(&words, &[]);
    stays_up_at(&late, made.height.0).await;
    late.stop();
    let verified = run_in(&late.home, &["storage", "verify"]).ok();
    assert_eq!((&verified["height"], &verified["findings"]), (&made.height.0.into(), &json!([])), "{verified}");
}

/// A chain of one process has nobody else to follow it: whoever took its state answers from it, says that it is not ready, and goes on running.
async fn stays_up_at(late: &Node, height: u64) {
    late.reaches(height, START_TIME).await;
    let ready = late.client().health_ready().await.expect("an answer");
    assert!(!ready.ready && format!("{:?}", ready.reasons).contains("consensus"), "{ready:?}");
    let status = late.client().node_status().await.expect("a status");
    assert_eq!(status.finalized_height.0, height, "{status:?}");
    until("the reason in the log", START_TIME, async || {
        late.log().contains("this chain is made by one process").then_some(())
    })
    .await;
}
