//! Wakes those who wait: one reader of the node's notices for all waits and streams.
//!
//! ```text
//! stages ──notices──► follow ──┬─ id moved ──► the watchers of this transaction alone
//!                              └─ finalized ─► block cache, then the height that streams follow
//! ```
//! Rules
//! - A wake-up carries nothing: who wakes looks at the tracker and the store again. So nothing can be missed,
//!   and a slow reader holds no memory.
//! - Thousands of transactions move in a second; only who watches one of them is woken.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use primitives::{Height, TransactionId};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};

use super::server::{Server, lock};
use crate::stages::Notice;

/// Who waits for what. The number of entries is bounded by the places for waits and streams.
#[derive(Default)]
pub struct Hub {
    watched: Mutex<BTreeMap<TransactionId, watch::Sender<()>>>,
    finalized: watch::Sender<Height>,
}

impl Hub {
    /// The last finalized height that the block cache has heard of.
    pub fn finalized(&self) -> watch::Receiver<Height> {
        self.finalized.subscribe()
    }

    /// Watches a transaction from now on.
    pub fn watch(self: &Arc<Self>, id: TransactionId) -> Watching {
        let moved = lock(&self.watched).entry(id).or_default().subscribe();
        Watching { hub: Arc::clone(self), id, moved }
    }

    fn wake(&self, ids: &[TransactionId]) {
        let watched = lock(&self.watched);
        if watched.is_empty() {
            return;
        }
        for moved in ids.iter().filter_map(|id| watched.get(id)) {
            moved.send_replace(());
        }
    }

    fn wake_all(&self) {
        for moved in lock(&self.watched).values() {
            moved.send_replace(());
        }
    }
}

/// One who watches a transaction.
pub struct Watching {
    hub: Arc<Hub>,
    id: TransactionId,
    moved: watch::Receiver<()>,
}

impl Watching {
    /// Returns once the transaction has moved since the last call.
    pub async fn moved(&mut self) {
        // The sender lives as long as somebody watches.
        let _ = self.moved.changed().await;
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let mut watched = lock(&self.hub.watched);
        // Our own receiver still counts.
        if watched.get(&self.id).is_some_and(|moved| moved.receiver_count() <= 1) {
            watched.remove(&self.id);
        }
    }
}

/// Follows the notices until the node's stages are gone.
pub async fn follow(server: Arc<Server>, mut notices: broadcast::Receiver<Notice>) {
    let head = |server: &Server| server.shared.store.head().map_or(Height::GENESIS, |head| head.height);
    server.hub.finalized.send_replace(head(&server));
    loop {
        match notices.recv().await {
            Ok(Notice::Moved(ids)) => server.hub.wake(&ids),
            Ok(Notice::Finalized(block)) => {
                let height = block.block.header.height;
                server.blocks.keep(block);
                server.hub.finalized.send_replace(height);
            }
            // Missed notices are made up for by the store: everybody looks again.
            Err(RecvError::Lagged(_)) => {
                server.hub.wake_all();
                server.hub.finalized.send_replace(head(&server));
            }
            Err(RecvError::Closed) => return,
        }
    }
}
