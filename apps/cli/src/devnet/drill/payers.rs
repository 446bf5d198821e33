//! The load of a drill: the funded accounts of the network pay each other.
//!
//! Model: each account has at most one payment on its way. It is handed to one node after the other until one of them
//! calls it final; that is what the node has *acknowledged*, and what must never be lost.

use std::collections::BTreeMap;
use std::time::Duration;

use primitives::{
    Action, Address, Amount, FormatVersion, Hash, Height, Lane, Nonce, SecretKey, Transaction, TransactionBody,
    TransactionId, Transfer,
};
use rpc::types::{Stage, SubmitTransaction, WaitQuery};
use rpc::{Client, ClientError};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use wallet::Keystore;
use wallet::key_file::read_password;

use crate::context::PASSWORD_FILE;
use crate::devnet::layout::{Network, account_name};
use crate::exit::Failure;

/// How long a payer waits for one node before it asks another, milliseconds.
const PATIENCE_MS: u64 = 1_500;
/// Pause after a node that did not answer.
const RETRY: Duration = Duration::from_millis(100);
/// A payment is handed in at most so often.
const TRIES_MAX: usize = 200;
/// Heights in which a payment may enter a block: as many as the chain allows, less some for a node that is behind.
const VALID_FOR: u64 = 900;
/// Most that one payment may cost.
const FEE_MAX: Amount = Amount::from_blocks(1);
/// What each payment pays, µBLOCK.
const PAYMENT: u64 = 1;

struct Payer {
    key: SecretKey,
    address: Address,
    nonce: u64,
    is_busy: bool,
}

/// How a payment ended.
struct Paid {
    payer: usize,
    acknowledged: Option<(TransactionId, Height)>,
}

/// All payers of a drill.
pub struct Payers {
    payers: Vec<Payer>,
    nodes: Vec<Client>,
    genesis: Hash,
    turn: usize,
    tasks: JoinSet<()>,
    sender: mpsc::UnboundedSender<Paid>,
    ended: mpsc::UnboundedReceiver<Paid>,
    /// Payments that some node called final, with the height it told.
    pub acknowledged: BTreeMap<TransactionId, Height>,
    /// Payments that were begun.
    pub begun: u64,
}

impl Payers {
    /// The funded accounts of a network.
    ///
    /// # Errors
    /// [`Failure`] when a key file cannot be opened.
    pub fn of(network: &Network, nodes: Vec<Client>) -> Result<Self, Failure> {
        let password = read_password(&network.root.join(PASSWORD_FILE))?.key;
        let keystore = Keystore::new(network.root.join("keys"));
        let mut payers = Vec::new();
        for number in 1..=crate::devnet::layout::ACCOUNTS {
            let key = keystore.unlock(&account_name(number), &password)?.key;
            payers.push(Payer { address: Address::of_key(&key.public_key()), key, nonce: 0, is_busy: false });
        }
        // At most one message for each payer waits.
        let (sender, ended) = mpsc::unbounded_channel();
        Ok(Self {
            payers,
            nodes,
            genesis: network.genesis.hash(),
            turn: 0,
            tasks: JoinSet::new(),
            sender,
            ended,
            acknowledged: BTreeMap::new(),
            begun: 0,
        })
    }

    /// The next account that has nothing on its way pays the one after it.
    pub fn send(&mut self, highest: Height) {
        self.collect();
        let count = self.payers.len();
        let free = (0..count).map(|step| (self.turn + step) % count).find(|index| !self.payers[*index].is_busy);
        let Some(index) = free else { return };
        self.turn = index + 1;
        let to = self.payers[(index + 1) % count].address;
        let payer = &mut self.payers[index];
        let Some(transaction) = sign(payer, to, highest, &self.genesis) else { return };
        payer.is_busy = true;
        self.begun = self.begun.saturating_add(1);
        let (nodes, sender, genesis) = (self.nodes.clone(), self.sender.clone(), self.genesis);
        let first = self.turn;
        self.tasks.spawn(async move {
            let acknowledged = hand_in(&nodes, first, &transaction, genesis).await;
            // Nobody listens any more once the drill is over.
            let _ = sender.send(Paid { payer: index, acknowledged });
        });
    }

    /// Takes up what has ended.
    pub fn collect(&mut self) {
        while self.tasks.try_join_next().is_some() {}
        while let Ok(paid) = self.ended.try_recv() {
            let Some(payer) = self.payers.get_mut(paid.payer) else { continue };
            if let Some((id, height)) = paid.acknowledged {
                self.acknowledged.insert(id, height);
                payer.nonce = payer.nonce.saturating_add(1);
                payer.is_busy = false;
            }
            // What was never called final may still enter a block, so this account stays out of it.
        }
    }
}

fn sign(payer: &Payer, to: Address, highest: Height, genesis: &Hash) -> Option<Transaction> {
    let body = TransactionBody {
        version: FormatVersion,
        payer: payer.address,
        nonce: Nonce::new(payer.nonce)?,
        lane: Lane::Consumer,
        tip: Amount::ZERO,
        max_fee: FEE_MAX,
        valid_until: Height(highest.0.saturating_add(VALID_FOR)),
        action: Action::Transfer(Transfer { to, amount: Amount::new(PAYMENT)?, memo: Default::default() }),
    };
    Some(body.sign(&payer.key, genesis))
}

/// Hands a payment in until some node calls it final.
async fn hand_in(
    nodes: &[Client],
    first: usize,
    transaction: &Transaction,
    genesis: Hash,
) -> Option<(TransactionId, Height)> {
    let request = SubmitTransaction::new(transaction, genesis);
    for turn in first..first.saturating_add(TRIES_MAX) {
        let node = nodes.get(turn % nodes.len().max(1))?;
        match node.submit(&request).await {
            Ok(_) => {}
            Err(ClientError::Api(refusal)) if refusal.code == "duplicate" => {}
            Err(_) => {
                tokio::time::sleep(RETRY).await;
                continue;
            }
        }
        let wait = WaitQuery { stage: Some(Stage::Finalized), timeout_ms: Some(PATIENCE_MS) };
        if let Ok(status) = node.transaction_wait(transaction.id(), wait).await
            && status.stage == Stage::Finalized
            && let Some(height) = status.height
        {
            return Some((transaction.id(), height));
        }
    }
    None
}
