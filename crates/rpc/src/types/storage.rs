//! How a node looks after its store: what was checked, what was found, what is not back yet.

use primitives::Height;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Something that the scrub found to be not what was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScrubFinding {
    /// The height that it belongs to.
    #[schema(value_type = u64)]
    pub height: Height,
    /// The column of the store.
    pub column: String,
    /// What is wrong.
    pub reason: String,
}

/// `GET /status/storage`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StorageStatus {
    /// What the scrub does: `off`, `idle`, `scrubbing`, `backlog`, `disk_full` or `failed`.
    pub scrub: String,
    /// Why the last look failed, while the scrub is `failed`.
    pub failure: Option<String>,
    /// The height that is checked next; it outlives restarts.
    #[schema(value_type = u64)]
    pub next_height: Height,
    /// Times that the scrub was through the whole store.
    pub passes: u64,
    /// When it last was, milliseconds since the Unix epoch; none while it never was.
    pub passed_at_ms: Option<u64>,
    /// Bytes of bodies checked since the start.
    pub scrubbed_bytes: u64,
    /// Findings since the start.
    pub findings_total: u64,
    /// The newest findings, at most 100.
    pub findings: Vec<ScrubFinding>,
    /// How many heights are damaged and not back yet.
    pub quarantined_total: u64,
    /// The lowest of them, at most 100.
    #[schema(value_type = Vec<u64>)]
    pub quarantined: Vec<Height>,
    /// Bodies that peers gave whole since the start.
    pub refetched: u64,
    /// Bodies from peers that were wrong, since the start.
    pub refused: u64,
    /// Where the damaged store lies, when this start built it anew.
    pub mended_from: Option<String>,
    /// Where the damaged store lies, when this start took the chain again from others.
    pub rebuilt_from: Option<String>,
    /// From what it was taken: `snapshot`, `peers` or `genesis`.
    pub rebuilt_by: Option<String>,
    /// Bytes of the journals.
    pub journal_bytes: u64,
    /// Bytes of journals above which they are flushed.
    pub journal_bytes_max: u64,
}
