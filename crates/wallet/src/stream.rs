//! Encryption of long files: one random key for many files, a password for the key, segments that cannot be moved.
//!
//! ```text
//! password ── seal.rs ──► key 32 (drawn once) ──┐
//! file name ── additional data ─────────────────┤
//! plain ── 65,536 bytes at a time ──────────────┴ XChaCha20-Poly1305 ──► prefix 19 ‖ (ciphertext ‖ tag 16)…
//!
//! nonce of segment i = prefix 19 ‖ i 4, big-endian ‖ 1 for the last segment, 0 before it
//! ```
//!
//! The construction is STREAM (Hoang, Reyhanitabar, Rogaway, Vizár: *Online Authenticated-Encryption and its Nonce-Reuse
//! Misuse-Resistance*, 2015): a segment that is altered, moved, repeated or left out, and a file that is cut short at any place, are refused.
//!
//! Rules
//! - The prefix is drawn for each file, so a key seals any number of files.
//! - A segment is written only after its tag was checked.
//! - An empty file is one empty segment.

use std::fmt;
use std::io::{self, Read, Write};

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use crate::seal::{SealError, Sealed};
use crate::{KdfParams, Password, RandomnessError, draw};

/// Bytes of a nonce that are drawn for each file.
const PREFIX_BYTES: usize = 19;
/// Bytes of a segment before it is sealed.
pub const SEGMENT_BYTES: usize = 65_536;
/// Bytes that sealing adds to a segment.
const TAG_BYTES: usize = 16;

/// The key of sealed files. Wiped when dropped, never printed.
pub struct StreamKey(Zeroizing<[u8; 32]>);

impl fmt::Debug for StreamKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StreamKey(…)")
    }
}

/// Why a file could not be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// The disk.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The bytes are not those that were sealed under this key and name.
    #[error("it was altered, cut short, or is another file than its name says")]
    Altered,
    /// More than 2^32 segments.
    #[error("it is longer than 256 TiB")]
    TooLong,
    /// No prefix.
    #[error(transparent)]
    Randomness(#[from] RandomnessError),
}

impl StreamKey {
    /// A new key.
    ///
    /// # Errors
    /// [`RandomnessError`] when the system has no random bytes.
    pub fn new() -> Result<Self, RandomnessError> {
        draw::<32>().map(Self)
    }

    /// The key under a password; opening needs the same `bound` bytes.
    ///
    /// # Errors
    /// As [`Sealed::seal`].
    pub fn lock(&self, bound: &[u8], password: &Password, kdf: KdfParams) -> Result<Sealed, SealError> {
        Sealed::seal(&self.0[..], bound, password, kdf)
    }

    /// The key that was locked.
    ///
    /// # Errors
    /// As [`Sealed::open`].
    pub fn unlock(locked: &Sealed, bound: &[u8], password: &Password) -> Result<Self, SealError> {
        let opened = locked.open(bound, password)?;
        let bytes: [u8; 32] = opened.as_slice().try_into().map_err(|_| SealError::Field("ciphertext"))?;
        Ok(Self(Zeroizing::new(bytes)))
    }

    /// Seals all of `from` into `to`.
    ///
    /// # Errors
    /// [`StreamError`].
    pub fn seal(&self, name: &str, from: &mut impl Read, to: &mut impl Write) -> Result<(), StreamError> {
        let prefix = draw::<PREFIX_BYTES>()?;
        to.write_all(&prefix[..])?;
        self.segments(from, to, SEGMENT_BYTES, |cipher, index, is_last, segment| {
            let nonce = nonce(&prefix, index, is_last);
            cipher.encrypt(&nonce, Payload { msg: segment, aad: name.as_bytes() }).map_err(|_| StreamError::TooLong)
        })
    }

    /// Opens all of `from` into `to`. What was written before an error is what was sealed, and not all of it.
    ///
    /// # Errors
    /// [`StreamError`].
    pub fn open(&self, name: &str, from: &mut impl Read, to: &mut impl Write) -> Result<(), StreamError> {
        let mut prefix = [0; PREFIX_BYTES];
        from.read_exact(&mut prefix).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => StreamError::Altered,
            _ => StreamError::Io(error),
        })?;
        self.segments(from, to, SEGMENT_BYTES + TAG_BYTES, |cipher, index, is_last, segment| {
            let nonce = nonce(&prefix, index, is_last);
            cipher.decrypt(&nonce, Payload { msg: segment, aad: name.as_bytes() }).map_err(|_| StreamError::Altered)
        })
    }

    /// Turns each segment of `length` bytes, the last shorter or as long, into what stands for it.
    fn segments(
        &self,
        from: &mut impl Read,
        to: &mut impl Write,
        length: usize,
        turn: impl Fn(&XChaCha20Poly1305, u32, bool, &[u8]) -> Result<Vec<u8>, StreamError>,
    ) -> Result<(), StreamError> {
        let cipher = XChaCha20Poly1305::new(<&Key>::from(&*self.0));
        let (mut segment, mut index) = (segment(from, length)?, 0_u32);
        loop {
            let next = self::segment(from, length)?;
            let turned = Zeroizing::new(turn(&cipher, index, next.is_empty(), &segment)?);
            to.write_all(&turned)?;
            if next.is_empty() {
                return Ok(());
            }
            segment = next;
            index = index.checked_add(1).ok_or(StreamError::TooLong)?;
        }
    }
}

/// Up to `length` bytes; fewer only at the end.
fn segment(from: &mut impl Read, length: usize) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(length));
    from.take(u64::try_from(length).unwrap_or(u64::MAX)).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn nonce(prefix: &[u8; PREFIX_BYTES], index: u32, is_last: bool) -> XNonce {
    let mut bytes = [0; 24];
    let (front, back) = bytes.split_at_mut(PREFIX_BYTES);
    front.copy_from_slice(prefix);
    let (counter, last) = back.split_at_mut(4);
    counter.copy_from_slice(&index.to_be_bytes());
    last.copy_from_slice(&[u8::from(is_last)]);
    XNonce::from(bytes)
}
