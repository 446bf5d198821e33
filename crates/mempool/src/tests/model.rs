//! The mempool against a model that is a plain list, on random histories.
//!
//! The model shares no code with the mempool: it asks the questions of the admission table on the list, and picks
//! each candidate by computing every score at the moment of selection.

use primitives::{Height, Lane, Rejection, Timestamp, TransactionId};
use testkit::Seed;

use super::{BASE_FEE, Chain, Draft, WEIGHT, address, check_invariants, draft, micro, nonce, pool, terms};
use crate::{Admission, DropReason, Included, MempoolConfig, SelectLimits, Terms};

#[derive(Debug, Clone)]
struct Item {
    draft: Draft,
    id: TransactionId,
    admitted_at: u64,
    number: u64,
}

#[derive(Debug)]
struct Model {
    config: MempoolConfig,
    items: Vec<Item>,
    clock: u64,
    admitted: u64,
}

impl Model {
    fn of(&self, payer: u8) -> impl Iterator<Item = &Item> {
        self.items.iter().filter(move |item| item.draft.payer == payer)
    }

    fn has(&self, payer: u8, value: u64) -> bool {
        self.of(payer).any(|item| item.draft.nonce == value)
    }

    fn first_missing(&self, payer: u8, from: u64) -> u64 {
        (from..).find(|value| !self.has(payer, *value)).expect("some nonce is free")
    }

    fn queued(&self, chain: &Chain) -> usize {
        let waits = |item: &&Item| {
            let account = chain.accounts[&address(item.draft.payer)].nonce.get();
            item.draft.nonce > self.first_missing(item.draft.payer, account)
        };
        self.items.iter().filter(waits).count()
    }

    fn admit(&mut self, draft: Draft, terms: &Terms, chain: &Chain) -> Result<Admission, Rejection> {
        let id = draft.id();
        if self.items.iter().any(|item| item.id == id) {
            return Err(Rejection::Duplicate);
        }
        if draft.valid_until < terms.next_height.0 {
            return Err(Rejection::Expired);
        }
        if draft.valid_until > terms.next_height.0 + terms.valid_until_max {
            return Err(Rejection::ValidUntilTooFar);
        }
        let account = chain.accounts.get(&address(draft.payer)).ok_or(Rejection::UnknownPayer)?;
        let (account_nonce, balance) = (account.nonce.get(), account.balance.micro());
        if draft.nonce < account_nonce {
            return Err(Rejection::NonceTooLow);
        }
        let missing = self.first_missing(draft.payer, account_nonce);
        if draft.nonce > missing + self.config.nonce_gap_max {
            return Err(Rejection::NonceTooHigh);
        }
        let fee = BASE_FEE + draft.tip;
        if draft.max_fee < fee {
            return Err(Rejection::FeeTooLow);
        }
        let lower = self.of(draft.payer).filter(|item| item.draft.nonce < draft.nonce);
        if lower.map(|item| BASE_FEE + item.draft.tip).sum::<u64>() + fee > balance {
            return Err(Rejection::BalanceBelowFee);
        }
        let same = |item: &&mut Item| item.draft.payer == draft.payer && item.draft.nonce == draft.nonce;
        if let Some(old) = self.items.iter_mut().find(same) {
            // 10 · new ≥ 11 · old is "at least a tenth more" without any rounding.
            if draft.tip <= old.draft.tip || 10 * draft.tip < 11 * old.draft.tip {
                return Err(Rejection::ReplacementUnderpriced);
            }
            let gone = old.id;
            (old.draft, old.id) = (draft, id);
            return Ok(Admission::Replaced(gone));
        }
        let is_queued = draft.nonce != missing;
        if self.of(draft.payer).count() + usize::from(is_queued) >= self.config.per_sender_limit {
            return Err(Rejection::SenderLimit);
        }
        let gaps_full = is_queued && 4 * self.queued(chain) >= self.config.limit;
        if self.items.len() >= self.config.limit || gaps_full {
            return Err(Rejection::QueueFull);
        }
        self.clock = self.clock.max(terms.now.0);
        self.items.push(Item { draft, id, admitted_at: self.clock, number: self.admitted });
        self.admitted += 1;
        Ok(if is_queued { Admission::Queued } else { Admission::Pending })
    }

    fn score(&self, item: &Item, now: u64) -> u64 {
        let points = (item.draft.tip * 1_000 / WEIGHT).min(60_000);
        u64::from(self.config.priority_weight_ppm) * (now - item.admitted_at)
            + u64::from(self.config.fee_weight_ppm) * points
    }

    fn select(&self, chain: &Chain, most: usize, now: u64) -> Vec<Item> {
        let mut next: Vec<(u8, u64)> =
            (0..PAYERS).map(|payer| (payer, chain.accounts[&address(payer)].nonce.get())).collect();
        let mut taken = Vec::new();
        while taken.len() < most {
            let heads = self.items.iter().filter(|item| next.contains(&(item.draft.payer, item.draft.nonce)));
            let best = heads.max_by_key(|item| (self.score(item, now), u64::MAX - item.number));
            let Some(best) = best else { break };
            next[usize::from(best.draft.payer)].1 += 1;
            taken.push(best.clone());
        }
        taken
    }

    /// Applies a block whose effect on accounts is already in `chain`; returns who was dropped and why, sorted.
    fn commit(&mut self, block: &[Item], chain: &Chain, next_height: u64) -> Vec<(TransactionId, DropReason)> {
        let mut dropped = Vec::new();
        let mut kept = Vec::new();
        self.items.sort_by_key(|item| item.draft.nonce);
        for payer in 0..PAYERS {
            let account = chain.accounts[&address(payer)];
            let touched = block.iter().any(|item| item.draft.payer == payer);
            let mut cost = 0;
            for item in self.of(payer) {
                let is_used = item.draft.nonce < account.nonce.get();
                cost += if is_used { 0 } else { BASE_FEE + item.draft.tip };
                if touched && is_used {
                    if !block.iter().any(|included| included.id == item.id) {
                        dropped.push((item.id, DropReason::NonceUsed));
                    }
                } else if touched && cost > account.balance.micro() {
                    dropped.push((item.id, DropReason::BalanceBelowFee));
                } else if item.draft.valid_until < next_height {
                    dropped.push((item.id, DropReason::Expired));
                } else {
                    kept.push(item.clone());
                }
            }
        }
        self.items = kept;
        dropped.sort_unstable();
        dropped
    }
}

const PAYERS: u8 = 5;

/// A random transaction that is valid in most respects most of the time.
fn random_draft(seed: &mut Seed, chain: &Chain, next_height: u64) -> Draft {
    let payer = if seed.chance(2) { PAYERS + 1 } else { u8::try_from(seed.below(u64::from(PAYERS))).unwrap() };
    let account = chain.accounts.get(&address(payer)).map_or(0, |account| account.nonce.get());
    let value = (account + seed.below(7)).saturating_sub(u64::from(seed.chance(10)));
    let tip = *seed.pick(&[0, 0, 1, 9, 10, 11, 100, 110, 5_000, 7_000]);
    let valid_until = if seed.chance(3) { seed.below(3_000) } else { next_height + seed.below(6) };
    let draft = draft(payer, value).tip(tip).valid_until(valid_until).amount(1 + seed.below(2));
    let lane = if seed.chance(30) { Lane::Industrial } else { Lane::Consumer };
    draft.lane(lane).max_fee(if seed.chance(5) { BASE_FEE } else { 50_000 })
}

/// One history: random submissions and blocks on the mempool and the model side by side.
fn run(seed: &mut Seed, steps: usize) -> Vec<&'static str> {
    let fee_weight = *seed.pick(&[0, 300_000, 400_000, 1_000_000]);
    let config = MempoolConfig {
        limit: 4 + seed.index(12),
        priority_weight_ppm: 1_000_000 - fee_weight,
        fee_weight_ppm: fee_weight,
        per_sender_limit: 1 + seed.index(5),
        nonce_gap_max: seed.below(5),
    };
    let mut pool = pool(config);
    let mut model = Model { config, items: Vec::new(), clock: 0, admitted: 0 };
    let mut chain = Chain::with(PAYERS);
    chain.set(0, 0, 5 * BASE_FEE);
    let (mut now, mut next_height) = (1_000, 1);
    let mut seen = Vec::new();
    for _ in 0..steps {
        now = (now + seed.below(3) * 40).saturating_sub(if seed.chance(5) { 30 } else { 0 });
        if seed.chance(85) {
            let draft = random_draft(seed, &chain, next_height);
            let terms = Terms { next_height: Height(next_height), ..terms(now) };
            let expected = model.admit(draft, &terms, &chain);
            assert_eq!(pool.admit(draft.checked(), &terms, &chain), expected, "{draft:?}");
            seen.push(expected.err().map_or("admitted", Rejection::code));
        } else {
            next_height += 1;
            let dropped = commit_block(seed, &mut pool, &mut model, &mut chain, next_height);
            seen.extend(dropped.into_iter().map(|(_, reason)| reason.name()));
        }
        check_invariants(&pool);
        assert_eq!(pool.len(), model.items.len());
        let order = |items: Vec<Item>| -> Vec<TransactionId> { items.into_iter().map(|item| item.id).collect() };
        let most = seed.index(20);
        let limits = SelectLimits { transactions: most, bytes: usize::MAX };
        let selected: Vec<TransactionId> = pool.select(limits).map(|candidate| candidate.id).collect();
        assert_eq!(selected, order(model.select(&chain, most, now + 10_000)));
        assert_eq!(pool.status(Timestamp(now)).transactions.size, model.items.len());
    }
    seen
}

/// Includes a random prefix of the order, sometimes with a rival in the place of a waiting transaction.
fn commit_block(
    seed: &mut Seed,
    pool: &mut crate::Mempool,
    model: &mut Model,
    chain: &mut Chain,
    next_height: u64,
) -> Vec<(TransactionId, DropReason)> {
    let mut block = model.select(chain, seed.index(6), 1_000_000);
    for item in &mut block {
        if seed.chance(10) {
            item.draft = item.draft.amount(77);
            item.id = item.draft.id();
        }
        let account = chain.accounts.get_mut(&address(item.draft.payer)).expect("its payer has an account");
        account.nonce = nonce(item.draft.nonce + 1);
        let spent = if seed.chance(10) { account.balance.micro() / 2 } else { BASE_FEE + item.draft.tip };
        account.balance = micro(account.balance.micro().saturating_sub(spent));
    }
    let included: Vec<Included> = block.iter().map(|item| Included::of(&item.draft.signed())).collect();
    let dropped = pool.committed(&included, chain, Height(next_height));
    let mut dropped: Vec<_> = dropped.into_iter().map(|dropped| (dropped.id, dropped.reason)).collect();
    dropped.sort_unstable();
    assert_eq!(dropped, model.commit(&block, chain, next_height));
    dropped
}

/// The answers that `histories` give, each once, in order.
fn answers(seed: &mut Seed, histories: usize) -> Vec<&'static str> {
    let mut seen: Vec<&'static str> = (0..histories).flat_map(|_| run(seed, 120)).collect();
    seen.sort_unstable();
    seen.dedup();
    seen
}

#[test]
fn the_mempool_does_what_a_plain_list_does() {
    answers(&mut Seed::new(), 30);
}

/// The histories must reach every answer, or the comparison says little. A fixed seed: by chance a random one may not.
#[test]
fn the_histories_reach_every_answer() {
    let expected = [
        "admitted",
        "balance_below_fee",
        "duplicate",
        "expired",
        "fee_too_low",
        "nonce_too_high",
        "nonce_too_low",
        "nonce_used",
        "queue_full",
        "replacement_underpriced",
        "sender_limit",
        "unknown_payer",
        "valid_until_too_far",
    ];
    assert_eq!(answers(&mut Seed::of(4), 40), expected);
}
