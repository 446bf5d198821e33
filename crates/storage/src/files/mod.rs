//! Files: what a component that keeps folders and files of its own asks of a disk, so that it can be given one that
//! breaks on demand.
//!
//! ```text
//!   Files ── SystemFiles   the operating system
//!       └─── FaultyFiles   in memory: names and contents that were not synced may be gone after a crash
//! ```
//!
//! Rules
//! - A file's content is durable after [`Files::write_synced`]; its name is durable after [`Files::sync_folder`] of its folder.
//! - The store itself does not write through this: its engine has its own files ([`crate::Store`] on a
//!   [`FaultyDisk`](crate::FaultyDisk) is the same idea one level higher).
//!
//! Read next: `files/faulty.rs` (what a crash leaves).

pub mod faulty;
mod system;

#[cfg(test)]
mod tests;

use std::any::Any;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::crash::CrashPoint;

pub use system::SystemFiles;

/// Folders and files.
pub trait Files: fmt::Debug + Send + Sync {
    /// Whether something has this name.
    ///
    /// # Errors
    /// The disk cannot say.
    fn exists(&self, path: &Path) -> io::Result<bool>;

    /// Makes a folder and those above it, unless they are there; their names are durable then.
    ///
    /// # Errors
    /// The disk refuses.
    fn create_folders(&self, path: &Path) -> io::Result<()>;

    /// Makes one folder that is not there yet.
    ///
    /// # Errors
    /// The disk refuses, or something has the name.
    fn create_folder(&self, path: &Path) -> io::Result<()>;

    /// Writes a whole file, in place of one that has the name, and makes its content durable.
    ///
    /// # Errors
    /// The step that failed, as a verb, and why.
    fn write_synced(&self, path: &Path, bytes: &[u8]) -> Result<(), (&'static str, io::Error)>;

    /// Makes the names in a folder durable.
    ///
    /// # Errors
    /// The disk refuses.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;

    /// Gives a file or folder another name in the same folder. A file that has that name goes.
    ///
    /// # Errors
    /// The disk refuses, or a folder that holds anything has the name.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// The disk refuses.
    fn remove_file(&self, path: &Path) -> io::Result<()>;

    /// Removes a folder with everything in it.
    ///
    /// # Errors
    /// The disk refuses.
    fn remove_folder(&self, path: &Path) -> io::Result<()>;

    /// What is in a folder, in no promised order.
    ///
    /// # Errors
    /// The disk refuses, or there is no such folder.
    fn list(&self, path: &Path) -> io::Result<Vec<PathBuf>>;

    /// The first `at_most` bytes of a file; none where there is no file.
    ///
    /// # Errors
    /// The disk refuses.
    fn read(&self, path: &Path, at_most: u64) -> io::Result<Option<Vec<u8>>>;

    /// Keeps other processes out for as long as the answer lives; none while another one does so.
    ///
    /// # Errors
    /// The disk refuses.
    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Any + Send>>>;

    /// A named place is reached at which a test may end the process.
    ///
    /// # Errors
    /// The process is over: nothing that is asked of the disk from here on is done.
    fn reach(&self, point: CrashPoint) -> io::Result<()>;
}

/// The files of the operating system.
pub fn system_files() -> Arc<dyn Files> {
    Arc::new(SystemFiles)
}
