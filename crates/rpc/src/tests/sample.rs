//! Chain values for the tests: a validator, signed transactions, a block and the certificate that decides it.

use primitives::block::ProofMark;
use primitives::{
    Action, Address, Amount, BatchTransfer, Block, BoundedBytes, BoundedVec, CommitCertificate, CommitSignature, Hash,
    Header, Height, Lane, LedgerDigest, Nonce, Payment, Round, SecretKey, Timestamp, Transaction, TransactionBody,
    Transfer, Validator, ValidatorSet, VrfProof, VrfSecretKey, encode, merkle,
};

pub const GENESIS: Hash = Hash([7; 32]);

pub fn amount(micro: u64) -> Amount {
    Amount::new(micro).unwrap()
}

pub fn secret(number: u8) -> SecretKey {
    SecretKey::from_seed([number; 32])
}

pub fn address(number: u8) -> Address {
    Address::of_key(&secret(number).public_key())
}

pub fn transaction(nonce: u64, action: Action) -> Transaction {
    TransactionBody {
        version: Default::default(),
        payer: address(1),
        nonce: Nonce::new(nonce).unwrap(),
        lane: action.lane(),
        tip: amount(3),
        max_fee: amount(5_000),
        valid_until: Height(90),
        action,
    }
    .sign(&secret(1), &GENESIS)
}

pub fn transfer(nonce: u64) -> Transaction {
    let memo = BoundedBytes::new(vec![0, 0xff, 0x10]).unwrap();
    transaction(nonce, Action::Transfer(Transfer { to: address(2), amount: amount(1_000_001), memo }))
}

pub fn batch(nonce: u64) -> Transaction {
    let payments = vec![Payment { to: address(2), amount: amount(5) }, Payment { to: address(3), amount: amount(6) }];
    let transaction =
        transaction(nonce, Action::BatchTransfer(BatchTransfer { payments: BoundedVec::new(payments).unwrap() }));
    assert_eq!(transaction.body.lane, Lane::Industrial);
    transaction
}

pub fn validators() -> ValidatorSet {
    let validator = |number: u8| Validator {
        address: address(number),
        public_key: secret(number).public_key(),
        vrf_key: VrfSecretKey::from_seed([number; 32]).public_key(),
        power: 10,
    };
    ValidatorSet::new((11..15).map(validator).collect()).unwrap()
}

/// A block at height 12 whose every header field has a value of its own.
pub fn block() -> Block {
    let transactions = vec![transfer(4), batch(5), transfer(6)];
    let leaves: Vec<Hash> = transactions.iter().map(|transaction| merkle::leaf(&encode(transaction))).collect();
    let last_commit = certificate(Height(11), Hash([42; 32]));
    Block {
        header: Header {
            version: Default::default(),
            genesis: GENESIS,
            height: Height(12),
            time: Timestamp(1_700_000_000_123),
            parent: Hash([42; 32]),
            proposer: address(11),
            transactions_root: merkle::root(&leaves),
            last_commit: last_commit.hash(),
            ledger_root: LedgerDigest::new([1, 2, 3, 4, 5, 6, 7, 8]).unwrap(),
            ops_digest: LedgerDigest::new([8, 7, 6, 5, 4, 3, 2, 1]).unwrap(),
            supply: amount(40_000_000_000_000),
            next_slot: 17,
            state_root: Hash([21; 32]),
            receipts_root: Hash([22; 32]),
            validators: validators().hash(),
            next_validators: Hash([24; 32]),
            params: Hash([25; 32]),
            beacon: Hash([26; 32]),
            beacon_proof: VrfProof([27; 80]),
            gates: Hash([28; 32]),
            last_proof: Some(ProofMark { height: Height(8), proof: Hash([29; 32]) }),
        },
        transactions: BoundedVec::new(transactions).unwrap(),
        last_commit: Some(last_commit),
    }
}

/// The precommits of three of the four validators.
pub fn certificate(height: Height, block: Hash) -> CommitCertificate {
    let unsigned = CommitCertificate::new(height, Round(1), block, Vec::new()).unwrap();
    let sign = |number: u8| CommitSignature {
        address: address(number),
        signature: secret(number).sign(&unsigned.precommit_of(address(number)).signing_bytes(&GENESIS)),
    };
    CommitCertificate::new(height, Round(1), block, (11..14).map(sign).collect()).unwrap()
}
