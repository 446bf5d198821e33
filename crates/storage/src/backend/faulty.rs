//! The engine that breaks on demand, for tests and the simulator.
//!
//! Model: a [`FaultyDisk`] outlives the store that is opened on it, as a real disk does. It holds what is
//! durable and what is only written. A fault is armed for the next operation of one kind; a crash decides how
//! much of the unsynced data survives.
//!
//! ```text
//!   write ──▶ pending batches ──sync──▶ durable map          mark ──write_mark──▶ durable mark
//!                   └── crash(keep n): the first n survive, the rest are gone
//! ```

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use primitives::Height;

use super::memory::{Map, apply, sizes, visit};
use super::{Backend, Op, Range, StoreSizes, View, Visitor};
use crate::columns::{Column, SCHEMA, height_key};
use crate::error::StorageError;
use crate::mark::Mark;
use crate::value::{CHECKSUM_BYTES, seal};

/// What an armed fault hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FaultOn {
    /// A read of one key or a range.
    Read,
    /// The write of a batch.
    Write,
    /// The sync of written batches.
    Sync,
    /// The write of the mark.
    Mark,
}

/// What the operation answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// An input/output error; nothing was done.
    Io,
    /// The disk is full; nothing was done.
    NoSpace,
    /// The operation says that it succeeded and did nothing (a sync that lies).
    Ignored,
}

#[derive(Debug, Default)]
struct Disk {
    durable: Map,
    live: Map,
    pending: Vec<Vec<Op>>,
    mark: Option<Mark>,
    armed: BTreeMap<FaultOn, (u32, Fault)>,
}

/// A disk in memory whose failures are chosen by a test. Clones are the same disk.
#[derive(Debug, Clone, Default)]
pub struct FaultyDisk {
    disk: Arc<Mutex<Disk>>,
}

impl FaultyDisk {
    /// An empty, healthy disk.
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Arms one fault: the operation after `healthy` more healthy ones of its kind fails.
    pub fn arm(&self, on: FaultOn, healthy: u32, fault: Fault) {
        self.lock().armed.insert(on, (healthy, fault));
    }

    /// Batches that a crash may lose.
    pub fn unsynced(&self) -> usize {
        self.lock().pending.len()
    }

    /// Ends the process that used the disk: the first `keep` unsynced batches survive, the others are lost. A
    /// batch is never torn in two, as the engine's journal checksums each batch as a whole.
    pub fn crash(&self, keep: usize) {
        let mut disk = self.lock();
        let pending = std::mem::take(&mut disk.pending);
        for batch in pending.into_iter().take(keep) {
            apply(&mut disk.durable, batch);
        }
        disk.live = disk.durable.clone();
    }

    /// Ends the process like [`FaultyDisk::crash`] on a medium that tears: nothing unsynced survives but the first
    /// `ops` changes of the first batch. False when nothing was unsynced.
    pub fn crash_torn(&self, ops: usize) -> bool {
        let mut disk = self.lock();
        let mut pending = std::mem::take(&mut disk.pending);
        let torn = (!pending.is_empty()).then(|| pending.swap_remove(0));
        let is_torn = torn.is_some();
        apply(&mut disk.durable, torn.unwrap_or_default().into_iter().take(ops).collect());
        disk.live = disk.durable.clone();
        is_torn
    }

    /// Inverts one bit of some stored value, both chosen by number. With `resealed` the checksum is made to fit, as if
    /// there were none: a defect, to see that the damage would be missed. False when nothing is stored.
    pub fn flip_any(&self, pick: u64, bit: u64, resealed: bool) -> bool {
        let mut disk = self.lock();
        let Some(key) = picked(&disk.durable, pick) else { return false };
        let Some((column, name)) = Column::of_engine_key(&key) else { return false };
        let Some(value) = disk.durable.get(&key) else { return false };
        let payload = value.get(CHECKSUM_BYTES..).unwrap_or_default();
        let mut damaged = if resealed { payload.to_vec() } else { value.clone() };
        let bits = u64::try_from(damaged.len().saturating_mul(8)).unwrap_or(u64::MAX);
        let at = bit.checked_rem(bits).and_then(|at| usize::try_from(at).ok());
        let Some(byte) = at.and_then(|at| damaged.get_mut(at / 8)) else { return false };
        *byte ^= 1 << (bit % 8);
        let damaged = if resealed { seal(column, name, &damaged) } else { damaged };
        disk.durable.insert(key, damaged);
        disk.live = disk.durable.clone();
        true
    }

    /// Puts one stored value in the place of another, as a write to a wrong sector would; both are chosen by number.
    /// False when the two are one.
    pub fn misdirect(&self, from: u64, to: u64) -> bool {
        let mut disk = self.lock();
        let (from, to) = (picked(&disk.durable, from), picked(&disk.durable, to));
        let (Some(from), Some(to)) = (from, to) else { return false };
        let Some(value) = disk.durable.get(&from).filter(|_| from != to).cloned() else { return false };
        disk.durable.insert(to, value);
        disk.live = disk.durable.clone();
        true
    }

    /// Inverts one bit of a stored value; `bit` is taken modulo the value's length. False when there is no such
    /// key.
    pub fn flip_bit(&self, column: Column, key: &[u8], bit: usize) -> bool {
        let mut disk = self.lock();
        let key = column.engine_key(key);
        let Some(value) = disk.durable.get_mut(&key).filter(|value| !value.is_empty()) else { return false };
        let bit = bit % (value.len() * 8);
        value[bit / 8] ^= 1 << (bit % 8);
        let value = value.clone();
        disk.live.insert(key, value);
        true
    }

    /// Inverts one bit of what is kept of the block at `height`, under a store that may be open: of the block, its receipts, its operations or
    /// what closed it. Both are chosen by number. False when nothing of it is stored.
    pub fn rot(&self, height: Height, pick: u64, bit: u64) -> bool {
        let of_a_block = [Column::Blocks, Column::Receipts, Column::Operations, Column::Closing];
        let (name, disk) = (height_key(height), self.lock());
        let there = of_a_block.into_iter().filter(|column| disk.durable.contains_key(&column.engine_key(&name)));
        let there: Vec<Column> = there.collect();
        drop(disk);
        let count = u64::try_from(there.len()).unwrap_or(0);
        let index = pick.checked_rem(count).and_then(|index| usize::try_from(index).ok());
        let Some(column) = index.and_then(|index| there.get(index)) else { return false };
        self.flip_bit(*column, &name, usize::try_from(bit).unwrap_or(0))
    }

    /// Makes the store one that a program with another schema left behind. False when there is no store.
    pub fn relabel(&self, schema: u32) -> bool {
        let mut disk = self.lock();
        let key = Column::Meta.engine_key(SCHEMA);
        if !disk.durable.contains_key(&key) {
            return false;
        }
        disk.durable.insert(key, seal(Column::Meta, SCHEMA, &schema.to_le_bytes()));
        disk.live = disk.durable.clone();
        true
    }

    /// Forgets one stored value, as a file system that lost a file would. False when there is no such key.
    pub fn lose(&self, column: Column, key: &[u8]) -> bool {
        let mut disk = self.lock();
        let key = column.engine_key(key);
        disk.live.remove(&key);
        disk.durable.remove(&key).is_some()
    }

    /// Takes a copy of what is durable, for [`FaultyDisk::restore`].
    pub fn snapshot(&self) -> FaultySnapshot {
        FaultySnapshot(self.lock().durable.clone())
    }

    /// Puts old contents back without the mark: a disk that lost its latest writes.
    pub fn restore(&self, snapshot: &FaultySnapshot) {
        let mut disk = self.lock();
        disk.durable.clone_from(&snapshot.0);
        disk.live.clone_from(&snapshot.0);
        disk.pending.clear();
    }
}

/// The key with this number, counted round and round.
fn picked(map: &Map, pick: u64) -> Option<Vec<u8>> {
    let index = pick.checked_rem(u64::try_from(map.len()).ok()?)?;
    map.keys().nth(usize::try_from(index).ok()?).cloned()
}

/// Contents of a [`FaultyDisk`] at some moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultySnapshot(Map);

/// The engine on a [`FaultyDisk`].
pub(crate) struct Faulty {
    disk: FaultyDisk,
    opened_mark: Mark,
}

impl Faulty {
    /// Opens a disk that has a mark; `None` when it is new.
    pub(crate) fn open(disk: &FaultyDisk) -> Option<Self> {
        let opened_mark = disk.lock().mark?;
        Some(Self { disk: disk.clone(), opened_mark })
    }

    /// Puts a new store on an empty disk.
    pub(crate) fn create(disk: &FaultyDisk, map: Map, mark: Mark) -> Self {
        let mut state = disk.lock();
        state.live.clone_from(&map);
        state.durable = map;
        state.mark = Some(mark);
        drop(state);
        Self { disk: disk.clone(), opened_mark: mark }
    }

    /// True when the operation shall be done, false when it shall be skipped in silence.
    fn pass(disk: &mut Disk, on: FaultOn, action: &'static str) -> Result<bool, StorageError> {
        let Some((healthy, fault)) = disk.armed.get_mut(&on) else { return Ok(true) };
        if *healthy > 0 {
            *healthy -= 1;
            return Ok(true);
        }
        let fault = *fault;
        disk.armed.remove(&on);
        let cause = match fault {
            Fault::Ignored => return Ok(false),
            Fault::Io => "input/output error",
            Fault::NoSpace => "no space left on device",
        };
        Err(StorageError::Engine { action, place: PLACE.to_owned(), cause: cause.to_owned() })
    }
}

const PLACE: &str = "faulty disk";

impl Backend for Faulty {
    fn get(&self, column: Column, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        let mut disk = self.disk.lock();
        Self::pass(&mut disk, FaultOn::Read, "read a value")?;
        Ok(disk.live.get(&column.engine_key(key)).cloned())
    }

    fn visit(&self, column: Column, range: &Range, visitor: &mut Visitor<'_>) -> Result<(), StorageError> {
        let mut disk = self.disk.lock();
        Self::pass(&mut disk, FaultOn::Read, "read a range")?;
        visit(&disk.live, column, range, visitor);
        Ok(())
    }

    fn write(&self, batch: Vec<Op>) -> Result<(), StorageError> {
        let mut disk = self.disk.lock();
        if Self::pass(&mut disk, FaultOn::Write, "write a batch")? {
            apply(&mut disk.live, batch.clone());
            disk.pending.push(batch);
        }
        Ok(())
    }

    fn sync(&self) -> Result<(), StorageError> {
        let mut disk = self.disk.lock();
        if Self::pass(&mut disk, FaultOn::Sync, "sync")? {
            for batch in std::mem::take(&mut disk.pending) {
                apply(&mut disk.durable, batch);
            }
        }
        Ok(())
    }

    fn freeze(&self) -> Result<Box<dyn View>, StorageError> {
        Ok(Box::new(self.disk.lock().live.clone()))
    }

    fn opened_mark(&self) -> Mark {
        self.opened_mark
    }

    fn write_mark(&self, mark: &Mark) -> Result<(), StorageError> {
        let mut disk = self.disk.lock();
        if Self::pass(&mut disk, FaultOn::Mark, "write the mark")? {
            disk.mark = Some(*mark);
        }
        Ok(())
    }

    fn sizes(&self) -> Result<StoreSizes, StorageError> {
        Ok(sizes(&self.disk.lock().live))
    }

    fn place(&self) -> String {
        PLACE.to_owned()
    }
}
