//! Provers of a simulated chain: they bond, work for a while, hand in proofs, race each other, cheat and stand still.
//!
//! ```text
//! wakes ─► asks some validator ─┬─ no bond ─────────► Bond
//!                               ├─ a window waits ──► works ─► its turn? ─► Submit: good, or bad by chance
//!                               └─ somebody's proof waits there ─► copies it, with itself as payee
//! ```
//!
//! Rules
//! - A prover sees what the validator that it asks sees, and hands its transaction to that one, which passes it on. Mempools take
//!   what a block would ask about; the check of the proof itself before it is passed on (PRV-22) is not modelled, so that bad proofs
//!   reach blocks.
//! - Each has one transaction on its way, and hands it in again until it is in the chain or void.
//! - While a fault `provers_stop` is in effect nobody makes or hands in anything, and unfinished work is lost.
//!
//! Read next: `stand_in.rs` (what is proven), `proving.rs` (what the judge asks of blocks).

use std::sync::Arc;

use mempool::CheckedTransaction;
use primitives::actions::{EndRecord, ProofClaim, ProofSubmission};
use primitives::{
    Action, Address, Amount, BoundedBytes, FormatVersion, Genesis, Hash, Height, Nonce, ProvingAction, SecretKey,
    Transaction, TransactionBody,
};
use replica::{Application, Replica};
use state::proving::{self, Bond, Window};

use crate::chain::{Keys, PROVER_BOND};
use crate::plan::{Fault, Misbehaviour, Plan, Proofs};
use crate::properties::{Broken, Check, Judge, Property};
use crate::random::{PPM, Random};
use crate::stand_in::{BYTES_MAX, STAND_IN_BYTES, look, prove};
use crate::world::{Event, MS, Packet, World};

/// Shortest and longest time between two looks of a prover, milliseconds.
const WAKE_MS: (u64, u64) = (300, 1_200);
/// A prover hands its transaction in again after this time, microseconds.
const RESEND_US: u64 = 4_000_000;
/// Most windows that a prover looks at.
const WINDOWS_MAX: usize = 64;
/// Largest bond, in bonds.
const BONDS_MAX: u64 = 3;
/// One in so many looks a prover asks for its bond.
const UNBOND_ONE_IN: u64 = 60;
/// One in so many proofs does not wait for its turn, or pays the pool.
const ODD_ONE_IN: u64 = 10;
/// Highest tip of an honest prover, µBLOCK; who copies a proof offers more.
const TIP_MAX: u64 = 50;

/// What a prover sees of the chain.
struct Sight {
    next: Height,
    proven: Height,
    origin: Option<EndRecord>,
    bond: Option<Bond>,
    /// Windows that wait, the oldest first.
    waiting: Vec<Window>,
    /// Proofs of others that wait in the mempool.
    pending: Vec<ProofSubmission>,
}

impl Sight {
    /// What this chain shows to a prover; nothing before its first block.
    fn of(chain: &Replica, prover: &Address) -> Option<Self> {
        let view = chain.state();
        let proven = proving::proven_height(view).ok()?;
        let past = proven.0 / chain.genesis().params.window_blocks.max(1);
        let numbers = proving::windows(view).ok()?.map_or(0..0, |windows| windows.first.max(past)..windows.next);
        let waiting = numbers.rev().take(WINDOWS_MAX);
        let mut waiting: Vec<Window> =
            waiting.filter_map(|number| proving::window(view, number).ok().flatten()).collect();
        waiting.reverse();
        let others = chain.mempool().transactions().filter(|one| one.body.payer != *prover);
        Some(Self {
            next: chain.finalized().next(),
            proven,
            origin: proving::origin(view).ok()?,
            bond: proving::bond(view, prover).ok()?,
            waiting,
            pending: others.filter_map(|one| one.body.action.submission().cloned()).collect(),
        })
    }
}

/// Something on its way into the chain.
struct Sent {
    transaction: CheckedTransaction,
    at_us: u64,
    /// The end of the window that it proves, if it brings a proof.
    end: Option<Height>,
}

struct Prover {
    key: SecretKey,
    address: Address,
    sent: Option<Sent>,
    /// The window that it works on, and when it is done, microseconds.
    work: Option<(EndRecord, u64)>,
}

/// The provers of a run.
pub(crate) struct Provers {
    random: Random,
    proofs: Proofs,
    genesis: Genesis,
    genesis_hash: Hash,
    /// The last one has no bond: it is the accomplice of dishonest proposers.
    list: Vec<Prover>,
}

impl Provers {
    /// Those of a plan; none when blocks take no proofs.
    pub(crate) fn of(plan: &Plan, keys: Keys, genesis: &Genesis, random: Random) -> Option<Self> {
        let proofs = plan.proofs.clone()?;
        let prover = |number| {
            let key = keys.prover(number);
            Prover { address: Address::of_key(&key.public_key()), key, sent: None, work: None }
        };
        let list = (0..=proofs.provers).map(prover).collect();
        Some(Self { random, proofs, genesis: genesis.clone(), genesis_hash: genesis.hash(), list })
    }

    /// What a prover hands in now, if anything.
    fn next(&mut self, index: usize, now_us: u64, seen: &Sight, judge: &mut Judge) -> Option<Sent> {
        if let Some(sent) = self.list[index].sent.take() {
            let body = &sent.transaction.transaction().body;
            let in_chain = judge.place(&sent.transaction.id()).is_some();
            let is_over = sent.end.is_some_and(|end| end <= seen.proven);
            let is_void = judge.height() >= body.valid_until || judge.nonce(&body.payer) > body.nonce.get();
            if !in_chain && !is_void && !is_over {
                let again = now_us >= sent.at_us.saturating_add(RESEND_US);
                if again {
                    return Some(Sent { at_us: now_us, ..sent });
                }
                self.list[index].sent = Some(sent);
                return None;
            }
        }
        let (action, end, tip) = self.action(index, now_us, seen)?;
        let transaction = self.sign(index, action, tip, judge)?;
        let transaction = CheckedTransaction::check(Arc::new(transaction), &self.genesis_hash).ok()?;
        judge.issued(transaction.id());
        Some(Sent { transaction, at_us: now_us, end })
    }

    fn sign(&mut self, index: usize, action: Action, tip: u64, judge: &Judge) -> Option<Transaction> {
        let prover = &self.list[index];
        let body = TransactionBody {
            version: FormatVersion,
            payer: prover.address,
            nonce: Nonce::new(judge.nonce(&prover.address))?,
            lane: action.lane(),
            tip: Amount::new(tip)?,
            max_fee: Amount::from_blocks(1),
            valid_until: Height(judge.height().0.saturating_add(self.random.between(6, 20))),
            action,
        };
        Some(body.sign(&prover.key, &self.genesis_hash))
    }

    /// An action with the window that it proves and its tip, µBLOCK.
    fn action(&mut self, index: usize, now_us: u64, seen: &Sight) -> Option<(Action, Option<Height>, u64)> {
        let bond = |action| Some((Action::Proving(action), None, 0));
        match seen.bond {
            None => {
                let amount = PROVER_BOND.checked_mul(self.random.between(1, BONDS_MAX))?;
                bond(ProvingAction::Bond { amount })
            }
            Some(Bond { leaves_at: Some(_), .. }) => None,
            Some(_) if self.random.below(UNBOND_ONE_IN) == 0 => bond(ProvingAction::Unbond),
            Some(_) => {
                let (submission, tip) = self.stolen(index, seen).or_else(|| {
                    let made = self.made(index, now_us, seen)?;
                    Some((made, self.random.below(TIP_MAX)))
                })?;
                let end = submission.end.height;
                Some((Action::Proving(ProvingAction::Submit(submission)), Some(end), tip))
            }
        }
    }

    /// Somebody's proof that waits, with another payee and a higher tip.
    fn stolen(&mut self, index: usize, seen: &Sight) -> Option<(ProofSubmission, u64)> {
        let steals = !seen.pending.is_empty() && self.random.chance(self.proofs.bad_ppm / 2);
        let found = seen.pending.get(self.random.index(seen.pending.len().max(1))).filter(|_| steals)?;
        Some((ProofSubmission { payout: self.list[index].address, ..found.clone() }, TIP_MAX + 1))
    }

    /// The proof that a prover worked on, when it is done and it is its turn.
    fn made(&mut self, index: usize, now_us: u64, seen: &Sight) -> Option<ProofSubmission> {
        let open = self.list[index].work.filter(|(end, _)| end.height > seen.proven);
        let Some((end, done_us)) = open else {
            // The newest window leads over all of them; now and then a prover is content with less.
            let last = seen.waiting.len().checked_sub(1)?;
            let which = if self.random.chance(PPM / 2) { last } else { self.random.index(last + 1) };
            let takes_ms = self.random.between(self.proofs.work_ms / 4, self.proofs.work_ms);
            let done_us = now_us.saturating_add(takes_ms.saturating_mul(MS));
            self.list[index].work = Some((seen.waiting[which].end, done_us));
            return None;
        };
        let address = self.list[index].address;
        let window = seen.waiting.iter().find(|window| window.end == end);
        let turn = window.and_then(|window| window.turn_of(&self.genesis.params.proving, seen.next));
        let waits = turn.is_some_and(|turn| turn != address) && self.random.below(ODD_ONE_IN) != 0;
        if now_us < done_us || waits {
            return None;
        }
        self.list[index].work = None;
        let payout = if self.random.below(ODD_ONE_IN) == 0 { Address::of_module("prover_pool") } else { address };
        self.submission(seen.origin?, end, payout)
    }

    /// A submission for a window: good, or bad by chance.
    fn submission(&mut self, origin: EndRecord, end: EndRecord, payout: Address) -> Option<ProofSubmission> {
        let claim = ProofClaim {
            system: Default::default(),
            genesis: self.genesis_hash,
            origin,
            end,
            issuance_max: self.genesis.params.issuance_per_block_max,
            supply_cap: self.genesis.params.supply_cap,
            payout,
        };
        let mut said = end;
        let is_bad = self.random.chance(self.proofs.bad_ppm);
        let proof = match self.random.below(6) {
            _ if !is_bad => prove(&claim).to_vec(),
            0 => self.random.bytes(STAND_IN_BYTES),
            1 => Vec::new(),
            2 => prove(&ProofClaim { genesis: Hash([7; 32]), ..claim }).to_vec(),
            3 => prove(&ProofClaim { origin: end, ..claim }).to_vec(),
            // These two are refused before anybody looks at the proof.
            4 => oversize(),
            _ => {
                said.next_slot = said.next_slot.saturating_add(1);
                prove(&ProofClaim { end: said, ..claim }).to_vec()
            }
        };
        Some(ProofSubmission { system: claim.system, end: said, payout, proof: BoundedBytes::new(proof)? })
    }

    /// What a dishonest proposer puts into its block besides, by name: a proof that is too long, one of somebody without a bond,
    /// or two of them.
    fn smuggled(&mut self, seen: &Sight, judge: &Judge) -> Option<(&'static str, Vec<Transaction>)> {
        let accomplice = self.list.len().checked_sub(1)?;
        let (origin, end) = (seen.origin?, seen.waiting.last()?.end);
        let payout = self.list[accomplice].address;
        let good = self.good(origin, end, payout)?;
        let (name, who) = match self.random.below(3) {
            0 => {
                let proof = BoundedBytes::new(oversize())?;
                let long = ProofSubmission { proof, ..good };
                return Some(("oversize_proof_refused", self.bring(vec![(accomplice, long)], judge)));
            }
            1 => ("unbonded_proof_refused", vec![(accomplice, good)]),
            _ => {
                let first = seen.waiting.first()?.end;
                let first = self.good(origin, first, self.list[0].address)?;
                ("second_proof_refused", vec![(0, first), (accomplice.min(1), good)])
            }
        };
        Some((name, self.bring(who, judge)))
    }

    fn good(&mut self, origin: EndRecord, end: EndRecord, payout: Address) -> Option<ProofSubmission> {
        let bad_ppm = std::mem::take(&mut self.proofs.bad_ppm);
        let good = self.submission(origin, end, payout);
        self.proofs.bad_ppm = bad_ppm;
        good
    }

    fn bring(&mut self, list: Vec<(usize, ProofSubmission)>, judge: &Judge) -> Vec<Transaction> {
        let sign = |(who, submission)| {
            let action = Action::Proving(ProvingAction::Submit(submission));
            self.sign(who, action, 0, judge)
        };
        list.into_iter().filter_map(sign).collect()
    }
}

/// More bytes than a block takes as a proof.
fn oversize() -> Vec<u8> {
    vec![7; usize::try_from(BYTES_MAX).unwrap_or(usize::MAX).saturating_add(1)]
}

impl World {
    /// The first looks of all provers.
    pub(crate) fn provers_begin(&mut self) {
        let count = self.plan.proofs.as_ref().map_or(0, |proofs| proofs.provers);
        for prover in 0..count {
            self.after(u64::from(prover).saturating_add(1).saturating_mul(100 * MS), Event::Prover(prover));
        }
    }

    /// A prover looks at the chain and does what is to be done.
    pub(crate) fn prover_looks(&mut self, prover: u16) -> Check {
        let Some(mut provers) = self.provers.take() else { return Ok(()) };
        let done = self.prover_acts(&mut provers, usize::from(prover));
        let wait_ms = provers.random.between(WAKE_MS.0, WAKE_MS.1);
        self.after(wait_ms.saturating_mul(MS), Event::Prover(prover));
        self.provers = Some(provers);
        done
    }

    fn prover_acts(&mut self, provers: &mut Provers, index: usize) -> Check {
        let stands_still = |index: &usize| matches!(self.plan.faults[*index].fault, Fault::ProversStop);
        if self.active.iter().any(stands_still) {
            provers.list[index].work = None;
            return Ok(());
        }
        let asked = provers.random.node(self.plan.nodes());
        let Some(running) = &self.nodes[usize::from(asked)].running else { return Ok(()) };
        let Some(seen) = Sight::of(&running.chain(), &provers.list[index].address) else { return Ok(()) };
        let Some(sent) = provers.next(index, self.now_us, &seen, &mut self.judge) else { return Ok(()) };
        let now_ms = self.now_us / MS;
        let node = self.node(asked);
        node.set_clock(now_ms);
        let now = node.now();
        match self.admit(asked, &sent.transaction, now)? {
            Some(Ok(_)) => {
                self.broadcast(asked, &Packet::Transaction(sent.transaction.clone()));
                provers.list[index].sent = Some(sent);
            }
            Some(Err(_)) if sent.end.is_some() => self.effect("proof_refused"),
            Some(Err(_)) | None => {}
        }
        Ok(())
    }

    /// What a dishonest proposer that smuggles puts into its block besides.
    pub(crate) fn smuggled(&mut self, number: u16) -> Option<(&'static str, Vec<Transaction>)> {
        if self.plan.dishonest.get(&number) != Some(&Misbehaviour::SmuggledProofs) {
            return None;
        }
        let mut provers = self.provers.take()?;
        let chain = self.nodes[usize::from(number)].running.as_ref().map(crate::node::Running::chain);
        let seen = chain.and_then(|chain| Sight::of(&chain, &provers.list[0].address));
        let smuggled = seen.and_then(|seen| provers.smuggled(&seen, &self.judge));
        self.provers = Some(provers);
        smuggled
    }

    /// Everybody who was asked about a proof gave one answer, also after a restart.
    pub(crate) fn verdicts_survive_restarts(&mut self) -> Check {
        let (repeated, contradiction) = look(&self.answers).news();
        (0..repeated).for_each(|_| self.judge.count(Property::VerdictsSurviveRestarts));
        let Some(found) = contradiction.filter(|found| self.is_honest(found.node)) else { return Ok(()) };
        let life = self.node(found.node).life;
        let word = if found.said { "shows" } else { "does not show" };
        let detail = format!(
            "validator {} in life {life} says that proof {} {word} its claim, before the answer was another one",
            found.node, found.proof
        );
        Err(Broken { property: Property::VerdictsSurviveRestarts, detail })
    }
}
