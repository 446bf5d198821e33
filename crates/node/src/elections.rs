//! What finalized blocks say about lotteries, online time, rewards, slashing and evidence, counted once for each block.
//!
//! Model: called by the replica's observer for every finalized block, in order, so nothing is missed. Metrics and
//! `vrf_metrics` of `/status/node` read the same counts. They begin with the process; what must outlive it is in the
//! state (`GET /consensus/vrf/threshold`) and in the audit files.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use primitives::actions::{LotteryEvent, TimetokeEvent};
use primitives::{Action, Event, Outcome};
use replica::FinalizedBlock;
use telemetry::areas::Standing;

/// Counts of lotteries since the process started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ElectionCounts {
    /// Submissions in blocks.
    pub submissions: u64,
    /// Submissions that gave a ticket.
    pub tickets: u64,
    /// Submissions that gave none, by outcome.
    pub rejected: BTreeMap<&'static str, u64>,
    /// Candidates that were admitted.
    pub accepted: u64,
    /// Of these, to seats that tickets had left.
    pub fallback: u64,
}

/// The counts of one process.
#[derive(Debug)]
pub struct Elections {
    metrics: Standing,
    counts: Mutex<ElectionCounts>,
}

/// What one block holds of each kind.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ProofCounts {
    /// Heartbeats that counted.
    pub uptime: u64,
    /// Precommits for the block before.
    pub consensus: u64,
}

/// Counts the uptime and consensus proofs of a block.
pub fn proofs(block: &FinalizedBlock) -> ProofCounts {
    let accepted = |event: &&Event| matches!(event, Event::Timetoke(TimetokeEvent::HeartbeatAccepted { .. }));
    let uptime = block.receipts.iter().flat_map(|receipt| receipt.events.iter()).filter(accepted).count();
    let consensus = block.block.last_commit.as_ref().map_or(0, |commit| commit.signatures.len());
    let wide = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    ProofCounts { uptime: wide(uptime), consensus: wide(consensus) }
}

impl Elections {
    /// Nothing counted yet.
    pub fn new(metrics: Standing) -> Self {
        Self { metrics, counts: Mutex::default() }
    }

    /// What was counted so far.
    pub fn counts(&self) -> ElectionCounts {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Counts a block.
    pub fn observe(&self, block: &FinalizedBlock) {
        let proofs = proofs(block);
        self.metrics.uptime_proofs.set(proofs.uptime);
        self.metrics.uptime_proofs_sum.add(proofs.uptime);
        self.metrics.consensus_proofs.set(proofs.consensus);
        self.metrics.consensus_proofs_sum.add(proofs.consensus);
        self.rewards(block);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        for (transaction, receipt) in block.block.transactions.iter().zip(&block.receipts) {
            if matches!(transaction.body.action, Action::Lottery(_)) {
                self.submission(&mut counts, receipt.outcome);
            }
        }
        let mut slashes = 0;
        let events = block.receipts.iter().flat_map(|receipt| receipt.events.iter()).chain(&block.events);
        for event in events {
            match event {
                Event::Lottery(LotteryEvent::Admitted { fallback, .. }) => {
                    counts.accepted = counts.accepted.saturating_add(1);
                    counts.fallback = counts.fallback.saturating_add(u64::from(*fallback));
                    self.metrics.vrf_accepted.inc();
                    self.metrics.vrf_fallback.add(u64::from(*fallback));
                }
                Event::Slashed { .. } => {
                    slashes = u64::saturating_add(slashes, 1);
                    self.metrics.slashes.inc();
                }
                Event::Jailed { .. } => self.metrics.jailings.inc(),
                _ => {}
            }
        }
        self.metrics.last_slashes.set(slashes);
    }

    /// What the end of an epoch paid; what delegators claim is in receipts and not counted here.
    fn rewards(&self, block: &FinalizedBlock) {
        let paid = block.events.iter().filter_map(|event| match event {
            Event::RewardPaid { amount, .. } => Some(amount.micro()),
            _ => None,
        });
        let (payees, sum) =
            paid.fold((0_u64, 0_u64), |(payees, sum), amount| (payees.saturating_add(1), sum.saturating_add(amount)));
        if payees > 0 {
            self.metrics.rewards_height.set(block.block.header.height.0);
            self.metrics.reward_payees.set(payees);
            self.metrics.rewards_paid.add(sum);
        }
    }

    fn submission(&self, counts: &mut ElectionCounts, outcome: Outcome) {
        counts.submissions = counts.submissions.saturating_add(1);
        self.metrics.vrf_submissions.inc();
        if outcome == Outcome::Success {
            counts.tickets = counts.tickets.saturating_add(1);
            self.metrics.vrf_tickets.inc();
        } else {
            let count = counts.rejected.entry(outcome.name()).or_default();
            *count = count.saturating_add(1);
            self.metrics.vrf_rejections.with([outcome.name()]).inc();
        }
    }
}

/// Tickets for each candidate, parts per million, rounded down; all of them when there was no candidate.
pub fn participation_ppm(submissions: u64, candidates: u64) -> u64 {
    let share = u128::from(submissions).saturating_mul(1_000_000).checked_div(u128::from(candidates));
    share.map_or(1_000_000, |share| u64::try_from(share).unwrap_or(u64::MAX))
}
