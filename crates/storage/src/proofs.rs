//! Proofs: one chain proof from genesis on, and after it an unbroken list of window proofs, one value each.
//!
//! ```text
//!   chain proof, covers the windows below n │ window n │ window n + 1 │ …
//! ```
//!
//! Rules
//! - A window is saved once, after the one before it, and never replaced.
//! - A longer chain proof replaces a shorter one, and the windows that it covers go with the shorter one, in one write.
//! - The bytes mean nothing to the store. Whoever saves them has verified them.
//! - A save is durable when it returns, in the same steps as a commit ([`crate::commit`]).

use crate::backend::{Op, Range};
use crate::columns::{CHAIN_PROOF, Column, window_key, window_of_key};
use crate::error::StorageError;
use crate::open::Store;
use crate::value::seal;

/// Bytes before a chain proof: how many windows it covers.
const COUNT_BYTES: usize = 8;

impl Store {
    /// How many windows are proven, from window 0 on: by the chain proof, and by the list after it.
    ///
    /// # Errors
    /// A failed or damaged read.
    pub fn proven_windows(&self) -> Result<u64, StorageError> {
        let mut windows = self.folded_windows()?;
        let newest = Range { reverse: true, ..Range::default() };
        self.visit(Column::Proofs, &newest, |key, _| {
            windows = window_of_key(key).ok_or("its key is not one of a window")?.saturating_add(1);
            Ok(false)
        })?;
        Ok(windows)
    }

    /// How many windows the chain proof covers; 0 without one.
    ///
    /// # Errors
    /// A failed or damaged read.
    pub fn folded_windows(&self) -> Result<u64, StorageError> {
        Ok(self.chain_proof()?.map_or(0, |(windows, _)| windows))
    }

    /// The chain proof with the number of windows that it covers.
    ///
    /// # Errors
    /// A failed or damaged read.
    pub fn chain_proof(&self) -> Result<Option<(u64, Vec<u8>)>, StorageError> {
        let Some(mut payload) = self.payload(Column::ChainProof, CHAIN_PROOF)? else { return Ok(None) };
        let Some(count) = payload.first_chunk::<COUNT_BYTES>() else {
            return Err(self.damaged(Column::ChainProof, CHAIN_PROOF, "it ends within its head".to_owned()));
        };
        let windows = u64::from_le_bytes(*count);
        payload.drain(..COUNT_BYTES);
        Ok(Some((windows, payload)))
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

    /// Makes a chain proof durable that covers the windows below `windows`, and drops the windows' own proofs.
    ///
    /// # Errors
    /// [`StorageError::WrongWindow`] (without poison) when the one that is kept covers as many, or a failed write.
    pub fn save_chain_proof(&self, windows: u64, bytes: &[u8]) -> Result<(), StorageError> {
        let mut writer = self.writer()?;
        self.head().ok_or(StorageError::NotInitialised)?;
        let covered = self.folded_windows()?;
        if windows <= covered {
            return Err(StorageError::WrongWindow { expected: covered.saturating_add(1), got: windows });
        }
        let payload = [windows.to_le_bytes().as_slice(), bytes].concat();
        let value = Some(seal(Column::ChainProof, CHAIN_PROOF, &payload));
        let mut ops = vec![Op { column: Column::ChainProof, key: CHAIN_PROOF.to_vec(), value }];
        self.visit(Column::Proofs, &Range::default(), |key, _| {
            let is_covered = window_of_key(key).ok_or("its key is not one of a window")? < windows;
            if is_covered {
                ops.push(Op { column: Column::Proofs, key: key.to_vec(), value: None });
            }
            Ok(is_covered)
        })?;
        self.durable(&mut writer, ops, self.head(), |_| {})
    }

    /// Every window after the chain proof has exactly one value.
    pub(crate) fn verify_windows(&self) -> Result<u64, StorageError> {
        let chain = self.chain_proof()?;
        let first = chain.as_ref().map_or(0, |(windows, _)| *windows);
        let mut expected = first;
        self.visit(Column::Proofs, &Range::default(), |key, _| {
            if window_of_key(key) != Some(expected) {
                return Err(format!("window {expected} was expected here"));
            }
            expected = expected.saturating_add(1);
            Ok(true)
        })?;
        Ok((expected - first).saturating_add(u64::from(chain.is_some())))
    }
}
