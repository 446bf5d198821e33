//! Samples: every so often one record of the log target `telemetry` says what this node is and how it is.
//!
//! ```text
//! {"target":"telemetry","release_channel":"testnet","gates":"malachite_consensus","genesis":"…","height":12,
//!  "health":"{\"ready\":true,\"reasons\":[],\"finalized_age_ms\":130,\"peers\":3,…}"}
//! ```
//! Rules
//! - The time between two samples can be changed while the node runs; whether there are samples at all is said at the
//!   start.
//! - The newest height and the failures are in `GET /status/rollout`, so that a deployment can fail on a sample that
//!   stays where it was.
//!
//! Read next: `rollout.rs`, which says the same at the start and on request.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::config::TelemetryConfig;
use primitives::{Height, Timestamp};
use serde::Serialize;
use tokio::sync::watch;

use crate::shared::Shared;
use crate::{clock, ready, rollout};

/// What can be changed while the node runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sampling {
    /// Time between two samples.
    pub interval: Duration,
    /// Traces of a million that are exported.
    pub trace_ppm: u32,
}

impl From<&TelemetryConfig> for Sampling {
    fn from(config: &TelemetryConfig) -> Self {
        Self { interval: config.sample_interval, trace_ppm: config.trace_sample_ppm }
    }
}

/// Where sampling stands.
pub struct Samples {
    /// How often; changes while the node runs.
    pub sampling: watch::Sender<Sampling>,
    newest: Mutex<Option<(Height, Timestamp)>>,
}

impl Samples {
    /// None yet.
    pub fn new(config: &TelemetryConfig) -> Self {
        Self { sampling: watch::Sender::new(config.into()), newest: Mutex::default() }
    }

    /// Height and time of the newest sample.
    pub fn newest(&self) -> Option<(Height, Timestamp)> {
        // Only a view: after a panic elsewhere it is still worth reading.
        *self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a node is, in a sample.
#[derive(Debug, Serialize)]
struct Health {
    role: &'static str,
    ready: bool,
    reasons: Vec<&'static str>,
    finalized_age_ms: u64,
    peers: usize,
    mempool: usize,
    proven_height: Height,
    uptime_ms: u64,
}

/// Writes samples until the task is ended.
pub async fn run(shared: Arc<Shared>) {
    let mut sampling = shared.samples.sampling.subscribe();
    loop {
        let interval = sampling.borrow_and_update().interval;
        tokio::select! {
            () = tokio::time::sleep(interval) => {
                let sampled = Arc::clone(&shared);
                // The chain is behind a lock that a block may hold for a while.
                let _ = tokio::task::spawn_blocking(move || sample(&sampled)).await;
            }
            changed = sampling.changed() => if changed.is_err() { return },
        }
    }
}

/// Writes one sample.
fn sample(shared: &Shared) {
    let Ok(chain) = shared.chain() else { return };
    let (height, [(transactions, _), (identities, _), ..]) = (chain.head().height, chain.mempool().lengths());
    drop(chain);
    let judged = ready::judge(shared);
    let now = clock::now();
    let health = Health {
        role: ready::role(shared).name(),
        ready: judged.ready(),
        reasons: judged.reasons.iter().map(telemetry::health::Reason::code).collect(),
        finalized_age_ms: shared.finalized_age_ms(),
        peers: shared.p2p.get().map_or(0, |p2p| p2p.peers().len()),
        mempool: transactions.saturating_add(identities),
        proven_height: crate::proofs::proven_height(shared),
        uptime_ms: now.since(shared.started),
    };
    let metrics = &shared.metrics.rollout;
    let Some(health) = encoded(&health) else {
        metrics.encode_failures.inc();
        return;
    };
    tracing::info!(
        target: "telemetry",
        release_channel = shared.config.release_channel.as_str(),
        gates = rollout::active(shared).join(","),
        genesis = %shared.genesis_hash,
        height = height.0,
        health,
        "telemetry sample"
    );
    metrics.samples.inc();
    metrics.sample_height.set(height.0);
    *shared.samples.newest.lock().unwrap_or_else(PoisonError::into_inner) = Some((height, now));
}

/// The payload of a sample as one line of JSON; a payload that has none is warned of.
pub fn encoded<T: Serialize>(payload: &T) -> Option<String> {
    serde_json::to_string(payload)
        .inspect_err(|error| tracing::warn!(target: "telemetry", %error, "telemetry sample cannot be encoded"))
        .ok()
}
