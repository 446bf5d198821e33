//! `tb rollout recover` and `tb rollout incident`: taking a node back, and what is written about it.
//!
//! The steps and their rules are in [`crate::rollout::recover`].

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use config::ReleaseChannel;
use primitives::Height;
use serde::Serialize;
use storage::{Store, StoreConfig, Verify};

use super::release::{SIGNERS_VARIABLE, accepted};
use super::rollout::{now_ms, parse_stage};
use super::snapshots::{load, read_genesis};
use crate::commands::config::Files;
use crate::context::Context;
use crate::exit::Failure;
use crate::output::table;
use crate::release::installed;
use crate::rollout::gather::file_gates;
use crate::rollout::incident::{self, FOLDER, GateState, Incident};
use crate::rollout::recover::Recovery;

/// Examples of `tb rollout recover`.
pub const EXAMPLES_RECOVER: &str = "\
Examples:
  tb rollout recover --stage development --reason stalled
  tb rollout recover --stage testnet --reason stalled --root /opt/the-block \\
      --signers /etc/the-block/release_signers.txt --config-before node.toml.before --snapshots /backup/snapshots

The node must be stopped. The same command goes on where it was stopped.";
/// Examples of `tb rollout incident`.
pub const EXAMPLES_INCIDENT: &str = "\
Examples:
  tb rollout incident list
  tb rollout incident show 1
  tb rollout incident resolve 1 --by on-call
  tb rollout incident resolve 1 --by on-call --hotfix fix/votes-wait";

/// Arguments of `tb rollout recover`.
#[derive(Debug, Args)]
pub struct Recover {
    /// The stage of the chain: development (or dev), testnet, canary or mainnet
    #[arg(long, value_name = "STAGE", value_parser = parse_stage)]
    stage: ReleaseChannel,
    /// What went wrong, for the report
    #[arg(long, value_name = "WORDS")]
    reason: String,
    /// Where releases are installed; the release before becomes current
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// List of accepted signers [default: config/release_signers.txt, or without it /etc/the-block/release_signers.txt]
    #[arg(long, value_name = "FILE", env = SIGNERS_VARIABLE, hide_env_values = true)]
    signers: Option<PathBuf>,
    /// The node.toml that ran before; it takes the place of the present one
    #[arg(long, value_name = "FILE")]
    config_before: Option<PathBuf>,
    /// Folder of snapshots for a damaged store [default: snapshots.dir]
    #[arg(long, value_name = "DIR")]
    snapshots: Option<PathBuf>,
}

/// Arguments of `tb rollout incident`.
#[derive(Debug, Args)]
pub struct Incidents {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Every incident of this home
    #[command(after_help = EXAMPLES_INCIDENT)]
    List,
    /// The report of one incident
    #[command(after_help = EXAMPLES_INCIDENT)]
    Show {
        /// Its number
        number: u32,
    },
    /// Say that an incident is over, and why
    #[command(after_help = EXAMPLES_INCIDENT)]
    Resolve {
        /// Its number
        number: u32,
        /// Whose word, and why it is over
        #[arg(long, value_name = "WORDS")]
        by: String,
        /// The branch with the repair; before the mainnet every incident of the canary must name one
        #[arg(long, value_name = "BRANCH")]
        hotfix: Option<String>,
    },
}

/// Runs `tb rollout recover`.
///
/// # Errors
/// [`Failure`] of the step that could not be done.
pub fn recover(arguments: &Recover, context: &Context) -> Result<(), Failure> {
    let (home, config) = load(&Files { config: None, set: Vec::new() }, context)?;
    let genesis = read_genesis(&home)?;
    let folder = home.root().join(FOLDER);
    let signers = if arguments.root.is_some() { accepted(arguments.signers.as_deref())? } else { Vec::new() };
    let stopped = incident::list(&folder)?.into_iter().rfind(|one| !one.recovered);
    let mut incident = match stopped {
        Some(incident) => {
            context.output.talk(format_args!("incident {} goes on: {}", incident.number, incident.reason));
            incident
        }
        None => {
            let commits = arguments.root.as_ref().map(|root| installed::commits(root)).transpose()?;
            let (release, release_before) = commits.unwrap_or_default();
            let gates = file_gates(&config, &genesis).into_iter();
            incident::open(
                &folder,
                Incident {
                    number: 0,
                    stage: arguments.stage,
                    chain_id: genesis.chain_id.clone(),
                    reason: arguments.reason.clone(),
                    opened_at_ms: now_ms(),
                    height: last_height(&config.store_dir(), &genesis)?,
                    gates: gates.map(|(name, on)| GateState { name: name.to_owned(), on }).collect(),
                    release,
                    release_before,
                    done: Vec::new(),
                    recovered: false,
                    resolved: None,
                },
            )?
        }
    };
    let recovery = Recovery {
        home,
        genesis,
        root: arguments.root.clone(),
        signers,
        config: arguments.config_before.clone(),
        snapshots: arguments.snapshots.clone(),
        output: context.output,
    };
    recovery.run(&folder, &mut incident, now_ms)?;
    context.output.result(&incident, || {
        let number = incident.number;
        format!(
            "{}\nnext: start the node, tb rollout smoke, then tb rollout incident resolve {number} --by WORDS",
            incident.report()
        )
    });
    Ok(())
}

/// The last block of a store; none when it cannot be opened because it is damaged. A running node is a failure.
fn last_height(path: &Path, genesis: &primitives::Genesis) -> Result<Option<Height>, Failure> {
    if !path.exists() {
        return Ok(None);
    }
    let config = StoreConfig::Disk { path: path.to_owned(), verify: Verify::Recent };
    match Store::open(&config, &genesis.hash()) {
        Ok(store) => Ok(store.head().map(|head| head.height)),
        Err(error @ storage::StorageError::InUse { .. }) => Err(Failure::of_store(&error)),
        Err(_) => Ok(None),
    }
}

#[derive(Debug, Serialize)]
struct Listed {
    incidents: Vec<Incident>,
}

/// Runs `tb rollout incident`.
///
/// # Errors
/// [`Failure`] by name.
pub fn incidents(arguments: &Incidents, context: &Context) -> Result<(), Failure> {
    let home = context.home();
    let folder = home.root().join(FOLDER);
    if !folder.exists() {
        // A home without incidents is told from what is no home.
        read_genesis(&home)?;
    }
    match &arguments.command {
        Command::List => {
            let listed = Listed { incidents: incident::list(&folder)? };
            context.output.result(&listed, || {
                let rows: Vec<[String; 4]> = listed.incidents.iter().map(row).collect();
                table(["NUMBER", "STAGE", "STATE", "REASON"], &rows)
            });
        }
        Command::Show { number } => {
            let incident = incident::numbered(&folder, *number)?;
            context.output.result(&incident, || incident.report());
        }
        Command::Resolve { number, by, hotfix } => {
            let incident = incident::resolve(&folder, *number, by, hotfix.as_deref(), now_ms())?;
            context.output.result(&incident, || incident.report());
        }
    }
    Ok(())
}

fn row(incident: &Incident) -> [String; 4] {
    let state = match (&incident.resolved, incident.recovered) {
        (Some(_), _) => "resolved",
        (None, true) => "open",
        (None, false) => "steps are missing",
    };
    [incident.number.to_string(), incident.stage.as_str().to_owned(), state.to_owned(), incident.reason.clone()]
}
