//! A node whose verifier of window proofs accepts everything, for the drill of the alert that says so.
//!
//! ```text
//! the drill ──► this file of tests once more, as a process ──► node::run with AcceptsEverything ──► killed by the runbook, which starts tb
//! ```
//! The program `tb` has no such verifier; only this file has.

use std::fs::OpenOptions;
use std::io::Read;
use std::process::{Command, Stdio};

use config::Home;
use node::{Attested, RunOptions, Stopped};
use primitives::Height;
use primitives::actions::{ProofClaim, ProofSystemKind};
use proof::{ChainError, ProofSystem, SystemError, WindowError, WindowStatement, proof_system};
use tokio::sync::watch;

use crate::cluster::Node;
use crate::command::without_ours;

/// The home of the node, for the process that is it.
const HOME: &str = "UNSOUND_HOME";
/// The test that is that process.
const PROCESS: &str = "unsound::a_node_that_accepts_every_window_proof";

/// The proof system of the chain without its judgement of windows.
struct AcceptsEverything(Box<dyn ProofSystem>);

impl ProofSystem for AcceptsEverything {
    fn kind(&self) -> ProofSystemKind {
        self.0.kind()
    }

    fn circuits(&self) -> &'static [&'static str] {
        self.0.circuits()
    }

    fn security_bits_min(&self) -> u32 {
        self.0.security_bits_min()
    }

    fn verify_window(&self, _: &WindowStatement, _: &[u8]) -> Result<(), WindowError> {
        Ok(())
    }

    fn verify_chain(&self, claim: &ProofClaim, proof: &[u8]) -> Result<(), ChainError> {
        self.0.verify_chain(claim, proof)
    }
}

fn accepts_everything(kind: ProofSystemKind) -> Result<Box<dyn ProofSystem>, SystemError> {
    Ok(Box::new(AcceptsEverything(proof_system(kind)?)))
}

/// Starts a stopped node with that verifier.
pub fn start(node: &mut Node) {
    let log = OpenOptions::new().create(true).append(true).open(node.home.join("node.log")).expect("a log");
    let mut command = Command::new(std::env::current_exe().expect("this file of tests"));
    without_ours(&mut command);
    command.args(["--ignored", "--exact", PROCESS, "--nocapture"]).env(HOME, &node.home).stdin(Stdio::piped());
    command.stdout(log.try_clone().expect("a second handle")).stderr(log);
    node.goes_on_as(command.spawn().expect("it runs already"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it is a process of another test, and does nothing without a home"]
async fn a_node_that_accepts_every_window_proof() {
    let Some(home) = std::env::var_os(HOME) else { return };
    let (stops, stop) = watch::channel(false);
    // It ends with the test that started it.
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        stops.send(true)
    });
    let options = RunOptions {
        home: Home::new(home),
        flags: Vec::new(),
        stop,
        crash_at: None,
        ask: None,
        state_sync: None,
        attested: Attested::default(),
        hurry_to: Height::GENESIS,
        proof_system: accepts_everything,
    };
    assert_eq!(node::run(options).await.expect("it starts"), Stopped::Requested);
}
