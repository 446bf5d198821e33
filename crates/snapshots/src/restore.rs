//! From a snapshot to a store: every chunk is checked, then the whole, then one batch makes it durable.
//!
//! Rules
//! - Nothing is written before everything was checked. A crash leaves an empty store or the whole state.
//! - The certificate's validators are believed as far as the caller believes them.

use primitives::{Hash, LedgerSlot};
use storage::{Base, Entry, GenesisBatch, Store};
use tree::{LedgerTree, StateTree};

use crate::chunk::Chunk;
use crate::error::SnapshotError;
use crate::make::Progress;
use crate::shelf::Snapshot;

/// Fills an empty store from a snapshot of its chain. The store's head is then the snapshot's height.
///
/// # Errors
/// [`SnapshotError`] by name; the store is still empty then.
pub fn restore(snapshot: &Snapshot, store: &Store, progress: &mut dyn FnMut(Progress)) -> Result<Hash, SnapshotError> {
    let manifest = &snapshot.manifest;
    manifest.check_chain(store.genesis())?;
    if store.head().is_some() {
        return Err(SnapshotError::NotEmpty { path: snapshot.path.clone() });
    }
    let mut slots: Vec<LedgerSlot> = Vec::new();
    let mut state: Vec<Entry> = Vec::new();
    snapshot.read(progress, &mut |_, chunk| match chunk {
        Chunk::Ledger { slots: more, .. } => slots.extend(more.into_inner()),
        Chunk::State { entries, .. } => {
            let entries = entries.into_inner().into_iter();
            state.extend(entries.map(|entry| (entry.key.to_vec(), entry.value.to_vec())));
        }
    })?;
    let header = manifest.content.header.clone();
    let ledger = LedgerTree::new(slots.clone()).map_err(|_| SnapshotError::OtherRoot { what: "ledger" })?;
    let same = ledger.root() == header.ledger_root && ledger.supply() == header.supply;
    if !same || ledger.next_slot() != header.next_slot {
        return Err(SnapshotError::OtherRoot { what: "ledger" });
    }
    let nodes = StateTree::build(header.height.0, state.clone());
    let nodes = nodes.map_err(|_| SnapshotError::OtherRoot { what: "module state" })?;
    if nodes.root != header.state_root {
        return Err(SnapshotError::OtherRoot { what: "module state" });
    }
    let base = Base { header, certificate: manifest.content.certificate.clone() };
    store.initialise_at(&base, &GenesisBatch { slots, state, nodes: nodes.nodes })?;
    Ok(base.header.hash())
}
