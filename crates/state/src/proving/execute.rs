//! Carries out the actions of the proving module. Implements PRV-4 to PRV-7 and PRV-11 to PRV-13.
//!
//! Rule: every check comes before the first write; on an outcome other than success nothing has changed, but for a proof that
//! does not verify, whose bond is burned.

use primitives::actions::{ProofClaim, ProofSubmission, ProvingEvent};
use primitives::defect::{Defect, is_seeded};
use primitives::ledger::{PROVER_BONDS, PROVER_POOL};
use primitives::{Amount, Event, Hash, Height, Outcome, Params, ProvingAction, encode};

use super::{Bond, PROVERS_MAX, ProofVerifier, Proven, bond, is_on, keys, origin, proven_height, provers};
use crate::context::{Env, Payer};
use crate::overlay::Overlay;
use crate::view::{self, Broken, StateView};

/// What an action caused, or the outcome that the receipt records.
type Done = Result<Result<Vec<Event>, Outcome>, Broken>;

/// Executes an action on a bond, whose fee is paid.
///
/// # Errors
/// [`Broken`] when stored values do not fit each other. A named outcome is the inner error.
pub fn execute(overlay: &mut Overlay<'_>, env: Env<'_>, payer: Payer, action: &ProvingAction) -> Done {
    match action {
        ProvingAction::Bond { amount } => put(overlay, env, payer, *amount),
        ProvingAction::Unbond => ask_back(overlay, env, payer),
        ProvingAction::Submit(_) => Err(Broken("a proof was sent to the bonds")),
    }
}

fn put(overlay: &mut Overlay<'_>, env: Env<'_>, payer: Payer, amount: Amount) -> Done {
    if !is_on(overlay, env.block.height)? {
        return Ok(Err(Outcome::ProofsOff));
    }
    let before = bond(overlay, &payer.address)?;
    if before.is_some_and(|before| before.leaves_at.is_some()) {
        return Ok(Err(Outcome::ProverUnbonding));
    }
    if before.is_none() && provers(overlay)?.len() >= PROVERS_MAX {
        return Ok(Err(Outcome::ProversFull));
    }
    let held = before.map_or(Amount::ZERO, |before| before.amount);
    let total = held.checked_add(amount).ok_or(Broken("a prover's bond is out of range"))?;
    if total < env.params.proving.bond_min {
        return Ok(Err(Outcome::ProverBondBelowMinimum));
    }
    overlay.transfer(payer.slot, PROVER_BONDS, amount)?;
    overlay.put(keys::prover(&payer.address), encode(&Bond { amount: total, leaves_at: None }));
    Ok(Ok(vec![Event::Proving(ProvingEvent::Bonded { prover: payer.address, amount })]))
}

/// Works without the gate, so that a bond can always leave.
fn ask_back(overlay: &mut Overlay<'_>, env: Env<'_>, payer: Payer) -> Done {
    let Some(held) = bond(overlay, &payer.address)? else { return Ok(Err(Outcome::NotAProver)) };
    if held.leaves_at.is_some() {
        return Ok(Err(Outcome::ProverUnbonding));
    }
    let height = Height(env.block.height.0.saturating_add(env.params.proving.unbonding_blocks));
    overlay.put(keys::prover(&payer.address), encode(&Bond { leaves_at: Some(height), ..held }));
    let event = ProvingEvent::Unbonding { prover: payer.address, amount: held.amount, height };
    Ok(Ok(vec![Event::Proving(event)]))
}

/// What a submission must show: this chain's ledger from genesis to the recorded end, and who is paid.
///
/// # Errors
/// [`Broken`] when the ledger of genesis is not recorded.
pub fn claim(
    view: &dyn StateView,
    genesis: Hash,
    params: &Params,
    submission: &ProofSubmission,
) -> Result<ProofClaim, Broken> {
    Ok(ProofClaim {
        system: submission.system,
        genesis,
        origin: origin(view)?.ok_or(Broken("the ledger of genesis is not recorded"))?,
        end: submission.end,
        issuance_max: params.issuance_per_block_max,
        supply_cap: params.supply_cap,
        payout: submission.payout,
    })
}

/// Judges a proof that [`super::check::admit`] let in.
///
/// # Errors
/// [`Broken`] when stored values do not fit each other.
pub fn submit(
    overlay: &mut Overlay<'_>,
    env: Env<'_>,
    payer: Payer,
    submission: &ProofSubmission,
    verifier: &dyn ProofVerifier,
) -> Result<(Outcome, Vec<Event>), Broken> {
    let claim = claim(overlay, env.block.genesis, env.params, submission)?;
    if !verifier.verify(&claim, &submission.proof) {
        return forfeit(overlay, payer);
    }
    let (from, to) = (proven_height(overlay)?, submission.end.height);
    let payout = view::slot_of(overlay, &submission.payout)?.ok_or(Broken("the payout account is gone"))?;
    let reward = if payout == PROVER_POOL { Amount::ZERO } else { reward(overlay, env, from, to) };
    if reward > Amount::ZERO {
        overlay.transfer(PROVER_POOL, payout, reward)?;
    }
    let (prover, payout, proof) = (payer.address, submission.payout, submission.proof_hash());
    let accepted = Proven { height: to, proof, prover, payout, reward, accepted_at: env.block.height };
    overlay.put(keys::proven(), encode(&accepted));
    let event = ProvingEvent::Accepted { from, to, prover, payout, reward, proof };
    Ok((Outcome::Success, vec![Event::Proving(event)]))
}

/// What the pool pays for so many heights: at most what it holds.
fn reward(view: &dyn StateView, env: Env<'_>, from: Height, to: Height) -> Amount {
    let pool = view.slot(PROVER_POOL).map(|pool| pool.balance).unwrap_or_default();
    let heights = if is_seeded(Defect::PaysAHeightTwice) { to.0 } else { to.0.saturating_sub(from.0) };
    env.params.proving.reward_per_height.checked_mul(heights).map_or(pool, |full| full.min(pool))
}

fn forfeit(overlay: &mut Overlay<'_>, payer: Payer) -> Result<(Outcome, Vec<Event>), Broken> {
    let held = bond(overlay, &payer.address)?.ok_or(Broken("a prover without a bond brought a proof"))?;
    overlay.burn(PROVER_BONDS, held.amount)?;
    overlay.delete(keys::prover(&payer.address));
    let event = ProvingEvent::Forfeited { prover: payer.address, burned: held.amount };
    Ok((Outcome::ProofInvalid, vec![Event::Proving(event)]))
}
