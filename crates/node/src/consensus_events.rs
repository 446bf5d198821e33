//! Consensus events and finalized blocks become metrics, and peers learn our height.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use consensus::{ConsensusEvent, EquivocationKind};
use primitives::{Address, Height, Stage, Timestamp, TransactionId};
use replica::FinalizedBlock;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::clock;
use crate::exports::HeightTrace;
use crate::ready;
use crate::shared::Shared;
use crate::silence::Silence;
use crate::stages::Notice;

/// When the present round and its proposal began, to time what follows, and who has not signed for how long.
#[derive(Default)]
struct Marks {
    height_started: Option<Instant>,
    round_started: Option<Instant>,
    proposal_known: Option<Instant>,
    proposer: Option<Address>,
    silence: Silence,
    trace: HeightTrace,
}

/// Follows the engine until it is gone.
pub async fn follow_engine(shared: Arc<Shared>, mut events: broadcast::Receiver<ConsensusEvent>) {
    let mut marks = Marks::default();
    loop {
        match events.recv().await {
            Ok(event) => observe(&shared, &mut marks, event),
            Err(RecvError::Lagged(_)) => marks = Marks::default(),
            Err(RecvError::Closed) => return,
        }
    }
}

fn observe(shared: &Shared, marks: &mut Marks, event: ConsensusEvent) {
    let metrics = &shared.metrics.consensus;
    let now = Instant::now();
    match event {
        ConsensusEvent::RoundStarted { height, round, proposer } => {
            metrics.round.set(u64::from(round.0));
            if round.0 == 0 {
                marks.height_started = Some(now);
            } else {
                metrics.failed_rounds.inc();
                tracing::warn!(%height, %round, %proposer, "the round before ended without a decision");
            }
            if marks.proposer.replace(proposer).is_some_and(|before| before != proposer) {
                shared.metrics.pipeline.proposer_changes.inc();
            }
            end_round(shared, marks, now);
            marks.trace.round(shared, height, round, proposer);
            marks.round_started = Some(now);
            marks.proposal_known = None;
        }
        ConsensusEvent::ProposalReceived { valid, height, round, block } => {
            metrics.proposals.with([if valid { "valid" } else { "invalid" }]).inc();
            tracing::debug!(%height, %round, %block, valid, "proposal judged");
            marks.trace.proposal();
            marks.proposal_known = Some(now);
        }
        ConsensusEvent::Proposed { height, round, block } => {
            metrics.built_blocks.inc();
            tracing::debug!(%height, %round, %block, "block built and offered");
            marks.trace.proposal();
            marks.proposal_known = Some(now);
        }
        ConsensusEvent::Decided { power, total_power, missing, fetched, .. } => {
            let live_heights = shared.live_heights.load(Ordering::Relaxed);
            shared.live_heights.store(if fetched { 0 } else { live_heights.saturating_add(1) }, Ordering::Relaxed);
            if let Some(known) = marks.proposal_known {
                metrics.quorum_delay.observe(now.duration_since(known));
            }
            metrics.missed_validators.set_len(missing.len());
            metrics.silent_validators.set_len(marks.silence.after(&missing));
            metrics.missed_power.set(total_power.saturating_sub(power));
            metrics.missed_precommits.add(u64::try_from(missing.len()).unwrap_or(u64::MAX));
            let ppm = u128::from(power) * 1_000_000 / u128::from(total_power.max(1));
            metrics.certificate_power.set(u64::try_from(ppm).unwrap_or(0));
        }
        ConsensusEvent::Finalized { height, .. } => {
            marks.trace.finalized(shared, height);
            end_round(shared, marks, now);
            if let Some(started) = marks.height_started.take() {
                metrics.finality.observe(now.duration_since(started));
            }
        }
        ConsensusEvent::Equivocation { height, validator, kind, evidence } => {
            let kind = match kind {
                EquivocationKind::Vote => "vote",
                EquivocationKind::Proposal => "proposal",
            };
            metrics.equivocations.with([kind]).inc();
            tracing::error!(%height, %validator, kind, "a validator signed two different messages for one step");
            if let (Some(reporter), Some(evidence)) = (&shared.reporter, evidence) {
                reporter.found(shared, *evidence);
            }
        }
        ConsensusEvent::Stopped(reason) => tracing::info!(?reason, "consensus stopped"),
    }
}

fn end_round(shared: &Shared, marks: &mut Marks, now: Instant) {
    if let Some(started) = marks.round_started.take() {
        shared.metrics.consensus.round_duration.observe(now.duration_since(started));
    }
}

/// Follows finalized blocks until the node stops.
pub async fn follow_blocks(shared: Arc<Shared>, mut notices: broadcast::Receiver<Notice>) {
    let mut previous: Option<(Height, Timestamp)> = None;
    loop {
        match notices.recv().await {
            Ok(Notice::Finalized(block)) => {
                finalized(&shared, &block, &mut previous);
                crate::telemetry_record::record(&shared, &block);
                crate::evidence::after_block(&shared, &block);
                if let Some(duties) = &shared.duties {
                    duties.perform(&shared);
                }
                shared.meta.after_block(&shared);
            }
            Ok(Notice::Moved(_)) => {}
            Err(RecvError::Lagged(_)) => previous = None,
            Err(RecvError::Closed) => return,
        }
    }
}

fn finalized(shared: &Shared, block: &FinalizedBlock, previous: &mut Option<(Height, Timestamp)>) {
    let metrics = &shared.metrics.consensus;
    let header = &block.block.header;
    let now = clock::now();
    shared.finalized_at.store(now.0, Ordering::Relaxed);
    let is_newest = ready::behind(shared, header.height.0) == 0;
    if is_newest {
        shared.starting.store(false, Ordering::Relaxed);
    }
    // More than two thirds of the power took this time for right when the block was new. An older one that was fetched shows
    // a clock that is behind, and none that is ahead.
    if is_newest || header.time > now {
        metrics.clock_offset.set_ahead(Duration::from_millis(now.0), Duration::from_millis(header.time.0));
    }
    if let Some(p2p) = shared.p2p.get() {
        p2p.set_height(header.height);
    }
    metrics.finalized_height.set(header.height.0);
    metrics.block_transactions.observe_count(u64::try_from(block.transactions.len()).unwrap_or(u64::MAX));
    metrics.block_size.observe_count(u64::try_from(block.bytes).unwrap_or(u64::MAX));
    metrics.last_transactions.set_len(block.transactions.len());
    metrics.last_size.set_len(block.bytes);
    metrics.finalized_transactions.add_len(block.transactions.len());
    for receipt in &block.receipts {
        metrics.transactions.with([receipt.outcome.name()]).inc();
    }
    if let Some((height, time)) = previous.replace((header.height, header.time))
        && height.next() == header.height
    {
        metrics.block_interval.observe(Duration::from_millis(header.time.since(time)));
    }
    time_stages(shared, header.height, &block.transactions);
    tracing::info!(
        height = %header.height,
        round = %block.round,
        transactions = block.transactions.len(),
        bytes = block.bytes,
        hash = %block.hash,
        "finalized"
    );
}

/// How long the transactions of a finalized block took to each stage. The cells are looked up once for the block.
fn time_stages(shared: &Shared, height: Height, transactions: &[TransactionId]) {
    let timed = [Stage::Admitted, Stage::Proposed, Stage::Decided, Stage::Finalized];
    let timed = timed.map(|stage| (stage, shared.metrics.mempool.stage.with([stage.name()])));
    let ways = shared.stages.get_all(transactions);
    for (id, progress) in &ways {
        crate::exports::transaction(id, progress, Some(height));
        let Some(received) = progress.at(Stage::Received) else { continue };
        for (stage, cell) in &timed {
            if let Some(at) = progress.at(*stage) {
                cell.observe(Duration::from_millis(at.since(received)));
            }
        }
    }
    shared.stages.pipeline.finalized(height, ways);
}
