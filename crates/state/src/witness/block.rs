//! What the witness module does at the end of each block: share an epoch's pool, open the next sample. Implements WIT-2,
//! WIT-4 and WIT-13.

use primitives::actions::WitnessEvent;
use primitives::ledger::WITNESS_POOL;
use primitives::{Amount, Event, decode, encode};

use super::{Part, Sample, Totals, WITNESSES_MAX, accrued, is_on, keys, stake, totals};
use crate::context::Env;
use crate::overlay::Overlay;
use crate::view::{Broken, StateView};
use crate::{identity, staking};

/// Runs after all transactions. `funded` is what this block's end put into the pool.
///
/// # Errors
/// [`Broken`] when stored values do not fit each other.
pub fn end_block(
    overlay: &mut Overlay<'_>,
    env: Env<'_>,
    funded: Amount,
    events: &mut Vec<Event>,
) -> Result<(), Broken> {
    let height = env.block.height;
    if !is_on(overlay, height)? {
        return Ok(());
    }
    if env.ends_epoch() {
        share(overlay, env, funded, events)?;
        // What is open ends with the epoch, so that an attestation counts in one epoch only.
        overlay.delete(keys::sample());
    }
    if height.0.is_multiple_of(env.params.witness.interval_blocks.max(1)) {
        let sampled = height.previous().ok_or(Broken("a block at the height of genesis"))?;
        let opened = Sample {
            height: sampled,
            value: env.block.parent,
            seed: env.block.beacon,
            opened_at: height,
            identities: identity::count(overlay)?,
            attested: 0,
        };
        overlay.put(keys::sample(), encode(&opened));
        events.push(Event::Witness(WitnessEvent::SampleOpened { height: sampled, seed: opened.seed }));
    }
    Ok(())
}

/// Promises the epoch's part of the pool to its witnesses, by stake × attestations; each share is rounded down, and what
/// is left stays in the pool.
fn share(overlay: &mut Overlay<'_>, env: Env<'_>, funded: Amount, events: &mut Vec<Event>) -> Result<(), Broken> {
    let mut weights = Vec::new();
    let mut total = 0_u128;
    for (key, value) in overlay.scan(&[keys::PART], WITNESSES_MAX) {
        let who = staking::keys::address_at(&key, 1).ok_or(Broken("a witness key is too short"))?;
        let part: Part = decode(&value).map_err(|_| Broken("a witness's part does not decode"))?;
        overlay.delete(key);
        // Who was punished since, or ended its identity, gets nothing.
        let Some(found) = identity::active(overlay, &who, env.block.height)? else { continue };
        let weight = u128::from(stake(overlay, &who, &found)?) * u128::from(part.attestations);
        total = total.saturating_add(weight);
        weights.push((who, weight));
    }
    let Totals { accrued: mut promised, .. } = totals(overlay)?;
    let balance = overlay.slot(WITNESS_POOL).map(|pool| pool.balance).unwrap_or_default();
    let free = balance.checked_sub(promised).ok_or(Broken("the witness pool does not cover what was promised"))?;
    let budget = funded.min(free);
    for (identity, weight) in weights {
        let amount = crate::rewards::block::scaled(budget, weight, total);
        if amount == Amount::ZERO {
            continue;
        }
        let add = |sum: Amount| sum.checked_add(amount).ok_or(Broken("the witnesses' earnings are out of range"));
        let owed = add(accrued(overlay, &identity)?)?;
        promised = add(promised)?;
        overlay.put(keys::accrued(&identity), encode(&owed));
        events.push(Event::Witness(WitnessEvent::Accrued { identity, amount }));
    }
    overlay.put(keys::totals(), encode(&Totals { accrued: promised, witnesses: 0 }));
    Ok(())
}
