//! The mempool itself: who is admitted, who is replaced, what a finalized block removes.
//!
//! Admission asks these questions in this order, and the first *no* is the answer; nothing changes then:
//!
//! | question | rejection |
//! |---|---|
//! | is it new? | `duplicate` |
//! | is `valid_until` at or after the next height? | `expired` |
//! | is it at most `valid_until_max` heights ahead? | `valid_until_too_far` |
//! | has the payer an account? | `unknown_payer` |
//! | is the nonce unused? | `nonce_too_low` |
//! | is it close enough to the payer's first missing nonce? | `nonce_too_high` |
//! | does `max_fee` cover the base fee and the tip? | `fee_too_low` |
//! | does the balance cover that, after the fees of the payer's waiting lower nonces? | `balance_below_fee` |
//! | if the nonce is taken: is the tip at least a tenth higher? | `replacement_underpriced` |
//! | if not: has the payer a place left? | `sender_limit` |
//! | has the queue? | `queue_full` |
//!
//! Rules
//! - A payer with a gap keeps one place for the missing transaction, so a gap can always be filled.
//! - Newcomers behind a gap may take a quarter of the queue ([`crate::QUEUED_SHARE_DIVISOR`]).
//! - A replacement takes no new place, so a full queue does not refuse it, unless it changes queues.
//! - Registrations of identities count in a queue of their own under the same limit: a flood of them refuses no
//!   payment, and the other way round.
//! - Evidence has [`EVIDENCE_MAX`] places of its own: whoever fills the queue with payments cannot keep the proof of
//!   an offence out of it.
//! - Chain proofs are large and cost nothing: [`PROOFS_MAX`] wait, one of each prover (`sender_limit`), and those that were
//!   overtaken leave at once ([`Mempool::overtaken`]), so that a lost race blocks no nonce.
//! - Fees are those at admission. A base fee that rises later does not drop anything: the block leaves such a
//!   transaction out until the fee falls or it expires.

use std::collections::btree_map::Entry as MapEntry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use primitives::defect::{Defect, is_seeded};
use primitives::{Address, Amount, Height, Nonce, Rejection, Timestamp, Transaction, TransactionId};

use crate::checked::CheckedTransaction;
use crate::config::{MempoolConfig, MempoolConfigError, REPLACEMENT_STEP_PERCENT};
use crate::order::{fee_points, place};
use crate::sender::{Entry, Queue, Sender};

/// Most entries with evidence: one for each validator of the largest set. Evidence costs its sender nothing, but only
/// a proof that verifies gets here.
pub const EVIDENCE_MAX: usize = primitives::validator::VALIDATORS_MAX;

/// Most entries with a chain proof.
pub const PROOFS_MAX: usize = 16;

/// What the mempool needs to know about an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountState {
    /// The nonce its next transaction must carry.
    pub nonce: Nonce,
    /// Its balance.
    pub balance: Amount,
}

/// Accounts as of the last finalized block.
pub trait AccountReader {
    /// The account at `address`, if it was ever opened.
    fn account(&self, address: &Address) -> Option<AccountState>;
}

/// What holds at the moment a transaction is submitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// The lane's base fee times the transaction's weight, without the tip, µBLOCK.
    pub base_fee: Amount,
    /// The transaction's weight, units.
    pub weight: u64,
    /// The time.
    pub now: Timestamp,
    /// The height of the next block.
    pub next_height: Height,
    /// Most heights between the next block and `valid_until`.
    pub valid_until_max: u64,
}

/// How a transaction was admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It can be included now.
    Pending,
    /// It waits for a transaction with a lower nonce.
    Queued,
    /// It took the place of this transaction, which is gone.
    Replaced(TransactionId),
}

/// Why a waiting transaction left without being included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DropReason {
    /// `valid_until` has passed.
    Expired,
    /// Another transaction with its nonce was included.
    NonceUsed,
    /// Its payer spent what the fee would have taken.
    BalanceBelowFee,
    /// Another proof was accepted, or its payer lost the bond; nothing was paid.
    ProofOvertaken,
}

impl DropReason {
    /// The name used in JSON, metrics and commands.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::NonceUsed => "nonce_used",
            Self::BalanceBelowFee => "balance_below_fee",
            Self::ProofOvertaken => "proof_overtaken",
        }
    }
}

/// A waiting transaction that left without being included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dropped {
    /// Which.
    pub id: TransactionId,
    /// Why.
    pub reason: DropReason,
}

/// A transaction of a finalized block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Included {
    /// Its id.
    pub id: TransactionId,
    /// Its payer.
    pub payer: Address,
    /// Its nonce.
    pub nonce: Nonce,
}

impl Included {
    /// Of a transaction in a block.
    pub fn of(transaction: &Transaction) -> Self {
        Self { id: transaction.id(), payer: transaction.body.payer, nonce: transaction.body.nonce }
    }
}

/// The waiting transactions.
///
/// Invariants: `by_id`, `expiry` and the senders name the same entries; no newcomer ever enters a full queue; no sender is empty; `pending` is the sum over the senders.
#[derive(Debug)]
pub struct Mempool {
    pub(crate) config: MempoolConfig,
    pub(crate) senders: BTreeMap<Address, Sender>,
    pub(crate) by_id: BTreeMap<TransactionId, (Address, Nonce)>,
    pub(crate) expiry: BTreeSet<(Height, Address, Nonce)>,
    pub(crate) pending: usize,
    /// Entries that register an identity.
    pub(crate) identities: usize,
    /// Entries that prove an offence.
    pub(crate) evidence: usize,
    /// Entries with a chain proof.
    pub(crate) proofs: usize,
    /// The latest admission time; an admission clock that steps back is held here.
    latest: Timestamp,
    /// The next admission number.
    admissions: u64,
}

impl Mempool {
    /// An empty mempool.
    ///
    /// # Errors
    /// As [`MempoolConfig::validate`].
    pub fn new(config: MempoolConfig) -> Result<Self, MempoolConfigError> {
        config.validate()?;
        Ok(Self {
            config,
            senders: BTreeMap::new(),
            by_id: BTreeMap::new(),
            expiry: BTreeSet::new(),
            pending: 0,
            identities: 0,
            evidence: 0,
            proofs: 0,
            latest: Timestamp::default(),
            admissions: 0,
        })
    }

    /// Puts other limits and weights in force. What waits stays and is ordered by the new weights; a queue that holds
    /// more than its new limit refuses newcomers until enough have left.
    ///
    /// # Errors
    /// As [`MempoolConfig::validate`]; the old ones stay in force then.
    pub fn configure(&mut self, config: MempoolConfig) -> Result<(), MempoolConfigError> {
        config.validate()?;
        self.config = config;
        for entry in self.senders.values_mut().flat_map(|sender| sender.entries.values_mut()) {
            entry.place = place(&config, entry.admitted_at, entry.fee_points, entry.admission);
        }
        Ok(())
    }

    /// The limits and weights in force.
    pub fn config(&self) -> &MempoolConfig {
        &self.config
    }

    /// Number of waiting transactions.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// Number of waiting transactions that could be included now.
    pub fn pending(&self) -> usize {
        self.pending
    }

    /// Whether this transaction waits here.
    pub fn contains(&self, id: &TransactionId) -> bool {
        self.by_id.contains_key(id)
    }

    /// The waiting transaction with this id.
    pub fn get(&self, id: &TransactionId) -> Option<&Arc<Transaction>> {
        let (payer, nonce) = self.by_id.get(id)?;
        Some(&self.senders.get(payer)?.entries.get(nonce)?.transaction)
    }

    /// The first nonce of `payer` that is neither used on chain nor taken here, for a wallet that signs several
    /// transactions ahead; `None` when nothing of this payer waits.
    pub fn next_nonce(&self, payer: &Address) -> Option<Nonce> {
        let sender = self.senders.get(payer)?;
        sender.first_missing(sender.account_nonce)
    }

    /// Every waiting transaction, each payer's in nonce order.
    pub fn transactions(&self) -> impl Iterator<Item = &Arc<Transaction>> {
        self.senders.values().flat_map(|sender| sender.entries.values()).map(|entry| &entry.transaction)
    }

    /// Admits a transaction, or refuses it by name and changes nothing.
    ///
    /// # Errors
    /// In the order of the table at the top of this file.
    pub fn admit(
        &mut self,
        checked: CheckedTransaction,
        terms: &Terms,
        accounts: &dyn AccountReader,
    ) -> Result<Admission, Rejection> {
        let body = &checked.transaction().body;
        if self.contains(&checked.id()) {
            return Err(Rejection::Duplicate);
        }
        if body.valid_until < terms.next_height && !is_seeded(Defect::IgnoresValidUntil) {
            return Err(Rejection::Expired);
        }
        if body.valid_until.0.saturating_sub(terms.next_height.0) > terms.valid_until_max {
            return Err(Rejection::ValidUntilTooFar);
        }
        let account = accounts.account(&body.payer).ok_or(Rejection::UnknownPayer)?;
        let missing = self.check_nonce(body.payer, body.nonce, account.nonce)?;
        let fee = self.check_fee(&checked, terms, account)?;
        let sender = self.senders.get(&body.payer);
        if let Some(old) = sender.and_then(|sender| sender.entries.get(&body.nonce)) {
            if body.tip.micro() < replacement_tip(old.transaction.body.tip) {
                return Err(Rejection::ReplacementUnderpriced);
            }
            if old.queue != Queue::of(&checked) {
                self.check_queue(Queue::of(&checked))?;
            }
            return Ok(Admission::Replaced(self.replace(checked, terms, fee, account.nonce)));
        }
        let holds_proof = |sender: &Sender| sender.entries.values().any(|entry| entry.queue == Queue::Proofs);
        if Queue::of(&checked) == Queue::Proofs && sender.is_some_and(holds_proof) {
            return Err(Rejection::SenderLimit);
        }
        let is_queued = missing != Some(body.nonce);
        self.check_room(sender.map_or(0, |sender| sender.entries.len()), is_queued)?;
        self.check_queue(Queue::of(&checked))?;
        self.insert(checked, terms, fee, account.nonce);
        Ok(if is_queued { Admission::Queued } else { Admission::Pending })
    }

    /// Removes what a finalized block included or made impossible, and what cannot be in the block at `next_height`.
    /// Returns what left without being included; included transactions are not named again.
    pub fn committed(
        &mut self,
        included: &[Included],
        accounts: &dyn AccountReader,
        next_height: Height,
    ) -> Vec<Dropped> {
        let mut dropped = Vec::new();
        let ids: BTreeSet<TransactionId> = included.iter().map(|transaction| transaction.id).collect();
        let payers: BTreeSet<Address> = included.iter().map(|transaction| transaction.payer).collect();
        for payer in payers {
            // Most payers of a block from elsewhere have nothing waiting here; do not read their accounts. An account
            // is never closed, so that of an included payer is there.
            let account = self.senders.contains_key(&payer).then(|| accounts.account(&payer)).flatten();
            if let Some(account) = account {
                self.settle(payer, account, &ids, &mut dropped);
            }
        }
        self.expire(next_height, &mut dropped);
        dropped
    }

    /// Removes the chain proofs that `is_over` says can never be in a block.
    pub fn overtaken(&mut self, is_over: impl Fn(&Transaction) -> bool) -> Vec<Dropped> {
        if self.proofs == 0 {
            return Vec::new();
        }
        let entries = self.senders.iter().flat_map(|(payer, sender)| sender.entries.values().map(|one| (*payer, one)));
        let proofs = entries.filter(|(_, entry)| entry.queue == Queue::Proofs);
        let over: Vec<(Address, Nonce)> = proofs
            .filter(|(_, entry)| is_over(&entry.transaction))
            .map(|(payer, entry)| (payer, entry.nonce()))
            .collect();
        let removed = over.into_iter().filter_map(|(payer, nonce)| self.remove(payer, nonce));
        removed.map(|entry| Dropped { id: entry.id, reason: DropReason::ProofOvertaken }).collect()
    }

    /// The nonce checks. Returns the payer's first missing nonce.
    fn check_nonce(&self, payer: Address, nonce: Nonce, account: Nonce) -> Result<Option<Nonce>, Rejection> {
        if nonce < account {
            return Err(Rejection::NonceTooLow);
        }
        let missing = self.senders.get(&payer).map_or(Some(account), |sender| sender.first_missing(account));
        let ahead = missing.map_or(0, |missing| nonce.get().saturating_sub(missing.get()));
        if ahead > self.config.nonce_gap_max { Err(Rejection::NonceTooHigh) } else { Ok(missing) }
    }

    /// The fee checks. Returns what the transaction is expected to pay.
    fn check_fee(
        &self,
        checked: &CheckedTransaction,
        terms: &Terms,
        account: AccountState,
    ) -> Result<Amount, Rejection> {
        let body = &checked.transaction().body;
        let fee = terms.base_fee.checked_add(body.tip).filter(|fee| *fee <= body.max_fee);
        let fee = fee.ok_or(Rejection::FeeTooLow)?;
        let sender = self.senders.get(&body.payer);
        let waiting = sender.map_or(Some(Amount::ZERO), |sender| sender.fees_below(account.nonce, body.nonce));
        match waiting.and_then(|waiting| waiting.checked_add(fee)) {
            Some(total) if total <= account.balance => Ok(fee),
            _ => Err(Rejection::BalanceBelowFee),
        }
    }

    /// Whether there is a place for one more transaction of a payer who has `held` waiting.
    fn check_room(&self, held: usize, is_queued: bool) -> Result<(), Rejection> {
        // The last place of a payer is kept for the transaction that fills the gap.
        let sender_max = self.config.per_sender_limit - usize::from(is_queued);
        if held >= sender_max {
            return Err(Rejection::SenderLimit);
        }
        let queued = self.by_id.len() - self.pending;
        if is_queued && queued >= self.config.queued_max() {
            return Err(Rejection::QueueFull);
        }
        Ok(())
    }

    /// Whether a queue has a place.
    fn check_queue(&self, queue: Queue) -> Result<(), Rejection> {
        if self.held(queue) >= self.queue_max(queue) { Err(Rejection::QueueFull) } else { Ok(()) }
    }

    /// How many transactions, registrations of identities, proofs of offences and chain proofs wait, each with its limit.
    pub fn lengths(&self) -> [(usize, usize); 4] {
        [Queue::Transactions, Queue::Identities, Queue::Evidence, Queue::Proofs]
            .map(|queue| (self.held(queue), self.queue_max(queue)))
    }

    /// Entries of a queue.
    fn held(&self, queue: Queue) -> usize {
        match queue {
            Queue::Transactions => self.by_id.len() - self.identities - self.evidence - self.proofs,
            Queue::Identities => self.identities,
            Queue::Evidence => self.evidence,
            Queue::Proofs => self.proofs,
        }
    }

    /// Most entries of a queue.
    fn queue_max(&self, queue: Queue) -> usize {
        match queue {
            Queue::Transactions | Queue::Identities => self.config.limit,
            Queue::Evidence => EVIDENCE_MAX,
            Queue::Proofs => PROOFS_MAX,
        }
    }

    fn insert(&mut self, checked: CheckedTransaction, terms: &Terms, fee: Amount, account_nonce: Nonce) {
        let admitted_at = self.latest.max(terms.now);
        let admission = self.admissions;
        self.latest = admitted_at;
        // 2^64 admissions are out of reach.
        self.admissions = self.admissions.saturating_add(1);
        let queue = Queue::of(&checked);
        assert!(self.held(queue) < self.queue_max(queue), "admission refuses what the limit has no place for");
        self.store(checked, terms, fee, account_nonce, (admitted_at, admission));
    }

    /// Puts the transaction where its nonce is taken, at the same age. Returns the id of the old one.
    fn replace(
        &mut self,
        checked: CheckedTransaction,
        terms: &Terms,
        fee: Amount,
        account_nonce: Nonce,
    ) -> TransactionId {
        let body = &checked.transaction().body;
        let old = self.remove(body.payer, body.nonce).expect("the caller found the entry");
        self.store(checked, terms, fee, account_nonce, (old.admitted_at, old.admission));
        old.id
    }

    fn store(
        &mut self,
        checked: CheckedTransaction,
        terms: &Terms,
        fee: Amount,
        account_nonce: Nonce,
        (admitted_at, admission): (Timestamp, u64),
    ) {
        let transaction = Arc::clone(checked.transaction());
        let body = &transaction.body;
        let (payer, nonce) = (body.payer, body.nonce);
        let points = fee_points(body.tip, terms.weight);
        self.by_id.insert(checked.id(), (payer, nonce));
        self.expiry.insert((body.valid_until, payer, nonce));
        let queue = Queue::of(&checked);
        self.identities += usize::from(queue == Queue::Identities);
        self.evidence += usize::from(queue == Queue::Evidence);
        self.proofs += usize::from(queue == Queue::Proofs);
        let entry = Entry {
            id: checked.id(),
            bytes: checked.bytes(),
            fee,
            fee_points: points,
            admitted_at,
            admission,
            place: place(&self.config, admitted_at, points, admission),
            transaction,
            queue,
        };
        let sender = self.senders.entry(payer).or_default();
        sender.account_nonce = account_nonce;
        sender.entries.insert(nonce, entry);
        self.pending -= sender.pending;
        sender.count_pending();
        self.pending += sender.pending;
    }

    /// Takes one entry out of every index.
    fn remove(&mut self, payer: Address, nonce: Nonce) -> Option<Entry> {
        let MapEntry::Occupied(mut sender) = self.senders.entry(payer) else {
            return None;
        };
        let entry = sender.get_mut().entries.remove(&nonce)?;
        self.pending -= sender.get().pending;
        sender.get_mut().count_pending();
        self.pending += sender.get().pending;
        if sender.get().entries.is_empty() {
            sender.remove();
        }
        self.identities -= usize::from(entry.queue == Queue::Identities);
        self.evidence -= usize::from(entry.queue == Queue::Evidence);
        self.proofs -= usize::from(entry.queue == Queue::Proofs);
        self.by_id.remove(&entry.id);
        self.expiry.remove(&(entry.transaction.body.valid_until, payer, nonce));
        Some(entry)
    }

    /// Brings one payer's entries in line with the account after a block.
    fn settle(
        &mut self,
        payer: Address,
        account: AccountState,
        included: &BTreeSet<TransactionId>,
        dropped: &mut Vec<Dropped>,
    ) {
        let Some(sender) = self.senders.get_mut(&payer) else {
            return;
        };
        self.pending -= sender.pending;
        sender.account_nonce = account.nonce;
        sender.count_pending();
        self.pending += sender.pending;
        let used: Vec<Nonce> = sender.entries.range(..account.nonce).map(|(nonce, _)| *nonce).collect();
        let unpaid = unpaid(sender, account);
        for nonce in used {
            let entry = self.remove(payer, nonce).expect("it was just listed");
            if !included.contains(&entry.id) {
                dropped.push(Dropped { id: entry.id, reason: DropReason::NonceUsed });
            }
        }
        for nonce in unpaid {
            let entry = self.remove(payer, nonce).expect("it was just listed");
            dropped.push(Dropped { id: entry.id, reason: DropReason::BalanceBelowFee });
        }
    }

    fn expire(&mut self, next_height: Height, dropped: &mut Vec<Dropped>) {
        while let Some((valid_until, payer, nonce)) = self.expiry.first().copied() {
            if valid_until >= next_height || is_seeded(Defect::IgnoresValidUntil) {
                return;
            }
            let entry = self.remove(payer, nonce).expect("every expiry names an entry");
            dropped.push(Dropped { id: entry.id, reason: DropReason::Expired });
        }
    }
}

/// The nonces, from the account's on, whose fees the balance does not cover: fees are taken in nonce order.
fn unpaid(sender: &Sender, account: AccountState) -> Vec<Nonce> {
    let mut left = Some(account.balance);
    let mut unpaid = Vec::new();
    for (nonce, entry) in sender.entries.range(account.nonce..) {
        left = left.and_then(|left| left.checked_sub(entry.fee));
        if left.is_none() {
            unpaid.push(*nonce);
        }
    }
    unpaid
}

/// The lowest tip, µBLOCK, that replaces a transaction with the tip `old`: a tenth more, rounded up in favour of the
/// waiting one, and at least 1 µBLOCK more.
fn replacement_tip(old: Amount) -> u64 {
    let step = old.micro().div_ceil(100 / REPLACEMENT_STEP_PERCENT).max(1);
    old.micro().saturating_add(step)
}
