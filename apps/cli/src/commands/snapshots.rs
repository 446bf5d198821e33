//! `tb snapshots`: copies of the state after one block, and nodes that begin with one.
//!
//! Rules
//! - A stopped node's store is opened here; a running one is asked at `--rpc` with `--live`.
//! - A check asks two things apart: whether the copy is whole, and by whom its header is attested (`snapshot_trust.rs`).

use std::path::PathBuf;

use clap::{Args, Subcommand};
use config::{Home, NodeConfig};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use primitives::{Genesis, Hash, Height, SecretKey, Timestamp};
use rpc::ExitCode;
use serde::Serialize;
use snapshots::{Maker, Progress, Shelf, Snapshot, SnapshotError};
use storage::{CrashPoint, StorageError, Store, StoreConfig, set_crash_point};
use wallet::NodeKey;

use crate::StateRebuilder;
use crate::commands::config::Files;
use crate::commands::genesis::now;
use crate::commands::snapshot_at;
use crate::commands::snapshot_restore::{EXAMPLES_RESTORE, Restore};
use crate::commands::snapshot_trust::{Own, Trusted, not_attested};
use crate::context::{Context, environment};
use crate::exit::Failure;
use crate::output::{Output, count, duration_ms, fields, table};

const EXAMPLES: &str = "\
Examples:
  tb snapshots create --path /backup/snapshots
  tb snapshots create --live
  tb snapshots list
  tb snapshots verify --path /backup/snapshots
  tb snapshots restore --from /backup/snapshots --home /var/lib/the-block
  tb snapshots prune --keep 3";
const EXAMPLES_CREATE: &str = "\
Examples:
  tb snapshots create                                  of a stopped node, into its snapshot_dir
  tb snapshots create --path /backup/snapshots --json
  tb snapshots create --live --rpc http://127.0.0.1:26658";
const EXAMPLES_LIST: &str = "\
Examples:
  tb snapshots list
  tb snapshots list --path /backup/snapshots --json";
const EXAMPLES_VERIFY: &str = "\
Examples:
  tb snapshots verify                                  the highest of snapshot_dir
  tb snapshots verify --path /backup/snapshots/00000000000000003600-4f0c1d2e3a4b5c6d
  tb snapshots verify --trust 3600:5d41402abc4b2a76b9719d911017c592ae3f1c66e1e9b0a37d0f5b61c2a4e8f9

A snapshot whose header nobody attests ends the command with not_attested, also where every byte of it is whole.";
const EXAMPLES_PRUNE: &str = "\
Examples:
  tb snapshots prune --keep 3
  tb snapshots prune --keep 24 --max-age-hours 72 --path /backup/snapshots";

/// Most snapshots that a shelf can keep.
const SNAPSHOTS_MAX: u64 = 1_024;
/// Milliseconds of an hour.
const HOUR_MS: u64 = 3_600_000;
/// Largest genesis file that is read, bytes.
const GENESIS_BYTES_MAX: u64 = 1 << 30;

/// Arguments of `tb snapshots`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Copy the state after the last finalized block; older snapshots stay until it is whole
    #[command(after_help = EXAMPLES_CREATE)]
    Create(Create),
    /// List snapshots, the highest first, and whether their chunks are there with the right size
    #[command(after_help = EXAMPLES_LIST)]
    List(Place),
    /// Check every byte of a snapshot against its header, and the header against own blocks, the genesis file or --trust
    #[command(after_help = EXAMPLES_VERIFY)]
    Verify(Verify),
    /// Fill the empty store of a home from a snapshot whose header is attested; the node goes on from that height
    #[command(after_help = EXAMPLES_RESTORE)]
    Restore(Restore),
    /// Remove old snapshots; the newest one stays
    #[command(after_help = EXAMPLES_PRUNE)]
    Prune(Prune),
    /// Make the state after an earlier height again, from a snapshot of a stopped node and the blocks after it
    #[command(after_help = snapshot_at::EXAMPLES_REBUILD)]
    Rebuild(snapshot_at::Rebuild),
    /// Show an account as a snapshot holds it; every chunk is checked first
    #[command(after_help = snapshot_at::EXAMPLES_ACCOUNT)]
    Account(snapshot_at::Account),
}

/// Where snapshots are.
#[derive(Debug, Args)]
pub struct Place {
    #[command(flatten)]
    pub(super) files: Files,
    /// Folder of snapshots, or of one [default: snapshot_dir of the configuration]
    #[arg(long, value_name = "DIR")]
    path: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Create {
    #[command(flatten)]
    place: Place,
    /// Ask the running node at --rpc, which makes it in its own snapshot_dir
    #[arg(long, conflicts_with = "path")]
    live: bool,
    /// Die at this place, for crash tests
    #[arg(long, value_name = "POINT", hide = true)]
    crash_at: Option<String>,
}

/// Arguments of `tb snapshots verify`.
#[derive(Debug, Args)]
pub struct Verify {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    trusted: Trusted,
}

#[derive(Debug, Args)]
struct Prune {
    #[command(flatten)]
    place: Place,
    /// How many stay [default: snapshots.keep of the configuration]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..=SNAPSHOTS_MAX))]
    keep: Option<u64>,
    /// Remove those made longer ago as well [default: snapshots.keep_hours of the configuration]
    #[arg(long, value_name = "HOURS")]
    max_age_hours: Option<u64>,
}

impl From<SnapshotError> for Failure {
    fn from(error: SnapshotError) -> Self {
        let (exit, code) = match &error {
            SnapshotError::Storage(error) => return Self::of_store(error),
            SnapshotError::Io { .. } => (ExitCode::Unexpected, "disk"),
            SnapshotError::NothingFinalized => (ExitCode::NotReady, "nothing_finalized"),
            SnapshotError::Missing { .. } => (ExitCode::NotFound, "snapshot_missing"),
            SnapshotError::InUse { .. } => (ExitCode::Refused, "snapshot_in_use"),
            SnapshotError::OtherChain { .. } => (ExitCode::Refused, "other_chain"),
            SnapshotError::OtherFormat { .. } => (ExitCode::Refused, "other_format"),
            SnapshotError::NotEmpty { .. } => (ExitCode::Refused, "store_not_empty"),
            SnapshotError::TooLarge { .. } => (ExitCode::Refused, "snapshot_too_large"),
            SnapshotError::OtherRoot { .. } | SnapshotError::NoValidators => (ExitCode::Damaged, "chain"),
            _ => (ExitCode::Damaged, "snapshot_refused"),
        };
        Self::told(exit, code, error, "use another snapshot")
    }
}

impl Failure {
    /// A store that cannot be opened or read.
    pub fn of_store(error: &StorageError) -> Self {
        match error {
            StorageError::InUse { .. } => {
                let hint = "stop the node, then type this again";
                let text = error.to_string();
                let what = text.split_once("; ").map_or(text.as_str(), |(what, _)| what);
                Self::new(ExitCode::Refused, "store_in_use", what, hint)
            }
            StorageError::Damaged { .. } | StorageError::DamagedFile { .. } | StorageError::LostBlocks { .. } => {
                Self::told(ExitCode::Damaged, "storage", error, "restore the store")
            }
            StorageError::OldSchema { .. } => Self::told(ExitCode::Refused, "old_schema", error, "run tb migrate"),
            error => Self::told(ExitCode::Refused, "storage", error, "check the store"),
        }
    }
}

/// A snapshot in the output.
#[derive(Debug, Serialize)]
pub struct View {
    height: Height,
    block: Hash,
    id: Hash,
    path: PathBuf,
    chain_id: String,
    made_at: Timestamp,
    signer: primitives::PublicKey,
    accounts: u32,
    chunks: usize,
    bytes: u64,
}

impl View {
    /// That of a snapshot.
    pub fn of(snapshot: &Snapshot) -> Self {
        let manifest = &snapshot.manifest;
        Self {
            height: manifest.height(),
            block: manifest.content.header.hash(),
            id: manifest.id(),
            path: snapshot.path.clone(),
            chain_id: manifest.chain_id(),
            made_at: manifest.made_at,
            signer: manifest.signer,
            accounts: manifest.content.header.next_slot,
            chunks: manifest.chunks().len(),
            bytes: manifest.packed_bytes(),
        }
    }

    /// Its rows for people.
    pub fn rows(&self) -> Vec<(&'static str, String)> {
        vec![
            ("height", count(self.height.0)),
            ("block", self.block.to_string()),
            ("accounts", count(u64::from(self.accounts))),
            ("size", format!("{} bytes in {} chunks", count(self.bytes), self.chunks)),
            ("path", self.path.display().to_string()),
        ]
    }
}

#[derive(Debug, Serialize)]
struct Made {
    #[serde(flatten)]
    snapshot: View,
    milliseconds: u64,
}

#[derive(Debug, Serialize)]
struct Verified {
    #[serde(flatten)]
    snapshot: View,
    /// Every chunk leads to the roots of the header.
    whole: bool,
    /// Somebody attests the header: the result of a check that nobody does is a failure.
    attested: bool,
    /// Who.
    attested_by: String,
    milliseconds: u64,
}

/// A snapshot in the list: its manifest was read, and the sizes of its chunks were looked at; no chunk was opened.
#[derive(Debug, Serialize)]
struct Shelved {
    #[serde(flatten)]
    snapshot: View,
    /// Chunks without a file.
    chunks_missing: usize,
    /// Chunks whose file has another size than the manifest says.
    chunks_of_other_size: usize,
}

impl Shelved {
    fn of(snapshot: &Snapshot) -> Self {
        let mut shelved = Self { snapshot: View::of(snapshot), chunks_missing: 0, chunks_of_other_size: 0 };
        for entry in snapshot.manifest.chunks() {
            match std::fs::metadata(snapshot.chunk_path(&entry.id)) {
                Ok(file) if file.len() == u64::from(entry.packed) => {}
                Ok(_) => shelved.chunks_of_other_size += 1,
                Err(_) => shelved.chunks_missing += 1,
            }
        }
        shelved
    }

    fn files(&self) -> String {
        match (self.chunks_missing, self.chunks_of_other_size) {
            (0, 0) => "there".to_owned(),
            (missing, 0) => format!("{missing} missing"),
            (0, other) => format!("{other} of another size"),
            (missing, other) => format!("{missing} missing, {other} of another size"),
        }
    }
}

#[derive(Debug, Serialize)]
struct Listed {
    /// What was looked at: `sizes`. `tb snapshots verify` reads every byte.
    checked: &'static str,
    snapshots: Vec<Shelved>,
    refused: Vec<Refused>,
}

#[derive(Debug, Serialize)]
struct Refused {
    path: PathBuf,
    error: String,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`] by name.
pub async fn run(arguments: &Arguments, context: &Context, state: Option<StateRebuilder>) -> Result<(), Failure> {
    match &arguments.command {
        Command::Rebuild(rebuild) => rebuild.run(context, state).await,
        Command::Account(account) => account.run(context),
        Command::Create(create) if create.live => live(context).await,
        Command::Create(create) => create.run(context),
        Command::List(place) => list(place, context),
        Command::Verify(verify) => verify.run(context).await,
        Command::Restore(restore) => restore.run(context).await,
        Command::Prune(prune) => prune.run(context),
    }
}

async fn live(context: &Context) -> Result<(), Failure> {
    let made = context.client()?.make_snapshot().await?;
    context.output.result(&made, || {
        fields(&[
            ("height", count(made.height.0)),
            ("block", made.block.to_string()),
            ("accounts", count(u64::from(made.accounts))),
            ("size", format!("{} bytes in {} chunks", count(made.bytes), made.chunks)),
            ("name", made.name.clone()),
        ])
    });
    Ok(())
}

impl Place {
    fn config(&self, context: &Context) -> Result<(Home, NodeConfig), Failure> {
        load(&self.files, context)
    }

    /// The folder that is meant.
    ///
    /// # Errors
    /// [`Failure`] for a configuration that cannot be read.
    pub fn folder(&self, context: &Context) -> Result<PathBuf, Failure> {
        self.path.clone().map_or_else(|| Ok(self.config(context)?.1.snapshots.dir), Ok)
    }

    fn shelf(&self, context: &Context) -> Result<Shelf, Failure> {
        if let Some(path) = self.path.as_ref().filter(|path| !path.is_dir()) {
            let what = format!("there is no folder {}", path.display());
            return Err(Failure::new(
                ExitCode::NotFound,
                "snapshot_missing",
                what,
                "name the folder of snapshots with --path",
            ));
        }
        Ok(Shelf::new(self.folder(context)?))
    }
}

/// The home and its configuration.
///
/// # Errors
/// [`Failure`] for a configuration that a start would refuse.
pub fn load(files: &Files, context: &Context) -> Result<(Home, NodeConfig), Failure> {
    let home = files.home(context);
    let config = NodeConfig::load(&home, &files.flags()?, environment)?.config;
    Ok((home, config))
}

/// The genesis of a home.
///
/// # Errors
/// [`Failure`] for a file that is missing or is none.
pub fn read_genesis(home: &Home) -> Result<Genesis, Failure> {
    let path = home.genesis_json();
    let size = std::fs::metadata(&path).map_err(|cause| match cause.kind() {
        std::io::ErrorKind::NotFound => Failure::new(
            ExitCode::NotFound,
            "genesis_missing",
            format!("there is no genesis file in {}", home.root().display()),
            "name the home of a node with --home, or put the genesis file of the chain there: tb init --genesis FILE",
        ),
        _ => Failure::disk(&path, &cause),
    });
    let size = size?.len();
    if size > GENESIS_BYTES_MAX {
        return Err(Failure::usage(
            format!("{} is too large for a genesis file", path.display()),
            "use the right file",
        ));
    }
    let text = std::fs::read_to_string(&path).map_err(|cause| Failure::disk(&path, &cause))?;
    Genesis::from_json(&text)
        .map_err(|error| Failure::told(ExitCode::Config, "genesis", error, "use the genesis file of the chain"))
}

/// The store of a stopped node that is there already.
///
/// # Errors
/// [`Failure`] for one that is not there, is in use or is damaged.
pub fn open_store(config: &NodeConfig, genesis: &Genesis) -> Result<Store, Failure> {
    let path = config.store_dir();
    if !path.exists() {
        let what = format!("there is no store in {}", path.display());
        return Err(Failure::new(ExitCode::NotFound, "store_missing", what, "name the home of a node with --home"));
    }
    Store::open(&StoreConfig::Disk { path, verify: storage::Verify::Recent }, &genesis.hash())
        .map_err(|error| Failure::of_store(&error))
}

impl Create {
    fn run(&self, context: &Context) -> Result<(), Failure> {
        if let Some(name) = &self.crash_at {
            let point: CrashPoint =
                name.parse().map_err(|error| Failure::told(ExitCode::Usage, "crash_at", error, ""))?;
            set_crash_point(point);
        }
        let (home, config) = self.place.config(context)?;
        let genesis = read_genesis(&home)?;
        let key = NodeKey::load(&home.node_key(), None)?.key;
        let key = SecretKey::from_seed(*key.identity.seed());
        let store = open_store(&config, &genesis).map_err(|failure| failure.or_live("tb snapshots create --live"))?;
        let started = std::time::Instant::now();
        let shelf = Shelf::new(self.place.path.as_ref().unwrap_or(&config.snapshots.dir));
        let frozen = store.freeze().map_err(|error| Failure::of_store(&error))?;
        let maker = Maker { chain_id: &genesis.chain_id, key: &key, now: now() };
        let bar = Bar::new(context.output);
        let snapshot = shelf.create(&frozen, &maker, &mut |progress| bar.tell(progress))?;
        bar.end();
        let made = Made { snapshot: View::of(&snapshot), milliseconds: elapsed(started) };
        context.output.result(&made, || {
            let mut rows = made.snapshot.rows();
            rows.push(("time", duration_ms(made.milliseconds)));
            fields(&rows)
        });
        Ok(())
    }
}

fn list(place: &Place, context: &Context) -> Result<(), Failure> {
    let mut listed = Listed { checked: "sizes", snapshots: Vec::new(), refused: Vec::new() };
    for (path, snapshot) in place.shelf(context)?.list()? {
        match snapshot {
            Ok(snapshot) => listed.snapshots.push(Shelved::of(&snapshot)),
            Err(error) => listed.refused.push(Refused { path, error: error.to_string() }),
        }
    }
    context.output.result(&listed, || {
        let rows: Vec<[String; 5]> = listed
            .snapshots
            .iter()
            .map(|one| {
                let View { height, accounts, bytes, path, .. } = &one.snapshot;
                let path = path.display().to_string();
                [count(height.0), count(u64::from(*accounts)), count(*bytes), one.files(), path]
            })
            .collect();
        let mut text = table(["HEIGHT", "ACCOUNTS", "BYTES", "CHUNKS", "PATH"], &rows);
        text.push_str("\nonly manifests and sizes were looked at; tb snapshots verify reads every byte");
        for refused in &listed.refused {
            text.push_str(&format!("\n{}: {}", refused.path.display(), refused.error));
        }
        text
    });
    Ok(())
}

impl Verify {
    /// Checks every byte of one, and who attests its header.
    ///
    /// # Errors
    /// [`Failure`] for the first that is wrong, and `not_attested` for one that is whole and whose header nobody attests.
    pub async fn run(&self, context: &Context) -> Result<(), Failure> {
        let started = std::time::Instant::now();
        let home = self.place.files.home(context);
        let snapshot = Snapshot::find(&self.place.folder(context)?)?;
        let genesis = home.genesis_json().exists().then(|| read_genesis(&home)).transpose()?;
        if let Some(genesis) = &genesis {
            snapshot.manifest.check_chain(&genesis.hash())?;
        }
        let bar = Bar::new(context.output);
        snapshot.read(&mut |progress| bar.tell(progress), &mut |_, _| {})?;
        bar.end();
        let store = self.place.config(context).ok().map(|(_, config)| config.store_dir());
        let own = Own { home: &home, store, genesis: genesis.as_ref() };
        let verdict = self.trusted.judge(&snapshot, &own, context).await?;
        let attested_by =
            verdict.map_err(|why| not_attested(&snapshot, &format!("every byte is whole, but {why}"), ""))?;
        let milliseconds = elapsed(started);
        let (view, attested) = (View::of(&snapshot), true);
        let verified = Verified { snapshot: view, whole: true, attested, attested_by, milliseconds };
        context.output.result(&verified, || {
            let mut rows = verified.snapshot.rows();
            rows.push(("whole", "every byte was read: every chunk leads to the roots of the header".to_owned()));
            rows.push(("attested", verified.attested_by.clone()));
            rows.push(("time", duration_ms(verified.milliseconds)));
            fields(&rows)
        });
        Ok(())
    }
}

#[derive(Debug, Serialize)]
struct Pruned {
    removed: Vec<PathBuf>,
    kept: usize,
}

impl Prune {
    fn run(&self, context: &Context) -> Result<(), Failure> {
        let (_, config) = self.place.config(context)?;
        let shelf = self.place.shelf(context)?;
        let keep = self.keep.map_or(config.snapshots.keep, |keep| usize::try_from(keep).unwrap_or(usize::MAX));
        let age = self.max_age_hours.map(|hours| hours.saturating_mul(HOUR_MS)).or(config.snapshots.keep_ms());
        let removed = shelf.prune(keep, age, now())?;
        let kept = shelf.list()?.len();
        let pruned = Pruned { removed, kept };
        context.output.result(&pruned, || format!("{} removed, {} kept", pruned.removed.len(), pruned.kept));
        Ok(())
    }
}

/// Milliseconds since then.
pub fn elapsed(started: std::time::Instant) -> u64 {
    u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// How far it is: a bar for a person who watches, tenths for everybody else.
pub struct Bar {
    output: Output,
    /// What is counted, in the plural.
    unit: &'static str,
    bar: ProgressBar,
}

impl Bar {
    /// No chunk done.
    pub fn new(output: Output) -> Self {
        Self::of(output, "chunks")
    }

    /// Nothing done of what is counted in this unit.
    pub fn of(output: Output, unit: &'static str) -> Self {
        let bar = ProgressBar::hidden();
        let style = ProgressStyle::with_template(&format!("{{bar:40}} {{pos}}/{{len}} {unit}, {{eta}} left"));
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        if output.is_watched() {
            bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        Self { output, unit, bar }
    }

    /// So much is done.
    pub fn tell(&self, progress: Progress) {
        let Progress { done, count } = progress;
        self.bar.set_length(u64::try_from(count).unwrap_or(u64::MAX));
        self.bar.set_position(u64::try_from(done).unwrap_or(u64::MAX));
        let tenth = count.div_ceil(10).max(1);
        if !self.output.is_watched() && (done == count || done.is_multiple_of(tenth)) {
            self.output.talk(format_args!("{done} of {count} {}", self.unit));
        }
    }

    /// All is done.
    pub fn end(&self) {
        self.bar.finish_and_clear();
    }
}
