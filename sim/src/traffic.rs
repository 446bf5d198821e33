//! Wallets that pay each other: the load of a run.
//!
//! Model: each account has at most one transaction on its way. Its wallet sends it again, to another validator,
//! until it is in the chain or has expired, or its nonce was used otherwise: validators report offences under theirs. When a wallet may send
//! something follows from the phase of the plan ([`Traffic::tick`]).

use std::sync::Arc;

use mempool::CheckedTransaction;
use primitives::{
    Action, Address, Amount, BatchTransfer, BoundedVec, FormatVersion, Hash, Height, Memo, Nonce, Payment, SecretKey,
    TransactionBody, Transfer,
};

use crate::candidates;
use crate::chain::{ACCOUNTS, Keys};
use crate::plan::{Pattern, Plan};
use crate::properties::Judge;
use crate::random::{PPM, Random};
use crate::stakers::{Owner, Stakers, trusted};
use crate::subjects::Subjects;

/// Microseconds in a second.
const SECOND_US: u64 = 1_000_000;
/// Microseconds in a millisecond.
const MS: u64 = 1_000;
/// Longest wait between two looks at a Poisson process, milliseconds.
const WAIT_MS_MAX: u64 = 10_000;
/// A wallet sends again after this time, microseconds.
const RESEND_US: u64 = 5_000_000;
/// More than any fee of the simulation.
const MAX_FEE: u64 = 1_000_000;
/// More than any account holds: such a payment is refused by name and still pays its fee.
const TOO_MUCH: u64 = 4_000_000_000;

struct Wallet {
    key: SecretKey,
    address: Address,
    owner: Owner,
    waiting: Option<(CheckedTransaction, u64)>,
}

/// What happens at one look at the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tick {
    /// A wallet may send something now.
    pub sends: bool,
    /// When to look again, microseconds from now; never when there is nothing more to come.
    pub wait_us: Option<u64>,
}

/// All wallets.
pub struct Traffic {
    random: Random,
    arrivals: Random,
    /// Phases that have begun.
    phase: usize,
    /// Poisson: a transaction comes at the next look.
    is_due: bool,
    /// Bursty: transactions that are left of this burst.
    burst_left: u32,
    keys: Keys,
    genesis: Hash,
    wallets: Vec<Wallet>,
    strangers: u64,
    stakers: Option<Stakers>,
    subjects: Option<Subjects>,
}

impl Traffic {
    /// The wallets of a run.
    pub fn new(random: Random, keys: Keys, genesis: Hash, plan: &Plan) -> Self {
        let stakers = Stakers::of(plan, keys);
        let wallet =
            |key: SecretKey, owner| Wallet { address: Address::of_key(&key.public_key()), key, owner, waiting: None };
        let subjects = Subjects::of(plan, keys, genesis);
        let has_wallets = stakers.is_some() || subjects.is_some();
        let validators = if has_wallets { trusted(plan) } else { Vec::new() };
        let validators = validators.into_iter().map(|node| wallet(keys.validator(node), Owner::Validator(node)));
        let wallets =
            (0..ACCOUNTS).map(|number| wallet(keys.account(number), Owner::Account(number))).chain(validators);
        let wallets: Vec<Wallet> = wallets.collect();
        let arrivals = random.fork("arrivals");
        let (phase, is_due, burst_left) = (0, false, 0);
        Self { random, arrivals, phase, is_due, burst_left, keys, genesis, wallets, strangers: 0, stakers, subjects }
    }

    /// Whether a wallet may send something now, and when to ask again.
    pub fn tick(&mut self, now_us: u64, plan: &Plan) -> Tick {
        let phase = plan.phases.partition_point(|phase| phase.from_ms.saturating_mul(MS) <= now_us);
        let pattern = match phase.checked_sub(1).and_then(|index| plan.phases.get(index)) {
            Some(phase) => phase.traffic,
            None => Pattern::Steady { per_second: plan.traffic_per_second },
        };
        if phase != self.phase {
            (self.phase, self.is_due, self.burst_left) = (phase, false, 0);
        }
        let (sends, wait_us) = self.pattern(pattern);
        // The next phase starts on time, whatever this one waits for.
        let next_us = plan.phases.get(phase).map(|next| next.from_ms.saturating_mul(MS).saturating_sub(now_us));
        let wait_us = match (wait_us, next_us) {
            (Some(wait_us), Some(next_us)) => Some(wait_us.min(next_us)),
            (wait_us, next_us) => wait_us.or(next_us),
        };
        Tick { sends, wait_us }
    }

    fn pattern(&mut self, pattern: Pattern) -> (bool, Option<u64>) {
        match pattern {
            Pattern::Idle | Pattern::Steady { per_second: 0 } | Pattern::Poisson { per_second: 0 } => (false, None),
            Pattern::Steady { per_second } => (true, Some(SECOND_US / u64::from(per_second))),
            Pattern::Poisson { per_second } => {
                // In each millisecond a transaction comes by chance; the wait counts the milliseconds without one.
                let (sends, per_ms) = (self.is_due, per_second.saturating_mul(PPM / 1_000));
                let mut wait_ms = 1;
                self.is_due = self.arrivals.chance(per_ms);
                while !self.is_due && wait_ms < WAIT_MS_MAX {
                    wait_ms += 1;
                    self.is_due = self.arrivals.chance(per_ms);
                }
                (sends, Some(wait_ms * MS))
            }
            Pattern::Bursty { burst: 0, .. } => (false, None),
            Pattern::Bursty { burst, every_ms } => {
                let left = if self.burst_left == 0 { burst } else { self.burst_left };
                self.burst_left = left - 1;
                let rest_ms = every_ms.saturating_sub(u64::from(burst - 1)).max(1);
                (true, Some(if self.burst_left == 0 { rest_ms * MS } else { MS }))
            }
        }
    }

    /// What one wallet sends now, if anything.
    pub fn next(&mut self, now_us: u64, judge: &mut Judge) -> Option<CheckedTransaction> {
        let index = self.random.index(self.wallets.len());
        if let Some((waiting, sent_us)) = &self.wallets[index].waiting {
            let in_chain = judge.place(&waiting.id()).is_some();
            let body = &waiting.transaction().body;
            let is_void = judge.height() >= body.valid_until || judge.nonce(&body.payer) > body.nonce.get();
            if !in_chain && !is_void {
                let again = now_us >= sent_us.saturating_add(RESEND_US);
                let waiting = again.then(|| waiting.clone());
                if let Some(waiting) = &waiting {
                    self.wallets[index].waiting = Some((waiting.clone(), now_us));
                }
                return waiting;
            }
            self.wallets[index].waiting = None;
        }
        let checked = self.sign(index, judge)?;
        judge.issued(checked.id());
        self.wallets[index].waiting = Some((checked.clone(), now_us));
        Some(checked)
    }

    fn sign(&mut self, index: usize, judge: &Judge) -> Option<CheckedTransaction> {
        let (owner, address) = (self.wallets[index].owner, self.wallets[index].address);
        let (chain, height) = ((self.keys, self.genesis), judge.height());
        let about_lottery = match owner {
            Owner::Validator(node) if judge.lottery().is_on() => {
                let known = (judge.lottery(), judge.registry());
                candidates::action((node, address), known, height, chain, &mut self.random)
            }
            _ => None,
        };
        let about_identities = self
            .subjects
            .as_ref()
            .filter(|_| about_lottery.is_none())
            .and_then(|subjects| subjects.action((owner, address), judge.registry(), height, &mut self.random));
        let before = about_lottery.or(about_identities);
        let stakers = self.stakers.as_ref().filter(|_| before.is_none());
        let about_stake =
            stakers.and_then(|stakers| stakers.action((owner, address), judge.stakes(), chain, &mut self.random));
        let action = before.or(about_stake).unwrap_or_else(|| self.action());
        let wallet = &self.wallets[index];
        let body = TransactionBody {
            version: FormatVersion,
            payer: wallet.address,
            nonce: Nonce::new(judge.nonce(&wallet.address))?,
            lane: action.lane(),
            tip: Amount::new(self.random.below(50))?,
            max_fee: Amount::new(MAX_FEE)?,
            valid_until: Height(height.0.saturating_add(self.random.between(3, 60))),
            action,
        };
        let transaction = Arc::new(body.sign(&wallet.key, &self.genesis));
        CheckedTransaction::check(transaction, &self.genesis).ok()
    }

    fn action(&mut self) -> Action {
        let payments = if self.random.chance(PPM / 5) { self.random.between(1, 4) } else { 0 };
        if payments == 0 {
            let payment = self.payment();
            return Action::Transfer(Transfer { to: payment.to, amount: payment.amount, memo: Memo::default() });
        }
        let payments: Vec<Payment> = (0..payments).map(|_| self.payment()).collect();
        let payments = BoundedVec::new(payments).expect("a batch of four is below the bound");
        Action::BatchTransfer(BatchTransfer { payments })
    }

    fn payment(&mut self) -> Payment {
        let to = if self.random.chance(PPM / 8) {
            self.strangers += 1;
            self.keys.stranger(self.strangers)
        } else {
            self.wallets[self.random.index(self.wallets.len())].address
        };
        let micro = if self.random.chance(PPM / 20) { TOO_MUCH } else { self.random.between(1, 10_000) };
        Payment { to, amount: Amount::new(micro).expect("below 2^63") }
    }
}
