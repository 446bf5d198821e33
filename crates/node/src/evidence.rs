//! What the engine saw signed twice becomes evidence transactions until the offender is punished.
//!
//! Model: [`replica::Reports`] knows what is due; here it is submitted, as a client's transaction would be. Only a
//! node with a validator key reports.

use std::sync::{Arc, Mutex, PoisonError};

use primitives::{Evidence, SecretKey, encode};
use replica::Reports;

use crate::shared::Shared;
use crate::submit;

/// Reports offences under the account of one validator.
pub struct Reporter(Mutex<Reports>);

impl Reporter {
    /// The reporter of the validator with this key.
    pub fn new(key: SecretKey) -> Self {
        Self(Mutex::new(Reports::new(key)))
    }

    /// Keeps evidence that the engine found, and reports it.
    pub fn found(&self, shared: &Shared, evidence: Evidence) {
        let offender = evidence.offender();
        if !self.0.lock().unwrap_or_else(PoisonError::into_inner).found(evidence) {
            tracing::warn!(%offender, "too much evidence waits; this is left to others");
            return;
        }
        self.report(shared);
    }

    /// Reports what is due. Called after each finalized block.
    pub fn report(&self, shared: &Shared) {
        let (due, height) = {
            let mut reports = self.0.lock().unwrap_or_else(PoisonError::into_inner);
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

/// The reporter of a shared node, if it has a validator key.
pub fn report(shared: &Arc<Shared>) {
    if let Some(reporter) = &shared.reporter {
        reporter.report(shared);
    }
}
