//! A whole network of validators in one thread on virtual time, made to fail in every way that the seed says.
//!
//! ```text
//! seed ─► plan ─► world: queue of events ─► N × (Machine ─ Application ─ Replica ─ Store on a faulty disk)
//!                   │                             │
//!                   └── network, faults, wallets  └── judge: named properties ─► report: verdict, trace hash
//! ```
//!
//! What runs is what ships: `consensus` (core, app loop, codecs), `replica`, `state`, `mempool`, `tree`, the
//! commit protocol of `storage`. What is modelled is the world around it: links, disk, clock, the file of the
//! double-sign guard, the order in which value sync asks its peers.
//!
//! Rules
//! - The same plan gives the same trace hash, on every machine.
//! - A run ends at the first property that does not hold, and the report names it.
//! - Nothing here reads a clock, a file or the network.
//!
//! Read next: `plan.rs`, `world.rs`, `properties.rs`; for users `spec/simulation.md`.

pub mod batch;
pub mod chain;
pub mod dishonest;
mod faults;
pub mod guard;
pub mod log;
mod network;
pub mod node;
pub mod plan;
pub mod properties;
pub mod random;
pub mod report;
pub mod run;
pub mod summary;
pub mod traffic;
pub mod world;

pub use batch::run_seeds;
pub use plan::{Plan, PlanError};
pub use report::{Report, Verdict};
pub use run::run;
pub use summary::Summary;
