//! A write of the peer store ended.

use std::io;

use crate::actor::Network;

/// Notes the end; a write that was given up is tried again at the next interval.
pub(crate) fn handle(network: &mut Network, result: io::Result<()>) {
    network.persisting = None;
    if let Err(error) = result {
        network.store.mark_changed();
        tracing::warn!(%error, "the peer store could not be written and is tried again later; check the disk and the permissions of its folder");
    }
}
