//! The session in which a node takes a snapshot of others, and the breaker that holds such sessions back.

use primitives::{Height, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where a session is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SyncPhase {
    /// None was begun since the start of the node.
    #[default]
    Idle,
    /// Sources are asked which snapshots they have.
    Finding,
    /// Chunks are fetched.
    Fetching,
    /// All chunks are here; they are checked again and made durable.
    Keeping,
    /// It ended well.
    Done,
    /// Somebody ended it. The chunks that are here stay for the next one.
    Cancelled,
    /// It ended with a failure.
    Failed,
}

impl SyncPhase {
    /// Whether it goes on.
    pub const fn is_running(self) -> bool {
        matches!(self, Self::Finding | Self::Fetching | Self::Keeping)
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Finding => "finding",
            Self::Fetching => "fetching",
            Self::Keeping => "keeping",
            Self::Done => "done",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }
}

/// A source that is not asked any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DroppedSource {
    /// Its URL, or its peer id.
    pub source: String,
    /// Why.
    pub reason: String,
}

/// How far a session is, or how the last one ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SyncProgress {
    /// Where it is.
    pub phase: SyncPhase,
    /// The height of the snapshot; none until it is found.
    #[schema(value_type = Option<u64>)]
    pub height: Option<Height>,
    /// How many chunks it has.
    pub chunks: u64,
    /// How many of them are here.
    pub chunks_done: u64,
    /// How many of these an earlier session or process had fetched.
    pub chunks_resumed: u64,
    /// Bytes that this session has fetched.
    pub bytes_done: u64,
    /// Who has the snapshot: URLs and peer ids.
    pub sources: Vec<String>,
    /// Who is not asked any more.
    pub dropped: Vec<DroppedSource>,
    /// Why it ended, where there is something to say.
    pub reason: Option<String>,
    /// When it began.
    #[schema(value_type = Option<u64>)]
    pub started_at: Option<Timestamp>,
    /// How long it took, milliseconds; 0 while it goes on.
    pub milliseconds: u64,
}

/// What the breaker of sessions is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BreakerState {
    /// Sessions begin.
    Closed,
    /// No session begins.
    Open,
    /// One may begin; if it fails too, the breaker is open again.
    HalfOpen,
}

impl BreakerState {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

/// `GET /p2p/snapshots/breaker`: whether sessions begin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BreakerStatus {
    /// What it is.
    pub state: BreakerState,
    /// Sessions that failed in a row.
    pub failures: u32,
    /// How many open it.
    pub failures_max: u32,
    /// Until when it is open; none while it is not.
    #[schema(value_type = Option<u64>)]
    pub until: Option<Timestamp>,
}
