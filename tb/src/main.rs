//! The one binary: the command line of `cli` with the node of `node` and the simulator of `sim` behind it.
//!
//! Read next: `apps/cli/src/lib.rs` for commands, `crates/node/src/run.rs` for what a node does.

use cli::{Failure, NodeEnd, NodeFuture, NodeStart, Programs, SimAnswer, SimWork};
use node::{RunOptions, StartError, Stopped};
use sim::Plan;
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

/// Runs simulations for `tb sim`.
fn simulate(work: &SimWork, progress: &mut dyn FnMut(u64, u64)) -> Result<SimAnswer, Failure> {
    let one = |plan: Plan| {
        let report = sim::run(plan);
        let (verdict, passed) = (report.verdict.to_string(), report.verdict.is_pass());
        SimAnswer { report: serde_json::to_value(&report).expect("a report is plain data"), verdict, passed }
    };
    Ok(match work {
        SimWork::Seed(seed) => one(Plan::of_seed(*seed)),
        SimWork::Scenario(text, seed) => {
            let plan = Plan::from_toml(text);
            let plan = plan.map_err(|error| Failure::told(cli::ExitCode::Usage, "scenario", error, ""))?;
            one(Plan { seed: seed.unwrap_or(plan.seed), ..plan })
        }
        SimWork::Seeds { first, count, jobs } => {
            let (mut done, mut failed) = (0, 0);
            let seeds = *first..first.saturating_add(*count);
            let reports = sim::run_seeds(seeds, *jobs, |report| {
                (done, failed) = (done + 1, failed + u64::from(!report.verdict.is_pass()));
                progress(done, failed);
            });
            let summary = sim::Summary::of(&reports);
            let (verdict, passed) = (summary.verdict.clone(), summary.passed == summary.seeds);
            SimAnswer { report: serde_json::to_value(&summary).expect("a summary is plain data"), verdict, passed }
        }
    })
}

fn main() -> std::process::ExitCode {
    cli::main(Programs { node: start, sim: Some(simulate) })
}
