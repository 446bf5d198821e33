//! What a guard file says, read without its key and without taking it: to compare a copy with the one in use.

use std::path::Path;

use primitives::{Hash, Height, PublicKey, Round};

use super::log::{LOG_BYTES_MAX, parse};
use super::{GuardError, SignedStep};
use crate::durable;

/// A guard at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuardView {
    /// The validator's key.
    pub key: PublicKey,
    /// The chain.
    pub genesis: Hash,
    /// The highest place that is signed; none before the first signature.
    pub highest: Option<(Height, Round, SignedStep)>,
}

/// Reads and checks a guard file. A record that is being written at this moment does not count.
///
/// # Errors
/// [`GuardError::Missing`], [`GuardError::Disk`], and [`GuardError::Damaged`] for bytes that are no guard.
pub fn look(path: &Path) -> Result<GuardView, GuardError> {
    let disk = |cause: std::io::Error| match cause.kind() {
        std::io::ErrorKind::NotFound => GuardError::Missing { path: path.to_owned() },
        _ => GuardError::Disk { path: path.to_owned(), cause },
    };
    let bytes_max = u64::try_from(LOG_BYTES_MAX).unwrap_or(u64::MAX);
    let bytes = durable::read_bounded(path, bytes_max).map_err(disk)?;
    let too_large = || GuardError::Damaged { path: path.to_owned(), reason: "it is larger than 1 MiB".to_owned() };
    look_in(path, &bytes.ok_or_else(too_large)?)
}

/// Checks the bytes of a guard file; `path` is where they are from, for the refusal.
///
/// # Errors
/// [`GuardError::Damaged`] for bytes that are no guard.
pub fn look_in(path: &Path, bytes: &[u8]) -> Result<GuardView, GuardError> {
    let damaged = |reason: &str| GuardError::Damaged { path: path.to_owned(), reason: reason.to_owned() };
    let part = |from: usize| bytes.get(from..from + 32).and_then(|part| <[u8; 32]>::try_from(part).ok());
    let key = PublicKey(part(8).ok_or_else(|| damaged("it ends within its head"))?);
    let genesis = Hash(part(40).ok_or_else(|| damaged("it ends within its head"))?);
    let (_, records) = parse(path, bytes, key, genesis)?;
    let highest = records.iter().map(|record| record.position).max();
    Ok(GuardView { key, genesis, highest: highest.map(|place| (place.height, place.round, place.step)) })
}
