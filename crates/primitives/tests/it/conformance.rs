//! One pinned hash per encoded type. A changed hash is a changed format: raise its version, write the
//! migration, and only then change `fixtures/conformance.tsv`.

use std::collections::BTreeMap;

use primitives::{TransactionBody, encode};

use crate::samples;

fn rows() -> Vec<(&'static str, Vec<u8>)> {
    let mut rows = vec![
        ("address", encode(&samples::address(1))),
        ("batch_transaction", encode(&samples::batch_transaction())),
        ("block", encode(&samples::block())),
        ("bond_transaction", encode(&samples::bond_transaction())),
        ("closing_events", encode(&samples::closing())),
        ("commit_certificate", encode(&samples::certificate(&[10, 11, 12]))),
        ("evidence_transaction", encode(&samples::evidence_transaction())),
        ("false_key_proof_transaction", encode(&samples::false_key_proof_transaction())),
        ("genesis", encode(&samples::genesis())),
        ("header", encode(&samples::header())),
        ("heartbeat_evidence_transaction", encode(&samples::heartbeat_evidence_transaction())),
        ("ledger_ops", encode(&samples::ops())),
        ("params", encode(&samples::genesis().params)),
        ("proof_keys", encode(&samples::proof_keys())),
        ("proof_transaction", encode(&samples::proof_transaction())),
        ("proposal_signing_bytes", samples::proposal().signing_bytes(&samples::genesis().hash())),
        ("receipt", encode(&samples::receipt())),
        ("transaction", encode(&samples::transaction())),
        ("transaction_signing_bytes", samples::body().signing_bytes(&samples::genesis().hash())),
        ("validator_set", encode(&samples::genesis().validator_set().unwrap())),
        ("vote_signing_bytes", samples::vote().signing_bytes(&samples::genesis().hash())),
        ("witness_transaction", encode(&samples::witness_transaction())),
    ];
    rows.extend(samples::module_actions().iter().map(|(name, action)| (*name, encode(action))));
    rows.sort_unstable();
    rows
}

#[test]
fn every_encoding_has_its_pinned_hash() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/conformance.tsv");
    let found: String = rows()
        .iter()
        .map(|(name, bytes)| format!("{name}\t{}\t{}\n", bytes.len(), blake3::hash(bytes).to_hex()))
        .collect();
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let pinned: BTreeMap<&str, &str> = text.lines().filter_map(|line| line.split_once('\t')).collect();
    let now: BTreeMap<&str, &str> = found.lines().filter_map(|line| line.split_once('\t')).collect();
    assert_eq!(pinned, now, "formats changed; the file would be:\n{found}");
}

#[test]
fn samples_of_module_actions_have_a_valid_form() {
    let transactions = [
        samples::bond_transaction(),
        samples::evidence_transaction(),
        samples::heartbeat_evidence_transaction(),
        samples::false_key_proof_transaction(),
        samples::witness_transaction(),
        samples::proof_transaction(),
    ];
    for transaction in transactions {
        assert_eq!(transaction.check(&samples::genesis().hash()), Ok(()));
    }
    for (name, action) in samples::module_actions() {
        let body = TransactionBody { lane: action.lane(), action, ..samples::body() };
        let signed = body.sign(&samples::secret(1), &samples::genesis().hash());
        assert_eq!(signed.check(&samples::genesis().hash()), Ok(()), "{name}");
    }
}

#[test]
fn a_transaction_of_one_transfer_has_the_size_that_its_drawing_says() {
    let transfer = 1 + 30 + 8 + 1 + 8 + 8 + 8 + (1 + 30 + 8 + 4 + 10) + 32 + 64;
    assert_eq!(encode(&samples::transaction()).len(), transfer);
    let batch = 1 + 30 + 8 + 1 + 8 + 8 + 8 + (1 + 4 + 2 * 38) + 32 + 64;
    assert_eq!(encode(&samples::batch_transaction()).len(), batch);
}
