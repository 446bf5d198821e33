//! The files of a release: their names, their bounds, their sums.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// The program.
pub const PROGRAM: &str = "tb";
/// The list of its parts.
pub const PARTS: &str = "tb.cdx.json";
/// The sums.
pub const SUMS: &str = "SHA256SUMS";
/// Where the program comes from.
pub const PROVENANCE: &str = "provenance.json";
/// The signature over the provenance.
pub const SIGNATURE: &str = "provenance.json.sig";

/// Files of every release that have sums, and so are subjects of the provenance. A Debian package may be one more.
pub const SUMMED: [&str; 2] = [PROGRAM, PARTS];
/// What stands before and behind version and architecture in the name of a Debian package.
const PACKAGE: (&str, &str) = ("the-block_", ".deb");
/// Largest program, and largest package, bytes.
const PROGRAM_BYTES_MAX: u64 = 1_024 * 1_024 * 1_024;
/// Largest other file, bytes.
const TEXT_BYTES_MAX: u64 = 16 * 1_024 * 1_024;

/// Why a file of a release could not be read.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It is not there.
    #[error("{} is missing", path.display())]
    Missing {
        /// Where it would be.
        path: PathBuf,
    },
    /// It is a folder, a link, a pipe.
    #[error("{} is not a plain file", path.display())]
    NotPlain {
        /// The file.
        path: PathBuf,
    },
    /// It is too large.
    #[error("{} has more than {max} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its bound, bytes.
        max: u64,
    },
    /// The disk refused.
    #[error("{}: {cause}", path.display())]
    Disk {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
}

/// Whether a file of this name is the Debian package of a release. Such a name leads nowhere but into the folder.
pub fn is_package(name: &str) -> bool {
    let inner = name.strip_prefix(PACKAGE.0).and_then(|name| name.strip_suffix(PACKAGE.1));
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"._+~-".contains(&byte);
    inner.is_some_and(|inner| !inner.is_empty() && inner.bytes().all(good))
}

/// The bytes of the file `name` in `folder`.
///
/// # Errors
/// [`FileError`].
pub fn read(folder: &Path, name: &str) -> Result<Vec<u8>, FileError> {
    let path = folder.join(name);
    let max = if name == PROGRAM || is_package(name) { PROGRAM_BYTES_MAX } else { TEXT_BYTES_MAX };
    let disk = |cause: io::Error| {
        let path = path.clone();
        if cause.kind() == io::ErrorKind::NotFound {
            FileError::Missing { path }
        } else {
            FileError::Disk { path, cause }
        }
    };
    if !fs::symlink_metadata(&path).map_err(disk)?.is_file() {
        return Err(FileError::NotPlain { path });
    }
    let mut bytes = Vec::new();
    File::open(&path).map_err(disk)?.take(max + 1).read_to_end(&mut bytes).map_err(disk)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > max {
        return Err(FileError::TooLarge { path, max });
    }
    Ok(bytes)
}

/// The SHA-256 of `bytes`, in hexadecimal digits.
pub fn sum(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
