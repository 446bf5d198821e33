//! The simulated world: a queue of events on virtual time, the validators, the network between them.
//!
//! ```text
//!  queue ─► event ─► node ─► outputs ─► network ─► queue
//!                     └─► finalized blocks ─► judge
//! ```
//!
//! Rules
//! - One thread, one queue ordered by (time, number); all chance comes from the seed.
//! - Every event is added to the trace hash before it is handled.
//! - The first property that does not hold ends the run.
//!
//! Read next: `network.rs`, `faults.rs`, `run.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use consensus::machine::{Channel, Timer, Verdicts};
use mempool::CheckedTransaction;
use primitives::{Genesis, Hash, Height, Rejection};
use replica::Application;

use crate::chain::{Keys, genesis};
use crate::copies::Copied;
use crate::dishonest::Dishonest;
use crate::guard::Notary;
use crate::joining::Question;
use crate::mesh::Mesh;
use crate::network::Relayed;
use crate::node::{MEMPOOL_LIMIT, Node};
use crate::plan::Plan;
use crate::properties::{Broken, Check, Judge, Property};
use crate::provers::Provers;
use crate::random::Random;
use crate::stand_in::Shared;
use crate::traffic::Traffic;
use crate::witness::Witness;

/// Microseconds in a millisecond.
pub const MS: u64 = 1_000;
/// How often a validator says how far it is, microseconds.
const STATUS_US: u64 = 1_000 * MS;
/// How long a sync request may go unanswered, microseconds.
const SYNC_WAIT_US: u64 = 5_000 * MS;
/// Heights asked for in one sync request.
const SYNC_BATCH: u64 = 16;
/// How soon a validator whose disk failed at its start is started again, microseconds.
pub(crate) const REBOOT_US: u64 = 1_000 * MS;

/// What travels between validators.
#[derive(Debug, Clone)]
pub enum Packet {
    /// A message of consensus.
    Consensus(Channel, Bytes),
    /// A transaction that a mempool took.
    Transaction(CheckedTransaction),
    /// The last finalized height of the sender, and the lowest whose block it has.
    Status(Height, Height),
    /// A question about snapshots.
    SnapshotAsk(u64, Question),
    /// The answer to it; none when the sender has not what was asked for.
    SnapshotAnswer(u64, Option<Bytes>),
    /// A question for finalized blocks.
    SyncRequest(u64, Height, Height),
    /// The answer to it.
    SyncAnswer(u64, Bytes),
}

/// Something that happens at a time.
#[derive(Debug, Clone)]
pub enum Event {
    /// A packet arrives: to, from.
    Deliver(u16, u16, Packet),
    /// A message that is passed on arrives: to, by.
    Relay(u16, u16, Relayed),
    /// A timer runs out: whose, in which life, its number.
    Timer(u16, u32, u64, Timer),
    /// A validator starts its next height.
    Start(u16, u32),
    /// A validator says how far it is.
    Status(u16, u32),
    /// A sync request was not answered.
    SyncLate(u16, u32, u64),
    /// A validator that is down is started.
    Boot(u16),
    /// A wallet may send something.
    Wallet,
    /// A prover looks at the chain.
    Prover(u16),
    /// A snapshot is made: by whom, in which life.
    Copy(u16, u32),
    /// A validator on its way to a snapshot waits no more for an answer.
    JoinLate(u16, u32, u64),
    /// The fault with this number begins.
    FaultBegins(usize),
    /// The fault with this number ends.
    FaultEnds(usize),
}

/// What is counted.
#[derive(Debug, Default)]
pub struct Counts {
    /// Events.
    pub events: u64,
    /// Faults that took effect.
    pub faults: BTreeMap<&'static str, u64>,
    /// Heights by the round that decided them.
    pub rounds: BTreeMap<u32, u64>,
    /// Rounds that decided heights after the last fault.
    pub calm_round_max: u32,
    /// Double signatures that honest validators reported.
    pub equivocations: u64,
    /// From offer to verdict, microseconds.
    pub propagation_us: Vec<u64>,
    /// When each height was finalized by the first honest validator, microseconds.
    pub decided_us: Vec<u64>,
    /// Since when faults are in effect, by their number, microseconds.
    pub in_effect_us: BTreeMap<usize, u64>,
    /// Messages that dishonest validators made up or damaged.
    pub tampered: u64,
    /// Invalid blocks of dishonest validators that an honest one finalized.
    pub tampered_final: u64,
    /// What else happened, by name ([`crate::report::EFFECTS`]).
    pub effects: BTreeMap<&'static str, u64>,
}

/// A run in progress.
pub struct World {
    /// What happens.
    pub plan: Plan,
    /// The chain.
    pub genesis: Genesis,
    /// Its hash.
    pub genesis_hash: Hash,
    /// Its keys.
    pub keys: Keys,
    /// Virtual time, microseconds.
    pub now_us: u64,
    /// The validators.
    pub nodes: Vec<Node>,
    /// Faults in effect.
    pub active: BTreeSet<usize>,
    /// Who watches.
    pub judge: Judge,
    /// Every signature.
    pub notary: Notary,
    /// Every signed message.
    pub witness: Witness,
    /// What the witness found in a message of the event that is handled.
    pub(crate) caught: Option<Broken>,
    /// What is counted.
    pub counts: Counts,
    /// Height at the end of the last fault, once it ended.
    pub healed_at: Option<Height>,
    /// The last height that was decided while a fault was in effect.
    pub(crate) unhealthy: Height,
    /// The event that is handled has shown an offence.
    pub(crate) found_offence: bool,
    pub(crate) mesh: Mesh,
    pub(crate) network: Random,
    pub(crate) chance: Random,
    pub(crate) unreliable: BTreeSet<u16>,
    pub(crate) dishonest: BTreeMap<u16, Dishonest>,
    pub(crate) copies_chance: Random,
    pub(crate) copied: Copied,
    pub(crate) provers: Option<Provers>,
    pub(crate) answers: Shared,
    traffic: Traffic,
    queue: BTreeMap<(u64, u64), Event>,
    pub(crate) numbers: u64,
    pub(crate) trace: blake3::Hasher,
    pub(crate) offered_us: BTreeMap<Hash, u64>,
    pub(crate) decided: Height,
}

impl World {
    /// The world of a plan, at time zero.
    pub fn new(plan: Plan) -> Self {
        let genesis = genesis(Keys::of(plan.seed), &plan);
        Self::of_genesis(plan, genesis)
    }

    /// The same on a chain with other governed values than those of the plan.
    pub fn of_genesis(plan: Plan, genesis: Genesis) -> Self {
        let (random, keys) = (Random::new(plan.seed), Keys::of(plan.seed));
        let genesis_hash = genesis.hash();
        let (twins, verdicts, answers) = (plan.twins(), Verdicts::default(), Shared::default());
        let nodes = (0..plan.validators).chain(twins).zip(0..).map(|(key, number)| {
            let misbehaviour = plan.dishonest.get(&key).copied();
            let copies_every = plan.snapshots.as_ref().map(|snapshots| snapshots.every_heights);
            let mut node =
                Node::new(keys, number, key, misbehaviour, plan.seeded_bug, (verdicts.clone(), Arc::clone(&answers)));
            node.copies_every = copies_every;
            node
        });
        let nodes: Vec<Node> = nodes.collect();
        let dishonest = plan.dishonest.iter().map(|(node, kind)| {
            let (key, streams) = (keys.validator(*node), 0);
            let address = primitives::Address::of_key(&key.public_key());
            (*node, Dishonest { kind: *kind, key, address, genesis: genesis_hash, streams, invalid: BTreeMap::new() })
        });
        let first = genesis.validator_set().expect("a plan has a validator with a seat");
        let address = |node: u16| primitives::Address::of_key(&keys.validator(node).public_key());
        let suspects = plan.dishonest.iter().filter(|(_, kind)| kind.may_sign_twice());
        let suspects = suspects.map(|(node, _)| address(*node)).collect();
        let weak = plan.unreliable().into_iter().map(address).collect();
        let mut world = Self {
            judge: Judge::new(&genesis, suspects, weak, !plan.beyond_bound),
            witness: Witness::new(keys, plan.validators, (genesis_hash, first), verdicts),
            unhealthy: Height::GENESIS,
            found_offence: false,
            caught: None,
            unreliable: plan.dishonest.keys().copied().collect(),
            traffic: Traffic::new(random.fork("traffic"), keys, genesis_hash, &plan),
            mesh: Mesh::of(&plan, random.fork("mesh")),
            network: random.fork("network"),
            chance: random.fork("chance"),
            copies_chance: random.fork("copies"),
            copied: Copied::new(),
            provers: Provers::of(&plan, keys, &genesis, random.fork("provers")),
            answers,
            dishonest: dishonest.collect(),
            nodes,
            genesis,
            genesis_hash,
            keys,
            now_us: 0,
            active: BTreeSet::new(),
            notary: Notary::default(),
            counts: Counts::default(),
            healed_at: None,
            queue: BTreeMap::new(),
            numbers: 0,
            trace: blake3::Hasher::new(),
            offered_us: BTreeMap::new(),
            decided: Height::GENESIS,
            plan,
        };
        world.fill();
        world
    }

    fn fill(&mut self) {
        for node in 0..self.plan.nodes() {
            self.after(0, Event::Boot(node));
        }
        self.after(MS, Event::Wallet);
        self.provers_begin();
        for index in 0..self.plan.faults.len() {
            let (at, length) = (self.plan.faults[index].at_ms, self.plan.faults[index].for_ms);
            self.after(at.saturating_mul(MS), Event::FaultBegins(index));
            self.after(at.saturating_add(length).saturating_mul(MS), Event::FaultEnds(index));
        }
    }

    /// Puts an event on the queue; its number.
    pub fn after(&mut self, wait_us: u64, event: Event) -> u64 {
        self.numbers += 1;
        self.queue.insert((self.now_us.saturating_add(wait_us), self.numbers), event);
        self.numbers
    }

    /// True for a validator that keeps to the protocol.
    pub fn is_honest(&self, node: u16) -> bool {
        self.nodes[usize::from(node)].misbehaviour.is_none()
    }

    /// BLAKE3 of everything so far.
    pub fn trace_hash(&self) -> String {
        self.trace.finalize().to_hex().to_string()
    }

    /// The event that comes next, with its time in microseconds.
    pub fn next_event(&self) -> Option<(u64, &Event)> {
        self.queue.first_key_value().map(|((time, _), event)| (*time, event))
    }

    pub(crate) fn node(&mut self, node: u16) -> &mut Node {
        &mut self.nodes[usize::from(node)]
    }

    /// Handles the next event.
    ///
    /// # Errors
    /// The property that it broke.
    pub fn step(&mut self) -> Check {
        let Some(((time, number), event)) = self.queue.pop_first() else { return Ok(()) };
        self.now_us = time;
        self.counts.events += 1;
        self.seed_disks();
        self.trace(number, &event);
        self.handle(event)?;
        if self.provers.is_some() { self.verdicts_survive_restarts() } else { Ok(()) }
    }

    fn handle(&mut self, event: Event) -> Check {
        match event {
            Event::Deliver(to, from, packet) => self.deliver(to, from, packet),
            Event::Relay(to, by, relayed) => self.relayed(to, by, relayed),
            Event::Timer(node, life, number, timer) => self.elapsed(node, life, number, timer),
            Event::Start(node, life) => self.start(node, life),
            Event::Status(node, life) => self.status(node, life),
            Event::SyncLate(node, life, request) => {
                if self.lives(node, life)
                    && let Some(running) = &mut self.node(node).running
                    && running.request == Some(request)
                {
                    running.request = None;
                }
                Ok(())
            }
            Event::Boot(node) => self.boot(node),
            Event::Wallet => self.wallet(),
            Event::Prover(prover) => self.prover_looks(prover),
            Event::Copy(node, life) => self.copy(node, life),
            Event::JoinLate(node, life, question) => self.join_late(node, life, question),
            Event::FaultBegins(index) => self.fault_begins(index),
            Event::FaultEnds(index) => self.fault_ends(index),
        }
    }

    fn trace(&mut self, number: u64, event: &Event) {
        self.trace.update(&self.now_us.to_le_bytes()).update(&number.to_le_bytes());
        let (kind, node, digest): (u8, u16, &[u8]) = match event {
            Event::Deliver(to, from, Packet::Consensus(_, bytes)) => {
                self.trace.update(&from.to_le_bytes());
                (0, *to, bytes)
            }
            Event::Deliver(to, from, Packet::SyncAnswer(_, bytes)) => {
                self.trace.update(&from.to_le_bytes());
                (1, *to, bytes)
            }
            Event::Deliver(to, _, Packet::Transaction(transaction)) => {
                self.trace.update(transaction.id().0.as_bytes());
                (2, *to, &[])
            }
            Event::Deliver(to, from, Packet::SnapshotAnswer(question, bytes)) => {
                self.trace.update(&from.to_le_bytes()).update(&question.to_le_bytes());
                (15, *to, bytes.as_deref().unwrap_or_default())
            }
            Event::Deliver(to, ..) => (3, *to, &[]),
            Event::Relay(to, by, relayed) => {
                self.trace.update(&by.to_le_bytes()).update(&relayed.message.to_le_bytes());
                (12, *to, &[])
            }
            Event::Timer(node, ..) => (4, *node, &[]),
            Event::Start(node, _) => (5, *node, &[]),
            Event::Status(node, _) => (6, *node, &[]),
            Event::SyncLate(node, ..) => (7, *node, &[]),
            Event::Boot(node) => (8, *node, &[]),
            Event::Wallet => (9, 0, &[]),
            Event::FaultBegins(_) => (10, 0, &[]),
            Event::FaultEnds(_) => (11, 0, &[]),
            Event::Copy(node, _) => (13, *node, &[]),
            Event::JoinLate(node, ..) => (14, *node, &[]),
            Event::Prover(prover) => (16, *prover, &[]),
        };
        self.trace.update(&[kind]).update(&node.to_le_bytes()).update(digest);
    }

    fn lives(&self, node: u16, life: u32) -> bool {
        let node = &self.nodes[usize::from(node)];
        node.life == life && node.running.is_some()
    }

    pub(crate) fn boot(&mut self, number: u16) -> Check {
        let (genesis, keys, notary, now_ms) = (self.genesis.clone(), self.keys, self.notary.clone(), self.now_us / MS);
        if self.is_held_down(number) || self.node(number).running.is_some() || self.node(number).joining.is_some() {
            return Ok(());
        }
        if !self.is_migrated(number)? {
            return Ok(());
        }
        if self.begins_with_a_copy(number) {
            return self.join(number);
        }
        let node = self.node(number);
        node.set_clock(now_ms);
        let before = node.acknowledged;
        (node.finalized_us, node.starting, node.live_heights) = (now_ms.saturating_mul(MS), true, 0);
        match node.boot(&genesis, keys, &notary) {
            Ok(()) => {}
            Err(_) if node.disk_fails => {
                let _ = node.crash(0, 0);
                self.strikes("disk", number);
                self.after(REBOOT_US, Event::Boot(number));
                return Ok(());
            }
            Err(reason) if node.damage.is_some() => return self.damage_is_found(number, Some(&reason)),
            Err(reason) if !node.rotten.is_empty() => return self.mends_at_a_start(number, &reason),
            Err(reason) if self.is_honest(number) => {
                let detail = format!("validator {number} does not start: {reason}");
                return Err(Broken { property: Property::HonestValidatorRuns, detail });
            }
            Err(_) => return Ok(()),
        }
        self.damage_is_found(number, None)?;
        self.no_bad_snapshot_is_used(number)?;
        self.pruned_stores_answer(number)?;
        let (life, finalized) = (self.node(number).life, self.node(number).finalized());
        if self.is_honest(number) {
            self.judge.count(Property::HonestValidatorRuns);
            self.judge.finalized_survives_restart(number, before, finalized)?;
            self.says_what_survived(number)?;
            if let Some(running) = &self.nodes[usize::from(number)].running {
                self.judge.proving().same_proven_height(number, &running.chain())?;
            }
        }
        self.after(STATUS_US, Event::Status(number, life));
        self.start(number, life)
    }

    fn start(&mut self, number: u16, life: u32) -> Check {
        if !self.lives(number, life) {
            return Ok(());
        }
        let now_ms = self.now_us / MS;
        let node = self.node(number);
        node.set_clock(now_ms);
        let outputs = node.start();
        self.apply(number, outputs)
    }

    fn elapsed(&mut self, number: u16, life: u32, event: u64, timer: Timer) -> Check {
        if !self.lives(number, life) {
            return Ok(());
        }
        let now_ms = self.now_us / MS;
        let node = self.node(number);
        node.set_clock(now_ms);
        let Some(running) = &mut node.running else { return Ok(()) };
        let Some(position) = running.timers.iter().position(|(_, known)| *known == event) else { return Ok(()) };
        running.timers.remove(position);
        let outputs = running.machine.elapsed(timer);
        self.apply(number, outputs)
    }

    /// A packet arrives, whoever made it.
    ///
    /// # Errors
    /// The property that it broke.
    pub fn deliver(&mut self, to: u16, from: u16, packet: Packet) -> Check {
        let now_ms = self.now_us / MS;
        let node = self.node(to);
        node.set_clock(now_ms);
        let now = node.now();
        if let Packet::SnapshotAnswer(question, answer) = &packet {
            if node.wanted.is_some_and(|(wanted, _)| wanted == *question) {
                return self.bodies_came(to, answer.as_ref());
            }
            return self.answered(to, from, *question, answer.as_ref());
        }
        let Some(running) = &mut node.running else { return Ok(()) };
        let outputs = match packet {
            Packet::Transaction(transaction) => {
                // A refusal is the mempool's answer to a duplicate or a full queue; the wallet sends again.
                let _ = self.admit(to, &transaction, now)?;
                return self.queues_bounded(to);
            }
            Packet::Consensus(channel, bytes) => running.machine.receive(from, channel, &bytes),
            Packet::Status(height, oldest) => {
                running.tips.insert(from, height);
                if oldest <= running.machine.height() {
                    self.ask(to, from);
                }
                return Ok(());
            }
            Packet::SnapshotAsk(question, asked) => {
                self.answer(to, from, question, &asked);
                return Ok(());
            }
            // Whoever runs is on no way to a snapshot.
            Packet::SnapshotAnswer(..) => return Ok(()),
            Packet::SyncRequest(request, first, last) => {
                let answer = running.machine.serve(first, last);
                if let Some(answer) = answer {
                    self.send(to, from, Packet::SyncAnswer(request, answer));
                }
                return self.apply(to, Vec::new());
            }
            Packet::SyncAnswer(request, answer) => {
                if running.request != Some(request) {
                    return Ok(());
                }
                running.request = None;
                running.machine.synced(from, &answer)
            }
        };
        self.apply(to, outputs)
    }

    /// Asks a peer that is ahead for the blocks in between.
    fn ask(&mut self, number: u16, peer: u16) {
        let Some(running) = &mut self.node(number).running else { return };
        let (first, tip) = (running.machine.height(), running.tips.get(&peer).copied().unwrap_or_default());
        if running.request.is_some() || tip < first || running.chain().finalized() >= first {
            return;
        }
        let life = self.node(number).life;
        let last = Height(tip.0.min(first.0.saturating_add(SYNC_BATCH - 1)));
        let request = self.numbers;
        self.after(SYNC_WAIT_US, Event::SyncLate(number, life, request));
        if let Some(running) = &mut self.node(number).running {
            running.request = Some(request);
        }
        self.send(number, peer, Packet::SyncRequest(request, first, last));
    }

    fn status(&mut self, number: u16, life: u32) -> Check {
        if !self.lives(number, life) {
            return Ok(());
        }
        if self.is_honest(number) {
            self.readiness_tells_the_truth(number)?;
        }
        self.looks_for_rot(number)?;
        let node = &self.nodes[usize::from(number)];
        let oldest = node.running.as_ref().map_or(Height::GENESIS, |running| running.chain().oldest());
        let status = Packet::Status(node.finalized(), oldest);
        self.broadcast(number, &status);
        self.after(STATUS_US, Event::Status(number, life));
        Ok(())
    }

    fn wallet(&mut self) -> Check {
        let tick = self.traffic.tick(self.now_us, &self.plan);
        if let Some(wait_us) = tick.wait_us {
            self.after(wait_us, Event::Wallet);
        }
        if !tick.sends {
            return Ok(());
        }
        let Some(transaction) = self.traffic.next(self.now_us, &mut self.judge) else { return Ok(()) };
        let number = self.chance.node(self.plan.nodes());
        let now_ms = self.now_us / MS;
        let node = self.node(number);
        node.set_clock(now_ms);
        let now = node.now();
        let Some(admitted) = self.admit(number, &transaction, now)? else { return Ok(()) };
        match admitted {
            Ok(_) => self.broadcast(number, &Packet::Transaction(transaction)),
            Err(Rejection::QueueFull) => self.effect("queue_full"),
            Err(_) => {}
        }
        for index in 0..self.nodes.len() {
            let Some(running) = &self.nodes[index].running else { continue };
            let waiting = running.chain().mempool().status(now).transactions.size;
            let number = self.nodes[index].number;
            self.judge.mempool_bounded(number, waiting, MEMPOOL_LIMIT)?;
        }
        Ok(())
    }
}
