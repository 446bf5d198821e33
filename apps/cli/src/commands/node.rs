//! `tb node`: start a node, or ask a running one about itself.

use std::io::IsTerminal;

use clap::{Args, Subcommand};
use primitives::Height;
use rpc::types::{ConsensusStatus, NodeStatus, PipelineTelemetry};
use serde::Serialize;

use crate::commands::config::Files;
use crate::commands::init::ModeArgument;
use crate::commands::status;
use crate::context::{Context, prompt};
use crate::exit::Failure;
use crate::light::Checkpoint;
use crate::output::{count, duration_ms, fields, table};
use crate::{AskPassword, HistoryRebuilder, NodeEnd, NodeStart, NodeStarter, Programs, StateSyncFrom, stop};

const EXAMPLES: &str = "\
Examples:
  tb node start
  tb node status
  tb node consensus --status
  tb node pipeline";
const EXAMPLES_START: &str = "\
Examples:
  tb node start
  tb node start --home /var/lib/the-block --validator
  tb node start --state-sync --peer-url http://192.0.2.1:26658 --peer-url http://192.0.2.2:26658
  tb node start --pruning --pruning-retention-depth 3600
  tb node start --config config/node.toml --set log.format=json --set rpc.listen=0.0.0.0:26658";
const EXAMPLES_REBUILD: &str = "\
Examples:
  tb node rebuild-history
  tb node rebuild-history --home /var/lib/the-block --json";
const EXAMPLES_STATUS: &str = "\
Examples:
  tb node status
  tb node status --json";
const EXAMPLES_CONSENSUS: &str = "\
Examples:
  tb node consensus --status
  tb node consensus --status --json";

const EXAMPLES_PIPELINE: &str = "\
Examples:
  tb node pipeline
  tb node pipeline --json";

/// Arguments of `tb node`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start a node in this process
    #[command(after_help = EXAMPLES_START)]
    Start(Start),
    /// Make the index of all payments by account again from the stored blocks, while the node is stopped
    #[command(after_help = EXAMPLES_REBUILD)]
    RebuildHistory(Files),
    /// Everything a node says about itself
    #[command(after_help = EXAMPLES_STATUS)]
    Status,
    /// What consensus is doing
    #[command(after_help = EXAMPLES_CONSENSUS)]
    Consensus(Consensus),
    /// How transactions pass through the node: time of each stage, what stopped where, what peers send
    #[command(after_help = EXAMPLES_PIPELINE)]
    Pipeline,
}

#[derive(Debug, Args)]
struct Start {
    #[command(flatten)]
    files: Files,
    /// What the node does; the same as --set mode=…
    #[arg(long, value_enum)]
    mode: Option<ModeArgument>,
    /// Run as a validator; the same as --mode validator
    #[arg(long, conflicts_with = "mode")]
    validator: bool,
    /// Begin an empty node with a snapshot of its peers, and of the nodes at --peer-url, instead of replaying the chain
    #[arg(long)]
    state_sync: bool,
    /// URL of the RPC of a node to take the snapshot from, once for each
    #[arg(long, value_name = "URL", requires = "state_sync")]
    peer_url: Vec<String>,
    /// Trust this block instead of genesis: needed once the chain is older than its trusting period
    #[arg(long, value_name = "HEIGHT:HASH", requires = "state_sync")]
    trust: Option<Checkpoint>,
    /// Turn samples and exporters on; the same as --set rollout.telemetry.enabled=true
    #[arg(long)]
    telemetry: bool,
    /// Collector of spans over OTLP/gRPC; the same as --set rollout.telemetry.endpoint=…
    #[arg(long, value_name = "URL")]
    telemetry_endpoint: Option<String>,
    /// Delete the bodies of old blocks; the same as --set rollout.feature_gates.pruning=true
    #[arg(long)]
    pruning: bool,
    /// Newest blocks to keep; the same as --set pruning.retention_depth=…
    #[arg(long, value_name = "BLOCKS")]
    pruning_retention_depth: Option<u64>,
    /// Delete nothing while this process runs, whatever node.toml says meanwhile; the same as --set pruning.emergency_pause=true
    #[arg(long)]
    pruning_emergency_pause: bool,
    /// Stop when standard input ends, so that the node never outlives the program that started it
    #[arg(long)]
    stop_with_stdin: bool,
    /// Die at this place, for crash tests on development chains
    #[arg(long, value_name = "POINT", hide = true)]
    crash_at: Option<String>,
}

#[derive(Debug, Args)]
struct Consensus {
    /// Show height, round, step, proposer and validators
    #[arg(long, required = true)]
    status: bool,
}

/// A node's status with the height under the name that older scripts read.
#[derive(Debug, Serialize)]
struct StatusView<'a> {
    current_block_height: Height,
    #[serde(flatten)]
    status: &'a NodeStatus,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`]; a node that stopped itself is one.
pub async fn run(arguments: &Arguments, context: &Context, programs: Programs) -> Result<(), Failure> {
    match &arguments.command {
        Command::Start(start) => start.run(context, programs.node).await,
        Command::RebuildHistory(files) => rebuild_history(files, context, programs.history),
        Command::Status => {
            let status = context.client()?.node_status().await?;
            let view = StatusView { current_block_height: status.finalized_height, status: &status };
            context.output.result(&view, || status::describe(&status));
            Ok(())
        }
        Command::Consensus(consensus) => {
            debug_assert!(consensus.status, "the parser asks for it");
            let status = context.client()?.consensus_status().await?;
            context.output.result(&status, || describe(&status));
            Ok(())
        }
        Command::Pipeline => {
            let pipeline = context.client()?.pipeline_telemetry().await?;
            context.output.result(&pipeline, || describe_pipeline(&pipeline));
            Ok(())
        }
    }
}

/// What a rebuild did.
#[derive(Debug, Serialize)]
struct Rebuilt {
    /// The first height that the store keeps.
    oldest_height: Height,
    /// The last one; below the first where the store holds no block yet.
    indexed_height: Height,
}

/// # Errors
/// [`Failure`], among them a store that a running node holds.
fn rebuild_history(files: &Files, context: &Context, rebuilder: Option<HistoryRebuilder>) -> Result<(), Failure> {
    let rebuilder = rebuilder.ok_or_else(|| {
        Failure::new(
            rpc::ExitCode::Refused,
            "not_in_this_version",
            "this program holds no node, so it has no history to rebuild",
            "use the tb program",
        )
    })?;
    let output = context.output;
    let mut tenths_told = 0;
    let indexed = rebuilder(&files.home(context), &files.flags()?, &mut |done, last| {
        let tenths = done.saturating_mul(10) / last.max(1);
        if tenths > tenths_told {
            tenths_told = tenths;
            output.talk(format!("{} of {} heights", count(done), count(last)));
        }
    })?;
    let (first, last) = indexed.into_inner();
    output.result(&Rebuilt { oldest_height: first, indexed_height: last }, || {
        let (first_shown, last_shown) = (count(first.0), count(last.0));
        match first <= last {
            true => format!("the history index holds every payment from height {first_shown} to {last_shown}"),
            false => {
                format!("this store begins at height {first_shown} and holds no block: the history index is empty")
            }
        }
    });
    Ok(())
}

impl Start {
    /// The keys that the flags of pruning stand for.
    fn pruning(&self) -> impl Iterator<Item = (String, String)> {
        let depth = self.pruning_retention_depth.map(|blocks| ("pruning.retention_depth", blocks.to_string()));
        let flag = |key, given: bool| given.then(|| (key, "true".to_owned()));
        let flags = [
            flag("rollout.feature_gates.pruning", self.pruning),
            depth,
            flag("pruning.emergency_pause", self.pruning_emergency_pause),
        ];
        flags.into_iter().flatten().map(|(key, value)| (key.to_owned(), value))
    }

    async fn run(&self, context: &Context, starter: NodeStarter) -> Result<(), Failure> {
        let mut flags = self.files.flags()?;
        if let Some(mode) = self.mode.or(self.validator.then_some(ModeArgument::Validator)) {
            flags.push(("mode".to_owned(), config::Mode::from(mode).as_str().to_owned()));
        }
        if self.telemetry {
            flags.push(("rollout.telemetry.enabled".to_owned(), "true".to_owned()));
        }
        flags.extend(self.telemetry_endpoint.iter().map(|url| ("rollout.telemetry.endpoint".to_owned(), url.clone())));
        flags.extend(self.pruning());
        for url in &self.peer_url {
            // A text that is no URL is refused here, before anything is opened.
            context.client_at(url)?;
        }
        let state_sync = self.state_sync.then(|| StateSyncFrom {
            sources: self.peer_url.clone(),
            trust: self.trust.map(|trust| (trust.height, trust.hash)),
            tls: context.tls().clone(),
        });
        let stop = stop::requested(self.stop_with_stdin)?;
        let crash_at = self.crash_at.clone();
        // Standard input that stops the node is no terminal to type at.
        let typist: AskPassword = prompt;
        let ask = (!self.stop_with_stdin && std::io::stdin().is_terminal()).then_some(typist);
        let (home, hurry_to) = (self.files.home(context), Height::GENESIS);
        ended(starter(NodeStart { home, flags, stop, crash_at, ask, state_sync, hurry_to }).await?)
    }
}

/// The end of a node as the end of a command.
///
/// # Errors
/// [`Failure`] for a node that stopped itself.
pub fn ended(end: NodeEnd) -> Result<(), Failure> {
    match end {
        NodeEnd::Requested => Ok(()),
        NodeEnd::Fault(reason) => Err(Failure::new(
            rpc::ExitCode::Unexpected,
            "fault",
            format!("the node stopped itself: {reason}"),
            "nothing was signed after the fault; the log above says what led to it, then start the node again",
        )),
    }
}

fn describe(status: &ConsensusStatus) -> String {
    let round = status.round.map_or("none".to_owned(), |round| round.to_string());
    let step = serde_json::to_value(status.step).ok().and_then(|step| step.as_str().map(str::to_owned));
    let mut text = fields(&[
        ("height", count(status.height.0)),
        ("round", round),
        ("step", step.unwrap_or_default()),
        ("proposer", status.proposer.map_or("none".to_owned(), |address| address.to_string())),
        ("last block", format!("{} ago, {} rounds", duration_ms(status.since_last_block_ms), status.last_rounds)),
        ("stalled", if status.stalled { "yes" } else { "no" }.to_owned()),
        ("interval", status.last_interval_ms.map_or("none".to_owned(), duration_ms)),
        ("quorum", format!("{} of {} power", count(status.quorum_power), count(status.total_power))),
    ]);
    let rows: Vec<[String; 4]> = status
        .validators
        .iter()
        .map(|validator| {
            let signed = validator.last_signed_height.map_or("none".to_owned(), |height| count(height.0));
            [validator.address.to_string(), count(validator.power), count(validator.missed_blocks), signed]
        })
        .collect();
    text.push_str("\n\n");
    text.push_str(&table(["VALIDATOR", "POWER", "MISSED", "LAST SIGNED"], &rows));
    text
}

fn describe_pipeline(pipeline: &PipelineTelemetry) -> String {
    let gossip = pipeline.gossip;
    let mut text = fields(&[
        ("height", count(pipeline.height.0)),
        (
            "gossip",
            format!(
                "{} batches accepted, {} ignored, {} rejected",
                count(gossip.accepted),
                count(gossip.ignored),
                count(gossip.rejected)
            ),
        ),
        ("proposers", format!("{} changes", count(pipeline.proposer_changes))),
    ]);
    let time = |time: Option<u64>| time.map_or("-".to_owned(), duration_ms);
    let stopped = |name: &str| {
        let found = pipeline.errors.iter().find(|errors| errors.stage.name() == name);
        found.map_or("-".to_owned(), |errors| count(errors.count))
    };
    let first =
        ["received".to_owned(), "-".to_owned(), "-".to_owned(), "-".to_owned(), "-".to_owned(), stopped("received")];
    let rest = pipeline.stages.iter().map(|stage| {
        let name = stage.stage.name();
        [name.to_owned(), count(stage.count), time(stage.p50_ms), time(stage.p95_ms), time(stage.p99_ms), stopped(name)]
    });
    let rows: Vec<[String; 6]> = std::iter::once(first).chain(rest).collect();
    text.push_str("\n\n");
    text.push_str(&table(["STAGE", "FINALIZED", "P50", "P95", "P99", "STOPPED HERE"], &rows));
    text
}
