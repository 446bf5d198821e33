//! What the services of one node share.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use ::config::{NodeConfig, RateLimitConfig};
use consensus::{EngineHandle, SoloHandle};
use mempool::MempoolConfig;
use p2p::P2pHandle;
use primitives::{Address, Genesis, Hash, Timestamp};
use replica::{Fault, Replica};
use storage::Store;
use telemetry::Metrics;
use telemetry::otlp::Exporter;
use tokio::sync::{Notify, watch};

use crate::audits::Audits;
use crate::clock;
use crate::disk::Disk;
use crate::duties::Duties;
use crate::elections::Elections;
use crate::evidence::Reporter;
use crate::meta::Meta;
use crate::proofs::Proofs;
use crate::pruning::Pruner;
use crate::reconstruction::Reconstruction;
use crate::samples::Samples;
use crate::snapshots::Snapshots;
use crate::stages::Stages;
use crate::state_sync::session::SnapshotSync;
use crate::upkeep::Upkeep;

/// The running engine.
pub enum Engine {
    /// Malachite.
    Bft(Box<EngineHandle>),
    /// One process.
    Solo(SoloHandle),
}

/// Everything the services share.
pub struct Shared {
    /// The chain.
    pub replica: Arc<Mutex<Replica>>,
    /// The disk, for reads that need no lock on the chain.
    pub store: Arc<Store>,
    /// The chain's genesis.
    pub genesis: Genesis,
    /// Its hash.
    pub genesis_hash: Hash,
    /// Signed records of reputation and slashing.
    pub audits: Arc<Audits>,
    /// Where transactions are.
    pub stages: Arc<Stages>,
    /// Window proofs.
    pub proofs: Arc<Proofs>,
    /// The room on the disk.
    pub disk: Arc<Disk>,
    /// Copies of the state, for others and for a rainy day.
    pub snapshots: Arc<Snapshots>,
    /// Snapshots that travel: sessions, announcements, how fast.
    pub sync: SnapshotSync,
    /// Deletes old blocks, where its gate is on.
    pub pruner: Pruner,
    /// Gives pruned bodies again, where its gate is on.
    pub reconstruction: Reconstruction,
    /// Looks after the store.
    pub upkeep: Upkeep,
    /// Metrics of this process.
    pub metrics: Metrics,
    /// The configuration in force.
    pub config: NodeConfig,
    /// How often callers of the RPC server may ask; changes while the node runs.
    pub rate_limit: watch::Sender<RateLimitConfig>,
    /// The keys that every node of every stage has, with the values in force; some change while the node runs.
    pub settings: watch::Sender<BTreeMap<String, String>>,
    /// Limits and weights of the mempool; they change while the node runs.
    pub mempool: watch::Sender<MempoolConfig>,
    /// Samples of this node's telemetry.
    pub samples: Samples,
    /// Sends spans and metrics to collectors; set once it runs, and never where no collector is named.
    pub exporter: OnceLock<Exporter>,
    /// Our validator, if this node votes.
    pub validator: Option<Address>,
    /// Reports what other validators signed twice, if this node votes.
    pub reporter: Option<Reporter>,
    /// Answers challenges and submits tickets, if this node has a validator key.
    pub duties: Option<Duties>,
    /// Counts of lotteries and online time.
    pub elections: Arc<Elections>,
    /// Messages about timetoke.
    pub meta: Meta,
    /// Gossip; set once it runs. A `solo` chain has none.
    pub p2p: OnceLock<P2pHandle>,
    /// The engine; set once it runs.
    pub engine: OnceLock<Engine>,
    /// Wakes the `solo` engine when transactions wait.
    pub work: Arc<Notify>,
    /// True once shutdown has begun.
    pub stopping: AtomicBool,
    /// Set to a reason to stop the node.
    pub fault: watch::Sender<Option<String>>,
    /// When the process started.
    pub started: Timestamp,
    /// When a height was last finalized here, milliseconds since the Unix epoch; the start before that.
    pub finalized_at: AtomicU64,
    /// Since its start the node did not yet finalize the height of its best peer.
    pub starting: AtomicBool,
    /// The wallet routes are served at an address of their own.
    pub wallet_up: AtomicBool,
    /// Heights decided in a row from votes as they were cast; 0 after one that was fetched from a peer.
    pub live_heights: AtomicU64,
}

impl Shared {
    /// The chain. A panic while it was locked leaves memory and disk possibly apart: the node must stop.
    ///
    /// # Errors
    /// [`Fault`]; the node is already told to stop.
    pub fn chain(&self) -> Result<MutexGuard<'_, Replica>, Fault> {
        self.replica.lock().map_err(|_| {
            let fault = Fault("the chain was left in the middle of a change; restart the node".to_owned());
            self.fault.send_replace(Some(fault.0.clone()));
            fault
        })
    }

    /// Stops the node because of `fault`.
    pub fn report(&self, fault: &Fault) {
        self.fault.send_replace(Some(fault.0.clone()));
    }

    /// Time since a height was last finalized here, milliseconds.
    pub fn finalized_age_ms(&self) -> u64 {
        clock::now().since(Timestamp(self.finalized_at.load(Ordering::Relaxed)))
    }

    /// True once shutdown has begun.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }
}
