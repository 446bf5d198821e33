//! Every way a snapshot can be refused, one variant per cause. Each message says what happened, and what to do next.

use std::path::PathBuf;

use primitives::{CertificateError, Hash};
use storage::StorageError;

/// What an operator does about a bad copy.
const ANOTHER: &str = "next: use another snapshot, of this node or of another one";

/// Why a snapshot was not made, listed, verified or used.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The operating system refused a file operation.
    #[error("cannot {action} {}: {source}; next: check that the path exists, is writable and has free space", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The store refused.
    #[error("{0}")]
    Storage(#[from] StorageError),
    /// There is no block yet.
    #[error("no block is finalized yet, so there is nothing to copy; next: wait for the first block")]
    NothingFinalized,
    /// The store's state is not that of its last header.
    #[error("the {what} of the store is not that of its last header; next: move the store aside and sync it again")]
    OtherRoot {
        /// Ledger or module state.
        what: &'static str,
    },
    /// The state does not hold the set that decided the last block.
    #[error("the module state does not hold the validators that decided the last block; next: report this fault")]
    NoValidators,
    /// A key or the list of chunks is larger than the format holds.
    #[error("{what} has {size}, a snapshot holds at most {bound}; next: report this limit, it is one of the format")]
    TooLarge {
        /// What.
        what: &'static str,
        /// How large it is.
        size: usize,
        /// The most there may be.
        bound: usize,
    },
    /// Another process writes in the folder.
    #[error("another process makes or removes snapshots in {}; next: wait for it to end", path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// There is no such snapshot.
    #[error("there is no snapshot in {}; next: tb snapshots list shows those that are there", path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// Not the bytes of a manifest.
    #[error("not a snapshot manifest: {reason}; {ANOTHER}")]
    NotAManifest {
        /// What is wrong with it.
        reason: String,
    },
    /// A manifest of another format.
    #[error("the snapshot has format {found}, this build reads format {supported}; next: use the build that made it")]
    OtherFormat {
        /// The format found.
        found: u32,
        /// The format of this build.
        supported: u32,
    },
    /// The signature does not fit.
    #[error("the signature of the manifest does not fit it; {ANOTHER}")]
    Signature,
    /// Of another chain.
    #[error("the snapshot is of the chain with genesis {found}, not {expected}; next: use one of this chain")]
    OtherChain {
        /// The chain found.
        found: Hash,
        /// The chain asked for.
        expected: Hash,
    },
    /// The validators of the manifest are not those of its header.
    #[error("the validators of the manifest are not those that its header names; {ANOTHER}")]
    OtherValidators,
    /// The certificate does not show that the header was decided.
    #[error("the certificate of the manifest: {0}; {ANOTHER}")]
    Certificate(#[from] CertificateError),
    /// A chain of several validators without a certificate.
    #[error("the manifest has no certificate for its header; {ANOTHER}")]
    NoCertificate,
    /// The chunks do not cover the ledger and the state, each part once.
    #[error("the chunks that the manifest names do not cover the state: {reason}; {ANOTHER}")]
    Cover {
        /// Where.
        reason: String,
    },
    /// A chunk is not there.
    #[error("chunk {id} is missing; {ANOTHER}")]
    MissingChunk {
        /// Its hash.
        id: Hash,
    },
    /// A chunk has other bytes than the manifest says.
    #[error("chunk {id} does not have the bytes that its name says; {ANOTHER}")]
    ChunkHash {
        /// Its hash.
        id: Hash,
    },
    /// A chunk has another size than the manifest says, compressed or not.
    #[error("chunk {id} does not have the size that the manifest says, at most {bound} bytes are unpacked; {ANOTHER}")]
    ChunkSize {
        /// Its hash.
        id: Hash,
        /// The most that is unpacked.
        bound: u32,
    },
    /// A chunk does not decode.
    #[error("chunk {id} does not decode; {ANOTHER}")]
    ChunkEncoding {
        /// Its hash.
        id: Hash,
    },
    /// A chunk is another part than the manifest says.
    #[error("chunk {id} is another part of the state than the manifest says; {ANOTHER}")]
    ChunkPlace {
        /// Its hash.
        id: Hash,
    },
    /// A chunk does not lead to the header's root.
    #[error("chunk {id} does not lead to the {root} root of the header; {ANOTHER}")]
    ChunkRoot {
        /// Its hash.
        id: Hash,
        /// Ledger or state.
        root: &'static str,
    },
    /// The store holds something already.
    #[error("the store in {} is not empty; next: move it aside, then restore", path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
}

impl SnapshotError {
    /// True when a file operation failed, whatever the snapshot holds.
    pub fn is_of_the_disk(&self) -> bool {
        matches!(self, Self::Io { .. })
    }
}

/// A failed file operation, in words.
pub(crate) fn io(action: &'static str, path: &std::path::Path) -> impl Fn(std::io::Error) -> SnapshotError {
    move |source| SnapshotError::Io { action, path: path.to_owned(), source }
}
