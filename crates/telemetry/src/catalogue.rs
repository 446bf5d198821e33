//! Every metric as data, in the order of the areas, and the page that documents them.

use std::fmt::Write;

use crate::areas::{
    Consensus, Mempool, Node, P2p, PartitionWatch, Pipeline, Proofs, Pruning, RemoteSigner, Rollout, Rpc, Snapshots,
    Standing, StateSync, Storage,
};
use crate::engine;
use crate::metric::{Kind, Metric};

/// An area's name and its metrics.
pub type Area = (&'static str, &'static [Metric]);

/// All areas.
pub const AREAS: &[Area] = &[
    ("consensus", Consensus::METRICS),
    ("mempool", Mempool::METRICS),
    ("p2p", P2p::METRICS),
    ("partition_watch", PartitionWatch::METRICS),
    ("pipeline", Pipeline::METRICS),
    ("storage", Storage::METRICS),
    ("snapshots", Snapshots::METRICS),
    ("state_sync", StateSync::METRICS),
    ("pruning", Pruning::METRICS),
    ("proofs", Proofs::METRICS),
    ("remote_signer", RemoteSigner::METRICS),
    ("rollout", Rollout::METRICS),
    ("rpc", Rpc::METRICS),
    ("standing", Standing::METRICS),
    ("node", Node::METRICS),
];

/// Every metric.
pub fn metrics() -> impl Iterator<Item = &'static Metric> {
    AREAS.iter().flat_map(|(_, metrics)| metrics.iter())
}

/// The metric with this name or alias.
pub fn find(name: &str) -> Option<&'static Metric> {
    metrics().find(|metric| metric.names().any(|known| known == name))
}

/// What one series of a scrape is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Series {
    /// The metric it belongs to.
    pub metric: &'static Metric,
    /// The kind of this series: the parts of a histogram are counters.
    pub kind: Kind,
    /// Whether the series has the label `le`.
    pub has_bound: bool,
}

/// The series with this name: a metric or alias of ours or of the engine, or a part of a histogram.
pub fn find_series(name: &str) -> Option<Series> {
    let all = || metrics().chain(engine::METRICS);
    let named = |wanted: &str| all().find(|metric| metric.names().any(|known| known == wanted));
    if let Some(metric) = named(name).filter(|metric| !matches!(metric.kind, Kind::Histogram(_))) {
        return Some(Series { metric, kind: metric.kind, has_bound: false });
    }
    ["_bucket", "_sum", "_count"].into_iter().find_map(|part| {
        let metric = named(name.strip_suffix(part)?).filter(|metric| matches!(metric.kind, Kind::Histogram(_)))?;
        Some(Series { metric, kind: Kind::Counter, has_bound: part == "_bucket" })
    })
}

/// The text of `docs/metrics.md`.
pub fn markdown() -> String {
    let mut page = String::from(
        "# Metrics\n\n\
         Generated from `crates/telemetry/src/areas/` by `cargo run --release -p telemetry --example catalogue`; \
         do not edit.\n\n\
         A node serves these at `GET /metrics` (port 26658 by default) in OpenMetrics text, which Prometheus reads. \
         Malachite's own metrics (`malachitebft_…`) follow in the same answer; the section `engine` lists those that \
         dashboards and alerts use. A name is never renamed; an alias is a further name of the same cell. The aliases \
         `cometbft_…` are the names that dashboards for CometBFT validators ask for; what such a dashboard calls \
         `chain_id` is a label of the scrape target, as in `monitoring/prometheus.yml`. Histograms have the series \
         `_bucket`, `_sum` and `_count`.\n",
    );
    for (area, metrics) in AREAS.iter().chain(&[("engine", engine::METRICS)]) {
        // Writing to a string does not fail.
        let _ = write!(page, "\n## {area}\n\n| name | kind | unit | labels | meaning |\n|---|---|---|---|---|\n");
        for metric in *metrics {
            let _ = writeln!(
                page,
                "| {} | {} | {} | {} | {} |",
                names(metric),
                metric.kind.name(),
                metric.unit.name(),
                code(metric.labels),
                metric.help
            );
        }
    }
    page
}

fn names(metric: &Metric) -> String {
    let mut text = format!("`{}`", metric.name);
    if !metric.aliases.is_empty() {
        let _ = write!(text, " (alias {})", code(metric.aliases));
    }
    text
}

fn code(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}
