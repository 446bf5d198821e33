//! `tb validator`: who validates, with how much, why one does not, and what each did.

use clap::{Args, Subcommand};
use rpc::types::{ValidatorState, ValidatorStatistics, ValidatorView};

use super::{proofs, sessions, slashing, vrf};
use crate::context::Context;
use crate::exit::Failure;
use crate::output::{blocks, count, fields, table};
use crate::proving::ProverRunner;

const EXAMPLES: &str = "\
Examples:
  tb validator list
  tb validator show                       the validator of the node at --rpc
  tb validator show tb1…";
const EXAMPLES_LIST: &str = "\
Examples:
  tb validator list
  tb validator list --json";
const EXAMPLES_SHOW: &str = "\
Examples:
  tb validator show
  tb validator show tb1… --json";

const EXAMPLES_STATISTICS: &str = "\
Examples:
  tb validator statistics                 of the validator of the node at --rpc
  tb validator statistics tb1… --json";

/// Arguments of `tb validator`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List validators and candidates by falling stake
    #[command(after_help = EXAMPLES_LIST)]
    List,
    /// Show one validator, and why it does not vote
    #[command(after_help = EXAMPLES_SHOW)]
    Show(Show),
    /// Show what one validator did and left undone: missed commits, votes left out, lost turns
    #[command(after_help = EXAMPLES_STATISTICS)]
    Statistics(Show),
    /// The key of lotteries: inspect it, submit tickets, rotate, export
    Vrf(vrf::Arguments),
    /// The prover of this home: its files and keys
    Proofs(proofs::Arguments),
    /// What the key has signed last: take it from one home to another, so that it never signs twice
    Slashing(slashing::Arguments),
    /// Take the newest snapshot of the node's peers, and see how far that is
    Snapshot(sessions::Arguments),
}

#[derive(Debug, Args)]
struct Show {
    /// An address, or the name of a key [default: the node's own validator]
    #[arg(value_name = "ADDRESS|KEY")]
    validator: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`] when the node does not answer, or there is no such validator.
pub async fn run(arguments: &Arguments, context: &Context, prover: Option<ProverRunner>) -> Result<(), Failure> {
    if let Command::Proofs(arguments) = &arguments.command {
        return proofs::run(arguments, context, prover).await;
    }
    if let Command::Vrf(arguments) = &arguments.command {
        return vrf::run(arguments, context).await;
    }
    if let Command::Slashing(arguments) = &arguments.command {
        return slashing::run(arguments, context);
    }
    if let Command::Snapshot(arguments) = &arguments.command {
        return sessions::run(arguments, context).await;
    }
    let client = context.client()?;
    match &arguments.command {
        // Done above, before a client is needed.
        Command::Vrf(_) | Command::Proofs(_) | Command::Slashing(_) | Command::Snapshot(_) => {}
        Command::List => {
            let list = client.validators().await?;
            context.output.result(&list, || {
                let rows: Vec<[String; 5]> = list
                    .validators
                    .iter()
                    .map(|one| {
                        let state = state(one.state).to_owned();
                        let missed = count(one.missed_commits);
                        [one.address.to_string(), state, count(one.power), blocks(one.bonded), missed]
                    })
                    .collect();
                table(["validator", "state", "power", "bonded", "missed"], &rows)
            });
        }
        Command::Show(show) => {
            let view = match &show.validator {
                None => client.validator_status().await?,
                Some(text) => client.validator(&context.address(text)?).await?,
            };
            context.output.result(&view, || describe(&view));
        }
        Command::Statistics(show) => {
            let address = match &show.validator {
                None => client.validator_status().await?.address,
                Some(text) => context.address(text)?,
            };
            let view = client.validator_statistics(&address).await?;
            context.output.result(&view, || describe_statistics(&view));
        }
    }
    Ok(())
}

const fn state(state: ValidatorState) -> &'static str {
    match state {
        ValidatorState::Voting => "voting",
        ValidatorState::Waiting => "waiting",
        ValidatorState::Jailed => "jailed",
        ValidatorState::Tombstoned => "tombstoned",
    }
}

fn describe_statistics(view: &ValidatorStatistics) -> String {
    let members = |own: u64, all: u64| format!("{}; {} by all members of the set", count(own), count(all));
    fields(&[
        ("validator", view.address.to_string()),
        ("epochs", format!("{} finished in the voting set", count(view.epochs))),
        ("missed", format!("{} of {} commits", count(view.missed), count(view.commits))),
        ("blocks built", members(view.built, view.members_built)),
        ("votes left out", members(view.votes_left_out, view.members_votes_left_out)),
        ("turns lost", members(view.turns_lost, view.members_turns_lost)),
        ("jailed", format!("{} times", count(view.jailed))),
        (
            "this epoch",
            format!(
                "{} commits missed ({} are allowed), {} blocks built, {} votes left out, {} turns lost",
                count(view.epoch_missed),
                count(view.missed_allowed),
                count(view.epoch_built),
                count(view.epoch_votes_left_out),
                count(view.epoch_turns_lost)
            ),
        ),
    ])
}

fn describe(view: &ValidatorView) -> String {
    let mut rows = vec![
        ("validator", view.address.to_string()),
        ("state", state(view.state).to_owned()),
        ("power", format!("{} of {}", count(view.power), count(view.total_power))),
        ("bonded", blocks(view.bonded)),
        ("own stake", blocks(view.self_stake)),
        ("unbonding", blocks(view.unbonding)),
        ("commission", format!("{} basis points", view.commission_bps)),
        ("missed", format!("{} commits of this epoch", count(view.missed_commits))),
    ];
    if let Some(reason) = &view.reason {
        rows.push(("not voting", reason.clone()));
    }
    if let Some(next) = &view.next {
        rows.push(("next", next.clone()));
    }
    fields(&rows)
}
