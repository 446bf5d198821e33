//! Spans and metrics for collectors, over OTLP: gRPC or HTTP, with TLS, retries and a bounded queue.
//!
//! ```text
//! tracing spans ─► layer.rs ─┐ sampled?          ┌─► first collector ──┐ after RETRIES
//! own spans ─────────────────┴─► queue (bounded) ─┤                     ├─► second collector ─► dropped, counted
//! registry ─► metrics.rs, every interval ─────────┴─► its collector     ┘
//! ```
//! Rules
//! - Nothing here ever waits for a collector but the two tasks of the exporter: who ends a span puts it into the queue or
//!   drops it. What is dropped is counted, and warned of once per batch.
//! - Whether a trace is exported is a function of its id alone, so every node exports the same ones, and each trace
//!   whole. The ratio can be changed while the process runs.
//! - The token is sent to the collectors and is in no error, log line or status.
//!
//! Read next: [`span`] (what a span is), `queue.rs` (the task), `transport.rs`, [`layer`].

pub mod layer;
mod metrics;
mod queue;
pub mod span;
mod transport;

use std::pin::Pin;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::resource::v1::Resource;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

pub use metrics::request as metrics_request;
pub use span::{Attribute, Span, SpanId, TraceId};
pub use transport::OtlpError;

use transport::Transport;

/// Longest wait for spans that are still queued when the process stops.
const STOP_WAIT: Duration = Duration::from_secs(2);

/// Where to export, and how.
#[derive(Clone)]
pub struct Settings {
    /// Collector of spans over gRPC, and of metrics where there is none over HTTP.
    pub endpoint: Option<String>,
    /// Collector of metrics over HTTP, and of spans where there is none over gRPC.
    pub http_endpoint: Option<String>,
    /// Collector over gRPC of the spans that the first one did not take.
    pub secondary_endpoint: Option<String>,
    /// Longest time of one export.
    pub timeout: Duration,
    /// Most spans that wait.
    pub queue_size: usize,
    /// Most spans of one export.
    pub batch_size: usize,
    /// Traces of a million that are exported.
    pub sample_ppm: u32,
    /// Authorities of the collectors over gRPC, PEM; `None`: those of the web.
    pub grpc_ca: Option<Vec<u8>>,
    /// The client for HTTP, with the authorities of that collector.
    pub http: reqwest::Client,
    /// Bearer token of every export.
    pub token: Option<String>,
    /// What is said of this process with everything that is exported.
    pub resource: Vec<(&'static str, String)>,
}

/// What is counted of one signal.
#[derive(Debug, Default)]
pub struct Counts {
    exported: AtomicU64,
    dropped: AtomicU64,
    failures: AtomicU64,
    last_failure: Mutex<Option<String>>,
}

impl Counts {
    /// Spans, or exports of metrics, that a collector took.
    pub fn exported(&self) -> u64 {
        self.exported.load(Ordering::Relaxed)
    }

    /// Spans that were lost.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Exports that failed.
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// Why the last export failed; `None` when it did not.
    pub fn last_failure(&self) -> Option<String> {
        self.last_failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn took(&self, count: u64) {
        self.exported.fetch_add(count, Ordering::Relaxed);
        *self.last_failure.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn drop_items(&self, count: u64) {
        self.dropped.fetch_add(count, Ordering::Relaxed);
    }

    fn fail(&self, reason: &str) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        *self.last_failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason.to_owned());
    }
}

/// Where one signal goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// `grpc` or `http`.
    pub protocol: &'static str,
    /// The collector.
    pub endpoint: String,
}

#[derive(Debug)]
struct Inner {
    queue: mpsc::Sender<Span>,
    sample_ppm: AtomicU32,
    traces: Counts,
    metrics: Counts,
    traces_to: Option<Route>,
    metrics_to: Option<Route>,
    stop: watch::Sender<bool>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

/// Takes spans and sends them on. Clones are the same exporter.
#[derive(Debug, Clone)]
pub struct Exporter(Arc<Inner>);

/// The exporter that takes the spans of this process.
static INSTALLED: OnceLock<Exporter> = OnceLock::new();

/// The exporter that takes the spans of this process, where there is one.
pub fn installed() -> Option<&'static Exporter> {
    INSTALLED.get()
}

/// What gives the text of `/metrics` when metrics are exported; `None` when there is none just then.
pub type Scrape = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Option<String>> + Send>> + Send + Sync>;

impl Exporter {
    /// Starts the tasks of an exporter on the runtime of the caller. `scrape` and `interval` say which metrics are
    /// exported, and how often.
    ///
    /// # Errors
    /// [`OtlpError`] for endpoints and authorities that cannot serve; nothing was started then. A collector that is not
    /// there is no error here.
    pub fn start(settings: &Settings, scrape: Scrape, interval: watch::Receiver<Duration>) -> Result<Self, OtlpError> {
        let grpc = |url: &String| Transport::grpc(url, settings);
        let http = |url: &String| Transport::http(url, settings);
        let route = |protocol, url: &String| Route { protocol, endpoint: url.clone() };
        let (traces, traces_to) = match (&settings.endpoint, &settings.http_endpoint) {
            (Some(url), _) => (Some(grpc(url)?), Some(route("grpc", url))),
            (None, Some(url)) => (Some(http(url)?), Some(route("http", url))),
            (None, None) => (None, None),
        };
        let (metrics, metrics_to) = match (&settings.http_endpoint, &settings.endpoint) {
            (Some(url), _) => (Some(http(url)?), Some(route("http", url))),
            (None, Some(url)) => (Some(grpc(url)?), Some(route("grpc", url))),
            (None, None) => (None, None),
        };
        let secondary = settings.secondary_endpoint.as_ref().map(grpc).transpose()?;
        let (queue, waiting) = mpsc::channel(settings.queue_size.max(1));
        let exporter = Self(Arc::new(Inner {
            queue,
            sample_ppm: AtomicU32::new(settings.sample_ppm),
            traces: Counts::default(),
            metrics: Counts::default(),
            traces_to,
            metrics_to,
            stop: watch::Sender::new(false),
            tasks: Mutex::default(),
        }));
        let resource = resource(&settings.resource);
        let mut tasks = Vec::new();
        if let Some(first) = traces {
            let sizes = (settings.queue_size, settings.batch_size.clamp(1, settings.queue_size.max(1)));
            let task = queue::Task {
                inner: Arc::clone(&exporter.0),
                first,
                second: secondary,
                sizes,
                resource: resource.clone(),
            };
            tasks.push(tokio::spawn(task.run(waiting)));
        }
        if let Some(transport) = metrics {
            let task = metrics::Task { inner: Arc::clone(&exporter.0), transport, scrape, resource };
            tasks.push(tokio::spawn(task.run(interval)));
        }
        *exporter.0.tasks.lock().unwrap_or_else(PoisonError::into_inner) = tasks;
        Ok(exporter)
    }

    /// Gives this exporter the spans that the program makes with `tracing`. The first one of a process gets them.
    pub fn install(&self) {
        let _ = INSTALLED.set(self.clone());
    }

    /// Whether the spans of this trace are exported.
    pub fn is_sampled(&self, trace: &TraceId) -> bool {
        self.0.traces_to.is_some() && span::is_sampled(trace, self.0.sample_ppm.load(Ordering::Relaxed))
    }

    /// Traces of a million that are exported from now on.
    pub fn set_sample_ppm(&self, ppm: u32) {
        self.0.sample_ppm.store(ppm, Ordering::Relaxed);
    }

    /// Takes a span whose trace is exported; drops and counts it when the queue is full.
    pub fn record(&self, span: Span) {
        if self.is_sampled(&span.trace) && self.0.queue.try_send(span).is_err() {
            self.0.traces.drop_items(1);
        }
    }

    /// What became of spans, and where they go.
    pub fn traces(&self) -> (&Counts, Option<&Route>) {
        (&self.0.traces, self.0.traces_to.as_ref())
    }

    /// What became of metrics, and where they go.
    pub fn metrics(&self) -> (&Counts, Option<&Route>) {
        (&self.0.metrics, self.0.metrics_to.as_ref())
    }

    /// Sends what waits, for a short time, and ends the tasks.
    pub async fn stop(&self) {
        self.0.stop.send_replace(true);
        let tasks = std::mem::take(&mut *self.0.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        for task in tasks {
            let abort = task.abort_handle();
            if tokio::time::timeout(STOP_WAIT, task).await.is_err() {
                abort.abort();
            }
        }
    }
}

fn resource(attributes: &[(&'static str, String)]) -> Resource {
    let attributes: Vec<KeyValue> =
        attributes.iter().map(|(key, value)| span::key_value(key, &Attribute::Text(value.clone()))).collect();
    Resource { attributes, ..Resource::default() }
}
