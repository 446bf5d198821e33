//! `tb witness`: what identities outside the committee earn by attesting that blocks are available.
//!
//! A node attests by itself when `witness.attest` is on; this command takes what that earned.

use clap::{Args, Subcommand};
use primitives::{Action, WitnessAction};

use super::stake::{Signing, signer, submit};
use crate::context::Context;
use crate::exit::Failure;

const EXAMPLES: &str = "\
Examples:
  tb witness claim --home ~/.the_block/node-5
  tb witness claim --from alice --json";

/// Arguments of `tb witness`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Take what the signer's attestations have earned
    #[command(after_help = EXAMPLES)]
    Claim(Claim),
}

#[derive(Debug, Args)]
struct Claim {
    #[command(flatten)]
    signing: Signing,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`] when a key cannot be used, or the node refuses or does not answer.
pub async fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    let Command::Claim(claim) = &arguments.command;
    submit(signer(&claim.signing, context)?, Action::Witness(WitnessAction::Claim), &claim.signing, context).await
}
