//! Wallets that pay each other: the load of a run.
//!
//! Model: each account has at most one transaction on its way. Its wallet sends it again, to another validator,
//! until it is in the chain or has expired; then the nonce is used for the next one.

use std::sync::Arc;

use mempool::CheckedTransaction;
use primitives::{
    Action, Address, Amount, BatchTransfer, BoundedVec, FormatVersion, Hash, Height, Memo, Nonce, Payment, SecretKey,
    TransactionBody, Transfer,
};

use crate::chain::{ACCOUNTS, Keys};
use crate::properties::Judge;
use crate::random::{PPM, Random};

/// A wallet sends again after this time, microseconds.
const RESEND_US: u64 = 5_000_000;
/// More than any fee of the simulation.
const MAX_FEE: u64 = 1_000_000;
/// More than any account holds: such a payment is refused by name and still pays its fee.
const TOO_MUCH: u64 = 4_000_000_000;

struct Wallet {
    key: SecretKey,
    address: Address,
    nonce: u64,
    waiting: Option<(CheckedTransaction, u64)>,
}

/// All wallets.
pub struct Traffic {
    random: Random,
    keys: Keys,
    genesis: Hash,
    wallets: Vec<Wallet>,
    strangers: u64,
}

impl Traffic {
    /// The wallets of a run.
    pub fn new(random: Random, keys: Keys, genesis: Hash) -> Self {
        let wallets = (0..ACCOUNTS).map(|number| {
            let key = keys.account(number);
            Wallet { address: Address::of_key(&key.public_key()), key, nonce: 0, waiting: None }
        });
        Self { random, keys, genesis, wallets: wallets.collect(), strangers: 0 }
    }

    /// What one wallet sends now, if anything.
    pub fn next(&mut self, now_us: u64, judge: &mut Judge) -> Option<CheckedTransaction> {
        let index = self.random.index(self.wallets.len());
        if let Some((waiting, sent_us)) = &self.wallets[index].waiting {
            let in_chain = judge.place(&waiting.id()).is_some();
            let expired = judge.height() >= waiting.transaction().body.valid_until;
            if !in_chain && !expired {
                let again = now_us >= sent_us.saturating_add(RESEND_US);
                let waiting = again.then(|| waiting.clone());
                if let Some(waiting) = &waiting {
                    self.wallets[index].waiting = Some((waiting.clone(), now_us));
                }
                return waiting;
            }
            self.wallets[index].nonce += u64::from(in_chain);
            self.wallets[index].waiting = None;
        }
        let checked = self.sign(index, judge.height())?;
        judge.issued(checked.id());
        self.wallets[index].waiting = Some((checked.clone(), now_us));
        Some(checked)
    }

    fn sign(&mut self, index: usize, height: Height) -> Option<CheckedTransaction> {
        let action = self.action();
        let wallet = &self.wallets[index];
        let body = TransactionBody {
            version: FormatVersion,
            payer: wallet.address,
            nonce: Nonce::new(wallet.nonce)?,
            lane: action.lane(),
            tip: Amount::new(self.random.below(50))?,
            max_fee: Amount::new(MAX_FEE)?,
            valid_until: Height(height.0.saturating_add(self.random.between(3, 60))),
            action,
        };
        let transaction = Arc::new(body.sign(&wallet.key, &self.genesis));
        CheckedTransaction::check(transaction, &self.genesis).ok()
    }

    fn action(&mut self) -> Action {
        let payments = if self.random.chance(PPM / 5) { self.random.between(1, 4) } else { 0 };
        if payments == 0 {
            let payment = self.payment();
            return Action::Transfer(Transfer { to: payment.to, amount: payment.amount, memo: Memo::default() });
        }
        let payments: Vec<Payment> = (0..payments).map(|_| self.payment()).collect();
        let payments = BoundedVec::new(payments).expect("a batch of four is below the bound");
        Action::BatchTransfer(BatchTransfer { payments })
    }

    fn payment(&mut self) -> Payment {
        let to = if self.random.chance(PPM / 8) {
            self.strangers += 1;
            self.keys.stranger(self.strangers)
        } else {
            self.wallets[self.random.index(self.wallets.len())].address
        };
        let micro = if self.random.chance(PPM / 20) { TOO_MUCH } else { self.random.between(1, 10_000) };
        Payment { to, amount: Amount::new(micro).expect("below 2^63") }
    }
}
