//! `tb status`: whether the node is well, on one screen.

use clap::Args;
use rpc::types::{NodeStatus, Ready};
use serde::Serialize;

use crate::context::Context;
use crate::exit::Failure;
use crate::output::{blocks, count, duration_ms, fields};

const EXAMPLES: &str = "\
Examples:
  tb status
  tb status --rpc http://127.0.0.1:26668 --json";

/// Arguments of `tb status`: none of its own.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {}

#[derive(Debug, Serialize)]
struct Summary {
    chain_id: String,
    genesis_hash: primitives::Hash,
    role: String,
    ready: bool,
    finalized_height: primitives::Height,
    since_last_block_ms: u64,
    peers: u32,
    mempool: u64,
    supply: primitives::Amount,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`] when the node does not answer; a node that is not ready is an answer.
pub async fn run(_: &Arguments, context: &Context) -> Result<(), Failure> {
    let client = context.client()?;
    let asked = futures::try_join!(client.node_status(), client.consensus_status(), client.mempool_status());
    let (node, consensus, mempool) =
        asked.map_err(|error| Failure::from(error).or_wallet_runtime(client.base_url(), "consensus"))?;
    let summary = Summary {
        chain_id: node.chain_id.clone(),
        genesis_hash: node.genesis_hash,
        role: node.role.clone(),
        ready: node.readiness.ready,
        finalized_height: node.finalized_height,
        since_last_block_ms: consensus.since_last_block_ms,
        peers: node.peers,
        mempool: mempool.transactions.size,
        supply: node.supply,
    };
    context.output.result(&summary, || {
        fields(&[
            ("node", format!("{} ({}) at {}", node.role, node.version, client.base_url())),
            ("chain", format!("{} {}", node.chain_id, node.genesis_hash)),
            ("ready", describe_readiness(&node.readiness)),
            (
                "height",
                format!("{}, {} ago", count(node.finalized_height.0), duration_ms(consensus.since_last_block_ms)),
            ),
            ("peers", node.peers.to_string()),
            ("mempool", format!("{} transactions", count(mempool.transactions.size))),
            ("supply", blocks(node.supply)),
        ])
    });
    Ok(())
}

/// Readiness for people: yes, or each reason with what to do about it.
pub fn describe_readiness(ready: &Ready) -> String {
    if ready.ready {
        return "yes".to_owned();
    }
    let reasons: Vec<String> =
        ready.reasons.iter().map(|reason| format!("{} ({}); {}", reason.message, reason.code, reason.hint)).collect();
    format!("no: {}", reasons.join(" / "))
}

/// The whole status of a node for people.
pub fn describe(node: &NodeStatus) -> String {
    let proven = node.proven_height.map_or("no window yet".to_owned(), |height| count(height.0));
    let proven = match &node.backend_health.plonky3.last_failure {
        None => proven,
        Some(failure) => format!("{proven}; the prover failed: {failure}"),
    };
    let gates: Vec<&str> = node.gates.iter().filter(|gate| gate.active).map(|gate| gate.name.as_str()).collect();
    fields(&[
        ("chain", node.chain_id.clone()),
        ("genesis", node.genesis_hash.to_string()),
        ("role", node.role.clone()),
        ("version", node.version.clone()),
        ("channel", node.release_channel.clone()),
        ("validator", node.validator.map_or("no".to_owned(), |address| address.to_string())),
        ("ready", describe_readiness(&node.readiness)),
        ("finalized", format!("{} {}", count(node.finalized_height.0), node.finalized_hash)),
        ("proven", proven),
        ("oldest", count(node.oldest_height.0)),
        ("syncing", if node.syncing { "yes" } else { "no" }.to_owned()),
        ("peers", node.peers.to_string()),
        (
            "base fees",
            format!(
                "consumer {} µBLOCK, industrial {} µBLOCK per weight",
                node.base_fees.consumer.micro(),
                node.base_fees.industrial.micro()
            ),
        ),
        ("open fee", blocks(node.open_fee)),
        ("accounts", count(u64::from(node.next_slot))),
        ("supply", blocks(node.supply)),
        ("gates", if gates.is_empty() { "none".to_owned() } else { gates.join(", ") }),
    ])
}
