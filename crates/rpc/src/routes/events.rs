//! Names of server-sent events.
//!
//! Read next: [`super::ROUTES`].

/// Name of the events of the block stream.
pub const EVENT_BLOCK: &str = "block";
/// Name of the events of the stream of heads.
pub const EVENT_HEAD: &str = "head";
/// Name of the events of an account's stream.
pub const EVENT_PAYMENT: &str = "payment";
/// Name of the events of the pipeline's stream.
pub const EVENT_PIPELINE: &str = "telemetry";
/// Name of the events of the stream of a state-sync session.
pub const EVENT_PROGRESS: &str = "progress";
/// Name of the events of the stream of pruning.
pub const EVENT_PRUNING: &str = "pruning";
/// Name of the events of a transaction's stream.
pub const EVENT_STATUS: &str = "status";
/// Name of the event that ends any stream: its data is an [`crate::ApiError`].
pub const EVENT_ERROR: &str = "error";
