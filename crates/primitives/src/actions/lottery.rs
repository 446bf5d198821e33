//! What the lottery module is asked for. Rules in `spec/lottery.md`.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::amount::Amount;
use crate::crypto::PublicKey;
use crate::hash::Hash;
use crate::outcome::Rejection;

/// One operation of the lottery module.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum LotteryAction {
    /// Names the module's next action; its fields are the module's.
    Submit = 0,
}

impl LotteryAction {
    /// The name used in JSON, metrics and commands.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Submit => "lottery_submit",
        }
    }

    /// What it moves out of the payer's balance when it succeeds.
    pub const fn spend(&self) -> Amount {
        match self {
            Self::Submit => Amount::ZERO,
        }
    }

    /// The checks that need no state. `key` is the payer's.
    ///
    /// # Errors
    /// A [`Rejection`] by name.
    pub fn check_form(&self, _genesis: &Hash, _key: &PublicKey) -> Result<(), Rejection> {
        match self {
            Self::Submit => Ok(()),
        }
    }
}
