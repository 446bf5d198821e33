//! One simulated validator: what survives a crash, and what runs.
//!
//! ```text
//! survives: disk, files of snapshots, log, guard, clock      runs: Machine ── Application ── Replica ── Store on the disk
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use consensus::Clock;
use consensus::machine::{Defect, Machine, Output, Timer, Verdicts};
use mempool::MempoolConfig;
use primitives::{Address, Genesis, Height, Timestamp};
use replica::stages::Tracker;
use replica::{Application, Identity, Offences, Replica, ReplicaEvent, Reports};
use storage::{FaultyDisk, FaultyFiles, Frozen, Store, StoreConfig};

use crate::chain::{GENESIS_TIME, Keys};
use crate::guard::{GuardFile, Guarded, Notary};
use crate::joining::Joining;
use crate::log::Log;
use crate::memory::{OFFENCE_LIMITS, TRACKED_LIMIT};
use crate::plan::{Misbehaviour, SeededBug};
use crate::stand_in::{Shared, Watched};

/// Transactions that a mempool of the simulation holds; small, so that runs reach the bound.
pub const MEMPOOL_LIMIT: usize = 8;
/// Messages of later heights that a validator keeps.
pub const VOTE_QUEUE_LIMIT: u64 = 1_024;

/// The part that dies in a crash.
pub struct Running {
    /// Consensus.
    pub machine: Machine,
    /// The chain.
    pub replica: Arc<Mutex<Replica>>,
    /// Timers that run, with the number of their event.
    pub timers: Vec<(Timer, u64)>,
    /// The sync request that waits for an answer.
    pub request: Option<u64>,
    /// What peers say they have finalized.
    pub tips: BTreeMap<u16, Height>,
    /// Offences that it reports.
    pub reports: Reports,
    /// What it saw of heartbeats and keys.
    pub offences: Offences,
    /// Where the transactions are that reached it.
    pub stages: Tracker,
    /// When it first saw each of them, by the highest final height then.
    pub seen: BTreeMap<Address, Height>,
    /// Its store.
    pub store: Arc<Store>,
    /// The moment that is being copied.
    pub copying: Option<Frozen>,
    frozen: Arc<Mutex<Option<Frozen>>>,
    told: Arc<Mutex<Vec<ReplicaEvent>>>,
}

impl Running {
    /// The chain, for one question.
    pub fn chain(&self) -> MutexGuard<'_, Replica> {
        self.replica.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The height that is due for a copy and was frozen since the last call.
    pub fn frozen(&self) -> Option<Frozen> {
        self.frozen.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// What the chain told since the last call.
    pub fn told(&self) -> Vec<ReplicaEvent> {
        std::mem::take(&mut *self.told.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A validator.
pub struct Node {
    /// Its number.
    pub number: u16,
    /// Whose key it has: its own, unless it is the second node of a twin.
    pub key: u16,
    /// Its address.
    pub address: Address,
    /// How it is dishonest, if it is.
    pub misbehaviour: Option<Misbehaviour>,
    /// Its disk.
    pub disk: FaultyDisk,
    /// The files of its snapshots.
    pub files: FaultyFiles,
    /// Folders of snapshots in which a bit was inverted.
    pub hurt: BTreeSet<PathBuf>,
    /// It copies every height that this divides.
    pub copies_every: Option<u64>,
    /// Its disk is empty because it was lost.
    pub is_blank: bool,
    /// Its way to a copy of another validator, while it is on it.
    pub joining: Option<Box<Joining>>,
    /// How often it began with a copy and got none.
    pub joins_failed: u32,
    /// A fault of the disk is armed: stopping is no surprise.
    pub disk_fails: bool,
    /// The next crash tears a batch in two.
    pub tears: bool,
    /// What was damaged on its disk since it was last started.
    pub damage: Option<&'static str>,
    /// Its store is that of an older program until it is migrated.
    pub migrates: bool,
    /// Heights of which a bit was inverted and that are not back.
    pub rotten: BTreeSet<Height>,
    /// The question for a quarantined height that waits for an answer.
    pub wanted: Option<(u64, Height)>,
    /// Its consensus log.
    pub log: Log,
    /// What its key has signed.
    pub guard: GuardFile,
    /// How far its clock is off, milliseconds.
    pub offset_ms: i64,
    /// How much later it takes in what reaches it, milliseconds.
    pub slow_ms: u64,
    /// How often it was started; events of an earlier life are void.
    pub life: u32,
    /// The highest height that it told anyone is final.
    pub acknowledged: Height,
    /// When it last finalized a height, or was started, microseconds.
    pub finalized_us: u64,
    /// Since its start it did not yet finalize the height of its best peer.
    pub starting: bool,
    /// Heights decided in a row from votes as they were cast; 0 after one that was fetched from a peer.
    pub live_heights: u64,
    /// What is wrong with it on purpose.
    pub bug: Option<SeededBug>,
    /// The part that runs, unless it is down.
    pub running: Option<Running>,
    verdicts: Verdicts,
    /// What everybody said about chain proofs.
    answers: Shared,
    clock: Clock,
}

impl Node {
    /// A validator that was never started; `verdicts` about signatures and answers about proofs are shared with the others.
    pub fn new(
        keys: Keys,
        number: u16,
        key: u16,
        misbehaviour: Option<Misbehaviour>,
        bug: Option<SeededBug>,
        (verdicts, answers): (Verdicts, Shared),
    ) -> Self {
        Self {
            number,
            key,
            address: Address::of_key(&keys.validator(key).public_key()),
            misbehaviour,
            disk: FaultyDisk::new(),
            files: FaultyFiles::new(),
            hurt: BTreeSet::new(),
            copies_every: None,
            is_blank: false,
            joining: None,
            joins_failed: 0,
            disk_fails: false,
            tears: false,
            damage: None,
            migrates: false,
            rotten: BTreeSet::new(),
            wanted: None,
            log: Log::default(),
            guard: GuardFile::default(),
            offset_ms: 0,
            slow_ms: 0,
            life: 0,
            acknowledged: Height::GENESIS,
            finalized_us: 0,
            starting: true,
            live_heights: 0,
            bug: bug.filter(|_| misbehaviour.is_none()),
            running: None,
            verdicts,
            answers,
            clock: Clock::default(),
        }
    }

    /// Its own idea of the time, `elapsed_ms` after the start.
    pub fn set_clock(&self, elapsed_ms: u64) {
        let time = GENESIS_TIME.0.saturating_add(elapsed_ms).saturating_add_signed(self.offset_ms);
        self.clock.set(Timestamp(time));
    }

    /// What its clock shows.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Starts it from its disk.
    ///
    /// # Errors
    /// In words: the disk or the chain on it cannot be used.
    pub fn boot(&mut self, genesis: &Genesis, keys: Keys, notary: &Notary) -> Result<(), String> {
        let store = Store::open(&StoreConfig::Faulty(self.disk.clone()), &genesis.hash());
        let store = store.map_err(|error| error.to_string())?;
        let told = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&told);
        let store = Arc::new(store);
        let (frozen, every, frozen_store) = (Arc::default(), self.copies_every, Arc::clone(&store));
        let freezes: Arc<Mutex<Option<Frozen>>> = Arc::clone(&frozen);
        let observer = Arc::new(move |event| {
            if let (ReplicaEvent::Finalized(block), Some(every)) = (&event, every) {
                freeze(&frozen_store, block.block.header.height, every, &freezes);
            }
            seen.lock().unwrap_or_else(PoisonError::into_inner).push(event);
        });
        let identity = Identity { address: self.address, vrf_key: keys.vrf(self.key) };
        let factor = if self.bug == Some(SeededBug::OverfillsTheMempool) { 16 } else { 1 };
        let config = MempoolConfig { limit: MEMPOOL_LIMIT.saturating_mul(factor), ..MempoolConfig::default() };
        let judge = Arc::new(Watched::new(self.number, Arc::clone(&self.answers), self.bug));
        let replica = Replica::open_with(genesis.clone(), Arc::clone(&store), config, Some(identity), observer, judge);
        let replica = replica.map_err(|fault| fault.to_string())?;
        let reports = Reports::open(keys.validator(self.key), Arc::clone(&store)).map_err(|fault| fault.to_string())?;
        let (offences, _) = Offences::of_chain(&replica, OFFENCE_LIMITS).map_err(|fault| fault.to_string())?;
        let replica = Arc::new(Mutex::new(replica));
        let signer = Guarded {
            node: self.number,
            key: keys.validator(self.key),
            file: self.guard.clone(),
            notary: notary.clone(),
            genesis: genesis.hash(),
            held: None,
        };
        let app: consensus::SharedApplication = replica.clone();
        let signer: Box<dyn consensus::VoteSigner> = Box::new(signer);
        let machine = Machine::new(app, Some(signer), self.clock.clone(), VOTE_QUEUE_LIMIT, self.defect());
        let mut machine = machine.map_err(|fault| fault.to_string())?;
        machine.share_verdicts(self.verdicts.clone());
        self.life += 1;
        self.running = Some(Running {
            machine,
            replica,
            timers: Vec::new(),
            request: None,
            tips: BTreeMap::new(),
            reports,
            offences,
            stages: Tracker::bounded(TRACKED_LIMIT),
            seen: BTreeMap::new(),
            store,
            copying: None,
            frozen,
            told,
        });
        self.is_blank = false;
        Ok(())
    }

    const fn defect(&self) -> Option<Defect> {
        match self.bug {
            Some(SeededBug::DropsTheLock) => Some(Defect::DropsTheLock),
            Some(SeededBug::CountsVotesTwice) => Some(Defect::CountsVotesTwice),
            Some(SeededBug::SignsBeforeTheLog) => Some(Defect::SignsBeforeTheLog),
            Some(SeededBug::SaysNothingTwice) => Some(Defect::SaysNothingTwice),
            _ => None,
        }
    }

    /// Starts the next height, replaying what the log holds of it.
    pub fn start(&mut self) -> Vec<Output> {
        let Some(running) = &mut self.running else { return Vec::new() };
        let next = running.chain().finalized().next();
        let entries = self.log.started(next);
        running.machine.start(&entries)
    }

    /// The process dies. Of what was not durable, the first so many pieces survive. True when a write was lost.
    pub fn crash(&mut self, batches: usize, entries: usize) -> bool {
        let is_lost = self.disk.unsynced() > batches || self.log.at_risk() > entries;
        self.running = None;
        self.joining = None;
        self.disk.crash(batches);
        self.log.crash(entries);
        if self.misbehaviour == Some(Misbehaviour::Amnesia) {
            self.forget();
        }
        is_lost
    }

    /// Loses the log and what the key has signed.
    pub fn forget(&mut self) {
        self.log = Log::default();
        self.guard.forget();
    }

    /// The disk and the log are gone, and damage with them; the guard of the key is elsewhere and stays.
    pub fn lose_disk(&mut self) {
        self.disk = FaultyDisk::new();
        self.files = FaultyFiles::new();
        self.hurt = BTreeSet::new();
        (self.is_blank, self.joining, self.joins_failed) = (true, None, 0);
        self.damage = None;
        (self.migrates, self.rotten, self.wanted) = (false, BTreeSet::new(), None);
        self.log = Log::default();
        self.acknowledged = Height::GENESIS;
    }

    /// The highest height that it has finalized; what it last said when it is down.
    pub fn finalized(&self) -> Height {
        self.running.as_ref().map_or(self.acknowledged, |running| running.chain().finalized())
    }

    /// The bytes of a block that it built or judged.
    pub fn candidate(&self, hash: &primitives::Hash) -> Option<Bytes> {
        let running = self.running.as_ref()?;
        running.chain().candidate(hash).map(|found| Bytes::copy_from_slice(&found.bytes))
    }
}

/// Freezes the store for a copy, as a node does while its replica reports the height. One that waits already goes first.
fn freeze(store: &Store, height: Height, every: u64, frozen: &Mutex<Option<Frozen>>) {
    let mut waiting = frozen.lock().unwrap_or_else(PoisonError::into_inner);
    if waiting.is_some() || !height.0.is_multiple_of(every) {
        return;
    }
    *waiting = store.freeze().ok().filter(|moment| moment.head().height == height);
}
