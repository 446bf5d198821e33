//! Signing transfers with the funded accounts of a test network.

use cli::devnet::layout::{Network, account_name};
use primitives::{
    Action, Address, Amount, BoundedBytes, FormatVersion, Hash, Height, Lane, Nonce, SecretKey, Transaction,
    TransactionBody, Transfer,
};
use rpc::types::SubmitTransaction;
use wallet::Keystore;
use wallet::key_file::read_password;

/// A last height that no test reaches and that lies within the bound of the chain.
pub const VALID_UNTIL: Height = Height(900);
/// More than any fee of these tests.
pub const MAX_FEE: Amount = Amount::from_blocks(1);

/// An amount of µBLOCK.
pub fn micro(amount: u64) -> Amount {
    Amount::new(amount).expect("a small amount")
}

/// An account with its key and the nonce of its next transfer.
#[derive(Clone)]
pub struct Payer {
    /// Its secret.
    pub key: SecretKey,
    /// Its address.
    pub address: Address,
    /// The nonce of its next transfer.
    pub nonce: u64,
    genesis: Hash,
}

impl Payer {
    /// The account of this key.
    pub fn of_key(key: SecretKey, genesis: Hash) -> Self {
        let address = Address::of_key(&key.public_key());
        Self { key, address, nonce: 0, genesis }
    }

    /// Funded account `number` of a network, counted from 1.
    pub fn funded(network: &Network, number: u16) -> Self {
        let password = read_password(&network.root.join("password")).expect("the password file").key;
        let keystore = Keystore::new(network.root.join("keys"));
        let unlocked = keystore.unlock(&account_name(number), &password).expect("the key of the network");
        Self::of_key(unlocked.key, network.genesis.hash())
    }

    /// All funded accounts.
    pub fn all(network: &Network) -> Vec<Self> {
        (1..=cli::devnet::layout::ACCOUNTS).map(|number| Self::funded(network, number)).collect()
    }

    /// Somebody else on the same chain, without an account.
    pub fn stranger(&self, seed: u8) -> Self {
        Self::of_key(SecretKey::from_seed([seed; 32]), self.genesis)
    }

    /// The same account on another chain.
    pub fn elsewhere(&self) -> Self {
        Self { genesis: Hash([1; 32]), ..self.clone() }
    }

    /// The body of a payment with the next nonce.
    pub fn body(&self, to: Address, amount: u64) -> TransactionBody {
        TransactionBody {
            version: FormatVersion,
            payer: self.address,
            nonce: Nonce::new(self.nonce).expect("a small nonce"),
            lane: Lane::Consumer,
            tip: Amount::ZERO,
            max_fee: MAX_FEE,
            valid_until: VALID_UNTIL,
            action: Action::Transfer(Transfer {
                to,
                amount: micro(amount),
                memo: BoundedBytes::new(Vec::new()).expect("an empty memo"),
            }),
        }
    }

    /// Signs any body with this key.
    pub fn sign(&self, body: TransactionBody) -> Transaction {
        body.sign(&self.key, &self.genesis)
    }

    /// The next payment; the nonce moves on.
    pub fn pay(&mut self, to: Address, amount: u64) -> Transaction {
        self.pay_body(self.body(to, amount))
    }

    /// Signs a body that has the next nonce; the nonce moves on.
    pub fn pay_body(&mut self, body: TransactionBody) -> Transaction {
        self.nonce += 1;
        self.sign(body)
    }

    /// The request that hands a transaction in.
    pub fn request(&self, transaction: &Transaction) -> SubmitTransaction {
        SubmitTransaction::new(transaction, self.genesis)
    }
}
