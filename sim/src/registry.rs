//! What the judge knows of identities: who may answer, who answered, and what the pools owe for it.
//!
//! ```text
//! Registered ─► Attested × n ─► Activated ─┬─ HeartbeatAccepted   (of the open challenge, once)
//!      │ bond                              └─ Attested a sample   (drawn, once) ─► Accrued ─► Paid
//!      ▼                                   ─► Revoked, Punished ─► BondReturned
//! ```
//!
//! Model: everything is read from finalized blocks: their transactions, receipts, closing events and hashes. The rules are
//! written down again here, from `spec/identity.md`, `spec/timetoke.md` and `spec/witness.md`, without code of `state`.
//!
//! Rule: what an event says must follow from what was there before; a pool holds what it got less what it paid.

use std::collections::{BTreeMap, BTreeSet};

use primitives::actions::witness::witness_ticket;
use primitives::actions::{IdentityEvent, TimetokeEvent, WitnessEvent};
use primitives::{
    Action, Address, Amount, Event, Genesis, Hash, Height, IdentityAction, Outcome, Timestamp, TimetokeAction,
    Transaction, ValidatorSet, WitnessAction,
};
use replica::{FinalizedBlock, Replica};

use crate::properties::{Broken, Check, Property};

/// Basis points in one.
const BASIS_POINTS: u128 = 10_000;
/// Milliseconds in a second.
const MS: u64 = 1_000;

/// Where an identity is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// It waits for attestations.
    Pending,
    /// It may answer.
    Active,
    /// It was ended at this height.
    Ended(Height),
}

/// An identity, as the events tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Where it is in its life.
    pub stage: Stage,
    /// When it was registered.
    pub registered_at: Height,
    /// Who attested it.
    pub attesters: BTreeSet<Address>,
    bond: u64,
    is_punished: bool,
}

/// The open challenge of heartbeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Challenge {
    /// Its number.
    pub number: u64,
    /// What an answer repeats.
    pub seed: Hash,
    /// Hash of the challenged block.
    pub value: Hash,
    opened_at: Timestamp,
}

/// The open sample of witnesses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// The sampled height.
    pub height: Height,
    /// Decides who is drawn.
    pub seed: Hash,
    /// Hash of the sampled block.
    pub value: Hash,
    opened_at: Height,
    identities: u64,
}

/// Identities, as the blocks tell them.
pub struct Registry {
    genesis: Genesis,
    known: BTreeMap<Address, Known>,
    /// Identities that were ever registered.
    registered: u64,
    challenge: Option<Challenge>,
    answered: BTreeMap<Address, u64>,
    sample: Option<Sample>,
    /// Attestations of this epoch, and the last sampled height.
    attested: BTreeMap<Address, (u64, Height)>,
    accrued: BTreeMap<Address, u64>,
    bonds: u64,
    witness_pool: u64,
    timetoke_pool: u64,
    /// Who built a block in this epoch.
    builders: BTreeSet<Address>,
    /// The set that decided the block before.
    previous: Option<ValidatorSet>,
    counts: BTreeMap<&'static str, u64>,
}

/// What a block is judged with.
struct Moment<'a> {
    block: &'a FinalizedBlock,
    height: Height,
    set: &'a ValidatorSet,
}

fn wrong(property: Property, height: Height, detail: &str) -> Check {
    Err(Broken { property, detail: format!("at height {height} {detail}") })
}

impl Registry {
    /// The identities of genesis: its validators, without bonds.
    pub fn new(genesis: &Genesis) -> Self {
        let address = |one: &primitives::GenesisValidator| Address::of_key(&one.public_key);
        let known: BTreeMap<Address, Known> =
            genesis.validators.iter().map(|one| (address(one), Known::of_genesis())).collect();
        Self {
            genesis: genesis.clone(),
            registered: u64::try_from(known.len()).unwrap_or(u64::MAX),
            known,
            challenge: None,
            answered: BTreeMap::new(),
            sample: None,
            attested: BTreeMap::new(),
            accrued: BTreeMap::new(),
            bonds: 0,
            witness_pool: 0,
            timetoke_pool: 0,
            builders: BTreeSet::new(),
            previous: None,
            counts: BTreeMap::new(),
        }
    }

    /// What happened, by name.
    pub fn counts(&self) -> &BTreeMap<&'static str, u64> {
        &self.counts
    }

    /// An identity, if this address ever had one.
    pub fn get(&self, address: &Address) -> Option<&Known> {
        self.known.get(address)
    }

    /// The identities that wait for attestations.
    pub fn pending(&self) -> impl Iterator<Item = (&Address, &Known)> {
        self.known.iter().filter(|(_, known)| known.stage == Stage::Pending)
    }

    /// The open challenge.
    pub fn challenge(&self) -> Option<Challenge> {
        self.challenge
    }

    /// The open sample.
    pub fn sample(&self) -> Option<Sample> {
        self.sample
    }

    /// True when this identity answered the open challenge.
    pub fn has_answered(&self, who: &Address) -> bool {
        let open = self.challenge.map(|open| open.number);
        open.is_some_and(|open| self.answered.get(who).is_some_and(|last| *last >= open))
    }

    /// What a witness may claim, µBLOCK.
    pub fn owed(&self, who: &Address) -> u64 {
        self.accrued.get(who).copied().unwrap_or(0)
    }

    /// True when the open sample draws this identity: by its ticket, with the mean of the governed committee.
    pub fn is_drawn(&self, who: &Address) -> bool {
        let committee = u128::from(self.genesis.params.witness.committee);
        self.sample.is_some_and(|open| {
            let share = (committee << 64).div_ceil(u128::from(open.identities.max(1)));
            u128::from(witness_ticket(&open.seed, who)) < share
        })
    }

    fn count(&mut self, name: &'static str) {
        *self.counts.entry(name).or_default() += 1;
    }

    /// A block is final. `set` decided it, `hash_of` knows the blocks before, `chain` is somebody's state after it.
    ///
    /// # Errors
    /// Something was credited, paid or returned that nobody earned.
    pub fn finalized(
        &mut self,
        block: &FinalizedBlock,
        set: &ValidatorSet,
        hash_of: impl Fn(Height) -> Option<Hash>,
        chain: &Replica,
    ) -> Check {
        let at = Moment { block, height: block.block.header.height, set };
        self.builders.insert(block.block.header.proposer);
        for (transaction, receipt) in block.block.transactions.iter().zip(&block.receipts) {
            if receipt.outcome == Outcome::Success {
                receipt.events.iter().try_for_each(|event| self.caused(&at, transaction, event))?;
            }
        }
        self.closed(&at, &hash_of)?;
        if at.height.0.is_multiple_of(self.genesis.params.epoch_blocks) {
            // The bonus of the block that pays belongs to the next epoch.
            self.builders = BTreeSet::from([block.block.header.proposer]);
        }
        self.previous = Some(set.clone());
        self.pools_add_up(at.height, chain)
    }

    /// What a transaction caused.
    fn caused(&mut self, at: &Moment<'_>, transaction: &Transaction, event: &Event) -> Check {
        match event {
            Event::Identity(event) => self.identity(at, transaction, *event),
            Event::Timetoke(TimetokeEvent::HeartbeatAccepted { identity, challenge, right }) => {
                self.heartbeat(at, transaction, (*identity, *challenge, *right))
            }
            Event::Witness(WitnessEvent::Attested { identity, height }) => {
                self.attestation(at, transaction, *identity, *height)
            }
            Event::Witness(WitnessEvent::Paid { identity, amount }) => {
                let owed = self.accrued.remove(identity).unwrap_or(0);
                if amount.micro() != owed || *identity != transaction.body.payer {
                    let detail = format!("{identity} took {amount} as a witness, it had earned {owed} µBLOCK");
                    return wrong(Property::PayoutsAddUp, at.height, &detail);
                }
                self.count("witness_paid");
                self.take(at.height, Pool::Witness, amount.micro())
            }
            _ => Ok(()),
        }
    }

    fn identity(&mut self, at: &Moment<'_>, transaction: &Transaction, event: IdentityEvent) -> Check {
        let (height, payer) = (at.height, transaction.body.payer);
        let unearned = |detail: String| wrong(Property::NoUnearnedCredit, height, &detail);
        match event {
            IdentityEvent::Registered { identity, bond, .. } => {
                let asked = matches!(transaction.body.action, Action::Identity(IdentityAction::Register(_)));
                let lives = self.known.get(&identity).is_some_and(|known| !self.is_expired(known, height));
                if !asked || identity != payer || bond != self.genesis.params.identity.bond || lives {
                    return unearned(format!("{identity} was registered against the rules"));
                }
                self.registered = self.registered.saturating_add(1);
                self.bonds = self.bonds.saturating_add(bond.micro());
                self.known.insert(identity, Known::registered(height, bond));
                self.count("identity_registered");
            }
            IdentityEvent::Attested { identity, by } => {
                let expired = self.known.get(&identity).is_none_or(|known| self.is_expired(known, height));
                let known = self.known.get_mut(&identity).filter(|known| known.stage == Stage::Pending && !expired);
                let is_new = known.is_some_and(|known| known.attesters.insert(by));
                if !is_new || by != payer || at.set.get(&by).is_none() {
                    return unearned(format!("{by} attested {identity} and may not"));
                }
                self.count("identity_attested");
            }
            IdentityEvent::Activated { identity } => {
                let members = u64::try_from(at.set.validators().len()).unwrap_or(u64::MAX);
                let needed = self.genesis.params.identity.attestations_min.min(members);
                let known = self.known.get_mut(&identity).filter(|known| known.stage == Stage::Pending);
                let has = known.as_ref().map_or(0, |known| u64::try_from(known.attesters.len()).unwrap_or(u64::MAX));
                let Some(known) = known.filter(|_| has >= needed) else {
                    return unearned(format!("{identity} became active with {has} of {needed} attestations"));
                };
                known.stage = Stage::Active;
                self.count("identity_activated");
            }
            IdentityEvent::Revoked { identity } => self.end(height, &identity, false),
            IdentityEvent::Punished { identity, burned } => {
                self.end(height, &identity, true);
                let bond = self.known.get_mut(&identity).map(|known| &mut known.bond);
                let Some(bond) = bond.filter(|bond| **bond >= burned.micro()) else {
                    return wrong(Property::NoFalseSlash, height, &format!("{identity} had no bond to burn"));
                };
                *bond -= burned.micro();
                self.bonds = self.bonds.saturating_sub(burned.micro());
            }
            IdentityEvent::BondReturned { identity, amount } => return self.bond_returned(height, identity, amount),
            IdentityEvent::VrfRotated { .. } | IdentityEvent::PeerRotated { .. } | IdentityEvent::Vouched { .. } => {}
        }
        Ok(())
    }

    /// True when an identity was not attested in time, at this height or the next.
    pub fn is_late(&self, who: &Address, height: Height) -> bool {
        self.known.get(who).is_some_and(|known| self.is_expired(known, height.next()))
    }

    fn is_expired(&self, known: &Known, height: Height) -> bool {
        let window = self.genesis.params.identity.attestation_window_blocks;
        known.stage == Stage::Pending && height.0 > known.registered_at.0.saturating_add(window)
    }

    fn end(&mut self, height: Height, identity: &Address, is_punished: bool) {
        let Some(known) = self.known.get_mut(identity) else { return };
        if !matches!(known.stage, Stage::Ended(_)) {
            known.stage = Stage::Ended(height);
        }
        known.is_punished |= is_punished;
        self.count("identity_ended");
    }

    fn bond_returned(&mut self, height: Height, identity: Address, amount: Amount) -> Check {
        let delay = self.genesis.params.identity.bond_delay_blocks;
        let known = self.known.get(&identity);
        let is_due = known.is_some_and(|known| match known.stage {
            Stage::Ended(at) => height.0 >= at.0.saturating_add(delay),
            Stage::Pending => self.is_expired(known, height),
            Stage::Active => false,
        });
        let bond = known.map_or(0, |known| known.bond);
        if !is_due || bond != amount.micro() {
            let detail = format!("{identity} got a bond of {amount} back, {bond} µBLOCK of it were due");
            return wrong(Property::PayoutsAddUp, height, if is_due { &detail } else { "a bond came back too early" });
        }
        self.bonds = self.bonds.saturating_sub(bond);
        if known.is_some_and(|known| known.is_punished) {
            if let Some(known) = self.known.get_mut(&identity) {
                known.bond = 0;
            }
        } else {
            self.known.remove(&identity);
            self.answered.remove(&identity);
        }
        self.count("bond_returned");
        Ok(())
    }

    fn is_active(&self, who: &Address) -> bool {
        self.known.get(who).is_some_and(|known| known.stage == Stage::Active)
    }

    fn heartbeat(
        &mut self,
        at: &Moment<'_>,
        transaction: &Transaction,
        (who, number, right): (Address, u64, bool),
    ) -> Check {
        let answer = self.genesis.params.timetoke.answer_seconds.saturating_mul(MS);
        let said = match &transaction.body.action {
            Action::Timetoke(TimetokeAction::Heartbeats { list }) => {
                list.iter().map(|signed| signed.heartbeat).find(|heartbeat| heartbeat.identity == who)
            }
            _ => None,
        };
        let is_earned = self.challenge.zip(said).is_some_and(|(open, said)| {
            open.number == number
                && (said.challenge, said.seed) == (number, open.seed)
                && (said.value == open.value) == right
                && at.block.block.header.time.since(open.opened_at) <= answer
        });
        let is_new = self.answered.insert(who, number).is_none_or(|last| last < number);
        if !is_earned || !is_new || !self.is_active(&who) || at.set.get(&who).is_some() {
            let detail = format!("a heartbeat of {who} for challenge {number} counted and should not");
            return wrong(Property::NoUnearnedCredit, at.height, &detail);
        }
        self.count("heartbeat_accepted");
        Ok(())
    }

    fn attestation(&mut self, at: &Moment<'_>, transaction: &Transaction, who: Address, sampled: Height) -> Check {
        let answer = self.genesis.params.witness.answer_blocks;
        let said = match &transaction.body.action {
            Action::Witness(WitnessAction::Attest { list }) => {
                list.iter().map(|signed| signed.attestation).find(|attestation| attestation.identity == who)
            }
            _ => None,
        };
        let is_earned = self.sample.zip(said).is_some_and(|(open, said)| {
            (open.height, open.seed, open.value) == (said.height, said.seed, said.value)
                && open.height == sampled
                && at.height > open.opened_at
                && at.height.0 <= open.opened_at.0.saturating_add(answer)
        });
        let sits = |set: &ValidatorSet| set.get(&who).is_some();
        let in_committee = sits(at.set) || self.previous.as_ref().is_some_and(sits);
        let (is_active, is_drawn) = (self.is_active(&who), self.is_drawn(&who));
        let part = self.attested.entry(who).or_default();
        let is_new = part.0 == 0 || part.1 < sampled;
        *part = (part.0.saturating_add(1), sampled);
        if !is_earned || !is_new || in_committee || !is_active || !is_drawn {
            let detail = format!("an attestation of {who} for height {sampled} counted and should not");
            return wrong(Property::NoUnearnedCredit, at.height, &detail);
        }
        self.count("sample_attested");
        Ok(())
    }

    /// What the end of the block did by itself.
    fn closed(&mut self, at: &Moment<'_>, hash_of: &impl Fn(Height) -> Option<Hash>) -> Check {
        let (mut witness_funded, mut timetoke_funded, mut shares, mut rewards) =
            (0_u64, 0_u64, BTreeMap::new(), (0_u64, 0_u64));
        for event in &at.block.events {
            match event {
                Event::PoolFunded { pool, amount } if *pool == Address::of_module("witness_pool") => {
                    witness_funded = amount.micro();
                    self.witness_pool = self.witness_pool.saturating_add(amount.micro());
                }
                Event::PoolFunded { pool, amount } if *pool == Address::of_module("timetoke_pool") => {
                    timetoke_funded = amount.micro();
                    self.timetoke_pool = self.timetoke_pool.saturating_add(amount.micro());
                }
                Event::Timetoke(TimetokeEvent::Rewarded { validator, proposer_part, witness_part, paid }) => {
                    rewards.0 = rewards.0.saturating_add(proposer_part.micro());
                    rewards.1 = rewards.1.saturating_add(witness_part.micro());
                    self.rewarded(at, validator, (proposer_part.micro(), witness_part.micro()), *paid)?;
                }
                Event::Timetoke(TimetokeEvent::ChallengeOpened { challenge, height, seed }) => {
                    let (opened_at, value) = (at.block.block.header.time, hash_of(*height).unwrap_or_default());
                    self.challenge = Some(Challenge { number: *challenge, seed: *seed, value, opened_at });
                    self.count("challenge_opened");
                }
                Event::Witness(WitnessEvent::Accrued { identity, amount }) => {
                    shares.insert(*identity, amount.micro());
                }
                Event::Witness(WitnessEvent::SampleOpened { height, seed }) => {
                    let (value, identities) = (hash_of(*height).unwrap_or_default(), self.registered);
                    let opened_at = at.height;
                    self.sample = Some(Sample { height: *height, seed: *seed, value, opened_at, identities });
                    self.count("sample_opened");
                }
                _ => {}
            }
        }
        let rates = &self.genesis.params.rewards;
        let most = |bps: u64| u128::from(timetoke_funded) * u128::from(bps) / BASIS_POINTS;
        let over = u128::from(rewards.0) > most(rates.timetoke_proposer_bps)
            || u128::from(rewards.1) > most(rates.timetoke_witness_bps);
        if over {
            return wrong(Property::PayoutsAddUp, at.height, "timetoke was worth more than its part of the pool");
        }
        if at.height.0.is_multiple_of(self.genesis.params.epoch_blocks) {
            return self.shared(at, witness_funded, &shares);
        }
        if shares.is_empty() {
            Ok(())
        } else {
            wrong(Property::PayoutsAddUp, at.height, "witnesses were paid within an epoch")
        }
    }

    fn rewarded(&mut self, at: &Moment<'_>, who: &Address, (built, signed): (u64, u64), paid: bool) -> Check {
        let gate = self.genesis.gates.iter().find(|gate| gate.name == "timetoke_rewards");
        let is_on = gate.is_some_and(|gate| gate.height <= at.height);
        let did = (built == 0 || self.builders.contains(who)) && (signed == 0 || at.set.get(who).is_some());
        if !did || paid != is_on || !self.is_active(who) {
            let detail =
                format!("{who} was rewarded for timetoke and should not (built {built}, signed {signed}, paid {paid})");
            return wrong(Property::PayoutsAddUp, at.height, &detail);
        }
        if paid {
            self.count("timetoke_paid");
            return self.take(at.height, Pool::Timetoke, built.saturating_add(signed));
        }
        Ok(())
    }

    /// At the end of an epoch the witnesses share what the pool got in it: by attestations, since all bonds are the same and
    /// no witness has stake of its own. Each share is rounded down.
    fn shared(&mut self, at: &Moment<'_>, funded: u64, shares: &BTreeMap<Address, u64>) -> Check {
        let parts = std::mem::take(&mut self.attested);
        // What was open ends with the epoch; the same block opens the next one only after it.
        if self.sample.is_some_and(|open| open.opened_at < at.height) {
            self.sample = None;
        }
        let weights: Vec<(Address, u128)> =
            parts.iter().filter(|(who, _)| self.is_active(who)).map(|(who, part)| (*who, u128::from(part.0))).collect();
        let total: u128 = weights.iter().map(|(_, weight)| *weight).sum();
        let promised = self.accrued.values().copied().fold(0, u64::saturating_add);
        let budget = u128::from(funded.min(self.witness_pool.saturating_sub(promised)));
        let wanted = weights.into_iter().map(|(who, weight)| (who, budget * weight / total.max(1)));
        let wanted: BTreeMap<Address, u64> = wanted
            .filter(|(_, share)| *share > 0)
            .map(|(who, share)| (who, u64::try_from(share).unwrap_or(u64::MAX)))
            .collect();
        if wanted != *shares {
            let detail = format!("the witnesses were promised {shares:?}, it should be {wanted:?}");
            return wrong(Property::PayoutsAddUp, at.height, &detail);
        }
        for (who, share) in shares {
            self.count("witness_promised");
            let owed = self.accrued.entry(*who).or_default();
            *owed = owed.saturating_add(*share);
        }
        Ok(())
    }

    fn take(&mut self, height: Height, from: Pool, amount: u64) -> Check {
        let pool = match from {
            Pool::Witness => &mut self.witness_pool,
            Pool::Timetoke => &mut self.timetoke_pool,
        };
        match pool.checked_sub(amount) {
            Some(left) => {
                *pool = left;
                Ok(())
            }
            None => wrong(Property::PayoutsAddUp, height, "a pool paid more than it ever got"),
        }
    }

    /// The pools hold what they got less what they paid, and the bonds are those of the identities.
    fn pools_add_up(&self, height: Height, chain: &Replica) -> Check {
        let pools = [
            ("identity_bonds", self.bonds),
            ("witness_pool", self.witness_pool),
            ("timetoke_pool", self.timetoke_pool),
        ];
        for (name, wanted) in pools {
            let held = match chain.account(&Address::of_module(name)) {
                Ok(found) => found.map_or(0, |(_, slot)| slot.balance.micro()),
                Err(fault) => return wrong(Property::PayoutsAddUp, height, &fault.to_string()),
            };
            if held != wanted {
                let detail = format!("{name} holds {held}, it should hold {wanted} µBLOCK");
                return wrong(Property::PayoutsAddUp, height, &detail);
            }
        }
        Ok(())
    }
}

#[derive(Clone, Copy)]
enum Pool {
    Witness,
    Timetoke,
}

impl Known {
    fn of_genesis() -> Self {
        let (registered_at, attesters) = (Height::GENESIS, BTreeSet::new());
        Self { stage: Stage::Active, registered_at, attesters, bond: 0, is_punished: false }
    }

    fn registered(registered_at: Height, bond: Amount) -> Self {
        let (bond, attesters) = (bond.micro(), BTreeSet::new());
        Self { stage: Stage::Pending, registered_at, attesters, bond, is_punished: false }
    }
}
