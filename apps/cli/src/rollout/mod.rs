//! Whether a chain may step up to the next stage: facts are gathered, then judged by the profile of the stage.
//!
//! ```text
//! config/defaults/mainnet.toml ─► profile ─┐
//! node or node.toml + genesis ─► drift ────┤
//! node of the stage before ─► soak, epochs ┼─► judge: one finding per question ─► ready only when nothing is open
//! release folders, Prometheus ─────────────┤
//! evidence.toml, baseline.json ────────────┘
//! ```
//! Rules
//! - What cannot be known from what was given is `unknown`, says what would answer it, and counts as not ready.
//! - A question that the profile of the stage does not ask is `not_asked` and holds nobody up.
//! - That the tests passed is read from the provenance of the release, once its signature was verified.
//! - What people did, such as agreeing to a time, is written into the evidence file by people; the check shows whose
//!   word it took.
//! - Nothing is changed anywhere, but by `recover.rs`, which takes a stopped node back and writes an incident about it.
//!
//! Read next: `judge.rs` and `soaked.rs` (the questions), `incident.rs`, `gather.rs` (where the facts come from), `docs/deployment/staged_rollout.md`.

pub mod baseline;
pub mod evidence;
pub mod gather;
pub mod incident;
pub mod judge;
pub mod recover;
mod soaked;

pub use baseline::Baseline;
pub use evidence::Evidence;
pub use judge::{Facts, Finding, Report, Verdict, judge};
