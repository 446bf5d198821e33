//! What a block of 1,000 transfers costs on a chain with 1,000,000 accounts: JSON lines on standard output.
//!
//! One validator on a disk of its own. *Build* is everything between "propose" and an offered block: choosing from
//! the mempool, executing, both roots, the audit by the ledger model, and one durable write of the candidate. *Commit*
//! is everything between a certificate and "finalized": its check, the durable write of the block with all that it
//! changes, and the new state in memory. Signatures were checked at admission. Every transfer names its own payer and
//! a recipient drawn from all accounts, so a block changes about 2,000 of them.
//!
//! Run with `cargo bench -p replica`. Under `cargo test` it does nothing, because a timed test is no test.

use std::sync::Arc;
use std::time::Instant;

use mempool::{CheckedTransaction, MempoolConfig};
use primitives::genesis::GateActivation;
use primitives::*;
use replica::{Application, Identity, Replica};
use storage::{Store, StoreConfig, Verify};
use testkit::Seed;

/// Accounts of the chain.
const ACCOUNTS: usize = 1_000_000;
/// Transfers of one block, each by a payer of its own.
const TRANSFERS: u16 = 1_000;
/// Blocks that are measured.
const BLOCKS: u64 = 31;

fn secret(number: u16) -> SecretKey {
    let mut seed = [1; 32];
    seed[..2].copy_from_slice(&number.to_le_bytes());
    SecretKey::from_seed(seed)
}

fn address(number: u16) -> Address {
    Address::of_key(&secret(number).public_key())
}

fn genesis(others: &[Address]) -> Genesis {
    let balance = Amount::new(10_000_000).expect("small");
    let payers = (0..TRANSFERS).map(address);
    Genesis {
        version: FormatVersion,
        chain_id: "replica-bench".to_owned(),
        engine: Engine::Bft,
        proof_system: Default::default(),
        genesis_time: Timestamp(1_000_000),
        params: Params::default(),
        proof_keys: Default::default(),
        accounts: payers.chain(others.iter().copied()).map(|address| GenesisAccount { address, balance }).collect(),
        validators: vec![GenesisValidator {
            public_key: secret(u16::MAX).public_key(),
            vrf_key: VrfSecretKey::from_seed([2; 32]).public_key(),
            power: 10,
        }],
        gates: vec![GateActivation { name: "malachite_consensus".to_owned(), height: Height(0) }],
    }
}

fn main() {
    // Cargo passes `--bench` to benchmarks and leaves it out when it runs them as tests.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let mut seed = Seed::of(1);
    let others: Vec<Address> =
        (usize::from(TRANSFERS)..ACCOUNTS).map(|_| Address::of_key(&PublicKey(seed.array()))).collect();
    let genesis = genesis(&others);
    let hash = genesis.hash();
    let folder = tempfile::tempdir().expect("a folder for the store");
    let config = StoreConfig::Disk { path: folder.path().join("store"), verify: Verify::Full };
    let store = Arc::new(Store::open(&config, &hash).expect("an empty store"));
    let identity = Identity { address: address(u16::MAX), vrf_key: VrfSecretKey::from_seed([2; 32]) };
    let observer = Arc::new(|_| {});
    let mut replica =
        Replica::open(genesis, store, MempoolConfig::default(), Some(identity), observer).expect("a chain");

    let (mut build, mut commit) = (Vec::new(), Vec::new());
    for block in 0..BLOCKS {
        let now = Timestamp(2_000_000 + block * 1_000);
        for number in 0..TRANSFERS {
            let to = others[seed.index(others.len())];
            let checked = CheckedTransaction::check(Arc::new(pay(number, block, to, &hash)), &hash).expect("signed");
            replica.admit(checked, now).expect("there is room");
        }
        let (candidate, time) = timed(|| replica.build(Round(0), now).expect("a block"));
        build.push(time);
        let transactions = Block::from_bytes(&candidate.bytes).expect("its own block").transactions.len();
        assert_eq!(transactions, usize::from(TRANSFERS), "the block holds them all");
        let certificate = certificate(Height(block + 1), candidate.hash, &hash);
        commit.push(timed(|| replica.commit(certificate).expect("finalized")).1);
    }
    print("block_build", build);
    print("block_commit", commit);
}

#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn timed<T>(work: impl FnOnce() -> T) -> (T, u128) {
    let start = Instant::now();
    let result = work();
    (result, start.elapsed().as_micros())
}

fn print(case: &str, mut micros: Vec<u128>) {
    micros.sort_unstable();
    let (p50, p95) = (micros[micros.len() / 2], micros[micros.len() * 95 / 100]);
    println!(
        r#"{{"case":"{case}","accounts":{ACCOUNTS},"transfers":{TRANSFERS},"blocks":{BLOCKS},"p50_us":{p50},"p95_us":{p95}}}"#
    );
}

fn pay(number: u16, nonce: u64, to: Address, genesis: &Hash) -> Transaction {
    let body = TransactionBody {
        version: FormatVersion,
        payer: address(number),
        nonce: Nonce::new(nonce).expect("small"),
        lane: Lane::Consumer,
        tip: Amount::new(5).expect("small"),
        max_fee: Amount::new(200_000).expect("small"),
        valid_until: Height(nonce + 50),
        action: Action::Transfer(Transfer { to, amount: Amount::new(1).expect("small"), memo: Memo::default() }),
    };
    body.sign(&secret(number), genesis)
}

fn certificate(height: Height, block: Hash, genesis: &Hash) -> CommitCertificate {
    let signer = address(u16::MAX);
    let unsigned = CommitCertificate::new(height, Round(0), block, Vec::new()).expect("no signatures");
    let signature = secret(u16::MAX).sign(&unsigned.precommit_of(signer).signing_bytes(genesis));
    CommitCertificate::new(height, Round(0), block, vec![CommitSignature { address: signer, signature }])
        .expect("one signature")
}
