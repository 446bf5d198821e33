//! Archives: files of bodies, one for each height, in a folder or in a bucket of an S3-compatible store.
//!
//! ```text
//!   archive node ── put ──► folder or bucket ── get ──► node that has pruned the height, which judges it by its header
//! ```
//! Model: a file is the same in both places, to the byte ([`storage::archive`]). What is read is whole, of the height and of the chain; whether it is
//! what the chain decided is for the reader to judge.
//!
//! Rules
//! - *Not there* and *not to be had* are told apart: [`Archive::get`] gives none only when the place answered that it has no such file.
//! - Nothing over [`FILE_BYTES_MAX`] is read; the size is looked at before the body. Every question to a bucket ends after [`GET_TIME_MAX`] or
//!   [`PUT_TIME_MAX`], with its retries.
//! - A file is there whole or not at all: in a folder it is written under another name, synced and renamed; a bucket takes it whole.
//! - The key of a bucket is in no error and in no text for people.
//!
//! It refuses to: judge what it gives, list, delete.
//!
//! Read next: `folder.rs`, `bucket.rs`, `spec/recovery.md` (RCV-46 to 51).

mod bucket;
mod folder;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use ::config::{ArchivePlace, ConfigError, S3Config};
use primitives::{Hash, Height};
use storage::archive::FILE_BYTES_MAX;
use storage::{Body, StorageError};

use bucket::Bucket;
pub use bucket::{GET_TIME_MAX, PUT_TIME_MAX};
use folder::Folder;

/// Why an archive did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// A file that is not what was written, or is of another height or chain.
    #[error("{name} is not the file of its height: {reason}; next: write it again with tb storage export")]
    Wrong {
        /// The file.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The place does not answer, or not as it should.
    #[error(
        "the archive {name} does not answer: {reason}; next: check that it is reachable, and reconstruction.archive and reconstruction.s3_endpoint"
    )]
    Unanswered {
        /// The place.
        name: String,
        /// What happened.
        reason: String,
    },
    /// The place refuses this key.
    #[error(
        "the archive {name} refuses this key; next: check reconstruction.s3_credentials_file, reconstruction.s3_region and what the key may do"
    )]
    KeyRefused {
        /// The place.
        name: String,
    },
    /// The disk refused.
    #[error("cannot {action} {}: {source}; next: check that the folder exists, is writable and has free space", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The settings of a bucket cannot serve.
    #[error("the archive {name} cannot be used: {reason}; next: correct the keys below reconstruction")]
    Settings {
        /// The place.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// The key of a bucket.
    #[error(transparent)]
    Key(#[from] ConfigError),
    /// A body over the bound.
    #[error(transparent)]
    Body(#[from] StorageError),
}

impl ArchiveError {
    /// Whether a file is wrong; otherwise the place could not be asked, and it is not known whether it has the file.
    pub const fn is_wrong(&self) -> bool {
        matches!(self, Self::Wrong { .. })
    }
}

/// Where the files are.
#[derive(Debug)]
enum Place {
    Folder(Folder),
    Bucket(Bucket),
}

/// An archive of one chain.
#[derive(Debug)]
pub struct Archive {
    place: Place,
    genesis: Hash,
    key_is_in_environment: bool,
}

impl Archive {
    /// The archive at `place` for the chain with this genesis hash. Nothing is asked or made yet; of a bucket the key is read.
    ///
    /// # Errors
    /// [`ArchiveError::Settings`] or [`ArchiveError::Key`].
    pub fn new(
        place: &ArchivePlace,
        s3: &S3Config,
        genesis: Hash,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, ArchiveError> {
        let (place, key_is_in_environment) = match place {
            ArchivePlace::Folder(path) => (Place::Folder(Folder::new(path.clone())), false),
            ArchivePlace::Bucket { bucket, prefix } => {
                let key = s3.key(environment)?;
                let bucket = Bucket::new(place.to_string(), (bucket.as_str(), prefix.as_str()), s3, &key)?;
                (Place::Bucket(bucket), key.from_environment)
            }
        };
        Ok(Self { place, genesis, key_is_in_environment })
    }

    /// Whether the key of a bucket came out of the environment, which deserves a warning.
    pub const fn key_is_in_environment(&self) -> bool {
        self.key_is_in_environment
    }

    /// The name of a height's file for people: its path, or `s3://…`.
    pub fn name(&self, height: Height) -> String {
        match &self.place {
            Place::Folder(folder) => folder.path(height).display().to_string(),
            Place::Bucket(bucket) => bucket.name(height),
        }
    }

    /// The body of a height, as it was written; none where the place says that it has no such file.
    ///
    /// # Errors
    /// [`ArchiveError`].
    pub async fn get(&self, height: Height) -> Result<Option<Body>, ArchiveError> {
        let bytes = match &self.place {
            Place::Folder(folder) => folder.get(height).await?,
            Place::Bucket(bucket) => bucket.get(height).await?,
        };
        let wrong = |reason: &str| ArchiveError::Wrong { name: self.name(height), reason: reason.to_owned() };
        bytes.map(|bytes| storage::archive::open(&self.genesis, height, &bytes).map_err(wrong)).transpose()
    }

    /// Writes the body of a height, durable when this returns; false when a file with these bytes was there.
    ///
    /// # Errors
    /// [`ArchiveError`].
    pub async fn put(&self, height: Height, body: &Body) -> Result<bool, ArchiveError> {
        let bytes = storage::archive::seal(&self.genesis, height, body)?;
        let found = match &self.place {
            Place::Folder(folder) => folder.found(height).await,
            Place::Bucket(bucket) => bucket.get(height).await,
        };
        match found {
            Ok(Some(found)) if found == bytes => return Ok(false),
            Ok(_) | Err(ArchiveError::Wrong { .. }) => {}
            Err(error) => return Err(error),
        }
        match &self.place {
            Place::Folder(folder) => folder.put(height, bytes).await?,
            Place::Bucket(bucket) => bucket.put(height, bytes).await?,
        }
        Ok(true)
    }
}
