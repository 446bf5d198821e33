//! Whether there is room to write. It is asked before a height, an offer or a commit is begun.
//!
//! ```text
//!   no room: no next height, no offer, no block judged ─► the height in hand may still be decided by the others
//!            a decision, and what follows it, is held    ─► room again: committed, and the next height starts
//! ```
//!
//! Rules
//! - Nothing is made durable and nothing is acknowledged without room; what was decided meanwhile is held, and committed once there is
//!   room. At most [`HELD_MAX`] messages are held, so the memory of a node that waits does not grow.
//! - Votes of the height in hand are still signed: they take a few hundred bytes, and a validator that abstains in a step could hold up
//!   that step for good. A signature that the disk has no room for at all ends the engine; the next start goes on.
//! - The owner says what room is; without an answer there is always room.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use arc_malachitebft_app_channel::AppMsg;

use crate::context::ChainContext;

/// Pause between two looks for room.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Most messages that are held: the decision of a height, and the end of it.
pub(crate) const HELD_MAX: usize = 2;

/// Asks the owner whether there is room.
#[derive(Clone, Default)]
pub struct Room(Option<Arc<dyn Fn() -> bool + Send + Sync>>);

impl std::fmt::Debug for Room {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Room").field("asked", &self.0.is_some()).finish()
    }
}

impl Room {
    /// Room as `ask` says; it may look at the disk.
    pub fn new(ask: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(ask)))
    }

    /// Whether there is room now, asked in this thread.
    pub(crate) fn look(&self) -> bool {
        self.0.as_ref().is_none_or(|ask| ask())
    }

    /// Whether there is room now, asked where a thread may block.
    pub(crate) async fn is_there(&self) -> bool {
        if self.0.is_none() {
            return true;
        }
        let room = self.clone();
        // An error means that the runtime ends: nothing is begun any more.
        tokio::task::spawn_blocking(move || room.look()).await.unwrap_or(false)
    }

    /// Waits until there is room.
    pub(crate) async fn wait(&self) {
        while !self.is_there().await {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

/// The decision that waits for room, and the end of its height.
#[derive(Default)]
pub(crate) struct Held(VecDeque<AppMsg<ChainContext>>);

impl Held {
    /// Whether nothing is held.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Gives the message back, unless it is one that must wait for room.
    pub(crate) async fn take(&mut self, room: &Room, message: AppMsg<ChainContext>) -> Option<AppMsg<ChainContext>> {
        let waits = match &message {
            AppMsg::Decided { .. } => !room.is_there().await,
            // It follows its decision, and never overtakes it.
            AppMsg::Finalized { .. } => !self.is_empty(),
            _ => false,
        };
        if !waits {
            return Some(message);
        }
        debug_assert!(self.0.len() < HELD_MAX, "a height is decided once, and no other one starts before it has ended");
        self.0.push_back(message);
        None
    }

    /// The next message that was held.
    pub(crate) fn next(&mut self) -> Option<AppMsg<ChainContext>> {
        self.0.pop_front()
    }
}
