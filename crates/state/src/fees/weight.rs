//! The metered cost of each action, in weight units. Part of consensus: changing a number is an upgrade.
//!
//! One unit is about 1/100 of verifying and executing one plain transfer.

use primitives::Action;

/// A transfer: one signature, two accounts.
pub const TRANSFER: u64 = 100;
/// A batch transfer: one signature, one account …
pub const BATCH_BASE: u64 = 60;
/// … and one account per payment.
pub const BATCH_PAYMENT: u64 = 40;

/// The weight of an action.
pub fn weight(action: &Action) -> u64 {
    match action {
        Action::Transfer(_) => TRANSFER,
        Action::BatchTransfer(batch) => {
            let payments = u64::try_from(batch.payments.len()).unwrap_or(u64::MAX);
            BATCH_BASE.saturating_add(BATCH_PAYMENT.saturating_mul(payments))
        }
    }
}
