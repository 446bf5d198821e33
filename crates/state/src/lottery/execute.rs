//! Carries out the actions of the lottery module.
//!
//! Rule: every check comes before the first write; on an outcome other than success nothing has changed.

use primitives::{Event, LotteryAction, Outcome};

use crate::context::{Env, Payer};
use crate::overlay::Overlay;
use crate::view::Broken;

/// Executes one action, whose fee is paid and whose spend the balance covers.
///
/// # Errors
/// [`Broken`] when stored values do not fit each other. A named outcome is the inner error.
pub fn execute(
    _overlay: &mut Overlay<'_>,
    _env: Env<'_>,
    _payer: Payer,
    action: &LotteryAction,
) -> Result<Result<Vec<Event>, Outcome>, Broken> {
    match action {
        LotteryAction::Submit { .. } => Ok(Err(Outcome::NotActive)),
    }
}
