//! The task that takes spans from the queue, in batches, and gives each batch to a collector.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout_at};

use super::transport::{Failed, Transport};
use super::{Inner, Span};

/// Longest time that a span waits for others to travel with.
const FLUSH: Duration = Duration::from_secs(1);
/// Exports of one batch to the first collector before the second is asked.
const RETRIES: u32 = 3;
/// Pause before the second try; each further one is twice as long.
const PAUSE: Duration = Duration::from_millis(100);
/// Name of what makes the spans.
pub(super) const SCOPE: &str = "the-block";

/// The task.
pub(super) struct Task {
    pub(super) inner: Arc<Inner>,
    pub(super) first: Transport,
    pub(super) second: Option<Transport>,
    /// Spans of the queue and of a batch.
    pub(super) sizes: (usize, usize),
    pub(super) resource: Resource,
}

impl Task {
    /// Exports until it is told to stop; then once more what waits.
    pub(super) async fn run(self, mut waiting: mpsc::Receiver<Span>) {
        let mut stop = self.inner.stop.subscribe();
        let mut dropped = 0;
        loop {
            let batch = self.batch(&mut waiting, &mut stop).await;
            let is_stopping = *stop.borrow();
            if !batch.is_empty() {
                self.export(batch, if is_stopping { 1 } else { RETRIES }).await;
            }
            dropped = self.warn_of_drops(dropped);
            if is_stopping && waiting.is_empty() {
                return;
            }
        }
    }

    /// The next spans: a full batch, or what came within a short time of the first.
    async fn batch(&self, waiting: &mut mpsc::Receiver<Span>, stop: &mut watch::Receiver<bool>) -> Vec<Span> {
        let (mut batch, size) = (Vec::new(), self.sizes.1);
        let deadline = Instant::now() + FLUSH;
        while batch.len() < size {
            let room = size - batch.len();
            if *stop.borrow() {
                while batch.len() < size
                    && let Ok(span) = waiting.try_recv()
                {
                    batch.push(span);
                }
                break;
            }
            tokio::select! {
                taken = timeout_at(deadline, waiting.recv_many(&mut batch, room)) => if !matches!(taken, Ok(1..)) { break },
                _ = stop.changed() => {}
            }
        }
        batch
    }

    async fn export(&self, batch: Vec<Span>, tries: u32) {
        let count = u64::try_from(batch.len()).unwrap_or(u64::MAX);
        let request = self.request(batch);
        let counts = &self.inner.traces;
        let mut pause = PAUSE;
        for attempt in 1..=tries {
            match self.first.traces(&request).await {
                Ok(rejected) => return self.took(count, rejected),
                Err(Failed { reason, may_retry }) => {
                    counts.fail(&reason);
                    if !may_retry || attempt == tries {
                        break;
                    }
                }
            }
            sleep(pause).await;
            pause = pause.saturating_mul(2);
        }
        if let Some(second) = &self.second {
            match second.traces(&request).await {
                Ok(rejected) => {
                    let reason = counts.last_failure();
                    self.took(count, rejected);
                    tracing::warn!(reason, "the second collector takes the spans: the first one did not");
                    return;
                }
                Err(Failed { reason, .. }) => counts.fail(&reason),
            }
        }
        counts.drop_items(count);
    }

    fn took(&self, count: u64, rejected: u64) {
        let rejected = rejected.min(count);
        self.inner.traces.took(count - rejected);
        self.inner.traces.drop_items(rejected);
    }

    /// One warning for all that was dropped since the last one.
    fn warn_of_drops(&self, before: u64) -> u64 {
        let total = self.inner.traces.dropped();
        if total > before {
            tracing::warn!(
                dropped = total - before,
                total,
                queue_size = self.sizes.0,
                batch_size = self.sizes.1,
                last_failure = self.inner.traces.last_failure(),
                "spans were dropped: raise rollout.telemetry.queue_size and batch_size, or look at the collector"
            );
        }
        total
    }

    fn request(&self, batch: Vec<Span>) -> ExportTraceServiceRequest {
        let scope = InstrumentationScope { name: SCOPE.to_owned(), ..InstrumentationScope::default() };
        let spans = batch.into_iter().map(Into::into).collect();
        let scope_spans = vec![ScopeSpans { scope: Some(scope), spans, ..ScopeSpans::default() }];
        let resource = Some(self.resource.clone());
        ExportTraceServiceRequest {
            resource_spans: vec![ResourceSpans { resource, scope_spans, ..ResourceSpans::default() }],
        }
    }
}
