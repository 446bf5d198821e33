//! The state after an earlier height, made again while the node is stopped: from a snapshot of this node and the blocks after it.
//!
//! ```text
//!   own snapshots ─ highest at or below the height ─► scratch store ─ block by block, executed as a validator does ─► state after the height ─► snapshot
//!                                                       ▲ own store, else archive          │ each against the header that is here
//!   chain proof that covers the height ── verified; the headers from the height to its end lead there ──► proven
//! ```
//! Rules
//! - Nothing is believed: a snapshot is checked chunk by chunk, a block is executed and every root of its header comes out, its certificate is that of the
//!   validators in the state, and where a header is kept here the block is that one. The height itself must have a header here.
//! - Where the chain proof covers the height it is verified; one that does not hold is an error.
//! - The store of the node is only read. The scratch store lies beside it and is removed at the end, and at the begin of the next time.
//!
//! Read next: `spec/recovery.md` (RCV-52 to 54), `reconstruction.rs`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::config::{Home, NodeConfig};
use archive::{Archive, ArchiveError};
use mempool::MempoolConfig;
use primitives::{CommitCertificate, Genesis, Hash, Header, Height, SecretKey};
use proof::light::{ChainRules, SealedChain, check_chain};
use proof::{LedgerPoint, SystemError, fold_key, proof_system};
use replica::{Application, Fault, Freshness, Replica, Verdict};
use snapshots::{Maker, Shelf, Snapshot, SnapshotError, restore};
use storage::{StorageError, Store, StoreConfig, Verify};
use telemetry::Metrics;

use crate::clock;
use crate::proofs::{OnChain, Proofs};
use crate::run::{node_secret, read_genesis};
use crate::start_error::StartError;

/// The scratch store, below the data folder.
const SCRATCH: &str = "state.rebuilding";

/// Why a state was not made again; nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum StateAtError {
    /// Configuration, genesis or keys.
    #[error(transparent)]
    Start(#[from] Box<StartError>),
    /// The gate is off.
    #[error("the gate reconstruction is off; next: set rollout.feature_gates.reconstruction = true")]
    GateOff,
    /// Nothing here says what the height was.
    #[error(
        "this node has no header of height {0}; next: choose a height whose header is kept (tb storage status), or ask an archive node"
    )]
    NoHeader(Height),
    /// A body is nowhere.
    #[error(
        "neither the store nor the archive has block {missing}, which leads from {from} to the height; next: name an archive with reconstruction.archive, or make snapshots more often"
    )]
    NoBlock {
        /// Which.
        missing: Height,
        /// Where it was begun.
        from: Height,
    },
    /// A block, a certificate or a state that is not this chain's.
    #[error("block {height} is not that of this chain: {reason}; next: check the archive and the disk")]
    Wrong {
        /// Which.
        height: Height,
        /// What is wrong.
        reason: String,
    },
    /// The chain proof does not hold.
    #[error(
        "the chain proof to height {height} does not hold: {reason}; next: remove nothing, and report it with the log"
    )]
    Proof {
        /// Where it ends.
        height: Height,
        /// What is wrong.
        reason: String,
    },
    /// The archive.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// A snapshot.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The store.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// The state that was made again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateAt {
    /// After which height.
    pub height: Height,
    /// Hash of its block.
    pub block: Hash,
    /// The height of the snapshot that it was begun from; 0: genesis.
    pub from: Height,
    /// Blocks that were executed.
    pub replayed: u64,
    /// How many of them came out of the archive.
    pub archived: u64,
    /// How many of them were compared with a header that is kept here.
    pub headers: u64,
    /// Where the chain proof ends that covers the height and was verified; none: no proof covers it.
    pub proven_to: Option<Height>,
    /// The folder of the new snapshot.
    pub path: PathBuf,
}

/// Makes the state after `height` again and leaves a snapshot of it in `shelf`, or in the configured folder. `progress` is told the height that is done and
/// the last one.
///
/// # Errors
/// [`StateAtError`].
pub async fn rebuild(
    home: &Home,
    flags: &[(String, String)],
    (height, shelf): (Height, Option<&Path>),
    progress: &mut dyn FnMut(u64, u64),
) -> Result<StateAt, StateAtError> {
    let config = NodeConfig::load(home, flags, |name| std::env::var(name).ok()).map_err(StartError::from);
    let config = config.map_err(Box::new)?.config;
    if !config.reconstruction.is_on {
        return Err(StateAtError::GateOff);
    }
    let genesis = read_genesis(&home.genesis_json()).map_err(Box::new)?;
    let key = SecretKey::from_seed(node_secret(home).map_err(Box::new)?);
    let path = config.store_dir();
    if !path.exists() {
        return Err(StorageError::NotInitialised.into());
    }
    let own = Store::open(&StoreConfig::Disk { path, verify: Verify::Recent }, &genesis.hash())?;
    let Some((header, _)) = own.header(height)? else { return Err(StateAtError::NoHeader(height)) };
    let proven_to = proven(&own, &genesis, &header)?;
    let reconstruction = &config.reconstruction;
    let open = |place| Archive::new(place, &reconstruction.s3, genesis.hash(), |name| std::env::var(name).ok());
    let archive = reconstruction.archive.as_ref().map(open).transpose()?;
    let scratch = config.data_dir.join(SCRATCH);
    clear(&scratch)?;
    let run = Run { config: &config, genesis: &genesis, own: &own, archive, header: &header };
    let made = run.make(&scratch, shelf.unwrap_or(&config.snapshots.dir), &key, progress).await;
    let cleared = clear(&scratch);
    let state = made?;
    cleared?;
    Ok(StateAt { proven_to, ..state })
}

fn clear(scratch: &Path) -> Result<(), StateAtError> {
    match std::fs::remove_dir_all(scratch) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(StorageError::Io { action: "remove", path: scratch.to_owned(), source }.into())
        }
        _ => Ok(()),
    }
}

/// Where the chain proof ends, if it covers this header and holds; the headers after it must lead to that end.
fn proven(own: &Store, genesis: &Genesis, header: &Header) -> Result<Option<Height>, StateAtError> {
    let Some((_, bytes)) = own.chain_proof()? else { return Ok(None) };
    let failed = |height: Height, reason: String| StateAtError::Proof { height, reason };
    let sealed = SealedChain::from_bytes(&bytes).map_err(|error| failed(header.height, error.to_string()))?;
    let end = sealed.height;
    if end < header.height {
        return Ok(None);
    }
    let mut last = header.clone();
    while last.height < end {
        let next = last.height.next();
        let (above, _) =
            own.header(next)?.ok_or_else(|| failed(end, format!("the header of height {next} is gone")))?;
        if above.parent != last.hash() {
            return Err(failed(end, format!("block {next} does not follow block {}", last.height)));
        }
        last = above;
    }
    let rules = ChainRules::of(genesis).map_err(|error| failed(end, error.to_string()))?;
    let key = fold_key().map_err(|error| failed(end, error.to_string()))?;
    check_chain(key, &rules.origin(), LedgerPoint::from(&last), &sealed)
        .map_err(|error| failed(end, error.to_string()))?;
    Ok(Some(end))
}

/// What a replay needs.
struct Run<'a> {
    config: &'a NodeConfig,
    genesis: &'a Genesis,
    own: &'a Store,
    archive: Option<Archive>,
    header: &'a Header,
}

impl Run<'_> {
    async fn make(
        &self,
        scratch: &Path,
        shelf: &Path,
        key: &SecretKey,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<StateAt, StateAtError> {
        let config = StoreConfig::Disk { path: scratch.to_owned(), verify: Verify::Recent };
        let store = Arc::new(Store::open(&config, &self.genesis.hash())?);
        let (height, block) = (self.header.height, self.header.hash());
        let from = self.begin(&store)?;
        let mut replica = self.open(&store)?;
        let (mut archived, mut headers, mut done) = (0, 0, from);
        while done < height {
            let next = done.next();
            let (bytes, certificate, is_archived) = self.block(next, from).await?;
            let hash = apply(&mut replica, next, &bytes, certificate)?;
            if let Some((kept, _)) = self.own.header(next)? {
                headers += 1;
                if kept.hash() != hash {
                    let reason = "the header that is kept here is another one".to_owned();
                    return Err(StateAtError::Wrong { height: next, reason });
                }
            }
            archived += u64::from(is_archived);
            done = next;
            progress(done.0, height.0);
        }
        drop(replica);
        if store.head().map(|head| (head.height, head.block)) != Some((height, block)) {
            let reason = "the state that was begun from is of another chain of blocks".to_owned();
            return Err(StateAtError::Wrong { height, reason });
        }
        let maker = Maker { chain_id: &self.genesis.chain_id, key, now: clock::now() };
        let made = Shelf::new(shelf).create(&store.freeze()?, &maker, &mut |_| {})?;
        let replayed = height.0.saturating_sub(from.0);
        Ok(StateAt { height, block, from, replayed, archived, headers, proven_to: None, path: made.path })
    }

    /// Fills the scratch store from the highest own snapshot at or below the height that is whole; without one the replay begins with genesis.
    fn begin(&self, store: &Store) -> Result<Height, StateAtError> {
        for (path, listed) in Shelf::new(&self.config.snapshots.dir).list()? {
            let filled = listed.and_then(|snapshot: Snapshot| {
                snapshot.manifest.check_chain(&self.genesis.hash())?;
                let height = snapshot.manifest.height();
                if height > self.header.height {
                    return Ok(None);
                }
                restore(&snapshot, store, &mut |_| {}).map(|_| Some(height))
            });
            match filled {
                Ok(Some(height)) => return Ok(height),
                Ok(None) => {}
                Err(SnapshotError::Storage(error)) => return Err(error.into()),
                Err(error) => tracing::warn!(path = %path.display(), %error, "an own snapshot is passed over"),
            }
        }
        Ok(Height::GENESIS)
    }

    fn open(&self, store: &Arc<Store>) -> Result<Replica, StateAtError> {
        let (kind, metrics) = (self.genesis.proof_system, Metrics::new().proofs);
        let refused = |error: SystemError| Box::new(StartError::from(error));
        let proofs = Arc::new(Proofs::open(store, proof_system(kind).map_err(refused)?)?);
        let judge = OnChain::new(kind, proofs, metrics).map_err(refused)?;
        let nobody: replica::Observer = Arc::new(|_| {});
        let (genesis, mempool) = (self.genesis.clone(), MempoolConfig::default());
        let opened = Replica::open_with(genesis, Arc::clone(store), mempool, None, nobody, Arc::new(judge));
        Ok(opened.map_err(|fault| Box::new(StartError::Chain(fault)))?)
    }

    /// The bytes of a block with the certificate that came with it, and whether they are of the archive.
    async fn block(
        &self,
        height: Height,
        from: Height,
    ) -> Result<(Vec<u8>, Option<CommitCertificate>, bool), StateAtError> {
        let kept = self.own.header(height)?.and_then(|(_, certificate)| certificate);
        let (body, is_archived) = match (self.own.body(height)?, &self.archive) {
            (Some(body), _) => (Some(body), false),
            (None, Some(archive)) => (archive.get(height).await?, true),
            (None, None) => (None, false),
        };
        let body = body.ok_or(StateAtError::NoBlock { missing: height, from })?;
        Ok((body.block.to_vec(), kept.or(body.certificate), is_archived))
    }
}

/// Executes a block and makes it the last one; gives its hash.
fn apply(
    replica: &mut Replica,
    height: Height,
    bytes: &[u8],
    certificate: Option<CommitCertificate>,
) -> Result<Hash, StateAtError> {
    let wrong = |reason: String| StateAtError::Wrong { height, reason };
    let failed = |fault: Fault| wrong(fault.to_string());
    match replica.verify(bytes, Freshness::Replayed).map_err(failed)? {
        Verdict::Invalid { reason, .. } => Err(wrong(reason)),
        Verdict::Valid(candidate) => {
            let certificate = certificate.ok_or_else(|| wrong("nobody has its certificate".to_owned()))?;
            if certificate.block != candidate.hash {
                return Err(wrong("its certificate is for another block".to_owned()));
            }
            replica.commit(certificate).map_err(failed)?;
            Ok(candidate.hash)
        }
    }
}
