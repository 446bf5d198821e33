//! Offences that this node sees become evidence transactions until the offender is punished.
//!
//! ```text
//! engine: a vote or a proposal signed twice ──────────────┐
//! admitted transaction, finalized block ──► Offences ──────┴─► Reports ──► transaction, submitted as a client's
//! ```
//! Rules
//! - What the engine found is reported at once: a validator that signed twice must leave soon. What an identity did is
//!   reported in turns of [`TURN_HEIGHTS`] heights, until somebody's report is in a block: a report that comes second
//!   is never in one, and would hold up what its account sends next.
//!
//! Model: [`replica::Offences`] finds what identities signed twice, [`replica::Reports`] knows what is due; here it is
//! submitted, as a client's transaction would be. Only a node with a validator key reports.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use primitives::{Address, Evidence, Height, SecretKey, Transaction, encode};
use replica::offences::turn;
use replica::{FinalizedBlock, Offences, Reports};
use state::evidence::check;
use state::transaction::Refused;

use crate::shared::Shared;
use crate::submit;

/// Heights from one validator's turn to the next.
const TURN_HEIGHTS: u64 = 4;
/// Most offenders that wait for this validator's turn.
const HELD_MAX: usize = 128;

/// Reports offences under the account of one validator.
pub struct Reporter {
    reports: Mutex<Reports>,
    offences: Mutex<Offences>,
    address: Address,
    /// By offender: the evidence, and the height from which it is this validator's turn.
    held: Mutex<BTreeMap<Address, (Evidence, Height)>>,
}

impl Reporter {
    /// The reporter of the validator with this key.
    pub fn new(key: SecretKey) -> Self {
        let address = Address::of_key(&key.public_key());
        let (offences, held) = (Mutex::default(), Mutex::default());
        Self { reports: Mutex::new(Reports::new(key)), offences, address, held }
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
            self.hold(shared, evidence);
        }
        self.take_turns(shared);
    }

    /// Keeps evidence until it is this validator's turn.
    fn hold(&self, shared: &Shared, evidence: Evidence) {
        let offender = evidence.offender();
        let Some((set, height)) =
            shared.chain().ok().and_then(|chain| Some((chain.validators().ok()?, chain.head().height)))
        else {
            return;
        };
        let wait = turn(&set, &self.address, &offender).saturating_mul(TURN_HEIGHTS);
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() < HELD_MAX || held.contains_key(&offender) {
            held.entry(offender).or_insert((evidence, Height(height.0.saturating_add(wait))));
        }
    }

    /// Reports what nobody brought onto the chain before this validator's turn.
    fn take_turns(&self, shared: &Shared) {
        let mut due = Vec::new();
        {
            let Ok(chain) = shared.chain() else { return };
            let height = chain.head().height;
            let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
            held.retain(|_, (evidence, from)| {
                let params = &chain.genesis().params;
                let is_moot =
                    matches!(check::timely(chain.state(), params, height.next(), evidence), Err(Refused::Rejected(_)));
                if !is_moot && *from <= height {
                    due.push(evidence.clone());
                }
                !is_moot && *from > height
            });
        }
        for evidence in due {
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
