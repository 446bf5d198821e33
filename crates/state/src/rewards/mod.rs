//! Rewards: new money, and who gets it.
//!
//! ```text
//! seal ──► issuance pot ──┬─ proposer bonus ── per block, scaled by the power in the included certificate
//!                         ├─ validators ────── per epoch, by power × signed commits ──┬─ commission
//!                         │                                                           └─ delegators, by share
//!                         ├─ witness, timetoke and prover pools, treasury ── one transfer per epoch
//!                         └─ what rounding and absence leave stays in the pot
//! ```
//!
//! Invariants
//! - The issuance pot's balance is at least what was promised and not yet paid ([`Promises::total`]).
//! - What a block promises is at most what its seal issues; payments use promises of earlier blocks only.
//! - A validator is paid by at most one transfer per epoch out of this pot, and by one more out of the timetoke pool where the gate
//!   `timetoke_rewards` is in force; delegators are paid when they ask, and whenever their delegation changes.
//!
//! Read next: [`block`], [`delegation`], `spec/rewards.md`.

pub mod block;
pub mod delegation;
pub mod keys;

use borsh::{BorshDeserialize, BorshSerialize};
use primitives::ledger::ISSUANCE_POT;
use primitives::{Amount, Params, decode};

use crate::view::{Broken, StateView, read};

/// Pools that get a part of the issuance: witnesses, timetoke, provers, treasury.
pub const POOLS: usize = 4;

/// What was promised and not yet paid, except the proposers' bonuses, which have a key each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Promises {
    /// To the validators of this epoch together.
    pub validators: Amount,
    /// To each pool, in the order of [`POOLS`].
    pub pools: [Amount; POOLS],
    /// To delegators that have not asked yet: an upper bound, since their parts are rounded down.
    pub delegators: Amount,
}

impl Promises {
    /// Everything together; `None` when out of range.
    pub fn total(&self) -> Option<Amount> {
        let sum = self.pools.iter().try_fold(self.validators, |sum, pool| sum.checked_add(*pool))?;
        sum.checked_add(self.delegators)
    }
}

/// The new money of a block: the governed rate, less when the supply is near the cap.
pub fn issuance(params: &Params, supply: Amount) -> Amount {
    let room = params.supply_cap.checked_sub(supply).unwrap_or_default();
    params.rewards.issuance_per_block.min(params.issuance_per_block_max).min(room)
}

/// What was promised and not yet paid.
///
/// # Errors
/// [`Broken`] when it does not decode.
pub fn promises(view: &dyn StateView) -> Result<Promises, Broken> {
    Ok(read(view, &keys::promises(), "promised rewards do not decode")?.unwrap_or_default())
}

/// The issuance pot covers everything that was promised.
///
/// # Errors
/// [`Broken`] when it does not.
pub fn pot_covers_promises(view: &dyn StateView) -> Result<(), Broken> {
    let mut sum = promises(view)?.total();
    for (_, value) in view.scan(&[keys::BONUS], usize::MAX) {
        let bonus: Amount = decode(&value).map_err(|_| Broken("bonus does not decode"))?;
        sum = sum.and_then(|sum| sum.checked_add(bonus));
    }
    let pot = view.slot(ISSUANCE_POT).map(|slot| slot.balance);
    match (sum, pot) {
        (Some(sum), Some(pot)) if pot >= sum => Ok(()),
        _ => Err(Broken("the issuance pot does not cover the promised rewards")),
    }
}
