//! `tb storage repair`: builds the damaged store of a stopped node anew, with what others have of it.
//!
//! ```text
//!   --archive: a store, a home, an export ─┐
//!   --peer-url: running nodes ─────────────┴─ asked in turn, judged ─► the new store
//! ```
//! Rules
//! - A store in which nothing is wrong stays as it is: there is nothing to repair.
//! - A folder that is none of the three is refused, and nothing is made in it.
//! - What each source said last, where it gave nothing, is told once.
//! - What this command cannot mend is refused with another way, never with this command.
//!
//! Read next: `storage::repair`, `spec/recovery.md` (RCV-19 to 22).

use std::fs;
use std::path::{Path, PathBuf};

use ::config::{ArchivePlace, NodeConfig};
use archive::Archive;
use clap::Args;
use primitives::{Genesis, Hash, Height, decode};
use rpc::{Client, ExitCode};
use serde::Serialize;
use storage::{Body, Finding, RepairError, StorageError, Store, StoreConfig, Trust, Verify};

use crate::chain_proof::{ChainProofError, covered_to};
use crate::commands::config::Files;
use crate::commands::export::open_archive;
use crate::commands::snapshots::{load, read_genesis};
use crate::commands::storage::{FINDINGS_MAX, bar, existing, findings};
use crate::context::Context;
use crate::exit::Failure;
use crate::output::{Output, count, fields};

/// Shown with the help of the command.
pub const EXAMPLES: &str = "\
Examples:
  tb storage repair --peer-url http://192.0.2.1:26658 --peer-url http://192.0.2.2:26658
  tb storage repair --archive /backup/node1/data/store --home /var/lib/the-block --json
  tb storage repair --archive s3://blocks/main

The damaged store is moved aside as store.damaged-N in its folder and not changed. A store that is whole stays as it is.";

/// What an operator does about a store that cannot be repaired.
const BEGIN_AGAIN: &str = "begin again from a snapshot as docs/storage_recovery.md says, or move the folder data aside, keep guard and keys, and \
                           start again; check the disk before it is used again";
/// What may be given as an archive.
const ARCHIVES: &str = "name the home of another stopped node, its folder data/store, or what tb storage export wrote: a folder or s3://BUCKET/PREFIX";
/// Columns that are copied as they are: what is wrong in them is wrong in the new store too.
const COPIED: [&str; 5] = ["slots", "nodes", "headers", "meta", "chain_proof"];
/// Digits in the name of a folder of an export.
const EXPORT_DIGITS: usize = 16;

/// Arguments of `tb storage repair`.
#[derive(Debug, Args)]
pub struct Repair {
    #[command(flatten)]
    files: Files,
    /// URL of the RPC of a node that has every block, once for each; they are asked in turn
    #[arg(long, value_name = "URL")]
    peer_url: Vec<String>,
    /// Home or store of another stopped node of this chain, or an export: a folder or s3://BUCKET/PREFIX; asked first
    #[arg(long, value_name = "ARCHIVE")]
    archive: Option<String>,
}

/// What a repair did.
#[derive(Debug, Serialize)]
struct RepairView {
    height: Height,
    kept: u64,
    refetched: u64,
    refetched_heights: Vec<Height>,
    /// Where the damaged store is; none where nothing was wrong, and nothing was done.
    aside: Option<PathBuf>,
}

impl RepairView {
    fn lines(&self) -> String {
        let Some(aside) = &self.aside else {
            return fields(&[
                ("height", count(self.height.0)),
                ("blocks", format!("{}, all whole", count(self.kept))),
                ("next", "nothing to repair: start the node".to_owned()),
            ]);
        };
        fields(&[
            ("height", count(self.height.0)),
            ("blocks", format!("{} kept, {} taken from others", count(self.kept), count(self.refetched))),
            ("damaged store", aside.display().to_string()),
            ("next", "start the node; remove the damaged store once it runs".to_owned()),
        ])
    }
}

/// Where a source has its blocks.
enum Place {
    Node(Client),
    Store(Store),
    Export(Archive),
}

/// Somebody who may have a height.
struct Source {
    name: String,
    place: Place,
    /// Whether it answered at all.
    has_answered: bool,
    /// What it said last where it gave nothing.
    said: Option<String>,
}

/// Waits where the rest of the program may go on meanwhile.
fn wait<T>(asked: impl Future<Output = T>) -> T {
    tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(asked))
}

impl Place {
    fn body(&self, height: Height) -> Result<Option<Body>, Failure> {
        match self {
            Self::Node(client) => {
                let kept = wait(client.block_body(height))?;
                Ok(kept.bytes().and_then(|bytes| decode(&bytes).ok()))
            }
            Self::Store(store) => store.body(height).map_err(|error| Failure::of_store(&error)),
            Self::Export(archive) => Ok(wait(archive.get(height))?),
        }
    }
}

impl Source {
    fn new(name: String, place: Place) -> Self {
        Self { name, place, has_answered: false, said: None }
    }

    /// What it gives for a height, where that is right.
    fn ask(&mut self, height: Height, judge: &dyn Fn(&Body) -> bool) -> Option<Body> {
        let answer = self.place.body(height);
        self.has_answered |= !matches!(&answer, Err(failure) if failure.exit == ExitCode::Connection);
        self.said = Some(match answer {
            Ok(Some(body)) if judge(&body) => return Some(body),
            Ok(Some(_)) => format!("it gave something else than height {height}"),
            Ok(None) => format!("it has no block of height {height}"),
            Err(failure) => failure.error.error,
        });
        None
    }

    fn told(&self) -> Option<String> {
        let name = self.name.trim_end_matches('/');
        // A node that cannot be reached is named by what it was asked with.
        self.said.as_ref().map(|said| if said.contains(name) { said.clone() } else { format!("{name}: {said}") })
    }
}

impl Repair {
    /// Runs the command.
    ///
    /// # Errors
    /// [`Failure`] by name; the damaged store is as it was.
    pub fn run(&self, context: &Context) -> Result<(), Failure> {
        let (home, config) = load(&self.files, context)?;
        let genesis = read_genesis(&home)?;
        let (hash, path) = (genesis.hash(), existing(&config)?);
        let mut sources = Vec::new();
        if let Some(text) = &self.archive {
            sources.push(archived(text, &path, &config, hash, context)?);
        }
        for url in &self.peer_url {
            let client = context.client_at(url)?;
            sources.push(Source::new(client.base_url().to_string(), Place::Node(client)));
        }
        let view = match whole(&path, &genesis, context.output)? {
            Some(view) => view,
            None => repaired(&path, &hash, &mut sources, context.output)?,
        };
        context.output.result(&view, || view.lines());
        Ok(())
    }
}

/// Head and blocks of a store in which nothing is wrong; none for one that is to be repaired.
fn whole(path: &Path, genesis: &Genesis, output: Output) -> Result<Option<RepairView>, Failure> {
    let config = StoreConfig::Disk { path: path.to_owned(), verify: Verify::Full };
    // What cannot be opened or read is for the repair to mend, or to refuse by name.
    let Ok(store) = Store::open(&config, &genesis.hash()) else { return Ok(None) };
    let (Some(head), Ok(mut found)) = (store.head(), findings(&store, genesis, output)) else { return Ok(None) };
    if let Err(error @ ChainProofError::Wrong { height, .. }) = covered_to(&store, genesis) {
        found.push(Finding { column: "chain_proof", height, reason: error.to_string() });
    }
    let Some(first) = found.first() else {
        let kept = head.height.next().0.saturating_sub(store.oldest().0);
        let (height, refetched_heights) = (head.height, Vec::new());
        return Ok(Some(RepairView { height, kept, refetched: 0, refetched_heights, aside: None }));
    };
    if found.iter().all(|finding| COPIED.contains(&finding.column)) {
        let what = format!("what is damaged cannot be repaired: {}: {}", first.column, first.reason);
        return Err(Failure::new(ExitCode::Damaged, "storage", what, BEGIN_AGAIN));
    }
    Ok(None)
}

fn repaired(path: &Path, genesis: &Hash, sources: &mut [Source], output: Output) -> Result<RepairView, Failure> {
    let trust = Trust { digest: snapshots::digest(genesis), certifies: &snapshots::certifies };
    let mut ask =
        |height: Height, judge: &dyn Fn(&Body) -> bool| sources.iter_mut().find_map(|source| source.ask(height, judge));
    let shown = bar(output, 0);
    let repaired = Store::repair(path, genesis, &trust, &mut ask, &mut |done, all| {
        shown.set_length(all);
        shown.set_position(done);
    });
    shown.finish_and_clear();
    let repaired = repaired.map_err(|error| refused(&error, sources))?;
    for told in sources.iter().filter_map(Source::told) {
        output.talk(told);
    }
    Ok(RepairView {
        height: repaired.head,
        kept: repaired.kept,
        refetched: u64::try_from(repaired.refetched.len()).unwrap_or(u64::MAX),
        refetched_heights: repaired.refetched.into_iter().take(FINDINGS_MAX).collect(),
        aside: Some(repaired.aside),
    })
}

/// Why nothing was repaired.
fn refused(error: &RepairError, sources: &[Source]) -> Failure {
    match error {
        RepairError::Storage(error) => of_store(error, error.is_loss().then_some(BEGIN_AGAIN)),
        RepairError::NoSource { height } => no_source(*height, sources),
    }
}

fn no_source(height: Height, sources: &[Source]) -> Failure {
    let hint = "name a node, a stopped store or an export that has every block, or begin again from a snapshot";
    let told: Vec<String> = sources.iter().filter_map(Source::told).collect();
    let (exit, why) = match told.as_slice() {
        [] => (ExitCode::NotFound, "no source was named".to_owned()),
        told if sources.iter().any(|source| source.has_answered) => {
            (ExitCode::NotFound, format!("no source has it whole: {}", told.join(", ")))
        }
        told => (ExitCode::Connection, format!("no source answers: {}", told.join(", "))),
    };
    Failure::new(exit, "no_source", format!("height {height} is damaged, and {why}"), hint)
}

/// The failure of a store, with another hint.
fn of_store(error: &StorageError, hint: Option<&str>) -> Failure {
    let mut failure = Failure::of_store(error);
    if let Some(hint) = hint {
        failure.error.hint = hint.to_owned();
    }
    failure
}

/// The source that `--archive` names; `own` is the damaged store.
fn archived(text: &str, own: &Path, config: &NodeConfig, genesis: Hash, context: &Context) -> Result<Source, Failure> {
    let export = || {
        let (archive, name) = open_archive(text, &config.reconstruction.s3, genesis, context)?;
        Ok(Source::new(name, Place::Export(archive)))
    };
    // What is no address of an archive is refused where it is opened.
    let Ok(ArchivePlace::Folder(folder)) = ArchivePlace::parse(text, |path| path.into()) else { return export() };
    if let Some(path) = store_in(&folder) {
        if fs::canonicalize(&path).ok() == fs::canonicalize(own).ok() {
            let what = format!("{} is the store that is to be repaired", path.display());
            return Err(Failure::usage(what, ARCHIVES));
        }
        let name = path.display().to_string();
        let store = Store::open(&StoreConfig::Disk { path, verify: Verify::Recent }, &genesis);
        let store = store.map_err(|error| of_store(&error, error.is_loss().then_some(ARCHIVES)))?;
        return Ok(Source::new(name, Place::Store(store)));
    }
    if is_export(&folder) {
        return export();
    }
    let what = format!("{} is no folder of a store, of a node or of an export", folder.display());
    Err(Failure::new(ExitCode::NotFound, "archive_missing", what, ARCHIVES))
}

/// The store in a folder: its own, or that of the home which it is.
fn store_in(folder: &Path) -> Option<PathBuf> {
    let places = [folder.to_owned(), folder.join("data/store")];
    places.into_iter().find(|place| place.join("store/engine").is_dir())
}

/// Whether `tb storage export` wrote to this folder.
fn is_export(folder: &Path) -> bool {
    let is_part = |name: &str| name.len() == EXPORT_DIGITS && name.bytes().all(|byte| byte.is_ascii_digit());
    let mut entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    entries.any(|entry| entry.file_name().to_str().is_some_and(is_part))
}
