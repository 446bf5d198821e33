//! What stakers ask for: bond, unbond, delegate, redelegate, commission, unjail, claim.
//!
//! A validator is its account: the address of the Ed25519 key that signs its votes. The first [`Bond`]
//! of an account names its VRF key and commission and makes it a candidate; later ones add self-stake.
//! Rules in `spec/staking.md`.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::amount::Amount;
use crate::crypto::{PublicKey, VrfProof, VrfPublicKey};
use crate::hash::Hash;
use crate::outcome::Rejection;
use crate::params::BASIS_POINTS;

/// First bytes of what a VRF key proves when it is registered; the genesis hash and the address follow.
pub const VRF_POSSESSION_DOMAIN: &[u8] = b"the-block/vrf-possession/v1";

/// The bytes whose VRF proof shows that `owner` holds the secret of the key it registers.
pub fn vrf_possession_input(genesis: &Hash, owner: &Address) -> Vec<u8> {
    [VRF_POSSESSION_DOMAIN, genesis.as_bytes(), owner.0.as_slice()].concat()
}

/// What an account says once, when it becomes a validator candidate.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Candidacy {
    /// Proves the beacon of the blocks it builds.
    pub vrf_key: VrfPublicKey,
    /// Proof of possession over [`vrf_possession_input`].
    pub vrf_proof: VrfProof,
    /// Its part of its delegators' rewards, basis points.
    pub commission_bps: u64,
}

/// Puts the payer's own money behind its validator.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Bond {
    /// How much, µBLOCK.
    pub amount: Amount,
    /// Present exactly in the first bond of an account.
    pub candidacy: Option<Candidacy>,
}

/// One staking operation.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum StakeAction {
    /// Become a candidate, or add self-stake.
    Bond(Bond) = 0,
    /// Take stake back after the unbonding time.
    Unbond {
        /// Whose stake it is; the payer itself for self-stake.
        validator: Address,
        /// How much, µBLOCK.
        amount: Amount,
    } = 1,
    /// Put money behind another validator.
    Delegate {
        /// Who gets it.
        validator: Address,
        /// How much, µBLOCK.
        amount: Amount,
    } = 2,
    /// Move delegated stake to another validator at once.
    Redelegate {
        /// Who loses it.
        from: Address,
        /// Who gets it.
        to: Address,
        /// How much, µBLOCK.
        amount: Amount,
    } = 3,
    /// Change the payer's own commission.
    SetCommission {
        /// Basis points.
        commission_bps: u64,
    } = 4,
    /// Leave jail once the jail time is over.
    Unjail = 5,
    /// Take the rewards of the payer's delegation.
    Claim {
        /// Whose delegation.
        validator: Address,
    } = 6,
}

impl StakeAction {
    /// The name used in JSON, metrics and commands.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Bond(_) => "stake_bond",
            Self::Unbond { .. } => "stake_unbond",
            Self::Delegate { .. } => "stake_delegate",
            Self::Redelegate { .. } => "stake_redelegate",
            Self::SetCommission { .. } => "stake_set_commission",
            Self::Unjail => "stake_unjail",
            Self::Claim { .. } => "stake_claim",
        }
    }

    /// What it moves out of the payer's balance when it succeeds.
    pub const fn spend(&self) -> Amount {
        match self {
            Self::Bond(bond) => bond.amount,
            Self::Delegate { amount, .. } => *amount,
            Self::Unbond { .. }
            | Self::Redelegate { .. }
            | Self::SetCommission { .. }
            | Self::Unjail
            | Self::Claim { .. } => Amount::ZERO,
        }
    }

    /// The checks that need no state. `key` is the payer's.
    ///
    /// # Errors
    /// `empty_payment`, `bad_commission`, `weak_key`, `bad_possession_proof`, `same_validator`.
    pub fn check_form(&self, genesis: &Hash, key: &PublicKey) -> Result<(), Rejection> {
        match self {
            Self::Bond(bond) => {
                nonzero(bond.amount)?;
                match &bond.candidacy {
                    Some(candidacy) => candidacy.check_form(genesis, key),
                    None => Ok(()),
                }
            }
            Self::Unbond { amount, .. } | Self::Delegate { amount, .. } => nonzero(*amount),
            Self::Redelegate { from, to, amount } => {
                nonzero(*amount)?;
                if from == to { Err(Rejection::SameValidator) } else { Ok(()) }
            }
            Self::SetCommission { commission_bps } => commission(*commission_bps),
            Self::Unjail | Self::Claim { .. } => Ok(()),
        }
    }
}

impl Candidacy {
    fn check_form(&self, genesis: &Hash, key: &PublicKey) -> Result<(), Rejection> {
        commission(self.commission_bps)?;
        if !self.vrf_key.is_strong() || !key.is_strong() {
            return Err(Rejection::WeakKey);
        }
        let input = vrf_possession_input(genesis, &Address::of_key(key));
        match self.vrf_key.verify(&input, &self.vrf_proof) {
            Some(_) => Ok(()),
            None => Err(Rejection::BadPossessionProof),
        }
    }
}

fn nonzero(amount: Amount) -> Result<(), Rejection> {
    if amount == Amount::ZERO { Err(Rejection::EmptyPayment) } else { Ok(()) }
}

fn commission(bps: u64) -> Result<(), Rejection> {
    if bps > BASIS_POINTS { Err(Rejection::BadCommission) } else { Ok(()) }
}
