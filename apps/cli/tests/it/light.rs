//! What a light client downloads, at the largest set that a chain may have decide.

use primitives::{
    Address, Amount, CommitCertificate, CommitSignature, FormatVersion, Hash, Header, Height, LedgerDigest, ProofMark,
    Round, SecretKey, Timestamp, Validator, ValidatorSet, VrfProof, VrfSecretKey,
};
use rpc::types::CertifiedBlock;

/// Validators of the promise.
const VALIDATORS: u8 = 100;
/// Bytes of a chain proof with its head, at any height (`docs/performance.md`).
const CHAIN_BYTES: usize = 264_420;
/// Bytes that a check may download.
const DOWNLOAD_MAX: usize = 500_000;
/// Blocks with certificate and set: the checkpoint, the end of the chain proof, the newest one.
const BLOCKS: usize = 3;

/// As long as headers are.
fn header() -> Header {
    let (hash, proposer) = (Hash([0xff; 32]), Address::of_module("0"));
    Header {
        version: FormatVersion,
        genesis: hash,
        height: Height(u64::MAX),
        time: Timestamp(u64::MAX),
        parent: hash,
        proposer,
        transactions_root: hash,
        last_commit: hash,
        ledger_root: LedgerDigest::default(),
        ops_digest: LedgerDigest::default(),
        supply: Amount::MAX,
        next_slot: u32::MAX,
        state_root: hash,
        receipts_root: hash,
        validators: hash,
        next_validators: hash,
        params: hash,
        beacon: hash,
        beacon_proof: VrfProof([0xff; 80]),
        gates: hash,
        last_proof: Some(ProofMark { height: Height(u64::MAX), proof: hash }),
    }
}

#[test]
fn a_chain_of_a_hundred_validators_is_checked_with_less_than_half_a_megabyte() {
    let keys: Vec<SecretKey> = (0..VALIDATORS).map(|number| SecretKey::from_seed([number; 32])).collect();
    let member = |(number, key): (u8, &SecretKey)| Validator {
        address: Address::of_key(&key.public_key()),
        public_key: key.public_key(),
        vrf_key: VrfSecretKey::from_seed([number; 32]).public_key(),
        power: 1 << 40,
    };
    let set = ValidatorSet::new((0..).zip(&keys).map(member).collect()).expect("a set");
    let header = header();
    let sign = |key: &SecretKey| CommitSignature {
        address: Address::of_key(&key.public_key()),
        signature: key.sign(header.hash().as_bytes()),
    };
    let signatures = keys.iter().map(sign).collect();
    let certificate =
        CommitCertificate::new(header.height, Round(u32::MAX), Hash::default(), signatures).expect("a hundred");
    let block = serde_json::to_vec(&CertifiedBlock::new(&header, &certificate, &set)).expect("JSON");
    let all = CHAIN_BYTES + BLOCKS * block.len();
    println!("{} bytes for each block, {all} in all", block.len());
    assert!(all < DOWNLOAD_MAX, "{all}");
}
