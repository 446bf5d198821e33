//! What a transaction asks for: one action, each in a fixed lane.
//!
//! `tag  action          lane        bytes`
//! `0    Transfer        consumer    to 30, amount 8, memo 4+n (n ≤ 64)`
//! `1    BatchTransfer   industrial  count 4, then payments of 38 bytes (count ≤ 64)`
//!
//! Tags are never reused. Read next: `spec/transactions.md`.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::amount::Amount;
use crate::codec::{BoundedBytes, BoundedVec};

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
}

impl Lane {
    /// Both lanes, in their fixed order.
    pub const ALL: [Self; 2] = [Self::Consumer, Self::Industrial];

    /// Position in [`Lane::ALL`].
    pub const fn index(self) -> usize {
        match self {
            Self::Consumer => 0,
            Self::Industrial => 1,
        }
    }

    /// The lane that this one may borrow capacity from.
    pub const fn other(self) -> Self {
        match self {
            Self::Consumer => Self::Industrial,
            Self::Industrial => Self::Consumer,
        }
    }

    /// The name used in JSON, metrics and commands.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Consumer => "consumer",
            Self::Industrial => "industrial",
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
}

impl Action {
    /// The lane of this kind of action.
    pub const fn lane(&self) -> Lane {
        match self {
            Self::Transfer(_) => Lane::Consumer,
            Self::BatchTransfer(_) => Lane::Industrial,
        }
    }

    /// The name used in JSON, metrics and commands.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Transfer(_) => "transfer",
            Self::BatchTransfer(_) => "batch_transfer",
        }
    }
}
