//! What the lottery module does at the end of each block.

use primitives::Event;

use crate::context::Env;
use crate::overlay::Overlay;
use crate::view::Broken;

/// Runs after all transactions, before the next voting set is made.
///
/// # Errors
/// [`Broken`] when stored values do not fit each other.
pub fn end_block(_overlay: &mut Overlay<'_>, _env: Env<'_>, _events: &mut Vec<Event>) -> Result<(), Broken> {
    Ok(())
}
