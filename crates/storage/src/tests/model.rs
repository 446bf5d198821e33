//! A chain of made-up blocks and a model of what the store must answer about them.

use std::collections::BTreeMap;
use std::path::Path;

use primitives::{
    Action, Address, Amount, Block, BoundedVec, ClosingEvents, CommitCertificate, CommitSignature, Event,
    FormatVersion, Hash, Header, Height, Lane, LedgerDigest, LedgerOp, LedgerSlot, Memo, Nonce, Outcome, PublicKey,
    Receipt, Round, Signature, SlotIndex, Timestamp, Transaction, TransactionBody, Transfer, VrfProof, encode,
};
use testkit::Seed;

use crate::{CommitBatch, GenesisBatch, Head, HistoryEntry, Store, StoreConfig, TransactionPlace, Verify, history_of};

/// Accounts of the made-up chain.
const ACCOUNTS: u32 = 20;

/// The chain so far: every batch, and the state after each is derived again when it is compared.
pub struct Model {
    pub genesis: Hash,
    pub batches: Vec<CommitBatch>,
    seed: Seed,
    accounts: Vec<Address>,
    live_nodes: Vec<Vec<u8>>,
}

pub fn genesis() -> Hash {
    Hash([7; 32])
}

pub fn on_disk(path: &Path) -> StoreConfig {
    StoreConfig::Disk { path: path.to_owned(), verify: Verify::Full }
}

impl Model {
    pub fn new(seed: u64) -> Self {
        let mut seed = Seed::of(seed);
        let accounts = (0..ACCOUNTS).map(|_| Address(seed.array())).collect();
        Self { genesis: genesis(), batches: Vec::new(), seed, accounts, live_nodes: Vec::new() }
    }

    /// A model that is `blocks` long.
    pub fn of_length(seed: u64, blocks: usize) -> Self {
        let mut model = Self::new(seed);
        (0..blocks).for_each(|_| model.grow());
        model
    }

    pub fn genesis_batch(&self) -> GenesisBatch {
        let slot = |address: &Address| LedgerSlot { address: *address, nonce: Nonce::default(), balance: Amount::MAX };
        GenesisBatch {
            slots: self.accounts.iter().map(slot).collect(),
            state: vec![(b"param".to_vec(), b"one".to_vec()), (b"gone".to_vec(), b"soon".to_vec())],
            nodes: vec![(b"root".to_vec(), vec![1; 40])],
        }
    }

    /// Adds a block of a few transfers.
    pub fn grow(&mut self) {
        let height = Height(u64::try_from(self.batches.len()).unwrap() + 1);
        let count = self.seed.index(6);
        let (mut transactions, mut receipts, mut slots) = (Vec::new(), Vec::new(), BTreeMap::new());
        for nonce in 0..count {
            let (from, to) = (self.seed.index(self.accounts.len()), self.seed.index(self.accounts.len()));
            let transaction = self.transfer(height, nonce, from, to);
            receipts.push(self.receipt(&transaction, self.accounts[from], self.accounts[to]));
            for index in [from, to] {
                slots.insert(u32::try_from(index).unwrap(), self.accounts[index]);
            }
            transactions.push(transaction);
        }
        let block = self.block(height, transactions);
        let slots = slots.into_iter().map(|(index, address)| {
            let nonce = Nonce::new(self.seed.u64() >> 1).unwrap();
            let balance = Amount::new(self.seed.u64() >> 1).unwrap();
            (SlotIndex::new(index).unwrap(), LedgerSlot { address, nonce, balance })
        });
        let slots = slots.collect();
        let nodes_new: Vec<_> = (0..3).map(|_| (self.seed.bytes(20), self.seed.bytes(70))).collect();
        let nodes_stale = self.live_nodes.drain(..).filter(|node| node[0] % 2 == 0).collect();
        self.live_nodes = nodes_new.iter().map(|(key, _)| key.clone()).collect();
        let state_key = vec![self.seed.bytes(1)[0] % 16];
        let state_value = self.seed.chance(70).then(|| self.seed.bytes(30));
        let certificate = self.certificate(height, block.hash());
        self.batches.push(CommitBatch {
            height,
            block_hash: block.hash(),
            certificate: Some(certificate),
            transactions: block.transaction_ids(),
            history: history_of(&block, &receipts),
            block: encode(&block),
            receipts,
            operations: vec![LedgerOp::Seal { height, issuance: Amount::new(self.seed.below(100)).unwrap() }],
            closing: ClosingEvents::new(vec![Event::Jailed { validator: Address(self.seed.array()) }]).unwrap(),
            slots,
            state: vec![(state_key, state_value), (b"gone".to_vec(), None)],
            nodes_new,
            nodes_stale,
        });
    }

    fn transfer(&mut self, height: Height, nonce: usize, from: usize, to: usize) -> Transaction {
        let memo = self.seed.index(64);
        let body = TransactionBody {
            version: FormatVersion,
            payer: self.accounts[from],
            nonce: Nonce::new(height.0 * 100 + u64::try_from(nonce).unwrap()).unwrap(),
            lane: Lane::Consumer,
            tip: Amount::new(self.seed.below(50)).unwrap(),
            max_fee: Amount::new(1_000).unwrap(),
            valid_until: Height(height.0 + 10),
            action: Action::Transfer(Transfer {
                to: self.accounts[to],
                amount: Amount::new(self.seed.below(1_000_000)).unwrap(),
                memo: Memo::new(self.seed.bytes(memo)).unwrap(),
            }),
        };
        // The store verifies no signature.
        Transaction { body, key: PublicKey(self.seed.array()), signature: Signature(self.seed.array()) }
    }

    fn receipt(&mut self, transaction: &Transaction, from: Address, to: Address) -> Receipt {
        let failed = self.seed.chance(20);
        let amount = transaction.body.payments_total().unwrap();
        let opened = Event::AccountOpened { address: to, slot: SlotIndex::new(5).unwrap() };
        let events = if failed { Vec::new() } else { vec![opened, Event::Transferred { from, to, amount }] };
        Receipt {
            version: FormatVersion,
            transaction: transaction.id(),
            outcome: if failed { Outcome::InsufficientBalance } else { Outcome::Success },
            weight: self.seed.below(1_000),
            fee_burned: Amount::new(self.seed.below(100)).unwrap(),
            tip: transaction.body.tip,
            events: BoundedVec::new(events).unwrap(),
        }
    }

    fn certificate(&mut self, height: Height, block: Hash) -> CommitCertificate {
        let mut signature =
            || CommitSignature { address: Address(self.seed.array()), signature: Signature(self.seed.array()) };
        let signatures = vec![signature(), signature(), signature()];
        CommitCertificate::new(height, Round(0), block, signatures).unwrap()
    }

    fn block(&mut self, height: Height, transactions: Vec<Transaction>) -> Block {
        let hash = Hash(self.seed.array());
        let header = Header {
            version: FormatVersion,
            genesis: self.genesis,
            height,
            time: Timestamp(height.0),
            parent: hash,
            proposer: self.accounts[0],
            transactions_root: hash,
            last_commit: hash,
            ledger_root: LedgerDigest::default(),
            ops_digest: LedgerDigest::default(),
            supply: Amount::MAX,
            next_slot: ACCOUNTS,
            state_root: hash,
            receipts_root: hash,
            validators: hash,
            next_validators: hash,
            params: hash,
            beacon: hash,
            beacon_proof: VrfProof(self.seed.array()),
            gates: hash,
            last_proof: None,
        };
        Block { header, transactions: BoundedVec::new(transactions).unwrap(), last_commit: None }
    }

    /// Opens a new store and commits every block.
    pub fn fill(&self, config: &StoreConfig) -> Store {
        let store = Store::open(config, &self.genesis).unwrap();
        store.initialise(&self.genesis_batch()).unwrap();
        self.batches.iter().for_each(|batch| store.commit(batch).unwrap());
        store
    }

    /// Compares every answer of the store with the model cut at the store's head, which is returned. Heights below its oldest
    /// must have no body.
    pub fn check(&self, store: &Store) -> Height {
        let head = store.head().unwrap();
        let length = usize::try_from(head.height.0).unwrap();
        let batches = &self.batches[..length];
        let block = batches.last().map_or(self.genesis, |batch| batch.block_hash);
        assert_eq!(head, Head { height: head.height, block });
        let (gone, here) = batches.split_at(batches.partition_point(|batch| batch.height < store.oldest()));
        for batch in gone {
            assert_eq!((store.block(batch.height).unwrap(), store.receipts(batch.height).unwrap()), (None, None));
            assert_eq!((store.operations(batch.height).unwrap(), store.closing(batch.height).unwrap()), (None, None));
            batch.transactions.iter().for_each(|id| assert_eq!(store.transaction(id).unwrap(), None));
        }
        for batch in here {
            assert_eq!(store.block(batch.height).unwrap().as_ref(), Some(&batch.block));
            assert_eq!(store.certificate(batch.height).unwrap(), batch.certificate);
            assert_eq!(store.receipts(batch.height).unwrap().as_ref(), Some(&batch.receipts));
            assert_eq!(store.operations(batch.height).unwrap().as_ref(), Some(&batch.operations));
            assert_eq!(store.closing(batch.height).unwrap().as_ref(), Some(&batch.closing));
            assert_eq!(store.height_of(&batch.block_hash).unwrap(), Some(batch.height));
            for (index, id) in (0..).zip(&batch.transactions) {
                let place = TransactionPlace { height: batch.height, index };
                assert_eq!(store.transaction(id).unwrap(), Some(place));
            }
        }
        assert_eq!(store.block(head.height.next()).unwrap(), None);
        self.check_history(store, here);
        self.check_state(store, batches);
        head.height
    }

    fn check_history(&self, store: &Store, batches: &[CommitBatch]) {
        for address in &self.accounts {
            let mut expected: Vec<HistoryEntry> = batches.iter().flat_map(|batch| batch.history.clone()).collect();
            expected.retain(|entry| entry.address == *address);
            expected.sort_by_key(|entry| std::cmp::Reverse(entry.key));
            let (mut found, mut before) = (Vec::new(), None);
            loop {
                let page = store.history(address, before, 7).unwrap();
                assert!(page.len() <= 7);
                let Some(last) = page.last() else { break };
                before = Some(last.key);
                found.extend(page);
            }
            assert_eq!(found, expected);
        }
    }

    fn check_state(&self, store: &Store, batches: &[CommitBatch]) {
        let GenesisBatch { mut slots, state, nodes } = self.genesis_batch();
        let (mut state, mut nodes) = (BTreeMap::from_iter(state), BTreeMap::from_iter(nodes));
        for batch in batches {
            for (index, slot) in &batch.slots {
                slots[usize::try_from(index.get()).unwrap()] = *slot;
            }
            for (key, value) in batch.state.clone() {
                match value {
                    Some(value) => state.insert(key, value),
                    None => state.remove(&key),
                };
            }
            batch.nodes_stale.iter().for_each(|key| assert!(nodes.remove(key).is_some()));
            nodes.extend(batch.nodes_new.clone());
        }
        assert_eq!(store.load_slots().unwrap(), slots);
        assert_eq!(store.load_state().unwrap(), Vec::from_iter(state));
        assert_eq!(store.load_nodes().unwrap(), Vec::from_iter(nodes));
    }
}
