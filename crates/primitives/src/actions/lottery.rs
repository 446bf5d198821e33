//! What the lottery module is asked for. Rules in `spec/lottery.md`.
//!
//! ```text
//! VRF input = "the-block/lottery/v1" ‖ genesis hash 32 ‖ epoch 8 ‖ seed 32 ‖ candidate 30
//! ```

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::amount::Amount;
use crate::crypto::{PublicKey, VrfProof};
use crate::hash::Hash;
use crate::outcome::Rejection;

/// First bytes of what a candidate's VRF key proves.
pub const LOTTERY_DOMAIN: &[u8] = b"the-block/lottery/v1";

/// The bytes whose VRF output is a candidate's ticket for `epoch`.
pub fn lottery_input(genesis: &Hash, epoch: u64, seed: &Hash, candidate: &Address) -> Vec<u8> {
    let epoch = epoch.to_le_bytes();
    [LOTTERY_DOMAIN, genesis.as_bytes(), epoch.as_slice(), seed.as_bytes(), candidate.0.as_slice()].concat()
}

/// One operation of the lottery module.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum LotteryAction {
    /// Submit the payer's ticket.
    Submit {
        /// The epoch to enter in.
        epoch: u64,
        /// The payer's VRF proof over [`lottery_input`].
        proof: VrfProof,
    } = 0,
}

impl LotteryAction {
    /// The name used in JSON, metrics and commands.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Submit { .. } => "lottery_submit",
        }
    }

    /// What it moves out of the payer's balance when it succeeds.
    pub const fn spend(&self) -> Amount {
        match self {
            Self::Submit { .. } => Amount::ZERO,
        }
    }

    /// The checks that need no state: none, because seed and key are in the state.
    ///
    /// # Errors
    /// None.
    pub const fn check_form(&self, _genesis: &Hash, _key: &PublicKey) -> Result<(), Rejection> {
        Ok(())
    }
}

/// What the lottery module did, for indexers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum LotteryEvent {
    /// A candidate has a ticket.
    Submitted {
        /// Who.
        candidate: Address,
        /// The epoch it wants to enter in.
        epoch: u64,
        /// Its ticket.
        ticket: u64,
    } = 0,
    /// A candidate may enter.
    Admitted {
        /// Who.
        candidate: Address,
        /// The first epoch it may vote in.
        epoch: u64,
        /// Whether the seat was left by the tickets.
        fallback: bool,
    } = 1,
}
