//! `tb migrate`: brings the store of a stopped node to the schema of this program.
//!
//! Rule: what it prints is what it found and what it wants, whether anything was to do or not.
//!
//! Read next: `storage/src/migrate.rs`.

use clap::Args;
use rpc::ExitCode;
use serde::Serialize;
use snapshots::Progress;
use storage::{CrashPoint, Store, set_crash_point};

use crate::commands::config::Files;
use crate::commands::snapshots::{Bar, load, read_genesis};
use crate::context::Context;
use crate::exit::Failure;
use crate::output::fields;

const EXAMPLES: &str = "\
Examples:
  tb migrate --dry-run                             say what would be done
  tb migrate --home /var/lib/the-block             while the node is stopped, after a backup";

/// Arguments of `tb migrate`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(flatten)]
    files: Files,
    /// Check the store and say what would be done; write nothing
    #[arg(long)]
    dry_run: bool,
    /// Die at this place, for crash tests
    #[arg(long, value_name = "POINT", hide = true)]
    crash_at: Option<String>,
}

/// What was found and done.
#[derive(Debug, Serialize)]
struct Migrated {
    old_schema: u32,
    new_schema: u32,
    done: bool,
    changed: bool,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`] for a store that is missing, in use, damaged, of another chain or of an unknown schema; it stays as it is.
pub fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    let (home, config) = load(&arguments.files, context)?;
    let genesis = read_genesis(&home)?.hash();
    let path = config.store_dir();
    if !path.exists() {
        let what = format!("there is no store in {}", path.display());
        return Err(Failure::new(ExitCode::NotFound, "store_missing", what, "name the home of a node with --home"));
    }
    if let Some(name) = &arguments.crash_at {
        let point: CrashPoint =
            name.parse().map_err(|error| Failure::told(ExitCode::Usage, "usage", error, "name a crash point"))?;
        set_crash_point(point);
    }
    context.output.talk("every file is read, then every value");
    let bar = Bar::of(context.output, "values of heights");
    let whole = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
    let mut told = |done, count| bar.tell(Progress { done: whole(done), count: whole(count) });
    let migration = Store::migrate(&path, &genesis, arguments.dry_run, &mut told);
    bar.end();
    let migration = migration.map_err(|error| Failure::of_store(&error))?;
    let migrated = Migrated {
        old_schema: migration.found,
        new_schema: migration.wanted,
        done: migration.is_done,
        changed: migration.is_done && migration.found != migration.wanted,
    };
    context.output.result(&migrated, || {
        let done = match (migrated.done, migrated.changed) {
            (true, true) => "brought forward",
            (true, false) => "nothing to do",
            (false, _) => "to do: run it without --dry-run",
        };
        fields(&[
            ("old schema", migrated.old_schema.to_string()),
            ("new schema", migrated.new_schema.to_string()),
            ("result", done.to_owned()),
        ])
    });
    Ok(())
}
