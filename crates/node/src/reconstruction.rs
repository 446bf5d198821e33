//! Pruned bodies that are given again: looked for in an archive and with peers, and judged by the header that is still here.
//!
//! ```text
//!   pruned height ─ header here? ─► memory ─► archive ─► peer ─► peer … ─► judged ─► kept in memory, given
//!                       no: `pruned`             ├ wrong: refused, named ─► the next source
//!                                                └ no answer: named ─► the peers; when none has it: not known, which is not `pruned`
//! ```
//! Rules
//! - Nothing is done while the gate `reconstruction` is off.
//! - A body counts by the header of its height and the digest of the one before, both of which this node has. Who gave it does not matter.
//! - Memory is bounded ([`KEPT_MAX`], [`KEPT_BYTES_MAX`]), and so is what is looked for at a time ([`ASKED_MAX`]). Nothing is written.
//! - A peer whose answer was wrong is asked no more, as long as it is among the last [`BLAMED_MAX`] of these. A search goes on with the peer after the one
//!   that was asked last ([`Turns`]). So no number of keys keeps a peer that has the body from being asked.
//!
//! Read next: `spec/recovery.md` (RCV-46 to 51, 63), the crate `archive`, `rpc/rebuilt.rs`.

use std::collections::{BTreeSet, VecDeque};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use archive::Archive;
use p2p::{BODY_ASK_PAUSE_MS, P2pHandle, PeerKey};
use primitives::{Block, CommitCertificate, Hash, Header, Height, LedgerDigest, decode, encode};
use storage::{Body, Digest, StorageError, Store};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::shared::Shared;

/// Most bodies that are kept.
pub const KEPT_MAX: usize = 16;
/// Most bytes of bodies that are kept.
pub const KEPT_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Heights that are looked for at a time.
pub const ASKED_MAX: usize = 2;
/// Peers whose answer was wrong that are remembered; one more, and the first of them is forgotten.
pub const BLAMED_MAX: usize = 256;
/// Pause before a question.
const PAUSE: Duration = Duration::from_millis(BODY_ASK_PAUSE_MS);

/// A body that was judged, with the certificate that is here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebuilt {
    /// Hash of its block.
    pub hash: Hash,
    /// Its block.
    pub block: Block,
    /// Everything that belongs to it.
    pub body: Body,
}

/// The archive could not be asked, so it is not known whether it has a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unanswered;

/// What a body is judged by.
#[derive(Debug, Clone)]
pub struct Wanted {
    header: Header,
    certificate: Option<CommitCertificate>,
    before: LedgerDigest,
}

/// Reconstruction of one node.
#[derive(Debug)]
pub struct Reconstruction {
    is_on: bool,
    archive: Option<Archive>,
    digest: Digest,
    kept: Mutex<VecDeque<(usize, Arc<Rebuilt>)>>,
    turns: Mutex<Turns>,
    asked: Semaphore,
}

/// Whom to ask next.
#[derive(Debug)]
pub struct Turns {
    blamed: VecDeque<PeerKey>,
    /// Where the next search begins, in the order of the keys.
    from: Bound<PeerKey>,
}

impl Default for Turns {
    fn default() -> Self {
        Self { blamed: VecDeque::new(), from: Bound::Unbounded }
    }
}

impl Turns {
    /// These peers in the order in which they are asked, without those that are blamed.
    pub fn order(&self, peers: impl IntoIterator<Item = PeerKey>) -> Vec<PeerKey> {
        let peers: BTreeSet<PeerKey> = peers.into_iter().filter(|peer| !self.blamed.contains(peer)).collect();
        let first = peers.range((self.from, Bound::Unbounded)).copied();
        let is_before = |peer: &PeerKey| match self.from {
            Bound::Included(from) => *peer < from,
            Bound::Excluded(from) => *peer <= from,
            Bound::Unbounded => false,
        };
        first.chain(peers.iter().copied().filter(is_before)).collect()
    }

    /// This peer is asked: the next search begins after it, also when this one is given up before there is an answer.
    pub const fn asks(&mut self, peer: PeerKey) {
        self.from = Bound::Excluded(peer);
    }

    /// This peer gave the body: the next search begins with it.
    pub const fn gave(&mut self, peer: PeerKey) {
        self.from = Bound::Included(peer);
    }

    /// This peer gave something else.
    pub fn blame(&mut self, peer: PeerKey) {
        if self.blamed.len() >= BLAMED_MAX {
            self.blamed.pop_front();
        }
        self.blamed.push_back(peer);
    }
}

impl Wanted {
    /// What the store has of a height whose body is gone; none where there is a body, no header, or no header before it.
    ///
    /// # Errors
    /// A failed read.
    pub fn of(store: &Store, height: Height, digest: &Digest) -> Result<Option<Self>, StorageError> {
        if height == Height::GENESIS || height >= store.oldest() {
            return Ok(None);
        }
        let Some((header, certificate)) = store.header(height)? else { return Ok(None) };
        let before = match height.previous() {
            None | Some(Height::GENESIS) => Some(digest.start),
            Some(previous) => store.header(previous)?.map(|(header, _)| header.ops_digest),
        };
        Ok(before.map(|before| Self { header, certificate, before }))
    }

    /// The body, if it is that of this header.
    pub fn judge(&self, body: Body, digest: &Digest) -> Option<Rebuilt> {
        let block = Store::judge_body(&body, &self.header, self.before, digest)?;
        let body = Body { certificate: self.certificate.clone(), ..body };
        Some(Rebuilt { hash: self.header.hash(), block, body })
    }
}

impl Reconstruction {
    /// Nothing was given yet.
    pub fn new(is_on: bool, archive: Option<Archive>, genesis: &Hash) -> Self {
        Self {
            is_on,
            archive,
            digest: snapshots::digest(genesis),
            kept: Mutex::default(),
            turns: Mutex::default(),
            asked: Semaphore::new(ASKED_MAX),
        }
    }

    /// Whether the gate is on.
    pub const fn is_on(&self) -> bool {
        self.is_on
    }

    /// How operations are digested here.
    pub const fn digest(&self) -> &Digest {
        &self.digest
    }

    /// The right to look for a height; none while others do.
    pub fn place(&self) -> Option<SemaphorePermit<'_>> {
        self.asked.try_acquire().ok()
    }

    /// What was given lately of a height.
    pub fn kept(&self, height: Height) -> Option<Arc<Rebuilt>> {
        self.lock().iter().find(|(_, one)| one.block.header.height == height).map(|(_, one)| Arc::clone(one))
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(usize, Arc<Rebuilt>)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a body, and lets the oldest ones go.
    pub fn keep(&self, rebuilt: Arc<Rebuilt>) {
        let bytes = encode(&rebuilt.body).len();
        let mut kept = self.lock();
        kept.retain(|(_, other)| other.hash != rebuilt.hash);
        kept.push_back((bytes, rebuilt));
        while kept.len() > KEPT_MAX || kept.iter().map(|(bytes, _)| *bytes).sum::<usize>() > KEPT_BYTES_MAX {
            kept.pop_front();
        }
    }

    /// How many bodies are kept.
    pub fn kept_len(&self) -> usize {
        self.lock().len()
    }

    /// Takes the body out of the archive; a file that is wrong is named, and so is an archive that does not answer.
    async fn search_archive(
        &self,
        wanted: &Wanted,
        metrics: &telemetry::areas::Storage,
    ) -> Result<Option<Rebuilt>, Unanswered> {
        let Some(archive) = &self.archive else { return Ok(None) };
        let height = wanted.header.height;
        let refuse = |reason: &str| {
            metrics.reconstruction_refused.with(["archive"]).inc();
            let file = archive.name(height);
            tracing::warn!(event = "reconstruction.refused", %height, file, reason, "a file of the archive is not the body of its height");
        };
        match archive.get(height).await {
            Ok(Some(body)) => {
                let (judged, digest) = (wanted.clone(), self.digest);
                // Hashing a full block takes a while. An error means that the runtime ends.
                let rebuilt = tokio::task::spawn_blocking(move || judged.judge(body, &digest)).await.ok().flatten();
                if rebuilt.is_none() {
                    refuse("it does not lead to the header");
                }
                Ok(rebuilt)
            }
            Ok(None) => Ok(None),
            Err(error) if error.is_wrong() => {
                refuse(&error.to_string());
                Ok(None)
            }
            Err(error) => {
                metrics.reconstruction_unanswered.inc();
                tracing::warn!(event = "reconstruction.unanswered", %height, %error, "the archive could not be asked");
                Err(Unanswered)
            }
        }
    }

    /// Asks one peer after another; one that gives something else is blamed.
    async fn ask_peers(&self, wanted: &Wanted, shared: &Shared, p2p: &P2pHandle) -> Option<Rebuilt> {
        let height = wanted.header.height;
        let peers = self.turns().order(p2p.peers().into_iter().map(|view| view.peer));
        for peer in peers {
            tokio::time::sleep(PAUSE).await;
            self.turns().asks(peer);
            let Some(bytes) = p2p.ask_body(peer, height).await else { continue };
            let judged = decode::<Body>(&bytes).ok().and_then(|body| wanted.judge(body, &self.digest));
            if judged.is_some() {
                self.turns().gave(peer);
                return judged;
            }
            self.turns().blame(peer);
            shared.metrics.storage.reconstruction_refused.with(["peer"]).inc();
            // A full queue means that the network is busy; the peer is passed over in any case.
            let _ = p2p.blame(peer);
            tracing::warn!(event = "reconstruction.refused", %height, %peer, "a peer gave a body that does not lead to the header");
        }
        None
    }

    fn turns(&self) -> MutexGuard<'_, Turns> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks for a body everywhere, and keeps it.
///
/// # Errors
/// [`Unanswered`] when no peer has it and the archive could not be asked.
pub async fn find(shared: &Arc<Shared>, wanted: Wanted) -> Result<Option<Arc<Rebuilt>>, Unanswered> {
    let metrics = &shared.metrics.storage;
    let archived = shared.reconstruction.search_archive(&wanted, metrics).await;
    let is_unanswered = archived.is_err();
    let (found, source) = match (archived.ok().flatten(), shared.p2p.get()) {
        (Some(found), _) => (Some(found), "archive"),
        (None, Some(p2p)) => (shared.reconstruction.ask_peers(&wanted, shared, p2p).await, "peer"),
        (None, None) => (None, "peer"),
    };
    let Some(found) = found.map(Arc::new) else {
        if is_unanswered {
            return Err(Unanswered);
        }
        metrics.reconstruction_missing.inc();
        return Ok(None);
    };
    metrics.reconstructed.with([source]).inc();
    shared.reconstruction.keep(Arc::clone(&found));
    Ok(Some(found))
}
