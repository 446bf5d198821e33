//! Verdicts about signatures, shared by machines in one process.
//!
//! Why: every validator checks every vote, and in a simulation they all run here, so the same curve arithmetic
//! would be done once for each of them. A verdict is a pure function of signed bytes, signature and key, so the
//! first one stands for all. The engine of a node never uses this.
//!
//! Rule: at most [`VERDICTS_MAX`] verdicts; the oldest leave first and are then worked out again.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use primitives::{PublicKey, Signature};

/// Most verdicts kept: a few heights of the largest simulated network.
pub const VERDICTS_MAX: usize = 8_192;

/// Signature, key, signed bytes.
type Question = (Signature, PublicKey, Arc<[u8]>);

#[derive(Debug, Default)]
struct Known {
    verdicts: BTreeMap<Question, bool>,
    order: VecDeque<Question>,
}

/// Verdicts that were worked out. Clones share one memory.
#[derive(Debug, Clone, Default)]
pub struct Verdicts(Arc<Mutex<Known>>);

impl Verdicts {
    /// The verdict about this signature; `work_out` is called unless it is known.
    pub fn of(&self, key: &PublicKey, bytes: &[u8], signature: &Signature, work_out: impl FnOnce() -> bool) -> bool {
        // Both collections are whole between any two calls.
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let question = (*signature, *key, Arc::from(bytes));
        if let Some(verdict) = known.verdicts.get(&question) {
            return *verdict;
        }
        let verdict = work_out();
        if known.order.len() >= VERDICTS_MAX
            && let Some(oldest) = known.order.pop_front()
        {
            known.verdicts.remove(&oldest);
        }
        known.verdicts.insert(question.clone(), verdict);
        known.order.push_back(question);
        verdict
    }
}
