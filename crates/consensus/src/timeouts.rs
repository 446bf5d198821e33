//! How long a round waits, and when a validator that stands still sends its votes again. Implements CON-20.
//!
//! ```text
//! propose      timeout_propose_ms + round · timeout_delta_ms ┐
//! prevote      timeout_vote_ms    + round · timeout_delta_ms ├ at most 60 s unless a parameter is larger
//! precommit    timeout_vote_ms    + round · timeout_delta_ms ┘
//! send again   timeout_vote_ms, in every round
//! ```
//!
//! Why sending again does not wait longer in later rounds, as it does in the engine's own timeouts: a step grows with the
//! round so that slow messages find their receivers still waiting. A vote that was lost in a partition does not come any
//! later for that; each of the two votes of a round would wait for it, and in round 4 that is 7 s twice.

use std::time::Duration;

use arc_malachitebft_app_channel::app::types::core::{Timeout, TimeoutKind, Timeouts};
use primitives::Params;

use crate::context::ChainContext;

/// Longest wait of any round step.
const TIMEOUT_MAX: Duration = Duration::from_secs(60);

/// The waits of a round, from the governed values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoundTimeouts {
    propose: Duration,
    vote: Duration,
    delta: Duration,
}

impl RoundTimeouts {
    /// The waits under these governed values.
    pub fn of(params: &Params) -> Self {
        let milliseconds = Duration::from_millis;
        Self {
            propose: milliseconds(params.timeout_propose_ms),
            vote: milliseconds(params.timeout_vote_ms),
            delta: milliseconds(params.timeout_delta_ms),
        }
    }
}

impl Default for RoundTimeouts {
    fn default() -> Self {
        Self::of(&Params::default())
    }
}

impl Timeouts<ChainContext> for RoundTimeouts {
    fn duration_for(&self, timeout: Timeout) -> Duration {
        // The engine never asks for the nil round; the first round's wait keeps this total.
        let round = timeout.round.as_u32().unwrap_or(0);
        let most = TIMEOUT_MAX.max(self.propose).max(self.vote);
        let grown = |first: Duration| first.saturating_add(self.delta.saturating_mul(round)).min(most);
        match timeout.kind {
            TimeoutKind::Propose => grown(self.propose),
            TimeoutKind::Prevote | TimeoutKind::Precommit => grown(self.vote),
            TimeoutKind::Rebroadcast => self.vote,
            TimeoutKind::FinalizeHeight(duration) => duration,
        }
    }
}
