//! Whether proofs are being made and taken, as provers report it.
//!
//! ```text
//!   healthy ──a prover reports a failure──► failing ──a proof is accepted──► healthy (recovered)
//! ```

use primitives::Timestamp;

/// Longest reason that is kept, characters.
const REASON_CHARS_MAX: usize = 256;

/// The present state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Health {
    failure: Option<String>,
    recovered: Option<Timestamp>,
}

impl Health {
    /// What went wrong last, until a proof is accepted.
    pub fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// When it last recovered.
    pub fn recovered(&self) -> Option<Timestamp> {
        self.recovered
    }

    /// A prover reports a failure.
    pub fn fail(&mut self, reason: &str) {
        self.failure = Some(reason.chars().filter(|one| !one.is_control()).take(REASON_CHARS_MAX).collect());
    }

    /// A proof was accepted; gives the failure that is over with it.
    pub fn recover(&mut self, now: Timestamp) -> Option<String> {
        let failure = self.failure.take()?;
        self.recovered = Some(now);
        Some(failure)
    }
}
