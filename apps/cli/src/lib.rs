//! The command line: one argument tree, one file per command, one way to print and one way to fail.
//!
//! ```text
//! argv ── alias ──► args ──► commands/… ──► output (stdout: results, stderr: talk)
//!                               │  └──────► exit   (what happened, code, hint, number)
//!                 rpc::Client ◄─┴─► wallet, config, NodeStarter
//! ```
//!
//! Rules
//! - This crate starts no engine itself: the node and the simulator come in as functions ([`Programs`]) from the
//!   program, so that tests of the command line link neither consensus nor networking.
//! - Amounts on the command line are in BLOCK, in JSON in µBLOCK.
//! - A command talks to a node only through [`rpc::Client`], and signs only with keys of the home directory.
//! - A command of a later version is refused by name; nothing is silently ignored.
//!
//! Read next: [`args`], then `commands/mod.rs`; exit numbers are in [`rpc::exit_codes`].

pub mod alias;
pub mod args;
pub mod artefact;
pub mod backup;
pub mod bench;
pub mod chain_proof;
pub mod commands;
pub mod context;
pub mod devnet;
pub mod doctor;
pub mod exit;
pub mod handover;
pub mod light;
pub mod masked;
pub mod output;
pub mod planning;
pub mod portal;
pub mod proof_tracker;
pub mod proving;
pub mod provision;
pub mod release;
pub mod rollout;
pub mod settlement;
pub mod simulation;
pub mod stop;
pub mod top;

use std::ffi::OsString;
use std::pin::Pin;

use clap::Parser;
use tokio::sync::watch;

pub use commands::snapshot_at::StateRebuilt;
pub use devnet::drill::DrillPlanner;
pub use exit::Failure;
pub use rpc::ExitCode;
pub use simulation::{SimAnswer, SimNews, SimPlan, SimRunner, SimTask, SimWork};

/// What a node is started with.
pub struct NodeStart {
    /// Its home directory.
    pub home: config::Home,
    /// Configuration keys and values of the command line, the strongest source.
    pub flags: Vec<(String, String)>,
    /// Becomes true when the node has to stop.
    pub stop: watch::Receiver<bool>,
    /// The name of the place where the process dies, on development chains only.
    pub crash_at: Option<String>,
    /// Asks the person at the terminal for a password; `None` when nobody is there.
    pub ask: Option<AskPassword>,
    /// Begin an empty store with a snapshot of others.
    pub state_sync: Option<StateSyncFrom>,
    /// Blocks up to this height are made without a pause; only the engine `solo` does.
    pub hurry_to: primitives::Height,
}

/// From whom a node takes a snapshot, and what it trusts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateSyncFrom {
    /// URLs of nodes that have snapshots.
    pub sources: Vec<String>,
    /// A height and its block hash, learned elsewhere; genesis without one.
    pub trust: Option<(primitives::Height, primitives::Hash)>,
    /// Certificates for these URLs.
    pub tls: rpc::tls::ClientFiles,
}

/// Puts a question and gives what was typed, unseen.
pub type AskPassword = fn(&str) -> Result<zeroize::Zeroizing<String>, Failure>;

/// How a node ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeEnd {
    /// It was asked to.
    Requested,
    /// It stopped itself, for this reason.
    Fault(String),
}

/// A running node.
pub type NodeFuture = Pin<Box<dyn Future<Output = Result<NodeEnd, Failure>>>>;
/// Starts a node in this process.
pub type NodeStarter = fn(NodeStart) -> NodeFuture;

/// Makes the history index of a stopped node again: its home, configuration flags, and whom to tell how many heights
/// are done and how many there are. Gives the heights that are indexed.
pub type HistoryRebuilder = fn(
    &config::Home,
    &[(String, String)],
    &mut dyn FnMut(u64, u64),
) -> Result<std::ops::RangeInclusive<primitives::Height>, Failure>;

/// Makes the state after a height of a stopped node again: its home, configuration flags, the height with the folder of the new snapshot, and whom to tell
/// the height that is done and the last one.
pub type StateRebuilder = for<'a> fn(
    &'a config::Home,
    &'a [(String, String)],
    (primitives::Height, Option<&'a std::path::Path>),
    &'a mut dyn FnMut(u64, u64),
) -> Pin<Box<dyn Future<Output = Result<StateRebuilt, Failure>> + 'a>>;

/// The programs that the command line starts and does not hold.
#[derive(Clone, Copy)]
pub struct Programs {
    /// A node.
    pub node: NodeStarter,
    /// The simulator; refused by name where there is none.
    pub sim: Option<SimRunner>,
    /// The rebuild of a node's history index; refused by name where there is none.
    pub history: Option<HistoryRebuilder>,
    /// The rebuild of a state after an earlier height; refused by name where there is none.
    pub state: Option<StateRebuilder>,
    /// The reader of scenarios for real processes; refused by name where there is none.
    pub drill: Option<DrillPlanner>,
    /// The prover service; refused by name where there is none.
    pub prover: Option<proving::ProverRunner>,
}

/// Runs the command of this process.
pub fn main(programs: Programs) -> std::process::ExitCode {
    run_with(std::env::args_os().collect(), programs).into()
}

/// Runs one command of a program that has neither a simulator nor stores.
pub fn run(arguments: Vec<OsString>, starter: NodeStarter) -> rpc::ExitCode {
    run_with(arguments, Programs { node: starter, sim: None, history: None, state: None, prover: None, drill: None })
}

/// Runs one command.
pub fn run_with(arguments: Vec<OsString>, programs: Programs) -> rpc::ExitCode {
    let json = arguments.iter().any(|argument| argument == "--json");
    let output = output::Output::new(json);
    let done = alias::resolve(arguments).and_then(|arguments| match args::Cli::try_parse_from(arguments) {
        Ok(cli) => execute(cli, programs),
        Err(error) => explain(&error, output),
    });
    match done {
        Ok(()) => rpc::ExitCode::Ok,
        Err(failure) => {
            // A simulation, a drill, a doctor, a check of a store or of a rollout that failed has printed its report, which is the last JSON object.
            let reported = [
                commands::sim::VERDICT_CODE,
                commands::doctor::DOCTOR_CODE,
                commands::rollout::ROLLOUT_CODE,
                commands::storage::FINDINGS_CODE,
            ];
            if !(json && reported.contains(&failure.error.code.as_str())) {
                output.failure(&failure);
            }
            failure.exit
        }
    }
}

/// Help and version are answers; everything else that the parser says is a wrong command line.
fn explain(error: &clap::Error, output: output::Output) -> Result<(), Failure> {
    if !error.use_stderr() {
        output.raw(&error.render().to_string());
        return Ok(());
    }
    let text = error.render().to_string();
    if error.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        output.talk(text);
        return Err(Failure::usage("a command is missing", "choose one of the commands of the help"));
    }
    let text = text.trim().strip_prefix("error: ").unwrap_or(text.trim());
    // The parser's own last paragraph names the usage; it is the hint.
    let (what, hint) = text.split_once("\n\n").unwrap_or((text, "run the command with --help"));
    Err(Failure::usage(what, hint.replace("\n\n", "\n")))
}

fn execute(cli: args::Cli, programs: Programs) -> Result<(), Failure> {
    let context = context::Context::new(&cli.global)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|cause| {
        Failure::new(
            rpc::ExitCode::Unexpected,
            "runtime",
            format!("the system refused threads: {cause}"),
            "a limit of the system may be reached; try again",
        )
    })?;
    let done = runtime.block_on(commands::run(cli.command, &context, programs));
    // A thread that still waits for input must not hold the process.
    runtime.shutdown_background();
    done
}
