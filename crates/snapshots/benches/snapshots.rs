//! How long a copy of many accounts takes to make, to check and to restore, and how large it is.
//!
//! One JSON line for each figure. Run with `cargo bench -p snapshots --profile release`; a number behind `--` takes the
//! place of 100,000 accounts. Not a test: nothing here has a limit.

#![allow(clippy::unwrap_used, reason = "a bench ends when something is wrong")]

use std::sync::Arc;
use std::time::Instant;

use mempool::MempoolConfig;
use primitives::genesis::GateActivation;
use primitives::{
    Address, Amount, CommitCertificate, CommitSignature, Engine, FormatVersion, Genesis, GenesisAccount,
    GenesisValidator, Height, Round, SecretKey, Timestamp, VrfSecretKey,
};
use replica::{Application, Identity, Replica};
use snapshots::{Maker, Shelf, restore};
use storage::{Store, StoreConfig, Verify};

/// Accounts without a number on the command line.
const ACCOUNTS: u32 = 100_000;

fn genesis(accounts: u32, key: &SecretKey) -> Genesis {
    let account = |number: u32| {
        let mut bytes = [9; 30];
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        GenesisAccount { address: Address(bytes), balance: Amount::new(1_000_000).unwrap() }
    };
    Genesis {
        version: FormatVersion,
        chain_id: "snapshot-bench".to_owned(),
        engine: Engine::Bft,
        proof_system: Default::default(),
        genesis_time: Timestamp(1_000_000),
        params: Default::default(),
        proof_keys: Default::default(),
        accounts: (0..accounts).map(account).collect(),
        validators: vec![GenesisValidator {
            public_key: key.public_key(),
            vrf_key: VrfSecretKey::from_seed([100; 32]).public_key(),
            power: 10,
        }],
        gates: vec![GateActivation { name: "malachite_consensus".to_owned(), height: Height(0) }],
    }
}

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let started = Instant::now();
    let done = work();
    println!("{{\"case\":\"{what}\",\"milliseconds\":{}}}", started.elapsed().as_millis());
    done
}

fn main() {
    let accounts = std::env::args().filter_map(|word| word.parse().ok()).next().unwrap_or(ACCOUNTS);
    let folder = tempfile::tempdir().unwrap();
    let key = SecretKey::from_seed([100; 32]);
    let genesis = genesis(accounts, &key);
    let disk = |name: &str| StoreConfig::Disk { path: folder.path().join(name), verify: Verify::Full };
    let store = Arc::new(Store::open(&disk("first"), &genesis.hash()).unwrap());
    let validator = Address::of_key(&key.public_key());
    let identity = Identity { address: validator, vrf_key: VrfSecretKey::from_seed([100; 32]) };
    let config = MempoolConfig::default();
    let mut replica =
        Replica::open(genesis.clone(), Arc::clone(&store), config, Some(identity), Arc::new(|_| {})).unwrap();
    let candidate = replica.build(Round(0), Timestamp(2_000_000)).unwrap();
    let unsigned = CommitCertificate::new(Height(1), Round(0), candidate.hash, Vec::new()).unwrap();
    let signature = key.sign(&unsigned.precommit_of(validator).signing_bytes(&genesis.hash()));
    let signatures = vec![CommitSignature { address: validator, signature }];
    replica.commit(CommitCertificate::new(Height(1), Round(0), candidate.hash, signatures).unwrap()).unwrap();

    let shelf = Shelf::new(folder.path().join("snapshots"));
    let maker = Maker { chain_id: "snapshot-bench", key: &key, now: Timestamp(3_000_000) };
    let frozen = timed("freeze", || store.freeze().unwrap());
    let snapshot = timed("make", || shelf.create(&frozen, &maker, &mut |_| {}).unwrap());
    timed("check", || snapshot.read(&mut |_| {}, &mut |_, _| {}).unwrap());
    let empty = Store::open(&disk("second"), &genesis.hash()).unwrap();
    timed("restore", || restore(&snapshot, &empty, &mut |_| {}).unwrap());
    let (chunks, bytes) = (snapshot.manifest.chunks().len(), snapshot.manifest.packed_bytes());
    println!("{{\"case\":\"size\",\"accounts\":{accounts},\"bytes\":{bytes},\"chunks\":{chunks}}}");
}
