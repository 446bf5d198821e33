//! `tb validator slashing`: what a key has signed last, taken from one home to another.
//!
//! Rules
//! - The node of the home is stopped: its guard is locked while it signs.
//! - An import raises the marks of a guard and never lowers them, so the order of imports does not matter.
//! - A guard that is missing is made for a reason only, which is kept beside it: the key may have signed after the export.
//!
//! Read next: `wallet/src/signer/protection.rs`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use config::Home;
use primitives::Hash;
use rpc::ExitCode;
use serde::Serialize;
use wallet::signer::overrides::Override;
use wallet::signer::protection::{Protection, export};
use wallet::signer::{GuardError, Position};

use crate::commands::genesis::now;
use crate::commands::snapshots::read_genesis;
use crate::context::Context;
use crate::exit::Failure;
use crate::output::fields;

const EXAMPLES: &str = "\
Examples:
  tb validator slashing export --path protection.json
  tb validator slashing import --from protection.json --home /var/lib/the-block";
const EXAMPLES_EXPORT: &str = "\
Examples:
  tb validator slashing export --path protection.json      while the node is stopped
  tb validator slashing export --path protection.json --home /var/lib/the-block --json";
const EXAMPLES_IMPORT: &str = "\
Examples:
  tb validator slashing import --from protection.json      while the node is stopped
  tb validator slashing import --from protection.json --home /var/lib/the-block --json
  tb validator slashing import --from protection.json --override-guard moved-by-export-after-the-last-stop";

/// Arguments of `tb validator slashing`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write what the key of this home has signed last to a file
    #[command(after_help = EXAMPLES_EXPORT)]
    Export(Export),
    /// Raise the marks of this home's guard to those of a file; another chain or key is refused
    #[command(after_help = EXAMPLES_IMPORT)]
    Import(Import),
}

#[derive(Debug, Args)]
struct Export {
    /// File to write; one that is there is not written over
    #[arg(long, value_name = "FILE")]
    path: PathBuf,
}

#[derive(Debug, Args)]
struct Import {
    /// File of an export
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    /// Make a double-sign guard that is missing, although its key may have signed after the export, for this reason
    #[arg(long, value_name = "REASON")]
    override_guard: Option<String>,
}

/// A place as it is shown.
#[derive(Debug, Serialize)]
struct Place {
    height: u64,
    round: u32,
    step: String,
}

impl From<Position> for Place {
    fn from(position: Position) -> Self {
        Self { height: position.height.0, round: position.round.0, step: position.step.to_string() }
    }
}

#[derive(Debug, Serialize)]
struct Exported {
    path: PathBuf,
    genesis: Hash,
    key: primitives::PublicKey,
    records: usize,
    highest: Option<Place>,
}

#[derive(Debug, Serialize)]
struct ImportView {
    changed: bool,
    before: Option<Place>,
    after: Option<Place>,
}

fn shown(position: Option<Position>) -> String {
    position.map_or("nothing was signed".to_owned(), |position| position.to_string())
}

/// Runs the command.
///
/// # Errors
/// [`Failure`]: a guard that is in use, missing or damaged, a file that is no export, another chain or key.
pub fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    let home = context.home();
    match &arguments.command {
        Command::Export(wanted) => wanted.run(&home, context),
        Command::Import(wanted) => wanted.run(&home, context),
    }
}

impl Export {
    fn run(&self, home: &Home, context: &Context) -> Result<(), Failure> {
        let protection = export(&home.guard())?;
        let text = serde_json::to_string_pretty(&protection).expect("a record is text and numbers");
        let mut options = std::fs::OpenOptions::new();
        let file = options.write(true).create_new(true).open(&self.path);
        let written = file.and_then(|mut file| {
            std::io::Write::write_all(&mut file, text.as_bytes())?;
            file.sync_all()
        });
        written.map_err(|cause| match cause.kind() {
            std::io::ErrorKind::AlreadyExists => {
                let what = format!("{} is there already", self.path.display());
                Failure::new(ExitCode::Refused, "file_exists", what, "choose another name with --path")
            }
            _ => Failure::disk(&self.path, &cause),
        })?;
        let highest = protection.highest();
        let exported = Exported {
            path: self.path.clone(),
            genesis: protection.genesis,
            key: protection.key,
            records: protection.records.len(),
            highest: highest.map(Place::from),
        };
        context.output.result(&exported, || {
            fields(&[
                ("highest", shown(highest)),
                ("records", exported.records.to_string()),
                ("file", exported.path.display().to_string()),
                ("next", "do not start this node again where the file is imported elsewhere".to_owned()),
            ])
        });
        Ok(())
    }
}

impl Import {
    fn run(&self, home: &Home, context: &Context) -> Result<(), Failure> {
        if !self.from.exists() {
            let what = format!("there is no file {}", self.from.display());
            let hint = "name the file that tb validator slashing export wrote";
            return Err(Failure::new(ExitCode::NotFound, "file_missing", what, hint));
        }
        let protection = Protection::read(&self.from)?;
        let genesis = read_genesis(home)?.hash();
        if protection.genesis != genesis {
            let (path, found) = (self.from.clone(), protection.genesis);
            return Err(GuardError::OtherChain { path, found, wanted: genesis }.into());
        }
        let reason = self.override_guard.as_deref();
        let reason = reason.map(|reason| Override { from: &self.from, reason, time: now() });
        let imported = protection.import(&home.guard(), reason.as_ref())?;
        let view = ImportView {
            changed: imported.changed,
            before: imported.before.map(Place::from),
            after: imported.after.map(Place::from),
        };
        context.output.result(&view, || {
            fields(&[
                ("before", shown(imported.before)),
                ("after", shown(imported.after)),
                ("guard", if imported.changed { "raised" } else { "unchanged: it knew all of it" }.to_owned()),
            ])
        });
        Ok(())
    }
}
