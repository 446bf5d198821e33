//! The files of the circuits, in the prover's folder: keys and what is committed to once for all proofs.
//!
//! ```text
//!   <proof_cache_dir>/circuits/application, leaf, internal        some 42 MB each, files like the others of the cache
//! ```
//!
//! Rules
//! - Which bytes are used is the `prover` crate's judgement ([`prover::fold::check_stored`]): whole, and of the pinned key.
//! - A file that cannot be read or written costs the time to make the circuit again, and is told in the log.
//!
//! Read next: [`crate::cache`].

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use prover::fold::{Circuit, CircuitFiles, StoredError, check_stored};

use crate::cache::{CacheError, at, load, save};

/// Their folder below that of the cache.
pub const FOLDER: &str = "circuits";

/// The files.
#[derive(Debug, Clone)]
pub struct CircuitFolder {
    folder: PathBuf,
    /// Whether the files that are there are left aside, and written anew.
    anew: bool,
}

impl CircuitFolder {
    /// The files below the cache `root`. Makes the folder. With `anew` those that are there are not read.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn open(root: &Path, anew: bool) -> Result<Self, CacheError> {
        let folder = root.join(FOLDER);
        at(&folder, fs::create_dir_all(&folder))?;
        Ok(Self { folder, anew })
    }

    /// The file of a circuit.
    pub fn path(&self, circuit: Circuit) -> PathBuf {
        self.folder.join(circuit.name())
    }

    /// Whether every circuit has a whole file of the pinned key: the first that has none, with the reason.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn whole(&self) -> Result<(), CacheError> {
        for circuit in Circuit::ALL {
            let path = self.path(circuit);
            let reason = match load(&path)? {
                None => "it is not there, or not whole".to_owned(),
                Some(payload) => match check_stored(circuit, &payload) {
                    Ok(()) => continue,
                    Err(error) => error.to_string(),
                },
            };
            return at(&path, Err(io::Error::new(io::ErrorKind::InvalidData, reason)));
        }
        Ok(())
    }
}

/// Why a whole file of the folder would not be used; nothing when it would.
pub(crate) fn unused(path: &Path, payload: &[u8]) -> Option<String> {
    if path.parent()?.file_name()? != FOLDER {
        return None;
    }
    let Some(circuit) = path.file_name().and_then(|name| Circuit::named(name.to_str()?)) else {
        return Some("no circuit of this version has this name".to_owned());
    };
    check_stored(circuit, payload).err().map(|error| error.to_string())
}

impl CircuitFiles for CircuitFolder {
    fn load(&self, circuit: Circuit) -> Option<Vec<u8>> {
        if self.anew {
            return None;
        }
        load(&self.path(circuit))
            .map_err(
                |error| tracing::warn!(target: "plonky3", circuit = circuit.name(), %error, "a circuit is not read"),
            )
            .ok()
            .flatten()
    }

    fn save(&self, circuit: Circuit, bytes: &[u8]) {
        let circuit_name = circuit.name();
        match save(&self.path(circuit), bytes) {
            Ok(()) => {
                tracing::info!(target: "plonky3", circuit = circuit_name, bytes = bytes.len(), "a circuit is made and kept")
            }
            Err(error) => {
                tracing::warn!(target: "plonky3", circuit = circuit_name, %error, "a circuit is made and not kept")
            }
        }
    }

    fn unused(&self, circuit: Circuit, error: &StoredError) {
        tracing::warn!(target: "plonky3", circuit = circuit.name(), %error, "a circuit is made again");
    }
}
