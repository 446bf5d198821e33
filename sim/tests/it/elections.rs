//! Lotteries with more candidates than seats, and VRF keys that are rotated, on whole networks of validators.
//!
//! Model: a world without traffic of its own; the test hands transactions to every validator, and says by its own copy of
//! the rules of `spec/lottery.md` who must be admitted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mempool::CheckedTransaction;
use primitives::actions::identity::{Register, VrfBinding};
use primitives::actions::lottery::lottery_input;
use primitives::actions::stake::{Bond, Candidacy, vrf_possession_input};
use primitives::actions::{IdentityEvent, LotteryEvent};
use primitives::block::beacon_input;
use primitives::{
    Action, Address, Amount, Event, FormatVersion, Hash, Height, IdentityAction, LotteryAction, Nonce, Outcome, Params,
    SecretKey, StakeAction, TransactionBody, ValidatorSet, VrfSecretKey,
};
use replica::Application;
use sim::Plan;
use sim::chain::{Keys, genesis};
use sim::lottery::draw;
use sim::world::World;

/// Blocks of an epoch of a chain whose stake moves.
const EPOCH: u64 = 6;
/// Longest run, microseconds of virtual time.
const RUN_US: u64 = 600_000_000;

/// A world that the test drives.
struct Driven {
    world: World,
    keys: Keys,
    nonces: BTreeMap<Address, u64>,
}

impl Driven {
    /// So many validators, of which the last `candidates` wait for a seat.
    fn new(seed: u64, validators: u16, candidates: u16, change: impl FnOnce(&mut Params)) -> Self {
        let text = format!(
            "seed = {seed}\nvalidators = {validators}\nfaults_ms = 60000\n[staking]\ncandidates = {candidates}\nactions_ppm = 0\n"
        );
        let (plan, keys) = (Plan::from_toml(&text).unwrap(), Keys::of(seed));
        let mut genesis = genesis(keys, &plan);
        // A certificate needs two thirds only, so the small and the far are often left out; here nobody is jailed for it.
        genesis.params.staking.missed_max_bps = 10_000;
        change(&mut genesis.params);
        genesis.params.validate().unwrap();
        Self { world: World::of_genesis(plan, genesis), keys, nonces: BTreeMap::new() }
    }

    fn chain<T>(&self, node: usize, ask: impl FnOnce(&mut replica::Replica) -> T) -> T {
        ask(&mut self.world.nodes[node].running.as_ref().unwrap().chain())
    }

    fn height(&self) -> u64 {
        (0..self.world.nodes.len()).map(|node| self.world.nodes[node].finalized().0).min().unwrap()
    }

    /// Goes on until every validator has finalized this height.
    fn reach(&mut self, height: u64) {
        while self.height() < height {
            self.world.step().unwrap_or_else(|broken| panic!("seed {}: {broken:?}", self.world.plan.seed));
            assert!(self.world.now_us < RUN_US, "height {height} is not reached");
        }
    }

    fn validator(&self, number: u16) -> (SecretKey, Address) {
        let key = self.keys.validator(number);
        let address = Address::of_key(&key.public_key());
        (key, address)
    }

    /// Hands an action of a validator's account to everybody; the height whose block has it, and what it caused.
    fn done(&mut self, number: u16, action: Action) -> (Height, Outcome, Vec<Event>) {
        let (key, payer) = self.validator(number);
        let nonce = self.nonces.entry(payer).or_default();
        let body = TransactionBody {
            version: FormatVersion,
            payer,
            nonce: Nonce::new(*nonce).unwrap(),
            lane: action.lane(),
            tip: Amount::ZERO,
            max_fee: Amount::from_blocks(1),
            valid_until: Height(self.world.judge.height().0 + 20),
            action,
        };
        *nonce += 1;
        let transaction = Arc::new(body.sign(&key, &self.world.genesis_hash));
        self.world.judge.issued(transaction.id());
        for node in &self.world.nodes {
            let checked = CheckedTransaction::check(Arc::clone(&transaction), &self.world.genesis_hash).unwrap();
            node.running.as_ref().unwrap().chain().admit(checked, node.now()).unwrap();
        }
        let id = transaction.id();
        loop {
            let place = self.chain(0, |chain| chain.place(&id)).unwrap();
            if let Some(place) = place {
                let receipts = self.chain(0, |chain| chain.receipts(place.height)).unwrap().unwrap();
                let receipt = &receipts[usize::try_from(place.index).unwrap()];
                return (place.height, receipt.outcome, receipt.events.to_vec());
            }
            self.reach(self.height() + 1);
        }
    }

    fn succeeds(&mut self, number: u16, action: Action) -> (Height, Vec<Event>) {
        let (height, outcome, events) = self.done(number, action);
        assert_eq!(outcome, Outcome::Success);
        (height, events)
    }

    /// Makes a waiting validator a candidate with an identity.
    fn stands(&mut self, number: u16, stake: Amount) {
        let (_, address) = self.validator(number);
        let (secret, chain, height) = (self.keys.vrf(number), self.world.genesis_hash, Height(self.height()));
        let vrf = VrfBinding::prove(&secret, address, height, &chain).unwrap();
        let register = Register { bond: self.world.genesis.params.identity.bond, vrf, peer: None };
        let (registered_at, _) = self.succeeds(number, Action::Identity(IdentityAction::Register(Box::new(register))));
        for attester in 0..2 {
            self.succeeds(attester, Action::Identity(IdentityAction::Attest { subject: address, registered_at }));
        }
        let vrf_proof = secret.prove(&vrf_possession_input(&chain, &address)).unwrap();
        let candidacy = Candidacy { vrf_key: secret.public_key(), vrf_proof, commission_bps: 100 };
        let bond = Bond { amount: stake, candidacy: Some(candidacy) };
        self.succeeds(number, Action::Stake(StakeAction::Bond(bond)));
    }

    /// The set that decides the heights of an epoch.
    fn set(&self, epoch: u64) -> ValidatorSet {
        self.chain(0, |chain| chain.electorate(Height(epoch * EPOCH + 1))).unwrap().validators
    }

    fn beacon_at(&self, height: u64) -> Hash {
        self.chain(0, |chain| chain.header(Height(height))).unwrap().unwrap().beacon
    }
}

fn first_eight(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes[..8].try_into().unwrap())
}

/// Three candidates for one seat an epoch, of which one says nothing. How many came by ticket and how many by fallback
/// while there were more candidates than seats.
fn contest(seed: u64) -> (u64, u64) {
    let mut driven = Driven::new(seed, 7, 3, |params| {
        (params.lottery.min_tier, params.lottery.seats) = (1, 1);
        params.identity.attestations_min = 2;
    });
    driven.reach(2);
    let candidates: Vec<(u16, Address, u64)> =
        [(4, 4), (5, 5), (6, 6)].map(|(number, stake)| (number, driven.validator(number).1, stake)).to_vec();
    for (number, _, stake) in &candidates {
        let stake = Amount::from_blocks(u32::try_from(*stake).unwrap());
        driven.stands(*number, stake);
    }
    // The first list that can hold all three is frozen at the end of this epoch.
    let stood = (driven.height() - 1) / EPOCH;
    let (mut by_ticket, mut by_fallback, chain) = (0, 0, driven.world.genesis_hash);
    for epoch in stood + 3..stood + 7 {
        driven.reach((epoch - 1) * EPOCH);
        let lottery_seed = driven.beacon_at((epoch - 1) * EPOCH);
        let outside = |set: &ValidatorSet, who: &Address| set.get(who).is_none();
        let then = driven.set(epoch - 3);
        let frozen = candidates.iter().filter(|(_, who, _)| outside(&then, who));
        let mut frozen: Vec<(Address, u64)> = frozen.map(|(_, who, stake)| (*who, *stake)).collect();
        frozen.reverse();
        let (now, mut tickets) = (driven.set(epoch - 1), BTreeMap::new());
        for (number, who, _) in candidates.iter().filter(|(number, who, _)| *number != 4 && outside(&now, who)) {
            let input = lottery_input(&chain, epoch, &lottery_seed, who);
            let secret = driven.keys.vrf(*number);
            let proof = secret.prove(&input).unwrap();
            let output = secret.public_key().verify(&input, &proof).unwrap();
            let (_, events) = driven.succeeds(*number, Action::Lottery(LotteryAction::Submit { epoch, proof }));
            let ticket = first_eight(&output);
            assert_eq!(events, [Event::Lottery(LotteryEvent::Submitted { candidate: *who, epoch, ticket })]);
            tickets.insert(*who, ticket);
        }
        driven.reach(epoch * EPOCH);
        let expected = draw(1, &lottery_seed, &frozen, &tickets, |who| outside(&now, who));
        for node in 0..driven.world.nodes.len() {
            let closing = driven.chain(node, |chain| chain.closing_events(Height(epoch * EPOCH))).unwrap().unwrap();
            let admitted: Vec<(Address, bool)> = closing
                .iter()
                .filter_map(|event| match event {
                    Event::Lottery(LotteryEvent::Admitted { candidate, epoch: of, fallback }) => {
                        assert_eq!(*of, epoch);
                        Some((*candidate, *fallback))
                    }
                    _ => None,
                })
                .collect();
            assert_eq!(admitted, expected, "seed {seed}, epoch {epoch}, validator {node}");
        }
        let next = driven.set(epoch);
        for (who, fallback) in &expected {
            assert!(next.get(who).is_some(), "seed {seed}: {who} was admitted and has no seat in epoch {epoch}");
            if frozen.len() > 1 {
                by_ticket += u64::from(!fallback);
                by_fallback += u64::from(*fallback);
            }
        }
        let came: BTreeSet<Address> = next.validators().iter().map(|member| member.address).collect();
        let came = came.iter().filter(|who| outside(&now, who)).count();
        assert_eq!(came, expected.len(), "seed {seed}: nobody enters without the lottery");
    }
    (by_ticket, by_fallback)
}

#[test]
fn of_more_candidates_than_seats_the_drawn_ones_enter_and_the_fallback_fills_the_rest() {
    let seeds = 1..=4;
    let (mut by_ticket, mut by_fallback) = (0, 0);
    for seed in seeds.clone() {
        let (tickets, fallbacks) = contest(seed);
        assert!(tickets + fallbacks > 0, "seed {seed}: no lottery was contested");
        (by_ticket, by_fallback) = (by_ticket + tickets, by_fallback + fallbacks);
    }
    println!("seeds {seeds:?}: {by_ticket} by ticket, {by_fallback} by fallback");
    assert!(by_ticket > 0 && by_fallback > 0, "{by_ticket} by ticket, {by_fallback} by fallback");
}

/// Blocks of a validator in these heights, by whether their beacon is proven with each key.
fn proven_with(driven: &Driven, who: &Address, heights: std::ops::Range<u64>, keys: [&VrfSecretKey; 2]) -> [usize; 2] {
    let mut counts = [0; 2];
    for height in heights {
        let header = driven.chain(0, |chain| chain.header(Height(height))).unwrap().unwrap();
        if header.proposer != *who {
            continue;
        }
        let input = beacon_input(&driven.world.genesis_hash, Height(height), &driven.beacon_at(height - 1));
        let proven = keys.map(|key| key.public_key().verify(&input, &header.beacon_proof).is_some());
        assert_eq!(proven.iter().filter(|proven| **proven).count(), 1, "height {height}: one key proves it");
        for (count, proven) in counts.iter_mut().zip(proven) {
            *count += usize::from(proven);
        }
    }
    counts
}

#[test]
fn beacons_are_proven_with_the_new_key_from_the_epoch_of_a_rotation_on() {
    let mut driven = Driven::new(7, 4, 0, |_| {});
    driven.reach(2);
    let mut from_epoch = 0;
    let rotated = |number: u16| VrfSecretKey::from_seed([100 + u8::try_from(number).unwrap(); 32]);
    for number in [0, 1] {
        let (_, address) = driven.validator(number);
        let (chain, height) = (driven.world.genesis_hash, Height(driven.height()));
        let vrf = VrfBinding::prove(&rotated(number), address, height, &chain).unwrap();
        let (at, events) = driven.succeeds(number, Action::Identity(IdentityAction::RotateVrf(vrf)));
        from_epoch = (at.0 - 1) / EPOCH + 3;
        assert_eq!(events, [Event::Identity(IdentityEvent::VrfRotated { identity: address, from_epoch })]);
    }
    // Validator 0 has its new key at hand; validator 1 has lost it.
    driven.chain(0, |chain| chain.hold_vrf_key(rotated(0)));
    let (first, last) = (from_epoch * EPOCH + 1, from_epoch * EPOCH + 60);
    driven.reach(last);
    for (number, expected) in [(0, true), (1, false)] {
        let (_, address) = driven.validator(number);
        let (old, new) = (driven.keys.vrf(number), rotated(number));
        let before = proven_with(&driven, &address, 2..first, [&old, &new]);
        assert!(before[0] > 0 && before[1] == 0, "validator {number} before: {before:?}");
        let after = proven_with(&driven, &address, first..last + 1, [&old, &new]);
        assert_eq!((after[0], after[1] > 0), (0, expected), "validator {number} after: {after:?}");
        let named = driven.chain(0, |chain| chain.expected_vrf_key(&address)).unwrap();
        assert_eq!(named, Some(new.public_key()), "the voting set names the new key");
    }
}
