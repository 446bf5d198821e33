//! What the judge knows of the lottery: who waits, who has a ticket, who must be admitted and who entered.
//!
//! ```text
//! end of e−3        end of e−2          epoch e−1           end of e−1              first block of e
//! list frozen ────► seed = beacon ────► tickets ──────────► admitted = the draw ──► newcomers ⊆ admitted
//! ```
//!
//! Model: everything is read from finalized blocks: their transactions, receipts, closing events and beacons. The rules are
//! written down again here, from `spec/lottery.md`, without code of `state`. Weights are whole BLOCK of stake (`chain.rs`).
//!
//! Rules
//! - A ticket counts for a frozen candidate, once, and is what its VRF key gives.
//! - Each validator of the chain must say the admissions that [`draw`] gives, in its order.
//! - Without a lottery nobody gets a ticket and nobody is admitted.

use std::collections::{BTreeMap, BTreeSet};

use primitives::actions::lottery::lottery_input;
use primitives::actions::{IdentityEvent, LotteryEvent};
use primitives::amount::MICRO_PER_BLOCK;
use primitives::{
    Action, Address, Domain, Event, Genesis, Hash, Height, IdentityAction, LotteryAction, Outcome, Params, Transaction,
    ValidatorSet, VrfPublicKey, hash,
};
use replica::FinalizedBlock;

use crate::properties::{Broken, Check, Property};

/// Epochs between freezing and entering.
const FREEZE_EPOCHS: u64 = 3;
/// Epochs between the seed and entering.
const SEED_EPOCHS: u64 = 2;

/// Stake behind a validator, µBLOCK.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Stake {
    all: u64,
    own: u64,
}

/// The lottery, as the blocks tell it.
pub struct Lottery {
    genesis_hash: Hash,
    params: Params,
    stakes: BTreeMap<Address, Stake>,
    /// Jailed.
    jailed: BTreeSet<Address>,
    /// Removed for ever.
    removed: BTreeSet<Address>,
    /// Those with an active identity.
    active: BTreeSet<Address>,
    /// The keys that identities were registered with.
    keys: BTreeMap<Address, VrfPublicKey>,
    /// Candidates with their stake in whole BLOCK, by the epoch they want to enter in.
    frozen: BTreeMap<u64, Vec<(Address, u64)>>,
    /// Seeds by epoch.
    seeds: BTreeMap<u64, Hash>,
    /// Tickets for the epoch that comes next.
    tickets: BTreeMap<Address, u64>,
    /// Who may enter at the last end of an epoch.
    admitted: BTreeSet<Address>,
    counts: BTreeMap<&'static str, u64>,
}

fn wrong(height: Height, detail: &str) -> Check {
    Err(Broken { property: Property::AdmittedByTheDraw, detail: format!("at height {height} {detail}") })
}

/// The first eight bytes as a little-endian number; 0 when there are fewer.
fn first_eight(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// Who is admitted, in order, and whether by fallback: LOT-8 to LOT-12. `frozen` holds stakes in whole BLOCK, `waits` says
/// who may still enter.
pub fn draw(
    seats: u64,
    seed: &Hash,
    frozen: &[(Address, u64)],
    tickets: &BTreeMap<Address, u64>,
    waits: impl Fn(&Address) -> bool,
) -> Vec<(Address, bool)> {
    let total: u128 = frozen.iter().map(|(_, stake)| u128::from(*stake)).sum();
    let seats_max = usize::try_from(seats).unwrap_or(usize::MAX);
    let is_contested = frozen.len() > seats_max;
    let mut ranked: Vec<(u8, u128, Address)> = Vec::new();
    for (address, stake) in frozen.iter().filter(|(address, stake)| *stake > 0 && waits(address)) {
        let threshold = u128::from(seats) * u128::from(*stake) * (1 << 64) / total;
        let threshold = threshold.min(u128::from(u64::MAX));
        let silent = || first_eight(&hash(Domain::Lottery, &[seed.as_bytes(), &address.0]).0);
        let ticket = tickets.get(address).copied().unwrap_or_else(silent);
        let class = match tickets.contains_key(address) {
            _ if !is_contested => 0,
            true if u128::from(ticket) < threshold => 0,
            true => 1,
            false => 2,
        };
        ranked.push((class, (u128::from(ticket) << 32) / u128::from(*stake), *address));
    }
    ranked.sort_unstable();
    ranked.into_iter().take(seats_max).map(|(class, _, address)| (address, class > 0)).collect()
}

impl Lottery {
    /// The lottery of a chain at its start.
    pub fn new(genesis: &Genesis) -> Self {
        let of = |one: &primitives::GenesisValidator| Address::of_key(&one.public_key);
        let stake = |power: u64| power.saturating_mul(MICRO_PER_BLOCK);
        let stakes =
            genesis.validators.iter().map(|one| (of(one), Stake { all: stake(one.power), own: stake(one.power) }));
        Self {
            genesis_hash: genesis.hash(),
            params: genesis.params.clone(),
            stakes: stakes.collect(),
            jailed: BTreeSet::new(),
            removed: BTreeSet::new(),
            active: genesis.validators.iter().map(of).collect(),
            keys: genesis.validators.iter().map(|one| (of(one), one.vrf_key)).collect(),
            frozen: BTreeMap::new(),
            seeds: BTreeMap::new(),
            tickets: BTreeMap::new(),
            admitted: BTreeSet::new(),
            counts: BTreeMap::new(),
        }
    }

    /// What happened, by name.
    pub fn counts(&self) -> &BTreeMap<&'static str, u64> {
        &self.counts
    }

    /// True when newcomers need the lottery.
    pub fn is_on(&self) -> bool {
        self.params.lottery.min_tier > 0
    }

    /// The epoch and the seed for which the block after `height` takes a ticket of this candidate.
    pub fn wants(&self, height: Height, candidate: &Address) -> Option<(u64, Hash)> {
        let epoch = self.epoch(height.next()).saturating_add(1);
        let is_frozen = self.frozen.get(&epoch)?.iter().any(|(frozen, _)| frozen == candidate);
        let seed = self.seeds.get(&epoch)?;
        (is_frozen && !self.tickets.contains_key(candidate)).then_some((epoch, *seed))
    }

    fn count(&mut self, name: &'static str) {
        *self.counts.entry(name).or_default() += 1;
    }

    fn epoch(&self, height: Height) -> u64 {
        height.0.saturating_sub(1) / self.params.epoch_blocks.max(1)
    }

    /// A block is final, that `set` decided.
    ///
    /// # Errors
    /// A ticket counted that should not, or somebody else was admitted than the draw gives.
    pub fn finalized(&mut self, block: &FinalizedBlock, set: &ValidatorSet) -> Check {
        let height = block.block.header.height;
        for (transaction, receipt) in block.block.transactions.iter().zip(&block.receipts) {
            if receipt.outcome == Outcome::Success {
                self.acted(height, transaction, &receipt.events)?;
            }
        }
        if height.0.is_multiple_of(self.params.epoch_blocks) {
            self.drawn(block, set)?;
        }
        block.events.iter().for_each(|event| self.happened(event));
        Ok(())
    }

    fn acted(&mut self, height: Height, transaction: &Transaction, events: &[Event]) -> Check {
        match &transaction.body.action {
            Action::Lottery(LotteryAction::Submit { epoch, proof }) => {
                let payer = &transaction.body.payer;
                let output = self
                    .wants(Height(height.0.saturating_sub(1)), payer)
                    .filter(|(open, _)| open == epoch)
                    .and_then(|(_, seed)| {
                        let input = lottery_input(&self.genesis_hash, *epoch, &seed, payer);
                        self.keys.get(payer)?.verify(&input, proof)
                    });
                let ticket = output.map(|output| first_eight(&output));
                let said =
                    |ticket| Event::Lottery(LotteryEvent::Submitted { candidate: *payer, epoch: *epoch, ticket });
                match ticket {
                    Some(ticket) if events == [said(ticket)] => {
                        self.tickets.insert(*payer, ticket);
                        self.count("ticket_submitted");
                    }
                    _ => {
                        return wrong(height, &format!("a ticket of {payer} for epoch {epoch} counted and should not"));
                    }
                }
            }
            Action::Identity(IdentityAction::Register(register)) => {
                self.keys.insert(transaction.body.payer, register.vrf.key);
            }
            _ => {}
        }
        events.iter().for_each(|event| self.happened(event));
        Ok(())
    }

    /// What an event changes of stakes and identities.
    fn happened(&mut self, event: &Event) {
        match *event {
            Event::Bonded { owner, validator, amount } => {
                self.moved(owner, validator, |had| had.saturating_add(amount.micro()))
            }
            Event::Unbonding { owner, validator, amount, .. } => {
                self.moved(owner, validator, |had| had.saturating_sub(amount.micro()));
            }
            Event::Redelegated { owner, from, to, amount } => {
                self.moved(owner, from, |had| had.saturating_sub(amount.micro()));
                self.moved(owner, to, |had| had.saturating_add(amount.micro()));
            }
            Event::Jailed { validator } => {
                self.jailed.insert(validator);
            }
            Event::Unjailed { validator } => {
                self.jailed.remove(&validator);
            }
            Event::Slashed { validator, .. } => {
                self.removed.insert(validator);
            }
            Event::Identity(IdentityEvent::Activated { identity }) => {
                self.active.insert(identity);
            }
            Event::Identity(IdentityEvent::Revoked { identity } | IdentityEvent::Punished { identity, .. }) => {
                self.active.remove(&identity);
            }
            _ => {}
        }
    }

    fn moved(&mut self, owner: Address, validator: Address, change: impl Fn(u64) -> u64) {
        let stake = self.stakes.entry(validator).or_default();
        stake.all = change(stake.all);
        if owner == validator {
            stake.own = change(stake.own);
        }
    }

    /// True for a candidate that may wait for a seat.
    fn waits(&self, who: &Address, set: &ValidatorSet) -> bool {
        let own = self.stakes.get(who).map_or(0, |stake| stake.own);
        let is_out = self.jailed.contains(who) || self.removed.contains(who) || set.get(who).is_some();
        !is_out && own >= self.params.staking.min_self_stake.micro() && self.active.contains(who)
    }

    /// The end of an epoch: the draw for the next one, then its beacon as a seed and the list for later ones.
    fn drawn(&mut self, block: &FinalizedBlock, set: &ValidatorSet) -> Check {
        let (height, beacon) = (block.block.header.height, block.block.header.beacon);
        let (ended, entered) = (self.epoch(height), self.epoch(height).saturating_add(1));
        let admitted = block.events.iter().filter_map(|event| match event {
            Event::Lottery(LotteryEvent::Admitted { candidate, epoch, fallback }) => {
                Some((*candidate, *epoch, *fallback))
            }
            _ => None,
        });
        let admitted: Vec<(Address, u64, bool)> = admitted.collect();
        let expected = match (self.seeds.get(&entered), self.frozen.get(&entered)) {
            (Some(seed), Some(frozen)) => {
                draw(self.params.lottery.seats, seed, frozen, &self.tickets, |who| self.waits(who, set))
            }
            _ => Vec::new(),
        };
        let expected: Vec<(Address, u64, bool)> =
            expected.into_iter().map(|(who, fallback)| (who, entered, fallback)).collect();
        if admitted != expected {
            return wrong(height, &format!("the lottery admitted {admitted:?}, it should be {expected:?}"));
        }
        for (_, _, fallback) in &admitted {
            self.count(if *fallback { "admitted_by_fallback" } else { "admitted" });
        }
        self.admitted = admitted.into_iter().map(|(who, ..)| who).collect();
        self.tickets.clear();
        if self.is_on() {
            let list = self.stakes.iter().filter(|(who, _)| self.waits(who, set));
            let list = list.map(|(who, stake)| (*who, stake.all / MICRO_PER_BLOCK)).collect();
            self.frozen.insert(ended.saturating_add(FREEZE_EPOCHS), list);
            self.seeds.insert(ended.saturating_add(SEED_EPOCHS), beacon);
        }
        self.frozen.retain(|epoch, _| *epoch > entered);
        self.seeds.retain(|epoch, _| *epoch > entered);
        Ok(())
    }

    /// The voting set changes from `before` to `next` after this height.
    ///
    /// # Errors
    /// Somebody entered that was not admitted.
    pub fn entered(&mut self, height: Height, before: &ValidatorSet, next: &ValidatorSet) -> Check {
        if !self.is_on() {
            return Ok(());
        }
        let came = next.validators().iter().map(|member| member.address).filter(|who| before.get(who).is_none());
        for who in came {
            if !self.admitted.contains(&who) {
                return wrong(height, &format!("{who} entered the voting set without the lottery"));
            }
            self.count("entered_by_lottery");
        }
        Ok(())
    }
}
