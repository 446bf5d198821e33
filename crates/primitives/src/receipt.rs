//! The committed record of what a transaction did.
//!
//! One receipt per transaction of the block, in order; the header carries the root of the tree over
//! their canonical bytes. Events are for indexers and wallets: the state transition never reads them.

use borsh::{BorshDeserialize, BorshSerialize};

use crate::action::BATCH_PAYMENTS_MAX;
use crate::address::Address;
use crate::amount::Amount;
use crate::codec::{BoundedVec, FormatVersion};
use crate::ledger::SlotIndex;
use crate::outcome::Outcome;
use crate::transaction::TransactionId;

/// Most events of one receipt: each payment may open an account and transfer.
pub const EVENTS_MAX: usize = 2 * BATCH_PAYMENTS_MAX;

/// Something that happened, for indexers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Event {
    /// An address got an account.
    AccountOpened {
        /// The owner.
        address: Address,
        /// Its place in the ledger tree.
        slot: SlotIndex,
    } = 0,
    /// Money moved.
    Transferred {
        /// Debited.
        from: Address,
        /// Credited.
        to: Address,
        /// How much.
        amount: Amount,
    } = 1,
}

/// The record of one executed transaction.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Receipt {
    /// Format version.
    pub version: FormatVersion<1>,
    /// Which transaction.
    pub transaction: TransactionId,
    /// How it ended.
    pub outcome: Outcome,
    /// Metered cost in weight units.
    pub weight: u64,
    /// Base and opening fees, burned at the end of the block.
    pub fee_burned: Amount,
    /// Paid to the proposer.
    pub tip: Amount,
    /// What happened, in order.
    pub events: BoundedVec<Event, EVENTS_MAX>,
}
