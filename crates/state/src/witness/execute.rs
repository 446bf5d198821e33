//! Carries out the actions of the witness module. Implements WIT-5 to WIT-12, WIT-14.
//!
//! Rule: every check comes before the first write; on an outcome other than success nothing has changed. Signatures and
//! the order of the list are checked before a transaction gets here
//! ([`primitives::WitnessAction::check_form`]).

use primitives::actions::WitnessEvent;
use primitives::actions::witness::{Attestation, SignedAttestation};
use primitives::defect::{Defect, is_seeded};
use primitives::ledger::WITNESS_POOL;
use primitives::{Event, Outcome, WitnessAction, encode};

use super::{Part, Sample, WITNESSES_MAX, accrued, is_on, keys, part, sample, totals};
use crate::context::{Env, Payer};
use crate::overlay::Overlay;
use crate::view::{self, Broken, StateView};
use crate::{identity, lottery};

/// What an action caused, or the outcome that the receipt records.
type Done = Result<Result<Vec<Event>, Outcome>, Broken>;

/// Executes one action, whose fee is paid.
///
/// # Errors
/// [`Broken`] when stored values do not fit each other. A named outcome is the inner error.
pub fn execute(overlay: &mut Overlay<'_>, env: Env<'_>, payer: Payer, action: &WitnessAction) -> Done {
    match action {
        WitnessAction::Attest { list } => attest(overlay, env, list),
        WitnessAction::Claim => claim(overlay, payer),
    }
}

fn attest(overlay: &mut Overlay<'_>, env: Env<'_>, list: &[SignedAttestation]) -> Done {
    if !is_on(overlay, env.block.height)? {
        return Ok(Err(Outcome::WitnessNetworkOff));
    }
    let open = sample(overlay)?.filter(|open| open.is_open(&env.params.witness, env.block.height));
    let Some(mut open) = open else { return Ok(Err(Outcome::WitnessLate)) };
    let mut totals = totals(overlay)?;
    let mut parts = Vec::with_capacity(list.len());
    for signed in list {
        let new = match check(overlay, env, &open, &signed.attestation)? {
            Ok(new) => new,
            Err(outcome) => return Ok(Err(outcome)),
        };
        open.attested = open.attested.saturating_add(1);
        if new.attestations == 1 {
            totals.witnesses = totals.witnesses.saturating_add(1);
        }
        parts.push((signed.attestation.identity, new));
    }
    let witnesses_max = u32::try_from(WITNESSES_MAX).unwrap_or(u32::MAX);
    if u64::from(open.attested) > env.params.witness.attestations_max || totals.witnesses > witnesses_max {
        return Ok(Err(Outcome::WitnessFull));
    }
    let mut events = Vec::with_capacity(parts.len());
    for (identity, new) in parts {
        overlay.put(keys::part(&identity), encode(&new));
        events.push(Event::Witness(WitnessEvent::Attested { identity, height: open.height }));
    }
    overlay.put(keys::sample(), encode(&open));
    overlay.put(keys::totals(), encode(&totals));
    Ok(Ok(events))
}

/// The witness's part after an attestation that counts.
fn check(
    view: &dyn StateView,
    env: Env<'_>,
    open: &Sample,
    attestation: &Attestation,
) -> Result<Result<Part, Outcome>, Broken> {
    let (height, params) = (env.block.height, env.params);
    let who = attestation.identity;
    if attestation.height != open.height {
        return Ok(Err(Outcome::WitnessLate));
    }
    if attestation.seed != open.seed {
        return Ok(Err(Outcome::WitnessWrongSeed));
    }
    if attestation.value != open.value {
        return Ok(Err(Outcome::WitnessWrongBlock));
    }
    if identity::active(view, &who, height)?.is_none() {
        return Ok(Err(Outcome::IdentityNotActive));
    }
    // The committee made the block: only others can say whether they got it.
    if view::validators(view)?.get(&who).is_some() || view::previous_validators(view)?.get(&who).is_some() {
        return Ok(Err(Outcome::WitnessInCommittee));
    }
    if u64::from(lottery::tier(view, params, &who, height, env.block.time)?.level()) < params.witness.min_tier {
        return Ok(Err(Outcome::WitnessTierTooLow));
    }
    if !open.draws(&params.witness, &who) {
        return Ok(Err(Outcome::WitnessNotSampled));
    }
    let before = part(view, &who)?;
    if before.is_some_and(|before| before.last >= open.height) {
        return Ok(Err(Outcome::WitnessRepeated));
    }
    let attestations = before.unwrap_or_default().attestations.saturating_add(1);
    Ok(Ok(Part { attestations, last: open.height }))
}

fn claim(overlay: &mut Overlay<'_>, payer: Payer) -> Done {
    let amount = accrued(overlay, &payer.address)?;
    if amount == primitives::Amount::ZERO {
        return Ok(Err(Outcome::NothingToClaim));
    }
    let mut totals = totals(overlay)?;
    totals.accrued = totals.accrued.checked_sub(amount).ok_or(Broken("a witness claims more than was promised"))?;
    if !is_seeded(Defect::PaysAWitnessTwice) {
        overlay.delete(keys::accrued(&payer.address));
        overlay.put(keys::totals(), encode(&totals));
    }
    overlay.transfer(WITNESS_POOL, payer.slot, amount)?;
    Ok(Ok(vec![Event::Witness(WitnessEvent::Paid { identity: payer.address, amount })]))
}
