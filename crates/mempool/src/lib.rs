//! Where signed transactions wait for a block: admission, order, replacement, expiry. Pure and bounded.
//!
//! Model: one account of waiting transactions per payer, keyed by nonce. The unbroken run that starts at the
//! account's nonce is *pending* (includable now); what stands behind a gap is *queued*. Both lanes share one
//! limit; each keeps its own order.
//!
//! ```text
//!                 ┌── refused by name (Rejection), nothing changes
//! admit ──────────┤
//!                 ├──► queued ──gap filled──► pending ──select──► in a block ──► committed
//!                 └──► pending      │            │
//!                                   └────────────┴── expired · nonce used · balance below fee
//! ```
//!
//! Rules
//! - Time, heights, fees and accounts are arguments; nothing here reads a clock, a disk or a network.
//! - A full queue refuses the newcomer and evicts nobody. What leaves is included, expired, replaced by its own
//!   sender, or can no longer be paid for; every drop has a name ([`DropReason`]).
//! - Only a [`CheckedTransaction`] enters: form and signature were verified for this chain.
//! - A payer's transactions leave in nonce order, whatever their tips are.
//! - The order is that of [`order`]: age and tip by their weights, strictly first come, first served at fee weight 0.
//! - The queue starts empty with the process. Admission promises nothing across a crash.
//!
//! Registrations of identities have a queue of their own: they are ordered with the rest, but counted and limited
//! apart. Votes wait in the consensus adapter under the same limit.
//!
//! Read next: `pool.rs` (the rules of admission), `select.rs` (how a block is filled), then
//! `consensus/src/handlers/get_value.rs`.

mod checked;
mod config;
pub mod order;
mod pool;
mod select;
mod sender;
mod status;

#[cfg(test)]
mod tests;

pub use checked::{CheckedTransaction, ReadTransaction};
pub use config::{
    LIMIT_DEFAULT, LIMIT_MAX, MempoolConfig, MempoolConfigError, NONCE_GAP_DEFAULT, NONCE_GAP_MAX, PER_SENDER_DEFAULT,
    PPM, QUEUED_SHARE_DIVISOR, REPLACEMENT_STEP_PERCENT,
};
pub use pool::{AccountReader, AccountState, Admission, DropReason, Dropped, Included, Mempool, Terms};
pub use select::{Candidate, SelectLimits, Selection};
pub use status::{LIST_MAX, LaneStatus, QueueStatus, Status, Waiting};
