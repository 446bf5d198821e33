//! What `tb top` shows: the answers of one node at one moment.

use rpc::Client;
use rpc::types::{
    ConsensusStatus, MempoolStatus, NodeStatus, PipelineTelemetry, ProofStatus, RolloutStatus, ValidatorPeers,
};
use serde::Serialize;

use crate::exit::Failure;

/// The answers of one node at one moment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct View {
    /// Who and where it is.
    pub node: NodeStatus,
    /// The height that is being decided.
    pub consensus: ConsensusStatus,
    /// What waits.
    pub mempool: MempoolStatus,
    /// How transactions pass.
    pub pipeline: PipelineTelemetry,
    /// What is proven; none where the node does not say, for example because its chain has no proofs.
    pub proofs: Option<ProofStatus>,
    /// Its peers; none where it does not say.
    pub peers: Option<ValidatorPeers>,
    /// Channel and telemetry.
    pub rollout: RolloutStatus,
    /// Names of the alerts that fire in Prometheus, sorted; none where no Prometheus was named.
    pub alerts: Option<Vec<String>>,
}

/// Asks the node, and Prometheus where there is one.
///
/// # Errors
/// [`Failure`] when one of them does not answer.
pub async fn gather(node: &Client, prometheus: Option<&Client>) -> Result<View, Failure> {
    let (status, consensus, mempool, pipeline, rollout) = futures::try_join!(
        node.node_status(),
        node.consensus_status(),
        node.mempool_status(),
        node.pipeline_telemetry(),
        node.rollout_status(),
    )?;
    let alerts = match prometheus {
        Some(prometheus) => Some(prometheus.prometheus_firing().await?),
        None => None,
    };
    Ok(View {
        node: status,
        consensus,
        mempool,
        pipeline,
        proofs: node.proof_status().await.ok(),
        peers: node.validator_peers().await.ok(),
        rollout,
        alerts,
    })
}
