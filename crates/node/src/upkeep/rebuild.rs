//! A start whose store cannot be mended: the chain is taken again from others, and the damaged store is kept.
//!
//! ```text
//!   damaged ─► checked, nothing changed: mark, consensus log, guard, room, who else has the last block
//!           ─► filled beside it: own snapshot ─ or ─ snapshot of peers ─ or ─ nothing, for a replay from genesis
//!           ─► log aside, store aside, the new store in place ─► the start goes on
//! ```
//!
//! Rules
//! - Votes are never forgotten: the guard is not touched and must know what the log holds, because the log goes aside with the store it belongs to.
//! - Acknowledged blocks are not given up: a peer must give the block that this store acknowledged last.
//! - Whatever stands in the way leaves everything as it was. The operator hears of the damage, the log says what stood in the way.
//!
//! Read next: `spec/recovery.md` (RCV-39 to 45), `storage/src/rebuilt.rs` (the moves).

use std::sync::Arc;
use std::time::Duration;

use ::config::{Home, NodeConfig};
use consensus::wal::{self, WalError};
use p2p::{BODY_ASK_PAUSE_MS, P2pHandle, PeerKey};
use primitives::genesis::Engine;
use primitives::{Address, Block, CommitCertificate, Genesis, Hash, Height, SecretKey, decode};
use rpc::tls::ClientFiles;
use snapshots::{Shelf, Snapshot, SnapshotError, restore};
use storage::{Aside, Body, Head, Held, Mark, Places, StorageError, Store, StoreConfig, Verify};
use wallet::GuardError;
use wallet::signer::{Position, ValidatorSigner};

use crate::clock;
use crate::pace::Pace;
use crate::signer::places;
use crate::start_error::StartError;
use crate::state_sync::job::Job;
use crate::state_sync::peers::{FIRST_PEER, Peers};
use crate::state_sync::source::Source;
use crate::state_sync::{self, StateSync, StateSyncError};

/// Rounds in which every peer is asked for the block that was acknowledged last.
const HEAD_ROUNDS: u32 = 20;
/// Pause between two of them.
const HEAD_PAUSE: Duration = Duration::from_millis(500);
/// Pause before a question.
const PAUSE: Duration = Duration::from_millis(BODY_ASK_PAUSE_MS);

/// From what the chain was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// A snapshot of this node.
    Snapshot,
    /// A snapshot of peers.
    Peers,
    /// Every block from genesis on, which the start goes on to fetch.
    Genesis,
}

impl By {
    /// The word in the status.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Snapshot => "snapshot",
            Self::Peers => "peers",
            Self::Genesis => "genesis",
        }
    }
}

/// What a rebuild did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebuilt {
    /// From what.
    pub by: By,
    /// Where the damaged store and the log lie.
    pub aside: Aside,
}

/// Why nothing was rebuilt; everything is as it was.
#[derive(Debug, thiserror::Error)]
pub enum NotRebuilt {
    /// There is nobody who could have the chain.
    #[error("this node has no peers that could give the chain")]
    Alone,
    /// The store, its mark or its place.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The consensus log.
    #[error(transparent)]
    Log(#[from] WalError),
    /// The guard.
    #[error(transparent)]
    Guard(#[from] GuardError),
    /// The disk.
    #[error("the disk has {free} bytes free, and a second store needs up to {needed} above disk_free_min_bytes")]
    NoRoom {
        /// Free bytes.
        free: u64,
        /// Bytes that the damaged store takes.
        needed: u64,
    },
    /// The network.
    #[error("the peers could not be joined: {0}")]
    Network(String),
    /// Nobody has what this node acknowledged.
    #[error("no peer gave block {0} that this node acknowledged last")]
    NoHead(Height),
    /// Nobody gave the chain.
    #[error("there is no own snapshot that peers go on from, no peer gave a snapshot ({peers}), and none has block 1")]
    NoSource {
        /// What the state sync said.
        peers: String,
    },
}

/// A damaged store and who it belongs to.
pub struct Damaged<'a> {
    /// Its home.
    pub home: &'a Home,
    /// The configuration.
    pub config: &'a NodeConfig,
    /// The chain.
    pub genesis: &'a Genesis,
    /// The validator's key.
    pub key: Option<&'a SecretKey>,
    /// What the start was told of state sync.
    pub sync: Option<&'a StateSync>,
}

/// What was checked before anything is changed.
struct Checked {
    places: Places,
    held: Held,
    last: Option<Head>,
    /// The highest height that the guard has signed.
    guarded: Option<Height>,
}

impl Damaged<'_> {
    /// Where the store and its log lie.
    pub fn places(config: &NodeConfig) -> Places {
        Places::new(config.store_dir(), config.wal_dir())
    }

    /// Takes the chain again.
    ///
    /// # Errors
    /// [`NotRebuilt`]; everything is as it was.
    pub async fn rebuild(&self) -> Result<Rebuilt, NotRebuilt> {
        let checked = self.check()?;
        let joined = Peers::join(self.home, self.config, self.genesis, FIRST_PEER).await;
        let peers = joined.map_err(|error| NotRebuilt::Network(error.to_string()))?;
        let filled = self.fill(&checked, &peers).await;
        peers.leave().await;
        let moved = filled.and_then(|by| Ok(Rebuilt { by, aside: checked.places.put_in_place()? }));
        if moved.is_err() {
            // What was begun only takes room; the next rebuild removes it as well.
            let _ = checked.places.clear();
        }
        drop(checked.held);
        moved
    }

    fn check(&self) -> Result<Checked, NotRebuilt> {
        if self.genesis.engine != Engine::Bft || self.config.p2p.peers.is_empty() {
            return Err(NotRebuilt::Alone);
        }
        let (places, hash) = (Self::places(self.config), self.genesis.hash());
        let held = places.hold()?;
        let asides = places.asides()?;
        if asides.len() >= storage::ASIDE_MAX {
            return Err(StorageError::TooManyAside { folder: self.config.data_dir.clone(), count: asides.len() }.into());
        }
        let mark = places.mark(&hash)?;
        let guarded = self.check_signer(&mark, &hash)?;
        let needed = places.bytes()?;
        let free = crate::disk::free(&self.config.data_dir).unwrap_or(u64::MAX);
        if free < needed.saturating_add(self.config.disk_free_min_bytes) {
            return Err(NotRebuilt::NoRoom { free, needed });
        }
        places.clear()?;
        let last = mark.head.filter(|head| head.height > Height::GENESIS);
        Ok(Checked { places, held, last, guarded })
    }

    /// The log must be whole, and the guard must know every own message in it; gives the highest height that the guard has signed.
    fn check_signer(&self, mark: &Mark, genesis: &Hash) -> Result<Option<Height>, NotRebuilt> {
        let address = self.key.map(|key| Address::of_key(&key.public_key()));
        let log = wal::inspect(&self.config.wal_dir().join("consensus.wal"), mark.height(), address)?;
        let Some(key) = self.key else { return Ok(None) };
        let signer = ValidatorSigner::open(key.clone(), &self.home.guard(), genesis, false)?;
        let messages: Vec<(Position, Vec<u8>)> = log.map(|log| places(&log.own, genesis)).unwrap_or_default();
        signer.check_log(messages.iter().map(|(position, bytes)| (*position, bytes.as_slice())))?;
        Ok(Some(signer.highest().map_or(Height::GENESIS, |(height, _, _)| height)))
    }

    /// Fills the new store from the first source that has the chain.
    async fn fill(&self, checked: &Checked, peers: &Peers) -> Result<By, NotRebuilt> {
        let network = peers.network();
        if let Some(last) = checked.last {
            let certificate = acknowledged(network, last).await.ok_or(NotRebuilt::NoHead(last.height))?;
            self.check_guard(checked, certificate.as_ref())?;
        }
        if self.fill_by_shelf(checked, network).await? {
            return Ok(By::Snapshot);
        }
        let told = match self.fill_by_peers(checked, peers).await? {
            Ok(()) => return Ok(By::Peers),
            Err(told) => told,
        };
        tracing::warn!(error = %told, "no snapshot of peers");
        if !goes_on(network, Height::GENESIS, self.genesis.hash()).await {
            return Err(NotRebuilt::NoSource { peers: told.to_string() });
        }
        self.empty(checked)?;
        Ok(By::Genesis)
    }

    /// A signature of this key in the certificate of the last block must be behind the guard.
    fn check_guard(&self, checked: &Checked, certificate: Option<&CommitCertificate>) -> Result<(), NotRebuilt> {
        let (Some(key), Some(guarded), Some(certificate)) = (self.key, checked.guarded, certificate) else {
            return Ok(());
        };
        let address = Address::of_key(&key.public_key());
        let message = certificate.precommit_of(address).signing_bytes(&self.genesis.hash());
        let is_ours = certificate
            .signatures
            .iter()
            .any(|one| one.address == address && key.public_key().verify(&message, &one.signature));
        if is_ours && guarded < certificate.height {
            let path = self.home.guard();
            return Err(GuardError::Behind { path, highest: guarded, signed: certificate.height }.into());
        }
        Ok(())
    }

    /// An empty store in the place where it is filled.
    fn empty(&self, checked: &Checked) -> Result<Store, StorageError> {
        let config = StoreConfig::Disk { path: checked.places.filling(), verify: Verify::Recent };
        Store::open(&config, &self.genesis.hash())
    }

    /// Fills it from the highest own snapshot that is whole and that peers go on from.
    async fn fill_by_shelf(&self, checked: &Checked, network: &P2pHandle) -> Result<bool, NotRebuilt> {
        let listed = match Shelf::new(&self.config.snapshots.dir).list() {
            Ok(listed) => listed,
            Err(error) => {
                tracing::warn!(%error, "the own snapshots cannot be read");
                return Ok(false);
            }
        };
        for (path, snapshot) in listed {
            let usable = match snapshot.and_then(|one| one.manifest.check_chain(&self.genesis.hash()).map(|()| one)) {
                Ok(snapshot) => snapshot,
                Err(error) => {
                    tracing::warn!(path = %path.display(), %error, "an own snapshot is passed over");
                    continue;
                }
            };
            if !self.is_led_on(checked, network, &usable).await {
                tracing::warn!(path = %path.display(), "an own snapshot is passed over: nobody gave the block after it");
                continue;
            }
            let store = self.empty(checked)?;
            // Hashing the whole state takes a core for a while.
            let filled = tokio::task::spawn_blocking(move || restore(&usable, &store, &mut |_| {}).map(drop)).await;
            match filled {
                Ok(Ok(())) => return Ok(true),
                Ok(Err(SnapshotError::Storage(error))) => return Err(error.into()),
                Ok(Err(error)) => tracing::warn!(path = %path.display(), %error, "an own snapshot is passed over"),
                // The runtime ends.
                Err(_) => return Ok(false),
            }
        }
        Ok(false)
    }

    async fn is_led_on(&self, checked: &Checked, network: &P2pHandle, snapshot: &Snapshot) -> bool {
        let (height, hash) = (snapshot.manifest.height(), snapshot.manifest.content.header.hash());
        match checked.last {
            Some(last) if last.height == height => last.block == hash,
            Some(last) if last.height > height => goes_on(network, height, hash).await,
            Some(_) | None => false,
        }
    }

    /// Fills it from a snapshot of peers; else what the sync said.
    async fn fill_by_peers(&self, checked: &Checked, peers: &Peers) -> Result<Result<(), StateSyncError>, NotRebuilt> {
        let told = StateSync { sources: Vec::new(), trust: None, tls: ClientFiles::default() };
        let mut sync = self.sync.cloned().unwrap_or(told);
        loop {
            let job = Arc::new(Job::new(Arc::new(Pace::new(self.config.snapshots.fetch_bytes_per_sec))));
            job.begin(clock::now());
            let urls = sync.sources.iter().filter_map(|url| Source::http(url, &sync.tls).ok());
            let sources = urls.chain(peers.sources()).collect();
            let store = self.empty(checked)?;
            match state_sync::fill(&sync, self.config, self.genesis, store, sources, &job).await {
                Ok(()) => return Ok(Ok(())),
                // What this node acknowledged is as good as what somebody trusts told it.
                Err(StateSyncError::CheckpointTooOld(error)) => match checked.last.filter(|_| sync.trust.is_none()) {
                    Some(last) => sync.trust = Some((last.height, last.block)),
                    None => return Ok(Err(StateSyncError::CheckpointTooOld(error))),
                },
                Err(error) => return Ok(Err(error)),
            }
        }
    }
}

/// Asks every peer for the body of a height until an answer is taken.
async fn ask<T>(network: &P2pHandle, height: Height, judge: impl Fn(&Body) -> Option<T>) -> Option<T> {
    let peers: Vec<PeerKey> = network.peers().into_iter().map(|view| view.peer).collect();
    for peer in peers {
        tokio::time::sleep(PAUSE).await;
        let Some(bytes) = network.ask_body(peer, height).await else { continue };
        match decode::<Body>(&bytes).ok().as_ref().and_then(&judge) {
            Some(found) => return Some(found),
            None => tracing::warn!(%height, %peer, "a peer gave a block that is not of this node's chain"),
        }
    }
    None
}

/// The certificate with the block that was acknowledged last, once a peer gives that block.
async fn acknowledged(network: &P2pHandle, last: Head) -> Option<Option<CommitCertificate>> {
    for round in 0..HEAD_ROUNDS {
        if round > 0 {
            tokio::time::sleep(HEAD_PAUSE).await;
        }
        let judge = |body: &Body| Store::is_body_of(body, &last.block).map(|_| body.certificate.clone());
        if let Some(certificate) = ask(network, last.height, judge).await {
            return Some(certificate);
        }
    }
    None
}

/// Whether a peer gives a block whose parent is this one.
async fn goes_on(network: &P2pHandle, height: Height, hash: Hash) -> bool {
    let next = height.next();
    let judge = |body: &Body| {
        let block = Block::from_bytes(&body.block).ok()?;
        (block.header.height == next && block.header.parent == hash).then_some(())
    };
    ask(network, next, judge).await.is_some()
}

/// Takes the chain again when `refused` is something that a rebuild helps against; else, and where it cannot be done, gives the refusal back.
///
/// # Errors
/// [`StartError`].
pub async fn after(refused: StartError, damaged: &Damaged<'_>) -> Result<Rebuilt, StartError> {
    let is_wanted = damaged.config.storage.mend && damaged.config.storage.rebuild;
    match &refused {
        StartError::Storage(error) if error.is_loss() && is_wanted => {}
        _ => return Err(refused),
    }
    tracing::error!(event = "storage.rebuild", error = %refused, "the store cannot be mended: the chain is taken again from others");
    match damaged.rebuild().await {
        Ok(rebuilt) => {
            tracing::error!(
                event = "storage.rebuilt",
                by = rebuilt.by.name(),
                aside = %rebuilt.aside.store.display(),
                log_aside = rebuilt.aside.log.as_ref().map(|path| path.display().to_string()),
                "the damaged store was moved aside and the chain is taken again; look at the disk"
            );
            Ok(rebuilt)
        }
        Err(cause) => {
            tracing::error!(event = "storage.rebuild_refused", %cause, "the chain was not taken again, and everything is as it was");
            Err(refused)
        }
    }
}
