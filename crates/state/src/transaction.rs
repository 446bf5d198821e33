//! One transaction: may it enter the block, and what does it do?
//!
//! ```text
//! check ──Rejection──► not in a block, nothing paid
//!   │
//!   ▼ charge base fee, tip (and opening fees), step the nonce
//! execute ──► Outcome in the receipt; only Success moves money, and a proof that does not verify loses its bond
//! ```
//!
//! Actions of modules go to `<module>/execute.rs` through one exhaustive match; evidence that is not both
//! true and new never enters a block, nor does a proof that its payer may not bring now (`<module>/check.rs`).
//!
//! Order of checks: `expired`, `valid_until_too_far`, `unknown_payer`, `nonce_too_low`, `nonce_too_high`,
//! `block_full`, `fee_too_low`, `balance_below_fee`, then what the module refuses. Signatures and form are checked before
//! ([`primitives::Transaction::check`]).

use primitives::defect::{Defect, is_seeded};
use primitives::{
    Action, Amount, BoundedVec, Event, FormatVersion, LedgerSlot, Outcome, Receipt, Rejection, SlotIndex, Transaction,
};

use crate::accounts::check::{PaymentPlan, plan};
use crate::accounts::execute::pay;
use crate::context::{Env, Payer};
use crate::fees::{LaneMeter, Placement, weight};
use crate::overlay::Overlay;
use crate::proving::ProofVerifier;
use crate::view::{self, Broken};

/// Ledger operations that a module action makes at most, besides the fee.
pub const MODULE_OPS_MAX: usize = 3;

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
    payer: Payer,
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
        1 + self.plan.payments.len() + self.plan.opens.len() + self.module_ops_max()
    }

    /// Ledger slots it touches at most: payer and fee pot, recipients, and two for each operation of a module.
    pub fn slots_max(&self) -> usize {
        2 + self.plan.payments.len() + 2 * self.module_ops_max()
    }

    fn module_ops_max(&self) -> usize {
        if self.plan.payments.is_empty() { MODULE_OPS_MAX } else { 0 }
    }
}

/// Checks `transaction` against the state so far; changes nothing.
///
/// # Errors
/// [`Refused`], in the order of the module header.
pub fn check(
    overlay: &Overlay<'_>,
    env: Env<'_>,
    meter: &LaneMeter,
    transaction: &Transaction,
    may_borrow: bool,
) -> Result<Admissible, Refused> {
    let body = &transaction.body;
    let (context, params) = (env.block, env.params);
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
    if let Action::Evidence(evidence) = &body.action {
        crate::evidence::check::admit(overlay, env, evidence)?;
    }
    if let Some(submission) = body.action.submission() {
        crate::proving::check::admit(overlay, env.params, context.height, &body.payer, submission)?;
    }
    let plan = plan(overlay, params, &body.action)?;
    let payer = Payer { slot, address: body.payer, key: transaction.key };
    Ok(Admissible { payer, balance: account.balance, weight, placement, base_fee, plan })
}

/// The burned fee without opening fees.
fn base_fee_of(
    overlay: &Overlay<'_>,
    body: &primitives::TransactionBody,
    weight: u64,
    placement: Placement,
) -> Result<Amount, Refused> {
    if body.action.is_free() {
        return Ok(Amount::ZERO);
    }
    let own = view::base_fee(overlay, body.lane)?;
    let unit = match (placement, body.lane.other()) {
        (Placement::Borrowed, Some(lender)) => own.max(view::base_fee(overlay, lender)?),
        (Placement::Own, _) | (Placement::Borrowed, None) => own,
    };
    Ok(unit.checked_mul(weight).ok_or(Rejection::FeeTooLow)?)
}

/// Executes a checked transaction and returns its receipt.
///
/// # Errors
/// [`Broken`] when the checks did not hold what they promised.
pub fn execute(
    overlay: &mut Overlay<'_>,
    env: Env<'_>,
    transaction: &Transaction,
    admissible: &Admissible,
    verifier: &dyn ProofVerifier,
) -> Result<Receipt, Broken> {
    let body = &transaction.body;
    let expected = outcome_of(body, admissible)?;
    let burned = match expected {
        Outcome::Success => sum(admissible.base_fee, admissible.plan.open_fees)?,
        _ => admissible.base_fee,
    };
    overlay.charge(admissible.payer.slot, sum(burned, body.tip)?)?;
    let (outcome, events) = match (expected, body.action.submission()) {
        // The one action whose failure does something: it costs the bond.
        (Outcome::Success, Some(submission)) => {
            crate::proving::execute::submit(overlay, env, admissible.payer, submission, verifier)?
        }
        (Outcome::Success, None) => match run(overlay, env, admissible, &body.action)? {
            Ok(events) => (Outcome::Success, events),
            Err(refused) => (refused, Vec::new()),
        },
        (refused, _) => (refused, Vec::new()),
    };
    Ok(Receipt {
        version: FormatVersion,
        transaction: transaction.id(),
        outcome,
        weight: admissible.weight,
        fee_burned: burned,
        tip: body.tip,
        events: BoundedVec::new(events).ok_or(Broken("more events than a receipt holds"))?,
    })
}

/// Sends the action to its module.
fn run(
    overlay: &mut Overlay<'_>,
    env: Env<'_>,
    admissible: &Admissible,
    action: &Action,
) -> Result<Result<Vec<Event>, Outcome>, Broken> {
    let payer = admissible.payer;
    match action {
        Action::Transfer(_) | Action::BatchTransfer(_) => {
            pay(overlay, (payer.slot, payer.address), &admissible.plan).map(Ok)
        }
        Action::Stake(action) => crate::staking::execute::execute(overlay, env, payer, action),
        Action::Evidence(evidence) => crate::evidence::execute::execute(overlay, env, evidence).map(Ok),
        Action::Identity(action) => crate::identity::execute::execute(overlay, env, payer, action),
        Action::Timetoke(action) => crate::timetoke::execute::execute(overlay, env, payer, action),
        Action::Lottery(action) => crate::lottery::execute::execute(overlay, env, payer, action),
        Action::Witness(action) => crate::witness::execute::execute(overlay, env, payer, action),
        Action::Proving(action) => crate::proving::execute::execute(overlay, env, payer, action),
    }
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
    let spend = body.action.spend().ok_or(Broken("an action spends more than the form allows"))?;
    if left.is_none_or(|left| left < spend) {
        return Ok(Outcome::InsufficientBalance);
    }
    Ok(Outcome::Success)
}

fn sum(left: Amount, right: Amount) -> Result<Amount, Broken> {
    left.checked_add(right).ok_or(Broken("fees out of range"))
}
