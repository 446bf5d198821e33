//! The durable storage of one node: blocks, receipts, indexes and state, on disk, in memory or on a disk that
//! fails on demand.
//!
//! Model: columns of ordered bytes ([`columns`]) in one key-value engine. A block and everything it changes is
//! one atomic batch ([`Store::commit`]), durable before the call returns. The store knows no trees and executes
//! nothing: it keeps bytes and finds them again.
//!
//! Rules
//! - Commits come in height order, one at a time; nothing above [`Store::head`] is visible.
//! - Every value carries a checksum that is verified on every read; every file is audited before it is opened.
//!   Damage is refused by name and place, or quarantined ([`Store::mend`]), never repaired in silence.
//! - An independent mark ([`mark`]) catches a store that lost acknowledged blocks; a torn write after a crash is
//!   dropped in silence.
//! - A failed write poisons the handle: stop, restart, recover.
//!
//! - A copy is made of one moment ([`Store::freeze`]) while blocks go on; a store that was filled from one begins at its
//!   [`Base`] instead of at genesis.
//!
//! It refuses to: open what is damaged, share a directory between processes.
//!
//! Read next: [`columns`] (every key to the byte), `commit.rs` (the durability point), `open.rs`, `audit.rs`.

pub mod archive;
mod audit;
mod backend;
mod base;
mod batch;
mod check;
pub mod columns;
mod commit;
mod compact;
mod crash;
mod error;
mod evidence;
pub mod files;
mod frozen;
mod headers;
mod history;
mod journal;
pub mod mark;
mod mend;
mod migrate;
mod open;
mod proofs;
mod prune;
mod quarantine;
mod read;
mod rebuilt;
mod repair;
mod value;

#[cfg(test)]
mod tests;

pub use audit::{Audit, BadFile};
pub use backend::StoreSizes;
pub use backend::faulty::{Fault, FaultOn, FaultyDisk, FaultySnapshot};
pub use base::Base;
pub use batch::{CommitBatch, Entry, GenesisBatch, TransactionPlace};
pub use check::{Digest, Finding};
pub use columns::CandidateOrigin;
pub use commit::{CANDIDATES_MAX, KEY_BYTES_MAX, VALUE_BYTES_MAX};
pub use compact::{PRUNED_SPACES, REWRITE_SHARE, Removed};
pub use crash::{CrashPoint, CrashPointTextError, set_crash_point};
pub use error::StorageError;
pub use files::faulty::{FaultyFiles, FileOperation};
pub use files::{Files, system_files};
pub use frozen::{DecidedBlock, Frozen};
pub use headers::DecidedHeader;
pub use history::{HISTORY_PAGE_MAX, HistoryEntry, HistoryKey, HistoryKind, history_of};
pub use mark::{Head, Mark};
pub use mend::Mended;
pub use migrate::{Migration, SCHEMA_OLDEST};
pub use open::{Opening, RECENT_HEIGHTS, Store, StoreConfig, Verify};
pub use prune::{Checkpoint, PIECE_BYTES, PIECE_HEIGHTS, PruneTo, Pruned, Pruning};
pub use quarantine::{QUARANTINE_MAX, Quarantined, Refused};
pub use rebuilt::{ASIDE_MAX, Aside, Held, Places};
pub use repair::{Body, RepairError, Repaired, Source, Trust};
