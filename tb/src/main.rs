//! The one binary: the command line of `cli` with the node of `node` behind it.
//!
//! Read next: `apps/cli/src/lib.rs` for commands, `crates/node/src/run.rs` for what a node does.

use cli::{Failure, NodeEnd, NodeFuture, NodeStart};
use node::{RunOptions, StartError, Stopped};
use storage::StorageError;

/// What exit codes and error codes call each way of not starting.
fn refused(error: &StartError) -> Failure {
    use cli::ExitCode;
    let (exit, code) = match error {
        StartError::Config(_) => (ExitCode::Config, "config"),
        StartError::GenesisFile { .. } | StartError::Genesis { .. } => (ExitCode::Config, "genesis"),
        StartError::Gate(_) => (ExitCode::Config, "gate"),
        StartError::CrashAt(_) => (ExitCode::Usage, "crash_at"),
        StartError::Key(_) => (ExitCode::Refused, "key"),
        StartError::Storage(
            StorageError::Damaged { .. } | StorageError::DamagedFile { .. } | StorageError::LostBlocks { .. },
        ) => (ExitCode::Damaged, "storage"),
        StartError::Storage(_) => (ExitCode::Refused, "storage"),
        StartError::Chain(_) => (ExitCode::Damaged, "chain"),
        StartError::Rpc { .. } => (ExitCode::Refused, "rpc_listen"),
        StartError::P2p(_) => (ExitCode::Refused, "p2p"),
        StartError::Consensus(_) => (ExitCode::Refused, "consensus"),
    };
    Failure::told(exit, code, error, "nothing was signed or sent; correct the cause and start the node again")
}

fn start(options: NodeStart) -> NodeFuture {
    Box::pin(async move {
        let NodeStart { home, flags, stop, crash_at } = options;
        match node::run(RunOptions { home, flags, stop, crash_at }).await {
            Ok(Stopped::Requested) => Ok(NodeEnd::Requested),
            Ok(Stopped::Fault(reason)) => Ok(NodeEnd::Fault(reason)),
            Err(error) => Err(refused(&error)),
        }
    })
}

fn main() -> std::process::ExitCode {
    cli::main(start)
}
