//! Window proofs: kept in an unbroken list from window 0, one value each.
//!
//! Rules
//! - A window is saved once, after the one before it, and never replaced.
//! - The bytes mean nothing to the store. Whoever saves them has verified them.
//! - A save is durable when it returns, in the same steps as a commit ([`crate::commit`]).

use crate::backend::{Op, Range};
use crate::columns::{Column, window_key, window_of_key};
use crate::error::StorageError;
use crate::open::Store;
use crate::value::seal;

impl Store {
    /// How many windows are kept, from window 0 on.
    ///
    /// # Errors
    /// A failed or damaged read.
    pub fn proven_windows(&self) -> Result<u64, StorageError> {
        let mut windows = 0;
        let newest = Range { reverse: true, ..Range::default() };
        self.visit(Column::Proofs, &newest, |key, _| {
            windows = window_of_key(key).ok_or("its key is not one of a window")?.saturating_add(1);
            Ok(false)
        })?;
        Ok(windows)
    }

    /// The bytes of a window's proof; none for a window that is not kept.
    ///
    /// # Errors
    /// A failed or damaged read.
    pub fn window_proof(&self, window: u64) -> Result<Option<Vec<u8>>, StorageError> {
        self.payload(Column::Proofs, &window_key(window))
    }

    /// Makes the proof of the next window durable.
    ///
    /// # Errors
    /// [`StorageError::WrongWindow`] (without poison) for any window but the next, or a failed write.
    pub fn save_window_proof(&self, window: u64, bytes: &[u8]) -> Result<(), StorageError> {
        let mut writer = self.writer()?;
        self.head().ok_or(StorageError::NotInitialised)?;
        let expected = self.proven_windows()?;
        if window != expected {
            return Err(StorageError::WrongWindow { expected, got: window });
        }
        let key = window_key(window);
        let value = Some(seal(Column::Proofs, &key, bytes));
        let ops = vec![Op { column: Column::Proofs, key: key.to_vec(), value }];
        self.durable(&mut writer, ops, self.head(), |_| {})
    }

    /// Every window from 0 on has exactly one value.
    pub(crate) fn verify_windows(&self) -> Result<u64, StorageError> {
        let mut expected = 0_u64;
        self.visit(Column::Proofs, &Range::default(), |key, _| {
            if window_of_key(key) != Some(expected) {
                return Err(format!("window {expected} was expected here"));
            }
            expected = expected.saturating_add(1);
            Ok(true)
        })?;
        Ok(expected)
    }
}
