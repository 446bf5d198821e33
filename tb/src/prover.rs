//! The prover service behind `tb prover` and `tb validator proofs`.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use cli::proving::{CacheFile, PreparedCircuit, PreparedKey, ProverAnswer, ProverFuture, ProverStart, ProverTask};
use cli::{ExitCode, Failure};
use prover_service::{
    Cache, CacheError, Circuit, CircuitFolder, Finding, News, Options, ReadyCircuit, ServiceError, Submitter,
};

/// What the service logs unless `RUST_LOG` says otherwise.
const LOG: &str = "warn,plonky3=info";

/// Does what the command line asks.
pub fn run(task: ProverTask) -> ProverFuture {
    Box::pin(async move {
        match task {
            ProverTask::Run(start) => prove(*start).await.map(|()| ProverAnswer::Done),
            ProverTask::Check(dir) => files(Cache::check(&dir)),
            ProverTask::Clear { dir, everything } => files(Cache::clear(&dir, everything)),
            ProverTask::Preload { dir, anew, ready } => preload(&dir, anew, ready.as_ref()),
        }
    })
}

async fn prove(start: ProverStart) -> Result<(), Failure> {
    let filter = std::env::var("RUST_LOG").unwrap_or_else(|_| LOG.to_owned());
    let settings = telemetry::logging::Settings { format: telemetry::logging::Format::Human, filter, colour: false };
    // A filter that does not parse is the only thing that can be wrong here; the service runs without a log then.
    let _ = telemetry::logging::init(&settings);
    let news = start.news;
    let options = Options {
        nodes: start.nodes,
        genesis: start.genesis,
        cache_dir: start.cache_dir,
        payout: start.payout,
        fold: start.fold,
        limits: start.limits,
        submit: start.submit.map(|key| Submitter { key, bond: start.bond }),
        once: start.once,
        threads: start.threads,
        nice: start.nice,
        stop: start.stop,
        news: Arc::new(move |one: &News| news(serde_json::to_value(one).unwrap_or_default())),
    };
    prover_service::run(options).await.map_err(failed)
}

fn failed(error: ServiceError) -> Failure {
    let (exit, code, hint) = match &error {
        ServiceError::NoNode => (ExitCode::Usage, "no_node", "name a node with --node"),
        ServiceError::Node(_) => (ExitCode::Connection, "connection", "check the URL and that the node runs"),
        ServiceError::NeedsFold { .. } => {
            (ExitCode::Refused, "needs_fold", "run tb prover without --windows-only: folding takes some 3 GB of memory")
        }
        ServiceError::OtherChain { .. } => {
            (ExitCode::Refused, "wrong_chain", "give the genesis file of the node's chain with --genesis")
        }
        ServiceError::OtherKey { .. } | ServiceError::OtherChainKey { .. } => {
            (ExitCode::Refused, "other_key", "run the same version of tb as the node, built from the locked sources")
        }
        ServiceError::Refused { .. } | ServiceError::ChainRefused { .. } => {
            (ExitCode::Refused, "proof_rejected", "the proof was dropped; see docs/runbooks/prover.md")
        }
        ServiceError::Follow(error) if error.is_outside() => {
            (ExitCode::Connection, "connection", "check the URL and that the node runs")
        }
        ServiceError::Follow(_) => {
            (ExitCode::Refused, "not_followed", "ask another node; if it happens again, see docs/runbooks/prover.md")
        }
        ServiceError::Cache(_) => return disk(&error),
        ServiceError::Work { .. } | ServiceError::Fold { .. } | ServiceError::Worker(_) => {
            (ExitCode::Unexpected, "not_proven", "see docs/runbooks/prover.md")
        }
    };
    Failure::new(exit, code, error, hint)
}

fn disk(error: &impl std::fmt::Display) -> Failure {
    Failure::new(
        ExitCode::Unexpected,
        "disk",
        error,
        "check that proof_cache_dir exists, who may write there, and that the disk has room",
    )
}

fn files(found: Result<Vec<Finding>, CacheError>) -> Result<ProverAnswer, Failure> {
    let file = |Finding { path, bytes, checksum, incomplete }| CacheFile { path, bytes, checksum, incomplete };
    Ok(ProverAnswer::Files(found.map_err(|error| disk(&error))?.into_iter().map(file).collect()))
}

fn preload(dir: &Path, anew: bool, told: &dyn Fn(&PreparedCircuit)) -> Result<ProverAnswer, Failure> {
    let started = Instant::now();
    let millis = |since: Instant| u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
    let other = |error: &dyn std::fmt::Display| {
        Failure::new(ExitCode::Refused, "other_key", error, "build tb from the locked sources of the network")
    };
    let key = proof::verifying_key().map_err(|error| other(&error))?;
    let files = CircuitFolder::open(dir, anew).map_err(|error| disk(&error))?;
    let (mut circuits, mut since) = (Vec::new(), Instant::now());
    let mut ready = |ReadyCircuit { circuit, key, is_from_file }| {
        let elapsed_ms = millis(std::mem::replace(&mut since, Instant::now()));
        let (name, key, step, path) =
            (circuit.name().to_owned(), key.to_string(), circuits.len() + 1, files.path(circuit));
        let bytes = std::fs::metadata(&path).map_or(0, |file| file.len());
        let one = PreparedCircuit { name, key, step, steps: Circuit::ALL.len(), is_from_file, path, bytes, elapsed_ms };
        told(&one);
        circuits.push(one);
    };
    let folding = prover_service::folding_key(&files, &mut ready).map_err(|error| other(&error))?;
    files.whole().map_err(|error| disk(&error))?;
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Ok(ProverAnswer::Key(PreparedKey {
        backend: "plonky3".to_owned(),
        key: key.hash().to_string(),
        chain_key: folding.verifying().verifying().hash().to_string(),
        bytes: circuits.iter().map(|one| one.bytes).sum(),
        circuits,
        elapsed_ms: millis(started),
        families: names(&["transaction"]),
        missing: names(&["state", "pruning", "uptime", "consensus"]),
    }))
}
