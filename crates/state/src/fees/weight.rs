//! The metered cost of each action, in weight units. Part of consensus: changing a number is an upgrade.
//!
//! One unit is about 1/100 of verifying and executing one plain transfer.

use primitives::actions::proving::PROOF_WEIGHT;
use primitives::{Action, ProvingAction, StakeAction, TimetokeAction, WitnessAction};

/// A transfer: one signature, two accounts.
pub const TRANSFER: u64 = 100;
/// A batch transfer: one signature, one account …
pub const BATCH_BASE: u64 = 60;
/// … and one account per payment.
pub const BATCH_PAYMENT: u64 = 40;

/// A staking action: one signature, two accounts, a few module values.
pub const STAKE: u64 = 150;
/// The first bond also verifies a VRF proof.
pub const CANDIDACY: u64 = 200;
/// Evidence: three signatures and a slash.
pub const EVIDENCE: u64 = 400;
/// An identity action: up to two proofs and a few module values.
pub const IDENTITY: u64 = 400;
/// Bringing heartbeats: one signature, one account …
pub const HEARTBEATS_BASE: u64 = 60;
/// … and one signature and a few module values per heartbeat.
pub const HEARTBEAT: u64 = 90;
/// A lottery submission: one VRF proof.
pub const LOTTERY: u64 = 300;
/// An attestation of a witness: one signature and a few module values.
pub const ATTESTATION: u64 = 90;
/// Taking what a witness earned: one signature, two accounts.
pub const WITNESS_CLAIM: u64 = 150;

/// A bond of a prover: one signature, two accounts.
pub const PROVER_BOND: u64 = 150;

/// The weight of an action.
pub fn weight(action: &Action) -> u64 {
    match action {
        Action::Transfer(_) => TRANSFER,
        Action::BatchTransfer(batch) => {
            let payments = u64::try_from(batch.payments.len()).unwrap_or(u64::MAX);
            BATCH_BASE.saturating_add(BATCH_PAYMENT.saturating_mul(payments))
        }
        Action::Stake(StakeAction::Bond(bond)) if bond.candidacy.is_some() => STAKE + CANDIDACY,
        Action::Stake(_) => STAKE,
        Action::Evidence(_) => EVIDENCE,
        Action::Identity(_) => IDENTITY,
        Action::Timetoke(TimetokeAction::Heartbeats { list }) => list_weight(HEARTBEAT, list.len()),
        Action::Lottery(_) => LOTTERY,
        Action::Witness(WitnessAction::Attest { list }) => list_weight(ATTESTATION, list.len()),
        Action::Witness(WitnessAction::Claim) => WITNESS_CLAIM,
        Action::Proving(ProvingAction::Submit(_)) => PROOF_WEIGHT,
        Action::Proving(_) => PROVER_BOND,
    }
}

/// One signature of the payer, and each item of the list.
fn list_weight(item: u64, items: usize) -> u64 {
    HEARTBEATS_BASE.saturating_add(item.saturating_mul(u64::try_from(items).unwrap_or(u64::MAX)))
}
