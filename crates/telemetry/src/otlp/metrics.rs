//! The metrics of `/metrics`, as a collector takes them.
//!
//! Model: the text of the registry is read again, so that a collector sees exactly what a scrape sees. Counters become
//! cumulative sums, histograms keep their bounds, infos are gauges that are always 1. Aliases travel as well.
//!
//! Rules
//! - What is not a number, such as a bound `+Inf` outside a histogram, is left out.
//! - The unit is that of the catalogue; a metric of another registry has none.
//! - An exporter that is told to stop exports once more, so that the last interval of a process is not lost.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics,
    ScopeMetrics, Sum, metric, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use tokio::sync::watch;
use tokio::time::sleep;

use super::queue::SCOPE;
use super::span::{Attribute, key_value, now_ns};
use super::transport::{Failed, Transport};
use super::{Inner, Scrape};
use crate::catalogue;

/// Cumulative since the start of the process.
const CUMULATIVE: AggregationTemporality = AggregationTemporality::Cumulative;

/// The task.
pub(super) struct Task {
    pub(super) inner: Arc<Inner>,
    pub(super) transport: Transport,
    pub(super) scrape: Scrape,
    pub(super) resource: Resource,
}

impl Task {
    /// Exports every interval, and once more when it is told to stop.
    pub(super) async fn run(self, mut interval: watch::Receiver<Duration>) {
        let mut stop = self.inner.stop.subscribe();
        let start_ns = now_ns();
        loop {
            let pause = *interval.borrow_and_update();
            let is_last = tokio::select! {
                () = sleep(pause) => false,
                changed = interval.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    continue;
                }
                _ = stop.wait_for(|stop| *stop) => true,
            };
            self.export(start_ns).await;
            if is_last {
                return;
            }
        }
    }

    async fn export(&self, start_ns: u64) {
        let Some(text) = (self.scrape)().await else { return };
        let request = request(&text, self.resource.clone(), (start_ns, now_ns()));
        match self.transport.metrics(request).await {
            Ok(()) => self.inner.metrics.took(1),
            Err(Failed { reason, .. }) => {
                self.inner.metrics.fail(&reason);
                tracing::warn!(reason, "metrics were not exported; the next export holds all of them again");
            }
        }
    }
}

/// One family of the text.
#[derive(Default)]
struct Family {
    kind: String,
    help: String,
    numbers: Vec<NumberDataPoint>,
    /// Histograms by their labels without the bound.
    histograms: BTreeMap<Vec<(String, String)>, Buckets>,
}

#[derive(Default)]
struct Buckets {
    /// Bound and cumulative count, ascending as they stand in the text.
    counts: Vec<(f64, u64)>,
    sum: f64,
    count: u64,
}

/// The text of a scrape as a request; `times` are when the process began and now.
pub fn request(text: &str, resource: Resource, times: (u64, u64)) -> ExportMetricsServiceRequest {
    let families = families(text, times);
    let metrics = families.into_iter().filter_map(|(name, family)| metric(name, family, times)).collect();
    let scope = InstrumentationScope { name: SCOPE.to_owned(), ..InstrumentationScope::default() };
    let scope_metrics = vec![ScopeMetrics { scope: Some(scope), metrics, ..ScopeMetrics::default() }];
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            resource: Some(resource),
            scope_metrics,
            ..ResourceMetrics::default()
        }],
    }
}

fn families(text: &str, times: (u64, u64)) -> BTreeMap<String, Family> {
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut name = String::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# ") {
            let mut words = rest.splitn(3, ' ');
            let (what, of, said) = (words.next(), words.next().unwrap_or_default(), words.next().unwrap_or_default());
            name = of.to_owned();
            let family = families.entry(name.clone()).or_default();
            match what {
                Some("TYPE") => said.clone_into(&mut family.kind),
                Some("HELP") => said.clone_into(&mut family.help),
                _ => {}
            }
        } else if let (Some(sample), Some(family)) = (Sample::read(line), families.get_mut(&name)) {
            family.take(&name, sample, times);
        }
    }
    families
}

impl Family {
    fn take(&mut self, name: &str, sample: Sample, (start_ns, now_ns): (u64, u64)) {
        let Sample { series, mut labels, value } = sample;
        if self.kind != "histogram" {
            self.numbers.push(NumberDataPoint {
                attributes: attributes(&labels),
                start_time_unix_nano: start_ns,
                time_unix_nano: now_ns,
                value: Some(number_data_point::Value::AsDouble(value)),
                ..NumberDataPoint::default()
            });
            return;
        }
        let bound = labels.iter().position(|(label, _)| label == "le").map(|place| labels.remove(place).1);
        let buckets = self.histograms.entry(labels).or_default();
        match (series.strip_prefix(name), bound) {
            (Some("_bucket"), Some(bound)) => {
                buckets.counts.extend(bound.parse().ok().map(|bound: f64| (bound, whole(value))));
            }
            (Some("_sum"), _) => buckets.sum = value,
            (Some("_count"), _) => buckets.count = whole(value),
            _ => {}
        }
    }
}

/// A count as a whole number.
fn whole(value: f64) -> u64 {
    format!("{value:.0}").parse().unwrap_or(0)
}

fn attributes(labels: &[(String, String)]) -> Vec<KeyValue> {
    labels.iter().map(|(label, value)| key_value(label, &Attribute::Text(value.clone()))).collect()
}

fn metric(name: String, family: Family, times: (u64, u64)) -> Option<Metric> {
    let data = match family.kind.as_str() {
        "histogram" if !family.histograms.is_empty() => metric::Data::Histogram(Histogram {
            data_points: family
                .histograms
                .into_iter()
                .map(|(labels, buckets)| point(&labels, &buckets, times))
                .collect(),
            aggregation_temporality: CUMULATIVE.into(),
        }),
        _ if family.numbers.is_empty() => return None,
        "counter" => metric::Data::Sum(Sum {
            data_points: family.numbers,
            aggregation_temporality: CUMULATIVE.into(),
            is_monotonic: true,
        }),
        _ => metric::Data::Gauge(Gauge { data_points: family.numbers }),
    };
    let name = match family.kind.as_str() {
        "counter" => format!("{name}_total"),
        "info" => format!("{name}_info"),
        _ => name,
    };
    let unit = catalogue::find(&name).map_or("", |metric| metric.unit.code()).to_owned();
    Some(Metric { name, description: family.help, unit, data: Some(data), ..Metric::default() })
}

fn point(labels: &[(String, String)], buckets: &Buckets, (start_ns, now_ns): (u64, u64)) -> HistogramDataPoint {
    let mut before = 0;
    let mut bucket_counts = Vec::with_capacity(buckets.counts.len());
    for (_, cumulative) in &buckets.counts {
        bucket_counts.push(cumulative.saturating_sub(before));
        before = *cumulative;
    }
    HistogramDataPoint {
        attributes: attributes(labels),
        start_time_unix_nano: start_ns,
        time_unix_nano: now_ns,
        count: buckets.count,
        sum: Some(buckets.sum),
        bucket_counts,
        explicit_bounds: buckets.counts.iter().map(|(bound, _)| *bound).filter(|bound| bound.is_finite()).collect(),
        ..HistogramDataPoint::default()
    }
}

/// One line of the text.
struct Sample {
    series: String,
    labels: Vec<(String, String)>,
    value: f64,
}

impl Sample {
    fn read(line: &str) -> Option<Self> {
        let end = line.find(['{', ' '])?;
        let (series, rest) = line.split_at(end);
        let (labels, rest) = match rest.strip_prefix('{') {
            Some(rest) => read_labels(rest)?,
            None => (Vec::new(), rest),
        };
        let value: f64 = rest.split_whitespace().next()?.parse().ok()?;
        value.is_finite().then(|| Self { series: series.to_owned(), labels, value })
    }
}

/// Labels up to the closing brace, and what stands behind it.
fn read_labels(mut text: &str) -> Option<(Vec<(String, String)>, &str)> {
    let mut labels = Vec::new();
    loop {
        if let Some(rest) = text.strip_prefix('}') {
            return Some((labels, rest));
        }
        let (name, rest) = text.split_once("=\"")?;
        let (mut value, mut letters) = (String::new(), rest.char_indices());
        let end = loop {
            match letters.next()? {
                (end, '"') => break end,
                (_, '\\') => value.push(match letters.next()?.1 {
                    'n' => '\n',
                    other => other,
                }),
                (_, letter) => value.push(letter),
            }
        };
        labels.push((name.trim_start_matches(',').to_owned(), value));
        text = rest.get(end.saturating_add(1)..)?;
    }
}
