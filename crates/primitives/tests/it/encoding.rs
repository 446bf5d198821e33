//! Decoding accepts exactly what encoding makes: nothing truncated, trailing, too long or odd.

use borsh::{BorshDeserialize, BorshSerialize};
use primitives::*;
use testkit::Seed;

use crate::samples;

fn total<T: BorshSerialize + BorshDeserialize + PartialEq + std::fmt::Debug>(value: &T, seed: &mut Seed) {
    let bytes = encode(value);
    assert_eq!(&decode::<T>(&bytes).unwrap(), value);
    for cut in 0..bytes.len() {
        assert!(decode::<T>(&bytes[..cut]).is_err(), "truncated to {cut}");
    }
    let mut longer = bytes.clone();
    longer.push(0);
    assert!(decode::<T>(&longer).is_err(), "trailing byte");
    for _ in 0..2_000 {
        let mut mutated = bytes.clone();
        let at = seed.index(mutated.len());
        mutated[at] ^= 1 << seed.below(8);
        // What still decodes is another value with exactly these bytes: no two encodings of one value.
        if let Ok(other) = decode::<T>(&mutated) {
            assert_eq!(encode(&other), mutated);
            assert_ne!(&other, value);
        }
    }
}

#[test]
fn every_type_has_exactly_one_encoding() {
    let mut seed = Seed::new();
    total(&samples::transaction(), &mut seed);
    total(&samples::batch_transaction(), &mut seed);
    total(&samples::header(), &mut seed);
    total(&samples::block(), &mut seed);
    total(&samples::receipt(), &mut seed);
    total(&samples::certificate(&[10, 11, 12]), &mut seed);
    total(&samples::vote(), &mut seed);
    total(&samples::proposal(), &mut seed);
    total(&samples::ops(), &mut seed);
    total(&samples::genesis(), &mut seed);
    total(&samples::genesis().validator_set().unwrap(), &mut seed);
    total(&samples::closing(), &mut seed);
    total(&samples::bond_transaction(), &mut seed);
    total(&samples::evidence_transaction(), &mut seed);
    total(&samples::heartbeat_evidence_transaction(), &mut seed);
    total(&samples::false_key_proof_transaction(), &mut seed);
    total(&samples::witness_transaction(), &mut seed);
    total(&samples::proof_transaction(), &mut seed);
    total(&samples::proof_keys(), &mut seed);
    for (_, action) in samples::module_actions() {
        total(&action, &mut seed);
    }
}

#[test]
fn random_bytes_never_panic() {
    let mut seed = Seed::new();
    for _ in 0..3_000 {
        let length = seed.index(400);
        let bytes = seed.bytes(length);
        let _ = Transaction::from_bytes(&bytes);
        let _ = Block::from_bytes(&bytes);
        let _ = decode::<CommitCertificate>(&bytes);
        let _ = decode::<Receipt>(&bytes);
    }
}

#[test]
fn lengths_above_their_bound_are_refused_before_anything_is_read() {
    let mut bytes = 65_u32.to_le_bytes().to_vec();
    bytes.extend([0; 65]);
    assert!(decode::<Memo>(&bytes).unwrap_err().reason.contains("at most 64"));
    assert!(decode::<BoundedVec<u8, 8>>(&u32::MAX.to_le_bytes()).unwrap_err().reason.contains("at most 8"));
    assert!(BoundedVec::<u8, 2>::new(vec![1, 2, 3]).is_none());
    assert!(Memo::new(vec![0; 65]).is_none());
}

#[test]
fn another_format_version_is_refused_by_number() {
    let mut bytes = encode(&samples::transaction());
    bytes[0] = 2;
    assert!(decode::<Transaction>(&bytes).unwrap_err().reason.contains("version 2"));
}

#[test]
fn amounts_nonces_slots_and_field_elements_are_checked_when_decoded() {
    assert!(decode::<Amount>(&(1_u64 << 63).to_le_bytes()).is_err());
    assert!(decode::<Amount>(&((1_u64 << 63) - 1).to_le_bytes()).is_ok());
    assert!(decode::<Nonce>(&u64::MAX.to_le_bytes()).is_err());
    assert!(decode::<SlotIndex>(&(1_u32 << 30).to_le_bytes()).is_err());
    let mut digest = [0_u8; 32];
    digest[..4].copy_from_slice(&primitives::ledger::FIELD_MODULUS.to_le_bytes());
    assert!(decode::<LedgerDigest>(&digest).is_err(), "index plus modulus is another encoding of the same element");
}

#[test]
fn an_unknown_action_is_refused() {
    let mut bytes = encode(&samples::transaction());
    let tag = 1 + 30 + 8 + 1 + 8 + 8 + 8;
    assert_eq!(bytes[tag], 0);
    bytes[tag] = 9;
    assert_eq!(Transaction::from_bytes(&bytes), Err(Rejection::Malformed));
}

#[test]
fn oversize_transactions_and_blocks_are_refused_by_size() {
    let long = vec![0; primitives::transaction::TRANSACTION_BYTES_MAX + 1];
    assert_eq!(Transaction::from_bytes(&long), Err(Rejection::Oversize));
    let long = vec![0; primitives::block::BLOCK_BYTES_MAX + 1];
    assert!(Block::from_bytes(&long).unwrap_err().reason.contains("larger"));
}
