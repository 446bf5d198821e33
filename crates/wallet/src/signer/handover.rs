//! Moving a guard to where the key goes: into the home of a remote signer.
//!
//! ```text
//! from/guard.log ─rename─► from/guard.log.given-away ─copy, sync─► to/guard.log ─► given-away removed
//! ```
//!
//! Rules
//! - Both locks are held, so nobody signs with either meanwhile.
//! - The guard stands under its own name in at most one of the two places at any moment: a crash leaves a key that
//!   cannot sign anywhere, and the next call goes on from there.
//!
//! Read next: `mod.rs`.

use std::fs;
use std::path::{Path, PathBuf};

use primitives::PublicKey;

use super::log::LOG_BYTES_MAX;
use super::{GuardError, look, take_lock};
use crate::durable;

/// Moves the guard of `key`. Does nothing when that was done before.
///
/// # Errors
/// [`GuardError`]: a guard that is in use, missing, damaged, of another key, or stands in both places.
pub fn hand_over(from: &Path, to: &Path, key: PublicKey) -> Result<(), GuardError> {
    let (_here, _there) = (take_lock(from)?, take_lock(to)?);
    let mut name = from.as_os_str().to_owned();
    name.push(".given-away");
    let away = PathBuf::from(name);
    let disk = |path: &Path| {
        let path = path.to_owned();
        move |cause| GuardError::Disk { path, cause }
    };
    let there = |path: &Path| path.try_exists().map_err(disk(path));
    let place = match (there(from)?, there(&away)?, there(to)?) {
        (false, false, _) => to,
        (false, true, _) => &away,
        (true, false, false) => from,
        (true, ..) => return Err(GuardError::TwoGuards { first: from.to_owned(), second: to.to_owned() }),
    };
    let found = look(place)?.key;
    if found != key {
        return Err(GuardError::OtherKey { path: place.to_owned(), found, wanted: key });
    }
    if place == to {
        return Ok(());
    }
    if place == from {
        durable::install(from, &away).map_err(disk(from))?;
    }
    let bytes_max = u64::try_from(LOG_BYTES_MAX).unwrap_or(u64::MAX);
    let read = |path: &Path| durable::read_bounded(path, bytes_max).map_err(disk(path));
    let bytes = read(&away)?;
    if there(to)? {
        if read(to)? != bytes {
            return Err(GuardError::TwoGuards { first: away, second: to.to_owned() });
        }
    } else {
        durable::write_new(to, &bytes.unwrap_or_default()).map_err(disk(to))?;
    }
    fs::remove_file(&away).and_then(|()| durable::sync_folder(&away)).map_err(disk(&away))
}
