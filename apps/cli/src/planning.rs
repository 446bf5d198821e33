//! From the words of a payment to a signed transaction: recipients, lists of payments, prices, nonce.
//!
//! ```text
//! words ── read_payments ──► payments ── action ──► Wish ── prepare (asks the node) ──► Plan ── sign ──► submit
//! ```
//!
//! Rules
//! - Nothing is signed before the plan stands: price, ceiling, nonce and expiry come first.
//! - A payer who certainly cannot pay is told here, in BLOCK.
//! - The chain is the one whose genesis hash the node tells; it is part of what is signed.

use std::collections::BTreeSet;

use futures::{StreamExt, TryStreamExt};
use primitives::{Action, Address, Amount, Height, Payment, SecretKey, Transaction};
use rpc::types::{AccountView, NodeStatus};
use rpc::{Client, ExitCode};
use wallet::{FeeQuote, Plan, PlanRequest};

use crate::exit::Failure;
use crate::output::blocks;

/// Account questions to a node at one time.
const QUESTIONS_MAX: usize = 8;
/// Heights after which a transaction may no longer enter a block, when nothing else is said.
pub const VALID_FOR_DEFAULT: u64 = 100;

/// Reads `ADDRESS<separator>AMOUNT`, the amount in BLOCK.
///
/// # Errors
/// [`Failure`] that shows what was given.
pub fn split_payment(text: &str, separator: char) -> Result<Payment, Failure> {
    let (to, amount) = text.split_once(separator).ok_or_else(|| {
        Failure::usage(
            format!("{text:?} is not a payment"),
            format!("write ADDRESS{separator}AMOUNT, the amount in BLOCK"),
        )
    })?;
    let to =
        to.trim().parse::<Address>().map_err(|error| Failure::told(ExitCode::Usage, "usage", error, "check it"))?;
    let amount = amount.trim().parse::<Amount>().map_err(|error| Failure::usage(error, format!("correct {text:?}")))?;
    Ok(Payment { to, amount })
}

/// Reads a list of payments: one `ADDRESS,AMOUNT` per line, empty lines and lines that start with `#` are skipped.
///
/// # Errors
/// [`Failure`] that names the line.
pub fn read_payments(text: &str) -> Result<Vec<Payment>, Failure> {
    let lines = text.lines().zip(1_u64..).map(|(line, number)| (line.trim(), number));
    lines
        .filter(|(line, _)| !line.is_empty() && !line.starts_with('#'))
        .map(|(line, number)| {
            split_payment(line, ',').map_err(|mut failure| {
                failure.error.error = format!("line {number}: {}", failure.error.error);
                failure
            })
        })
        .collect()
}

/// The action that pays these: a transfer for one recipient, else a batch transfer.
///
/// # Errors
/// [`Failure`] for payments that no transaction can hold, and for a memo to several recipients.
pub fn action(payments: Vec<Payment>, memo: &str) -> Result<Action, Failure> {
    match payments.as_slice() {
        [one] => Ok(wallet::plan::transfer(one.to, one.amount, memo.as_bytes())?),
        _ if !memo.is_empty() => Err(Failure::usage(
            "a payment to several recipients carries no memo",
            "leave --memo out, or pay one recipient at a time",
        )),
        _ => Ok(wallet::plan::batch(payments)?),
    }
}

/// The addresses that an action pays, each once.
pub fn recipients(action: &Action) -> BTreeSet<Address> {
    action.payments().iter().map(|payment| payment.to).collect()
}

/// The prices of a node's status. `open_fee_rise` is the parameter `open_fee_step`.
pub fn quote(status: &NodeStatus, open_fee_rise: Amount, valid_until_max: u64) -> FeeQuote {
    FeeQuote {
        height: status.finalized_height,
        base_fees: [status.base_fees.consumer, status.base_fees.industrial, status.base_fees.reserved],
        open_fee: status.open_fee,
        open_fee_rise,
        valid_until_max,
    }
}

/// What a payer wants.
#[derive(Debug, Clone)]
pub struct Wish {
    /// Who pays.
    pub payer: Address,
    /// What to do.
    pub action: Action,
    /// Extra for the proposer.
    pub tip: Amount,
    /// Heights from now on in which it may be included.
    pub valid_for: u64,
}

/// A plan with the chain it is for.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// The plan.
    pub plan: Plan,
    /// What the node said about its chain.
    pub status: NodeStatus,
}

impl Prepared {
    /// Signs the plan.
    pub fn sign(self, key: &SecretKey) -> Transaction {
        self.plan.body.sign(key, &self.status.genesis_hash)
    }
}

/// Asks the node for nonce and prices, and plans.
///
/// # Errors
/// [`Failure`] when the node does not answer, or the payer cannot pay.
pub async fn prepare(client: &Client, wish: Wish) -> Result<Prepared, Failure> {
    let (status, limits, payer) =
        futures::try_join!(client.node_status(), client.limits(), client.account(&wish.payer))?;
    let opens = count_new(client, &wish.action).await?;
    // The step is a parameter of the chain; the file is fetched only where it matters, because it may be long.
    let rise = if opens == 0 { Amount::ZERO } else { client.genesis().await?.params.open_fee_step };
    let quote = quote(&status, rise, limits.valid_until_max);
    let plan = plan(&wish, &payer, opens, &quote)?;
    Ok(Prepared { plan, status })
}

/// Recipients that have no account yet.
async fn count_new(client: &Client, action: &Action) -> Result<u64, Failure> {
    let views: Vec<AccountView> = futures::stream::iter(recipients(action))
        .map(|address| async move { client.account(&address).await })
        .buffer_unordered(QUESTIONS_MAX)
        .try_collect()
        .await?;
    Ok(views.iter().filter(|view| !view.opened).map(|_| 1_u64).sum())
}

/// The plan for `wish` at these prices.
///
/// # Errors
/// [`Failure`] when the chain would certainly refuse it.
pub fn plan(wish: &Wish, payer: &AccountView, opens: u64, quote: &FeeQuote) -> Result<Plan, Failure> {
    if !payer.opened {
        return Err(Failure::new(
            ExitCode::Refused,
            "unknown_payer",
            format!("the payer {} has no account on this chain", wish.payer),
            "pay the address first; a payment opens its account",
        ));
    }
    let request = PlanRequest {
        payer: wish.payer,
        nonce: payer.nonce,
        action: wish.action.clone(),
        weight: state::fees::weight(&wish.action),
        opens,
        tip: wish.tip,
        valid_until: Height(quote.height.0.saturating_add(wish.valid_for.min(quote.valid_until_max))),
    };
    let plan = wallet::plan(request, quote)?;
    let payments = plan.body.payments_total().unwrap_or(Amount::MAX);
    let needed = payments.checked_add(plan.fee_now).unwrap_or(Amount::MAX);
    if needed > payer.balance {
        return Err(Failure::new(
            ExitCode::Refused,
            "insufficient_balance",
            format!(
                "the payer has {}, but the payment needs {} and fees of about {}",
                blocks(payer.balance),
                blocks(payments),
                blocks(plan.fee_now)
            ),
            "lower the amount, or pay the account first",
        ));
    }
    Ok(plan)
}
