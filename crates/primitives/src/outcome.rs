//! Every way a transaction can end, by name.
//!
//! Two kinds, kept apart:
//! - [`Rejection`]: refused before it enters a block; nothing is paid.
//! - [`Outcome`]: recorded in a receipt; the fee is paid and the nonce moves on, whatever the outcome.
//!
//! Codes are part of the format and of the API: never renamed, never reused.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// The recorded result of an executed transaction.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Outcome {
    /// Everything that was asked for happened.
    Success = 0,
    /// The balance after the fee did not cover the payments; only the fee was paid.
    InsufficientBalance = 1,
    /// A payment named a module's own account; only the fee was paid.
    RecipientReserved = 2,
    /// `max_fee` did not cover the accounts to be opened; only the fee was paid.
    OpenFeeAboveMax = 3,
}

impl Outcome {
    /// The name used in JSON, metrics and commands.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::InsufficientBalance => "insufficient_balance",
            Self::RecipientReserved => "recipient_reserved",
            Self::OpenFeeAboveMax => "open_fee_above_max",
        }
    }
}

/// Why a transaction may not enter a block (now).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Rejection {
    /// The bytes are not a canonical transaction.
    #[error("the bytes are not a canonical transaction")]
    Malformed,
    /// The encoding is longer than a transaction may be.
    #[error("the transaction is larger than 16,384 bytes")]
    Oversize,
    /// The sender meant another chain.
    #[error("the transaction names another chain")]
    WrongChain,
    /// The key does not belong to the payer's address.
    #[error("the key does not belong to the payer's address")]
    WrongKey,
    /// The signature does not fit the body, the key and this chain.
    #[error("the signature does not fit the body, the key and this chain")]
    BadSignature,
    /// The lane is not the lane of the action.
    #[error("the lane is not the lane of this action")]
    WrongLane,
    /// A payment of nothing, or no payment at all.
    #[error("an action must pay at least one recipient, each more than zero")]
    EmptyPayment,
    /// The sum of the payments is 2^63 µBLOCK or more.
    #[error("the sum of the payments is out of range")]
    AmountOutOfRange,
    /// `valid_until` has passed.
    #[error("valid_until has passed")]
    Expired,
    /// `valid_until` is too far ahead.
    #[error("valid_until is too far ahead")]
    ValidUntilTooFar,
    /// The payer has no account.
    #[error("the payer has no account on this chain")]
    UnknownPayer,
    /// The nonce was used before.
    #[error("the nonce was used before")]
    NonceTooLow,
    /// The nonce leaves a gap that is too wide to wait for.
    #[error("the nonce is too far ahead of the account's")]
    NonceTooHigh,
    /// `max_fee` is below the fee at this block's base fee.
    #[error("max_fee is below the fee")]
    FeeTooLow,
    /// The balance does not cover the fee.
    #[error("the balance does not cover the fee")]
    BalanceBelowFee,
    /// The same transaction is already known.
    #[error("the transaction is already known")]
    Duplicate,
    /// Another transaction with this nonce pays as much or more.
    #[error("a transaction with this nonce pays as much or more")]
    ReplacementUnderpriced,
    /// The lane's queue is full; nothing is evicted to make room.
    #[error("the queue is full")]
    QueueFull,
    /// One sender may not hold more of the queue.
    #[error("this sender has too many transactions waiting")]
    SenderLimit,
    /// The block's share for the lane is used up.
    #[error("the block has no room left in this lane")]
    BlockFull,
    /// The node is not able to accept work now.
    #[error("the node is not accepting transactions")]
    NotReady,
}

impl Rejection {
    /// Every rejection. Only appended to: the API numbers them by position.
    pub const ALL: [Self; 21] = [
        Self::Malformed,
        Self::Oversize,
        Self::WrongChain,
        Self::WrongKey,
        Self::BadSignature,
        Self::WrongLane,
        Self::EmptyPayment,
        Self::AmountOutOfRange,
        Self::Expired,
        Self::ValidUntilTooFar,
        Self::UnknownPayer,
        Self::NonceTooLow,
        Self::NonceTooHigh,
        Self::FeeTooLow,
        Self::BalanceBelowFee,
        Self::Duplicate,
        Self::ReplacementUnderpriced,
        Self::QueueFull,
        Self::SenderLimit,
        Self::BlockFull,
        Self::NotReady,
    ];

    /// The code used in JSON, metrics and commands.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Oversize => "oversize",
            Self::WrongChain => "wrong_chain",
            Self::WrongKey => "wrong_key",
            Self::BadSignature => "bad_signature",
            Self::WrongLane => "wrong_lane",
            Self::EmptyPayment => "empty_payment",
            Self::AmountOutOfRange => "amount_out_of_range",
            Self::Expired => "expired",
            Self::ValidUntilTooFar => "valid_until_too_far",
            Self::UnknownPayer => "unknown_payer",
            Self::NonceTooLow => "nonce_too_low",
            Self::NonceTooHigh => "nonce_too_high",
            Self::FeeTooLow => "fee_too_low",
            Self::BalanceBelowFee => "balance_below_fee",
            Self::Duplicate => "duplicate",
            Self::ReplacementUnderpriced => "replacement_underpriced",
            Self::QueueFull => "queue_full",
            Self::SenderLimit => "sender_limit",
            Self::BlockFull => "block_full",
            Self::NotReady => "not_ready",
        }
    }

    /// What the sender can do about it.
    pub const fn hint(self) -> &'static str {
        match self {
            Self::Malformed => "encode the transaction as spec/transactions.md says, without trailing bytes",
            Self::Oversize => "split the payments over several transactions",
            Self::WrongChain => "compare the genesis hash with GET /status/node and sign for that chain",
            Self::WrongKey => "send the public key whose address is the payer",
            Self::BadSignature => {
                "sign domain, genesis hash and body with the payer's key; a signature for another chain does not fit"
            }
            Self::WrongLane => "a transfer is in the consumer lane, a batch_transfer in the industrial lane",
            Self::EmptyPayment => "name at least one recipient and an amount above zero for each",
            Self::AmountOutOfRange => "lower the amounts",
            Self::Expired => "sign again with a higher valid_until",
            Self::ValidUntilTooFar => "sign again with valid_until at most 1,000 heights ahead",
            Self::UnknownPayer => "pay the address first; a payment opens its account",
            Self::NonceTooLow => "read the nonce from GET /accounts/{address} and sign again",
            Self::NonceTooHigh => "submit the missing transactions first, then this one again",
            Self::FeeTooLow => "read the base fees from GET /status/node and raise max_fee",
            Self::BalanceBelowFee => "pay the account first or lower the tip",
            Self::Duplicate => "nothing to do: follow it with GET /transactions/{id}",
            Self::ReplacementUnderpriced => "raise the tip by at least a tenth to replace the waiting transaction",
            Self::QueueFull => "try again in a few blocks",
            Self::SenderLimit => "wait until some of this account's transactions are finalized",
            Self::BlockFull => "nothing to do: it waits for the next block",
            Self::NotReady => "try another node, or wait until GET /health/ready answers 200",
        }
    }
}
