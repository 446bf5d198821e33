//! The pipeline view: how transactions pass through this node, in numbers and one by one.
//!
//! Times are of this node's clock. A stage's time counts from the latest stage before it.

use primitives::{Height, Timestamp, TransactionId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::transaction::{Stage, StageTime};
use crate::schema::{StageText, TransactionIdText};

/// Most transactions in a [`PipelineDashboard`].
pub const DASHBOARD_MAX: usize = 100;

/// One stage of the pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PipelineStage {
    /// The stage that was reached.
    #[schema(value_type = StageText)]
    pub stage: Stage,
    /// Finalized transactions that this node saw reach it, since its start.
    pub count: u64,
    /// Half of the newest ones took no longer, milliseconds; null without one.
    pub p50_ms: Option<u64>,
    /// 95 of 100 took no longer.
    pub p95_ms: Option<u64>,
    /// 99 of 100 took no longer.
    pub p99_ms: Option<u64>,
}

/// Transactions that stopped at one stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PipelineErrors {
    /// The last stage that they had reached.
    #[schema(value_type = StageText)]
    pub stage: Stage,
    /// How many, since the start.
    pub count: u64,
}

/// Batches of transactions from peers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PipelineGossip {
    /// Something in it was new, and it was passed on.
    pub accepted: u64,
    /// Nothing in it was new or allowed here.
    pub ignored: u64,
    /// Something in it can never be valid.
    pub rejected: u64,
}

/// `GET /wallet/pipeline/telemetry`, and each event of `/wallet/pipeline/stream`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PipelineTelemetry {
    /// The last finalized height.
    #[schema(value_type = u64)]
    pub height: Height,
    /// When this was read.
    #[schema(value_type = u64)]
    pub time_ms: Timestamp,
    /// Each stage after `received`, in order.
    pub stages: Vec<PipelineStage>,
    /// Where transactions stopped, in order of the stages.
    pub errors: Vec<PipelineErrors>,
    /// What peers sent.
    pub gossip: PipelineGossip,
    /// Times that a round had another proposer than the round before.
    pub proposer_changes: u64,
}

/// One transaction of the pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PipelineFlow {
    /// The transaction.
    #[schema(value_type = TransactionIdText)]
    pub id: TransactionId,
    /// Where it is, or how it stopped.
    #[schema(value_type = StageText)]
    pub stage: Stage,
    /// Why it stopped.
    pub reason: Option<String>,
    /// Its block.
    #[schema(value_type = Option<u64>)]
    pub height: Option<Height>,
    /// Each stage that was seen here, in order.
    pub reached: Vec<StageTime>,
}

/// `GET /wallet/pipeline/dashboard`: the numbers, and the newest transactions that arrived or stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PipelineDashboard {
    /// The numbers.
    pub telemetry: PipelineTelemetry,
    /// At most 100, newest first.
    pub flows: Vec<PipelineFlow>,
}
