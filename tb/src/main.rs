//! The one binary: the command line of `cli` with the node of `node`, the simulator of `sim` and the
//! prover of `prover-service` behind it.
//!
//! Read next: `apps/cli/src/lib.rs` for commands, `crates/node/src/run.rs` for what a node does.

mod drill;
mod prover;
mod simulate;

use cli::{Failure, NodeEnd, NodeFuture, NodeStart, Programs, StateRebuilt};
use node::state_at::{StateAt, StateAtError};
use node::{AskPassword, Attested, RunOptions, StartError, StateSync, StateSyncError, Stopped, Told};
use storage::StorageError;

/// What exit codes and error codes call each way of not starting.
fn refused(error: StartError) -> Failure {
    use cli::ExitCode;
    let (exit, code) = match &error {
        StartError::Config(_) => (ExitCode::Config, "config"),
        StartError::ProofSystem(_) => (ExitCode::Config, "proof_system"),
        StartError::GenesisFile { .. } | StartError::Genesis { .. } => (ExitCode::Config, "genesis"),
        StartError::Gate(_) => (ExitCode::Config, "gate"),
        StartError::SignerTls(_) => (ExitCode::Config, "signer_tls"),
        StartError::Signer(signer_error) => (ExitCode::Refused, signer_code(signer_error)),
        StartError::TwoKeys { .. } => (ExitCode::Refused, "key"),
        StartError::Tls(_) => (ExitCode::Config, "tls"),
        StartError::Exporter(_) => (ExitCode::Config, "telemetry"),
        StartError::Archive(_) => (ExitCode::Config, "archive"),
        StartError::Upstream(_) => (ExitCode::Config, "upstream"),
        StartError::NoChain => (ExitCode::Usage, "no_chain"),
        StartError::Dishonest { .. } => (ExitCode::Refused, "dishonest_build"),
        StartError::CrashAt(_) => (ExitCode::Usage, "crash_at"),
        StartError::Drill(_) => (ExitCode::Config, "drill"),
        StartError::KeyFile(_) => return key_file(error),
        StartError::NoPassword { .. } => (ExitCode::Unauthorized, "key_locked"),
        StartError::Typed { .. } => (ExitCode::Usage, "bad_password"),
        _ if error.is_guard() => (ExitCode::Refused, "key"),
        _ if error.is_log_damage() => (ExitCode::Damaged, "consensus"),
        StartError::Guard(_) => (ExitCode::Refused, "key"),
        StartError::Storage(
            StorageError::Damaged { .. } | StorageError::DamagedFile { .. } | StorageError::LostBlocks { .. },
        ) => (ExitCode::Damaged, "storage"),
        StartError::Storage(_) => (ExitCode::Refused, "storage"),
        StartError::StateSync(StateSyncError::CheckpointTooOld(_)) => (ExitCode::Refused, "checkpoint_too_old"),
        StartError::StateSync(_) => (ExitCode::Refused, "state_sync"),
        StartError::Snapshots(_) => (ExitCode::Refused, "snapshot"),
        StartError::Audits { .. } => (ExitCode::Refused, "audits"),
        StartError::Chain(_) => (ExitCode::Damaged, "chain"),
        StartError::Rpc { .. } => (ExitCode::Refused, "rpc_listen"),
        StartError::P2p(_) => (ExitCode::Refused, "p2p"),
        StartError::ConsensusPort { .. }
        | StartError::Address { .. }
        | StartError::SoloMode
        | StartError::Engine(_)
        | StartError::Solo(_) => (ExitCode::Refused, "consensus"),
    };
    let Told { what, hint } = error.told();
    Failure::new(exit, code, what, hint)
}

/// What the error codes call a signer that cannot be used.
const fn signer_code(error: &node::SignerError) -> &'static str {
    match error {
        node::SignerError::Unreachable { .. } | node::SignerError::Later { .. } => "signer_unreachable",
        node::SignerError::OtherChain { .. } => "signer_other_chain",
        node::SignerError::Refused(refusal) if refusal.code.is_other_chain() => "signer_other_chain",
        node::SignerError::OtherKey { .. } => "signer_other_key",
        node::SignerError::Refused(_) => "signer_refused",
        node::SignerError::Nonsense { .. } => "signer_nonsense",
    }
}

/// As every other command reports a key file.
fn key_file(error: StartError) -> Failure {
    match error {
        StartError::KeyFile(error) => error.into(),
        other => Failure::new(cli::ExitCode::Refused, "key", &other, other.told().hint),
    }
}

fn start(options: NodeStart) -> NodeFuture {
    Box::pin(async move {
        let NodeStart { home, flags, stop, crash_at, ask, state_sync, hurry_to } = options;
        let state_sync = state_sync.map(|sync| StateSync { sources: sync.sources, trust: sync.trust, tls: sync.tls });
        let ask = ask.map(|ask| -> AskPassword {
            Box::new(move |question| {
                let typed = ask(question).map_err(|failure| failure.error.error)?;
                Ok(config::Secret::new(typed.to_string()))
            })
        });
        let cli::release::attest::Attested { seen, missing, valid, why } = cli::release::attest::of_this_program();
        let attested = Attested { seen, missing, valid, why };
        let proof_system = proof::proof_system;
        let options = RunOptions { home, flags, stop, crash_at, ask, state_sync, attested, hurry_to, proof_system };
        match node::run(options).await {
            Ok(Stopped::Requested) => Ok(NodeEnd::Requested),
            Ok(Stopped::Fault(reason)) => Ok(NodeEnd::Fault(reason)),
            Err(error) => Err(refused(error)),
        }
    })
}

fn rebuild_history(
    home: &config::Home,
    flags: &[(String, String)],
    progress: &mut dyn FnMut(u64, u64),
) -> Result<std::ops::RangeInclusive<primitives::Height>, Failure> {
    node::rebuild_history(home, flags, progress).map_err(refused)
}

fn rebuild_state<'a>(
    home: &'a config::Home,
    flags: &'a [(String, String)],
    wanted: (primitives::Height, Option<&'a std::path::Path>),
    progress: &'a mut dyn FnMut(u64, u64),
) -> std::pin::Pin<Box<dyn Future<Output = Result<StateRebuilt, Failure>> + 'a>> {
    Box::pin(async move {
        let StateAt { height, block, from, replayed, archived, headers, proven_to, path } =
            node::state_at::rebuild(home, flags, wanted, progress).await.map_err(not_rebuilt)?;
        Ok(StateRebuilt { height, block, from, replayed, archived, headers, proven_to, path })
    })
}

/// What exit codes and error codes call each way of not making a state again.
fn not_rebuilt(error: StateAtError) -> Failure {
    use cli::ExitCode;
    let (exit, code) = match error {
        StateAtError::Start(error) => return refused(*error),
        StateAtError::Archive(error) => return error.into(),
        StateAtError::Snapshot(error) => return error.into(),
        StateAtError::Storage(error) => return Failure::of_store(&error),
        StateAtError::GateOff => (ExitCode::Refused, "gate_off"),
        StateAtError::NoHeader(_) => (ExitCode::NotFound, "pruned"),
        StateAtError::NoBlock { .. } => (ExitCode::NotFound, "no_source"),
        StateAtError::Wrong { .. } => (ExitCode::Damaged, "wrong_body"),
        StateAtError::Proof { .. } => (ExitCode::Damaged, "proof_rejected"),
    };
    Failure::told(exit, code, error, "look at the log")
}

fn main() -> std::process::ExitCode {
    cli::main(Programs {
        node: start,
        sim: Some(simulate::run),
        history: Some(rebuild_history),
        state: Some(rebuild_state),
        prover: Some(prover::run),
        drill: Some(drill::plan),
    })
}
