//! The lines of the table about snapshots: what a node has, what it gives to others, and the session in which it takes one.
//!
//! Read next: [`super::ROUTES`], where they stand in the order of the documents; `spec/snapshots.md`.

use super::parameters::{CHUNK, CHUNK_INDEX};
use super::{EVENT_PROGRESS, events, get, json};
use crate::error::ErrorCode;
use crate::route::{Access, Method, Route};
use crate::routes::Operation;
use crate::types::{
    BreakerStatus, SnapshotList, SnapshotView, StateSyncChunk, StateSyncPlan, StateSyncSession, SyncProgress,
};

/// A route that steers the session of this node.
const fn steer(operation: Operation, path: &'static str, operation_id: &'static str, summary: &'static str) -> Route {
    Route {
        summary,
        method: Method::Post,
        access: Access::Write,
        errors: &[ErrorCode::Unauthorized, ErrorCode::NOT_READY],
        ..get(operation, path, operation_id, json::<SyncProgress>())
    }
}

pub(super) const SNAPSHOT_LIST: Route = Route {
    summary: "the snapshots of this node, the highest first",
    method_name: Some("snapshot.list"),
    ..get(Operation::SnapshotList, "/snapshots", "snapshots", json::<SnapshotList>())
};

pub(super) const SNAPSHOT_MAKE: Route = Route {
    summary: "makes a snapshot of the last finalized height; answers once it is durable",
    method: Method::Post,
    access: Access::Write,
    errors: &[ErrorCode::Unauthorized, ErrorCode::NOT_READY],
    ..get(Operation::SnapshotMake, "/snapshots", "snapshot_make", json::<SnapshotView>())
};

pub(super) const STATE_SYNC_PLAN: Route = Route {
    summary: "what a node that syncs its state fetches: the manifest of the newest snapshot and its chunks",
    errors: &[ErrorCode::NOT_READY],
    ..get(Operation::StateSyncPlan, "/state-sync/plan", "state_sync_plan", json::<StateSyncPlan>())
};

pub(super) const STATE_SYNC_SESSION: Route = Route {
    summary: "what this node gives to others, how much it gave, and the session in which it takes a snapshot itself",
    method_name: Some("state_sync.session"),
    ..get(Operation::StateSyncSession, "/state-sync/session", "state_sync_session", json::<StateSyncSession>())
};

pub(super) const STATE_SYNC_CHUNK: Route = Route {
    summary: "one chunk by its place or hash; 400 outside the list, 404 when it is missing, 503 without a session",
    parameters: &[CHUNK],
    errors: &[ErrorCode::BadRequest, ErrorCode::NotFound, ErrorCode::NOT_READY],
    ..get(Operation::StateSyncChunk, "/state-sync/chunk/{id}", "state_sync_chunk", json::<StateSyncChunk>())
};

pub(super) const STATE_SYNC_CHUNK_BY_INDEX: Route = Route {
    summary: "the same for older clients, by place alone",
    parameters: &[CHUNK_INDEX],
    errors: &[ErrorCode::BadRequest, ErrorCode::NotFound, ErrorCode::NOT_READY],
    ..get(Operation::StateSyncChunkByIndex, "/state-sync/chunk", "state_sync_chunk_by_index", json::<StateSyncChunk>())
};

pub(super) const STATE_SYNC_SESSION_STREAM: Route = Route {
    summary: "how far the session of this node is, at once and at each change; a beat every 10 s",
    ..get(
        Operation::StateSyncSessionStream,
        "/state-sync/session/stream",
        "state_sync_session_stream",
        events::<SyncProgress>(EVENT_PROGRESS),
    )
};

pub(super) const STATE_SYNC_SESSION_START: Route = steer(
    Operation::StateSyncSessionStart,
    "/state-sync/session/start",
    "state_sync_session_start",
    "begins to take the newest snapshot of this node's peers on its shelf; 503 while one runs or the breaker is open",
);

pub(super) const STATE_SYNC_SESSION_RESUME: Route = steer(
    Operation::StateSyncSessionResume,
    "/state-sync/session/resume",
    "state_sync_session_resume",
    "the same, only where an earlier session left chunks",
);

pub(super) const STATE_SYNC_SESSION_CANCEL: Route = steer(
    Operation::StateSyncSessionCancel,
    "/state-sync/session/cancel",
    "state_sync_session_cancel",
    "ends the running session; its chunks stay for the next one",
);

pub(super) const SNAPSHOT_BREAKER: Route = Route {
    summary: "the breaker of sessions: closed, open or half_open, failures in a row, and until when it is open",
    method_name: Some("snapshot.breaker"),
    ..get(Operation::SnapshotBreaker, "/p2p/snapshots/breaker", "snapshot_breaker", json::<BreakerStatus>())
};

pub(super) const SNAPSHOT_BREAKER_RESET: Route = Route {
    summary: "closes the breaker of sessions",
    method: Method::Post,
    access: Access::Write,
    errors: &[ErrorCode::Unauthorized],
    ..get(Operation::SnapshotBreakerReset, "/p2p/snapshots/breaker", "snapshot_breaker_reset", json::<BreakerStatus>())
};
