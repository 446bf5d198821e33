//! Proving a window: whole, or part by part when it is too large for one proof.
//!
//! ```text
//!   one part:   follow to its start ─► prove ─► keep ─► handed in
//!   more:       each round one part: follow to its start ─► prove ─► keep;  all kept ─► folded into the chain proof (chain.rs)
//! ```
//! Rules
//! - The parts of a window have no proof of the window: nodes learn it by the chain proof that ends with it or later. So they need the
//!   fold; a prover that does not fold leaves such a window to others, and says so.
//! - Which part is next follows from the files of the cache, so a restart loses the part in hand and nothing else.
//! - The claim of the window covers its parts.

use primitives::Height;
use rpc::types::proving::WAITING_WINDOWS_MAX;
use rpc::types::{Claim, ClaimRequest};

use super::{News, Service, ServiceError, millis};
use crate::follow::{FollowError, PartWitness};
use crate::part::SealedPart;
use crate::worker::{Made, Task};

/// Windows below the follower's that are remembered as left to others.
const WINDOWS_LEFT: u64 = 64;

impl Service {
    /// The window to work on: one that the first node gives, and that is not proven here already.
    pub(super) async fn take_window(&mut self) -> Result<Option<u64>, ServiceError> {
        let node = self.first();
        self.waiting.clear();
        let mut wanted = None;
        for _ in 0..WAITING_WINDOWS_MAX {
            let claim = ClaimRequest { window: wanted, ..self.claim() };
            let Some(given) = node.claim_window(&claim).await?.window else { return Ok(None) };
            if self.left.contains(&given) {
                // It is given back by asking for the one after it, or by leaving when there is none.
                if wanted.is_some_and(|wanted| wanted != given) {
                    self.leave().await;
                    return Ok(None);
                }
                wanted = Some(given.saturating_add(1));
            } else if self.is_proven_here(given)? {
                // It waits for an earlier one that somebody else proves, or for the fold.
                self.waiting.push(given);
                wanted = None;
            } else {
                return Ok(Some(given));
            }
        }
        Ok(None)
    }

    /// Whether the cache has the proof of a window, or those of all its parts.
    fn is_proven_here(&self, window: u64) -> Result<bool, ServiceError> {
        Ok(self.cache.proof(window)?.is_some() || self.has_all_parts(window)?)
    }

    /// Whether the cache has the proofs of all parts of a window.
    pub(super) fn has_all_parts(&self, window: u64) -> Result<bool, ServiceError> {
        Ok(self.parts_until(window)? == self.follower.rules().window_end(window))
    }

    /// Up to which height the parts in the cache lead from the start of a window.
    fn parts_until(&self, window: u64) -> Result<Height, ServiceError> {
        let rules = self.follower.rules();
        let (mut reached, end) = (rules.window_start(window), rules.window_end(window));
        while reached < end
            && let Some(bytes) = self.cache.part(window, reached)?
        {
            // Heights grow with each part, so there are at most as many as the window has blocks.
            match SealedPart::from_bytes(&bytes) {
                Some(part) if part.before == reached && part.last <= end => reached = part.last,
                Some(_) | None => break,
            }
        }
        Ok(reached)
    }

    /// Proves a window, or its next part.
    pub(super) async fn prove(&mut self, window: u64, queue_depth: u64) -> Result<(), ServiceError> {
        let from = self.parts_until(window)?;
        let next = match self.witness(window, from).await {
            Ok(next) => next,
            Err(error) => {
                self.follower.rewind(&self.cache, window)?;
                return Err(error.into());
            }
        };
        if next.parts > 1 && !self.options.fold {
            return self.leave_to_others(window, next.parts);
        }
        let failed = |error| ServiceError::Work { window, error };
        let PartWitness { part, parts, witness, .. } = next;
        let before = witness.before.height;
        let last_height = witness.blocks.last().map_or(before, |(height, _)| *height);
        let operations = witness.size().operations;
        tracing::info!(target: "plonky3", window, part, parts, operations, queue_depth, "a window is being proven");
        let first_height = before.next();
        let news = News::Proving { window, part, parts, first_height, last_height, operations, queue_depth };
        (self.options.news)(&news);
        let witness = Box::new(witness);
        let task = if parts == 1 { Task::Window { window, witness } } else { Task::Part { witness } };
        let answer = self.worker.ask(task).map_err(failed)?;
        let claim = ClaimRequest { window: Some(window), ..self.claim() };
        let is_done = |there: &Claim| there.next_window > window;
        let ended = self.await_answer(answer, &claim, is_done, last_height).await.map_err(failed)?;
        let Some(Made { bytes, elapsed }) = ended else { return Ok(()) };
        let elapsed_ms = millis(elapsed);
        if parts == 1 {
            self.cache.save_proof(window, &bytes)?;
            self.made = Some((window, elapsed_ms));
        } else {
            self.cache.save_part(window, before, &bytes)?;
        }
        tracing::info!(target: "plonky3", window, part, parts, elapsed_ms, bytes = bytes.len(), "a window is proven");
        (self.options.news)(&News::Proven { window, part, parts, elapsed_ms, bytes: bytes.len() });
        Ok(())
    }

    /// Says that a window needs the fold, and works on others.
    fn leave_to_others(&mut self, window: u64, parts: usize) -> Result<(), ServiceError> {
        if self.options.once {
            return Err(ServiceError::NeedsFold { window, parts });
        }
        let given = self.follower.window();
        self.left.retain(|left| left.saturating_add(WINDOWS_LEFT) > given);
        self.left.push(window);
        tracing::warn!(target: "plonky3", window, parts, "a window has several parts: it needs a prover that folds");
        (self.options.news)(&News::NeedsFold { window, parts });
        Ok(())
    }

    /// Follows the chain to the part of `window` that starts after `from`, and gives its witness.
    async fn witness(&mut self, window: u64, from: Height) -> Result<PartWitness, FollowError> {
        let node = self.first();
        if self.follower.height() > from {
            self.follower.rewind(&self.cache, window)?;
        }
        loop {
            let next = self.follower.next(&node, &self.cache, self.options.payout).await?;
            if next.window > window || next.witness.before.height > from {
                // They were made with other limits; from now on the window has no parts here.
                self.cache.drop_part(window, self.follower.rules().window_start(window))?;
                let reason = "its parts in the cache are not those of these limits: they are dropped".to_owned();
                return Err(FollowError::Answer { height: from, reason });
            }
            if next.witness.before.height == from {
                return Ok(next);
            }
        }
    }
}
