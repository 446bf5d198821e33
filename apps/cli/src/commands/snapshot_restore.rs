//! `tb snapshots restore`: an empty store is filled from a snapshot whose header is attested.
//!
//! Rules
//! - The header is judged first (`snapshot_trust.rs`), and nothing is written for one that nobody attests.
//! - Who knows better gives a reason with `--unattested`; it is kept in `overrides.log` of the data folder before anything is filled.
//! - Every chunk is checked before the first byte is written, whoever attests the header.
//!
//! Read next: `snapshots::restore`, `spec/snapshots.md` (SNP-14, 32, 33).

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use config::NodeConfig;
use primitives::Genesis;
use serde::Serialize;
use snapshots::{Snapshot, SnapshotError, restore};
use storage::{Store, StoreConfig, Verify};

use crate::commands::config::Files;
use crate::commands::genesis::now;
use crate::commands::snapshot_trust::{Own, Trusted, not_attested};
use crate::commands::snapshots::{Bar, View, elapsed, load, read_genesis};
use crate::context::Context;
use crate::exit::Failure;
use crate::output::{Output, duration_ms, fields};

/// Shown with the help of `tb snapshots restore`.
pub const EXAMPLES_RESTORE: &str = "\
Examples:
  tb snapshots restore --from /backup/snapshots --home /var/lib/the-block
  tb snapshots restore --from /backup/snapshots --trust 3600:5d41402abc4b2a76b9719d911017c592ae3f1c66e1e9b0a37d0f5b61c2a4e8f9
  tb snapshots restore --from /backup/snapshots --home /var/lib/the-block --json";
/// What was restored against the advice, below the data folder.
const OVERRIDES: &str = "overrides.log";
/// What more helps where nobody attests the header.
const UNATTESTED: &str = "; for a copy that you made yourself give the reason: --unattested \"…\"; it is kept in overrides.log of the data folder";

/// Arguments of `tb snapshots restore`.
#[derive(Debug, Args)]
pub struct Restore {
    #[command(flatten)]
    files: Files,
    /// Folder of snapshots, or of one; of several the highest
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    #[command(flatten)]
    trusted: Trusted,
    /// Take a snapshot whose header nobody attests, for this reason
    #[arg(long, value_name = "REASON", conflicts_with = "trust")]
    unattested: Option<String>,
}

/// What a restore did.
#[derive(Debug, Serialize)]
struct Restored {
    #[serde(flatten)]
    snapshot: View,
    home: PathBuf,
    attested: bool,
    attested_by: String,
    milliseconds: u64,
}

impl Restore {
    /// Runs the command.
    ///
    /// # Errors
    /// [`Failure`] by name; the store is empty then.
    pub async fn run(&self, context: &Context) -> Result<(), Failure> {
        let started = std::time::Instant::now();
        let (home, config) = load(&self.files, context)?;
        let genesis = read_genesis(&home)?;
        let snapshot = Snapshot::find(&self.from)?;
        snapshot.manifest.check_chain(&genesis.hash())?;
        let own = Own { home: &home, store: Some(config.store_dir()), genesis: Some(&genesis) };
        let verdict = self.trusted.judge(&snapshot, &own, context).await?;
        if let Err(why) = &verdict {
            Unattested::of(&snapshot, why, self.unattested.as_deref())?.keep(&config, context.output)?;
        }
        fill(&snapshot, &config, &genesis, context.output)?;
        let restored = Restored {
            snapshot: View::of(&snapshot),
            home: home.root().to_owned(),
            attested: verdict.is_ok(),
            attested_by: verdict.unwrap_or_else(|why| why),
            milliseconds: elapsed(started),
        };
        context.output.result(&restored, || {
            let mut rows = restored.snapshot.rows();
            rows.push(("home", restored.home.display().to_string()));
            let attested = if restored.attested { "yes" } else { "NO" };
            rows.push(("attested", format!("{attested}: {}", restored.attested_by)));
            rows.push(("time", duration_ms(restored.milliseconds)));
            fields(&rows)
        });
        Ok(())
    }
}

/// A snapshot that is taken although nobody attests it.
pub struct Unattested<'a> {
    snapshot: &'a Snapshot,
    why: &'a str,
    reason: &'a str,
}

impl<'a> Unattested<'a> {
    /// One that is not attested because of `why`, with the reason to take it.
    ///
    /// # Errors
    /// [`Failure`] `not_attested` where no reason is given.
    pub fn of(snapshot: &'a Snapshot, why: &'a str, reason: Option<&'a str>) -> Result<Self, Failure> {
        let reason = reason.map(str::trim).filter(|reason| !reason.is_empty());
        let reason = reason.ok_or_else(|| not_attested(snapshot, why, UNATTESTED))?;
        Ok(Self { snapshot, why, reason })
    }

    /// Keeps which snapshot was taken, when and why; durable when it returns.
    ///
    /// # Errors
    /// [`Failure`] of the disk.
    pub fn keep(&self, config: &NodeConfig, output: Output) -> Result<(), Failure> {
        let Self { snapshot, why, reason } = self;
        let line = serde_json::json!({
            "time": now(), "snapshot": snapshot.path, "height": snapshot.height(),
            "block": snapshot.manifest.content.header.hash(), "not_attested": why, "reason": reason,
        });
        append(&config.data_dir.join(OVERRIDES), &format!("{line}\n"))?;
        output.talk(format!("warning: nobody attests this snapshot: {why}"));
        Ok(())
    }
}

/// Adds a line to a file and makes it durable.
///
/// # Errors
/// [`Failure`] of the disk.
pub fn append(path: &Path, line: &str) -> Result<(), Failure> {
    let failed = |cause| Failure::disk(path, &cause);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut file = OpenOptions::new().create(true).append(true).open(path).map_err(failed)?;
    file.write_all(line.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)
}

/// Fills the empty store of a configuration. Whether the header is attested is for the caller to say.
///
/// # Errors
/// [`Failure`]; the store is empty then.
pub fn fill(snapshot: &Snapshot, config: &NodeConfig, genesis: &Genesis, output: Output) -> Result<(), Failure> {
    let path = config.store_dir();
    let store = StoreConfig::Disk { path: path.clone(), verify: Verify::Recent };
    let store = Store::open(&store, &genesis.hash()).map_err(|error| Failure::of_store(&error))?;
    if store.head().is_some() {
        return Err(SnapshotError::NotEmpty { path }.into());
    }
    let bar = Bar::new(output);
    restore(snapshot, &store, &mut |progress| bar.tell(progress))?;
    bar.end();
    Ok(())
}
