//! The highest challenge that a key has answered, so that a signer answers none twice.
//!
//! ```text
//! heartbeats.json = { "genesis", "key", "answered": null | { "challenge", "digest" } }
//!
//! allow(challenge, bytes)
//!   ├ below the mark, or at it with other bytes ──► refused
//!   ├ at the mark, same bytes ────────────────────► allowed
//!   └ above it: write ─► sync ────────────────────► allowed
//! ```
//!
//! Two different heartbeats of one identity for one challenge are evidence against it. A node with its key at hand asks
//! its own chain what to answer; a signer hears it from whoever asks, so it keeps a mark of its own.
//!
//! Rules: durable before signed; a mark that is missing, damaged, of another key or chain is refused by name
//! ([`GuardError`]); the guard's lock covers it, so one process writes it.
//!
//! Read next: `mod.rs`, `spec/signer.md`.

use std::path::{Path, PathBuf};

use primitives::{Hash, PublicKey};
use serde::{Deserialize, Serialize};

use super::error::GuardError;
use super::log;
use crate::durable;

/// Largest file that is read, bytes.
const FILE_BYTES_MAX: u64 = 4_096;

/// A challenge with the digest of the answer that was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Answered {
    challenge: u64,
    digest: Hash,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Marked {
    genesis: Hash,
    key: PublicKey,
    answered: Option<Answered>,
}

/// The open mark.
#[derive(Debug)]
pub struct HeartbeatMark {
    path: PathBuf,
    marked: Marked,
}

impl HeartbeatMark {
    /// Makes the file of a key that has answered nothing through a signer yet, durable when this returns.
    ///
    /// # Errors
    /// [`GuardError::Disk`], also when the name is taken.
    pub fn create(path: &Path, key: PublicKey, genesis: Hash) -> Result<(), GuardError> {
        let marked = Marked { genesis, key, answered: None };
        durable::write_new(path, &marked.bytes()).map_err(|cause| GuardError::Disk { path: path.to_owned(), cause })
    }

    /// Reads the file.
    ///
    /// # Errors
    /// [`GuardError`], one variant per cause.
    pub fn open(path: &Path, key: PublicKey, genesis: Hash) -> Result<Self, GuardError> {
        let disk = |cause: std::io::Error| match cause.kind() {
            std::io::ErrorKind::NotFound => GuardError::Missing { path: path.to_owned() },
            _ => GuardError::Disk { path: path.to_owned(), cause },
        };
        let damaged = |reason: String| GuardError::Damaged { path: path.to_owned(), reason };
        let bytes = durable::read_bounded(path, FILE_BYTES_MAX).map_err(disk)?;
        let bytes = bytes.ok_or_else(|| damaged("it is larger than 4 KiB".to_owned()))?;
        let marked: Marked = serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
        if marked.key != key {
            return Err(GuardError::OtherKey { path: path.to_owned(), found: marked.key, wanted: key });
        }
        if marked.genesis != genesis {
            return Err(GuardError::OtherChain { path: path.to_owned(), found: marked.genesis, wanted: genesis });
        }
        Ok(Self { path: path.to_owned(), marked })
    }

    /// Whether the answer with these signed bytes may be signed, durable when this returns true.
    ///
    /// # Errors
    /// The disk's; the answer must not be signed then.
    pub fn allow(&mut self, challenge: u64, bytes: &[u8]) -> std::io::Result<bool> {
        let asked = Answered { challenge, digest: log::digest(bytes) };
        match self.marked.answered {
            Some(known) if known == asked => return Ok(true),
            Some(known) if asked.challenge <= known.challenge => return Ok(false),
            _ => {}
        }
        let next = Marked { answered: Some(asked), ..self.marked.clone() };
        let staged = durable::stage(&self.path, &next.bytes())?;
        durable::install(&staged, &self.path)?;
        self.marked = next;
        Ok(true)
    }
}

impl Marked {
    fn bytes(&self) -> Vec<u8> {
        serde_json::to_vec_pretty(self).expect("a mark is text and numbers")
    }
}
