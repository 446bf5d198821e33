//! Questions about the rollout of a node.

use super::{Client, ClientError};
use crate::routes::Operation;
use crate::types::RolloutStatus;

impl Client {
    /// `GET /status/rollout`.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn rollout_status(&self) -> Result<RolloutStatus, ClientError> {
        self.get(Operation::RolloutStatus, &[]).await
    }
}
