//! `tb reputation`: what tier an identity has, why, and what the next one asks for.

use clap::{Args, Subcommand};
use rpc::types::{ReputationView, ScorePart};

use crate::context::Context;
use crate::exit::Failure;
use crate::output::{count, fields, table};

const EXAMPLES: &str = "\
Examples:
  tb reputation show tb1…
  tb reputation explain tb1…";
const EXAMPLES_SHOW: &str = "\
Examples:
  tb reputation show tb1…
  tb reputation show alice --json";
const EXAMPLES_EXPLAIN: &str = "\
Examples:
  tb reputation explain tb1…
  tb reputation explain tb1… --json
  tb reputation explain --home ~/.the_block/node-5";

/// Arguments of `tb reputation`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show tier and score
    #[command(after_help = EXAMPLES_SHOW)]
    Show(Whose),
    /// Show each counter, what it adds to the score, and the next threshold
    #[command(after_help = EXAMPLES_EXPLAIN)]
    Explain(Whose),
}

#[derive(Debug, Args)]
struct Whose {
    /// An address, or the name of a key [default: the validator of the home directory]
    #[arg(value_name = "ADDRESS|KEY")]
    identity: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`] when the node does not answer.
pub async fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    let (whose, explained) = match &arguments.command {
        Command::Show(whose) => (whose, false),
        Command::Explain(whose) => (whose, true),
    };
    let view = context.client()?.reputation(&context.address_or_own(whose.identity.as_deref())?).await?;
    context.output.result(&view, || if explained { explain(&view) } else { show(&view) });
    Ok(())
}

fn show(view: &ReputationView) -> String {
    let mut rows = vec![
        ("identity", view.address.to_string()),
        ("tier", view.tier.clone()),
        ("score", format!("{} ppm", count(view.score_ppm))),
        ("verifiable", format!("{} ppm, decides tiers", count(view.verifiable_score_ppm))),
    ];
    if let Some(next) = &view.next {
        let (has, needs) = (count(next.has), count(next.needs));
        rows.push(("next", format!("{} needs {} {needs}, it has {has}", next.tier, next.counter)));
    }
    rows.push(("height", count(view.height.0)));
    fields(&rows)
}

fn explain(view: &ReputationView) -> String {
    let line = |part: &ScorePart| {
        let sign = if part.negative { "-" } else { "+" };
        let tiers = if part.verifiable { "yes" } else { "no" };
        [
            part.name.clone(),
            count(part.count),
            count(part.curve_ppm),
            count(part.weight_ppm),
            format!("{sign}{}", count(part.contribution_ppm)),
            tiers.to_owned(),
        ]
    };
    let rows: Vec<[String; 6]> = view.parts.iter().map(line).collect();
    let header = ["counter", "count", "curve ppm", "weight ppm", "adds ppm", "for tiers"];
    format!("{}\n\n{}", show(view), table(header, &rows))
}
