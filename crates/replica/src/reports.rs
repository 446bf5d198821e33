//! Proven offences wait here until the chain punishes them.
//!
//! ```text
//! found ─► durable ─► whose turn? ─┬─ first, or nobody else reported within a height ─► report ─► again after REPORT_HEIGHTS
//!                                  └─ punished or stale ─► forgotten
//! ```
//! Model: whoever sees an offence hands it over. After each finalized block the validator asks what is due, and gets
//! transactions that it submits like any other. They are signed by its own account and cost it nothing; their
//! signed bytes begin with the domain of transactions, so that none is ever a vote.
//!
//! Rules
//! - One validator is first ([`turn`]) and reports at once. The others wait [`TURN_HEIGHTS`], and as long again while a
//!   report of another waits in their mempool; then they report as well, whatever became of it. So one report is made
//!   where the first validator does its part, and nobody can keep evidence away by promising to report it.
//! - Each report is valid for [`REPORT_HEIGHTS`] heights only, so that a report which another validator made first
//!   does not hold up this account's nonces for long. It is made again until the offender is tombstoned or the
//!   evidence is stale: after that time, or at once when its nonce was used for something else.
//! - At most [`WAITING_MAX`] offences wait; one per offender, since the first one removes it.
//! - What waits is in the store before anybody is told, so a restart forgets no offence. Turns begin anew.

use std::collections::BTreeMap;
use std::sync::Arc;

use primitives::{
    Action, Address, Amount, BoundedVec, Domain, Evidence, FormatVersion, Height, Lane, Nonce, SecretKey, Transaction,
    TransactionBody, ValidatorSet, decode, encode, hash,
};
use state::evidence::check;
use state::transaction::Refused;
use storage::Store;

use crate::{Fault, Replica};

/// Heights for which one report is valid.
pub const REPORT_HEIGHTS: u64 = 10;
/// Most offenders whose evidence waits to be reported.
pub const WAITING_MAX: usize = 128;
/// Heights for which the first validator is alone, and for which the others wait for a report that they know of.
pub const TURN_HEIGHTS: u64 = 1;

/// Evidence in the store.
type Kept = BoundedVec<Evidence, WAITING_MAX>;

/// One offence.
struct Waiting {
    evidence: Evidence,
    /// The head when it was first asked for.
    since: Option<Height>,
    /// Height and nonce of the last report.
    reported: Option<(Height, Nonce)>,
}

/// The offences that one validator reports.
pub struct Reports {
    key: SecretKey,
    store: Arc<Store>,
    /// By offender.
    waiting: BTreeMap<Address, Waiting>,
    /// The store has what waits.
    is_saved: bool,
}

/// A report that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Whom it accuses.
    pub offender: Address,
    /// It was made before, and nothing came of it.
    pub is_repeated: bool,
    /// What is to be submitted.
    pub transaction: Transaction,
}

/// A validator's turn to report an offence, from 0: so that one report is made and not one for each validator. Each
/// would take a nonce of its account, and all but one would be in vain. The offender and who is not in the set come last.
pub fn turn(set: &ValidatorSet, reporter: &Address, offender: &Address) -> u64 {
    let order = |address: &Address| hash(Domain::Evidence, &[offender.0.as_slice(), address.0.as_slice()]);
    let own = order(reporter);
    let is_asked = set.get(reporter).is_some() && reporter != offender;
    let others = set.validators().iter().filter(|one| one.address != *offender);
    let before = others.filter(|one| !is_asked || order(&one.address) < own).count();
    u64::try_from(before).unwrap_or(u64::MAX)
}

impl Reports {
    /// The reports of the validator with this key, with what waited in `store` when the node stopped.
    ///
    /// # Errors
    /// [`Fault`] when the store cannot be read, or holds something else there.
    pub fn open(key: SecretKey, store: Arc<Store>) -> Result<Self, Fault> {
        let kept = store.evidence().map_err(|error| Fault(error.to_string()))?;
        let kept = match kept {
            Some(bytes) => decode::<Kept>(&bytes).map_err(|_| Fault("kept evidence does not decode".to_owned()))?,
            None => Kept::default(),
        };
        let waiting = kept.iter().map(|evidence| (evidence.offender(), Waiting::new(evidence.clone())));
        Ok(Self { key, store, waiting: waiting.collect(), is_saved: true })
    }

    /// Keeps evidence; false when too much waits, and this is left to others.
    ///
    /// # Errors
    /// [`Fault`] when it could not be made durable; it waits nevertheless, and [`Reports::due`] tries again.
    pub fn found(&mut self, evidence: Evidence) -> Result<bool, Fault> {
        let offender = evidence.offender();
        if self.waiting.contains_key(&offender) {
            return Ok(true);
        }
        if self.waiting.len() >= WAITING_MAX {
            return Ok(false);
        }
        self.waiting.insert(offender, Waiting::new(evidence));
        self.save().map(|()| true)
    }

    /// The offenders that wait for their punishment.
    pub fn offenders(&self) -> impl Iterator<Item = &Address> {
        self.waiting.keys()
    }

    /// What is to be submitted at this point of the chain.
    ///
    /// # Errors
    /// [`Fault`] when the state is broken, or the store does not take what is left.
    pub fn due(&mut self, chain: &Replica) -> Result<Vec<Report>, Fault> {
        if self.waiting.is_empty() && self.is_saved {
            return Ok(Vec::new());
        }
        let payer = Address::of_key(&self.key.public_key());
        let head = chain.head().height;
        let height = head.next();
        self.forget_the_punished(chain, height)?;
        let set = chain.validators()?;
        let Some((_, account)) = chain.account(&payer)? else { return Ok(Vec::new()) };
        let mut nonce = chain.mempool().next_nonce(&payer).unwrap_or(account.nonce);
        let mut due = Vec::new();
        for (offender, waiting) in &mut self.waiting {
            let waits = match waiting.reported {
                Some((last, used)) => height.0 <= last.0.saturating_add(REPORT_HEIGHTS) && account.nonce <= used,
                None => {
                    let waited = head.0.saturating_sub(waiting.since.get_or_insert(head).0);
                    let is_first = turn(&set, &payer, offender) == 0;
                    !is_first && (waited < TURN_HEIGHTS || (waited < 2 * TURN_HEIGHTS && is_reported(chain, offender)))
                }
            };
            if waits {
                continue;
            }
            let is_repeated = waiting.reported.replace((height, nonce)).is_some();
            let body = body(payer, waiting.evidence.clone(), height, nonce);
            let transaction = body.sign(&self.key, &chain.genesis_hash);
            due.push(Report { offender: *offender, is_repeated, transaction });
            nonce = nonce.next().unwrap_or(nonce);
        }
        Ok(due)
    }

    /// What is punished or stale by now needs no report.
    fn forget_the_punished(&mut self, chain: &Replica, height: Height) -> Result<(), Fault> {
        let (before, params) = (self.waiting.len(), &chain.genesis.params);
        self.waiting.retain(|_, waiting| {
            let is_timely = check::timely(chain.state(), params, height, &waiting.evidence);
            !matches!(is_timely, Err(Refused::Rejected(_)))
        });
        if self.is_saved && self.waiting.len() == before { Ok(()) } else { self.save() }
    }

    fn save(&mut self) -> Result<(), Fault> {
        self.is_saved = false;
        let list = self.waiting.values().map(|waiting| waiting.evidence.clone()).collect();
        let kept = Kept::new(list).ok_or_else(|| Fault("more evidence waits than may".to_owned()))?;
        self.store.save_evidence(&encode(&kept)).map_err(|error| Fault(error.to_string()))?;
        self.is_saved = true;
        Ok(())
    }
}

impl Waiting {
    fn new(evidence: Evidence) -> Self {
        Self { evidence, since: None, reported: None }
    }
}

/// Whether a report of this offender waits in the mempool.
fn is_reported(chain: &Replica, offender: &Address) -> bool {
    chain
        .mempool()
        .transactions()
        .any(|waiting| matches!(&waiting.body.action, Action::Evidence(evidence) if evidence.offender() == *offender))
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
