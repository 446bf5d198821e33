//! The accounts that send: made fresh, paid by the funded accounts of the network.

use std::time::Duration;

use primitives::action::BATCH_PAYMENTS_MAX;
use primitives::{
    Action, Address, Amount, FormatVersion, Hash, Height, Lane, Nonce, Payment, SecretKey, Transaction,
    TransactionBody, Transfer,
};
use rpc::types::{Stage, SubmitTransaction, WaitQuery};
use rpc::{Client, ExitCode};
use wallet::draw;

use crate::exit::Failure;
use crate::planning::{VALID_FOR_DEFAULT, Wish, prepare};

/// What each sender gets, BLOCK: room for many fees.
const SENDER_BALANCE: Amount = Amount::from_blocks(200);
/// Most that one transfer may cost: far above any base fee of a run, so that a rising fee stops nobody.
const FEE_MAX: Amount = match Amount::new(100_000) {
    Some(amount) => amount,
    None => Amount::MAX,
};
/// What each transfer pays: the smallest amount.
const TRANSFER_AMOUNT: Amount = match Amount::new(1) {
    Some(amount) => amount,
    None => Amount::MAX,
};
/// Longest wait for the payments to the senders.
const FUNDING_TIME: Duration = Duration::from_secs(30);

/// One sending account.
pub struct Sender {
    /// Its key.
    pub key: SecretKey,
    /// Its address.
    pub address: Address,
    next: u64,
}

impl Sender {
    fn new() -> Result<Self, Failure> {
        let key = SecretKey::from_seed(*draw()?);
        Ok(Self { address: Address::of_key(&key.public_key()), key, next: 0 })
    }

    /// Signs its next transfer, to `to`.
    pub fn sign_next(&mut self, to: Address, valid_until: Height, genesis: &Hash) -> Transaction {
        let body = TransactionBody {
            version: FormatVersion,
            payer: self.address,
            nonce: Nonce::new(self.next).unwrap_or(Nonce::MAX),
            lane: Lane::Consumer,
            tip: Amount::ZERO,
            max_fee: FEE_MAX,
            valid_until,
            action: Action::Transfer(Transfer { to, amount: TRANSFER_AMOUNT, memo: Default::default() }),
        };
        self.next = self.next.saturating_add(1);
        body.sign(&self.key, genesis)
    }
}

/// Makes `count` senders and has `payers` pay them by batch transfers that are waited for, each payer one after
/// the other and all payers at once.
///
/// # Errors
/// [`Failure`] when a payment is refused or takes too long.
pub async fn make(client: &Client, payers: &[SecretKey], count: usize) -> Result<Vec<Sender>, Failure> {
    let senders: Vec<Sender> = (0..count).map(|_| Sender::new()).collect::<Result<_, _>>()?;
    let funding = payers.iter().enumerate().map(|(first, payer)| {
        let share = senders.chunks(BATCH_PAYMENTS_MAX).skip(first).step_by(payers.len());
        async move {
            for batch in share {
                fund(client, payer, batch).await?;
            }
            Ok::<(), Failure>(())
        }
    });
    futures::future::try_join_all(funding).await?;
    Ok(senders)
}

async fn fund(client: &Client, payer: &SecretKey, senders: &[Sender]) -> Result<(), Failure> {
    let payments = senders.iter().map(|sender| Payment { to: sender.address, amount: SENDER_BALANCE }).collect();
    let wish = Wish {
        payer: Address::of_key(&payer.public_key()),
        action: wallet::plan::batch(payments)?,
        tip: Amount::ZERO,
        valid_for: VALID_FOR_DEFAULT,
    };
    let prepared = prepare(client, wish).await?;
    let genesis = prepared.status.genesis_hash;
    let submitted = client.submit(&SubmitTransaction::new(&prepared.sign(payer), genesis)).await?;
    let timeout_ms = u64::try_from(FUNDING_TIME.as_millis()).ok();
    let status = client.transaction_wait(submitted.id, WaitQuery { stage: Some(Stage::Finalized), timeout_ms }).await?;
    let paid = status.receipt.is_some_and(|receipt| receipt.outcome == primitives::Outcome::Success);
    if status.stage >= Stage::Finalized && !status.stage.is_failure() && paid {
        return Ok(());
    }
    Err(Failure::new(
        ExitCode::Refused,
        "funding",
        format!("the senders could not be paid: the transaction {} is {}", submitted.id, status.stage.name()),
        "look at it with tb tx show, or begin with a fresh devnet",
    ))
}
