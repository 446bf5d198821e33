//! Block.
use crate::context::Env;
use crate::overlay::Overlay;
use crate::view::Broken;
use primitives::{Event, ValidatorSet};
/// End.
///
/// # Errors
/// [`Broken`].
pub fn end_block(_o: &mut Overlay<'_>, _env: Env<'_>, _e: &mut Vec<Event>) -> Result<Option<ValidatorSet>, Broken> {
    Ok(None)
}
