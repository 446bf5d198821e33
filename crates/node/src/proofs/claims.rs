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
//! - Claims cost nothing, so they cannot hold anything up for long: what the proofs wait for is given to everyone who asks once it was
//!   claimed for some time without a proof, by whomever and however often ([`WINDOW_PATIENCE_MS`], [`CHAIN_PATIENCE_MS`]).
//! - No more names are kept than there are claims: [`CLAIMS_MAX`], and one of the chain proof.

use std::collections::BTreeMap;

use primitives::Timestamp;

/// How long a claim holds without being renewed, milliseconds.
pub const CLAIM_TIME_MS: u64 = 30_000;
/// How long the oldest window may be claimed without a proof before it is given to others too, milliseconds.
pub const WINDOW_PATIENCE_MS: u64 = 2 * CLAIM_TIME_MS;
/// How long the chain proof may be claimed without a longer one before it is given to others too, milliseconds. An extension is made of
/// up to eight proofs, each some tens of seconds on a busy machine.
pub const CHAIN_PATIENCE_MS: u64 = 10 * CLAIM_TIME_MS;
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
pub struct Claims {
    /// By window: who, until when.
    held: BTreeMap<u64, (String, Timestamp)>,
    /// By window: when it was first claimed by anybody. It outlives claims, so that claiming again gains nobody time.
    first: BTreeMap<u64, Timestamp>,
}

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
        self.held.retain(|window, (_, until)| *window >= next && *until > now);
        self.first = self.first.split_off(&next);
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
        // One window for each name, besides those that wait: who asks again has given up what it had.
        self.held.retain(|window, (owner, _)| owner != prover || wanted == Some(*window));
        self.wait(prover, waiting, (next, end), now);
        let is_stuck = self.first.get(&next).is_some_and(|first| now >= first.plus(WINDOW_PATIENCE_MS));
        let is_free = |window: &u64| {
            let is_given = self.is_free_for(prover, *window) || (is_stuck && *window == next);
            is_given && !waiting.contains(window)
        };
        let wanted = wanted.filter(|window| (next..end).contains(window) && is_free(window));
        let window = wanted.or_else(|| (next..end).find(is_free))?;
        Some((window, self.hold(prover, window, now)))
    }

    /// Holds the windows that `prover` has proven and that wait, those from `next` to `end` − 1 that nobody else holds.
    pub fn wait(&mut self, prover: &str, waiting: &[u64], (next, end): (u64, u64), now: Timestamp) {
        let end = end.min(next.saturating_add(CLAIMS_MAX));
        for window in waiting.iter().copied().filter(|window| (next..end).contains(window)) {
            if self.is_free_for(prover, window) {
                self.hold(prover, window, now);
            }
        }
    }

    fn is_free_for(&self, prover: &str, window: u64) -> bool {
        self.held.get(&window).is_none_or(|(owner, _)| owner == prover)
    }

    fn hold(&mut self, prover: &str, window: u64, now: Timestamp) -> Timestamp {
        let until = now.plus(CLAIM_TIME_MS);
        self.held.insert(window, (prover.to_owned(), until));
        self.first.entry(window).or_insert(now);
        until
    }

    /// Whether `prover` has a claim in force.
    pub fn has(&self, prover: &str, now: Timestamp) -> bool {
        self.held.values().any(|(owner, until)| owner == prover && *until > now)
    }

    /// `prover` stops: what it has claimed is given to others at once.
    pub fn leave(&mut self, prover: &str) {
        self.held.retain(|_, (owner, _)| owner != prover);
    }

    /// Every claim: window, prover, until when.
    pub fn list(&self) -> impl Iterator<Item = (u64, &str, Timestamp)> {
        self.held.iter().map(|(window, (prover, until))| (*window, prover.as_str(), *until))
    }
}

/// Who extends the chain proof, if anybody.
#[derive(Debug, Default)]
pub struct ChainClaim {
    held: Option<(String, Timestamp)>,
    /// When it was first claimed by anybody since it last grew.
    first: Option<Timestamp>,
}

impl ChainClaim {
    /// Gives `prover` the chain proof unless somebody else extends it; until when, if so.
    pub fn claim(&mut self, prover: &str, now: Timestamp) -> Option<Timestamp> {
        let is_stuck = self.first.is_some_and(|first| now >= first.plus(CHAIN_PATIENCE_MS));
        if !is_stuck && self.held.as_ref().is_some_and(|(owner, until)| owner != prover && *until > now) {
            return None;
        }
        let until = now.plus(CLAIM_TIME_MS);
        self.held = Some((prover.to_owned(), until));
        self.first.get_or_insert(now);
        Some(until)
    }

    /// Whether `prover` has it now.
    pub fn has(&self, prover: &str, now: Timestamp) -> bool {
        self.held.as_ref().is_some_and(|(owner, until)| owner == prover && *until > now)
    }

    /// `prover` stops: somebody else may extend it at once.
    pub fn leave(&mut self, prover: &str) {
        if self.held.as_ref().is_some_and(|(owner, _)| owner == prover) {
            self.held = None;
        }
    }

    /// Nobody extends it: a longer one was taken.
    pub fn end(&mut self) {
        *self = Self::default();
    }
}
