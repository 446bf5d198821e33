//! Questions about the way of transactions through a node.

use super::{Client, ClientError};
use crate::routes::Operation;
use crate::types::{PipelineDashboard, PipelineTelemetry};

impl Client {
    /// `GET /wallet/pipeline/telemetry`.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn pipeline_telemetry(&self) -> Result<PipelineTelemetry, ClientError> {
        self.get(Operation::PipelineTelemetry, &[]).await
    }

    /// `GET /wallet/pipeline/dashboard`.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn pipeline_dashboard(&self) -> Result<PipelineDashboard, ClientError> {
        self.get(Operation::PipelineDashboard, &[]).await
    }
}
