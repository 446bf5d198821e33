//! From a wish to the body that a payer signs: what the fee may come to, and what is refused beforehand.
//!
//! Model: a quote read from a node ([`FeeQuote`]) and a request ([`PlanRequest`]) give a [`Plan`]. Pure: the
//! caller asks the node, shows the plan, signs and sends it. The weight of an action is an argument, because
//! its formula is a rule of the chain (`state`).
//!
//! Rules
//! - `max_fee` is a ceiling, not the price: the chain takes the base fee of the block that includes the
//!   transaction. The ceiling leaves room for [`MARGIN_BLOCKS`] full blocks in a row.
//! - A lane that borrows room pays the higher of the two base fees, so the ceiling starts from the higher one.
//! - Everything that the chain would certainly refuse is refused here, before a signature exists.
//!
//! Read next: `spec/fees.md`.

use primitives::action::{BATCH_PAYMENTS_MAX, MEMO_BYTES_MAX};
use primitives::{
    Action, Address, Amount, BatchTransfer, BoundedBytes, BoundedVec, FormatVersion, Height, Nonce, Payment,
    TransactionBody, Transfer,
};

/// A block raises a base fee by at most one in this many, rounded up.
pub const BASE_FEE_STEP_DIVISOR: u64 = 8;
/// Full blocks in a row that the ceiling leaves room for: the base fee may grow to about 3.3 times the quote
/// (more for the smallest fees, which rise by whole µBLOCK).
pub const MARGIN_BLOCKS: u32 = 10;

/// Prices as a node tells them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeeQuote {
    /// The height they were read at.
    pub height: Height,
    /// Base fee of each lane in the order of [`primitives::Lane::ALL`], µBLOCK per weight unit.
    pub base_fees: [Amount; 3],
    /// Price of opening one account now, µBLOCK.
    pub open_fee: Amount,
    /// Most that this price may rise within the margin, µBLOCK (the parameter `open_fee_step`).
    pub open_fee_rise: Amount,
    /// Most heights between `height` and `valid_until` (the parameter `valid_until_max`).
    pub valid_until_max: u64,
}

/// What the payer wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanRequest {
    /// The account that pays.
    pub payer: Address,
    /// Its nonce.
    pub nonce: Nonce,
    /// What to do.
    pub action: Action,
    /// The action's weight, units.
    pub weight: u64,
    /// Recipients that have no account yet.
    pub opens: u64,
    /// Extra for the proposer, µBLOCK.
    pub tip: Amount,
    /// Last height that may include the transaction.
    pub valid_until: Height,
}

/// A transaction ready to be shown and signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// What is signed.
    pub body: TransactionBody,
    /// What fees would come to at the quoted prices, without borrowing, µBLOCK.
    pub fee_now: Amount,
    /// Most that may leave the account: payments and `max_fee`, µBLOCK.
    pub spend_max: Amount,
}

/// Why there is no plan. Nothing was signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// A payment of nothing, or no payment at all.
    #[error("there is nothing to pay; every payment needs an amount above 0")]
    EmptyPayment,
    /// Over [`MEMO_BYTES_MAX`].
    #[error("the memo has {0} bytes, at most 64 are allowed; shorten it")]
    MemoTooLong(usize),
    /// Over [`BATCH_PAYMENTS_MAX`].
    #[error("a batch has at most 64 payments, not {0}; split it")]
    TooManyPayments(usize),
    /// A sum of 2^63 µBLOCK or more.
    #[error("payments and fees add up to 2^63 µBLOCK or more; lower the amounts or the tip")]
    AmountOutOfRange,
    /// No block can include it any more.
    #[error("valid until height {valid_until}, but the chain is at {height}; use a later height")]
    Expired {
        /// The requested last height.
        valid_until: Height,
        /// The height of the quote.
        height: Height,
    },
    /// Further ahead than the chain accepts.
    #[error("valid until height {valid_until} is too far ahead; use at most {latest}")]
    TooFarAhead {
        /// The requested last height.
        valid_until: Height,
        /// The furthest that is accepted.
        latest: Height,
    },
}

/// A payment to one recipient.
///
/// # Errors
/// [`PlanError::EmptyPayment`] or [`PlanError::MemoTooLong`].
pub fn transfer(to: Address, amount: Amount, memo: &[u8]) -> Result<Action, PlanError> {
    let memo = BoundedBytes::<MEMO_BYTES_MAX>::new(memo.to_vec()).ok_or(PlanError::MemoTooLong(memo.len()))?;
    refuse_empty(Action::Transfer(Transfer { to, amount, memo }))
}

/// Payments to several recipients, all or none.
///
/// # Errors
/// [`PlanError::EmptyPayment`] or [`PlanError::TooManyPayments`].
pub fn batch(payments: Vec<Payment>) -> Result<Action, PlanError> {
    let count = payments.len();
    let payments = BoundedVec::<_, BATCH_PAYMENTS_MAX>::new(payments).ok_or(PlanError::TooManyPayments(count))?;
    refuse_empty(Action::BatchTransfer(BatchTransfer { payments }))
}

/// The base fee after [`MARGIN_BLOCKS`] full blocks.
///
/// # Errors
/// [`PlanError::AmountOutOfRange`] from 2^63 µBLOCK on.
pub fn raised(base_fee: Amount) -> Result<Amount, PlanError> {
    (0..MARGIN_BLOCKS).try_fold(base_fee, |fee, _| {
        let step = fee.micro().div_ceil(BASE_FEE_STEP_DIVISOR);
        Amount::new(step).and_then(|step| fee.checked_add(step)).ok_or(PlanError::AmountOutOfRange)
    })
}

/// Plans one transaction.
///
/// # Errors
/// [`PlanError`], one variant per cause.
pub fn plan(request: PlanRequest, quote: &FeeQuote) -> Result<Plan, PlanError> {
    let latest = Height(quote.height.0.saturating_add(quote.valid_until_max));
    if request.valid_until <= quote.height {
        return Err(PlanError::Expired { valid_until: request.valid_until, height: quote.height });
    }
    if request.valid_until > latest {
        return Err(PlanError::TooFarAhead { valid_until: request.valid_until, latest });
    }
    let action = refuse_empty(request.action.clone())?;
    let lane = action.lane();
    let own = quote.base_fees[lane.index()];
    let higher = lane.other().map_or(own, |lender| own.max(quote.base_fees[lender.index()]));
    let open_fee_max = sum(quote.open_fee, quote.open_fee_rise)?;
    let fee_now = fee(own, quote.open_fee, &request)?;
    let max_fee = fee(raised(higher)?, open_fee_max, &request)?;
    let body = TransactionBody {
        version: FormatVersion,
        payer: request.payer,
        nonce: request.nonce,
        lane,
        tip: request.tip,
        max_fee,
        valid_until: request.valid_until,
        action,
    };
    let payments = body.payments_total().ok_or(PlanError::AmountOutOfRange)?;
    Ok(Plan { spend_max: sum(payments, max_fee)?, body, fee_now })
}

/// The action, unless it pays nothing, or nothing to somebody.
fn refuse_empty(action: Action) -> Result<Action, PlanError> {
    let payments = action.payments();
    let pays = matches!(action, Action::Transfer(_) | Action::BatchTransfer(_));
    let empty = pays && (payments.is_empty() || payments.iter().any(|payment| payment.amount == Amount::ZERO));
    if empty { Err(PlanError::EmptyPayment) } else { Ok(action) }
}

/// Base fee, opening fees and tip together.
fn fee(base_fee: Amount, open_fee: Amount, request: &PlanRequest) -> Result<Amount, PlanError> {
    let times = |price: Amount, count: u64| price.checked_mul(count).ok_or(PlanError::AmountOutOfRange);
    sum(sum(times(base_fee, request.weight)?, times(open_fee, request.opens)?)?, request.tip)
}

fn sum(a: Amount, b: Amount) -> Result<Amount, PlanError> {
    a.checked_add(b).ok_or(PlanError::AmountOutOfRange)
}
