//! `tb dev`: a chain of one process with instant blocks, for people who build on the RPC.

use std::time::{Duration, Instant};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use primitives::{Engine, Height};
use rpc::Client;
use serde_json::json;
use tokio::sync::watch;

use crate::commands::devnet::describe_accounts;
use crate::commands::node::ended;
use crate::context::{Context, client};
use crate::devnet::layout::{self, Network, Wanted};
use crate::exit::Failure;
use crate::output::{Output, duration_ms};
use crate::{NodeStart, NodeStarter, stop};

const EXAMPLES: &str = "\
Examples:
  tb dev
  tb dev --fresh --block-interval-ms 1000
  tb dev --fresh --blocks 5000               a long chain, made at full speed
  tb dev --fresh --blocks 2000 --more-accounts 10000

The folder is --home, else <home>/dev. It is used again at the next start; Ctrl-C stops the chain.";

/// Pause between two looks at the starting node.
const START_POLL: Duration = Duration::from_millis(25);

/// Most accounts of a crowd: their genesis file is about 100 bytes for each.
const CROWD_MAX: i64 = 1_000_000;
/// Pause between two looks at blocks that are made without a pause.
const MADE_POLL: Duration = Duration::from_millis(100);

/// Arguments of `tb dev`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// First port; the RPC is two above [default: as the folder has, else 26656]
    #[arg(long, value_name = "PORT")]
    base_port: Option<u16>,
    /// Time between blocks while nothing happens, milliseconds [default: as the folder has, else 1000]
    #[arg(long, value_name = "MS")]
    block_interval_ms: Option<u64>,
    /// Delete the chain in the folder and begin a new one
    #[arg(long)]
    fresh: bool,
    /// Begin a new chain with N accounts more, of which nobody has a key
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true, value_parser = clap::value_parser!(u32).range(..=CROWD_MAX))]
    more_accounts: u32,
    /// Make the blocks up to height N without a pause
    #[arg(long, value_name = "N")]
    blocks: Option<u64>,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`] when the chain cannot be started; a node that stopped itself is one.
pub async fn run(arguments: &Arguments, context: &Context, starter: NodeStarter) -> Result<(), Failure> {
    let root = context.home_or_below("dev");
    let wanted = Wanted {
        engine: Engine::Solo,
        nodes: Some(1),
        base_port: arguments.base_port,
        block_interval_ms: arguments.block_interval_ms,
        params: None,
        gates: Vec::new(),
    };
    let network = layout::prepare_crowded(&root, &wanted, arguments.more_accounts, arguments.fresh)?;
    let Some(node) = network.nodes.first() else {
        return Err(Failure::usage("the network has no node", "begin again with --fresh"));
    };
    let stop: watch::Receiver<bool> = stop::requested(false)?;
    let home = node.home.clone();
    let hurry_to = arguments.blocks.map_or(Height::GENESIS, Height);
    let start = NodeStart { home, flags: Vec::new(), stop, crash_at: None, ask: None, state_sync: None, hurry_to };
    let running = starter(start);
    let rpc = client(&node.ports.rpc_url())?;
    let greeting = async {
        greet(&network, &rpc, context.output).await;
        if arguments.blocks.is_some() {
            watch_blocks(hurry_to, &rpc, context.output).await;
        }
    };
    tokio::pin!(running, greeting);
    tokio::select! {
        end = &mut running => return ended(end?),
        () = &mut greeting => {}
    }
    ended(running.await?)
}

/// Says how to use the chain once it answers.
async fn greet(network: &Network, node: &Client, output: Output) {
    while node.health_live().await.is_err() {
        tokio::time::sleep(START_POLL).await;
    }
    let event = json!({
        "event": "started", "home": network.root, "rpc": node.base_url(), "genesis_hash": network.genesis.hash(),
        "accounts": network.accounts, "first_payment": network.first_payment(std::env::args_os().next().as_deref()),
    });
    output.event(&event, || {
        format!(
            "{}\n\nRPC {}  metrics {}/metrics\nchain {}  {}\nfolder {}\n\nA first payment, in another terminal:\n  {}\n",
            describe_accounts(network),
            node.base_url(),
            node.base_url(),
            network.genesis.chain_id,
            network.genesis.hash(),
            network.root.display(),
            network.first_payment(std::env::args_os().next().as_deref())
        )
    });
}

/// Shows how far the blocks are that are made without a pause.
async fn watch_blocks(wanted: Height, node: &Client, output: Output) {
    let started = Instant::now();
    let bar = if output.is_watched() { ProgressBar::new(wanted.0) } else { ProgressBar::hidden() };
    bar.set_style(
        ProgressStyle::with_template("{bar:40} height {pos} of {len}, {eta} left").expect("a fixed template"),
    );
    loop {
        let height = node.node_status().await.map_or(Height::GENESIS, |status| status.finalized_height);
        bar.set_position(height.0);
        if height >= wanted {
            bar.finish_and_clear();
            let after_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
            let event = json!({ "event": "blocks_made", "height": height, "after_ms": after_ms });
            return output.event(&event, || format!("height {height} after {}", duration_ms(after_ms)));
        }
        tokio::time::sleep(MADE_POLL).await;
    }
}
