//! What turns a chain into blocks: the adapter over the Malachite engine, and the `solo` engine.
//!
//! ```text
//!   peers ⇄ Malachite (votes, rounds, WAL, value sync)
//!                │ AppMsg                       ▲ reply
//!                ▼                              │
//!           app.rs: one loop, one match, one handler per message
//!                │                              ▲
//!                ▼                              │
//!           replica::application::Application (build, verify, commit)
//! ```
//!
//! Rules
//! - Malachite decides on a block's hash; the block's bytes travel as proposal parts, in value sync and in the WAL.
//! - A block is executed before this node prevotes for it, and durable before the next height starts.
//! - A signature that the signer refuses is replaced by one that nobody counts: the node abstains and goes on.
//! - A [`replica::application::Fault`] stops the engine before anything else is signed.
//! - Blocks are paced here, by waiting before the next height; the engine's own target time stays unset.
//!
//! [`machine::Machine`] is the same validator without threads, sockets, clock and disk, for simulation.
//!
//! Only this crate names Malachite. Read next: `app.rs`, then `handlers/get_value.rs`.

mod again;
pub mod app;
pub mod blocks;
pub mod certificate;
pub mod codec;
pub mod context;
mod crash;
pub mod engine;
pub mod events;
mod handlers;
pub mod machine;
mod offers;
pub mod pacing;
mod room;
pub mod settings;
pub mod signer;
pub mod solo;
pub mod state;
pub mod streaming;
pub mod timeouts;
pub mod types;
pub mod vote_queue;
pub mod wal;

pub use crash::{WalCrashPoint, WalCrashPointError};
pub use engine::{EngineError, EngineHandle, export_metrics, start};
pub use events::{ConsensusEvent, EquivocationKind, Status, StepName, StopReason};
pub use room::Room;
pub use settings::{EngineConfig, Multiaddr};
pub use signer::{LoggedMessage, SignRefused, SignedStep, VoteSigner};
pub use solo::{SoloConfig, SoloHandle, start_solo};
pub use state::{Clock, SharedApplication};
