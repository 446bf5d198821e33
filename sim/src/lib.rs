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
//! double-sign guard, the order in which value sync asks its peers, and chain proofs, for which there are stand-ins.
//!
//! Rules
//! - The same plan gives the same trace hash, on every machine.
//! - A run ends at the first property that does not hold, and the report names it.
//! - Nothing here reads a clock, a file or the network.
//!
//! Read next: `plan.rs`, `world.rs`, `properties.rs`; for users `spec/simulation.md`.

pub mod batch;
pub mod candidates;
pub mod chain;
mod copies;
pub mod csv;
mod damage;
pub mod dishonest;
mod faults;
pub mod guard;
pub mod histogram;
mod injected;
pub mod joining;
pub mod log;
pub mod lottery;
pub mod memory;
pub mod mesh;
pub mod network;
pub mod node;
mod outputs;
pub mod page;
pub mod plan;
pub mod profiles;
pub mod properties;
pub mod property;
mod provers;
pub mod proving;
mod pruned;
pub mod random;
mod readiness;
pub mod registry;
pub mod replay;
pub mod report;
pub mod run;
pub mod shrink;
pub mod stake;
pub mod stakers;
pub mod stand_in;
pub mod subjects;
pub mod summary;
pub mod timeline;
pub mod traffic;
mod upkeep;
pub mod witness;
pub mod world;

pub use batch::{Batch, JournalError, run_seeds};
pub use plan::{Format, Plan, PlanError};
pub use profiles::{ProfileError, profile};
pub use replay::replay;
pub use report::{Report, Verdict};
pub use run::run;
pub use shrink::{Shrunk, shrink};
pub use summary::Summary;
pub use timeline::{Timeline, watch};
