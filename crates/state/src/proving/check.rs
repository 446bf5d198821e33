//! May this proof enter a block? Implements PRV-8 to PRV-10.
//!
//! Everything here is cheap and costs the sender nothing: who lost a race, follows another chain, or came too early keeps bond
//! and nonce. The proof itself is looked at in [`super::execute`].

use primitives::actions::ProofSubmission;
use primitives::defect::{Defect, is_seeded};
use primitives::ledger::PROVER_POOL;
use primitives::{Address, Height, Params, Rejection};

use crate::accounts::check::is_reserved;
use crate::transaction::Refused;
use crate::view::{self, StateView};

/// Refuses a proof that its sender may not bring into a block at `height`.
///
/// # Errors
/// In this order: `proof_oversize`, `wrong_proof_system`, `proof_gate_off`, `proof_not_advancing`, `window_not_recorded`,
/// `wrong_end_record`, `unknown_payout`, `no_prover_bond`, `proof_not_your_turn`.
pub fn admit(
    view: &dyn StateView,
    params: &Params,
    height: Height,
    payer: &Address,
    submission: &ProofSubmission,
) -> Result<(), Refused> {
    let bytes = u64::try_from(submission.proof.len()).unwrap_or(u64::MAX);
    if bytes > params.proving.proof_bytes_max {
        return Err(Rejection::ProofOversize.into());
    }
    if submission.system != primitives::actions::ProofSystemKind::default() {
        return Err(Rejection::WrongProofSystem.into());
    }
    if !super::is_on(view, height)? {
        return Err(Rejection::ProofGateOff.into());
    }
    let is_old = submission.end.height <= super::proven_height(view)?;
    if is_old && !is_seeded(Defect::TakesAnOldProof) {
        return Err(Rejection::ProofNotAdvancing.into());
    }
    let window = match number_of(params, submission.end.height) {
        Some(number) => super::window(view, number)?,
        None => None,
    };
    let window = window.ok_or(Rejection::WindowNotRecorded)?;
    if window.end != submission.end {
        return Err(Rejection::WrongEndRecord.into());
    }
    let is_payable = match view::slot_of(view, &submission.payout)? {
        Some(slot) => slot == PROVER_POOL || !is_reserved(&submission.payout),
        None => false,
    };
    if !is_payable {
        return Err(Rejection::UnknownPayout.into());
    }
    let bond = super::bond(view, payer)?.filter(|bond| bond.leaves_at.is_none());
    if bond.is_none_or(|bond| bond.amount < params.proving.bond_min) {
        return Err(Rejection::NoProverBond.into());
    }
    match window.turn_of(&params.proving, height) {
        Some(turn) if turn != *payer => Err(Rejection::ProofNotYourTurn.into()),
        Some(_) | None => Ok(()),
    }
}

/// The number of the window that ends at `height`, if one does.
pub fn number_of(params: &Params, height: Height) -> Option<u64> {
    let blocks = params.window_blocks.max(1);
    if height.0.is_multiple_of(blocks) { (height.0 / blocks).checked_sub(1) } else { None }
}
