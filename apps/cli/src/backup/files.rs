//! The files of a backup by their names, in the clear or sealed.
//!
//! ```text
//!   put:  a file of the home ─ counted, hashed ─► [sealed] ─► the backup
//!   copy: the backup ─► [opened] ─ counted, hashed ─► whoever wants the bytes
//! ```
//!
//! Rules
//! - A file is sealed as it is read and opened as it is wanted: nothing of a sealed backup is ever on a disk unsealed, but where a restore puts it.
//! - Size and checksum are those of what went through, not of what the file has become since.
//! - Files of a backup are closed to other users, whatever the files of the home are.
//!
//! Read next: `sealed.rs`, `wallet/src/stream.rs`.

use std::any::Any;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use storage::{CrashPoint, Files, system_files};
use wallet::stream::{StreamError, StreamKey};

use super::{FILE_MODE, FOLDER_MODE, refused, sync_folder};
use crate::exit::Failure;

/// Size and BLAKE3, in hexadecimal, of a file.
pub type Sum = (u64, String);

/// The folder of a backup.
#[derive(Debug, Clone)]
pub struct Folder {
    path: PathBuf,
    /// The key of its files, where they are sealed.
    key: Option<Arc<StreamKey>>,
}

impl Folder {
    /// The folder at `path`, whose files are sealed under `key` if there is one.
    pub fn new(path: impl Into<PathBuf>, key: Option<Arc<StreamKey>>) -> Self {
        Self { path: path.into(), key }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The same at another place, once it was moved there.
    pub fn at(self, path: PathBuf) -> Self {
        Self { path, key: self.key }
    }

    /// Copies a file into it, durable when it returns but for its name.
    ///
    /// # Errors
    /// [`Failure`] of the disk.
    pub fn put(&self, name: &str, from: &Path) -> Result<Sum, Failure> {
        let file = File::open(from).map_err(|cause| Failure::disk(from, &cause))?;
        self.write(name, Counted::new(from, BufReader::new(file)))
    }

    /// The same with bytes; `from` is where they were read.
    ///
    /// # Errors
    /// [`Failure`] of the disk.
    pub fn put_bytes(&self, name: &str, from: &Path, bytes: &[u8]) -> Result<Sum, Failure> {
        self.write(name, Counted::new(from, bytes))
    }

    fn write(&self, name: &str, mut from: Counted<'_, impl Read>) -> Result<Sum, Failure> {
        let path = self.path.join(name);
        let failed = |cause| Failure::disk(&path, &cause);
        let folder = path.parent().unwrap_or(&path);
        DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder).map_err(failed)?;
        let file = OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(&path).map_err(failed)?;
        let mut to = BufWriter::new(file);
        match &self.key {
            None => io::copy(&mut from, &mut to).map(drop).map_err(failed)?,
            Some(key) => key.seal(name, &mut from, &mut to).map_err(|error| told(&path, error))?,
        }
        to.flush().and_then(|()| to.get_ref().sync_all()).map_err(failed)?;
        Ok(from.sum())
    }

    /// Makes the names of these folders in it durable, and its own entries.
    ///
    /// # Errors
    /// [`Failure`] of the disk.
    pub fn sync(&self, folders: &[&str]) -> Result<(), Failure> {
        folders.iter().try_for_each(|name| sync_folder(&self.path.join(name)))?;
        sync_folder(&self.path)
    }

    /// Hands the bytes of a file to `to`, opened; `place` is where they go.
    ///
    /// # Errors
    /// [`Failure`]: a file that cannot be read, or is not what was sealed.
    pub fn copy(&self, name: &str, place: &Path, to: &mut dyn Write) -> Result<Sum, Failure> {
        let path = self.path.join(name);
        let failed = |cause| Failure::disk(&path, &cause);
        let mut from = BufReader::new(File::open(&path).map_err(failed)?);
        let mut to = Counted::new(place, to);
        match &self.key {
            None => io::copy(&mut from, &mut to).map(drop).map_err(failed)?,
            Some(key) => key.open(name, &mut from, &mut to).map_err(|error| told(&path, error))?,
        }
        Ok(to.sum())
    }

    /// The bytes of a file, opened.
    ///
    /// # Errors
    /// [`Failure`]: as [`Folder::copy`], and a file with more than `bytes_max` bytes.
    pub fn bytes(&self, name: &str, bytes_max: u64) -> Result<Vec<u8>, Failure> {
        let path = self.path.join(name);
        let read = self.files().read(&path, bytes_max.saturating_add(1));
        let read = read.and_then(|bytes| bytes.ok_or_else(|| io::ErrorKind::NotFound.into()));
        let bytes = read.map_err(|cause| match cause.kind() {
            io::ErrorKind::InvalidData => refused(format!("{}: {cause}", path.display())),
            _ => Failure::disk(&path, &cause),
        })?;
        if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > bytes_max {
            return Err(refused(format!("{} is too large", path.display())));
        }
        Ok(bytes)
    }

    /// Its files for who reads snapshots. One that is not what was sealed is [`io::ErrorKind::InvalidData`].
    pub fn files(&self) -> Arc<dyn Files> {
        match &self.key {
            None => system_files(),
            Some(key) => Arc::new(Opened { path: self.path.clone(), key: Arc::clone(key) }),
        }
    }
}

/// Why a file could not be sealed or opened.
fn told(path: &Path, error: StreamError) -> Failure {
    match error {
        StreamError::Io(cause) => Failure::disk(path, &cause),
        StreamError::Altered | StreamError::TooLong | StreamError::Randomness(_) => {
            refused(format!("{}: {error}", path.display()))
        }
    }
}

/// Bytes that are counted and hashed on their way; what the disk says names the file.
struct Counted<'a, T> {
    path: &'a Path,
    inner: T,
    hasher: blake3::Hasher,
    bytes: u64,
}

impl<'a, T> Counted<'a, T> {
    fn new(path: &'a Path, inner: T) -> Self {
        Self { path, inner, hasher: blake3::Hasher::new(), bytes: 0 }
    }

    fn pass(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.bytes = self.bytes.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
    }

    fn named(path: &Path, cause: &io::Error) -> io::Error {
        io::Error::new(cause.kind(), format!("{}: {cause}", path.display()))
    }

    fn sum(&self) -> Sum {
        (self.bytes, self.hasher.finalize().to_hex().to_string())
    }
}

impl<T: Read> Read for Counted<'_, T> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into).map_err(|cause| Self::named(self.path, &cause))?;
        self.pass(into.get(..read).unwrap_or_default());
        Ok(read)
    }
}

impl<T: Write> Write for Counted<'_, T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes).map_err(|cause| Self::named(self.path, &cause))?;
        self.pass(bytes.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Size and BLAKE3 of a file of this system.
///
/// # Errors
/// [`Failure`] for one that cannot be read.
pub fn digest(path: &Path) -> Result<Sum, Failure> {
    let failed = |cause| Failure::disk(path, &cause);
    let mut to = Counted::new(path, io::sink());
    io::copy(&mut File::open(path).map_err(failed)?, &mut to).map_err(failed)?;
    Ok(to.sum())
}

/// The files of a sealed folder, opened in memory. Nothing is written with it.
#[derive(Debug)]
struct Opened {
    path: PathBuf,
    key: Arc<StreamKey>,
}

impl Opened {
    fn unsupported<T>() -> io::Result<T> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

impl Files for Opened {
    fn exists(&self, path: &Path) -> io::Result<bool> {
        path.try_exists()
    }

    fn list(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
        fs::read_dir(path)?.map(|entry| entry.map(|entry| entry.path())).collect()
    }

    fn read(&self, path: &Path, at_most: u64) -> io::Result<Option<Vec<u8>>> {
        let mut from = match File::open(path) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => BufReader::new(opened?),
        };
        let name = path.strip_prefix(&self.path).unwrap_or(path).display().to_string();
        let mut first = First { bytes: Vec::new(), at_most, is_full: false };
        match self.key.open(&name, &mut from, &mut first) {
            Ok(()) => Ok(Some(first.bytes)),
            Err(StreamError::Io(_)) if first.is_full => Ok(Some(first.bytes)),
            Err(StreamError::Io(cause)) => Err(cause),
            Err(error @ (StreamError::Altered | StreamError::TooLong | StreamError::Randomness(_))) => {
                Err(io::Error::new(io::ErrorKind::InvalidData, error.to_string()))
            }
        }
    }

    fn create_folders(&self, _: &Path) -> io::Result<()> {
        Self::unsupported()
    }

    fn create_folder(&self, _: &Path) -> io::Result<()> {
        Self::unsupported()
    }

    fn write_synced(&self, _: &Path, _: &[u8]) -> Result<(), (&'static str, io::Error)> {
        Err(("write", io::ErrorKind::Unsupported.into()))
    }

    fn sync_folder(&self, _: &Path) -> io::Result<()> {
        Self::unsupported()
    }

    fn rename(&self, _: &Path, _: &Path) -> io::Result<()> {
        Self::unsupported()
    }

    fn remove_file(&self, _: &Path) -> io::Result<()> {
        Self::unsupported()
    }

    fn remove_folder(&self, _: &Path) -> io::Result<()> {
        Self::unsupported()
    }

    fn lock(&self, _: &Path) -> io::Result<Option<Box<dyn Any + Send>>> {
        Self::unsupported()
    }

    fn reach(&self, _: CrashPoint) -> io::Result<()> {
        Ok(())
    }
}

/// The first bytes of what is written to it.
struct First {
    bytes: Vec<u8>,
    at_most: u64,
    is_full: bool,
}

impl Write for First {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = usize::try_from(self.at_most).unwrap_or(usize::MAX).saturating_sub(self.bytes.len());
        self.bytes.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        self.is_full = bytes.len() > room;
        if self.is_full { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(bytes.len()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
