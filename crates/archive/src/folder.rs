//! An archive in a folder.
//!
//! Rules
//! - A file is written under another name, synced, and then gets its name. Its name and those of the folders that are made for it are durable then.
//! - A folder that is not there is an archive that does not answer: a mount that is missing must not look like a height that nobody has.
//!
//! Read next: `storage::archive` (the file to the byte).

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use primitives::Height;
use storage::{Files, system_files};

use crate::{ArchiveError, FILE_BYTES_MAX};

/// A folder of files.
#[derive(Debug)]
pub(crate) struct Folder {
    root: PathBuf,
}

fn io(action: &'static str, path: &Path) -> impl Fn(std::io::Error) -> ArchiveError {
    move |source| ArchiveError::Io { action, path: path.to_owned(), source }
}

/// Runs what may wait for the disk where it holds up nobody.
async fn aside<T: Send + 'static>(
    name: &Path,
    work: impl FnOnce() -> Result<T, ArchiveError> + Send + 'static,
) -> Result<T, ArchiveError> {
    let ended = || ArchiveError::Unanswered { name: name.display().to_string(), reason: "the program ends".to_owned() };
    tokio::task::spawn_blocking(work).await.map_err(|_| ended())?
}

impl Folder {
    /// The folder at `root`.
    pub(crate) const fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// Where the file of a height is.
    pub(crate) fn path(&self, height: Height) -> PathBuf {
        self.root.join(storage::archive::name(height))
    }

    /// The file of a height; none where the folder has none.
    pub(crate) async fn get(&self, height: Height) -> Result<Option<Vec<u8>>, ArchiveError> {
        let found = self.found(height).await?;
        if found.is_none() && !self.root.is_dir() {
            let name = self.root.display().to_string();
            return Err(ArchiveError::Unanswered { name, reason: "there is no such folder".to_owned() });
        }
        Ok(found)
    }

    /// The same; none where there is no folder either.
    pub(crate) async fn found(&self, height: Height) -> Result<Option<Vec<u8>>, ArchiveError> {
        let path = self.path(height);
        aside(&self.root, move || read(&path)).await
    }

    /// Writes the file of a height.
    pub(crate) async fn put(&self, height: Height, bytes: Vec<u8>) -> Result<(), ArchiveError> {
        let path = self.path(height);
        aside(&self.root, move || write(&*system_files(), &path, &bytes)).await
    }
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, ArchiveError> {
    let size = match fs::metadata(path) {
        Ok(found) => found.len(),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io("read", path)(error)),
    };
    if size > FILE_BYTES_MAX {
        let reason = "it is larger than any body".to_owned();
        return Err(ArchiveError::Wrong { name: path.display().to_string(), reason });
    }
    fs::read(path).map(Some).map_err(io("read", path))
}

/// Durable when it returns, whatever of the path was not there.
pub(crate) fn write(files: &dyn Files, path: &Path, bytes: &[u8]) -> Result<(), ArchiveError> {
    let folder = path.parent().unwrap_or(path);
    files.create_folders(folder).map_err(io("create", folder))?;
    let new = path.with_extension("new");
    files.write_synced(&new, bytes).map_err(|(step, error)| io(step, &new)(error))?;
    files.rename(&new, path).map_err(io("rename", &new))?;
    files.sync_folder(folder).map_err(io("sync", folder))
}
