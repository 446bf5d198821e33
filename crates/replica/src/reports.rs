//! Proven offences wait here until the chain punishes them.
//!
//! Model: consensus hands over what it saw signed twice. After each finalized block the validator asks what is due, and
//! gets transactions that it submits like any other. They are signed by its own account and cost it nothing; their
//! signed bytes begin with the domain of transactions, so that none is ever a vote.
//!
//! Rules
//! - Each report is valid for [`REPORT_HEIGHTS`] heights only, so that a report which another validator made first
//!   does not hold up this account's nonces for long. It is made again until the offender is tombstoned or the
//!   evidence is stale: after that time, or at once when its nonce was used for something else.
//! - At most [`WAITING_MAX`] offences wait; one per offender, since the first one removes it.

use std::collections::BTreeMap;

use primitives::{
    Action, Address, Amount, Evidence, FormatVersion, Height, Lane, Nonce, SecretKey, Transaction, TransactionBody,
};
use state::evidence::check;
use state::transaction::Refused;

use crate::Replica;

/// Heights for which one report is valid.
pub const REPORT_HEIGHTS: u64 = 10;
/// Most offenders whose evidence waits to be reported.
pub const WAITING_MAX: usize = 128;

/// The offences that one validator reports.
pub struct Reports {
    key: SecretKey,
    /// By offender, with the height and the nonce of the last report.
    waiting: BTreeMap<Address, (Evidence, Option<(Height, Nonce)>)>,
}

impl Reports {
    /// The reports of the validator with this key.
    pub fn new(key: SecretKey) -> Self {
        Self { key, waiting: BTreeMap::new() }
    }

    /// Keeps evidence; false when too much waits, and this is left to others.
    pub fn found(&mut self, evidence: Evidence) -> bool {
        if self.waiting.len() >= WAITING_MAX {
            return false;
        }
        self.waiting.entry(evidence.offender()).or_insert((evidence, None));
        true
    }

    /// The offenders that wait for their punishment.
    pub fn offenders(&self) -> impl Iterator<Item = &Address> {
        self.waiting.keys()
    }

    /// What is to be submitted at this point of the chain, with the offender of each.
    pub fn due(&mut self, chain: &Replica) -> Vec<(Address, Transaction)> {
        if self.waiting.is_empty() {
            return Vec::new();
        }
        let payer = Address::of_key(&self.key.public_key());
        let height = chain.head().height.next();
        let params = &chain.genesis.params;
        // What is punished or stale by now needs no report.
        self.waiting.retain(|_, (evidence, _)| {
            !matches!(check::timely(chain.state(), params, height, evidence), Err(Refused::Rejected(_)))
        });
        let Ok(Some((_, account))) = chain.account(&payer) else { return Vec::new() };
        let mut nonce = chain.mempool().next_nonce(&payer).unwrap_or(account.nonce);
        let mut due = Vec::new();
        for (offender, (evidence, reported)) in &mut self.waiting {
            let waits = |(last, used): (Height, Nonce)| {
                height.0 <= last.0.saturating_add(REPORT_HEIGHTS) && account.nonce <= used
            };
            if reported.is_some_and(waits) {
                continue;
            }
            *reported = Some((height, nonce));
            let body = body(payer, evidence.clone(), height, nonce);
            due.push((*offender, body.sign(&self.key, &chain.genesis_hash)));
            nonce = nonce.next().unwrap_or(nonce);
        }
        due
    }
}

fn body(payer: Address, evidence: Evidence, height: Height, nonce: Nonce) -> TransactionBody {
    TransactionBody {
        version: FormatVersion,
        payer,
        nonce,
        lane: Lane::Reserved,
        tip: Amount::ZERO,
        max_fee: Amount::ZERO,
        valid_until: Height(height.0.saturating_add(REPORT_HEIGHTS)),
        action: Action::Evidence(evidence),
    }
}
