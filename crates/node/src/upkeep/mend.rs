//! A start that meets damage: the store is built anew from what can be read, or refused as it is.
//!
//! Rules
//! - The first refusal is what the operator hears when the store cannot be mended; the second cause is in the log.
//! - The damaged store stays beside the new one. Whoever wants to look first sets `storage.mend = false`.
//!
//! Read next: `storage/src/mend.rs`.

use std::path::PathBuf;

use ::config::NodeConfig;
use primitives::Hash;
use storage::{Store, StoreConfig, Verify};

use crate::start_error::StartError;

/// Opens the store of this configuration; where it was damaged and is built anew also gives where the damaged one lies.
///
/// # Errors
/// [`StartError::Storage`].
pub fn open(config: &NodeConfig, genesis: &Hash) -> Result<(Store, Option<PathBuf>), StartError> {
    let path = config.store_dir();
    let open = || Store::open(&StoreConfig::Disk { path: path.clone(), verify: Verify::Full }, genesis);
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
