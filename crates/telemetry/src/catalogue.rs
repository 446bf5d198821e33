//! Every metric as data, in the order of the areas, and the page that documents them.

use std::fmt::Write;

use crate::areas::{Consensus, Mempool, Node, P2p, PartitionWatch, Rpc, Storage};
use crate::metric::Metric;

/// An area's name and its metrics.
pub type Area = (&'static str, &'static [Metric]);

/// All areas.
pub const AREAS: &[Area] = &[
    ("consensus", Consensus::METRICS),
    ("mempool", Mempool::METRICS),
    ("p2p", P2p::METRICS),
    ("partition_watch", PartitionWatch::METRICS),
    ("storage", Storage::METRICS),
    ("rpc", Rpc::METRICS),
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

/// The text of `docs/metrics.md`.
pub fn markdown() -> String {
    let mut page = String::from(
        "# Metrics\n\n\
         Generated from `crates/telemetry/src/areas/` by `cargo run --release -p telemetry --example catalogue`; \
         do not edit.\n\n\
         A node serves these at `GET /metrics` (port 26658 by default) in OpenMetrics text, which Prometheus reads. \
         Malachite's own metrics (`malachitebft_…`) follow in the same answer. A name is never renamed; an alias is \
         a further name of the same cell. Histograms have the series `_bucket`, `_sum` and `_count`.\n",
    );
    for (area, metrics) in AREAS {
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
