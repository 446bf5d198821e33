//! Bodies of blocks as files in a folder: what an archive node gives away, so that pruned blocks can be given again when no peer has them.
//!
//! ```text
//! <archive>/<height / 10,000, 16 digits>/<height, 20 digits>.body
//! file = "TBBODY01" 8 ‖ genesis hash 32 ‖ height 8 LE ‖ n 4 LE ‖ body n ‖ checksum 32
//! ```
//! Rules
//! - The checksum finds what rotted; whether the body is that of the chain is for the reader to judge, against a header.
//! - A file is written under another name, synced, and then gets its name.
//! - A file over [`FILE_BYTES_MAX`] is refused before it is read.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use primitives::{Hash, Height, decode, encode};

use crate::error::StorageError;
use crate::repair::Body;
use crate::value::file_checksum;

/// Most bytes of a file: what a peer may give of a body, with the rest of the file.
pub const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;
const MAGIC: &[u8; 8] = b"TBBODY01";
const HEAD_BYTES: usize = 8 + 32 + 8 + 4;
const CHECKSUM_BYTES: usize = 32;
/// Heights in one folder.
const FOLDER_HEIGHTS: u64 = 10_000;

/// A folder of bodies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archive {
    path: PathBuf,
    genesis: Hash,
}

fn io(action: &'static str, path: &Path) -> impl Fn(std::io::Error) -> StorageError {
    move |source| StorageError::Io { action, path: path.to_owned(), source }
}

impl Archive {
    /// The folder at `path` for the chain with this genesis hash. Nothing is read or made.
    pub const fn new(path: PathBuf, genesis: Hash) -> Self {
        Self { path, genesis }
    }

    /// Where the file of a height is.
    pub fn place(&self, height: Height) -> PathBuf {
        self.path.join(format!("{:016}", height.0 / FOLDER_HEIGHTS)).join(format!("{:020}.body", height.0))
    }

    /// The body of a height, whole as it was written; none where there is no file.
    ///
    /// # Errors
    /// [`StorageError::DamagedFile`] for a file that is not what was written, or is of another height or chain; a failed read.
    pub fn get(&self, height: Height) -> Result<Option<Body>, StorageError> {
        let path = self.place(height);
        let damaged = |reason: &str| StorageError::DamagedFile { path: path.clone(), reason: reason.to_owned() };
        let size = match fs::metadata(&path) {
            Ok(found) => found.len(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io("read", &path)(error)),
        };
        if size > FILE_BYTES_MAX {
            return Err(damaged("it is larger than any body"));
        }
        let bytes = fs::read(&path).map_err(io("read", &path))?;
        let (content, checksum) = bytes
            .len()
            .checked_sub(CHECKSUM_BYTES)
            .and_then(|end| bytes.split_at_checked(end))
            .ok_or_else(|| damaged("it is cut short"))?;
        if file_checksum(content) != *checksum {
            return Err(damaged("its checksum does not match"));
        }
        let (head, body) = content.split_at_checked(HEAD_BYTES).ok_or_else(|| damaged("it is cut short"))?;
        let length = u32::try_from(body.len()).map_err(|_| damaged("it is larger than any body"))?;
        if head != self.head(height, length) {
            return Err(damaged("it is of another height or chain"));
        }
        decode::<Body>(body).map(Some).map_err(|_| damaged("what is in it is no body"))
    }

    /// Writes the body of a height, durable when this returns; false when a file with these bytes was there.
    ///
    /// # Errors
    /// A failed write, or a body over the bound.
    pub fn put(&self, height: Height, body: &Body) -> Result<bool, StorageError> {
        if self.get(height).is_ok_and(|found| found.as_ref() == Some(body)) {
            return Ok(false);
        }
        let bytes = encode(body);
        let bound = usize::try_from(FILE_BYTES_MAX).unwrap_or(usize::MAX);
        let too_large = || StorageError::TooLarge { what: "body", bytes: bytes.len(), bound };
        let length = u32::try_from(bytes.len()).map_err(|_| too_large())?;
        let mut content = [self.head(height, length).as_slice(), &bytes].concat();
        let checksum = file_checksum(&content);
        content.extend_from_slice(&checksum);
        if content.len() > bound {
            return Err(too_large());
        }
        let path = self.place(height);
        let folder = path.parent().unwrap_or(&self.path);
        fs::create_dir_all(folder).map_err(io("create", folder))?;
        let new = path.with_extension("new");
        let mut file = File::create(&new).map_err(io("create", &new))?;
        file.write_all(&content).and_then(|()| file.sync_all()).map_err(io("write", &new))?;
        fs::rename(&new, &path).map_err(io("rename", &new))?;
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(io("sync", folder))?;
        Ok(true)
    }

    fn head(&self, height: Height, length: u32) -> Vec<u8> {
        [MAGIC.as_slice(), self.genesis.as_bytes(), &height.0.to_le_bytes(), &length.to_le_bytes()].concat()
    }
}

#[cfg(test)]
mod tests {
    use primitives::ClosingEvents;
    use testkit::Seed;

    use super::*;

    const GENESIS: Hash = Hash([7; 32]);

    fn body(byte: u8) -> Body {
        let block = primitives::BoundedBytes::new(vec![byte; 300]).unwrap();
        let (receipts, operations) = (primitives::BoundedVec::default(), primitives::BoundedVec::default());
        Body { block, certificate: None, receipts, operations, closing: ClosingEvents::default() }
    }

    #[test]
    fn what_was_written_is_read_and_a_whole_file_stays() {
        let folder = tempfile::tempdir().unwrap();
        let archive = Archive::new(folder.path().join("archive"), GENESIS);
        assert_eq!(archive.get(Height(3)).unwrap(), None);
        assert!(archive.put(Height(3), &body(1)).unwrap());
        assert!(!archive.put(Height(3), &body(1)).unwrap());
        assert_eq!(archive.get(Height(3)).unwrap(), Some(body(1)));
        assert!(archive.place(Height(3)).ends_with("0000000000000000/00000000000000000003.body"));
        assert!(archive.place(Height(20_001)).ends_with("0000000000000002/00000000000000020001.body"));
    }

    #[test]
    fn a_file_with_any_other_byte_or_name_is_refused_and_written_again() {
        let mut seed = Seed::new();
        let folder = tempfile::tempdir().unwrap();
        let archive = Archive::new(folder.path().to_owned(), GENESIS);
        archive.put(Height(3), &body(1)).unwrap();
        let path = archive.place(Height(3));
        let good = fs::read(&path).unwrap();
        for _ in 0..300 {
            let mut bytes = good.clone();
            bytes[seed.index(good.len())] ^= 1 << seed.below(8);
            fs::write(&path, bytes).unwrap();
            assert!(archive.get(Height(3)).unwrap_err().is_damage());
            fs::write(&path, &good[..seed.index(good.len())]).unwrap();
            assert!(archive.get(Height(3)).unwrap_err().is_damage());
        }
        assert!(archive.put(Height(3), &body(1)).unwrap(), "it is written again");
        assert_eq!(fs::read(&path).unwrap(), good);
        fs::rename(&path, archive.place(Height(4))).unwrap();
        assert!(archive.get(Height(4)).unwrap_err().is_damage(), "another height");
        let other = Archive::new(folder.path().to_owned(), Hash([8; 32]));
        assert!(other.get(Height(4)).unwrap_err().is_damage(), "another chain");
    }
}
