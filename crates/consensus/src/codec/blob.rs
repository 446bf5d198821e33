//! Bytes with a bound, read in pieces.
//!
//! A length prefix alone reserves nothing: memory grows as bytes really arrive. Unlike
//! `primitives::BoundedBytes`, which reads byte by byte, this is made for blocks of megabytes.

use borsh::io::{Error, ErrorKind, Read, Result as IoResult, Write};
use borsh::{BorshDeserialize, BorshSerialize};
use bytes::Bytes;

/// How much is read at a time.
const PIECE_BYTES: usize = 64 * 1024;

/// At most `MAX` bytes, cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob<const MAX: usize>(Bytes);

impl<const MAX: usize> Blob<MAX> {
    /// Takes `bytes` when there are at most `MAX`; otherwise `None`.
    pub fn new(bytes: Bytes) -> Option<Self> {
        (bytes.len() <= MAX).then_some(Self(bytes))
    }

    /// The bytes.
    pub fn into_bytes(self) -> Bytes {
        self.0
    }
}

impl<const MAX: usize> std::ops::Deref for Blob<MAX> {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl<const MAX: usize> BorshSerialize for Blob<MAX> {
    fn serialize<W: Write>(&self, writer: &mut W) -> IoResult<()> {
        let length = u32::try_from(self.0.len()).map_err(|_| Error::from(ErrorKind::InvalidInput))?;
        length.serialize(writer)?;
        writer.write_all(&self.0)
    }
}

impl<const MAX: usize> BorshDeserialize for Blob<MAX> {
    fn deserialize_reader<R: Read>(reader: &mut R) -> IoResult<Self> {
        let length = u32::deserialize_reader(reader)?;
        let length = usize::try_from(length).map_err(|_| Error::from(ErrorKind::InvalidData))?;
        if length > MAX {
            let reason = format!("{length} bytes, at most {MAX} allowed");
            return Err(Error::new(ErrorKind::InvalidData, reason));
        }
        let mut bytes = Vec::new();
        while bytes.len() < length {
            let start = bytes.len();
            bytes.resize(length.min(start.saturating_add(PIECE_BYTES)), 0);
            reader.read_exact(&mut bytes[start..])?;
        }
        Ok(Self(bytes.into()))
    }
}
