//! Evidence that waits to be reported: one value, replaced whole.
//!
//! Rules
//! - The bytes mean nothing to the store.
//! - A save is durable when it returns, in the same steps as a commit ([`crate::commit`]).

use crate::backend::Op;
use crate::columns::{Column, EVIDENCE};
use crate::error::StorageError;
use crate::open::Store;
use crate::value::seal;

impl Store {
    /// What was saved last; `None` when nothing ever was.
    ///
    /// # Errors
    /// A failed or damaged read.
    pub fn evidence(&self) -> Result<Option<Vec<u8>>, StorageError> {
        self.payload(Column::Meta, EVIDENCE)
    }

    /// Makes `bytes` durable, in place of what was saved before.
    ///
    /// # Errors
    /// [`StorageError::NotInitialised`], or a failed write, which poisons the store.
    pub fn save_evidence(&self, bytes: &[u8]) -> Result<(), StorageError> {
        let mut writer = self.writer()?;
        self.head().ok_or(StorageError::NotInitialised)?;
        let value = Some(seal(Column::Meta, EVIDENCE, bytes));
        let ops = vec![Op { column: Column::Meta, key: EVIDENCE.to_vec(), value }];
        self.durable(&mut writer, ops, self.head(), |_| {})
    }
}
