//! What a transaction asks for: one action, each in a fixed lane.
//!
//! `tag  action          lane        bytes`
//! `0    Transfer        consumer    to 30, amount 8, memo 4+n (n ≤ 64)`
//! `1    BatchTransfer   industrial  count 4, then payments of 38 bytes (count ≤ 64)`
//! `10…  modules         see [`crate::actions`]`
//!
//! Tags are never reused. Read next: `spec/transactions.md`.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::actions::{
    Evidence, IdentityAction, LotteryAction, ProofSubmission, ProvingAction, StakeAction, TimetokeAction, WitnessAction,
};
use crate::address::Address;
use crate::amount::Amount;
use crate::codec::{BoundedBytes, BoundedVec};
use crate::crypto::PublicKey;
use crate::hash::Hash;
use crate::outcome::Rejection;

/// Longest memo in bytes.
pub const MEMO_BYTES_MAX: usize = 64;
/// Most payments in one batch transfer.
pub const BATCH_PAYMENTS_MAX: usize = 64;

/// A note for the recipient, any bytes.
pub type Memo = BoundedBytes<MEMO_BYTES_MAX>;

/// The queue a transaction waits in and the block share it pays for.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Lane {
    /// Payments of people.
    Consumer = 0,
    /// Bulk payments of providers and services.
    Industrial = 1,
    /// Evidence and proofs: neither lends nor borrows.
    Reserved = 2,
}

impl Lane {
    /// All lanes, in their fixed order.
    pub const ALL: [Self; 3] = [Self::Consumer, Self::Industrial, Self::Reserved];

    /// Position in [`Lane::ALL`].
    pub const fn index(self) -> usize {
        match self {
            Self::Consumer => 0,
            Self::Industrial => 1,
            Self::Reserved => 2,
        }
    }

    /// The lane that this one may borrow capacity from; the reserved lane has none.
    pub const fn other(self) -> Option<Self> {
        match self {
            Self::Consumer => Some(Self::Industrial),
            Self::Industrial => Some(Self::Consumer),
            Self::Reserved => None,
        }
    }

    /// The name used in JSON, metrics and commands.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Consumer => "consumer",
            Self::Industrial => "industrial",
            Self::Reserved => "reserved",
        }
    }
}

/// One payment of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Payment {
    /// Who is paid; a new address opens an account.
    pub to: Address,
    /// How much.
    pub amount: Amount,
}

/// Moves money to one recipient.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Transfer {
    /// Who is paid; a new address opens an account.
    pub to: Address,
    /// How much; zero is refused.
    pub amount: Amount,
    /// A note for the recipient.
    pub memo: Memo,
}

/// Moves money to several recipients, all or none.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct BatchTransfer {
    /// At least one payment, applied in order.
    pub payments: BoundedVec<Payment, BATCH_PAYMENTS_MAX>,
}

/// One operation inside a transaction.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Action {
    /// Pay one recipient.
    Transfer(Transfer) = 0,
    /// Pay several recipients at once.
    BatchTransfer(BatchTransfer) = 1,
    /// Stake money, or take it back.
    Stake(StakeAction) = 10,
    /// Show that a validator broke a rule.
    Evidence(Evidence) = 11,
    /// Register or change an identity.
    Identity(IdentityAction) = 12,
    /// Prove uptime.
    Timetoke(TimetokeAction) = 13,
    /// Take part in the admission lottery.
    Lottery(LotteryAction) = 14,
    /// Attest that a block's data is available, or take what that earned.
    Witness(WitnessAction) = 15,
    /// Bond as a prover, or bring a chain proof.
    Proving(ProvingAction) = 16,
}

impl Action {
    /// The lane of this kind of action.
    pub const fn lane(&self) -> Lane {
        match self {
            Self::Transfer(_) | Self::Stake(_) => Lane::Consumer,
            Self::Proving(ProvingAction::Submit(_)) => Lane::Reserved,
            Self::Proving(_) => Lane::Consumer,
            Self::BatchTransfer(_) | Self::Identity(_) | Self::Timetoke(_) | Self::Lottery(_) | Self::Witness(_) => {
                Lane::Industrial
            }
            Self::Evidence(_) => Lane::Reserved,
        }
    }

    /// The name used in JSON, metrics and commands.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Transfer(_) => "transfer",
            Self::BatchTransfer(_) => "batch_transfer",
            Self::Stake(action) => action.name(),
            Self::Evidence(evidence) => evidence.name(),
            Self::Identity(action) => action.name(),
            Self::Timetoke(action) => action.name(),
            Self::Lottery(action) => action.name(),
            Self::Witness(action) => action.name(),
            Self::Proving(action) => action.name(),
        }
    }

    /// The payments it makes, in order; module actions make none.
    pub fn payments(&self) -> Vec<Payment> {
        match self {
            Self::Transfer(transfer) => vec![Payment { to: transfer.to, amount: transfer.amount }],
            Self::BatchTransfer(batch) => batch.payments.to_vec(),
            Self::Stake(_)
            | Self::Evidence(_)
            | Self::Identity(_)
            | Self::Timetoke(_)
            | Self::Lottery(_)
            | Self::Witness(_)
            | Self::Proving(_) => Vec::new(),
        }
    }

    /// What it moves out of the payer's balance when it succeeds, or `None` from 2^63 on.
    pub fn spend(&self) -> Option<Amount> {
        match self {
            Self::Transfer(_) | Self::BatchTransfer(_) => {
                self.payments().iter().try_fold(Amount::ZERO, |sum, payment| sum.checked_add(payment.amount))
            }
            Self::Stake(action) => Some(action.spend()),
            Self::Evidence(_) => Some(Amount::ZERO),
            Self::Identity(action) => Some(action.spend()),
            Self::Timetoke(action) => Some(action.spend()),
            Self::Lottery(action) => Some(action.spend()),
            Self::Witness(action) => Some(action.spend()),
            Self::Proving(action) => Some(action.spend()),
        }
    }

    /// The checks of the action that need no state. `key` is the payer's.
    ///
    /// # Errors
    /// `empty_payment`, or what the module names.
    pub fn check_form(&self, genesis: &Hash, key: &PublicKey) -> Result<(), Rejection> {
        match self {
            Self::Transfer(_) | Self::BatchTransfer(_) => {
                let payments = self.payments();
                if payments.is_empty() || payments.iter().any(|payment| payment.amount == Amount::ZERO) {
                    return Err(Rejection::EmptyPayment);
                }
                Ok(())
            }
            Self::Stake(action) => action.check_form(genesis, key),
            Self::Evidence(evidence) => evidence.check_form(genesis),
            Self::Identity(action) => action.check_form(genesis, key),
            Self::Timetoke(action) => action.check_form(genesis, key),
            Self::Lottery(action) => action.check_form(genesis, key),
            Self::Witness(action) => action.check_form(genesis, key),
            Self::Proving(action) => action.check_form(genesis, key),
        }
    }

    /// True when the action costs its payer no base fee: it enters a block only if it is true and new, or, of a proof, if
    /// its payer has a bond to lose.
    pub const fn is_free(&self) -> bool {
        matches!(self, Self::Evidence(_) | Self::Proving(ProvingAction::Submit(_)))
    }

    /// The chain proof that it brings, if it brings one.
    pub const fn submission(&self) -> Option<&ProofSubmission> {
        match self {
            Self::Proving(ProvingAction::Submit(submission)) => Some(submission),
            _ => None,
        }
    }
}
