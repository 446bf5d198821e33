//! Spans and metrics of this node for collectors.
//!
//! Model: one exporter per process, started once the chain is open and stopped last. Spans of requests, gossip and proofs
//! are made with `tracing` where the work is done (target `node` or `trace`); those of transactions and heights are made
//! here from times that were noted anyway.
//!
//! | trace | id | spans |
//! |---|---|---|
//! | a transaction | its own id, cut | `transaction`, one `transaction.STAGE` for each stage that this node saw, and `transaction.proven` once its block is proven |
//! | a height | genesis and height | `consensus.height`, in it one `consensus.round` for each round |
//! | this node's start | random | `node.telemetry.init` |
//! | a request, a batch of gossip, a proof | random | `rpc`, `gossip.transactions`, `proof.verify` |
//!
//! Rule: a span is made only when its trace is exported, so that a node without a collector does no work for it.

use std::path::Path;
use std::sync::OnceLock;

use ::config::{NodeConfig, TelemetryConfig};
use primitives::{Address, Hash, Height, Round, Stage, TransactionId};
use replica::stages::Progress;
use rpc::tls::ClientFiles;
use rpc::types::ExporterStatus;
use telemetry::health::Role;
use telemetry::otlp::{Attribute, Counts, Exporter, Route, Scrape, Settings, Span, SpanId, TraceId, installed, span};
use tokio::sync::watch;

use crate::samples::Sampling;
use crate::shared::Shared;
use crate::start_error::StartError;

/// Largest file of authorities that is read, bytes.
const CA_BYTES_MAX: u64 = 1 << 20;
/// Nanoseconds of a millisecond.
const NS_PER_MS: u64 = 1_000_000;

/// The spans' name of each stage up to the block. A proof comes later, with a span of its own.
const STAGES: [(Stage, &str); 5] = [
    (Stage::Admitted, "transaction.admitted"),
    (Stage::Gossiped, "transaction.gossiped"),
    (Stage::Proposed, "transaction.proposed"),
    (Stage::Decided, "transaction.decided"),
    (Stage::Finalized, "transaction.finalized"),
];

/// What the exporter says of this process.
pub struct Origin<'o> {
    /// Its configuration.
    pub config: &'o NodeConfig,
    /// The chain.
    pub chain_id: &'o str,
    /// The chain's genesis.
    pub genesis: Hash,
    /// What the process is there for.
    pub role: Role,
    /// Names of the gates in force, with commas between them.
    pub gates: String,
    /// How often and how much; changes while the process runs.
    pub sampling: watch::Receiver<Sampling>,
}

impl<'o> Origin<'o> {
    /// Of a node.
    pub fn of_node(shared: &'o Shared) -> Self {
        Self {
            config: &shared.config,
            chain_id: &shared.genesis.chain_id,
            genesis: shared.genesis_hash,
            role: crate::ready::role(shared),
            gates: crate::rollout::active(shared).join(","),
            sampling: shared.samples.sampling.subscribe(),
        }
    }
}

/// Starts exporting, where the configuration names a collector, and says so with the first span.
///
/// # Errors
/// [`StartError`] for endpoints and authorities that cannot serve. A collector that is not there is none.
pub fn start(origin: &Origin<'_>, scrape: Scrape) -> Result<Option<Exporter>, StartError> {
    let config = &origin.config.telemetry;
    let has_endpoint = config.endpoint.is_some() || config.http_endpoint.is_some();
    if !config.enabled || !has_endpoint {
        return Ok(None);
    }
    let (times, mut sampling) = (watch::Sender::new(config.sample_interval), origin.sampling.clone());
    let exporter = Exporter::start(&settings(origin)?, scrape, times.subscribe())
        .map_err(|error| StartError::Exporter(error.to_string()))?;
    exporter.install();
    let followed = exporter.clone();
    tokio::spawn(async move {
        while sampling.changed().await.is_ok() {
            let now = *sampling.borrow_and_update();
            followed.set_sample_ppm(now.trace_ppm);
            times.send_replace(now.interval);
        }
        // Nobody changes it any more; the exporter goes on at the last interval.
        times.closed().await;
    });
    let start_ns = span::now_ns();
    exporter.record(Span {
        name: "node.telemetry.init",
        trace: span::new_trace(),
        id: span::new_id(),
        parent: None,
        start_ns,
        end_ns: span::now_ns(),
        attributes: vec![
            ("mode", origin.config.mode.as_str().into()),
            ("release_channel", origin.config.release_channel.as_str().into()),
            ("gates", Attribute::Text(origin.gates.clone())),
        ],
    });
    Ok(Some(exporter))
}

fn settings(origin: &Origin<'_>) -> Result<Settings, StartError> {
    let config = origin.config;
    let TelemetryConfig { timeout, queue_size, batch_size, trace_sample_ppm, .. } = config.telemetry;
    let telemetry = &config.telemetry;
    let failed = |error: reqwest::Error| StartError::Exporter(error.to_string());
    let files = ClientFiles { ca: telemetry.http_ca.clone(), identity: None };
    let tls = rpc::tls::client(&files).map_err(|error| StartError::Exporter(error.to_string()))?;
    let http = reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy().build().map_err(failed)?;
    Ok(Settings {
        endpoint: telemetry.endpoint.clone(),
        http_endpoint: telemetry.http_endpoint.clone(),
        secondary_endpoint: telemetry.secondary_endpoint.clone(),
        timeout,
        queue_size,
        batch_size,
        sample_ppm: trace_sample_ppm,
        grpc_ca: telemetry.grpc_ca.as_deref().map(read_ca).transpose()?,
        http,
        token: telemetry.auth_token.as_ref().map(|token| token.expose().to_owned()),
        resource: vec![
            ("service.name", "the-block".to_owned()),
            ("service.version", env!("CARGO_PKG_VERSION").to_owned()),
            ("service.instance.id", config.moniker.clone()),
            ("chain.id", origin.chain_id.to_owned()),
            ("chain.genesis", origin.genesis.to_string()),
            ("node.mode", config.mode.as_str().to_owned()),
            ("node.role", origin.role.name().to_owned()),
            ("release_channel", config.release_channel.as_str().to_owned()),
        ],
    })
}

fn read_ca(path: &Path) -> Result<Vec<u8>, StartError> {
    let wrong = |cause: String| StartError::Exporter(format!("{}: {cause}", path.display()));
    let size = std::fs::metadata(path).map_err(|error| wrong(error.to_string()))?.len();
    if size > CA_BYTES_MAX {
        return Err(wrong("it is too large for a file of authorities".to_owned()));
    }
    std::fs::read(path).map_err(|error| wrong(error.to_string()))
}

/// The exporters of this node, for those who ask; their counts into the metrics.
pub fn status(shared: &Shared) -> Vec<ExporterStatus> {
    let Some(exporter) = shared.exporter.get() else { return Vec::new() };
    let view = |signal: &str, (counts, route): (&Counts, Option<&Route>)| {
        route.map(|route| ExporterStatus {
            signal: signal.to_owned(),
            protocol: route.protocol.to_owned(),
            endpoint: route.endpoint.clone(),
            exported: counts.exported(),
            dropped: counts.dropped(),
            failures: counts.failures(),
            last_failure: counts.last_failure(),
        })
    };
    [view("traces", exporter.traces()), view("metrics", exporter.metrics())].into_iter().flatten().collect()
}

/// Counts of the exporters as metrics.
pub fn measure(shared: &Shared) {
    let Some(exporter) = shared.exporter.get() else { return };
    let (metrics, (traces, _), (pushed, _)) = (&shared.metrics.rollout, exporter.traces(), exporter.metrics());
    metrics.spans_exported.set_total(traces.exported());
    metrics.spans_dropped.set_total(traces.dropped());
    metrics.metric_exports.set_total(pushed.exported());
    metrics.export_failures.with(["traces"]).set_total(traces.failures());
    metrics.export_failures.with(["metrics"]).set_total(pushed.failures());
}

/// The trace of a transaction, on every node.
fn trace_of(id: &TransactionId) -> TraceId {
    let mut trace = TraceId::default();
    let length = trace.len();
    trace.copy_from_slice(&id.0.0[..length]);
    trace
}

/// The trace of a transaction that arrived or stopped: its stages, as far as this node saw them.
pub fn transaction(id: &TransactionId, progress: &Progress, height: Option<Height>) {
    let trace = trace_of(id);
    let Some(exporter) = installed().filter(|exporter| exporter.is_sampled(&trace)) else { return };
    let time = |stage: Stage| time_ns(progress, stage);
    let times = || Stage::steps().filter(|stage| *stage <= Stage::Finalized).filter_map(time);
    let (Some(start_ns), Some(end_ns)) = (times().min(), times().max()) else { return };
    let root = height.map_or_else(span::new_id, |_| root_of(id));
    let (stage, reason) = progress.stage();
    let mut attributes = vec![("transaction", Attribute::Text(id.to_string())), ("stage", stage.name().into())];
    attributes.extend(reason.map(|reason| ("reason", reason.into())));
    attributes.extend(height.map(|height| ("height", height.0.into())));
    exporter.record(Span { name: "transaction", trace, id: root, parent: None, start_ns, end_ns, attributes });
    let mut from = start_ns;
    for (stage, name) in STAGES {
        let Some(at) = time(stage) else { continue };
        let (id, parent) = (span::new_id(), Some(root));
        exporter.record(Span { name, trace, id, parent, start_ns: from.min(at), end_ns: at, attributes: Vec::new() });
        from = from.max(at);
    }
}

/// The span of a transaction whose block is proven, below the one that was sent when it arrived.
pub fn proven(id: &TransactionId, progress: &Progress) {
    let trace = trace_of(id);
    let Some(exporter) = installed().filter(|exporter| exporter.is_sampled(&trace)) else { return };
    let Some(end_ns) = time_ns(progress, Stage::Proven) else { return };
    let start_ns = time_ns(progress, Stage::Finalized).unwrap_or(end_ns).min(end_ns);
    let (name, parent) = ("transaction.proven", Some(root_of(id)));
    exporter.record(Span { name, trace, id: span::new_id(), parent, start_ns, end_ns, attributes: Vec::new() });
}

/// When a stage was reached, nanoseconds since the Unix epoch.
fn time_ns(progress: &Progress, stage: Stage) -> Option<u64> {
    progress.at(stage).map(|at| at.0.saturating_mul(NS_PER_MS))
}

/// The first span of a transaction that arrived: known again when its proof comes, and another one on each node.
fn root_of(id: &TransactionId) -> SpanId {
    static OWN: OnceLock<SpanId> = OnceLock::new();
    let mut root = *OWN.get_or_init(span::new_id);
    // The end of the id: its beginning names the trace.
    for (byte, of_id) in root.iter_mut().zip(id.0.0.iter().rev()) {
        *byte ^= of_id;
    }
    root
}

/// The height that is being decided, as a trace.
#[derive(Debug, Default)]
pub struct HeightTrace {
    present: Option<Present>,
}

#[derive(Debug)]
struct Present {
    height: Height,
    root: SpanId,
    start_ns: u64,
    round: (Round, Address, u64),
    proposal_ns: Option<u64>,
    rounds: u64,
}

impl HeightTrace {
    /// A round begins; the one before it has ended.
    pub fn round(&mut self, shared: &Shared, height: Height, round: Round, proposer: Address) {
        let now = span::now_ns();
        self.end_round(shared, now);
        let begun = self.present.take().filter(|present| present.height == height);
        self.present = Some(match begun {
            Some(present) => Present {
                round: (round, proposer, now),
                proposal_ns: None,
                rounds: present.rounds.saturating_add(1),
                ..present
            },
            None => Present {
                height,
                root: span::new_id(),
                start_ns: now,
                round: (round, proposer, now),
                proposal_ns: None,
                rounds: 1,
            },
        });
    }

    /// The value of the round is known.
    pub fn proposal(&mut self) {
        if let Some(present) = &mut self.present {
            present.proposal_ns.get_or_insert_with(span::now_ns);
        }
    }

    /// The height is final.
    pub fn finalized(&mut self, shared: &Shared, height: Height) {
        let now = span::now_ns();
        self.end_round(shared, now);
        let Some(present) = self.present.take().filter(|present| present.height == height) else { return };
        let trace = trace_of_height(shared, height);
        let Some(exporter) = installed().filter(|exporter| exporter.is_sampled(&trace)) else { return };
        exporter.record(Span {
            name: "consensus.height",
            trace,
            id: present.root,
            parent: None,
            start_ns: present.start_ns,
            end_ns: now,
            attributes: vec![("height", height.0.into()), ("rounds", present.rounds.into())],
        });
    }

    fn end_round(&self, shared: &Shared, end_ns: u64) {
        let Some(present) = &self.present else { return };
        let trace = trace_of_height(shared, present.height);
        let Some(exporter) = installed().filter(|exporter| exporter.is_sampled(&trace)) else { return };
        let (round, proposer, start_ns) = present.round;
        let mut attributes = vec![
            ("height", present.height.0.into()),
            ("round", u64::from(round.0).into()),
            ("proposer", Attribute::Text(proposer.to_string())),
        ];
        let waited = present.proposal_ns.map(|at| at.saturating_sub(start_ns) / NS_PER_MS);
        attributes.extend(waited.map(|waited| ("proposal_after_ms", waited.into())));
        let (id, parent) = (span::new_id(), Some(present.root));
        exporter.record(Span { name: "consensus.round", trace, id, parent, start_ns, end_ns, attributes });
    }
}

/// The trace of a height, on every node: their own roots meet in it.
fn trace_of_height(shared: &Shared, height: Height) -> TraceId {
    let mut trace = TraceId::default();
    trace[..8].copy_from_slice(&shared.genesis_hash.as_bytes()[..8]);
    trace[8..].copy_from_slice(&height.0.to_be_bytes());
    trace
}
