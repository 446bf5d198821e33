//! May this evidence enter a block? Implements EVD-6 to EVD-8. Its form and signatures were checked before.

use primitives::actions::About;
use primitives::{Evidence, Height, Params, Rejection};

use crate::context::{Env, epoch_of};
use crate::identity::{self, Stage};
use crate::transaction::Refused;
use crate::view::StateView;
use crate::{staking, timetoke};

/// Refuses evidence that is stale, a duplicate, or about nobody that could lose something.
///
/// # Errors
/// `evidence_stale`, `evidence_duplicate`, `evidence_unknown_offender`, `evidence_no_identity`.
pub fn admit(view: &dyn StateView, env: Env<'_>, evidence: &Evidence) -> Result<(), Refused> {
    timely(view, env.params, env.block.height, evidence)
}

/// The same for a block at `height`.
///
/// # Errors
/// As [`admit`].
pub fn timely(view: &dyn StateView, params: &Params, height: Height, evidence: &Evidence) -> Result<(), Refused> {
    let fresh = match evidence.about() {
        About::Height(about) => {
            let age = epoch_of(params, height).saturating_sub(epoch_of(params, about));
            let began = about > Height::GENESIS || !evidence.is_equivocation();
            began && about <= height && age <= params.evidence.age_epochs
        }
        About::Challenge(number) => {
            let open = timetoke::challenge(view)?.map_or(0, |open| open.number);
            number <= open && open - number <= challenges_kept(params)
        }
    };
    if !fresh {
        return Err(Rejection::EvidenceStale.into());
    }
    let offender = evidence.offender();
    if staking::tombstone(view, &offender)?.is_some() {
        return Err(Rejection::EvidenceDuplicate.into());
    }
    if evidence.is_equivocation() {
        return match staking::candidate(view, &offender)? {
            Some(_) => Ok(()),
            None => Err(Rejection::EvidenceUnknownOffender.into()),
        };
    }
    match identity::get(view, &offender)? {
        Some(found) if found.tombstoned => Err(Rejection::EvidenceDuplicate.into()),
        Some(found) if found.stage(height) != Stage::Expired => Ok(()),
        Some(_) | None => Err(Rejection::EvidenceNoIdentity.into()),
    }
}

/// How many challenges back heartbeats can be evidence: those that open while the governed age passes at the target block
/// time, rounded down, at least one.
fn challenges_kept(params: &Params) -> u64 {
    let age = u128::from(params.evidence.age_epochs)
        .saturating_mul(u128::from(params.epoch_blocks))
        .saturating_mul(u128::from(params.block_interval_ms));
    let window = u128::from(params.timetoke.window_seconds).saturating_mul(1_000).max(1);
    let kept = age.saturating_mul(u128::from(params.timetoke.challenges_per_window)) / window;
    u64::try_from(kept).unwrap_or(u64::MAX).max(1)
}
