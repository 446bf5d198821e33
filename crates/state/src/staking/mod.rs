//! Staking.
pub mod block;
pub mod execute;
pub mod keys;
use crate::overlay::Overlay;
use crate::view::Broken;
use primitives::Genesis;
/// Most unbonded entries that are paid out at the end of one block.
pub const PAYOUTS_PER_BLOCK: usize = 32;
/// Writes the genesis stakes.
///
/// # Errors
/// [`Broken`] when `genesis` was not validated.
pub fn genesis(_overlay: &mut Overlay<'_>, _genesis: &Genesis) -> Result<(), Broken> {
    Ok(())
}

/// Past sets.
///
/// # Errors
/// [`Broken`].
pub fn past_sets(_view: &dyn crate::view::StateView) -> Result<Vec<primitives::ValidatorSet>, Broken> {
    Ok(Vec::new())
}
