//! What a client asks about snapshots and pruning, and how it takes a snapshot.

use primitives::{Hash, Height};

use super::{Client, ClientError, EventStream, read};
use crate::limits::{BODY_REPLY_BYTES_MAX, CHUNK_REPLY_BYTES_MAX, PLAN_REPLY_BYTES_MAX, SNAPSHOT_TIME_MAX};
use crate::routes::Operation;
use crate::types::{
    BreakerStatus, KeptBody, PruningStatus, SnapshotList, SnapshotView, StateSyncChunk, StateSyncPlan,
    StateSyncSession, StorageStatus, SyncProgress,
};

impl Client {
    /// `GET /snapshots`.
    ///
    /// # Errors
    /// See [`Client::health`]; so for every method below.
    pub async fn snapshots(&self) -> Result<SnapshotList, ClientError> {
        self.get(Operation::SnapshotList, &[]).await
    }

    /// `GET /status/pruning`.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn pruning_status(&self) -> Result<PruningStatus, ClientError> {
        self.get(Operation::PruningStatus, &[]).await
    }

    /// `GET /status/pruning/stream`.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn pruning_stream(&self) -> Result<EventStream<PruningStatus>, ClientError> {
        self.stream(Operation::PruningStream, &[]).await
    }

    /// `GET /status/storage`.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn storage_status(&self) -> Result<StorageStatus, ClientError> {
        self.get(Operation::StorageStatus, &[]).await
    }

    /// `GET /blocks/{height}/body`, at most [`BODY_REPLY_BYTES_MAX`] bytes.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn block_body(&self, height: Height) -> Result<KeptBody, ClientError> {
        let request = self.request(Operation::BlockBody.route(), &[&height.to_string()]);
        let (url, status, body) = self.send(request, self.request_timeout, BODY_REPLY_BYTES_MAX).await?;
        read(&url, status, &body)
    }

    /// `POST /snapshots`: answers once the snapshot is durable.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn make_snapshot(&self) -> Result<SnapshotView, ClientError> {
        self.answer(self.request(Operation::SnapshotMake.route(), &[]), SNAPSHOT_TIME_MAX).await
    }

    /// `GET /state-sync/plan`, at most [`PLAN_REPLY_BYTES_MAX`] bytes.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn state_sync_plan(&self) -> Result<StateSyncPlan, ClientError> {
        let request = self.request(Operation::StateSyncPlan.route(), &[]);
        let (url, status, body) = self.send(request, self.request_timeout, PLAN_REPLY_BYTES_MAX).await?;
        read(&url, status, &body)
    }

    /// `GET /state-sync/session`.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn state_sync_session(&self) -> Result<StateSyncSession, ClientError> {
        self.get(Operation::StateSyncSession, &[]).await
    }

    /// `GET /state-sync/session/stream`.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn state_sync_session_stream(&self) -> Result<EventStream<SyncProgress>, ClientError> {
        self.stream(Operation::StateSyncSessionStream, &[]).await
    }

    /// `POST /state-sync/session/start`.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn start_session(&self) -> Result<SyncProgress, ClientError> {
        self.answer(self.request(Operation::StateSyncSessionStart.route(), &[]), self.request_timeout).await
    }

    /// `POST /state-sync/session/resume`.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn resume_session(&self) -> Result<SyncProgress, ClientError> {
        self.answer(self.request(Operation::StateSyncSessionResume.route(), &[]), self.request_timeout).await
    }

    /// `POST /state-sync/session/cancel`.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn cancel_session(&self) -> Result<SyncProgress, ClientError> {
        self.answer(self.request(Operation::StateSyncSessionCancel.route(), &[]), self.request_timeout).await
    }

    /// `GET /p2p/snapshots/breaker`.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn snapshot_breaker(&self) -> Result<BreakerStatus, ClientError> {
        self.get(Operation::SnapshotBreaker, &[]).await
    }

    /// `POST /p2p/snapshots/breaker`.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn reset_snapshot_breaker(&self) -> Result<BreakerStatus, ClientError> {
        self.answer(self.request(Operation::SnapshotBreakerReset.route(), &[]), self.request_timeout).await
    }

    /// `GET /state-sync/chunk/{id}`, at most [`CHUNK_REPLY_BYTES_MAX`] bytes.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn state_sync_chunk(&self, id: &Hash) -> Result<StateSyncChunk, ClientError> {
        let request = self.request(Operation::StateSyncChunk.route(), &[&id.to_string()]);
        let (url, status, body) = self.send(request, self.request_timeout, CHUNK_REPLY_BYTES_MAX).await?;
        read(&url, status, &body)
    }
}
