//! State sync: an empty node begins with the snapshot of others, and believes none of them.
//!
//! ```text
//!   sources ── plan ──► manifests, the highest first ── light client: genesis or a checkpoint leads to its header ──►
//!      └── one task each ── chunk ── check against the header ──► <p2p.chunk_db_path>/ ── all there ──► store
//! ```
//!
//! Rules
//! - The header counts by its certificate alone, judged as every light client does (`proof::light`), inside the trusting
//!   period. A manifest's signature says who made it, nothing more.
//! - A chunk is checked before it is kept, and again before it is used. A source that gives a wrong one is dropped and
//!   named; so is one that does not answer [`FAILURES_MAX`] times.
//! - Chunks that are kept outlive the process: the next start goes on where this one ended. They are kept under their hash, so a
//!   chunk that two snapshots share is fetched once. In the folder nothing else is touched, since an operator may have named it.
//! - A store that holds anything is left as it is.
//!
//! Read next: `fetch.rs` (sources and chunks), `spec/snapshots.md`.

mod fetch;

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use ::config::{Home, NodeConfig};
use primitives::{Genesis, Hash, Height, Timestamp};
use proof::light::{CertifiedHeader, ChainRules, LightError, Walk};
use rpc::types::BlockId;
use rpc::{Client, ClientConfig};
use serde::Serialize;
use snapshots::{Collection, Manifest, SnapshotError, restore};
use storage::{StorageError, Store, StoreConfig, Verify, system_files};

use crate::clock;
use fetch::Source;

/// Failed requests in a row after which a source is dropped.
pub const FAILURES_MAX: u32 = 3;
/// Most sources of one sync.
pub const SOURCES_MAX: usize = 64;
/// What the last sync did, below the data folder.
const REPORT: &str = "state_sync.json";

/// From whom, and from what on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateSync {
    /// URLs of the RPC of nodes that have snapshots.
    pub sources: Vec<String>,
    /// A height and its block hash, learned elsewhere; genesis without one.
    pub trust: Option<(Height, Hash)>,
}

/// Why a node did not begin with a snapshot.
#[derive(Debug, thiserror::Error)]
pub enum StateSyncError {
    /// No URL was given, or too many.
    #[error("a state sync takes 1 to {SOURCES_MAX} sources; next: name nodes with --peer-url")]
    Sources,
    /// What is trusted is too old.
    #[error("{0}; next: give a newer one with --trust HEIGHT:HASH, learned from somebody you trust")]
    CheckpointTooOld(LightError),
    /// The genesis file starts no chain.
    #[error("{0}; next: use the genesis file of the chain")]
    Rules(#[from] proof::light::RulesError),
    /// Nobody gave a snapshot that holds.
    #[error(
        "no source gave a snapshot that holds: {dropped}; next: name other nodes with --peer-url, or start without --state-sync"
    )]
    NoSnapshot {
        /// Who was dropped and why.
        dropped: String,
    },
    /// The chunks that are missing were not to be had.
    #[error(
        "{missing} of {count} chunks are missing and no source is left: {dropped}; next: start again to go on from here, with further nodes in --peer-url"
    )]
    NoSource {
        /// How many are missing.
        missing: usize,
        /// Of how many.
        count: usize,
        /// Who was dropped and why.
        dropped: String,
    },
    /// The disk or a chunk.
    #[error("{0}")]
    Snapshot(#[from] SnapshotError),
    /// The store.
    #[error("{0}")]
    Storage(#[from] StorageError),
}

/// A source that is not asked any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Dropped {
    /// Its URL.
    pub url: String,
    /// Why.
    pub reason: String,
}

/// What a sync did.
#[derive(Debug, Clone, Serialize)]
struct Report {
    height: Height,
    block: Hash,
    snapshot: Hash,
    chunks: usize,
    resumed: usize,
    bytes: u64,
    certificates: u64,
    sources: Vec<String>,
    dropped: Vec<Dropped>,
    milliseconds: u64,
}

/// Fills the store of this home, if it is empty.
///
/// # Errors
/// [`StateSyncError`]; the store is empty then.
pub async fn run(sync: &StateSync, home: &Home, config: &NodeConfig, genesis: &Genesis) -> Result<(), StateSyncError> {
    if sync.sources.is_empty() || sync.sources.len() > SOURCES_MAX {
        return Err(StateSyncError::Sources);
    }
    let hash = genesis.hash();
    let store = StoreConfig::Disk { path: config.store_dir(), verify: Verify::Recent };
    let store = Store::open(&store, &hash)?;
    if let Some(head) = store.head() {
        tracing::info!(height = head.height.0, home = %home.root().display(), "no state sync: the store holds the chain");
        return Ok(());
    }
    let started = Instant::now();
    let rules = ChainRules::of(genesis)?;
    let mut dropped = Vec::new();
    let found = find(sync, &rules, &hash, &mut dropped).await?;
    let urls: Vec<String> = found.sources.iter().map(|source| source.url.clone()).collect();
    let (count, height) = (found.manifest.chunks().len(), found.manifest.height());
    tracing::info!(%height, chunks = count, bytes = found.manifest.packed_bytes(), sources = urls.len(), "state sync begins");
    let (block, bytes, id) = (found.manifest.content.header.hash(), found.manifest.packed_bytes(), found.manifest.id());
    let collection = Collection::open(system_files(), &config.p2p.chunk_db, Arc::new(found.manifest))?;
    let (resumed, collection) = (collection.resumed(), Arc::new(collection));
    fetch::all(&collection, found.sources, &mut dropped).await?;
    let whole = Arc::clone(&collection);
    // Hashing the whole state takes a core for a while.
    let filled = tokio::task::spawn_blocking(move || -> Result<(), SnapshotError> {
        restore(&whole.snapshot()?, &store, &mut |_| {}).map(|_| ())
    });
    let gone = |_| StateSyncError::Snapshot(SnapshotError::Missing { path: config.p2p.chunk_db.clone() });
    filled.await.map_err(gone)??;
    let milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let certificates = found.certificates;
    tracing::info!(%height, chunks = count, resumed, milliseconds, "state sync done: the node goes on from here");
    let report = Report {
        height,
        block,
        snapshot: id,
        chunks: count,
        resumed,
        bytes,
        certificates,
        sources: urls,
        dropped,
        milliseconds,
    };
    note(&config.data_dir.join(REPORT), &report);
    // The chunks have served; what cannot be removed now only takes room.
    let _ = collection.remove();
    let _ = std::fs::remove_dir(&config.p2p.chunk_db);
    Ok(())
}

/// Writes the report for people; a node that synced does not stop because of it.
fn note(path: &Path, report: &Report) {
    let text = serde_json::to_string_pretty(report).unwrap_or_default();
    if let Err(error) = std::fs::write(path, text) {
        tracing::warn!(path = %path.display(), %error, "the report of the state sync could not be written");
    }
}

/// A snapshot whose header counts, and who has it.
struct Found {
    manifest: Manifest,
    sources: Vec<Source>,
    certificates: u64,
}

/// The highest snapshot that the light client takes.
async fn find(
    sync: &StateSync,
    rules: &ChainRules,
    genesis: &Hash,
    dropped: &mut Vec<Dropped>,
) -> Result<Found, StateSyncError> {
    let mut offers: Vec<(Manifest, Source)> = Vec::new();
    for url in &sync.sources {
        match plan(url, genesis).await {
            Ok((client, manifest)) => offers.push((manifest, Source::new(url.clone(), client))),
            Err(reason) => drop_source(dropped, url, &reason),
        }
    }
    offers.sort_by_key(|(manifest, _)| std::cmp::Reverse((manifest.height(), manifest.state_id())));
    while let Some((manifest, _)) = offers.first() {
        let (manifest, id) = (manifest.clone(), manifest.state_id());
        let (same, others): (Vec<_>, Vec<_>) = offers.into_iter().partition(|(manifest, _)| manifest.state_id() == id);
        offers = others;
        let mut sources: Vec<Source> = same.into_iter().map(|(_, source)| source).collect();
        while let Some(source) = sources.first() {
            match attest(&source.client, rules, &manifest, sync.trust, clock::now()).await {
                Ok(certificates) => return Ok(Found { manifest, sources, certificates }),
                Err(Judgement::Old(error)) => return Err(StateSyncError::CheckpointTooOld(error)),
                Err(Judgement::Source(reason)) => {
                    drop_source(dropped, &source.url, &reason);
                    sources.remove(0);
                }
            }
        }
    }
    Err(StateSyncError::NoSnapshot { dropped: list(dropped) })
}

async fn plan(url: &str, genesis: &Hash) -> Result<(Client, Manifest), String> {
    let client = Client::new(&ClientConfig::new(url)).map_err(|error| error.to_string())?;
    let plan = client.state_sync_plan().await.map_err(|error| error.to_string())?;
    let bytes = plan.manifest_bytes().map_err(|error| error.to_string())?;
    let manifest = Manifest::from_bytes(&bytes).map_err(|error| error.to_string())?;
    manifest.check_chain(genesis).map_err(|error| error.to_string())?;
    Ok((client, manifest))
}

/// Why a header does not count.
enum Judgement {
    /// What is trusted is too old, whoever is asked.
    Old(LightError),
    /// What this source said does not hold.
    Source(String),
}

impl From<LightError> for Judgement {
    fn from(error: LightError) -> Self {
        match error {
            LightError::CheckpointTooOld { .. } => Self::Old(error),
            error => Self::Source(error.to_string()),
        }
    }
}

/// Leads from what is trusted to the header of the snapshot; gives how many certificates that took.
async fn attest(
    client: &Client,
    rules: &ChainRules,
    manifest: &Manifest,
    trust: Option<(Height, Hash)>,
    now: Timestamp,
) -> Result<u64, Judgement> {
    let content = &manifest.content;
    let source = |reason: String| Judgement::Source(reason);
    let certificate =
        content.certificate.clone().ok_or_else(|| source("its manifest has no certificate".to_owned()))?;
    let goal = CertifiedHeader { header: content.header.clone(), certificate, validators: content.validators.clone() };
    let mut walk = Walk::new(rules.clone(), trust, goal, now)?;
    while let Some(height) = walk.wanted() {
        walk.give(fetch_header(client, height).await?)?;
    }
    Ok(walk.certificates())
}

async fn fetch_header(client: &Client, height: Height) -> Result<CertifiedHeader, Judgement> {
    let block = client.certified_block(BlockId::Height(height)).await;
    let block = block.map_err(|error| Judgement::Source(error.to_string()))?;
    let (header, certificate, validators) = block.decode().map_err(|error| Judgement::Source(error.to_string()))?;
    if header.height != height {
        return Err(Judgement::Source(format!("asked for height {height}, it answered for {}", header.height)));
    }
    Ok(CertifiedHeader { header, certificate, validators })
}

fn drop_source(dropped: &mut Vec<Dropped>, url: &str, reason: &str) {
    tracing::warn!(url, reason, "state sync: this source is not asked any more");
    dropped.push(Dropped { url: url.to_owned(), reason: reason.to_owned() });
}

fn list(dropped: &[Dropped]) -> String {
    let lines: Vec<String> = dropped.iter().map(|one| format!("{} ({})", one.url, one.reason)).collect();
    if lines.is_empty() { "none answered".to_owned() } else { lines.join(", ") }
}
