//! What must hold in every run, each as a named function.
//!
//! Model: the judge stands outside. It sees every block that an honest validator calls final, every receipt and
//! every account as that validator reads it, and every signature. It knows the ledger by a model that shares no
//! code with the state machine ([`replica::model`]).
//!
//! Rule: a property that was broken ends the run; its name is the verdict.

use std::collections::{BTreeMap, BTreeSet};

use primitives::actions::{IdentityEvent, ProvingEvent, TimetokeEvent, WitnessEvent};
use primitives::{Address, Event, Genesis, Hash, Height, LedgerSlot, TransactionId, merkle};
use replica::model::{Bounds, Model};
use replica::{Application, FinalizedBlock, QueueLength, Replica};

use crate::guard::Notary;
use crate::lottery::Lottery;
pub use crate::property::Property;
use crate::proving::{OF_BLOCKS, Proving};
use crate::registry::Registry;
use crate::stake::Stakes;

/// A property that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Which.
    pub property: Property,
    /// Where and how.
    pub detail: String,
}

/// What a check gives.
pub type Check = Result<(), Broken>;

pub(crate) fn broken(property: Property, detail: String) -> Check {
    Err(Broken { property, detail })
}

struct Decided {
    hash: Hash,
    state_root: Hash,
    first: u16,
}

/// Who watches a run.
pub struct Judge {
    genesis: Genesis,
    genesis_hash: Hash,
    decided: BTreeMap<Height, Decided>,
    places: BTreeMap<TransactionId, Height>,
    nonces: BTreeSet<(Address, u64)>,
    issued: BTreeSet<TransactionId>,
    acknowledged: BTreeMap<TransactionId, Height>,
    model: Model,
    stakes: Stakes,
    registry: Registry,
    lottery: Lottery,
    proving: Proving,
    is_bounded: bool,
    checks: BTreeMap<&'static str, u64>,
}

impl Judge {
    /// The judge of a chain. `suspects` may sign twice, `weak` may break the protocol or forget; `is_bounded` when those
    /// must hold less than a third of the power.
    pub fn new(genesis: &Genesis, suspects: BTreeSet<Address>, weak: BTreeSet<Address>, is_bounded: bool) -> Self {
        let set = genesis.validator_set().expect("the genesis of a plan has a validator");
        Self {
            stakes: Stakes::new(genesis.params.clone(), set, suspects, weak),
            registry: Registry::new(genesis),
            lottery: Lottery::new(genesis),
            proving: Proving::new(genesis),
            is_bounded,
            genesis: genesis.clone(),
            genesis_hash: genesis.hash(),
            decided: BTreeMap::new(),
            places: BTreeMap::new(),
            nonces: BTreeSet::new(),
            issued: BTreeSet::new(),
            acknowledged: BTreeMap::new(),
            model: Model::new(Bounds::of(&genesis.params), &genesis.slots()),
            checks: BTreeMap::new(),
        }
    }

    /// How often each property was checked.
    pub fn checks(&self) -> &BTreeMap<&'static str, u64> {
        &self.checks
    }

    /// What it knows of stake.
    pub fn stakes(&self) -> &Stakes {
        &self.stakes
    }

    /// What it knows of identities.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// What it knows of the lottery.
    pub fn lottery(&self) -> &Lottery {
        &self.lottery
    }

    /// What it knows of proofs on chain.
    pub fn proving(&self) -> &Proving {
        &self.proving
    }

    /// The nonce that an address uses next.
    pub fn nonce(&self, address: &Address) -> u64 {
        self.model.nonce(address)
    }

    /// The highest height that any honest validator has finalized.
    pub fn height(&self) -> Height {
        self.decided.last_key_value().map_or(Height::GENESIS, |(height, _)| *height)
    }

    /// Who began with a copy of height `base` has the block, the state and the money that the others have there; `has` is its
    /// height with hash and state root.
    ///
    /// # Errors
    /// It has others.
    pub fn restored_equals_the_others(&mut self, node: u16, base: Height, has: (Height, Hash, Hash)) -> Check {
        self.count(Property::RestoredEqualsTheOthers);
        let (height, hash, state_root) = has;
        if height != base || self.decided(base) != Some((hash, state_root)) {
            let detail =
                format!("validator {node} began with a copy of height {base} and has another state at {height}");
            return broken(Property::RestoredEqualsTheOthers, detail);
        }
        Ok(())
    }

    /// The block and the state root of a height that an honest validator has finalized.
    pub fn decided(&self, height: Height) -> Option<(Hash, Hash)> {
        self.decided.get(&height).map(|known| (known.hash, known.state_root))
    }

    /// Where a transaction is in the chain.
    pub fn place(&self, id: &TransactionId) -> Option<Height> {
        self.places.get(id).copied()
    }

    /// How many transactions a client was told are final.
    pub fn acknowledged(&self) -> usize {
        self.acknowledged.len()
    }

    /// A wallet has signed this transaction.
    pub fn issued(&mut self, id: TransactionId) {
        self.issued.insert(id);
    }

    /// An honest validator calls a block final; `chain` is that validator after it.
    ///
    /// # Errors
    /// The first property that does not hold.
    pub fn finalized(&mut self, node: u16, block: &FinalizedBlock, chain: &Replica) -> Check {
        let height = block.block.header.height;
        if self.agreement(node, height, block.hash)? {
            self.validity(block)?;
            self.no_transaction_applied_twice(block)?;
            self.count(Property::NoFalseSlash);
            self.stakes.no_false_slash(block)?;
            self.count(Property::PayoutsAddUp);
            let issued = self.stakes.payouts_add_up(block, chain, self.model.supply())?;
            self.no_unearned_credit(block, chain)?;
            self.count(Property::AdmittedByTheDraw);
            self.lottery.finalized(block, self.stakes.set())?;
            self.proofs_follow_the_rules(block, chain)?;
            self.supply_conserved(block, chain, issued)?;
            self.ledger_equals_model(block, chain)?;
            self.sets_change_slowly(height, chain)?;
            let state_root = chain.head().state_root;
            self.decided.insert(height, Decided { hash: block.hash, state_root, first: node });
        }
        self.state_roots_equal(node, chain, height)?;
        self.proving.same_proven_height(node, chain)?;
        for id in &block.transactions {
            self.acknowledged.entry(*id).or_insert(height);
        }
        Ok(())
    }

    /// True when the height is new to the judge.
    fn agreement(&mut self, node: u16, height: Height, hash: Hash) -> Result<bool, Broken> {
        self.count(Property::Agreement);
        match self.decided.get(&height) {
            Some(known) if known.hash != hash => {
                let (first, other) = (known.first, known.hash);
                let detail = format!("at height {height} validator {first} finalized {other}, validator {node} {hash}");
                Err(Broken { property: Property::Agreement, detail })
            }
            Some(_) => Ok(false),
            None => Ok(true),
        }
    }

    fn validity(&mut self, block: &FinalizedBlock) -> Check {
        self.count(Property::Validity);
        let invalid = |detail: String| broken(Property::Validity, detail);
        let header = &block.block.header;
        let height = header.height;
        let parent = match height.previous() {
            Some(previous) if previous > Height::GENESIS => self.decided.get(&previous).map(|known| known.hash),
            _ => Some(self.genesis_hash),
        };
        if parent != Some(header.parent) {
            return invalid(format!("block {height} does not extend the block before"));
        }
        if header.transactions_root != merkle::root(&block.block.transaction_leaves()) {
            return invalid(format!("block {height} does not hold the transactions of its header"));
        }
        for transaction in &block.block.transactions {
            let id = transaction.id();
            if !self.issued.contains(&id) || transaction.check(&self.genesis_hash).is_err() {
                return invalid(format!("transaction {id} of block {height} was never signed by its payer"));
            }
            if transaction.body.valid_until < height {
                return invalid(format!("transaction {id} of block {height} had expired"));
            }
        }
        Ok(())
    }

    fn no_transaction_applied_twice(&mut self, block: &FinalizedBlock) -> Check {
        self.count(Property::NoTransactionAppliedTwice);
        let height = block.block.header.height;
        for transaction in &block.block.transactions {
            let (id, body) = (transaction.id(), &transaction.body);
            if let Some(before) = self.places.insert(id, height) {
                return broken(Property::NoTransactionAppliedTwice, format!("{id} is in blocks {before} and {height}"));
            }
            if !self.nonces.insert((body.payer, body.nonce.get())) {
                let detail = format!("{} used nonce {} twice, last in block {height}", body.payer, body.nonce);
                return broken(Property::NoTransactionAppliedTwice, detail);
            }
        }
        Ok(())
    }

    fn ledger_equals_model(&mut self, block: &FinalizedBlock, chain: &Replica) -> Check {
        self.count(Property::LedgerEqualsModel);
        let mut touched = BTreeSet::from([block.block.header.proposer]);
        for transaction in &block.block.transactions {
            touched.insert(transaction.body.payer);
            touched.extend(transaction.body.action.payments().iter().map(|payment| payment.to));
        }
        touched.extend(primitives::ledger::MODULE_ACCOUNTS.map(Address::of_module));
        let events = block.receipts.iter().flat_map(|receipt| &receipt.events).chain(&block.events);
        for event in events {
            if let Event::Unbonded { owner: paid, .. }
            | Event::RewardPaid { to: paid, .. }
            | Event::Identity(IdentityEvent::BondReturned { identity: paid, .. })
            | Event::Timetoke(TimetokeEvent::Rewarded { validator: paid, .. })
            | Event::Proving(
                ProvingEvent::Returned { prover: paid, .. } | ProvingEvent::Accepted { payout: paid, .. },
            )
            | Event::Witness(WitnessEvent::Paid { identity: paid, .. }) = event
            {
                touched.insert(*paid);
            }
        }
        let mut slots: Vec<LedgerSlot> = Vec::new();
        for address in &touched {
            match chain.account(address) {
                Ok(found) => slots.extend(found.map(|(_, slot)| slot)),
                Err(fault) => return broken(Property::LedgerEqualsModel, fault.to_string()),
            }
        }
        match self.model.check(&block.block, &block.receipts, &block.events, &slots) {
            Ok(prediction) => {
                self.model.commit(prediction);
                Ok(())
            }
            Err(disagreement) => {
                let height = block.block.header.height;
                broken(Property::LedgerEqualsModel, format!("block {height}: {disagreement}"))
            }
        }
    }

    /// Also [`Property::PayoutsAddUp`], for the pools of identities.
    fn no_unearned_credit(&mut self, block: &FinalizedBlock, chain: &Replica) -> Check {
        self.count(Property::NoUnearnedCredit);
        let Self { registry, stakes, decided, genesis_hash, .. } = self;
        let hash_of = |height: Height| match height {
            Height::GENESIS => Some(*genesis_hash),
            height => decided.get(&height).map(|known| known.hash),
        };
        registry.finalized(block, stakes.set(), hash_of, chain)
    }

    fn proofs_follow_the_rules(&mut self, block: &FinalizedBlock, chain: &Replica) -> Check {
        if self.proving.is_on() {
            OF_BLOCKS.into_iter().for_each(|property| self.count(property));
        }
        self.proving.finalized(block, chain)
    }

    fn sets_change_slowly(&mut self, height: Height, chain: &Replica) -> Check {
        self.count(Property::SetsChangeSlowly);
        match chain.validators() {
            Ok(next) => {
                self.lottery.entered(height, self.stakes.set(), &next)?;
                self.stakes.sets_change_slowly(height, next, self.is_bounded)
            }
            Err(fault) => broken(Property::SetsChangeSlowly, fault.to_string()),
        }
    }

    /// Who was seen signing twice is punished by now: `waiting` were seen long enough ago, and are not.
    ///
    /// # Errors
    /// Somebody was not punished.
    pub fn equivocators_are_punished(&mut self, node: u16, waiting: &[(Address, Height)], now: Height) -> Check {
        self.count(Property::EquivocatorsArePunished);
        let Some((offender, seen)) = waiting.first() else { return Ok(()) };
        let detail = format!(
            "validator {node} saw at height {seen} that {offender} signed twice, and at height {now} it is not punished"
        );
        broken(Property::EquivocatorsArePunished, detail)
    }

    /// What was there before and what was issued, less what the receipts say was burned.
    fn supply_conserved(&mut self, block: &FinalizedBlock, chain: &Replica, issued: u64) -> Check {
        self.count(Property::SupplyConserved);
        let (supply, _) = chain.supply();
        let burned = block.receipts.iter().map(|receipt| receipt.fee_burned.micro()).fold(0, u64::saturating_add);
        let slashed = block.receipts.iter().flat_map(|receipt| &receipt.events).chain(&block.events);
        let slashed = slashed.map(|event| match event {
            Event::Slashed { amount, .. } => amount.micro(),
            Event::Identity(IdentityEvent::Punished { burned, .. })
            | Event::Proving(ProvingEvent::Forfeited { burned, .. }) => burned.micro(),
            _ => 0,
        });
        let burned = slashed.fold(burned, u64::saturating_add);
        let expected = self.model.supply().saturating_add(issued).saturating_sub(burned);
        if supply.micro() != expected {
            let height = block.block.header.height;
            let detail = format!("at height {height} the supply is {supply}, it should be {expected} in micro-BLOCK");
            return broken(Property::SupplyConserved, detail);
        }
        Ok(())
    }

    fn state_roots_equal(&mut self, node: u16, chain: &Replica, height: Height) -> Check {
        self.count(Property::StateRootsEqual);
        let head = chain.head();
        let same = self.decided.get(&height).is_some_and(|known| known.state_root == head.state_root);
        if head.height != height || !same {
            return broken(Property::StateRootsEqual, format!("validator {node} has another state at height {height}"));
        }
        Ok(())
    }

    /// No honest validator signed two things at one place.
    ///
    /// # Errors
    /// The first place at which one did.
    pub fn no_conflicting_signature(&mut self, notary: &Notary, honest: impl Fn(u16) -> bool) -> Check {
        self.count(Property::NoConflictingSignature);
        match notary.conflicts().into_iter().find(|(node, _)| honest(*node)) {
            None => Ok(()),
            Some((node, (height, round, step))) => {
                let detail = format!("validator {node} signed two {step:?} messages at height {height} round {round}");
                broken(Property::NoConflictingSignature, detail)
            }
        }
    }

    /// A mempool keeps to its limit.
    ///
    /// # Errors
    /// It does not.
    pub fn mempool_bounded(&mut self, node: u16, length: usize, limit: usize) -> Check {
        self.count(Property::MempoolBounded);
        if length > limit {
            let detail = format!("validator {node} holds {length} transactions, its limit is {limit}");
            return broken(Property::MempoolBounded, detail);
        }
        Ok(())
    }

    /// Everything that waits in a validator keeps to its limit.
    ///
    /// # Errors
    /// The first queue that does not.
    pub fn queues_bounded(&mut self, node: u16, queues: &[QueueLength]) -> Check {
        self.count(Property::QueuesBounded);
        match queues.iter().find(|queue| queue.length > queue.limit) {
            None => Ok(()),
            Some(QueueLength { name, length, limit }) => {
                let detail = format!("validator {node} keeps {length} {name}, the limit is {limit}");
                broken(Property::QueuesBounded, detail)
            }
        }
    }

    /// A restarted validator has everything that it called final.
    ///
    /// # Errors
    /// It has lost a height.
    pub fn finalized_survives_restart(&mut self, node: u16, before: Height, after: Height) -> Check {
        self.count(Property::FinalizedSurvivesRestart);
        if after < before {
            let detail = format!("validator {node} had finalized height {before} and restarted at {after}");
            return broken(Property::FinalizedSurvivesRestart, detail);
        }
        Ok(())
    }

    /// At the end: everything acknowledged is on this validator's disk, as far as it got.
    ///
    /// # Errors
    /// The first transaction that is not where it was.
    pub fn no_acknowledged_transaction_lost(&mut self, node: u16, chain: &Replica) -> Check {
        self.count(Property::NoAcknowledgedTransactionLost);
        // Who began with a copy has no blocks below it.
        let here = chain.oldest()..=chain.finalized();
        for (id, height) in self.acknowledged.iter().filter(|(_, height)| here.contains(height)) {
            let place = chain.place(id).ok().flatten().map(|place| place.height);
            if place != Some(*height) {
                let detail = format!("validator {node} has {id} at {place:?}, it was acknowledged at {height}");
                return broken(Property::NoAcknowledgedTransactionLost, detail);
            }
        }
        Ok(())
    }

    /// At the end: the disk alone gives the same state. `reopened` was loaded from it, with every check of a start.
    ///
    /// # Errors
    /// It gives another one.
    pub fn disk_holds_the_state(&mut self, node: u16, running: &Replica, reopened: &Replica) -> Check {
        self.count(Property::DiskHoldsTheState);
        let (run, disk) = (running.head(), reopened.head());
        let same = run.hash == disk.hash && run.state_root == disk.state_root && run.ops_digest == disk.ops_digest;
        if !same || running.supply() != reopened.supply() {
            let detail =
                format!("validator {node} runs at height {}, its disk gives height {}", run.height, disk.height);
            return broken(Property::DiskHoldsTheState, detail);
        }
        for account in &self.genesis.accounts {
            if running.account(&account.address) != reopened.account(&account.address) {
                let detail = format!("validator {node}: {} differs between memory and disk", account.address);
                return broken(Property::DiskHoldsTheState, detail);
            }
        }
        Ok(())
    }

    /// Notes one check.
    pub fn count(&mut self, property: Property) {
        *self.checks.entry(property.name()).or_default() += 1;
    }
}
