//! Which circuits have a file in this node's `proof_cache_dir`, for its status.
//!
//! A node verifies with keys that it makes or has in the program, so it reads none of these files: `tb validator proofs preload` and the
//! prover of this home write them, and `tb validator proofs cache check` says whether they are whole.

use std::fs;
use std::path::Path;

/// The folder of the circuits below that of the cache.
const FOLDER: &str = "circuits";
/// Most files that are looked at.
const FILES_MAX: usize = 16;

/// The circuits that have a file, by name, and the length of all of them.
pub fn cached(cache_dir: &Path) -> (Vec<String>, u64) {
    let Ok(entries) = fs::read_dir(cache_dir.join(FOLDER)) else { return (Vec::new(), 0) };
    let (mut names, mut bytes) = (Vec::new(), 0_u64);
    for entry in entries.take(FILES_MAX).flatten() {
        let Ok(name) = entry.file_name().into_string() else { continue };
        // A file with an ending is one that is being written.
        if let Ok(file) = entry.metadata()
            && file.is_file()
            && !name.contains('.')
        {
            names.push(name);
            bytes = bytes.saturating_add(file.len());
        }
    }
    names.sort_unstable();
    (names, bytes)
}
