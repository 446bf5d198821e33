//! What the command line asks the prover service, and what it is told.
//!
//! Model: the service comes in as a function ([`ProverRunner`]), since this crate links no prover. It does the work;
//! the command line shows what it says.

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use primitives::{Address, Amount, Genesis, PartLimits, SecretKey};
use rpc::Client;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::watch;

use crate::Failure;

/// What a prover is started with.
pub struct ProverStart {
    /// The nodes: the first is followed, all get the proofs.
    pub nodes: Vec<Client>,
    /// The chain.
    pub genesis: Genesis,
    /// Where it keeps checkpoints and proofs.
    pub cache_dir: PathBuf,
    /// Who is paid for the proofs.
    pub payout: Address,
    /// The key that brings the chain proof onto the chain, if one does.
    pub submit: Option<SecretKey>,
    /// What that key bonds when it has no bond.
    pub bond: Option<Amount>,
    /// Whether the windows are folded into the chain proof.
    pub fold: bool,
    /// How much is proven at once.
    pub limits: PartLimits,
    /// Stop once every closed window is proven.
    pub once: bool,
    /// Threads that prove; 0 for one on each core.
    pub threads: usize,
    /// Steps below normal priority.
    pub nice: i32,
    /// Turns true when it should stop.
    pub stop: watch::Receiver<bool>,
    /// Is told what happens, one JSON object with an `event` each time.
    pub news: Arc<dyn Fn(Value) + Send + Sync>,
}

/// What is asked of the service.
pub enum ProverTask {
    /// Prove, until told to stop.
    Run(Box<ProverStart>),
    /// Look through the files of a proof cache.
    Check(PathBuf),
    /// Delete incomplete files, or all.
    Clear {
        /// The cache.
        dir: PathBuf,
        /// All of them.
        everything: bool,
    },
    /// Have a whole file of every circuit, with the pinned key.
    Preload {
        /// The cache.
        dir: PathBuf,
        /// Make all of them, also those that there are files of.
        anew: bool,
        /// Is told of each circuit once it is ready.
        ready: Arc<dyn Fn(&PreparedCircuit) + Send + Sync>,
    },
}

/// One file of a proof cache.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CacheFile {
    /// Its path.
    pub path: PathBuf,
    /// Its length.
    pub bytes: u64,
    /// The checksum that it carries.
    pub checksum: Option<String>,
    /// Why it is not used; none for a whole file.
    pub incomplete: Option<String>,
}

/// A circuit that is ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PreparedCircuit {
    /// Its name: application, leaf, internal.
    pub name: String,
    /// Hash of its key.
    pub key: String,
    /// How many of how many it is, from 1.
    pub step: usize,
    /// How many there are.
    pub steps: usize,
    /// Whether it was read from its file; otherwise it was made, and the file written.
    pub is_from_file: bool,
    /// Its file.
    pub path: PathBuf,
    /// Length of the file.
    pub bytes: u64,
    /// How long it took, milliseconds.
    pub elapsed_ms: u64,
}

/// The keys of one proof system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PreparedKey {
    /// The proof system.
    pub backend: String,
    /// Hash of the key of windows.
    pub key: String,
    /// Hash of the key of chain proofs.
    pub chain_key: String,
    /// Every circuit that proofs are made with.
    pub circuits: Vec<PreparedCircuit>,
    /// Length of all files together.
    pub bytes: u64,
    /// How long all of it took, milliseconds.
    pub elapsed_ms: u64,
    /// The families of claims that it proves.
    pub families: Vec<String>,
    /// The families that have no circuit in this version: they are attested.
    pub missing: Vec<String>,
}

/// What the service answers.
pub enum ProverAnswer {
    /// It has stopped as asked.
    Done,
    /// The files.
    Files(Vec<CacheFile>),
    /// The key.
    Key(PreparedKey),
}

/// The service at work.
pub type ProverFuture = Pin<Box<dyn Future<Output = Result<ProverAnswer, Failure>>>>;
/// Starts the service in this process.
pub type ProverRunner = fn(ProverTask) -> ProverFuture;

/// The refusal of a program without the service.
pub fn missing() -> Failure {
    Failure::new(rpc::ExitCode::Unexpected, "no_prover", "this program has no prover", "use the program tb")
}
