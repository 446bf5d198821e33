//! The validator set in force, as module state.
//!
//! The set of genesis decides every height: bonding and exits come with the staking module, which will
//! change the set at the end of an epoch through this module.

use primitives::{ValidatorSet, encode};

use crate::columns;
use crate::overlay::Overlay;
use crate::view::{Broken, StateView, validators};

/// The set that decides the next height, computed at the end of a block.
///
/// # Errors
/// [`Broken`] when the stored set does not decode.
pub fn end_block(view: &dyn StateView) -> Result<ValidatorSet, Broken> {
    validators(view)
}

/// Writes the first set.
pub fn genesis(overlay: &mut Overlay<'_>, set: &ValidatorSet) {
    overlay.put(columns::validators(), encode(set));
}
