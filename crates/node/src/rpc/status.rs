//! What the node says about itself: chain, queues, consensus, limits.

use std::collections::BTreeMap;
use std::sync::Arc;

use consensus::StepName;
use primitives::{Address, Height, ValidatorSet};
use replica::Application;
use rpc::ApiError;
use rpc::limits::QUEUE_VIEW_MAX;
use rpc::types::{
    BaseFees, ConsensusStatus, GateStatus, LaneStatus, LaneStatuses, Limits, MempoolStatus, NodeStatus, QueueStatus,
    QueueWeights, Step, ValidatorStatus,
};
use telemetry::health::stall_limit_ms;

use super::server::{Server, lock};
use super::{auth, blocks, errors, health, proving};
use crate::shared::Engine;
use crate::{clock, ready, rollout};

/// Most heights that are looked at for what validators missed; an epoch that is longer counts its last ones.
pub const PARTICIPATION_HEIGHTS_MAX: u64 = 2_048;

fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// `/status/node`.
///
/// # Errors
/// `not_ready` when the chain has a fault.
pub fn node(server: &Server) -> Result<NodeStatus, ApiError> {
    let shared = &server.shared;
    let chain = shared.chain().map_err(|fault| errors::of_fault(&fault))?;
    let head = chain.head().clone();
    let (supply, next_slot) = chain.supply();
    let prices = chain.prices();
    let oldest_height = chain.oldest();
    drop(chain);
    let prices = prices.map_err(|fault| errors::of_fault(&fault))?;
    let [consumer, industrial, reserved] = prices.base_fees;
    let readiness = health::ready(server);
    let peers = shared.p2p.get().map_or(0, |p2p| p2p.peers().len());
    let params = &shared.genesis.params;
    Ok(NodeStatus {
        chain_id: shared.genesis.chain_id.clone(),
        genesis_hash: shared.genesis_hash,
        engine: shared.genesis.engine,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        release_channel: shared.config.release_channel.as_str().to_owned(),
        role: ready::role(shared).name().to_owned(),
        node_key: Some(shared.meta.public_key()),
        validator: shared.validator,
        finalized_height: head.height,
        finalized_hash: head.hash,
        finalized_time_ms: head.time,
        proven_height: Some(crate::proofs::proven_height(shared)).filter(|height| *height > Height::GENESIS),
        chain_proven_height: head.header.as_ref().and_then(|header| header.last_proof).map(|mark| mark.height),
        proof_system: shared.genesis.proof_system.name().to_owned(),
        oldest_height,
        syncing: readiness.reasons.iter().any(|reason| reason.code == "syncing"),
        peers: u32::try_from(peers).unwrap_or(u32::MAX),
        base_fees: BaseFees { consumer, industrial, reserved },
        open_fee: prices.open_fee,
        next_slot,
        supply,
        epoch_blocks: params.epoch_blocks,
        block_interval_ms: params.block_interval_ms,
        readiness,
        gates: gates(server, head.height),
        vrf_metrics: super::lottery::metrics(server)?,
        verifier_metrics: proving::verifier_metrics(server),
        backend_health: proving::backend_health(server),
        proof_families: proving::families(),
    })
}

fn gates(server: &Server, height: Height) -> Vec<GateStatus> {
    let states = server.shared.config.gates.at(&server.shared.genesis, height);
    states.iter().map(rollout::view).collect()
}

/// `/status/limits`.
pub fn limits(server: &Server) -> Limits {
    let params = &server.shared.genesis.params;
    let mempool_limit = wide(server.shared.mempool.borrow().limit);
    let limits = Limits::new(params.valid_until_max, mempool_limit, params.block_transactions_max);
    let submission_bytes_max = wide(server.submission_bytes_max());
    let rates = auth::rates(&server.shared.rate_limit.borrow());
    let limits = limits.with_rates(rates);
    let (request_bytes_max, streams_max) = (wide(server.body_bytes_max()), wide(server.streams_max()));
    Limits { request_bytes_max, submission_bytes_max, streams_max, ..limits }
}

/// `/status/mempool`.
///
/// # Errors
/// `not_ready` when the chain has a fault, `overloaded`.
pub async fn mempool(server: &Arc<Server>) -> Result<MempoolStatus, ApiError> {
    let votes = match server.shared.engine.get() {
        Some(Engine::Bft(engine)) => Some(engine.status().await.vote_queue),
        // A solo chain has no votes to wait for.
        Some(Engine::Solo(_)) | None => None,
    };
    let limit = wide(server.shared.mempool.borrow().limit);
    let waiting = votes.map_or(0, |votes| votes.waiting);
    // What the engine holds are messages, counted at the door; it does not list them.
    let votes = QueueStatus {
        size: waiting,
        limit: votes.map_or(limit, |votes| votes.limit),
        truncated: waiting > 0,
        ..QueueStatus::default()
    };
    server.read(move |server| transactions_waiting(server, votes)).await
}

fn transactions_waiting(server: &Server, votes: QueueStatus) -> Result<MempoolStatus, ApiError> {
    let now = clock::now();
    let chain = server.shared.chain().map_err(|fault| errors::of_fault(&fault))?;
    let status = chain.mempool().status(now);
    let listed = chain.mempool().list(now, QUEUE_VIEW_MAX);
    drop(chain);
    let (identities, others): (Vec<_>, Vec<_>) = listed.into_iter().partition(|entry| entry.is_identity);
    let queue = |queue: mempool::QueueStatus, listed: &[mempool::Waiting]| {
        QueueStatus::of(wide(queue.size), wide(queue.limit), listed.iter().map(|entry| (&entry.id, &entry.payer)))
    };
    let [consumer, industrial, reserved] = status.lanes.map(|lane| LaneStatus {
        pending: wide(lane.pending),
        queued: wide(lane.queued),
        oldest_age_ms: lane.oldest_age_ms,
    });
    Ok(MempoolStatus {
        transactions: queue(status.transactions, &others),
        identities: queue(status.identities, &identities),
        votes,
        lanes: LaneStatuses { consumer, industrial, reserved },
        bytes: wide(status.bytes),
        queue_weights: QueueWeights { priority_ppm: status.priority_weight_ppm, fee_ppm: status.fee_weight_ppm },
    })
}

/// `/status/consensus`.
///
/// # Errors
/// `not_ready` when the chain has a fault, `overloaded`, or a failed read.
pub async fn consensus(server: &Arc<Server>) -> Result<ConsensusStatus, ApiError> {
    let running = match server.shared.engine.get() {
        Some(Engine::Bft(engine)) => Some(engine.status().await),
        // The solo engine has no rounds to watch: a block is made at once or not yet begun.
        Some(Engine::Solo(_)) | None => None,
    };
    server.read(move |server| consensus_now(server, running)).await
}

fn consensus_now(server: &Server, running: Option<consensus::Status>) -> Result<ConsensusStatus, ApiError> {
    let shared = &server.shared;
    let chain = shared.chain().map_err(|fault| errors::of_fault(&fault))?;
    let (head, set) = (chain.head().clone(), chain.validators());
    drop(chain);
    let set = set.map_err(|fault| errors::of_fault(&fault))?;
    let total_power = set.total_power();
    let solo = running.is_none().then(|| set.validators().first().map(|only| only.address)).flatten();
    let parent = head.height.previous().filter(|parent| *parent > Height::GENESIS);
    let parent_time = parent.map(|parent| blocks::time(server, parent)).transpose()?;
    let age_ms = shared.finalized_age_ms();
    Ok(ConsensusStatus {
        engine: shared.genesis.engine,
        height: running.as_ref().map_or(head.height.next(), |running| running.height),
        round: running.as_ref().and_then(|running| running.round),
        step: running.as_ref().map_or(Step::Unstarted, |running| step(running.step)),
        proposer: running.as_ref().map_or(solo, |running| running.proposer),
        last_rounds: head.certificate.as_ref().map_or(0, |certificate| certificate.round.0.saturating_add(1)),
        last_interval_ms: parent_time.map(|parent| head.time.since(parent)),
        since_last_block_ms: age_ms,
        stalled: age_ms > stall_limit_ms(shared.genesis.params.block_interval_ms),
        total_power,
        // More than two thirds: 3 · power > 2 · total, without leaving 64 bits.
        quorum_power: total_power - total_power.div_ceil(3) + 1,
        validators: participation(server, &set, head.height)?,
    })
}

const fn step(step: StepName) -> Step {
    match step {
        StepName::Unstarted => Step::Unstarted,
        StepName::Propose => Step::Propose,
        StepName::Prevote => Step::Prevote,
        StepName::Precommit => Step::Precommit,
        StepName::Commit => Step::Commit,
    }
}

/// Who signed the certificates of the present epoch, as far as they were counted.
#[derive(Default)]
pub struct Participation {
    /// The epoch's first height that is counted.
    first: Height,
    /// The next height to count.
    next: Height,
    /// Certificates counted.
    certificates: u64,
    /// Signed certificates and the last of them, by validator.
    signed: BTreeMap<Address, (u64, Height)>,
}

fn participation(server: &Server, set: &ValidatorSet, head: Height) -> Result<Vec<ValidatorStatus>, ApiError> {
    let epoch_blocks = server.shared.genesis.params.epoch_blocks;
    // Epoch e has the heights e·n + 1 to (e + 1)·n; the present one is that of the height being decided.
    let first = Height((head.0 / epoch_blocks).saturating_mul(epoch_blocks).saturating_add(1));
    let mut counted = lock(&server.participation);
    if counted.first != first || head.0.saturating_sub(counted.next.0) > PARTICIPATION_HEIGHTS_MAX {
        let recent = Height(head.0.saturating_add(1).saturating_sub(PARTICIPATION_HEIGHTS_MAX));
        *counted = Participation { first, next: first.max(recent), ..Participation::default() };
    }
    while counted.next <= head {
        let height = counted.next;
        if let Some(certificate) = blocks::certificate(server, height)? {
            counted.certificates += 1;
            for entry in certificate.signatures.iter() {
                let (times, last) = counted.signed.entry(entry.address).or_default();
                *times += 1;
                *last = height;
            }
        }
        counted.next = height.next();
    }
    let status = |validator: &primitives::Validator| {
        let signed = counted.signed.get(&validator.address);
        ValidatorStatus {
            address: validator.address,
            power: validator.power,
            missed_blocks: counted.certificates.saturating_sub(signed.map_or(0, |(times, _)| *times)),
            last_signed_height: signed.map(|(_, last)| *last),
        }
    };
    Ok(set.validators().iter().map(status).collect())
}
