//! A chain of one validator whose blocks are built, judged and decided here.

use std::path::Path;
use std::sync::Arc;

use mempool::{CheckedTransaction, MempoolConfig};
use primitives::genesis::GateActivation;
use primitives::{
    Action, Address, Amount, CommitCertificate, CommitSignature, Engine, FormatVersion, Genesis, GenesisAccount,
    GenesisValidator, Hash, Height, Lane, Memo, Nonce, Round, SecretKey, Timestamp, TransactionBody, Transfer,
    VrfSecretKey,
};
use replica::{Application, Candidate, Freshness, Identity, Replica};
use storage::{Store, StoreConfig, Verify};

use crate::{Maker, Shelf, Snapshot};

pub fn secret(tag: u8) -> SecretKey {
    SecretKey::from_seed([tag; 32])
}

fn address(number: u32) -> Address {
    match number {
        0 => Address::of_key(&secret(1).public_key()),
        number => {
            let mut bytes = [9; 30];
            bytes[..4].copy_from_slice(&number.to_be_bytes());
            Address(bytes)
        }
    }
}

/// A genesis with so many accounts; the first one has a key.
pub fn genesis(accounts: u32) -> Genesis {
    Genesis {
        version: FormatVersion,
        chain_id: "snapshot-test".to_owned(),
        engine: Engine::Bft,
        proof_system: Default::default(),
        genesis_time: Timestamp(1_000_000),
        params: Default::default(),
        proof_keys: Default::default(),
        accounts: (0..accounts)
            .map(|number| GenesisAccount { address: address(number), balance: Amount::from_blocks(50) })
            .collect(),
        validators: vec![GenesisValidator {
            public_key: secret(100).public_key(),
            vrf_key: VrfSecretKey::from_seed([100; 32]).public_key(),
            power: 10,
        }],
        gates: vec![GateActivation { name: "malachite_consensus".to_owned(), height: Height(0) }],
    }
}

/// The chain on one node.
pub struct Chain {
    pub genesis: Genesis,
    pub store: Arc<Store>,
    pub replica: Replica,
    pub blocks: Vec<(Candidate, CommitCertificate)>,
}

pub fn on_disk(path: &Path) -> StoreConfig {
    StoreConfig::Disk { path: path.to_owned(), verify: Verify::Full }
}

/// A node of the chain on this store.
pub fn open(genesis: &Genesis, store: &Arc<Store>) -> Replica {
    let validator = Address::of_key(&secret(100).public_key());
    let identity = Identity { address: validator, vrf_key: VrfSecretKey::from_seed([100; 32]) };
    let config = MempoolConfig::default();
    Replica::open(genesis.clone(), Arc::clone(store), config, Some(identity), Arc::new(|_| {})).unwrap()
}

impl Chain {
    pub fn new(accounts: u32, config: &StoreConfig) -> Self {
        let genesis = genesis(accounts);
        let store = Arc::new(Store::open(config, &genesis.hash()).unwrap());
        let replica = open(&genesis, &store);
        Self { genesis, store, replica, blocks: Vec::new() }
    }

    /// One block with one payment.
    pub fn grow(&mut self) {
        let height = self.replica.finalized().next();
        let now = Timestamp(2_000_000 + height.0 * 1_000);
        let body = TransactionBody {
            version: FormatVersion,
            payer: address(0),
            nonce: Nonce::new(height.0 - 1).unwrap(),
            lane: Lane::Consumer,
            tip: Amount::new(1).unwrap(),
            max_fee: Amount::from_blocks(1),
            valid_until: Height(height.0 + 10),
            action: Action::Transfer(Transfer {
                to: address(u32::try_from(height.0).unwrap() + 10_000_000),
                amount: Amount::new(height.0).unwrap(),
                memo: Memo::default(),
            }),
        };
        let payment = body.sign(&secret(1), &self.genesis.hash());
        let checked = CheckedTransaction::check(Arc::new(payment), &self.genesis.hash()).unwrap();
        self.replica.admit(checked, now).unwrap();
        let candidate = self.replica.build(Round(0), now).unwrap();
        let certificate = certificate(&self.genesis.hash(), height, candidate.hash);
        self.replica.commit(certificate.clone()).unwrap();
        self.blocks.push((candidate, certificate));
    }

    pub fn snapshot(&self, shelf: &Shelf) -> Snapshot {
        let key = secret(7);
        let maker = Maker { chain_id: "snapshot-test", key: &key, now: Timestamp(5_000_000) };
        shelf.create(&self.store.freeze().unwrap(), &maker, &mut |_| {}).unwrap()
    }
}

fn certificate(genesis: &Hash, height: Height, block: Hash) -> CommitCertificate {
    let unsigned = CommitCertificate::new(height, Round(0), block, Vec::new()).unwrap();
    let validator = Address::of_key(&secret(100).public_key());
    let signature = secret(100).sign(&unsigned.precommit_of(validator).signing_bytes(genesis));
    CommitCertificate::new(height, Round(0), block, vec![CommitSignature { address: validator, signature }]).unwrap()
}

/// The blocks above its head, on a node that has none of them.
pub fn replay(replica: &mut Replica, blocks: &[(Candidate, CommitCertificate)]) {
    for (candidate, certificate) in blocks {
        if certificate.height > replica.finalized() {
            replica.verify(&candidate.bytes, Freshness::Replayed).unwrap();
            replica.commit(certificate.clone()).unwrap();
        }
    }
}
