//! All metrics of one process, and the text that `/metrics` answers with.
//!
//! The text is OpenMetrics 1.0, which Prometheus reads: counters are announced without their `_total`, and the last
//! line is `# EOF`. Consensus and network libraries keep registries of their own, in other versions of the client
//! library; their text is joined to ours.

use prometheus_client::encoding::text::encode_registry;
use prometheus_client::registry::Registry;

use crate::areas::{
    Consensus, Mempool, Node, P2p, PartitionWatch, Pipeline, Proofs, Pruning, RemoteSigner, Rollout, Rpc, Snapshots,
    Standing, StateSync, Storage,
};
use crate::handles::Handle;
use crate::metric::Metric;

/// The content type of the text.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The line that ends the text.
const END: &str = "# EOF\n";

/// Every metric of the catalogue. One per process; share it in an `Arc`.
#[derive(Debug)]
pub struct Metrics {
    /// Heights, rounds and votes.
    pub consensus: Consensus,
    /// What waits for a block.
    pub mempool: Mempool,
    /// Our own network.
    pub p2p: P2p,
    /// Whether this node seems to be cut off from a part of its peers.
    pub partition_watch: PartitionWatch,
    /// The way of transactions.
    pub pipeline: Pipeline,
    /// The store.
    pub storage: Storage,
    /// Snapshots.
    pub snapshots: Snapshots,
    /// Snapshots that travel.
    pub state_sync: StateSync,
    /// Pruning.
    pub pruning: Pruning,
    /// Window proofs.
    pub proofs: Proofs,
    /// A validator's key in another process.
    pub remote_signer: RemoteSigner,
    /// Channel, gates, samples, exporters.
    pub rollout: Rollout,
    /// Requests of clients.
    pub rpc: Rpc,
    /// Identities, online time, reputation, the lottery.
    pub standing: Standing,
    /// The process.
    pub node: Node,
    registry: Registry,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// All metrics at zero.
    pub fn new() -> Self {
        let mut registry = Registry::default();
        Self {
            consensus: Consensus::register(&mut registry),
            mempool: Mempool::register(&mut registry),
            p2p: P2p::register(&mut registry),
            partition_watch: PartitionWatch::register(&mut registry),
            pipeline: Pipeline::register(&mut registry),
            storage: Storage::register(&mut registry),
            snapshots: Snapshots::register(&mut registry),
            state_sync: StateSync::register(&mut registry),
            pruning: Pruning::register(&mut registry),
            proofs: Proofs::register(&mut registry),
            remote_signer: RemoteSigner::register(&mut registry),
            rollout: Rollout::register(&mut registry),
            rpc: Rpc::register(&mut registry),
            standing: Standing::register(&mut registry),
            node: Node::register(&mut registry),
            registry,
        }
    }

    /// The text of all metrics. Families appear once they have a cell.
    pub fn render(&self) -> String {
        self.render_with(&[])
    }

    /// The text of all metrics, followed by what other registries of this process wrote in the same format.
    pub fn render_with(&self, others: &[String]) -> String {
        let mut text = String::new();
        encode_registry(&mut text, &self.registry).expect("writing to a string does not fail");
        for other in others {
            let body = other.strip_suffix(END).unwrap_or(other);
            text.push_str(body);
            if !body.is_empty() && !body.ends_with('\n') {
                text.push('\n');
            }
        }
        text.push_str(END);
        text
    }
}

/// Makes the cells of one declared metric.
///
/// A handle that does not fit its declaration is a mistake in this crate; `tests/catalogue.rs` makes every area.
pub(crate) fn cells<H: Handle>(metric: &Metric, registry: &mut Registry) -> H {
    assert!(H::fits(metric.kind), "{}: the handle is not one of a {}", metric.name, metric.kind.name());
    assert_eq!(H::LABELS, metric.labels.len(), "{}: number of labels", metric.name);
    H::register(metric, registry)
}
