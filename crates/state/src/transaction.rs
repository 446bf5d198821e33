//! One transaction: may it enter the block, and what does it do?
//!
//! ```text
//! check ──Rejection──► not in a block, nothing paid
//!   │
//!   ▼ charge base fee, tip (and opening fees), step the nonce
//! execute ──► Outcome in the receipt; only Success moves money
//! ```
//!
//! Order of checks: `expired`, `valid_until_too_far`, `unknown_payer`, `nonce_too_low`, `nonce_too_high`,
//! `block_full`, `fee_too_low`, `balance_below_fee`. Signatures and form are checked before
//! ([`primitives::Transaction::check`]).

use primitives::defect::{Defect, is_seeded};
use primitives::{
    Action, Address, Amount, BoundedVec, Event, FormatVersion, LedgerSlot, Outcome, Params, Receipt, Rejection,
    SlotIndex, Transaction,
};

use crate::accounts::check::{PaymentPlan, plan};
use crate::accounts::execute::pay;
use crate::block::BlockContext;
use crate::fees::{LaneMeter, Placement, weight};
use crate::overlay::Overlay;
use crate::view::{self, Broken};

/// Why a transaction is not in the block.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The sender's matter.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// Ours.
    #[error(transparent)]
    Broken(#[from] Broken),
}

/// A transaction that may enter the block.
#[derive(Debug)]
pub struct Admissible {
    payer: (SlotIndex, Address),
    balance: Amount,
    /// Weight units.
    pub weight: u64,
    /// Which share carries it.
    pub placement: Placement,
    base_fee: Amount,
    plan: PaymentPlan,
}

impl Admissible {
    /// Accounts that this transaction would open if it succeeds.
    pub fn opens(&self) -> usize {
        self.plan.opens.len()
    }

    /// Ledger operations it makes at most.
    pub fn ops_max(&self) -> usize {
        1 + self.plan.payments.len() + self.plan.opens.len()
    }
}

/// Checks `transaction` against the state so far; changes nothing.
///
/// # Errors
/// [`Refused`], in the order of the module header.
pub fn check(
    overlay: &Overlay<'_>,
    context: &BlockContext,
    params: &Params,
    meter: &LaneMeter,
    transaction: &Transaction,
    may_borrow: bool,
) -> Result<Admissible, Refused> {
    let body = &transaction.body;
    if body.valid_until < context.height && !is_seeded(Defect::IgnoresValidUntil) {
        return Err(Rejection::Expired.into());
    }
    if body.valid_until.0 > context.height.0.saturating_add(params.valid_until_max) {
        return Err(Rejection::ValidUntilTooFar.into());
    }
    let (slot, account): (SlotIndex, LedgerSlot) =
        view::account(overlay, &body.payer)?.ok_or(Rejection::UnknownPayer)?;
    if body.nonce < account.nonce && !is_seeded(Defect::IgnoresTheNonce) {
        return Err(Rejection::NonceTooLow.into());
    }
    if body.nonce > account.nonce {
        return Err(Rejection::NonceTooHigh.into());
    }
    let weight = weight(&body.action);
    let placement = meter.place(body.lane, weight, may_borrow).ok_or(Rejection::BlockFull)?;
    let base_fee = base_fee_of(overlay, body, weight, placement)?;
    let least = base_fee.checked_add(body.tip).ok_or(Rejection::FeeTooLow)?;
    if least > body.max_fee {
        return Err(Rejection::FeeTooLow.into());
    }
    if least > account.balance {
        return Err(Rejection::BalanceBelowFee.into());
    }
    let plan = plan(overlay, params, &body.action)?;
    Ok(Admissible { payer: (slot, body.payer), balance: account.balance, weight, placement, base_fee, plan })
}

/// The burned fee without opening fees.
fn base_fee_of(
    overlay: &Overlay<'_>,
    body: &primitives::TransactionBody,
    weight: u64,
    placement: Placement,
) -> Result<Amount, Refused> {
    let own = view::base_fee(overlay, body.lane)?;
    let unit = match placement {
        Placement::Own => own,
        Placement::Borrowed => own.max(view::base_fee(overlay, body.lane.other())?),
    };
    Ok(unit.checked_mul(weight).ok_or(Rejection::FeeTooLow)?)
}

/// Executes a checked transaction and returns its receipt.
///
/// # Errors
/// [`Broken`] when the checks did not hold what they promised.
pub fn execute(
    overlay: &mut Overlay<'_>,
    transaction: &Transaction,
    admissible: &Admissible,
) -> Result<Receipt, Broken> {
    let body = &transaction.body;
    let outcome = outcome_of(body, admissible)?;
    let burned = match outcome {
        Outcome::Success => sum(admissible.base_fee, admissible.plan.open_fees)?,
        Outcome::InsufficientBalance | Outcome::RecipientReserved | Outcome::OpenFeeAboveMax => admissible.base_fee,
    };
    overlay.charge(admissible.payer.0, sum(burned, body.tip)?)?;
    let events: Vec<Event> = match (outcome, &body.action) {
        (Outcome::Success, Action::Transfer(_) | Action::BatchTransfer(_)) => {
            pay(overlay, admissible.payer, &admissible.plan)?
        }
        (Outcome::InsufficientBalance | Outcome::RecipientReserved | Outcome::OpenFeeAboveMax, _) => Vec::new(),
    };
    Ok(Receipt {
        version: FormatVersion,
        transaction: transaction.id(),
        outcome,
        weight: admissible.weight,
        fee_burned: burned,
        tip: body.tip,
        events: BoundedVec::new(events).ok_or(Broken("more events than two per payment"))?,
    })
}

/// Reserved recipients first, then opening fees, then the balance.
fn outcome_of(body: &primitives::TransactionBody, admissible: &Admissible) -> Result<Outcome, Broken> {
    let plan = &admissible.plan;
    if plan.reserved {
        return Ok(Outcome::RecipientReserved);
    }
    let least = sum(admissible.base_fee, body.tip)?;
    let fees = sum(least, plan.open_fees)?;
    if fees > body.max_fee {
        return Ok(Outcome::OpenFeeAboveMax);
    }
    let left = admissible.balance.checked_sub(fees);
    if left.is_none_or(|left| left < plan.total) {
        return Ok(Outcome::InsufficientBalance);
    }
    Ok(Outcome::Success)
}

fn sum(left: Amount, right: Amount) -> Result<Amount, Broken> {
    left.checked_add(right).ok_or(Broken("fees out of range"))
}
