//! `tb wallet`: what a wallet looks for on its network.

use std::net::SocketAddr;
use std::time::Duration;

use clap::{Args, Subcommand};
use rpc::ExitCode;
use serde::Serialize;
use signer::discovery::{Runs, discover};

use crate::context::Context;
use crate::exit::Failure;

const EXAMPLES: &str = "\
Examples:
  tb wallet discover-signers
  tb wallet discover-signers --timeout 2000 --json";
const EXAMPLES_DISCOVER: &str = "\
Examples:
  tb wallet discover-signers                               this machine and its link
  tb wallet discover-signers --candidate 10.0.0.7:26600    and this address
  tb wallet discover-signers --timeout 2000 --json         {\"timeout_ms\":2000,\"signers\":[\"https://10.0.0.7:26600\"]}

Only signers that were started with --announce answer. An address is no trust: a node checks certificate, chain and key.
Runs are counted in the home directory, and a node of that home shows them in its metrics.";

/// Longest time to wait for answers, milliseconds.
const TIMEOUT_MS_MAX: u64 = 60_000;

/// Arguments of `tb wallet`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Find remote signers on this machine and its link
    #[command(after_help = EXAMPLES_DISCOVER)]
    DiscoverSigners(Discover),
}

#[derive(Debug, Args)]
struct Discover {
    /// How long to wait for answers, milliseconds
    #[arg(long, value_name = "MS", default_value_t = 500, value_parser = clap::value_parser!(u64).range(1..=TIMEOUT_MS_MAX))]
    timeout: u64,
    /// Ask this address too, may be repeated
    #[arg(long, value_name = "IP:PORT")]
    candidate: Vec<SocketAddr>,
}

/// The answer.
#[derive(Debug, Serialize)]
struct Found {
    timeout_ms: u64,
    signers: Vec<String>,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`] when the system gives no socket. Finding nobody is no failure.
pub async fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    let Command::DiscoverSigners(wanted) = &arguments.command;
    let (candidates, timeout) = (wanted.candidate.clone(), Duration::from_millis(wanted.timeout));
    let asked = tokio::task::spawn_blocking(move || discover(&candidates, signer::PORT, timeout)).await;
    let failed =
        |cause: String| Failure::new(ExitCode::Connection, "discovery", cause, "check the network of this machine");
    let found = asked.map_err(|error| failed(error.to_string()))?.map_err(|error| failed(error.to_string()))?;
    let signers = found.iter().map(|address| format!("https://{address}")).collect();
    let found = Found { timeout_ms: wanted.timeout, signers };
    let home = context.home();
    if home.root().is_dir()
        && let Err(cause) = Runs::count(&home.signer_discovery(), !found.signers.is_empty())
    {
        context
            .output
            .talk(format!("warning: this run is not counted: {}: {cause}", home.signer_discovery().display()));
    }
    context.output.event(&found, || match found.signers.as_slice() {
        [] => "no signer answered; one that shall be found is started with --announce".to_owned(),
        signers => signers.join("\n"),
    });
    Ok(())
}
