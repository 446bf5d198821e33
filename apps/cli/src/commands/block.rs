//! `tb block`: blocks of the chain.

use std::str::FromStr;

use clap::{Args, Subcommand};
use rpc::ExitCode;
use rpc::types::{BlockEvents, BlockId, BlockView, EventView};

use crate::context::Context;
use crate::exit::Failure;
use crate::output::{blocks, count, fields, time};

const EXAMPLES: &str = "\
Examples:
  tb block show latest
  tb block show 42 --json
  tb block events 120";
const EXAMPLES_EVENTS: &str = "\
Examples:
  tb block events
  tb block events 120 --json              with the proof that nothing is missing";
/// Transactions, or events, that the human form lists.
const LISTED_MAX: usize = 20;

/// Arguments of `tb block`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show one block
    #[command(after_help = EXAMPLES)]
    Show(Show),
    /// Show what the end of one block did by itself: payouts, jailing, set changes, draws
    #[command(after_help = EXAMPLES_EVENTS)]
    Events(Show),
}

#[derive(Debug, Args)]
struct Show {
    /// Which block
    #[arg(value_name = "HEIGHT|HASH|latest", default_value = "latest")]
    block: Which,
}

/// Names a block on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    Latest,
    One(BlockId),
}

impl FromStr for Which {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "latest" => Ok(Self::Latest),
            _ => text.parse().map(Self::One).map_err(|error: rpc::types::text::TextError| error.to_string()),
        }
    }
}

/// Runs the command.
///
/// # Errors
/// [`Failure`] when the node does not answer or has no such block.
pub async fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    let client = context.client()?;
    match &arguments.command {
        Command::Show(show) => {
            let block = match show.block {
                Which::Latest => client.block_latest().await?,
                Which::One(id) => client.block(id).await?,
            };
            context.output.result(&block, || describe(&block));
        }
        Command::Events(show) => {
            let block = match show.block {
                Which::Latest => BlockId::Height(client.block_latest().await?.header.height),
                Which::One(id) => id,
            };
            let events = client.block_events(block).await?;
            if !events.events.is_empty() {
                let told =
                    |error| Failure::told(ExitCode::Unexpected, "proof_invalid", error, "ask another node with --rpc");
                events.verify_inclusion().map_err(told)?;
            }
            context.output.result(&events, || describe_events(&events));
        }
    }
    Ok(())
}

fn describe_events(closing: &BlockEvents) -> String {
    let rows = [("height", count(closing.height.0)), ("hash", closing.block.to_string())];
    let mut lines = vec![fields(&rows)];
    if closing.events.is_empty() {
        lines.push("nothing happened by itself at the end of this block".to_owned());
    }
    let text = |event: &EventView| serde_json::to_string(event).unwrap_or_else(|error| error.to_string());
    lines.extend(closing.events.iter().take(LISTED_MAX).map(text));
    if closing.events.len() > LISTED_MAX {
        lines.push(format!("… and {} more; --json lists all", closing.events.len() - LISTED_MAX));
    }
    lines.join("\n")
}

fn describe(block: &BlockView) -> String {
    let header = &block.header;
    let mut rows = vec![
        ("height", count(header.height.0)),
        ("hash", block.hash.to_string()),
        ("parent", header.parent.to_string()),
        ("time", time(header.time_ms.0)),
        ("proposer", header.proposer.to_string()),
        ("size", format!("{} bytes", count(block.bytes))),
        ("ledger root", header.ledger_root.to_string()),
        ("state root", header.state_root.to_string()),
        ("supply", blocks(header.supply)),
        ("accounts", count(u64::from(header.next_slot))),
    ];
    if let Some(certificate) = &block.certificate {
        rows.push(("decided", format!("round {}, {} precommits", certificate.round, certificate.signers.len())));
    }
    rows.push(("transactions", block.transactions.len().to_string()));
    rows.extend(block.transactions.iter().take(LISTED_MAX).map(|id| ("", id.to_string())));
    if block.transactions.len() > LISTED_MAX {
        rows.push(("", format!("… and {} more; --json lists all", block.transactions.len() - LISTED_MAX)));
    }
    fields(&rows)
}
