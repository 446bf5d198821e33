//! A start that meets damage: the store is built anew from what can be read, or refused as it is.
//!
//! Rules
//! - The first refusal is what the operator hears when the store cannot be mended; the second cause is in the log.
//! - The time of a start does not grow with the chain: above [`READ_WHOLE`] the scrub reads what is old.
//! - The damaged store stays beside the new one. Whoever wants to look first sets `storage.mend = false`.
//!
//! Read next: `storage/src/mend.rs`.

use std::path::PathBuf;

use ::config::NodeConfig;
use primitives::{Hash, Height};
use storage::{Store, StoreConfig, Verify};

use super::scrub::has_found_a_bad_file;
use crate::start_error::StartError;

/// A start reads the whole of a store up to this height; of a longer one it leaves old values to the scrub and to whoever asks for them.
const READ_WHOLE: Height = Height(20_000);

/// How much a start reads: all of it too where no scrub would, and where the last one found a bad file, which only a start mends.
fn reads(config: &NodeConfig) -> Verify {
    let is_scrubbed = config.storage.scrub_bytes_per_sec > 0;
    if is_scrubbed && !has_found_a_bad_file(&config.data_dir) { Verify::FullUpTo(READ_WHOLE) } else { Verify::Full }
}

/// Opens the store of this configuration; where it was damaged and is built anew also gives where the damaged one lies.
///
/// # Errors
/// [`StartError::Storage`].
pub fn open(config: &NodeConfig, genesis: &Hash) -> Result<(Store, Option<PathBuf>), StartError> {
    let path = config.store_dir();
    let verify = reads(config);
    let open = || Store::open(&StoreConfig::Disk { path: path.clone(), verify }, genesis);
    let refused = match open() {
        Ok(store) => return Ok((store, None)),
        Err(error) if error.is_damage() && config.storage.mend => error,
        Err(error) => return Err(error.into()),
    };
    tracing::error!(event = "storage.damaged", error = %refused, "the store is damaged: it is built anew from what can be read");
    let mended = match Store::mend(&path, genesis, &snapshots::digest(genesis), &mut |_, _| {}) {
        Ok(mended) => mended,
        Err(cause) => {
            tracing::error!(%cause, "the store cannot be built anew: what is damaged is not a body or an index");
            return Err(refused.into());
        }
    };
    tracing::error!(
        event = "storage.mended",
        height = %mended.head,
        kept = mended.kept,
        quarantined = mended.quarantined.len(),
        aside = %mended.aside.display(),
        "the store was built anew; what could not be read is taken from peers"
    );
    Ok((open()?, Some(mended.aside)))
}
