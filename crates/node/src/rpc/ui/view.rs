//! What the page shows: the answers of this node at one moment, each of which may be missing with its reason.

use std::sync::Arc;

use primitives::{Height, Timestamp};
use rpc::ApiError;
use rpc::types::{
    BlockPage, ConsensusStatus, MempoolStatus, NodeStatus, PageQuery, PipelineDashboard, ProofStatus, PruningStatus,
    RolloutStatus, ValidatorPeers,
};

use super::super::server::Server;
use super::super::{blocks, metrics, pipeline, proving, pruning, standing, status};
use crate::{clock, rollout};

/// Newest blocks that are shown: each is read whole to be told in a line.
pub const BLOCKS_MAX: u32 = 10;

/// An answer, or why there is none.
pub type Part<T> = Result<T, ApiError>;

/// What the store takes of the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// Length of its files, bytes.
    pub bytes: u64,
    /// Free room on its disk, bytes; none before the first look.
    pub free: Option<u64>,
    /// The highest height that it has.
    pub newest: Height,
}

/// The answers of this node at one moment.
#[derive(Debug, Clone)]
pub struct View {
    /// When.
    pub now: Timestamp,
    /// Seconds after which a browser without scripts asks again.
    pub refresh_seconds: Option<u64>,
    /// Channel and gates.
    pub rollout: RolloutStatus,
    /// Who and where the node is.
    pub node: Part<NodeStatus>,
    /// The height that is being decided.
    pub consensus: Part<ConsensusStatus>,
    /// What waits.
    pub mempool: Part<MempoolStatus>,
    /// How transactions pass.
    pub pipeline: Part<PipelineDashboard>,
    /// The newest blocks.
    pub blocks: Part<BlockPage>,
    /// What is proven.
    pub proofs: Part<ProofStatus>,
    /// Its peers.
    pub peers: Part<ValidatorPeers>,
    /// What was deleted of old blocks.
    pub pruning: Part<PruningStatus>,
    /// What the store takes.
    pub stored: Stored,
}

/// Asks this node everything that the page shows.
///
/// # Errors
/// `overloaded`, when the node cannot even look.
pub async fn gather(server: &Arc<Server>, refresh_seconds: Option<u64>) -> Result<View, ApiError> {
    let (consensus, mempool) = (status::consensus(server).await, status::mempool(server).await);
    let page = PageQuery { before: None, limit: Some(BLOCKS_MAX) };
    server
        .read(move |server| {
            Ok(View {
                now: clock::now(),
                refresh_seconds,
                rollout: rollout::status(&server.shared),
                node: status::node(server),
                consensus,
                mempool,
                pipeline: pipeline::dashboard(server),
                blocks: blocks::page(server, &page),
                proofs: proving::status(server),
                peers: standing::peers(server),
                pruning: pruning::status(server),
                stored: stored(server),
            })
        })
        .await
}

fn stored(server: &Server) -> Stored {
    metrics::storage(server);
    let metrics = &server.shared.metrics.storage;
    let bytes = |gauge: &telemetry::Gauge| u64::try_from(gauge.get()).unwrap_or(0);
    Stored {
        bytes: bytes(&metrics.size),
        free: Some(bytes(&metrics.disk_free)).filter(|free| *free > 0),
        newest: blocks::head(server),
    }
}
