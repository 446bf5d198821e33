//! `tb account`: balances and histories.

use clap::{Args, Subcommand};
use rpc::types::{HistoryCursor, HistoryKind, HistoryQuery};

use crate::context::Context;
use crate::exit::Failure;
use crate::output::{blocks, count, fields, table};

const EXAMPLES: &str = "\
Examples:
  tb account show alice
  tb account history alice --limit 50";
const EXAMPLES_SHOW: &str = "\
Examples:
  tb account show alice
  tb account show tb1… --json";
const EXAMPLES_HISTORY: &str = "\
Examples:
  tb account history alice
  tb account history alice --limit 50 --before 1041.3.0";

/// Arguments of `tb account`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show balance and nonce
    #[command(after_help = EXAMPLES_SHOW)]
    Show(Show),
    /// Show money in and out, newest first
    #[command(after_help = EXAMPLES_HISTORY)]
    History(History),
}

#[derive(Debug, Args)]
struct Show {
    /// An address, or the name of a key
    #[arg(value_name = "ADDRESS|KEY")]
    account: String,
}

#[derive(Debug, Args)]
struct History {
    /// An address, or the name of a key
    #[arg(value_name = "ADDRESS|KEY")]
    account: String,
    /// Entries, 1 to 100
    #[arg(long, value_name = "N")]
    limit: Option<u32>,
    /// Only entries older than this cursor, which the page before named
    #[arg(long, value_name = "CURSOR")]
    before: Option<HistoryCursor>,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`] when the node does not answer.
pub async fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    match &arguments.command {
        Command::Show(show) => {
            let view = context.client()?.account(&context.address(&show.account)?).await?;
            context.output.result(&view, || {
                let slot = view.slot.map_or("none: it has no account yet".to_owned(), |slot| slot.to_string());
                fields(&[
                    ("address", view.address.to_string()),
                    ("balance", blocks(view.balance)),
                    ("nonce", count(view.nonce.get())),
                    ("slot", slot),
                    ("height", count(view.height.0)),
                ])
            });
        }
        Command::History(history) => {
            let address = context.address(&history.account)?;
            let query = HistoryQuery { before: history.before, limit: history.limit };
            let page = context.client()?.account_history(&address, query).await?;
            context.output.result(&page, || {
                let rows: Vec<[String; 6]> = page
                    .entries
                    .iter()
                    .map(|entry| {
                        let (sign, kind) = match entry.kind {
                            HistoryKind::Incoming => ("+", "incoming"),
                            HistoryKind::Outgoing => ("-", "outgoing"),
                            HistoryKind::Fee => ("-", "fee"),
                        };
                        [
                            entry.cursor.to_string(),
                            kind.to_owned(),
                            format!("{sign}{}", blocks(entry.amount)),
                            entry.outcome.name().to_owned(),
                            entry.counterparty.map(|address| address.to_string()).unwrap_or_default(),
                            entry.transaction.to_string(),
                        ]
                    })
                    .collect();
                let list = table(["CURSOR", "KIND", "AMOUNT", "OUTCOME", "WITH", "TRANSACTION"], &rows);
                match page.next_before {
                    Some(cursor) => format!("{list}\nolder entries: --before {cursor}"),
                    None => list,
                }
            });
        }
    }
    Ok(())
}
