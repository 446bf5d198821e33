//! What the engine saw signed twice becomes evidence transactions until the offender is punished.
//!
//! Rules
//! - Only a node with a validator key reports: the transaction is signed by that key's account, costs it
//!   nothing, and its signed bytes begin with the domain of transactions, so that it is never a vote.
//! - Each report is valid for [`REPORT_HEIGHTS`] heights only, so that a report which another validator made
//!   first does not hold up this account's nonces for long. It is made again until the offender is
//!   tombstoned or the evidence is stale.
//! - At most [`WAITING_MAX`] offences wait; one per offender, since the first one removes it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use primitives::{
    Action, Address, Amount, Evidence, FormatVersion, Height, Lane, Nonce, SecretKey, TransactionBody, encode,
};
use state::evidence::check;
use state::transaction::Refused;

use crate::shared::Shared;
use crate::submit;

/// Heights for which one report is valid.
pub const REPORT_HEIGHTS: u64 = 10;
/// Most offenders whose evidence waits to be reported.
pub const WAITING_MAX: usize = 128;

/// Evidence that waits, by offender, with the height of its last report.
#[derive(Default)]
struct Waiting(BTreeMap<Address, (Evidence, Option<Height>)>);

/// Reports offences under the account of one validator.
pub struct Reporter {
    key: SecretKey,
    waiting: Mutex<Waiting>,
}

impl Reporter {
    /// The reporter of the validator with this key.
    pub fn new(key: SecretKey) -> Self {
        Self { key, waiting: Mutex::default() }
    }

    /// Keeps evidence that the engine found, and reports it.
    pub fn found(&self, shared: &Shared, evidence: Evidence) {
        {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            if waiting.0.len() >= WAITING_MAX {
                tracing::warn!(offender = %evidence.offender(), "too much evidence waits; this is left to others");
                return;
            }
            waiting.0.entry(evidence.offender()).or_insert((evidence, None));
        }
        self.report(shared);
    }

    /// Reports what is due. Called after each finalized block.
    pub fn report(&self, shared: &Shared) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.0.is_empty() {
            return;
        }
        let payer = Address::of_key(&self.key.public_key());
        let (height, mut nonce) = {
            let Ok(chain) = shared.chain() else { return };
            let height = chain.head().height.next();
            let params = &shared.genesis.params;
            // What is punished or stale by now needs no report.
            waiting.0.retain(|_, (evidence, _)| {
                !matches!(check::timely(chain.state(), params, height, evidence), Err(Refused::Rejected(_)))
            });
            let Ok(Some((_, account))) = chain.account(&payer) else { return };
            (height, chain.mempool().next_nonce(&payer).unwrap_or(account.nonce))
        };
        for (offender, (evidence, reported)) in &mut waiting.0 {
            if reported.is_some_and(|last| height.0 <= last.0.saturating_add(REPORT_HEIGHTS)) {
                continue;
            }
            let bytes = self.transaction(shared, evidence.clone(), height, nonce);
            *reported = Some(height);
            match submit::submit(shared, &[&bytes]).pop() {
                Some(Ok(id)) => {
                    shared.metrics.standing.evidence_reports.inc();
                    tracing::warn!(%offender, %id, at = height.0, "evidence reported");
                    nonce = nonce.next().unwrap_or(nonce);
                }
                Some(Err(refused)) => tracing::warn!(%offender, reason = %refused.rejection, "evidence refused"),
                None => {}
            }
        }
    }

    fn transaction(&self, shared: &Shared, evidence: Evidence, height: Height, nonce: Nonce) -> Vec<u8> {
        let body = TransactionBody {
            version: FormatVersion,
            payer: Address::of_key(&self.key.public_key()),
            nonce,
            lane: Lane::Reserved,
            tip: Amount::ZERO,
            max_fee: Amount::ZERO,
            valid_until: Height(height.0.saturating_add(REPORT_HEIGHTS)),
            action: Action::Evidence(evidence),
        };
        encode(&body.sign(&self.key, &shared.genesis_hash))
    }
}

/// The reporter of a shared node, if it has a validator key.
pub fn report(shared: &Arc<Shared>) {
    if let Some(reporter) = &shared.reporter {
        reporter.report(shared);
    }
}
