//! The executed, not yet decided blocks of the height after the last finalized one.
//!
//! Results are cached by block hash across rounds, so a block offered again is not executed again. At
//! most [`CANDIDATES_MAX`] are kept: one proposer can add one per round, and the oldest leaves first.

use std::collections::VecDeque;
use std::sync::Arc;

use primitives::{Block, Hash};

use crate::application::Candidate;
use crate::execution::Execution;

/// Most candidates kept at one height.
pub const CANDIDATES_MAX: usize = 16;

/// An executed block.
pub struct Executed {
    /// The block.
    pub block: Block,
    /// Hash and canonical bytes.
    pub candidate: Candidate,
    /// What it does.
    pub execution: Execution,
}

/// The candidates of one height.
#[derive(Default)]
pub struct Candidates(VecDeque<Executed>);

impl Candidates {
    /// The candidate with this hash.
    pub fn get(&self, hash: &Hash) -> Option<&Executed> {
        self.0.iter().find(|executed| executed.candidate.hash == *hash)
    }

    /// How many were kept at this height so far, at most [`CANDIDATES_MAX`].
    pub fn len(&self) -> u32 {
        u32::try_from(self.0.len()).unwrap_or(u32::MAX)
    }

    /// Keeps a candidate, forgetting the oldest beyond the bound.
    pub fn insert(&mut self, block: Block, bytes: Vec<u8>, execution: Execution) -> Candidate {
        let candidate = Candidate { hash: block.hash(), bytes: Arc::from(bytes) };
        if self.0.len() >= CANDIDATES_MAX {
            self.0.pop_front();
        }
        self.0.push_back(Executed { block, candidate: candidate.clone(), execution });
        candidate
    }

    /// Takes out the decided candidate and forgets the others.
    pub fn take(&mut self, hash: &Hash) -> Option<Executed> {
        let position = self.0.iter().position(|executed| executed.candidate.hash == *hash)?;
        let taken = self.0.remove(position);
        self.0.clear();
        taken
    }
}
