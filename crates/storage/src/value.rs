//! What a stored value looks like: a checksum of ours in front of every payload, verified on every read.
//!
//! ```text
//! value = checksum 8 ‖ payload
//! checksum = first 8 bytes of keyed BLAKE3(column id 1 ‖ key length 4 LE ‖ key ‖ payload)
//! ```
//! The engine checksums its blocks too. Ours also covers the way through its caches and our own memory, and it
//! binds the value to its column and key, so that a value can never be read as another one.

use borsh::BorshDeserialize;

use crate::columns::Column;

/// Bytes of the checksum.
pub(crate) const CHECKSUM_BYTES: usize = 8;
/// Key of the checksum function: part of the format.
const CHECKSUM_KEY: &[u8; 32] = b"the-block v1 stored value chksum";

/// Bytes of a value whose payload cannot be trusted, and why.
pub(crate) type Reason = String;

fn checksum(column: Column, key: &[u8], payload: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let key_length = u32::try_from(key.len()).expect("keys are shorter than 64 KiB");
    let mut hasher = blake3::Hasher::new_keyed(CHECKSUM_KEY);
    hasher.update(&[column.id()]);
    hasher.update(&key_length.to_le_bytes());
    hasher.update(key);
    hasher.update(payload);
    let mut sum = [0_u8; CHECKSUM_BYTES];
    sum.copy_from_slice(&hasher.finalize().as_bytes()[..CHECKSUM_BYTES]);
    sum
}

/// The value to store for `payload`.
pub(crate) fn seal(column: Column, key: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(CHECKSUM_BYTES + payload.len());
    value.extend_from_slice(&checksum(column, key, payload));
    value.extend_from_slice(payload);
    value
}

/// The payload of a stored value.
pub(crate) fn unseal<'a>(column: Column, key: &[u8], value: &'a [u8]) -> Result<&'a [u8], Reason> {
    let (sum, payload) = value.split_at_checked(CHECKSUM_BYTES).ok_or("it is shorter than its checksum")?;
    if checksum(column, key, payload) == sum { Ok(payload) } else { Err("its checksum does not fit".to_owned()) }
}

/// Reads one borsh value from exactly `payload`.
pub(crate) fn decode<T: BorshDeserialize>(payload: &[u8]) -> Result<T, Reason> {
    borsh::from_slice(payload).map_err(|error| format!("it does not decode: {error}"))
}

/// A keyed BLAKE3 checksum of `bytes`, for files.
pub(crate) fn file_checksum(bytes: &[u8]) -> [u8; 32] {
    *blake3::keyed_hash(CHECKSUM_KEY, bytes).as_bytes()
}

/// The payload of a block: its certificate's bytes (none: empty) and its own.
pub(crate) fn join_block(certificate: &[u8], block: &[u8]) -> Vec<u8> {
    let length = u32::try_from(certificate.len()).expect("a certificate's signatures are bounded by type");
    [&length.to_le_bytes(), certificate, block].concat()
}

/// The parts of a payload made by [`join_block`].
pub(crate) fn split_block(payload: &[u8]) -> Result<(&[u8], &[u8]), Reason> {
    let short = || "it is shorter than its certificate".to_owned();
    let (length, rest) = payload.split_first_chunk::<4>().ok_or_else(short)?;
    let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| short())?;
    rest.split_at_checked(length).ok_or_else(short)
}
