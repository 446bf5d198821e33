//! What a node tells about reputation: every change of a standing once, whether a block wrote it or only its time had come.

use std::collections::BTreeMap;
use std::sync::Arc;

use primitives::actions::timetoke::Heartbeat;
use primitives::*;
use replica::changes::{ReputationChange, Standing};
use replica::{Replica, ReplicaEvent};
use state::reputation::{Tier, counters, explain};

use crate::net::{Net, address, genesis, open_chain, secret};
use crate::staking::signed;

const ALL: [u8; 4] = [0, 1, 2, 3];

/// One validator attests; an hour takes six seconds, and two hours without one more take it away.
fn quick() -> Genesis {
    let mut genesis = genesis();
    genesis.params.identity.attestations_min = 1;
    let timetoke = &mut genesis.params.timetoke;
    (timetoke.hour_seconds, timetoke.window_seconds, timetoke.challenges_per_window) = (6, 6, 1);
    (timetoke.answer_seconds, timetoke.decay_seconds) = (6, 12);
    genesis.params.reputation.tier_thresholds.hours = 1;
    genesis.accounts.push(GenesisAccount { address: address(100), balance: Amount::from_blocks(5) });
    genesis.params.validate().unwrap();
    genesis
}

/// Where everyone stands by the state alone.
fn standings(replica: &Replica) -> BTreeMap<Address, Standing> {
    let (view, head, params) = (replica.state(), replica.head(), &replica.genesis().params);
    let everyone = [1, 2, 100, 101, 102, 103].map(address);
    let standing = |who: &Address| {
        let found = explain(view, params, who, head.height, head.time).unwrap();
        Standing { tier: found.tier, score_ppm: found.score_ppm, counters: counters(view, who).unwrap() }
    };
    everyone.iter().map(|who| (*who, standing(who))).collect()
}

/// What node `index` told since it was asked last.
fn told(net: &Net, index: usize) -> Vec<ReputationChange> {
    let events = std::mem::take(&mut *net.nodes[index].events.lock().unwrap());
    let blocks = events.into_iter().filter_map(|event| match event {
        ReplicaEvent::Finalized(block) => Some(block.reputation.clone()),
        _ => None,
    });
    blocks.flatten().collect()
}

/// A chain that is watched: after each block, what was told so far leads to where everyone stands.
struct Watched {
    net: Net,
    stands: BTreeMap<Address, Standing>,
    /// Tiers of account 1, from and to.
    tiers: Vec<(u8, u8)>,
    nonce: u64,
}

impl Watched {
    fn step(&mut self) {
        self.net.step_signed(&ALL);
        for change in told(&self.net, 0) {
            assert_ne!(change.before, change.after, "a record of nothing");
            let stood = self.stands.insert(change.address, change.after).unwrap();
            assert_eq!(stood, change.before, "the record before said otherwise");
            if change.address == address(1) && change.before.tier != change.after.tier {
                self.tiers.push((change.before.tier.level(), change.after.tier.level()));
            }
        }
        assert_eq!(self.stands, standings(&self.net.nodes[0].replica), "at height {}", self.net.height());
    }

    fn act(&mut self, who: u8, nonce: u64, action: Action) {
        let transaction = signed(&self.net, who, nonce, action);
        self.net.admit_everywhere(&transaction);
        self.step();
    }

    fn own(&mut self, action: Action) {
        self.nonce += 1;
        self.act(1, self.nonce - 1, action);
    }

    /// Answers the challenge that opens next.
    fn beat(&mut self) {
        let open = |net: &Net| state::timetoke::challenge(net.nodes[0].replica.state()).unwrap().unwrap();
        let before = open(&self.net).number;
        while open(&self.net).number == before {
            self.step();
        }
        let open = open(&self.net);
        let heartbeat = Heartbeat { identity: address(1), challenge: open.number, seed: open.seed, value: open.value };
        let signed = heartbeat.sign(&secret(1), &self.net.genesis.hash());
        self.own(Action::Timetoke(TimetokeAction::Heartbeats { list: BoundedVec::new(vec![signed]).unwrap() }));
    }

    fn until(&mut self, tier: Tier) {
        for _ in 0..30 {
            if self.stands[&address(1)].tier == tier {
                return;
            }
            self.step();
        }
        unreachable!("{tier:?} never came");
    }
}

#[test]
fn every_change_of_tier_is_one_record() {
    let net = Net::of(quick());
    let stands = standings(&net.nodes[0].replica);
    let mut chain = Watched { net, stands, tiers: Vec::new(), nonce: 0 };
    chain.step();
    let register = chain.net.register(1);
    chain.net.admit_everywhere(&register);
    chain.nonce = 1;
    chain.step();
    let registered_at = chain.net.height();
    assert_eq!(chain.tiers, [], "a pending identity is still nothing");
    let attest = IdentityAction::Attest { subject: address(1), registered_at };
    chain.act(100, 0, Action::Identity(attest));
    assert_eq!(chain.tiers, [(0, 1)]);
    // The window's end gives the hour and decay takes it, both without a write.
    chain.beat();
    chain.until(Tier::Online);
    chain.until(Tier::Valid);
    chain.beat();
    chain.until(Tier::Online);
    chain.own(Action::Identity(IdentityAction::Revoke));
    assert_eq!(chain.tiers, [(0, 1), (1, 2), (2, 1), (1, 2), (2, 0)]);

    // A node that starts again in the middle tells what the others tell.
    let store = Arc::clone(&chain.net.nodes[1].store);
    chain.net.nodes[1] = open_chain(chain.net.genesis.clone(), store, 101);
    let _ = told(&chain.net, 2);
    for _ in 0..40 {
        chain.step();
    }
    let others = told(&chain.net, 2);
    assert!(others.iter().any(|change| change.before.counters == change.after.counters), "decay alone is told too");
    assert_eq!(told(&chain.net, 1), others);
}
