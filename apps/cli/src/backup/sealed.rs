//! Backups that only a password opens.
//!
//! ```text
//! <dir>/<height>-<time>/
//!   backup.sealed.json     { "format": 1, "key": the key of the files under the password (wallet::seal) }
//!   backup.json, files/…   the files of a backup under their names, each sealed under that key (wallet::stream)
//! ```
//!
//! Rules
//! - A file's name is sealed with it, so files cannot change places; that none is missing, the list inside shows.
//! - Names, sizes and number of the files, height and time are seen without the password.
//!
//! Read next: `files.rs`.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rpc::ExitCode;
use serde::{Deserialize, Serialize};
use wallet::seal::{SealError, Sealed};
use wallet::stream::StreamKey;
use wallet::{KdfParams, Password};

use super::refused;
use crate::exit::Failure;

/// The file that says that a backup is sealed.
const KEY: &str = "backup.sealed.json";
/// The format of that file.
const FORMAT: u32 = 1;
/// What the key is bound to.
const BOUND: &[u8] = b"tb backup 1";
/// Longest such file that is read, bytes.
const KEY_BYTES_MAX: u64 = 16 * 1024;

/// The file [`KEY`].
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    format: u32,
    key: Sealed,
}

/// Whether the backup in this folder is sealed.
pub fn is_sealed(path: &Path) -> bool {
    path.join(KEY).exists()
}

/// A new key with its lock.
///
/// # Errors
/// [`Failure`] of randomness or memory.
pub fn new(password: &Password) -> Result<(Arc<StreamKey>, Lock), Failure> {
    let key = StreamKey::new()?;
    let lock = Lock { format: FORMAT, key: key.lock(BOUND, password, KdfParams::default()).map_err(no_key)? };
    Ok((Arc::new(key), lock))
}

impl Lock {
    /// Writes it into a folder whose files are sealed under its key.
    ///
    /// # Errors
    /// [`Failure`] of the disk.
    pub fn write(&self, folder: &Path) -> Result<(), Failure> {
        let text = serde_json::to_vec_pretty(self).map_err(refused)?;
        Ok(snapshots::shelf::write_synced(&folder.join(KEY), &text)?)
    }
}

/// The key of a sealed backup.
///
/// # Errors
/// [`Failure`]: a wrong password, or a lock that is not what was written.
pub fn unlock(folder: &Path, password: &Password) -> Result<Arc<StreamKey>, Failure> {
    let file = folder.join(KEY);
    let size = fs::metadata(&file).map_err(|cause| Failure::disk(&file, &cause))?.len();
    if size > KEY_BYTES_MAX {
        return Err(refused(format!("{} is too large", file.display())));
    }
    let text = fs::read(&file).map_err(|cause| Failure::disk(&file, &cause))?;
    let lock: Lock = serde_json::from_slice(&text).map_err(|error| refused(format!("{}: {error}", file.display())))?;
    if lock.format != FORMAT {
        let what = format!("the backup is sealed in format {}, this build reads {FORMAT}", lock.format);
        return Err(Failure::new(ExitCode::Refused, "other_format", what, "use the build that made it"));
    }
    StreamKey::unlock(&lock.key, BOUND, password).map(Arc::new).map_err(no_key)
}

/// Why the key of a sealed backup could not be had.
fn no_key(error: SealError) -> Failure {
    match error {
        SealError::WrongPassword => Failure::new(
            ExitCode::Unauthorized,
            "backup_locked",
            "the password does not open this backup, or its key was altered",
            "give the password that it was made with: --password-file",
        ),
        SealError::Kdf(_) | SealError::Randomness(_) => {
            Failure::new(ExitCode::Unexpected, "backup_key", error, "free some memory and try again")
        }
        SealError::KdfBounds { .. } | SealError::Algorithm(_) | SealError::Field(_) => refused(error),
    }
}
