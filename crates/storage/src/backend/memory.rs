//! The engine without a disk: an ordered map. For tests and throw-away chains; everything ends with the process.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{PoisonError, RwLock};

use super::{Backend, Op, Range, StoreSizes, View, Visitor};
use crate::columns::{Column, Space};
use crate::error::StorageError;
use crate::mark::Mark;

/// Engine keys and sealed values.
pub(crate) type Map = BTreeMap<Vec<u8>, Vec<u8>>;

/// The map behind a lock.
pub(crate) struct Memory {
    map: RwLock<Map>,
    mark: Mark,
}

impl Memory {
    /// An engine that holds `map`.
    pub(crate) fn new(map: Map, mark: Mark) -> Self {
        Self { map: RwLock::new(map), mark }
    }
}

/// Applies a batch to a map.
pub(crate) fn apply(map: &mut Map, batch: Vec<Op>) {
    for op in batch {
        let key = op.column.engine_key(&op.key);
        match op.value {
            Some(value) => map.insert(key, value),
            None => map.remove(&key),
        };
    }
}

/// Visits a range of a map.
pub(crate) fn visit(map: &Map, column: Column, range: &Range, visitor: &mut Visitor<'_>) {
    let (from, to) = range.engine_keys(column);
    if from >= to {
        return;
    }
    let mut entries = map.range(from..to);
    while let Some((key, value)) = if range.reverse { entries.next_back() } else { entries.next() } {
        if let ControlFlow::Break(()) = visitor(&key[1..], value) {
            return;
        }
    }
}

/// Bytes of keys and values by space.
pub(crate) fn sizes(map: &Map) -> StoreSizes {
    let bytes_of = |space: Space| {
        Column::ALL
            .into_iter()
            .filter(|column| column.space() == space)
            .flat_map(|column| {
                let (from, to) = Range::default().engine_keys(column);
                map.range(from..to)
            })
            .map(|(key, value)| u64::try_from(key.len() + value.len()).unwrap_or(u64::MAX))
            .fold(0_u64, u64::saturating_add)
    };
    StoreSizes {
        journal_bytes: 0,
        blocks_bytes: bytes_of(Space::Blocks),
        receipts_bytes: bytes_of(Space::Receipts),
        index_bytes: bytes_of(Space::Index),
        state_bytes: bytes_of(Space::State),
        meta_bytes: bytes_of(Space::Meta),
    }
}

impl View for Map {
    fn get(&self, column: Column, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        Ok(BTreeMap::get(self, &column.engine_key(key)).cloned())
    }

    fn visit(&self, column: Column, range: &Range, visitor: &mut Visitor<'_>) -> Result<(), StorageError> {
        visit(self, column, range, visitor);
        Ok(())
    }
}

impl Backend for Memory {
    fn get(&self, column: Column, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        let map = self.map.read().unwrap_or_else(PoisonError::into_inner);
        Ok(map.get(&column.engine_key(key)).cloned())
    }

    fn visit(&self, column: Column, range: &Range, visitor: &mut Visitor<'_>) -> Result<(), StorageError> {
        visit(&self.map.read().unwrap_or_else(PoisonError::into_inner), column, range, visitor);
        Ok(())
    }

    fn write(&self, batch: Vec<Op>) -> Result<(), StorageError> {
        apply(&mut self.map.write().unwrap_or_else(PoisonError::into_inner), batch);
        Ok(())
    }

    fn sync(&self) -> Result<(), StorageError> {
        Ok(())
    }

    fn freeze(&self) -> Result<Box<dyn View>, StorageError> {
        Ok(Box::new(self.map.read().unwrap_or_else(PoisonError::into_inner).clone()))
    }

    fn opened_mark(&self) -> Mark {
        self.mark
    }

    fn write_mark(&self, _mark: &Mark) -> Result<(), StorageError> {
        // Nothing outlives the process, so there is nothing that the mark could protect.
        Ok(())
    }

    fn sizes(&self) -> Result<StoreSizes, StorageError> {
        Ok(sizes(&self.map.read().unwrap_or_else(PoisonError::into_inner)))
    }

    fn place(&self) -> String {
        "memory".to_owned()
    }
}
