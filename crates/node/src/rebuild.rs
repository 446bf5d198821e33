//! Making the history index again while the node is stopped.
//!
//! The index of payments by account is made from blocks and receipts alone, so nothing is lost when it is thrown
//! away. An interrupted rebuild leaves an index that refuses to answer; the next rebuild begins from the start.
//!
//! Read next: `storage/src/history.rs`.

use std::ops::RangeInclusive;

use ::config::{Home, NodeConfig};
use primitives::Height;
use storage::{StorageError, Store, StoreConfig, Verify};

use crate::run::read_genesis;
use crate::start_error::StartError;

/// Makes the history index of the stopped node in `home` again, calling `progress` with the height done and the
/// last one. Gives the heights that are indexed: none before the first that the store keeps.
///
/// # Errors
/// [`StartError`]: a configuration or genesis file that cannot be used, no store, one that a running node holds, or
/// one that is damaged.
pub fn rebuild_history(
    home: &Home,
    flags: &[(String, String)],
    progress: &mut dyn FnMut(u64, u64),
) -> Result<RangeInclusive<Height>, StartError> {
    let config = NodeConfig::load(home, flags, |name| std::env::var(name).ok())?.config;
    let genesis = read_genesis(&home.genesis_json())?;
    let path = config.store_dir();
    if !path.exists() {
        // Opening it would make an empty one.
        return Err(StorageError::NotInitialised.into());
    }
    let store = Store::open(&StoreConfig::Disk { path, verify: Verify::Full }, &genesis.hash())?;
    store.history_rebuild(|done, last| progress(done.0, last.0))?;
    Ok(store.oldest()..=store.head().map_or(Height::GENESIS, |head| head.height))
}
