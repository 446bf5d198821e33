//! What the judge knows of proofs on chain: which windows wait, who has a bond, what the pool holds, how light blocks must be.
//!
//! ```text
//! header at h ─► block h + 1: end record ─► waiting ─► chain proof ─┬─ shows its claim ─► proven, paid out of the pool, once
//!                                             │                    └─ does not ────────► the bond is burned, the block goes on
//!                                             └─ how many wait: how much of the block weight is left, a twentieth at least
//! ```
//!
//! Model: everything is read from finalized blocks: their headers, transactions, receipts and closing events. The rules are written
//! down again here, from `spec/proving.md`, without code of `state`; what a validator's state says is read from it and compared.
//! Whether a proof shows its claim the judge finds out by itself ([`crate::stand_in::shows`]).
//!
//! Rule: a chain without the gate has nothing to check here.

use std::collections::BTreeMap;

use primitives::actions::{EndRecord, ProofClaim, ProofSubmission, ProvingEvent};
use primitives::{
    Action, Address, Amount, Domain, Event, Genesis, Hash, Height, Lane, Outcome, Params, ProofMark, ProvingAction,
    Receipt, Transaction, hash,
};
use replica::{FinalizedBlock, Replica};

use crate::properties::{Broken, Check, Property};
use crate::stand_in::shows;

/// Basis points in one.
const BASIS_POINTS: u64 = 10_000;
/// What is always left of the block weight, basis points.
const FLOOR_BPS: u64 = 500;

/// What is asked of every block of a chain with proofs.
pub const OF_BLOCKS: [Property; 6] = [
    Property::ProvenOnlyRises,
    Property::EndRecordsMatchBlocks,
    Property::EachHeightIsPaidOnce,
    Property::BondsFollowVerdicts,
    Property::OneProofInABlock,
    Property::LagNeverStopsBlocks,
];

/// A closed window without a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Window {
    end: EndRecord,
    opened_at: Height,
    assigned: Option<Address>,
}

/// A bond, µBLOCK, and the height at whose end it returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Bond {
    amount: u64,
    leaves_at: Option<Height>,
}

/// Proofs on chain, as the blocks tell them.
pub struct Proving {
    genesis: Genesis,
    genesis_hash: Hash,
    /// From when proofs are taken, on a chain that takes any.
    taken_from: Option<Height>,
    /// From when their lag makes blocks lighter.
    enforced_from: Option<Height>,
    origin: Option<EndRecord>,
    /// The ledger that the last header tells.
    before: Option<EndRecord>,
    waiting: BTreeMap<u64, Window>,
    bonds: BTreeMap<Address, Bond>,
    pool: u64,
    proven: Option<ProofMark>,
    /// The proven height after each block.
    proven_at: BTreeMap<Height, Height>,
    is_light: bool,
    counts: BTreeMap<&'static str, u64>,
}

fn wrong(property: Property, height: Height, detail: &str) -> Check {
    Err(Broken { property, detail: format!("at height {height} {detail}") })
}

impl Proving {
    /// Proofs on a chain at its start.
    pub fn new(genesis: &Genesis) -> Self {
        let gate = |name: &str| genesis.gates.iter().find(|gate| gate.name == name).map(|gate| gate.height);
        let pool = Address::of_module("prover_pool");
        let pool = genesis.accounts.iter().find(|account| account.address == pool);
        Self {
            genesis_hash: genesis.hash(),
            taken_from: gate("recursive_proofs"),
            enforced_from: gate("consensus_enforcement"),
            origin: None,
            before: None,
            waiting: BTreeMap::new(),
            bonds: BTreeMap::new(),
            pool: pool.map_or(0, |account| account.balance.micro()),
            proven: None,
            proven_at: BTreeMap::new(),
            is_light: false,
            counts: BTreeMap::new(),
            genesis: genesis.clone(),
        }
    }

    /// True on a chain that takes proofs at some height.
    pub fn is_on(&self) -> bool {
        self.taken_from.is_some()
    }

    /// What happened, by name.
    pub fn counts(&self) -> &BTreeMap<&'static str, u64> {
        &self.counts
    }

    fn count(&mut self, name: &'static str) {
        *self.counts.entry(name).or_default() += 1;
    }

    fn params(&self) -> &Params {
        &self.genesis.params
    }

    fn proven_height(&self) -> Height {
        self.proven.map_or(Height::GENESIS, |mark| mark.height)
    }

    /// The number of the window that ends at a height, if one does.
    fn number_of(&self, height: Height) -> Option<u64> {
        let blocks = self.params().window_blocks;
        (height > Height::GENESIS && height.0.is_multiple_of(blocks)).then(|| height.0 / blocks - 1)
    }

    /// A block is final; `chain` is somebody's state after it.
    ///
    /// # Errors
    /// A proof did something else than the rules say.
    pub fn finalized(&mut self, block: &FinalizedBlock, chain: &Replica) -> Check {
        if !self.is_on() {
            return Ok(());
        }
        let header = &block.block.header;
        let height = header.height;
        self.origin_is_genesis(height, chain)?;
        let closed = self.close_window(height, &header.beacon);
        self.weighs_what_is_left(block)?;
        let proofs = block.block.transactions.iter().filter(|one| one.body.action.submission().is_some()).count();
        if proofs > 1 {
            return wrong(Property::OneProofInABlock, height, &format!("a block holds {proofs} proofs"));
        }
        for (transaction, receipt) in block.block.transactions.iter().zip(&block.receipts) {
            self.acted(height, transaction, receipt)?;
        }
        self.closed_as_told(height, closed, &block.events)?;
        if header.last_proof != self.proven || self.proven_height() >= height {
            return wrong(Property::ProvenOnlyRises, height, "the header names another last proof");
        }
        let (ledger_root, ops_digest) = (header.ledger_root, header.ops_digest);
        let (supply, next_slot) = (header.supply, header.next_slot);
        self.before = Some(EndRecord { height, ledger_root, ops_digest, supply, next_slot });
        self.proven_at.insert(height, self.proven_height());
        self.as_shown(height, chain)
    }

    /// A validator has at its height the proven height that all have there; also after a restart.
    ///
    /// # Errors
    /// It has another one.
    pub fn same_proven_height(&self, node: u16, chain: &Replica) -> Check {
        let height = chain.head().height;
        let Some(known) = self.proven_at.get(&height) else { return Ok(()) };
        let has = state::proving::proven_height(chain.state()).map_err(|broken| told(&broken))?;
        if has != *known {
            let detail = format!("validator {node} says that height {has} is proven, it is {known}");
            return wrong(Property::ProvenOnlyRises, height, &detail);
        }
        Ok(())
    }

    /// The recorded origin is the ledger of genesis, and stays.
    fn origin_is_genesis(&mut self, height: Height, chain: &Replica) -> Check {
        let has = state::proving::origin(chain.state()).map_err(|broken| told(&broken))?;
        if let Some(known) = self.origin.filter(|known| has == Some(*known)) {
            self.before.get_or_insert(known);
            return Ok(());
        }
        let slots = self.genesis.slots();
        let supply = slots.iter().map(|slot| slot.balance.micro()).fold(0, u64::saturating_add);
        let fits = |origin: &EndRecord| {
            origin.height == Height::GENESIS
                && origin.supply.micro() == supply
                && usize::try_from(origin.next_slot).ok() == Some(slots.len())
        };
        match has.filter(fits) {
            Some(origin) if self.origin.is_none() && height == Height(1) => {
                (self.origin, self.before) = (Some(origin), Some(origin));
                Ok(())
            }
            _ => wrong(Property::EndRecordsMatchBlocks, height, "the recorded origin is not the ledger of genesis"),
        }
    }

    /// The window that the block before closed, with what this block must say of it.
    fn close_window(&mut self, height: Height, beacon: &Hash) -> Option<ProvingEvent> {
        let end = self.before.filter(|_| self.taken_from.is_some_and(|from| from <= height))?;
        let number = self.number_of(end.height)?;
        let assigned = self.draw(number, beacon);
        self.waiting.insert(number, Window { end, opened_at: height, assigned });
        self.count("window_closed");
        if assigned.is_some() {
            self.count("window_assigned");
        }
        Some(ProvingEvent::WindowClosed { end: end.height, assigned })
    }

    /// The prover of a window (PRV-2).
    fn draw(&self, number: u64, beacon: &Hash) -> Option<Address> {
        let least = self.params().proving.bond_min.micro();
        let eligible = self.bonds.iter().filter(|(_, bond)| bond.leaves_at.is_none() && bond.amount >= least);
        let eligible: Vec<(Address, u128)> = eligible.map(|(who, bond)| (*who, u128::from(bond.amount))).collect();
        let sum: u128 = eligible.iter().map(|(_, amount)| *amount).sum();
        let digest = hash(Domain::Turn, &[beacon.as_bytes(), &number.to_le_bytes()]);
        let draw = u128::from_be_bytes(*digest.0.first_chunk()?).checked_rem(sum)?;
        let mut running = 0;
        eligible.into_iter().find_map(|(who, amount)| {
            running += amount;
            (running > draw).then_some(who)
        })
    }

    /// What the lag leaves of the block weight at a height, basis points (PRV-17).
    fn left_bps(&self, height: Height) -> u64 {
        let in_force = |from: Option<Height>| from.is_some_and(|from| from <= height);
        if !in_force(self.taken_from) || !in_force(self.enforced_from) {
            return BASIS_POINTS;
        }
        let lag = u64::try_from(self.waiting.len()).unwrap_or(u64::MAX);
        let (free, floor) = (self.params().proving.lag_free_windows, self.params().proving.lag_floor_windows);
        match lag {
            lag if lag <= free => BASIS_POINTS,
            lag if lag >= floor => FLOOR_BPS,
            lag => BASIS_POINTS - (BASIS_POINTS - FLOOR_BPS) * (lag - free) / (floor - free),
        }
    }

    /// The lanes of a block together weigh what the lag leaves of their shares at most.
    fn weighs_what_is_left(&mut self, block: &FinalizedBlock) -> Check {
        let height = block.block.header.height;
        let bps = self.left_bps(height);
        let of = |points: u64, of: u64| u128::from(of) * u128::from(points) / u128::from(BASIS_POINTS);
        let params = self.params();
        let shares = [params.consumer_share_bps, params.industrial_share_bps];
        let most: u128 = shares
            .into_iter()
            .map(|share| of(bps, u64::try_from(of(share, params.block_weight_max)).unwrap_or(u64::MAX)))
            .sum();
        let carried = block.block.transactions.iter().zip(&block.receipts);
        let carried: Vec<u64> = carried
            .filter(|(transaction, _)| transaction.body.lane != Lane::Reserved)
            .map(|(_, receipt)| receipt.weight)
            .collect();
        let weight: u128 = carried.iter().map(|weight| u128::from(*weight)).sum();
        if weight > most {
            let detail = format!("a block weighs {weight}, the lag of the proofs leaves {most}");
            return wrong(Property::LagNeverStopsBlocks, height, &detail);
        }
        let is_light = bps < BASIS_POINTS;
        if is_light {
            self.count("block_lightened");
        }
        if bps == FLOOR_BPS {
            self.count("block_at_floor");
            carried.iter().for_each(|_| self.count("carried_at_floor"));
        }
        if self.is_light && !is_light {
            self.count("weight_recovered");
        }
        self.is_light = is_light;
        Ok(())
    }

    fn acted(&mut self, height: Height, transaction: &Transaction, receipt: &Receipt) -> Check {
        let Action::Proving(action) = &transaction.body.action else { return Ok(()) };
        let prover = transaction.body.payer;
        if let ProvingAction::Submit(submission) = action {
            return self.submitted(height, prover, submission, receipt);
        }
        if receipt.outcome != Outcome::Success {
            return Ok(());
        }
        let least = self.params().proving.bond_min.micro();
        let unbonding = self.params().proving.unbonding_blocks;
        let held = self.bonds.get(&prover).copied();
        let (after, event) = match (action, held) {
            (ProvingAction::Bond { amount }, None | Some(Bond { leaves_at: None, .. })) => {
                let total = held.map_or(0, |bond| bond.amount).saturating_add(amount.micro());
                let after = Some(Bond { amount: total, leaves_at: None }).filter(|_| total >= least);
                (after, ProvingEvent::Bonded { prover, amount: *amount })
            }
            (ProvingAction::Unbond, Some(Bond { amount, leaves_at: None })) => {
                let leaves = Height(height.0.saturating_add(unbonding));
                let after = Bond { amount, leaves_at: Some(leaves) };
                let amount = Amount::new(amount).unwrap_or_default();
                (Some(after), ProvingEvent::Unbonding { prover, amount, height: leaves })
            }
            _ => return wrong(Property::BondsFollowVerdicts, height, &format!("{prover} moved a bond and may not")),
        };
        match after {
            Some(after) if *receipt.events == [Event::Proving(event)] => {
                self.bonds.insert(prover, after);
                self.count(if after.leaves_at.is_some() { "prover_unbonding" } else { "prover_bonded" });
                Ok(())
            }
            _ => wrong(Property::BondsFollowVerdicts, height, &format!("{prover} has another bond than it put")),
        }
    }

    /// A proof is in a block: it was its payer's turn, and it is paid or costs the bond, as it shows its claim or not.
    fn submitted(&mut self, height: Height, prover: Address, said: &ProofSubmission, receipt: &Receipt) -> Check {
        let (from, to) = (self.proven_height(), said.end.height);
        if to <= from {
            let detail = format!("a proof up to height {to} was taken, {from} is proven");
            return wrong(Property::ProvenOnlyRises, height, &detail);
        }
        let window = self.number_of(to).and_then(|number| self.waiting.get(&number)).copied();
        let (Some(window), Some(origin)) = (window.filter(|window| window.end == said.end), self.origin) else {
            let detail = format!("a proof up to height {to} was taken, of a ledger that was not there");
            return wrong(Property::EndRecordsMatchBlocks, height, &detail);
        };
        let turn_ends = window.opened_at.0.saturating_add(self.params().proving.turn_blocks);
        let is_turn = height.0 >= turn_ends || window.assigned.is_none_or(|assigned| assigned == prover);
        let bond = self.bonds.get(&prover).filter(|bond| bond.leaves_at.is_none());
        let Some(bond) = bond.filter(|_| is_turn).copied() else {
            return wrong(Property::BondsFollowVerdicts, height, &format!("{prover} brought a proof and may not"));
        };
        if !shows(&self.claim(origin, window.end, said), &said.proof) {
            let burned = Amount::new(bond.amount).unwrap_or_default();
            let lost = [Event::Proving(ProvingEvent::Forfeited { prover, burned })];
            if receipt.outcome != Outcome::ProofInvalid || *receipt.events != lost {
                let detail = format!("{prover} brought a proof that shows nothing and kept its bond");
                return wrong(Property::BondsFollowVerdicts, height, &detail);
            }
            self.bonds.remove(&prover);
            self.count("proof_invalid");
            return Ok(());
        }
        let heights = to.0 - from.0;
        let full = self.params().proving.reward_per_height.micro().saturating_mul(heights);
        let is_pool = said.payout == Address::of_module("prover_pool");
        let due = if is_pool { 0 } else { full.min(self.pool) };
        let paid = match &receipt.events[..] {
            [Event::Proving(ProvingEvent::Accepted { reward, .. })] if receipt.outcome == Outcome::Success => *reward,
            _ => {
                let detail = format!("the proof of {prover} shows its claim and was not accepted");
                return wrong(Property::BondsFollowVerdicts, height, &detail);
            }
        };
        let (payout, proof) = (said.payout, said.proof_hash());
        let accepted = ProvingEvent::Accepted { from, to, prover, payout, reward: paid, proof };
        if paid.micro() != due || *receipt.events != [Event::Proving(accepted)] {
            let detail = format!("{prover} proved {heights} heights more and was paid {paid}, {due} µBLOCK were due");
            return wrong(Property::EachHeightIsPaidOnce, height, &detail);
        }
        self.accepted(heights, ProofMark { height: to, proof }, (due, !is_pool && due < full));
        Ok(())
    }

    /// What a proof of this chain up to a recorded end must show.
    fn claim(&self, origin: EndRecord, end: EndRecord, said: &ProofSubmission) -> ProofClaim {
        ProofClaim {
            system: said.system,
            genesis: self.genesis_hash,
            origin,
            end,
            issuance_max: self.params().issuance_per_block_max,
            supply_cap: self.params().supply_cap,
            payout: said.payout,
        }
    }

    fn accepted(&mut self, heights: u64, mark: ProofMark, (paid, is_short): (u64, bool)) {
        self.pool = self.pool.saturating_sub(paid);
        self.proven = Some(mark);
        self.waiting.retain(|_, window| window.end.height > mark.height);
        self.count("proof_accepted");
        if heights > self.params().window_blocks {
            self.count("windows_proven_at_once");
        }
        if is_short {
            self.count("pool_ran_dry");
        }
    }

    /// The closing events of a block say which window it recorded and which bonds it gave back, and no more; then pools are filled.
    fn closed_as_told(&mut self, height: Height, closed: Option<ProvingEvent>, events: &[Event]) -> Check {
        let due: Vec<(Address, u64)> = self
            .bonds
            .iter()
            .filter(|(_, bond)| bond.leaves_at.is_some_and(|leaves| leaves <= height))
            .map(|(who, bond)| (*who, bond.amount))
            .collect();
        let mut windows = Vec::new();
        let mut returned = Vec::new();
        for event in events {
            match event {
                Event::Proving(ProvingEvent::Returned { prover, amount }) => returned.push((*prover, amount.micro())),
                Event::Proving(event) => windows.push(*event),
                Event::PoolFunded { pool, amount } if *pool == Address::of_module("prover_pool") => {
                    self.pool = self.pool.saturating_add(amount.micro());
                }
                _ => {}
            }
        }
        if windows != Vec::from_iter(closed) {
            let detail = format!("the block says {windows:?} of windows, it should be {closed:?}");
            return wrong(Property::EndRecordsMatchBlocks, height, &detail);
        }
        if returned != due {
            let detail = format!("bonds went back to {returned:?}, it should be {due:?}");
            return wrong(Property::BondsFollowVerdicts, height, &detail);
        }
        for (who, _) in due {
            self.bonds.remove(&who);
            self.count("prover_returned");
        }
        Ok(())
    }

    /// What the state of a validator says of all this.
    fn as_shown(&self, height: Height, chain: &Replica) -> Check {
        let view = chain.state();
        let proven = state::proving::proven(view).map_err(|broken| told(&broken))?;
        if proven.map(|last| ProofMark { height: last.height, proof: last.proof }) != self.proven {
            return wrong(Property::ProvenOnlyRises, height, "the state names another last proof than the header");
        }
        for (number, window) in &self.waiting {
            let has = state::proving::window(view, *number).map_err(|broken| told(&broken))?;
            let has = has.map(|has| Window { end: has.end, opened_at: has.opened_at, assigned: has.assigned });
            if has != Some(*window) {
                let detail = format!("window {number} is recorded as {has:?}, its last block says {window:?}");
                return wrong(Property::EndRecordsMatchBlocks, height, &detail);
            }
        }
        let holds = |module: &str| {
            let account = chain.account(&Address::of_module(module));
            account
                .map(|found| found.map_or(0, |(_, slot)| slot.balance.micro()))
                .map_err(|fault| Broken { property: Property::EachHeightIsPaidOnce, detail: fault.to_string() })
        };
        let (pool, bonds) = (holds("prover_pool")?, holds("prover_bonds")?);
        if pool != self.pool {
            let detail = format!("the prover pool holds {pool}, it should hold {} µBLOCK", self.pool);
            return wrong(Property::EachHeightIsPaidOnce, height, &detail);
        }
        let sum = self.bonds.values().map(|bond| bond.amount).fold(0, u64::saturating_add);
        if bonds != sum {
            let detail = format!("{bonds} µBLOCK are held as bonds, the bonds are {sum}");
            return wrong(Property::BondsFollowVerdicts, height, &detail);
        }
        let left = state::proving::weight_bps(view, self.params(), height.next()).map_err(|broken| told(&broken))?;
        let expected = self.left_bps(height.next());
        if left != expected || left < FLOOR_BPS {
            let detail = format!("{left} basis points of the block weight are left, it should be {expected}");
            return wrong(Property::LagNeverStopsBlocks, height, &detail);
        }
        Ok(())
    }
}

/// What the state holds of proofs does not decode.
fn told(broken: &state::view::Broken) -> Broken {
    Broken { property: Property::EndRecordsMatchBlocks, detail: broken.to_string() }
}
