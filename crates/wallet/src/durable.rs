//! Files that are there whole or not at all, readable by their owner only.
//!
//! ```text
//! write temporary (0600) → sync → give it its name → sync the folder
//!        │ crash here leaves a hidden temporary, never a half-written file under the final name
//! ```
//!
//! [`write_new`] gives the name by a hard link, which fails when the name is taken: two programs that create
//! the same key at once cannot overwrite each other. [`stage`] and
//! [`install`] rename over the old file.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Mode of key files: their owner reads and writes, nobody else does anything.
pub const KEY_FILE_MODE: u32 = 0o600;
/// Tells apart the temporaries of threads that write the same name at once.
static TEMPORARIES: AtomicU64 = AtomicU64::new(0);

/// Mode of key folders.
const KEY_FOLDER_MODE: u32 = 0o700;

/// The folder of `path`; the current one for a bare name.
pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// A hidden name beside `path`.
fn temporary_of(path: &Path, tag: &str) -> PathBuf {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    folder_of(path).join(format!(".{name}.{tag}.tmp"))
}

/// Makes `folder` and its parents, closed to others, unless it is there.
pub(crate) fn create_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(KEY_FOLDER_MODE).create(folder)
}

/// Makes the names in the folder of `path` durable.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(folder_of(path))?.sync_all()
}

fn write_temporary(temporary: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(KEY_FILE_MODE);
    let mut file = options.open(temporary)?;
    // An old temporary of this name keeps its mode when it is opened.
    file.set_permissions(fs::Permissions::from_mode(KEY_FILE_MODE))?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Writes a new file at `path`, durable when this returns. Fails with `AlreadyExists` when the name is taken.
pub fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    create_folder(folder_of(path))?;
    let count = TEMPORARIES.fetch_add(1, Ordering::Relaxed);
    let temporary = temporary_of(path, &format!("{}-{count}", std::process::id()));
    let written = write_temporary(&temporary, bytes).and_then(|()| fs::hard_link(&temporary, path));
    let removed = fs::remove_file(&temporary);
    written?;
    removed?;
    sync_folder(path)
}

/// Writes `bytes` to a durable temporary beside `path`, for [`install`]. Only for one writer at a time.
pub fn stage(path: &Path, bytes: &[u8]) -> io::Result<PathBuf> {
    create_folder(folder_of(path))?;
    let temporary = temporary_of(path, "staged");
    write_temporary(&temporary, bytes)?;
    Ok(temporary)
}

/// Gives the temporary of [`stage`] its name, in place of the old file, durable when this returns.
pub fn install(staged: &Path, path: &Path) -> io::Result<()> {
    fs::rename(staged, path)?;
    sync_folder(path)
}

/// The whole file, or `None` when it holds more than `bytes_max` bytes.
pub fn read_bounded(path: &Path, bytes_max: u64) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    let taken = File::open(path)?.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok((u64::try_from(taken).unwrap_or(u64::MAX) <= bytes_max).then_some(bytes))
}

/// The permission bits of `path` when somebody other than its owner may do anything with it.
pub fn open_to_others(path: &Path) -> io::Result<Option<u32>> {
    let mode = fs::metadata(path)?.permissions().mode() & 0o777;
    Ok((mode & 0o077 != 0).then_some(mode))
}
