//! State sync: an empty node begins with the snapshot of others, and believes none of them.
//!
//! ```text
//!   sources ── manifest ──► the highest first ── light client: genesis, a checkpoint or own blocks lead to its header ──►
//!      └── one task each ── chunk ── check against the header ──► <p2p.chunk_db_path>/ ── all there ──► store, or shelf
//!                                    nobody gives them ──► the next highest
//! ```
//!
//! Rules
//! - Peers and nodes that are named by their URL are asked the same way ([`source`]).
//! - The header counts by its certificate alone, judged as every light client does (`proof::light`), inside the trusting
//!   period. A manifest's signature says who made it, nothing more.
//! - A chain proof that a source has is verified before its snapshot is taken ([`proven`]).
//! - A chunk is checked before it is kept, and again before it is used. A source that gives a wrong one is dropped and
//!   named, and a peer loses points; one that does not answer [`FAILURES_MAX`] times is dropped too.
//! - Chunks that are kept outlive the process: the next start goes on where this one ended. They are kept under their hash, so a
//!   chunk that two snapshots share is fetched once. In the folder nothing else is touched, since an operator may have named it.
//! - A store that holds anything is left as it is. A running node takes a snapshot on its shelf instead ([`session`]).
//!
//! Read next: `gather.rs` (the flow), `find.rs` (which snapshot), `fetch.rs` (its chunks), `serve.rs` (what others are given), `spec/snapshots.md`.

pub mod breaker;
mod fetch;
mod find;
mod gather;
pub(crate) mod job;
pub(crate) mod peers;
mod proven;
pub mod serve;
pub mod session;
pub(crate) mod source;

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use ::config::{Home, NodeConfig};
use primitives::genesis::Engine;
use primitives::{Genesis, Hash, Height};
use proof::light::{ChainRules, LightError};
use rpc::tls::ClientFiles;
use rpc::types::{DroppedSource, SyncPhase};
use serde::Serialize;
use snapshots::{Collection, SnapshotError, restore};
use storage::{StorageError, Store, StoreConfig, Verify};

use crate::clock;
use crate::pace::Pace;
use crate::start_error::StartError;
use find::Trust;
use gather::{Wanted, gather};
use job::Job;
use peers::Peers;
use source::Source;

/// Failed requests in a row after which a source is dropped.
pub const FAILURES_MAX: u32 = 3;
/// Most sources of one sync: URLs, and as many peers.
pub const SOURCES_MAX: usize = 64;
/// What the last sync did, below the data folder.
const REPORT: &str = "state_sync.json";

/// From whom, and from what on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateSync {
    /// URLs of the RPC of nodes that have snapshots; the peers of the configuration are asked as well.
    pub sources: Vec<String>,
    /// A height and its block hash, learned elsewhere; genesis without one.
    pub trust: Option<(Height, Hash)>,
    /// Certificates for the URLs.
    pub tls: ClientFiles,
}

/// Why a node did not begin with a snapshot.
#[derive(Debug, thiserror::Error)]
pub enum StateSyncError {
    /// Nobody is named who could be asked, or too many are.
    #[error("a state sync takes 1 to {SOURCES_MAX} sources; next: name peers in p2p.peers, or nodes with --peer-url")]
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
    /// A running node has no peer that it could ask.
    #[error("no peer is connected; next: look at GET /validator/peers, and start again when one is there")]
    NoPeers,
    /// None of the peers of the configuration was reached.
    #[error(
        "none of the {peers} peers of p2p.peers was reached within {seconds} s; next: look whether they run and are reachable, or name nodes with --peer-url"
    )]
    NobodyReached {
        /// How many are named.
        peers: usize,
        /// How long they were waited for.
        seconds: u64,
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
    /// Up to which height the chain proof of the source showed the chain.
    proven_to: Option<Height>,
    sources: Vec<String>,
    dropped: Vec<DroppedSource>,
    milliseconds: u64,
}

/// Fills the store of this home, if it is empty.
///
/// # Errors
/// [`StartError`]; the store is empty then.
pub async fn run(sync: &StateSync, home: &Home, config: &NodeConfig, genesis: &Genesis) -> Result<(), StartError> {
    if sync.sources.len() > SOURCES_MAX {
        return Err(StateSyncError::Sources.into());
    }
    let store = StoreConfig::Disk { path: config.store_dir(), verify: Verify::Recent };
    let store = match Store::open(&store, &genesis.hash()) {
        Ok(store) => store,
        Err(error) if error.is_loss() => {
            tracing::info!(%error, "no state sync yet: the store holds a chain, and is damaged");
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    if let Some(head) = store.head() {
        tracing::info!(height = head.height.0, home = %home.root().display(), "no state sync: the store holds the chain");
        return Ok(());
    }
    let job = Arc::new(Job::new(Arc::new(Pace::new(config.snapshots.fetch_bytes_per_sec))));
    job.begin(clock::now());
    let mut sources = Vec::new();
    for url in &sync.sources {
        match Source::http(url, &sync.tls) {
            Ok(source) => sources.push(source),
            Err(reason) => job.drop_source(url.clone(), reason),
        }
    }
    let has_peers = genesis.engine == Engine::Bft && !config.p2p.peers.is_empty();
    let network = match has_peers {
        false => None,
        true => {
            let wait = if sources.is_empty() { peers::FIRST_PEER } else { peers::FIRST_PEER_BESIDE_URLS };
            Some(Peers::join(home, config, genesis, wait).await?)
        }
    };
    sources.extend(network.iter().flat_map(Peers::sources));
    let filled = if sources.is_empty() && !has_peers && sync.sources.is_empty() {
        Err(StateSyncError::Sources)
    } else if sources.is_empty() && sync.sources.is_empty() {
        Err(StateSyncError::NobodyReached { peers: config.p2p.peers.len(), seconds: peers::FIRST_PEER.as_secs() })
    } else {
        fill(sync, config, genesis, store, sources, &job).await
    };
    if let Some(network) = &network {
        network.leave().await;
    }
    Ok(filled?)
}

/// Fills an empty store from these sources.
///
/// # Errors
/// [`StateSyncError`]; the store is empty then, and the chunks that came are kept.
pub async fn fill(
    sync: &StateSync,
    config: &NodeConfig,
    genesis: &Genesis,
    store: Store,
    sources: Vec<Source>,
    job: &Arc<Job>,
) -> Result<(), StateSyncError> {
    let started = Instant::now();
    let folder = &config.p2p.chunk_db;
    let wanted = Wanted {
        trust: sync.trust.map_or(Trust::Genesis, |(height, hash)| Trust::Block(height, hash)),
        rules: ChainRules::of(genesis)?,
        genesis: genesis.hash(),
        folder,
        above: None,
    };
    let none = || StateSyncError::NoSnapshot { dropped: job.dropped() };
    let gathered = gather(&wanted, sources, job).await?.ok_or_else(none)?;
    job.phase(SyncPhase::Keeping);
    let collection = gathered.collection;
    let whole = Arc::clone(&collection);
    // Hashing the whole state takes a core for a while.
    let filled = tokio::task::spawn_blocking(move || -> Result<(), SnapshotError> {
        restore(&whole.snapshot()?, &store, &mut |_| {}).map(|_| ())
    });
    let gone = |_| StateSyncError::Snapshot(SnapshotError::Missing { path: folder.clone() });
    filled.await.map_err(gone)??;
    let milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let manifest = collection.manifest();
    let (height, chunks) = (manifest.height(), manifest.chunks().len());
    tracing::info!(%height, chunks, resumed = gathered.resumed, milliseconds, "state sync done: the node goes on from here");
    let report = Report {
        height,
        block: manifest.content.header.hash(),
        snapshot: manifest.id(),
        chunks,
        resumed: gathered.resumed,
        bytes: manifest.packed_bytes(),
        certificates: gathered.counts.certificates,
        proven_to: gathered.counts.proven_to,
        sources: gathered.sources,
        dropped: job.now().dropped,
        milliseconds,
    };
    note(&config.data_dir.join(REPORT), &report);
    served(&collection, folder);
    Ok(())
}

/// The chunks have served; what cannot be removed now only takes room.
fn served(collection: &Collection, folder: &Path) {
    let _ = collection.remove();
    // It stays where anything else is in it.
    let _ = std::fs::remove_dir(folder);
}

/// Writes the report for people; a node that synced does not stop because of it.
fn note(path: &Path, report: &Report) {
    let text = serde_json::to_string_pretty(report).unwrap_or_default();
    if let Err(error) = std::fs::write(path, text) {
        tracing::warn!(path = %path.display(), %error, "the report of the state sync could not be written");
    }
}
