//! When the keys that this node verifies proofs under last changed.
//!
//! The keys are pinned in the program, so they change with a release and at no other time. A file in the data folder has those of the
//! last start.
//!
//! Rule: the file only informs. One that cannot be read counts as none; one that cannot be written is told in the log, and the
//! node goes on.

use std::fs;
use std::io;
use std::path::Path;

use primitives::Timestamp;
use serde::{Deserialize, Serialize};

/// The file.
const FILE: &str = "proof_keys.json";
/// Largest file that is read, bytes.
const FILE_BYTES_MAX: u64 = 4_096;

/// What the file holds.
#[derive(Debug, Serialize, Deserialize)]
struct Noted {
    /// The keys of the last start.
    keys: String,
    /// When they last changed.
    rotated_ms: Option<Timestamp>,
}

/// Notes the keys of this start; gives when they last changed, which is `now` when the last start had others.
pub fn note_keys(data_dir: &Path, keys: &str, now: Timestamp) -> Option<Timestamp> {
    let path = data_dir.join(FILE);
    let before = read(&path);
    let rotated_ms = match &before {
        Some(noted) if noted.keys == keys => return noted.rotated_ms,
        Some(_) => Some(now),
        None => None,
    };
    if before.is_some() {
        tracing::warn!(target: "plonky3", event = "backend_health.plonky3.key_rotated", "the keys of proofs are others than at the last start");
    }
    if let Err(error) = write(&path, &Noted { keys: keys.to_owned(), rotated_ms }) {
        tracing::warn!(target: "plonky3", path = %path.display(), %error, "the keys of proofs were not noted");
    }
    rotated_ms
}

fn read(path: &Path) -> Option<Noted> {
    let is_small = fs::metadata(path).is_ok_and(|meta| meta.len() <= FILE_BYTES_MAX);
    let bytes = if is_small { fs::read(path).ok()? } else { return None };
    serde_json::from_slice(&bytes).ok()
}

fn write(path: &Path, noted: &Noted) -> io::Result<()> {
    let temporary = path.with_extension("new");
    fs::write(&temporary, serde_json::to_vec(noted)?)?;
    fs::rename(&temporary, path)
}
