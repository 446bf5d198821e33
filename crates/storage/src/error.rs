//! Every way the store can refuse, one variant per cause. Each message says what happened, where, and what to
//! do next.

use std::path::PathBuf;

use primitives::{Height, Round};

/// What an operator does about damage.
const RESTORE: &str = "next: stop the node and run tb storage repair with the URL of a node that has every block; where that is \
                       refused, move the folder data aside, keep guard and keys, and start again, so that the node syncs the chain \
                       from its peers; check the disk before it is used again";

/// Why a store call did nothing.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The operating system refused a file operation.
    #[error("cannot {action} {}: {source}; next: check that the path exists, is writable and has free \
             space", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The key-value engine refused.
    #[error(
        "the storage engine failed to {action} in {place}: {cause}; next: check free space and the disk's \
         health, then restart the node"
    )]
    Engine {
        /// What was tried.
        action: &'static str,
        /// The directory, or the kind of store that has none.
        place: String,
        /// The engine's words.
        cause: String,
    },
    /// A stored value is not what was written.
    #[error("stored value is damaged: column {column}, key {key}, in {place}: {reason}; {RESTORE}")]
    Damaged {
        /// The column.
        column: &'static str,
        /// The key in hexadecimal.
        key: String,
        /// The directory, or the kind of store that has none.
        place: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A file of the store is not what was written.
    #[error("file of the store is damaged: {}: {reason}; {RESTORE}", path.display())]
    DamagedFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, with the offset where known.
        reason: String,
    },
    /// The store is behind what it acknowledged.
    #[error(
        "acknowledged writes are missing from {place}: the store ends at batch {stored} (height {stored_height}), \
             its mark says batch {marked} (height {marked_height}); {RESTORE}"
    )]
    LostBlocks {
        /// The directory, or the kind of store that has none.
        place: String,
        /// Last batch found.
        stored: u64,
        /// Height of that batch, 0 before the first block.
        stored_height: Height,
        /// Last batch acknowledged.
        marked: u64,
        /// Height of that batch, 0 before the first block.
        marked_height: Height,
    },
    /// Written by an older version of this program.
    #[error(
        "the store in {place} has schema {found}, this build reads schema {supported}; next: run tb migrate while the node is stopped"
    )]
    OldSchema {
        /// The directory, or the kind of store that has none.
        place: String,
        /// The schema found.
        found: u32,
        /// The schema of this build.
        supported: u32,
    },
    /// Written by a newer version of this program, or by one that is too old.
    #[error(
        "the store in {place} has schema {found}, this build reads schema {supported}; next: start the build that \
             wrote it, or move the directory aside and sync again"
    )]
    UnknownSchema {
        /// The directory, or the kind of store that has none.
        place: String,
        /// The schema found.
        found: u32,
        /// The schema of this build.
        supported: u32,
    },
    /// Belongs to another chain.
    #[error(
        "the store in {place} belongs to the chain with genesis {found}, not {expected}; next: start with the \
             genesis file of that chain, or with another directory"
    )]
    OtherChain {
        /// The directory, or the kind of store that has none.
        place: String,
        /// The genesis hash found.
        found: String,
        /// The genesis hash asked for.
        expected: String,
    },
    /// Windows are saved one after another.
    #[error("the proof of window {got} cannot be kept: window {expected} is next; next: hand in the missing proofs")]
    WrongWindow {
        /// The window that is next.
        expected: u64,
        /// The window handed in.
        got: u64,
    },
    /// Another process has it open.
    #[error("the store in {} is in use by another process; next: stop that node, or give this one a directory of \
             its own", path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// The store would take more than it may.
    #[error(
        "the store in {place} takes {used} bytes, this write adds up to {adds}, and the limit is {limit}; nothing was \
         written; next: raise store_limit_bytes (TB_SIMPLE_DB_LIMIT_BYTES) if the disk has room, and start the node again"
    )]
    Full {
        /// The directory, or the kind of store that has none.
        place: String,
        /// Bytes taken.
        used: u64,
        /// Bytes of the keys and values of the write.
        adds: u64,
        /// Most bytes that may be taken.
        limit: u64,
    },
    /// An earlier write failed, so what is durable is unknown until the next start.
    #[error(
        "the store is closed after a failed write: {cause}; next: remove the cause and restart the node, which \
         recovers to the last durable block"
    )]
    Poisoned {
        /// The first failure.
        cause: String,
    },
    /// A commit out of order: a fault of the caller.
    #[error(
        "commit of height {got} on a store that expects height {expected}; this is a fault of the program, \
         please report it; next: restart the node"
    )]
    WrongHeight {
        /// The height after the head.
        expected: Height,
        /// The height of the batch.
        got: Height,
    },
    /// There is no genesis state yet.
    #[error("the store has no genesis state; next: initialise it from the genesis file")]
    NotInitialised,
    /// There is a genesis state already.
    #[error("the store already has a genesis state; next: open it instead of initialising it")]
    AlreadyInitialised,
    /// Another proposal was built for the same height and round.
    #[error("another candidate is stored for height {height} round {round}; next: offer the stored one again")]
    CandidateConflict {
        /// The height.
        height: Height,
        /// The round.
        round: Round,
    },
    /// A height that cannot be quarantined.
    #[error(
        "height {height} is damaged and cannot be quarantined: it is the last one, it has no body, or too many heights are; {RESTORE}"
    )]
    Unquarantinable {
        /// The height.
        height: Height,
    },
    /// Too many damaged stores lie aside.
    #[error(
        "{count} damaged stores lie aside in {}; next: look at the disk, and remove those that nobody needs",
        folder.display()
    )]
    TooManyAside {
        /// Their folder.
        folder: PathBuf,
        /// How many.
        count: usize,
    },
    /// A value is larger than its bound.
    #[error(
        "{what} of {bytes} bytes is over the bound of {bound} bytes; this is a fault of the program, please report it"
    )]
    TooLarge {
        /// What it is.
        what: &'static str,
        /// Its size.
        bytes: usize,
        /// The most allowed.
        bound: usize,
    },
    /// A rebuild of the history index was interrupted.
    #[error(
        "the history index is incomplete because its rebuild was interrupted; next: stop the node and run \
         tb node rebuild-history"
    )]
    HistoryIncomplete,
}

impl StorageError {
    /// Whether something stored is not what was written.
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged { .. } | Self::DamagedFile { .. })
    }

    /// Whether something that was acknowledged is missing or is not what was written.
    pub fn is_loss(&self) -> bool {
        self.is_damage() || matches!(self, Self::LostBlocks { .. })
    }
}
