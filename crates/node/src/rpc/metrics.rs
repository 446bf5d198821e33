//! `/metrics`: what changes by itself is sampled when somebody asks; the rest was counted where it happened.
//!
//! The text of the consensus engine's own registry is joined to ours.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::HeaderValue;
use axum::response::Response;
use p2p::{Counters, DropReason, HandshakeFailure, Provider};
use primitives::{Height, Lane, Timestamp};
use rpc::ApiError;
use rpc::types::AuditStream;
use tokio::sync::watch;

use super::server::{Server, lock};
use super::{blocks, errors, health};
use crate::shared::{Engine, Shared};
use crate::{clock, ready};

/// The sizes of the store are read at most this often: it walks over all files.
pub const SIZES_EVERY: Duration = Duration::from_secs(5);

/// When the sizes of the store were last read.
pub type CachedSizes = Option<Instant>;

/// The text of all metrics.
///
/// # Errors
/// `overloaded`, or `internal`.
pub async fn reply(server: &Arc<Server>) -> Result<Response, ApiError> {
    // Nobody counts these requests, so a flood of them is worth one at a time; the others wait within their time limit.
    let _turn = server.scraped.lock().await;
    let text = text(server).await?;
    Ok(errors::reply(200, HeaderValue::from_static(telemetry::CONTENT_TYPE), text))
}

/// The same, for whoever sends it on.
///
/// # Errors
/// `overloaded`, or `internal`.
pub async fn text(server: &Arc<Server>) -> Result<String, ApiError> {
    let engine = match server.shared.engine.get() {
        Some(Engine::Bft(engine)) => Some(engine.status().await),
        Some(Engine::Solo(_)) | None => None,
    };
    server
        .read(move |server| {
            sample(server, engine.as_ref());
            let others = if engine.is_some() { vec![::consensus::export_metrics()] } else { Vec::new() };
            Ok(server.shared.metrics.render_with(&others))
        })
        .await
}

/// What exporters of metrics ask for: the text of a server that answers nobody.
pub fn scrape(shared: &Arc<Shared>, stop: watch::Receiver<bool>) -> telemetry::otlp::Scrape {
    let server = Arc::new(Server::new(Arc::clone(shared), shared.config.rpc.listen, stop));
    Arc::new(move || {
        let server = Arc::clone(&server);
        Box::pin(async move { text(&server).await.ok() })
    })
}

fn sample(server: &Server, engine: Option<&consensus::Status>) {
    let shared = &server.shared;
    node(server);
    mempool(shared, engine);
    storage(server);
    for stream in AuditStream::ALL {
        let records = shared.audits.newest(stream, 1).last().map_or(0, |record| record.sequence.saturating_add(1));
        shared.metrics.standing.audit_records.with([stream.name()]).set_total(records);
    }
    if let Some(p2p) = shared.p2p.get() {
        network(shared, &p2p.counters());
    }
    proofs(server);
    let metrics = &shared.metrics.consensus;
    metrics.epoch_blocks.set(shared.genesis.params.epoch_blocks);
    metrics.block_interval_target.set(Duration::from_millis(shared.genesis.params.block_interval_ms));
    if let Some(engine) = engine {
        metrics.guard_refusals.set_total(engine.sign_refusals);
    }
}

fn node(server: &Server) {
    let shared = &server.shared;
    let metrics = &shared.metrics.node;
    let ready = health::ready(server);
    crate::rollout::measure(shared);
    crate::exports::measure(shared);
    metrics.ready.set_bool(ready.ready);
    metrics.syncing.set_bool(ready.reasons.iter().any(|reason| reason.code == "syncing"));
    metrics.uptime.set(Duration::from_millis(clock::now().since(shared.started)));
    metrics.info.set([
        env!("CARGO_PKG_VERSION").to_owned(),
        ready::role(shared).name().to_owned(),
        shared.genesis.chain_id.clone(),
        shared.genesis_hash.to_string(),
    ]);
    if let Some(usage) = telemetry::process::usage() {
        telemetry::process::record(metrics, &usage);
    }
}

fn mempool(shared: &Shared, engine: Option<&consensus::Status>) {
    let now: Timestamp = clock::now();
    // A chain with a fault is about to stop the node; its queues keep their last figures.
    let Ok(chain) = shared.chain() else { return };
    let status = chain.mempool().status(now);
    let validators = chain.validators();
    drop(chain);
    if let Ok(validators) = validators {
        shared.metrics.consensus.validators.set_len(validators.validators().len());
        shared.metrics.consensus.validators_power.set(validators.total_power());
    }
    let metrics = &shared.metrics.mempool;
    metrics.queue_depth.with(["transactions"]).set_len(status.transactions.size);
    metrics.queue_depth.with(["identities"]).set_len(status.identities.size);
    metrics.transactions.set_len(status.transactions.size.saturating_add(status.identities.size));
    metrics.queue_limit.set_len(status.transactions.limit);
    for (lane, status) in Lane::ALL.into_iter().zip(&status.lanes) {
        let name = lane.name();
        metrics.lane_depth.with([name, "pending"]).set_len(status.pending);
        metrics.lane_depth.with([name, "queued"]).set_len(status.queued);
        metrics.oldest_age.with([name]).set(Duration::from_millis(status.oldest_age_ms));
    }
    metrics.senders.set_len(status.senders);
    metrics.size.set_len(status.bytes);
    let votes = engine.map(|engine| engine.vote_queue);
    metrics.queue_depth.with(["votes"]).set(votes.map_or(0, |votes| votes.waiting));
    metrics.votes_rejected.set_total(votes.map_or(0, |votes| votes.rejected));
    metrics.votes_too_far.set_total(votes.map_or(0, |votes| votes.too_far));
}

fn proofs(server: &Server) {
    let (metrics, proofs) = (&server.shared.metrics.proofs, &server.shared.proofs);
    let (head, proven) = (blocks::head(server), crate::proofs::proven_height(&server.shared));
    metrics.proven_height.set(proven.0);
    metrics.lag.set(head.0.saturating_sub(proven.0));
    metrics.kept.set(proofs.windows().saturating_sub(proofs.folded()));
    metrics.chain_height.set(crate::proofs::chain_height(&server.shared).0);
    let closed = head.0 / server.shared.genesis.params.window_blocks;
    metrics.queue_depth.set(closed.saturating_sub(proofs.windows()));
    metrics.healthy.set_bool(proofs.health().failure().is_none());
    // A chain with a fault has no state to read; its other metrics say so.
    if let Ok(chain) = super::provers::status(server) {
        metrics.accepted_height.set(chain.proven_height.0);
        metrics.lag_windows.set(chain.lag_windows);
        metrics.block_weight.set(chain.block_weight_bps);
        metrics.provers.set_len(chain.provers.len());
    }
}

/// Heights and sizes of the store; the sizes at most every [`SIZES_EVERY`].
pub fn storage(server: &Server) {
    let metrics = &server.shared.metrics.storage;
    let head = blocks::head(server);
    metrics.newest_height.set(head.0);
    // Before the first block there is no lowest height.
    metrics.oldest_height.set(head.0.min(server.shared.store.oldest().0));
    crate::upkeep::measure(&server.shared);
    server.shared.snapshots.measure(clock::now());
    let own = server.shared.snapshots.session().map_or(Height::GENESIS, |snapshot| snapshot.height());
    server.shared.sync.measure(&server.shared.metrics.state_sync, own, ready::known(&server.shared));
    let mut read_at = lock(&server.sizes);
    if read_at.is_some_and(|read_at| read_at.elapsed() < SIZES_EVERY) {
        return;
    }
    *read_at = Some(Instant::now());
    drop(read_at);
    match server.shared.store.sizes() {
        Ok(sizes) => metrics.size.set(sizes.total()),
        Err(error) => {
            errors::of_storage(&server.shared, &error);
        }
    }
}

fn network(shared: &Shared, counters: &Counters) {
    let metrics = &shared.metrics.p2p;
    for provider in Provider::ALL {
        let name = provider.name();
        metrics.handshake_attempts.with([name]).set_total(counters.handshake_attempts(provider).get());
        metrics.connects.with([name]).set_total(counters.connects(provider).get());
    }
    for reason in HandshakeFailure::ALL {
        metrics.handshake_failures.with([reason.name()]).set_total(counters.handshake_failures(reason).get());
    }
    for reason in DropReason::ALL {
        metrics.dropped.with([reason.name()]).set_total(counters.dropped(reason).get());
    }
    metrics.peers.set(counters.peers.get());
    metrics.banned_peers.set(counters.banned_peers.get());
    metrics.handshakes.with(["completed"]).set_total(counters.handshakes_completed.get());
    metrics.handshakes.with(["refused"]).set_total(counters.handshakes_refused.get());
    metrics.messages.with(["in"]).set_total(counters.messages_in.get());
    metrics.messages.with(["out"]).set_total(counters.messages_out.get());
    metrics.traffic.with(["in"]).set_total(counters.bytes_in.get());
    metrics.traffic.with(["out"]).set_total(counters.bytes_out.get());
    metrics.transactions.with(["in"]).set_total(counters.transactions_in.get());
    metrics.transactions.with(["out"]).set_total(counters.transactions_out.get());
    metrics.persist_attempts.set_total(counters.overlay_persist_attempts.get());
    metrics.persist_successes.set_total(counters.overlay_persist_success.get());
    metrics.persist_failures.set_total(counters.overlay_persist_failure.get());
}
