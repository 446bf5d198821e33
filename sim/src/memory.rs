//! What a validator remembers of the transactions that reach it, beside its mempool and its chain.
//!
//! Model: a node of its own hands every transaction to the tracker of stages and to the search for offences. Here the
//! same code is fed at the same moments: received, admitted or refused, proposed, decided, finalized, dropped.
//!
//! Rule: the memory of a simulated validator is small, so that runs reach its bounds.

use mempool::{Admission, CheckedTransaction};
use primitives::{Rejection, Stage, Timestamp};
use replica::ReplicaEvent;
use replica::offences::OffenceLimits;
use replica::stages::{Stop, Tracker};

use crate::properties::{Broken, Property};
use crate::world::World;

/// Transactions whose way a simulated validator remembers.
pub const TRACKED_LIMIT: usize = 32;
/// What it remembers to find offences of identities.
pub const OFFENCE_LIMITS: OffenceLimits = OffenceLimits { heartbeats: 12, claims: 4 };

impl World {
    /// Hands a transaction to a validator that is up, as its node does with one of a client or a peer. Nothing when the
    /// validator is down.
    ///
    /// # Errors
    /// [`Property::NoFalseSlash`]: no plan lets an identity sign twice, so a validator that finds one doing it is wrong.
    pub(crate) fn admit(
        &mut self,
        number: u16,
        transaction: &CheckedTransaction,
        now: Timestamp,
    ) -> Result<Option<Result<Admission, Rejection>>, Broken> {
        let Some(running) = &mut self.node(number).running else { return Ok(None) };
        let id = transaction.id();
        running.stages.reach(id, Stage::Received, now);
        let (admitted, found, height) = {
            let mut chain = running.replica.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let admitted = chain.admit(transaction.clone(), now);
            let height = chain.head().height;
            let found =
                admitted.as_ref().map(|_| running.offences.saw(chain.state(), height, transaction.transaction()));
            (admitted, found.unwrap_or_default(), height)
        };
        match admitted {
            Ok(admission) => {
                if let Admission::Replaced(old) = admission {
                    running.stages.stop(old, Stop::Replaced);
                }
                running.stages.reach(id, Stage::Admitted, now);
            }
            Err(Rejection::Duplicate) => {}
            Err(rejection) => running.stages.stop(id, Stop::Rejected(rejection)),
        }
        match found.first() {
            Some(evidence) => {
                let (offender, name) = (evidence.offender(), evidence.name());
                let detail = format!("after height {height} validator {number} accuses {offender} of {name}");
                Err(Broken { property: Property::NoFalseSlash, detail })
            }
            None => Ok(Some(admitted)),
        }
    }

    /// A validator remembers what its chain told.
    pub(crate) fn remembers(&mut self, number: u16, event: &ReplicaEvent) {
        let node = self.node(number);
        let now = node.now();
        let Some(running) = &mut node.running else { return };
        match event {
            ReplicaEvent::Proposed(ids) => reach(&mut running.stages, ids, Stage::Proposed, now),
            ReplicaEvent::Decided(ids) => reach(&mut running.stages, ids, Stage::Decided, now),
            ReplicaEvent::Dropped(id, reason) => running.stages.stop(*id, Stop::Dropped(*reason)),
            ReplicaEvent::Finalized(block) => reach(&mut running.stages, &block.transactions, Stage::Finalized, now),
        }
    }
}

fn reach(stages: &mut Tracker, ids: &[primitives::TransactionId], stage: Stage, now: Timestamp) {
    for id in ids {
        stages.reach(*id, stage, now);
    }
}
