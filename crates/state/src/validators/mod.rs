//! The voting set in force, as module state.
//!
//! ```text
//! staking makes a set at the end of an epoch ──► stored as `validators`, decides from the next height on
//!                                                └─ the set before it stays as `previous` for one more block
//! ```
//!
//! Invariants
//! - Between blocks h and h+1 `validators` is the set that decides h+1, and `previous_validators` the set
//!   that decided h, whose certificate block h+1 includes.
//! - A set never becomes empty: staking keeps at least one validator.

use primitives::{ValidatorSet, encode};

use crate::columns;
use crate::overlay::Overlay;
use crate::view::{Broken, validators};

/// Stores the set that decides the next height and returns it; `None` changes nothing.
///
/// # Errors
/// [`Broken`] when the stored set does not decode.
pub fn end_block(overlay: &mut Overlay<'_>, next: Option<ValidatorSet>) -> Result<ValidatorSet, Broken> {
    let current = validators(overlay)?;
    let previous = crate::view::previous_validators(overlay)?;
    if previous != current {
        overlay.delete(columns::previous_validators());
    }
    match next {
        Some(next) if next != current => {
            overlay.put(columns::previous_validators(), encode(&current));
            overlay.put(columns::validators(), encode(&next));
            Ok(next)
        }
        _ => Ok(current),
    }
}

/// Writes the first set.
pub fn genesis(overlay: &mut Overlay<'_>, set: &ValidatorSet) {
    overlay.put(columns::validators(), encode(set));
}
