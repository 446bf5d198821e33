//! Which prover works on which window, so that several do not do the same work.
//!
//! Rules
//! - A claim is a hint and binds nobody: whoever hands in a good proof first has proven the window.
//! - A claim ends [`CLAIM_TIME_MS`] after it was last renewed, so the window of a prover that died is given out again.
//! - Windows are given out in order, at most [`CLAIMS_MAX`] ahead of what is proven.
//! - A prover that starts again under its name gets its window back.
//! - Windows are handed in in order, so a proof may wait for that of an earlier window. Its prover names it with each claim, and nobody else
//!   proves it again.
//! - The chain proof is claimed apart from windows: one prover extends it at a time ([`ChainClaim`]).

use std::collections::BTreeMap;

use primitives::Timestamp;

/// How long a claim holds without being renewed, milliseconds.
pub const CLAIM_TIME_MS: u64 = 30_000;
/// Most windows that are claimed at once.
pub const CLAIMS_MAX: u64 = 32;
/// Longest name, characters.
const NAME_CHARS_MAX: usize = rpc::types::proving::PROVER_NAME_MAX;

/// A name that a prover cannot have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a prover's name has 1 to {NAME_CHARS_MAX} letters, digits, -, _ and .")]
pub struct NameError;

/// The claims in force.
#[derive(Debug, Default)]
pub struct Claims(BTreeMap<u64, (String, Timestamp)>);

impl Claims {
    /// Whether `name` is one.
    ///
    /// # Errors
    /// [`NameError`].
    pub fn check_name(name: &str) -> Result<(), NameError> {
        let allowed = |one: char| one.is_ascii_alphanumeric() || matches!(one, '-' | '_' | '.');
        let good = !name.is_empty() && name.len() <= NAME_CHARS_MAX && name.chars().all(allowed);
        if good { Ok(()) } else { Err(NameError) }
    }

    /// Drops what is over: claims whose time is up and windows below `next`.
    pub fn expire(&mut self, next: u64, now: Timestamp) {
        self.0.retain(|window, (_, until)| *window >= next && *until > now);
    }

    /// Gives `prover` the window it wants, or else the first that nobody else works on and that is not one of those it has proven and
    /// keeps `waiting`, among the closed windows `next` to `closed` − 1. Gives the window and until when it is claimed.
    pub fn claim(
        &mut self,
        prover: &str,
        wanted: Option<u64>,
        waiting: &[u64],
        (next, closed): (u64, u64),
        now: Timestamp,
    ) -> Option<(u64, Timestamp)> {
        self.expire(next, now);
        let end = closed.min(next.saturating_add(CLAIMS_MAX));
        let until = now.plus(CLAIM_TIME_MS);
        let free_for = |claims: &Self, window: u64| claims.0.get(&window).is_none_or(|(owner, _)| owner == prover);
        // One window for each name, besides those that wait: who asks again has given up what it had.
        self.0.retain(|window, (owner, _)| owner != prover || wanted == Some(*window));
        for window in waiting.iter().copied().filter(|window| (next..end).contains(window)) {
            if free_for(self, window) {
                self.0.insert(window, (prover.to_owned(), until));
            }
        }
        let is_free = |window: &u64| free_for(self, *window) && !waiting.contains(window);
        let wanted = wanted.filter(|window| (next..end).contains(window) && is_free(window));
        let window = wanted.or_else(|| (next..end).find(is_free))?;
        self.0.insert(window, (prover.to_owned(), until));
        Some((window, until))
    }

    /// `prover` stops: what it has claimed is given to others at once.
    pub fn leave(&mut self, prover: &str) {
        self.0.retain(|_, (owner, _)| owner != prover);
    }

    /// Every claim: window, prover, until when.
    pub fn list(&self) -> impl Iterator<Item = (u64, &str, Timestamp)> {
        self.0.iter().map(|(window, (prover, until))| (*window, prover.as_str(), *until))
    }
}

/// Who extends the chain proof, if anybody.
#[derive(Debug, Default)]
pub struct ChainClaim(Option<(String, Timestamp)>);

impl ChainClaim {
    /// Gives `prover` the chain proof unless somebody else extends it; until when, if so.
    pub fn claim(&mut self, prover: &str, now: Timestamp) -> Option<Timestamp> {
        if self.0.as_ref().is_some_and(|(owner, until)| owner != prover && *until > now) {
            return None;
        }
        let until = now.plus(CLAIM_TIME_MS);
        self.0 = Some((prover.to_owned(), until));
        Some(until)
    }

    /// `prover` stops: somebody else may extend it at once.
    pub fn leave(&mut self, prover: &str) {
        if self.0.as_ref().is_some_and(|(owner, _)| owner == prover) {
            self.0 = None;
        }
    }

    /// Nobody extends it: a longer one was taken.
    pub fn end(&mut self) {
        self.0 = None;
    }
}
