//! The pipeline view of this node, for dashboards.

use primitives::Stage;
use rpc::ApiError;
use rpc::types::pipeline::DASHBOARD_MAX;
use rpc::types::{PipelineDashboard, PipelineErrors, PipelineFlow, PipelineGossip, PipelineStage, PipelineTelemetry};

use super::server::Server;
use super::{blocks, transactions};
use crate::clock;
use crate::pipeline::Way;

/// Stages at which a transaction can stop.
const STOPS: [Stage; 5] = [Stage::Received, Stage::Admitted, Stage::Gossiped, Stage::Proposed, Stage::Decided];

/// `/wallet/pipeline/telemetry`.
///
/// # Errors
/// None of its own.
pub fn telemetry(server: &Server) -> Result<PipelineTelemetry, ApiError> {
    let pipeline = &server.shared.stages.pipeline;
    let metrics = &pipeline.metrics;
    let stages = pipeline.stages().into_iter().map(|(stage, times)| {
        let [p50_ms, p95_ms, p99_ms] = times.percentiles.map_or([None; 3], |times| times.map(Some));
        PipelineStage { stage, count: times.count, p50_ms, p95_ms, p99_ms }
    });
    let errors = STOPS.map(|stage| PipelineErrors { stage, count: metrics.errors.with([stage.name()]).get() });
    let verdict = |name| metrics.gossip_events.with([name]).get();
    Ok(PipelineTelemetry {
        height: blocks::head(server),
        time_ms: clock::now(),
        stages: stages.collect(),
        errors: errors.to_vec(),
        gossip: PipelineGossip {
            accepted: verdict("accepted"),
            ignored: verdict("ignored"),
            rejected: verdict("rejected"),
        },
        proposer_changes: metrics.proposer_changes.get(),
    })
}

/// `/wallet/pipeline/dashboard`.
///
/// # Errors
/// None of its own.
pub fn dashboard(server: &Server) -> Result<PipelineDashboard, ApiError> {
    let flows = server.shared.stages.pipeline.newest(DASHBOARD_MAX).into_iter().map(flow).collect();
    Ok(PipelineDashboard { telemetry: telemetry(server)?, flows })
}

fn flow(way: Way) -> PipelineFlow {
    let (stage, reason) = way.progress.stage();
    PipelineFlow {
        id: way.id,
        stage,
        reason: reason.map(str::to_owned),
        height: way.height,
        reached: transactions::reached(&way.progress),
    }
}
