//! Offences that this node sees become evidence transactions until the offender is punished.
//!
//! ```text
//! engine: a vote or a proposal signed twice ──────────────┐
//! admitted transaction, finalized block ──► Offences ──────┴─► Reports ──► transaction, submitted as a client's
//! ```
//! Model: [`replica::Offences`] finds what identities signed twice, [`replica::Reports`] knows what is due; here it is
//! submitted, as a client's transaction would be. Only a node with a validator key reports.

use std::sync::{Arc, Mutex, PoisonError};

use primitives::{Evidence, SecretKey, Transaction, encode};
use replica::{FinalizedBlock, Offences, Reports};

use crate::shared::Shared;
use crate::submit;

/// Reports offences under the account of one validator.
pub struct Reporter {
    reports: Mutex<Reports>,
    offences: Mutex<Offences>,
}

impl Reporter {
    /// The reporter of the validator with this key.
    pub fn new(key: SecretKey) -> Self {
        Self { reports: Mutex::new(Reports::new(key)), offences: Mutex::default() }
    }

    /// Keeps evidence that was found, and reports it.
    pub fn found(&self, shared: &Shared, evidence: Evidence) {
        let offender = evidence.offender();
        if !self.reports.lock().unwrap_or_else(PoisonError::into_inner).found(evidence) {
            tracing::warn!(%offender, "too much evidence waits; this is left to others");
            return;
        }
        self.report(shared);
    }

    /// Looks for offences in transactions that were admitted. Takes the chain's lock when there is something to look at.
    pub fn saw<'a>(&self, shared: &Shared, transactions: impl Iterator<Item = &'a Transaction>) {
        let mut concerned = transactions.filter(|one| Offences::concerns(one)).peekable();
        if concerned.peek().is_none() {
            return;
        }
        let Ok(chain) = shared.chain() else { return };
        let mut offences = self.offences.lock().unwrap_or_else(PoisonError::into_inner);
        let height = chain.head().height;
        let found: Vec<Evidence> = concerned.flat_map(|one| offences.saw(chain.state(), height, one)).collect();
        drop((offences, chain));
        self.tell(shared, found);
    }

    /// Looks for offences in a finalized block, and reports what is due.
    pub fn after_block(&self, shared: &Shared, block: &FinalizedBlock) {
        let found = {
            let Ok(chain) = shared.chain() else { return };
            let mut offences = self.offences.lock().unwrap_or_else(PoisonError::into_inner);
            offences.finalized(chain.state(), &block.block, &block.receipts)
        };
        self.tell(shared, found);
        self.report(shared);
    }

    fn tell(&self, shared: &Shared, found: Vec<Evidence>) {
        for evidence in found {
            tracing::warn!(offender = %evidence.offender(), kind = evidence.name(), "an identity signed what it must not");
            self.found(shared, evidence);
        }
    }

    fn report(&self, shared: &Shared) {
        let (due, height) = {
            let mut reports = self.reports.lock().unwrap_or_else(PoisonError::into_inner);
            let Ok(chain) = shared.chain() else { return };
            (reports.due(&chain), chain.head().height.next())
        };
        for (offender, transaction) in due {
            match submit::submit(shared, &[&encode(&transaction)]).pop() {
                Some(Ok(id)) => {
                    shared.metrics.standing.evidence_reports.inc();
                    tracing::warn!(%offender, %id, at = height.0, "evidence reported");
                }
                Some(Err(refused)) => tracing::warn!(%offender, reason = %refused.rejection, "evidence refused"),
                None => {}
            }
        }
    }
}

/// Lets the reporter of a node look at a finalized block, if the node has a validator key.
pub fn after_block(shared: &Arc<Shared>, block: &FinalizedBlock) {
    if let Some(reporter) = &shared.reporter {
        reporter.after_block(shared, block);
    }
}
