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
    /// Names of the alerts that fire in Prometheus, sorted; none where no Prometheus was named, or it does not answer.
    pub alerts: Option<Vec<String>>,
    /// Why Prometheus does not answer, where one was named.
    pub alerts_unknown: Option<String>,
}

/// Asks the node, and Prometheus where there is one. A Prometheus that does not answer is part of the view.
///
/// # Errors
/// [`Failure`] when the node does not answer, or has no consensus to tell of.
pub async fn gather(node: &Client, prometheus: Option<&Client>) -> Result<View, Failure> {
    let asked = futures::try_join!(
        node.node_status(),
        node.consensus_status(),
        node.mempool_status(),
        node.pipeline_telemetry(),
        node.rollout_status(),
    );
    let (status, consensus, mempool, pipeline, rollout) =
        asked.map_err(|error| Failure::from(error).or_wallet_runtime(node.base_url(), "consensus"))?;
    let (alerts, alerts_unknown) = match prometheus {
        Some(prometheus) => match prometheus.prometheus_firing().await {
            Ok(alerts) => (Some(alerts), None),
            Err(error) => (None, Some(error.to_string())),
        },
        None => (None, None),
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
        alerts_unknown,
    })
}
