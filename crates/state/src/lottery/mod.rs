//! Lottery: which waiting candidates may enter the voting set.
//!
//! Read next: [`block`], `spec/lottery.md`.

pub mod block;
pub mod draw;
pub mod execute;

use primitives::Address;

use crate::view::{Broken, StateView};

/// Whether `address` has bonded enough of its own stake to wait for a seat.
///
/// # Errors
/// [`Broken`] when a record does not decode.
pub fn is_bonded(_view: &dyn StateView, _address: &Address) -> Result<bool, Broken> {
    Ok(false)
}

/// The order in which candidates outside the voting set may enter it at the end of `epoch`; `None` when no
/// admission was drawn, and everyone may enter in the order of stake.
///
/// # Errors
/// [`Broken`] when the recorded order does not decode.
pub fn admission(_view: &dyn StateView, _epoch: u64) -> Result<Option<Vec<Address>>, Broken> {
    Ok(None)
}
