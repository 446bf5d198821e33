//! Carries out a payment list whose fees and balance were checked.

use primitives::{Event, SlotIndex};

use super::check::PaymentPlan;
use crate::overlay::Overlay;
use crate::view::{Broken, slot_of};

/// Opens what must be opened, then pays, in order.
///
/// # Errors
/// [`Broken`] when the plan does not fit the overlay it was made on.
pub fn pay(
    overlay: &mut Overlay<'_>,
    payer: (SlotIndex, primitives::Address),
    plan: &PaymentPlan,
) -> Result<Vec<Event>, Broken> {
    let mut events = Vec::with_capacity(plan.payments.len().saturating_mul(2));
    for payment in &plan.payments {
        let to = match slot_of(overlay, &payment.to)? {
            Some(slot) => slot,
            None => {
                let slot = overlay.open(payment.to)?;
                events.push(Event::AccountOpened { address: payment.to, slot });
                slot
            }
        };
        overlay.transfer(payer.0, to, payment.amount)?;
        events.push(Event::Transferred { from: payer.1, to: payment.to, amount: payment.amount });
    }
    Ok(events)
}
