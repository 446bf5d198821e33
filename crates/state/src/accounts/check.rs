//! What a payment list needs, found out before anything changes.

use std::collections::BTreeSet;

use primitives::ledger::MODULE_ACCOUNTS;
use primitives::{Action, Address, Amount, Params, Payment};

use crate::fees::open_fee;
use crate::view::{Broken, StateView, slot_of};

/// A payment list with what it will cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentPlan {
    /// In order.
    pub payments: Vec<Payment>,
    /// Their sum.
    pub total: Amount,
    /// New addresses, in the order in which they are opened.
    pub opens: BTreeSet<Address>,
    /// Opening fees together.
    pub open_fees: Amount,
    /// Whether some recipient is a module's own account.
    pub reserved: bool,
}

/// Looks up every recipient of `action`.
///
/// # Errors
/// [`Broken`] when state does not decode or a sum that stateless checks bounded overflows.
pub fn plan(view: &dyn StateView, params: &Params, action: &Action) -> Result<PaymentPlan, Broken> {
    let payments: Vec<Payment> = action.payments();
    let mut plan = PaymentPlan {
        total: Amount::ZERO,
        opens: BTreeSet::new(),
        open_fees: Amount::ZERO,
        reserved: false,
        payments: Vec::new(),
    };
    for payment in &payments {
        plan.total = plan.total.checked_add(payment.amount).ok_or(Broken("payments exceed the checked sum"))?;
        plan.reserved |= is_reserved(&payment.to);
        if slot_of(view, &payment.to)?.is_none() && plan.opens.insert(payment.to) {
            let opened = u32::try_from(plan.opens.len() - 1).unwrap_or(u32::MAX);
            let fee =
                open_fee(params, view.next_slot().saturating_add(opened)).ok_or(Broken("opening fee overflows"))?;
            plan.open_fees = plan.open_fees.checked_add(fee).ok_or(Broken("opening fees overflow"))?;
        }
    }
    plan.payments = payments;
    Ok(plan)
}

/// True for a module's own account.
pub fn is_reserved(address: &Address) -> bool {
    MODULE_ACCOUNTS.iter().any(|name| Address::of_module(name) == *address)
}
