//! The file of one body in an archive: what an archive node gives away, so that pruned blocks can be given again when no peer has them.
//!
//! ```text
//! <archive>/<height / 10,000, 16 digits>/<height, 20 digits>.body
//! file = "TBBODY01" 8 ‖ genesis hash 32 ‖ height 8 LE ‖ n 4 LE ‖ body n ‖ checksum 32
//! ```
//! Rules
//! - The checksum finds what rotted; whether the body is that of the chain is for the reader to judge, against a header.
//! - A file over [`FILE_BYTES_MAX`] is neither made nor read.
//!
//! Read next: the crate `archive`, which keeps such files in a folder or a bucket.

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

/// The name of a height's file, below the archive.
pub fn name(height: Height) -> String {
    format!("{:016}/{:020}.body", height.0 / FOLDER_HEIGHTS, height.0)
}

/// The bytes of a height's file, for the chain with this genesis hash.
///
/// # Errors
/// [`StorageError::TooLarge`] for a body over the bound.
pub fn seal(genesis: &Hash, height: Height, body: &Body) -> Result<Vec<u8>, StorageError> {
    let bytes = encode(body);
    let bound = usize::try_from(FILE_BYTES_MAX).unwrap_or(usize::MAX);
    let too_large = || StorageError::TooLarge { what: "body", bytes: bytes.len(), bound };
    let length = u32::try_from(bytes.len()).map_err(|_| too_large())?;
    let mut content = [head(genesis, height, length).as_slice(), &bytes].concat();
    let checksum = file_checksum(&content);
    content.extend_from_slice(&checksum);
    if content.len() > bound {
        return Err(too_large());
    }
    Ok(content)
}

/// The body in the bytes of a height's file.
///
/// # Errors
/// What is wrong with them, as the end of a sentence: they are not what was written, or are of another height or chain.
pub fn open(genesis: &Hash, height: Height, bytes: &[u8]) -> Result<Body, &'static str> {
    let end = bytes.len().checked_sub(CHECKSUM_BYTES).ok_or("it is cut short")?;
    let (content, checksum) = bytes.split_at(end);
    if file_checksum(content) != *checksum {
        return Err("its checksum does not match");
    }
    let (found, body) = content.split_at_checked(HEAD_BYTES).ok_or("it is cut short")?;
    let length = u32::try_from(body.len()).map_err(|_| "it is larger than any body")?;
    if found != head(genesis, height, length) {
        return Err("it is of another height or chain");
    }
    decode::<Body>(body).map_err(|_| "what is in it is no body")
}

fn head(genesis: &Hash, height: Height, length: u32) -> Vec<u8> {
    [MAGIC.as_slice(), genesis.as_bytes(), &height.0.to_le_bytes(), &length.to_le_bytes()].concat()
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
    fn what_was_sealed_is_opened_and_nothing_else() {
        let mut seed = Seed::new();
        let good = seal(&GENESIS, Height(3), &body(1)).unwrap();
        assert_eq!(open(&GENESIS, Height(3), &good), Ok(body(1)));
        for _ in 0..300 {
            let mut bytes = good.clone();
            bytes[seed.index(good.len())] ^= 1 << seed.below(8);
            assert!(open(&GENESIS, Height(3), &bytes).is_err());
            assert!(open(&GENESIS, Height(3), &good[..seed.index(good.len())]).is_err());
        }
        assert_eq!(open(&GENESIS, Height(4), &good), Err("it is of another height or chain"));
        assert_eq!(open(&Hash([8; 32]), Height(3), &good), Err("it is of another height or chain"));
    }

    #[test]
    fn ten_thousand_heights_share_a_folder() {
        assert_eq!(name(Height(3)), "0000000000000000/00000000000000000003.body");
        assert_eq!(name(Height(20_001)), "0000000000000002/00000000000000020001.body");
    }
}
