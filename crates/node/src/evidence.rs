//! Offences that this node sees become evidence transactions until the offender is punished.
//!
//! ```text
//! engine: a vote or a proposal signed twice ──────────────┐
//! admitted transaction, finalized block ──► Offences ──────┴─► Reports ──► transaction, submitted as a client's
//! ```
//! Rules
//! - Who reports first, and when the others do, is decided by [`replica::reports`] for every kind of offence alike: a
//!   report that comes second is never in a block, and would hold up what its account sends next.
//! - What was found is in the store before it is reported, so that a restart forgets no offence.
//!
//! Model: [`replica::Offences`] finds what identities signed twice, [`replica::Reports`] knows what is due; here it is
//! submitted, as a client's transaction would be. Only a node with a validator key reports.

use std::sync::{Arc, Mutex, PoisonError};

use primitives::{Evidence, SecretKey, Transaction, encode};
use replica::{Fault, FinalizedBlock, OffenceLimits, Offences, Replica, Reports};
use storage::Store;

use crate::shared::Shared;
use crate::submit;

/// Reports offences under the account of one validator.
pub struct Reporter {
    reports: Mutex<Reports>,
    offences: Mutex<Offences>,
}

impl Reporter {
    /// The reporter of the validator with this key: with what waited when the node stopped, and with what the newest
    /// blocks say.
    ///
    /// # Errors
    /// [`Fault`] when the store cannot be read.
    pub fn open(key: SecretKey, store: Arc<Store>, chain: &Replica) -> Result<Self, Fault> {
        let mut reports = Reports::open(key, store)?;
        let (offences, found) = Offences::of_chain(chain, OffenceLimits::default())?;
        for evidence in found {
            reports.found(evidence)?;
        }
        let waiting = reports.offenders().count();
        if waiting > 0 {
            tracing::warn!(waiting, "offences that were seen before the start wait to be reported");
        }
        Ok(Self { reports: Mutex::new(reports), offences: Mutex::new(offences) })
    }

    /// Keeps evidence that was found, and reports it.
    pub fn found(&self, shared: &Shared, evidence: Evidence) {
        self.keep(evidence);
        self.report(shared);
    }

    fn keep(&self, evidence: Evidence) {
        let offender = evidence.offender();
        match self.reports.lock().unwrap_or_else(PoisonError::into_inner).found(evidence) {
            Ok(true) => {}
            Ok(false) => tracing::warn!(%offender, "too much evidence waits; this is left to others"),
            // A store that fails stops the node at its next block.
            Err(fault) => tracing::error!(%offender, %fault, "evidence is not durable; a restart would forget it"),
        }
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
        if self.tell(found) {
            self.report(shared);
        }
    }

    /// Looks for offences in a finalized block, and reports what is due.
    pub fn after_block(&self, shared: &Shared, block: &FinalizedBlock) {
        let found = {
            let Ok(chain) = shared.chain() else { return };
            let mut offences = self.offences.lock().unwrap_or_else(PoisonError::into_inner);
            offences.finalized(chain.state(), &block.block, &block.receipts)
        };
        self.tell(found);
        self.report(shared);
    }

    /// Keeps what was found; false when it was nothing.
    fn tell(&self, found: Vec<Evidence>) -> bool {
        let is_news = !found.is_empty();
        for evidence in found {
            tracing::warn!(offender = %evidence.offender(), kind = evidence.name(), "an identity signed what it must not");
            self.keep(evidence);
        }
        is_news
    }

    fn report(&self, shared: &Shared) {
        let (due, height) = {
            let mut reports = self.reports.lock().unwrap_or_else(PoisonError::into_inner);
            let Ok(chain) = shared.chain() else { return };
            (reports.due(&chain), chain.head().height.next())
        };
        let due = match due {
            Ok(due) => due,
            Err(fault) => return tracing::error!(%fault, "what is due cannot be told; no evidence is reported"),
        };
        for report in due {
            let offender = report.offender;
            match submit::submit(shared, &[&encode(&report.transaction)]).pop() {
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
