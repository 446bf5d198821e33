//! `tb doctor`: whether a node can be started here, and what is wrong beside a running one.

use clap::Args;
use config::{Mode, WalletConfig};
use primitives::Hash;
use rpc::tls::ClientFiles;
use rpc::{Client, ClientConfig, ClientError, ExitCode};
use serde::Serialize;

use super::config::Files;
use crate::context::{Context, environment};
use crate::doctor::{self, Finding, Standing};
use crate::exit::Failure;

const EXAMPLES: &str = "\
Examples:
  tb doctor
  tb doctor --home /var/lib/the-block --peer https://node.example.org:26658 --json
  tb doctor --genesis-hash 8c4f0f5d9ab4a31c6f3b0c0e7d3f9a51b2c6d7e8f90123456789abcdef012345";

/// Code of the failure after a report was printed.
pub const DOCTOR_CODE: &str = "doctor";

/// Arguments of `tb doctor`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(flatten)]
    files: Files,
    /// A node to compare the clock with [default: the node at --rpc; in the mode wallet the one of wallet.upstream]
    #[arg(long, value_name = "URL")]
    peer: Option<String>,
    /// The genesis file must have this hash
    #[arg(long, value_name = "HASH")]
    genesis_hash: Option<Hash>,
}

#[derive(Debug, Serialize)]
struct Report {
    ok: bool,
    failed: usize,
    warnings: usize,
    checks: Vec<Finding>,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`] after the report, when a check has failed: exit number 8 where the configuration cannot be used, else 4.
pub async fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    let peer = arguments.peer.as_ref().map(|url| context.client_at(url)).transpose()?;
    let (checks, has_config) = look(&arguments.files, arguments.genesis_hash, peer, context).await?;
    let count = |standing| checks.iter().filter(|finding| finding.standing == standing).count();
    let (failed, warnings) = (count(Standing::Failed), count(Standing::Warning));
    let report = Report { ok: failed == 0, failed, warnings, checks };
    context.output.result(&report, || report.lines());
    if report.ok {
        return Ok(());
    }
    let exit = if has_config { ExitCode::Refused } else { ExitCode::Config };
    Err(Failure::new(exit, DOCTOR_CODE, format!("{failed} checks have failed"), "do what the hint of each says"))
}

/// Every check, and whether the configuration can be used. Without a peer the clock is compared with the node at `--rpc`, or with
/// the one that answers for a wallet runtime.
///
/// # Errors
/// [`Failure`] for flags that are none, and URLs that cannot be used.
pub async fn look(
    files: &Files,
    genesis_hash: Option<Hash>,
    peer: Option<Client>,
    context: &Context,
) -> Result<(Vec<Finding>, bool), Failure> {
    let (home, flags) = (files.home(context), files.flags()?);
    let mut checks = doctor::configuration(&home, &flags, environment);
    checks.push(doctor::genesis(&home, genesis_hash).0);
    let loaded = config::NodeConfig::load(&home, &flags, environment);
    let has_config = loaded.is_ok();
    let mut answers = None;
    if let Ok(loaded) = loaded {
        let config = loaded.config;
        match config.signer.as_ref().filter(|_| config.mode == Mode::Validator) {
            Some(signer) => checks.extend(doctor::remote_signer(&home, config.mode, signer)),
            None => {
                checks.extend(doctor::keys(&home, config.mode));
                checks.push(doctor::guard(&home, config.mode));
            }
        }
        let scheme = if config.rpc.tls.is_some() { "https" } else { "http" };
        let own = context.client_at(&format!("{scheme}://{}", config.served_at()))?;
        checks.extend(doctor::ports(&config, own.health().await.is_ok()));
        // A wallet runtime writes nothing there.
        if config.mode.has_chain() {
            checks.push(doctor::disk(&config.data_dir, &config));
        }
        checks.push(doctor::open_files(config.rpc.connections_max));
        if config.mode == Mode::Wallet && peer.is_none() {
            answers = Some(upstream(&config.wallet));
        }
    }
    checks.push(match (peer, answers) {
        (Some(peer), _) | (None, Some(Ok(peer))) => doctor::clock(&peer).await,
        (None, Some(Err(error))) => Finding {
            check: "clock",
            standing: Standing::Failed,
            found: format!("the node of wallet.upstream cannot be asked: {error}"),
            hint: error.hint().to_owned(),
        },
        (None, None) => doctor::clock(&context.client()?).await,
    });
    Ok((checks, has_config))
}

/// The node that answers for a wallet runtime, asked as the runtime asks it: with the token for it, and no other.
fn upstream(wallet: &WalletConfig) -> Result<Client, ClientError> {
    let client = ClientConfig {
        token: wallet.upstream_token.as_ref().map(|token| token.expose().to_owned()),
        tls: ClientFiles { ca: wallet.upstream_ca.clone(), identity: None },
        ..ClientConfig::new(wallet.upstream.clone())
    };
    Client::new(&client)
}

impl Report {
    fn lines(&self) -> String {
        let mut lines = Vec::new();
        for Finding { check, standing, found, hint } in &self.checks {
            lines.push(format!("{:<8} {check:<14} {found}", standing.word()));
            if !hint.is_empty() {
                lines.push(format!("{:<8} {:<14} → {hint}", "", ""));
            }
        }
        lines.join("\n")
    }
}
