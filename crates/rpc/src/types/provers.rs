//! Proofs in blocks: what the chain itself took as proven, who may prove what, and what a lag costs. Rules in `spec/proving.md`.
//!
//! Unlike `proofs/status`, which says what one node has verified, everything here is state of the chain and equal on all nodes.

use primitives::{Address, Amount, Hash, Height};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::schema::{AddressText, AmountInteger, HashText};

/// The last chain proof that a block holds and that verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AcceptedProof {
    /// The height that it proves.
    #[schema(value_type = u64)]
    pub height: Height,
    /// Hash of the proof, as the header has it.
    #[schema(value_type = HashText)]
    pub proof: Hash,
    /// Who brought it.
    #[schema(value_type = AddressText)]
    pub prover: Address,
    /// Who was paid.
    #[schema(value_type = AddressText)]
    pub payout: Address,
    /// How much, µBLOCK.
    #[schema(value_type = AmountInteger)]
    pub reward: Amount,
    /// The block that holds it.
    #[schema(value_type = u64)]
    pub accepted_at: Height,
}

/// A closed window that waits for a proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WaitingWindow {
    /// Which window, from 0.
    pub window: u64,
    /// Its last height.
    #[schema(value_type = u64)]
    pub end_height: Height,
    /// Who may prove it first.
    #[schema(value_type = Option<AddressText>)]
    pub assigned: Option<Address>,
    /// The first height at which anyone may.
    #[schema(value_type = u64)]
    pub anyone_from: Height,
}

/// A prover's bond.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProverView {
    /// Whose.
    #[schema(value_type = AddressText)]
    pub address: Address,
    /// How much, µBLOCK.
    #[schema(value_type = AmountInteger)]
    pub bond: Amount,
    /// The height at whose end it is paid out, once it was asked for.
    #[schema(value_type = Option<u64>)]
    pub leaves_at: Option<Height>,
}

/// `GET /proofs/provers`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProversStatus {
    /// Whether the next block takes proofs (gate `recursive_proofs`).
    pub taken: bool,
    /// Whether a lag makes blocks lighter (gate `consensus_enforcement` besides).
    pub enforced: bool,
    /// The proof system that the genesis file names.
    pub proof_system: String,
    /// The last finalized height.
    #[schema(value_type = u64)]
    pub finalized_height: Height,
    /// The height that the chain took a proof for; 0 before the first.
    #[schema(value_type = u64)]
    pub proven_height: Height,
    /// The proof of it.
    pub last: Option<AcceptedProof>,
    /// Recorded windows above the proven height.
    pub lag_windows: u64,
    /// What is left of the block weight in the next block, basis points.
    pub block_weight_bps: u64,
    /// What the prover pool holds, µBLOCK.
    #[schema(value_type = AmountInteger)]
    pub pool: Amount,
    /// What the pool pays for each height, µBLOCK.
    #[schema(value_type = AmountInteger)]
    pub reward_per_height: Amount,
    /// Least bond of a prover, µBLOCK.
    #[schema(value_type = AmountInteger)]
    pub bond_min: Amount,
    /// Longest proof that a block takes, bytes.
    pub proof_bytes_max: u64,
    /// Windows that wait, the oldest first, 64 at most.
    pub waiting: Vec<WaitingWindow>,
    /// Who has a bond, by address, 64 at most.
    pub provers: Vec<ProverView>,
}
