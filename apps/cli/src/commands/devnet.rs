//! `tb devnet`: several validators on this machine, with funded accounts and a live status line.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use primitives::{Engine, Height};
use rpc::{Client, ExitCode};
use serde_json::json;

use crate::artefact::{ROOT_DEFAULT, ROOT_VARIABLE};
use crate::commands::drill;
use crate::commands::genesis::{GateArgument, now, read_params};
use crate::context::{Context, client};
use crate::devnet::children::{Children, Exit};
use crate::devnet::drill::DrillPlanner;
use crate::devnet::layout::{self, Network, Wanted};
use crate::devnet::status_line::Watch;
use crate::exit::Failure;
use crate::output::{Output, blocks, duration_ms, table};
use crate::stop;

const EXAMPLES: &str = "\
Examples:
  tb devnet                                  four validators, node 1 on the default ports
  tb devnet --fresh --block-interval-ms 200  a new chain with quicker blocks
  tb devnet --nodes 7 --base-port 30000 --home /tmp/net
  tb devnet --fresh --params params.json
  tb devnet --fresh --gate recursive_proofs --gate consensus_enforcement
  tb devnet --profile partition              a drill: faults on a schedule, then a verdict
  tb devnet --scenario scenarios/partition.toml --json
  tb devnet --scenario target/chaos_artifacts/partition-20261121-063103.zip

A drill makes a new network in --home, else <home>/drill, runs the scenario and ends with a verdict;
docs/chaos.md says what each fault does. Otherwise the folder is --home, else <home>/devnet. It is
used again at the next start; Ctrl-C stops all nodes. One more process proves the ledger at low
priority; its log is prover/prover.log.";

/// Longest time from the start to the first answer of node 1.
const START_TIME: Duration = Duration::from_secs(60);
/// Pause between two looks at a node that starts.
const START_POLL: Duration = Duration::from_millis(25);
/// Pause between two readings on a terminal.
const WATCHED_POLL: Duration = Duration::from_millis(500);
/// Pause between two readings elsewhere.
const LOGGED_POLL: Duration = Duration::from_secs(5);

/// Arguments of `tb devnet`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// Validators, 1 to 32 [default: as the folder has, else 4]
    #[arg(long, value_name = "N")]
    nodes: Option<u16>,
    /// First port of node 1; the RPC is two above, the next node ten above [default: as the folder has, else 26656]
    #[arg(long, value_name = "PORT")]
    base_port: Option<u16>,
    /// Target time between blocks, milliseconds [default: as the folder has, else 1000]
    #[arg(long, value_name = "MS")]
    block_interval_ms: Option<u64>,
    /// JSON file with the parameters of a new chain that differ from their defaults; a chain with others is refused
    #[arg(long, value_name = "FILE")]
    params: Option<PathBuf>,
    /// Gate of a new chain that is in force from height 1, or from HEIGHT on; once for each gate. A chain without it is refused
    #[arg(long = "gate", value_name = "NAME[@HEIGHT]")]
    gates: Vec<GateArgument>,
    /// Delete the network in the folder and begin a new one
    #[arg(long)]
    fresh: bool,
    /// Run a drill from a scenario (.toml, .ron) or again from the artefact of one (.zip)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["nodes", "params", "gates", "fresh", "profile"])]
    scenario: Option<PathBuf>,
    /// Run a built-in drill, such as partition; an unknown name lists them all
    #[arg(long, value_name = "NAME", conflicts_with_all = ["nodes", "params", "gates", "fresh"])]
    profile: Option<String>,
    /// Folder that a drill leaves its artefact in
    #[arg(long, value_name = "DIR", env = ROOT_VARIABLE, hide_env_values = true, default_value = ROOT_DEFAULT)]
    artifacts: PathBuf,
    /// Run no prover: nothing is proven
    #[arg(long)]
    no_prover: bool,
}

impl Arguments {
    /// Where the drill comes from, if one is wanted.
    fn drill(&self) -> Result<Option<drill::Source>, Failure> {
        match (&self.scenario, &self.profile) {
            (Some(path), _) => drill::Source::read(path).map(Some),
            (None, Some(name)) => Ok(Some(drill::Source::profile(name))),
            (None, None) => Ok(None),
        }
    }
}

/// Runs the command.
///
/// # Errors
/// [`Failure`] when the network cannot be started, or when no node is left.
pub async fn run(arguments: &Arguments, context: &Context, planner: Option<DrillPlanner>) -> Result<(), Failure> {
    if let Some(source) = arguments.drill()? {
        let Arguments { base_port, block_interval_ms, artifacts, .. } = arguments;
        let options =
            drill::Options { source, base_port: *base_port, block_interval_ms: *block_interval_ms, artifacts };
        return drill::run(options, context, planner).await;
    }
    let started = Instant::now();
    let mut stopping = stop::requested(false)?;
    let wanted = Wanted {
        engine: Engine::Bft,
        nodes: arguments.nodes,
        base_port: arguments.base_port,
        block_interval_ms: arguments.block_interval_ms,
        params: arguments.params.as_deref().map(read_params).transpose()?,
        gates: arguments.gates.clone(),
    };
    let network = layout::prepare(&context.home_or_below("devnet"), &wanted, arguments.fresh)?;
    let prover = if arguments.no_prover { None } else { network.prover()? };
    let mut children = Children::start(&network.nodes, prover.as_ref())?;
    announce(&network, &children.pids(), context.output);
    let done = tokio::select! {
        () = stop::wait(&mut stopping) => Ok(()),
        done = watch(&network, &mut children, context.output, started) => done,
    };
    context.output.talk("stopping the nodes …");
    let killed = children.stop().await;
    context.output.event(&json!({ "event": "stopped", "killed": killed }), || "all nodes are stopped".to_owned());
    for index in killed {
        let name = network.nodes.get(index).map_or("prover", |node| node.name.as_str());
        context.output.talk(format!("warning: {name} did not stop in time and was killed; its log says why"));
    }
    done
}

/// Watches the nodes until none is left.
async fn watch(network: &Network, children: &mut Children, output: Output, started: Instant) -> Result<(), Failure> {
    let url = network.nodes.first().map(|node| node.ports.rpc_url()).unwrap_or_default();
    let node = client(&url)?;
    let bar = progress(output);
    let mut watch = Watch::since(now());
    let mut first_block = None;
    // A chain that goes on has blocks already: the first one that counts is above what is seen first.
    let mut above = network.is_new.then_some(Height::GENESIS);
    loop {
        let poll = match (first_block, output.is_watched()) {
            (None, _) => START_POLL,
            (Some(()), true) => WATCHED_POLL,
            (Some(()), false) => LOGGED_POLL,
        };
        tokio::select! {
            exit = children.next_exit() => {
                report_exit(network, children, &exit, output);
                if children.running_nodes() == 0 {
                    bar.finish_and_clear();
                    return Err(nobody_left());
                }
            }
            () = tokio::time::sleep(poll) => {
                if first_block.is_none() {
                    first_block = look_for_first_block(&node, &mut above, output, started).await?;
                } else {
                    read(&mut watch, &node, &bar, output).await;
                }
            }
        }
    }
}

fn progress(output: Output) -> ProgressBar {
    if !output.is_watched() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner();
    bar.set_style(ProgressStyle::with_template("{spinner} {msg}").expect("a fixed template that parses"));
    bar.set_message("waiting for the first block …");
    bar
}

async fn look_for_first_block(
    node: &Client,
    above: &mut Option<Height>,
    output: Output,
    started: Instant,
) -> Result<Option<()>, Failure> {
    let status = node.node_status().await.ok();
    let status = status.filter(|status| status.finalized_height > *above.get_or_insert(status.finalized_height));
    let elapsed = started.elapsed();
    match status {
        Some(status) => {
            let elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
            let event = json!({ "event": "first_block", "height": status.finalized_height, "after_ms": elapsed_ms });
            output.event(&event, || format!("first block finalized after {}", duration_ms(elapsed_ms)));
            Ok(Some(()))
        }
        None if elapsed > START_TIME => Err(Failure::new(
            ExitCode::Timeout,
            "no_block",
            format!("no block was finalized within {} s", START_TIME.as_secs()),
            "look into nodeI/node.log in the folder of the network, or begin again with --fresh",
        )),
        None => Ok(None),
    }
}

async fn read(watch: &mut Watch, node: &Client, bar: &ProgressBar, output: Output) {
    match watch.read(node, now()).await {
        Ok(reading) if output.is_watched() => {
            bar.tick();
            bar.set_message(reading.line());
        }
        Ok(reading) => output.event(&json!({ "event": "status", "status": reading }), || reading.line()),
        // Node 1 may be the one that ended; the others still run.
        Err(error) if output.is_watched() => {
            bar.tick();
            bar.set_message(format!("node 1 does not answer: {error}"));
        }
        Err(error) => output.talk(format!("node 1 does not answer: {error}")),
    }
}

fn report_exit(network: &Network, children: &Children, exit: &Exit, output: Output) {
    let name = network.nodes.get(exit.index).map_or("prover", |node| node.name.as_str());
    let how = exit.status.map_or("in an unknown way".to_owned(), |status| status.to_string());
    let words = children.last_words(exit.index);
    let log = children.log(exit.index).unwrap_or(Path::new("node.log")).display().to_string();
    let event = json!({ "event": "exit", "node": name, "status": how, "log": log, "last_lines": words });
    output.event(&event, || {
        let lines: String = words.iter().map(|line| format!("\n    {line}")).collect();
        format!("{name} ended by itself: {how}; the others go on. Last lines of {log}:{lines}")
    });
}

fn nobody_left() -> Failure {
    Failure::new(
        ExitCode::Unexpected,
        "no_node_left",
        "every node of the network has ended",
        "the log lines above say why; tb devnet --fresh begins a new network",
    )
}

fn announce(network: &Network, pids: &[u32], output: Output) {
    let nodes: Vec<serde_json::Value> = network
        .nodes
        .iter()
        .zip(pids)
        .map(|(node, pid)| {
            let url = node.ports.rpc_url();
            json!({
                "node": node.name, "address": node.address, "pid": pid, "rpc": url,
                "metrics": format!("{url}/metrics"), "home": node.home.root(),
            })
        })
        .collect();
    let event = json!({
        "event": "started", "home": network.root, "genesis_hash": network.genesis.hash(),
        "nodes": nodes, "accounts": network.accounts, "first_payment": network.first_payment(std::env::args_os().next().as_deref()),
    });
    output.event(&event, || describe(network, pids));
}

fn describe(network: &Network, pids: &[u32]) -> String {
    let nodes: Vec<[String; 5]> = network
        .nodes
        .iter()
        .zip(pids)
        .map(|(node, pid)| {
            let url = node.ports.rpc_url();
            [node.name.clone(), node.address.to_string(), pid.to_string(), url.clone(), format!("{url}/metrics")]
        })
        .collect();
    format!(
        "{}\n\n{}\n\nchain {}  {}\nfolder {}\n\nA first payment, in another terminal:\n  {}\n",
        table(["NODE", "ADDRESS", "PROCESS", "RPC", "METRICS"], &nodes),
        describe_accounts(network),
        network.genesis.chain_id,
        network.genesis.hash(),
        network.root.display(),
        network.first_payment(std::env::args_os().next().as_deref())
    )
}

/// The funded accounts as a table.
pub fn describe_accounts(network: &Network) -> String {
    let rows: Vec<[String; 3]> = network
        .accounts
        .iter()
        .map(|account| [account.name.clone(), account.address.to_string(), blocks(account.balance)])
        .collect();
    table(["ACCOUNT", "ADDRESS", "AT GENESIS"], &rows)
}
