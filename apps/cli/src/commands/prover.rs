//! `tb prover`: proves the windows of a chain, folds them into the chain proof and hands both to nodes.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use config::NodeConfig;
use primitives::{Address, Genesis};
use rpc::Client;
use serde_json::Value;

use crate::context::{Context, client, environment};
use crate::exit::Failure;
use crate::output::{Output, count, duration_ms};
use crate::proving::{ProverRunner, ProverStart, ProverTask, missing};
use crate::provision::read_genesis;
use crate::stop;

const EXAMPLES: &str = "\
Examples:
  tb prover --node http://127.0.0.1:26658
  tb prover --node http://127.0.0.1:26658 --once
  tb prover --node http://127.0.0.1:26658 --windows-only
  tb prover --node http://10.0.0.1:26658 --node http://10.0.0.2:26658 --genesis genesis.json --threads 8

The first node is followed; all of them get the proofs. What is proven lies in proof_cache_dir below --home and is used
again. Several provers of one node share the windows, and one of them at a time extends the chain proof. Folding takes
some 3 GB of memory. Ctrl-C stops; what is in hand is proven again later.";

/// Steps below normal priority at most.
const NICE_MAX: i64 = 19;
/// The module account that proofs name when nobody is to be paid.
const NOBODY: &str = "prover_pool";

/// Arguments of `tb prover`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// URL of a node, may be repeated [default: --rpc]
    #[arg(long, value_name = "URL")]
    node: Vec<String>,
    /// The genesis file of the chain [default: <home>/genesis.json, else the first node's]
    #[arg(long, value_name = "FILE")]
    genesis: Option<PathBuf>,
    /// Prove windows only: others fold them into the chain proof
    #[arg(long)]
    windows_only: bool,
    /// Stop once every closed window is proven, and folded unless --windows-only is given
    #[arg(long)]
    once: bool,
    /// Threads that prove; 0 for one on each core
    #[arg(long, value_name = "N", default_value_t = 0)]
    threads: u16,
    /// Steps below normal priority, 0 to 19
    #[arg(long, value_name = "STEPS", default_value_t = 10, value_parser = clap::value_parser!(i32).range(0..=NICE_MAX))]
    nice: i32,
    /// Who is to be paid for the proofs: an address or the name of a key [default: nobody]
    #[arg(long, value_name = "ADDRESS|KEY")]
    payout: Option<String>,
    /// Stop when standard input ends, so that the prover never outlives the program that started it
    #[arg(long)]
    stop_with_stdin: bool,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`] when the service cannot go on.
pub async fn run(arguments: &Arguments, context: &Context, runner: Option<ProverRunner>) -> Result<(), Failure> {
    let runner = runner.ok_or_else(missing)?;
    let stop = stop::requested(arguments.stop_with_stdin)?;
    let nodes = match arguments.node.as_slice() {
        [] => vec![context.client()?],
        urls => urls.iter().map(|url| client(url)).collect::<Result<Vec<Client>, Failure>>()?,
    };
    let genesis = arguments.genesis(context, &nodes).await?;
    let loaded = NodeConfig::load(&context.home(), &[], environment)?;
    let payout = match &arguments.payout {
        Some(text) => context.address(text)?,
        None => Address::of_module(NOBODY),
    };
    let output = context.output;
    let start = ProverStart {
        nodes,
        genesis,
        cache_dir: loaded.config.proof_cache_dir,
        payout,
        fold: !arguments.windows_only,
        once: arguments.once,
        threads: usize::from(arguments.threads),
        nice: arguments.nice,
        stop,
        news: Arc::new(move |news| say(output, &news)),
    };
    runner(ProverTask::Run(Box::new(start))).await.map(|_| ())
}

impl Arguments {
    async fn genesis(&self, context: &Context, nodes: &[Client]) -> Result<Genesis, Failure> {
        let at_home = context.home().genesis_json();
        match (&self.genesis, nodes.first()) {
            (Some(path), _) => read_genesis(path),
            (None, _) if at_home.exists() => read_genesis(&at_home),
            (None, Some(node)) => {
                let genesis = node.genesis().await?;
                context.output.talk(format!("genesis {} is the one that the node names", genesis.hash()));
                Ok(genesis)
            }
            (None, None) => Err(Failure::usage("no node is named", "name one with --node")),
        }
    }
}

fn say(output: Output, news: &Value) {
    output.event(news, || describe(news));
}

/// One line for people.
fn describe(news: &Value) -> String {
    let number = |field: &str| news.get(field).and_then(Value::as_u64).unwrap_or_default();
    let text = |field: &str| news.get(field).and_then(Value::as_str).unwrap_or_default();
    let window = count(number("window"));
    match text("event") {
        "started" => format!("prover {}; next is window {}", text("prover"), count(number("next_window"))),
        "proving" => format!(
            "window {window}: proving heights {} to {}, {} operations, {} windows wait",
            count(number("first_height")),
            count(number("last_height")),
            count(number("operations")),
            count(number("queue_depth"))
        ),
        "proven" => {
            let elapsed = duration_ms(number("elapsed_ms"));
            format!("window {window}: proven in {elapsed}, {} bytes", count(number("bytes")))
        }
        "delivered" => {
            format!("window {window}: taken by {}, proven height {}", text("node"), count(number("proven_height")))
        }
        "folding" => format!(
            "chain proof: folding {} windows, to height {}",
            count(number("windows")),
            count(number("last_height"))
        ),
        "folded" => format!(
            "chain proof: to height {} in {}, {} bytes",
            count(number("last_height")),
            duration_ms(number("elapsed_ms")),
            count(number("bytes"))
        ),
        "chain_delivered" => {
            format!("chain proof: taken by {}, to height {}", text("node"), count(number("chain_height")))
        }
        _ => format!(
            "failed (attempt {}): {}; again in {}",
            number("attempt"),
            text("reason"),
            duration_ms(number("retry_in_ms"))
        ),
    }
}
