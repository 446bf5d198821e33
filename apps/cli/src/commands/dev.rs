//! `tb dev`: a chain of one process with instant blocks, for people who build on the RPC.

use std::time::Duration;

use clap::Args;
use primitives::Engine;
use rpc::Client;
use serde_json::json;
use tokio::sync::watch;

use crate::commands::devnet::describe_accounts;
use crate::commands::node::ended;
use crate::context::{Context, client};
use crate::devnet::layout::{self, Network, Wanted};
use crate::exit::Failure;
use crate::output::Output;
use crate::{NodeStart, NodeStarter, stop};

const EXAMPLES: &str = "\
Examples:
  tb dev
  tb dev --fresh --block-interval-ms 1000

The folder is --home, else <home>/dev. It is used again at the next start; Ctrl-C stops the chain.";

/// Pause between two looks at the starting node.
const START_POLL: Duration = Duration::from_millis(25);

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
    let network = layout::prepare(&root, &wanted, arguments.fresh)?;
    let Some(node) = network.nodes.first() else {
        return Err(Failure::usage("the network has no node", "begin again with --fresh"));
    };
    let stop: watch::Receiver<bool> = stop::requested(false)?;
    let home = node.home.clone();
    let start = NodeStart { home, flags: Vec::new(), stop, crash_at: None, ask: None, state_sync: None };
    let running = starter(start);
    let greeting = greet(&network, client(&node.ports.rpc_url())?, context.output);
    tokio::pin!(running, greeting);
    tokio::select! {
        end = &mut running => return ended(end?),
        () = &mut greeting => {}
    }
    ended(running.await?)
}

/// Says how to use the chain once it answers.
async fn greet(network: &Network, node: Client, output: Output) {
    while node.health_live().await.is_err() {
        tokio::time::sleep(START_POLL).await;
    }
    let event = json!({
        "event": "started", "home": network.root, "rpc": node.base_url(), "genesis_hash": network.genesis.hash(),
        "accounts": network.accounts, "first_payment": network.first_payment(),
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
            network.first_payment()
        )
    });
}
