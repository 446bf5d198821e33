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
pub struct Candidates {
    kept: VecDeque<Executed>,
    received: u32,
}

impl Candidates {
    /// The candidate with this hash.
    pub fn get(&self, hash: &Hash) -> Option<&Executed> {
        self.kept.iter().find(|executed| executed.candidate.hash == *hash)
    }

    /// How many are kept.
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Notes that `number` is taken in the store, so that a later block does not replace that one.
    pub fn loaded(&mut self, number: u32) {
        self.received = self.received.max(number.wrapping_add(1));
    }

    /// The number of the next received candidate of this height.
    pub fn received(&mut self) -> u32 {
        let number = self.received;
        self.received = self.received.wrapping_add(1);
        number
    }

    /// Keeps a candidate, forgetting the oldest beyond the bound.
    pub fn insert(&mut self, block: Block, bytes: Vec<u8>, execution: Execution) -> Candidate {
        let candidate = Candidate { hash: block.hash(), bytes: Arc::from(bytes) };
        if self.kept.len() >= CANDIDATES_MAX {
            self.kept.pop_front();
        }
        self.kept.push_back(Executed { block, candidate: candidate.clone(), execution });
        candidate
    }

    /// Takes out the decided candidate and forgets the others.
    pub fn take(&mut self, hash: &Hash) -> Option<Executed> {
        let position = self.kept.iter().position(|executed| executed.candidate.hash == *hash)?;
        let taken = self.kept.remove(position);
        self.kept.clear();
        self.received = 0;
        taken
    }
}
