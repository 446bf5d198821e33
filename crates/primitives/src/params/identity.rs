//! Governed values of the identity module. Rules in `spec/identity.md`.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::{ParamsError, range};
use crate::amount::Amount;
use crate::validator::VALIDATORS_MAX;

/// What it takes to register an identity.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IdentityParams {
    /// Refundable bond, µBLOCK.
    pub bond: Amount,
    /// Validators that must attest; never more than the set has.
    pub attestations_min: u64,
    /// Heights after the registration in which they may attest.
    pub attestation_window_blocks: u64,
    /// Most registrations in one block.
    pub max_block_identity_registrations: u64,
    /// Heights between revocation and the return of the bond.
    pub bond_delay_blocks: u64,
}

impl Default for IdentityParams {
    fn default() -> Self {
        Self {
            bond: Amount::from_blocks(10),
            attestations_min: 3,
            attestation_window_blocks: 1_200,
            max_block_identity_registrations: 32,
            bond_delay_blocks: 1_209_600,
        }
    }
}

impl IdentityParams {
    /// Checks every bound, and that a bond outlives the evidence against its owner: `evidence_blocks` is how long
    /// evidence counts, heights.
    ///
    /// # Errors
    /// The first [`ParamsError`] in field order.
    pub fn validate(&self, evidence_blocks: u64) -> Result<(), ParamsError> {
        let validators_max = u64::try_from(VALIDATORS_MAX).unwrap_or(u64::MAX);
        range("identity.bond", self.bond.micro(), 1, 1 << 60, "1 to 2^60 µBLOCK")?;
        range("identity.attestations_min", self.attestations_min, 1, validators_max, "1 to 128 validators")?;
        let window = self.attestation_window_blocks;
        range("identity.attestation_window_blocks", window, 1, 1_000_000, "1 to 1,000,000 heights")?;
        let registrations = self.max_block_identity_registrations;
        range("identity.max_block_identity_registrations", registrations, 1, 256, "1 to 256")?;
        range(
            "identity.bond_delay_blocks",
            self.bond_delay_blocks,
            evidence_blocks.saturating_add(1),
            1 << 40,
            "above (evidence.age_epochs + evidence.delay_epochs) · epoch_blocks, at most 2^40 heights",
        )
    }
}
