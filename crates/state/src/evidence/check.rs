//! May this evidence enter a block? Its form and signatures were checked before.

use primitives::{Evidence, Height, Params, Rejection};

use crate::context::{Env, epoch_of};
use crate::staking;
use crate::transaction::Refused;
use crate::view::StateView;

/// Refuses evidence that is stale, a duplicate, or about nobody with stake.
///
/// # Errors
/// `evidence_stale`, `evidence_duplicate`, `evidence_unknown_offender`.
pub fn admit(view: &dyn StateView, env: Env<'_>, evidence: &Evidence) -> Result<(), Refused> {
    timely(view, env.params, env.block.height, evidence)
}

/// The same for a block at `height`.
///
/// # Errors
/// As [`admit`].
pub fn timely(view: &dyn StateView, params: &Params, height: Height, evidence: &Evidence) -> Result<(), Refused> {
    let about = evidence.height();
    let age = epoch_of(params, height).saturating_sub(epoch_of(params, about));
    if about == Height::GENESIS || about > height || age > params.evidence.age_epochs {
        return Err(Rejection::EvidenceStale.into());
    }
    let offender = evidence.offender();
    if staking::tombstone(view, &offender)?.is_some() {
        return Err(Rejection::EvidenceDuplicate.into());
    }
    if staking::candidate(view, &offender)?.is_none() {
        return Err(Rejection::EvidenceUnknownOffender.into());
    }
    Ok(())
}
