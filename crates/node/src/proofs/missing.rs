//! What this node misses while its peers may have it: which window it asks for, when, and whom.
//!
//! ```text
//!   next window closed ── ASK_AFTER ──► ask a peer ──┬─ it was taken ────► the next one is asked for at the next look
//!                                                    └─ ASK_PAUSE ──────► ask the next peer
//! ```
//! Model: pure. It is looked at once a second; time is an argument.
//!
//! Rules
//! - Announcements bring proofs as they are made, so a node asks only for a window that was closed for a while and is not here.
//! - One question at a time, one peer after another. Nothing is asked while no window is missing.
//! - Nobody can tell a proof that was missed from one that nobody has made yet, so both are asked for. A question has some bytes.

use std::time::{Duration, Instant};

/// How long a window may be missing before somebody is asked.
pub const ASK_AFTER: Duration = Duration::from_secs(5);
/// How long a question may go without help before the next peer is asked.
pub const ASK_PAUSE: Duration = Duration::from_secs(5);

/// The window that is missing.
#[derive(Debug, Default)]
pub struct Missing {
    window: u64,
    /// Since when it is closed and not here, as far as it was looked at.
    since: Option<Instant>,
    /// When it was last asked for.
    asked: Option<Instant>,
    /// Whether a question has just helped.
    helped: bool,
    /// Whose turn it is, counted on from 0.
    turn: usize,
}

impl Missing {
    /// Which of `peers` peers is asked for window `next`, when the windows below `closed` are closed; nobody when it is not time.
    pub fn look(&mut self, next: u64, closed: u64, peers: usize, now: Instant) -> Option<usize> {
        if next != self.window {
            let helped = self.asked.is_some();
            *self = Self { window: next, helped, turn: self.turn, ..Self::default() };
        }
        if next >= closed {
            *self = Self { window: next, turn: self.turn, ..Self::default() };
            return None;
        }
        let since = *self.since.get_or_insert(now);
        let is_due = match self.asked {
            Some(asked) => now.saturating_duration_since(asked) >= ASK_PAUSE,
            None => self.helped || now.saturating_duration_since(since) >= ASK_AFTER,
        };
        if !is_due || peers == 0 {
            return None;
        }
        if self.asked.is_some() {
            self.turn = self.turn.wrapping_add(1);
        }
        self.asked = Some(now);
        self.turn.checked_rem(peers)
    }
}
