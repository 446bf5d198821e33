//! What wallets do with stake: delegate, move, unbond, claim; and validators: bond, unbond, leave jail.
//!
//! Rules
//! - Nobody puts stake behind a validator that may break the protocol or forget; those keep the power of the start.
//! - Where there is such a validator, no other one of the start takes its own stake away (`plan/staking.rs`).
//! - Many of these actions are refused by name, as those of people are; a refused one pays its fee.

use std::collections::BTreeSet;

use primitives::actions::stake::{Bond, Candidacy, vrf_possession_input};
use primitives::{Action, Address, Amount, Hash, StakeAction};

use crate::chain::Keys;
use crate::plan::Plan;
use crate::random::{PPM, Random};
use crate::stake::Stakes;

/// Most whole BLOCK of one action.
const BLOCKS_MAX: u64 = 4;
/// Least and most whole BLOCK of a first bond.
const FIRST_BOND: (u64, u64) = (4, 12);
/// µBLOCK in a BLOCK.
const MICRO: u64 = 1_000_000;

/// Who moves stake in a run.
pub struct Stakers {
    actions_ppm: u32,
    is_guarded: bool,
    seats: u16,
    /// Validators that may get stake and act for themselves, by number.
    trusted: Vec<(u16, Address)>,
}

/// Somebody with a wallet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// The account with this number.
    Account(u64),
    /// The validator with this number.
    Validator(u16),
}

/// The validators that have a wallet of their own: those that keep to the protocol and forget nothing.
pub fn trusted(plan: &Plan) -> Vec<u16> {
    let weak: BTreeSet<u16> = plan.unreliable();
    (0..plan.validators).filter(|node| !weak.contains(node)).collect()
}

impl Stakers {
    /// Those of a plan; nobody when its voting set does not change.
    pub fn of(plan: &Plan, keys: Keys) -> Option<Self> {
        let staking = plan.staking.as_ref()?;
        let trusted =
            trusted(plan).into_iter().map(|node| (node, Address::of_key(&keys.validator(node).public_key()))).collect();
        Some(Self { actions_ppm: staking.actions_ppm, is_guarded: plan.is_guarded(), seats: plan.seats(), trusted })
    }

    /// What an owner does about stake now, if anything.
    pub fn action(
        &self,
        (owner, address): (Owner, Address),
        stakes: &Stakes,
        (keys, genesis): (Keys, Hash),
        random: &mut Random,
    ) -> Option<Action> {
        if !random.chance(self.actions_ppm) || self.trusted.is_empty() {
            return None;
        }
        let action = match owner {
            Owner::Account(_) => self.delegator(random),
            Owner::Validator(node) => {
                let candidacy = || {
                    let key = keys.vrf(node);
                    let vrf_proof = key.prove(&vrf_possession_input(&genesis, &address))?;
                    Some(Candidacy { vrf_key: key.public_key(), vrf_proof, commission_bps: 100 })
                };
                self.validator((node, address), stakes, candidacy, random)?
            }
        };
        Some(Action::Stake(action))
    }

    fn delegator(&self, random: &mut Random) -> StakeAction {
        let one = |random: &mut Random| self.trusted[random.index(self.trusted.len())].1;
        let (validator, amount) = (one(random), blocks(random.between(1, BLOCKS_MAX)));
        match random.below(10) {
            0..=4 => StakeAction::Delegate { validator, amount },
            5 | 6 => StakeAction::Unbond { validator, amount },
            7 | 8 => match one(random) {
                to if to == validator => StakeAction::Claim { validator },
                to => StakeAction::Redelegate { from: validator, to, amount },
            },
            _ => StakeAction::Claim { validator },
        }
    }

    fn validator(
        &self,
        (node, address): (u16, Address),
        stakes: &Stakes,
        candidacy: impl FnOnce() -> Option<Candidacy>,
        random: &mut Random,
    ) -> Option<StakeAction> {
        if stakes.is_jailed(&address) {
            return Some(StakeAction::Unjail);
        }
        // Whoever took everything away was forgotten, and has to come again; the chain says which it is.
        if !stakes.is_candidate(&address) || (node >= self.seats && random.chance(PPM / 10)) {
            let amount = blocks(random.between(FIRST_BOND.0, FIRST_BOND.1));
            return Some(StakeAction::Bond(Bond { amount, candidacy: Some(candidacy()?) }));
        }
        let may_leave = !self.is_guarded || node >= self.seats;
        let amount = blocks(random.between(1, BLOCKS_MAX));
        Some(match random.below(8) {
            0..=2 if may_leave => StakeAction::Unbond { validator: address, amount },
            3 if may_leave => StakeAction::Unbond { validator: address, amount: blocks(FIRST_BOND.1) },
            0..=5 => StakeAction::Bond(Bond { amount, candidacy: None }),
            6 => StakeAction::SetCommission { commission_bps: random.below(200) },
            _ => StakeAction::Claim { validator: address },
        })
    }
}

fn blocks(count: u64) -> Amount {
    Amount::new(count.saturating_mul(MICRO)).expect("a few BLOCK are far below 2^63")
}
