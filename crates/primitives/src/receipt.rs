//! The committed record of what a transaction did.
//!
//! One receipt per transaction of the block, in order, then the closing events of the block itself; the header
//! carries the root of the tree over their canonical bytes ([`receipts_root`]). Events are for indexers and wallets: the state transition never reads them.

use borsh::{BorshDeserialize, BorshSerialize};

use crate::action::BATCH_PAYMENTS_MAX;
use crate::actions::{IdentityEvent, LotteryEvent, ProvingEvent, TimetokeEvent, WitnessEvent};
use crate::address::Address;
use crate::amount::Amount;
use crate::codec::{BoundedVec, FormatVersion, encode};
use crate::hash::Hash;
use crate::ledger::SlotIndex;
use crate::merkle;
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
    /// Money moved into the stake pot behind a validator.
    Bonded {
        /// Whose money.
        owner: Address,
        /// Behind whom.
        validator: Address,
        /// How much.
        amount: Amount,
    } = 16,
    /// Stake began to leave a validator.
    Unbonding {
        /// Whose money.
        owner: Address,
        /// Behind whom it was.
        validator: Address,
        /// How much, before any slash.
        amount: Amount,
        /// The epoch at whose end it can be paid out.
        epoch: u64,
    } = 17,
    /// Unbonded stake was paid out of the stake pot.
    Unbonded {
        /// Whose money.
        owner: Address,
        /// Behind whom it was.
        validator: Address,
        /// How much.
        amount: Amount,
    } = 18,
    /// Stake changed its validator.
    Redelegated {
        /// Whose money.
        owner: Address,
        /// Who lost it.
        from: Address,
        /// Who got it.
        to: Address,
        /// How much.
        amount: Amount,
    } = 19,
    /// A validator left the voting set for a while.
    Jailed {
        /// Who.
        validator: Address,
    } = 20,
    /// A validator may return.
    Unjailed {
        /// Who.
        validator: Address,
    } = 21,
    /// A validator's commission changed.
    CommissionSet {
        /// Whose.
        validator: Address,
        /// Basis points.
        commission_bps: u64,
    } = 22,
    /// The voting set changes with the next height.
    ValidatorSetChanged {
        /// Hash of the new set.
        set: Hash,
    } = 23,
    /// Stake was burned for a proven offence. An equivocator is removed forever, others are jailed.
    Slashed {
        /// Who.
        validator: Address,
        /// Burned from the stake pot.
        amount: Amount,
        /// The offence's evidence.
        evidence: Hash,
    } = 32,
    /// Rewards were paid out of the issuance pot.
    RewardPaid {
        /// Who was paid.
        to: Address,
        /// How much.
        amount: Amount,
    } = 40,
    /// Part of the issuance went to a module's account.
    PoolFunded {
        /// The module account.
        pool: Address,
        /// How much.
        amount: Amount,
    } = 41,
    /// Of the identity module.
    Identity(IdentityEvent) = 48,
    /// Of the timetoke module.
    Timetoke(TimetokeEvent) = 56,
    /// Of the lottery module.
    Lottery(LotteryEvent) = 64,
    /// Of the witness module.
    Witness(WitnessEvent) = 72,
    /// Of the proving module.
    Proving(ProvingEvent) = 80,
}

/// Most events that the end of one block leaves.
pub const CLOSING_EVENTS_MAX: usize = 8_192;
/// First bytes of the leaf that commits to the closing events; a receipt starts with its version, so none looks like it.
pub const CLOSING_DOMAIN: &[u8] = b"the-block/closing/v1";

/// What the end of a block did by itself, in order: payouts, jailing, set changes, draws, challenges.
pub type ClosingEvents = BoundedVec<Event, CLOSING_EVENTS_MAX>;

/// The root over the receipts of a block, followed by one leaf for its closing events unless there are none.
pub fn receipts_root(receipts: &[Receipt], closing: &ClosingEvents) -> Hash {
    let mut leaves: Vec<Hash> = receipts.iter().map(|receipt| merkle::leaf(&encode(receipt))).collect();
    if !closing.is_empty() {
        leaves.push(merkle::leaf(&[CLOSING_DOMAIN, encode(closing).as_slice()].concat()));
    }
    merkle::root(&leaves)
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
