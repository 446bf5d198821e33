//! Execute.
use crate::context::Env;
use crate::overlay::Overlay;
use crate::view::Broken;
use primitives::{Event, Evidence};
/// Execute.
///
/// # Errors
/// Named.
pub fn execute(_o: &mut Overlay<'_>, _env: Env<'_>, _evidence: &Evidence) -> Result<Vec<Event>, Broken> {
    Ok(Vec::new())
}
