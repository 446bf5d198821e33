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
//! - Nothing that is not sealed is written outside the home: a backup is filled and opened in a closed folder there, which is removed
//!   afterwards, and by the next command where a crash left it.
//! - Names, sizes and number of the files, height and time are seen without the password.

use std::fs::{self, DirBuilder, File};
use std::io::{BufReader, BufWriter, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rpc::ExitCode;
use serde::{Deserialize, Serialize};
use wallet::seal::{SealError, Sealed};
use wallet::stream::{StreamError, StreamKey};
use wallet::{KdfParams, Password};

use super::{Backup, FILES_MAX, FOLDER_MODE, refused, sync_folder};
use crate::exit::Failure;

/// The file that says that a backup is sealed.
const KEY: &str = "backup.sealed.json";
/// The format of that file.
const FORMAT: u32 = 1;
/// What the key is bound to.
const BOUND: &[u8] = b"tb backup 1";
/// Longest such file that is read, bytes.
const KEY_BYTES_MAX: u64 = 16 * 1024;
/// Folders below each other in a backup, at most.
const DEPTH_MAX: usize = 4;
/// The folder of a home in which a backup is not sealed for a while.
pub const PLAIN: &str = ".backup-unsealed";

/// The file [`KEY`].
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Lock {
    format: u32,
    key: Sealed,
}

/// A closed folder that goes away with what is in it.
pub struct Unsealed(PathBuf);

impl Unsealed {
    /// An empty one; what a crash left there is removed.
    ///
    /// # Errors
    /// [`Failure`] of the disk.
    pub fn new(path: &Path) -> Result<Self, Failure> {
        let failed = |cause| Failure::disk(path, &cause);
        if path.exists() {
            fs::remove_dir_all(path).map_err(failed)?;
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        DirBuilder::new().mode(FOLDER_MODE).create(path).map_err(failed)?;
        Ok(Self(path.to_owned()))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Unsealed {
    fn drop(&mut self) {
        // What cannot be removed now, the next command removes.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Whether the backup in this folder is sealed.
pub fn is_sealed(path: &Path) -> bool {
    path.join(KEY).exists()
}

/// Seals every file of a backup into a new folder.
///
/// # Errors
/// [`Failure`] of the disk, or of the password.
pub fn seal(plain: &Path, to: &Path, password: &Password) -> Result<(), Failure> {
    let key = StreamKey::new().map_err(|error| Failure::new(ExitCode::Unexpected, "randomness", error, "try again"))?;
    let lock = Lock { format: FORMAT, key: key.lock(BOUND, password, KdfParams::default()).map_err(no_key)? };
    DirBuilder::new().mode(FOLDER_MODE).create(to).map_err(|cause| Failure::disk(to, &cause))?;
    turn(plain, to, &|name, from, into| key.seal(name, from, into))?;
    let text = serde_json::to_vec_pretty(&lock).map_err(refused)?;
    snapshots::shelf::write_synced(&to.join(KEY), &text)?;
    sync_folder(to)
}

/// Opens a sealed backup into the closed folder of a home.
///
/// # Errors
/// [`Failure`]: a wrong password, or a file that is not what was sealed.
pub fn open(path: &Path, home: &Path, password: &Password) -> Result<(Backup, Unsealed), Failure> {
    let file = path.join(KEY);
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
    let key = StreamKey::unlock(&lock.key, BOUND, password).map_err(no_key)?;
    let plain = Unsealed::new(&home.join(PLAIN))?;
    turn(path, plain.path(), &|name, from, into| key.open(name, from, into))?;
    let backup = Backup { shown: path.to_owned(), ..Backup::open(plain.path())? };
    Ok((backup, plain))
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

/// Seals or opens one file under its name.
type Turn<'a> = &'a dyn Fn(&str, &mut BufReader<File>, &mut BufWriter<File>) -> Result<(), StreamError>;

/// Turns every file of a folder into the file of the same name of another.
fn turn(from: &Path, to: &Path, turn: Turn<'_>) -> Result<(), Failure> {
    let mut names = Vec::new();
    list(from, "", 0, &mut names)?;
    let mut folders = vec![to.to_owned()];
    for name in &names {
        let (from, to) = (from.join(name), to.join(name));
        let folder = to.parent().unwrap_or(&to).to_owned();
        DirBuilder::new()
            .recursive(true)
            .mode(FOLDER_MODE)
            .create(&folder)
            .map_err(|cause| Failure::disk(&folder, &cause))?;
        let mut read = BufReader::new(File::open(&from).map_err(|cause| Failure::disk(&from, &cause))?);
        let mut write = BufWriter::new(File::create_new(&to).map_err(|cause| Failure::disk(&to, &cause))?);
        turn(name, &mut read, &mut write).map_err(|error| match error {
            StreamError::Io(cause) => Failure::disk(&to, &cause),
            StreamError::Altered | StreamError::TooLong | StreamError::Randomness(_) => {
                refused(format!("{}: {error}", from.display()))
            }
        })?;
        write.flush().and_then(|()| write.get_ref().sync_all()).map_err(|cause| Failure::disk(&to, &cause))?;
        if !folders.contains(&folder) {
            folders.push(folder);
        }
    }
    folders.iter().rev().try_for_each(|folder| sync_folder(folder))
}

/// The names of all files below a folder, but for that of the key, in order.
fn list(folder: &Path, below: &str, depth: usize, names: &mut Vec<String>) -> Result<(), Failure> {
    let failed = |cause| Failure::disk(folder, &cause);
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let Ok(name) = entry.file_name().into_string() else {
            return Err(refused(format!("{} has a file whose name no backup has", folder.display())));
        };
        let kind = entry.file_type().map_err(failed)?;
        let name = if below.is_empty() { name } else { format!("{below}/{name}") };
        if kind.is_dir() && depth < DEPTH_MAX {
            list(&entry.path(), &name, depth.saturating_add(1), names)?;
        } else if kind.is_file() && names.len() < 2 * FILES_MAX {
            names.push(name);
        } else {
            return Err(refused(format!("{} is not of a backup", entry.path().display())));
        }
    }
    if depth == 0 {
        names.retain(|name| name != KEY);
        names.sort();
    }
    Ok(())
}
