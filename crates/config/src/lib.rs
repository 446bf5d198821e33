//! What one node is told: its configuration, where each value came from, and where its files lie.
//!
//! ```text
//! flag  >  environment  >  <home>/.env  >  other .env  >  node.toml  >  default
//!   └──────────────┴──────────┬─┴──────────────┴────────────┘
//!                    sources.rs: one Setting (value, source) per key
//!                             │
//!                    node.rs: NodeConfig, typed        rules.rs: rules over several keys
//! ```
//!
//! Everything about a key stands in one table ([`KEYS`]). The template, the manual page, `config show` and
//! `config check` are made from it, so they cannot disagree with the loader.
//!
//! Rules
//! - A key that the table does not have is refused, and the nearest one is named. A key of a feature that this
//!   version does not have is refused by name ([`keys::LATER`]).
//! - Every value of every source must be valid, also one that a stronger source replaces.
//! - All problems are reported at once. Files are only ever read, except the one that [`set`] replaces when asked.
//! - Secrets have a type of their own ([`Secret`]). No message, table or error holds one.
//! - The environment is an argument. Nothing here looks at the environment or the folder of the process.
//!
//! Read next: [`keys`] (the table), then `sources.rs`, `node.rs`, `check.rs`.

mod address;
mod channel;
mod check;
mod dotenv;
mod edit;
mod error;
mod files;
mod gates;
mod home;
pub mod keys;
mod node;
mod print;
pub mod profile;
mod pruning;
mod reconstruction;
mod rules;
mod secret;
mod snapshots;
mod sources;
mod storage;
mod tokens;
mod value;

#[cfg(test)]
mod tests;

pub use channel::{NoChannel, ReleaseChannel};
pub use check::{Problem, Report, Severity, check};
pub use edit::{Change, Edited, set};
pub use error::{ConfigError, ConfigErrors};
pub use files::FILE_BYTES_MAX;
pub use gates::{FeatureGates, Gate, GateKind, GateState};
pub use home::{Home, default_root};
pub use keys::{KEYS, Key, nearest};
pub use node::{
    ConsensusConfig, DrillConfig, Loaded, LogConfig, LogFormat, Mode, NodeConfig, P2pConfig, RateLimitConfig,
    RpcConfig, SignerConfig, TelemetryConfig, TlsConfig, Token, WalletConfig,
};
pub use print::{env_example, markdown, show, template, template_with};
pub use profile::{Drift, Profile, Profiles};
pub use pruning::PruningConfig;
pub use reconstruction::{ArchivePlace, ReconstructionConfig, S3Config, S3Key};
pub use secret::Secret;
pub use snapshots::SnapshotConfig;
pub use sources::{Setting, Source, unknown_environment};
pub use storage::StorageConfig;
pub use tokens::{SCOPES, TOKENS_MAX};
pub use value::{Kind, Value};
