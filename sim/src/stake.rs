//! What the judge knows of stake: who votes, who was punished, what was paid out.
//!
//! Model: everything is read from finalized blocks and from the accounts and sets as a validator shows them. The rules are
//! written down again here, from `spec/staking.md`, `spec/rewards.md` and `spec/evidence.md`, without code of `state`.
//!
//! Rule: who misbehaves is known from the plan, which the chain never sees.

use std::collections::{BTreeMap, BTreeSet};

use primitives::{Action, Address, Amount, Event, Hash, Height, Params, ValidatorSet};
use replica::{FinalizedBlock, Replica};

use crate::properties::{Broken, Check, Property};

/// Basis points in one.
const BASIS_POINTS: u128 = 10_000;

/// Stake, as the blocks tell it.
pub struct Stakes {
    params: Params,
    /// The set that decides the next height.
    set: ValidatorSet,
    /// Those whose keys may sign twice.
    suspects: BTreeSet<Address>,
    /// The dishonest, and those that may forget.
    weak: BTreeSet<Address>,
    slashed: BTreeSet<Address>,
    jailed: BTreeSet<Address>,
    candidates: BTreeSet<Address>,
    issuance_pot: u64,
    funded: BTreeMap<Address, u64>,
    /// What happened, for the summary.
    counts: BTreeMap<&'static str, u64>,
}

fn broken(property: Property, detail: String) -> Check {
    Err(Broken { property, detail })
}

/// Everything that a block did, in order.
fn events(block: &FinalizedBlock) -> impl Iterator<Item = &Event> {
    block.receipts.iter().flat_map(|receipt| &receipt.events).chain(&block.events)
}

impl Stakes {
    /// Stake at the start. `suspects` may sign twice; `weak` may break the protocol or forget.
    pub fn new(params: Params, set: ValidatorSet, suspects: BTreeSet<Address>, weak: BTreeSet<Address>) -> Self {
        let candidates = set.validators().iter().map(|member| member.address).collect();
        Self {
            params,
            set,
            suspects,
            weak,
            slashed: BTreeSet::new(),
            jailed: BTreeSet::new(),
            candidates,
            issuance_pot: 0,
            funded: BTreeMap::new(),
            counts: BTreeMap::new(),
        }
    }

    /// The set that decides the next height.
    pub fn set(&self) -> &ValidatorSet {
        &self.set
    }

    /// True once this validator was punished.
    pub fn is_slashed(&self, validator: &Address) -> bool {
        self.slashed.contains(validator)
    }

    /// True while this validator is in jail.
    pub fn is_jailed(&self, validator: &Address) -> bool {
        self.jailed.contains(validator)
    }

    /// True once this validator has bonded.
    pub fn is_candidate(&self, validator: &Address) -> bool {
        self.candidates.contains(validator)
    }

    /// What happened, by name.
    pub fn counts(&self) -> &BTreeMap<&'static str, u64> {
        &self.counts
    }

    fn count(&mut self, name: &'static str) {
        *self.counts.entry(name).or_default() += 1;
    }

    /// Stake is burned only for evidence in the same block, once, of somebody who may have signed twice.
    ///
    /// # Errors
    /// It was burned without.
    pub fn no_false_slash(&mut self, block: &FinalizedBlock) -> Check {
        let height = block.block.header.height;
        let proofs: BTreeSet<(Hash, Address)> = block
            .block
            .transactions
            .iter()
            .filter_map(|transaction| match &transaction.body.action {
                Action::Evidence(evidence) => Some((evidence.hash(), evidence.offender())),
                _ => None,
            })
            .collect();
        for event in events(block) {
            match event {
                Event::Slashed { validator, evidence, .. } => {
                    let is_proven = proofs.contains(&(*evidence, *validator));
                    if !is_proven || !self.suspects.contains(validator) || !self.slashed.insert(*validator) {
                        let detail = format!("at height {height} {validator} was slashed without a reason");
                        return broken(Property::NoFalseSlash, detail);
                    }
                    self.count("slashed");
                }
                Event::Jailed { validator } => {
                    self.jailed.insert(*validator);
                    self.count("jailed");
                }
                Event::Unjailed { validator } => {
                    self.jailed.remove(validator);
                    self.count("unjailed");
                }
                Event::Bonded { owner, validator, .. } => {
                    if owner == validator {
                        self.candidates.insert(*owner);
                    }
                    self.count("bonded");
                }
                Event::Unbonding { .. } => self.count("unbonding"),
                Event::Unbonded { .. } => self.count("unbonded"),
                Event::Redelegated { .. } => self.count("redelegated"),
                _ => {}
            }
        }
        Ok(())
    }

    /// What is issued is what the rates say; it is in the issuance pot until it is paid; the pools get their shares and
    /// not more. Gives what was issued, µBLOCK.
    ///
    /// # Errors
    /// Money is somewhere else.
    pub fn payouts_add_up(&mut self, block: &FinalizedBlock, chain: &Replica, before: u64) -> Result<u64, Broken> {
        let height = block.block.header.height;
        let rewards = &self.params.rewards;
        let room = self.params.supply_cap.micro().saturating_sub(before);
        let issued = rewards.issuance_per_block.min(self.params.issuance_per_block_max).micro().min(room);
        let mut pot = self.issuance_pot.saturating_add(issued);
        for event in events(block) {
            let (Event::RewardPaid { amount, .. } | Event::PoolFunded { amount, .. }) = event else { continue };
            pot = pot.checked_sub(amount.micro()).ok_or_else(|| Broken {
                property: Property::PayoutsAddUp,
                detail: format!("at height {height} more was paid out than was ever issued"),
            })?;
            if let Event::PoolFunded { pool, .. } = event {
                let sum = self.funded.entry(*pool).or_default();
                *sum = sum.saturating_add(amount.micro());
            }
        }
        let held = balance(chain, &Address::of_module("issuance_pot"))?;
        if held != pot {
            let detail = format!("at height {height} the issuance pot holds {held}, it should hold {pot} µBLOCK");
            return Err(Broken { property: Property::PayoutsAddUp, detail });
        }
        self.issuance_pot = held;
        let shares = [
            ("witness_pool", rewards.witness_bps),
            ("timetoke_pool", rewards.timetoke_bps),
            ("prover_pool", rewards.prover_bps),
            ("treasury", rewards.treasury_bps),
        ];
        let is_paid = block.events.iter().any(|event| matches!(event, Event::PoolFunded { .. }));
        for (name, bps) in shares.into_iter().filter(|_| is_paid) {
            let share = u128::from(issued) * u128::from(bps) / BASIS_POINTS;
            // The block that pays has promised nothing yet.
            let wanted = share * u128::from(height.0.saturating_sub(1));
            let funded = self.funded.get(&Address::of_module(name)).copied().unwrap_or(0);
            if u128::from(funded) != wanted {
                let detail = format!("at height {height} the {name} has had {funded}, it should be {wanted} µBLOCK");
                return Err(Broken { property: Property::PayoutsAddUp, detail });
            }
        }
        Ok(issued)
    }

    /// The voting set changes at the ends of epochs, by a bounded part of its power, and is never empty; who was punished
    /// has no seat; the weak hold less than a third.
    ///
    /// # Errors
    /// The set changed otherwise.
    pub fn sets_change_slowly(&mut self, height: Height, next: ValidatorSet, is_bounded: bool) -> Check {
        if next == self.set {
            return Ok(());
        }
        let wrong = |detail: String| broken(Property::SetsChangeSlowly, format!("at height {height} {detail}"));
        if !height.0.is_multiple_of(self.params.epoch_blocks) {
            return wrong("the voting set changed within an epoch".to_owned());
        }
        let power = |set: &ValidatorSet, who: &Address| set.get(who).map_or(0, |member| member.power);
        let must_leave = |who: &Address| self.slashed.contains(who) || self.jailed.contains(who);
        let all: BTreeSet<Address> =
            self.set.validators().iter().chain(next.validators()).map(|member| member.address).collect();
        let changed: u64 = all
            .iter()
            .filter(|who| !must_leave(who))
            .map(|who| power(&self.set, who).abs_diff(power(&next, who)))
            .fold(0, u64::saturating_add);
        let bps = u128::from(self.params.staking.churn_bps);
        let budget = (u128::from(self.set.total_power()) * bps / BASIS_POINTS).max(1);
        if u128::from(changed) > budget {
            return wrong(format!("{changed} of the power changed at once, {budget} is the bound"));
        }
        if let Some(seated) = next.validators().iter().find(|member| self.slashed.contains(&member.address)) {
            return wrong(format!("{} has a seat, though it was punished", seated.address));
        }
        let weak = next.validators().iter().filter(|member| self.weak.contains(&member.address));
        let weak = weak.map(|member| member.power).fold(0, u64::saturating_add);
        if is_bounded && weak.saturating_mul(3) >= next.total_power() {
            return wrong(format!("those who may fail hold {weak} of {}", next.total_power()));
        }
        let came = next.validators().iter().filter(|member| self.set.get(&member.address).is_none()).count();
        let went = self.set.validators().iter().filter(|member| next.get(&member.address).is_none()).count();
        self.set = next;
        self.count("set_changed");
        (0..came).for_each(|_| self.count("seat_taken"));
        (0..went).for_each(|_| self.count("seat_left"));
        Ok(())
    }
}

/// What an address owns, µBLOCK.
fn balance(chain: &Replica, address: &Address) -> Result<u64, Broken> {
    match chain.account(address) {
        Ok(found) => Ok(found.map_or(Amount::ZERO, |(_, slot)| slot.balance).micro()),
        Err(fault) => Err(Broken { property: Property::PayoutsAddUp, detail: fault.to_string() }),
    }
}
