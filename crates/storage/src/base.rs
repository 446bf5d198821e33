//! Where the history of a store begins that was filled from a copy of the state and not from genesis.
//!
//! ```text
//!   genesis … base │ base + 1 … head          blocks, receipts, operations, closing events, indexes: above the base only
//!             └ header and certificate; slots, module state and its tree were those after this height
//! ```
//!
//! Model: the base takes the place of genesis. A store without one has every height from 1 on.
//!
//! Rules
//! - The base is written in one batch with the state and never changes.
//! - At and below the base there are no bodies: reads answer "none", the certificate of the base itself apart.
//! - Whoever writes a base has checked that the state has the roots of its header.

use borsh::{BorshDeserialize, BorshSerialize};
use primitives::{CommitCertificate, Header, Height};

use crate::backend::Op;
use crate::batch::GenesisBatch;
use crate::columns::{BASE, Column};
use crate::commit::{put, state_at_start};
use crate::error::StorageError;
use crate::mark::Head;
use crate::open::Store;
use crate::value::decode;

/// The height that a store begins after.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Base {
    /// Its header.
    pub header: Header,
    /// The certificate that decided it.
    pub certificate: Option<CommitCertificate>,
}

impl Store {
    /// Where the history begins; none when it begins with genesis.
    ///
    /// # Errors
    /// A failed or damaged read.
    pub fn base(&self) -> Result<Option<Base>, StorageError> {
        let Some(payload) = self.payload(Column::Meta, BASE)? else { return Ok(None) };
        decode(&payload).map(Some).map_err(|reason| self.damaged(Column::Meta, BASE, reason))
    }

    /// The lowest height whose block is or will be here.
    pub fn oldest(&self) -> Height {
        self.base_height().next()
    }

    /// Makes the state after the height of `base` durable in an empty store. The head is then that height.
    ///
    /// # Errors
    /// [`StorageError::AlreadyInitialised`], or a failed write, which poisons the store.
    pub fn initialise_at(&self, base: &Base, batch: &GenesisBatch) -> Result<(), StorageError> {
        let mut writer = self.writer()?;
        if self.head().is_some() {
            return Err(StorageError::AlreadyInitialised);
        }
        let head = Head { height: base.header.height, block: base.header.hash() };
        let mut ops: Vec<Op> = state_at_start(&head, batch)?;
        ops.push(put(Column::Meta, BASE, &primitives::encode(base)));
        self.set_base_height(base.header.height);
        self.durable(&mut writer, ops, Some(head), |_| {})
    }
}
