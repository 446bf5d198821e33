//! Evidence of identities and attestations of witnesses: what their form proves, and every way in which it does not.

use primitives::actions::evidence::{Evidence, FalseKeyProof, PossessionProof};
use primitives::actions::identity::{KeyKindProven, KeyProof, VrfBinding};
use primitives::receipt::receipts_root;
use primitives::*;

use crate::samples::{
    address, attestation, body, closing, false_key_proof, genesis, heartbeat, receipt, secret, witness_transaction,
};

fn chain() -> Hash {
    genesis().hash()
}

#[test]
fn two_heartbeats_for_one_challenge_are_evidence_and_nothing_less() {
    let other_chain = Genesis { chain_id: "other-1".to_owned(), ..genesis() }.hash();
    let (one, two) = (heartbeat(2), heartbeat(3));
    let later = actions::timetoke::Heartbeat { challenge: 78, ..two };
    let seed = actions::timetoke::Heartbeat { seed: Hash([9; 32]), ..one };
    let sign = |one: actions::timetoke::Heartbeat, who: u8, chain: &Hash| one.sign(&secret(who), chain);
    let swapped = match Evidence::of_heartbeats(sign(one, 10, &chain()), sign(two, 10, &chain())) {
        Evidence::ConflictingHeartbeats(mut pair) => {
            std::mem::swap(&mut pair.first, &mut pair.second);
            Evidence::ConflictingHeartbeats(pair)
        }
        other => other,
    };
    use Rejection::{EvidenceBadSignature as Signature, EvidenceNotConflicting as Conflict};
    let cases = [
        ("another value", Evidence::of_heartbeats(sign(two, 10, &chain()), sign(one, 10, &chain())), Ok(())),
        ("another seed", Evidence::of_heartbeats(sign(seed, 10, &chain()), sign(one, 10, &chain())), Ok(())),
        ("one twice", Evidence::of_heartbeats(sign(one, 10, &chain()), sign(one, 10, &chain())), Err(Conflict)),
        ("two challenges", Evidence::of_heartbeats(sign(one, 10, &chain()), sign(later, 10, &chain())), Err(Conflict)),
        ("the other order", swapped, Err(Conflict)),
        (
            "another chain",
            Evidence::of_heartbeats(sign(one, 10, &other_chain), sign(two, 10, &other_chain)),
            Err(Signature),
        ),
        (
            "a framed identity",
            Evidence::of_heartbeats(sign(one, 11, &chain()), sign(two, 11, &chain())),
            Err(Signature),
        ),
        ("one forged half", Evidence::of_heartbeats(sign(one, 10, &chain()), sign(two, 11, &chain())), Err(Signature)),
    ];
    for (name, evidence, expected) in cases {
        assert_eq!(evidence.check_form(&chain()), expected, "{name}");
        assert_eq!(evidence.offender(), address(10), "{name}");
    }
}

fn judged(claim: FalseKeyProof) -> Result<(), Rejection> {
    Evidence::FalseKeyProof(Box::new(claim)).check_form(&chain())
}

#[test]
fn a_key_of_two_identities_convicts_the_wallet_that_signed_and_nobody_else() {
    let good = || false_key_proof(address(11), Height(6));
    assert_eq!(judged(good()), Ok(()));
    assert_eq!(Evidence::FalseKeyProof(Box::new(good())).offender(), address(10));
    use Rejection::{EvidenceBadSignature as Signature, EvidenceNotConflicting as Conflict};
    assert_eq!(judged(false_key_proof(address(10), Height(6))), Err(Conflict), "the same identity again");
    assert_eq!(judged(false_key_proof(address(11), Height(1_005))), Ok(()), "both were fresh at height 1,005");
    assert_eq!(judged(false_key_proof(address(11), Height(1_006))), Err(Conflict), "never fresh together");
    let foreign_key = KeyProof { key: secret(41).public_key(), ..good().other };
    let proof = PossessionProof::Peer(secret(41).sign(&foreign_key.signing_bytes(&chain())));
    assert_eq!(judged(FalseKeyProof { other: foreign_key, proof, ..good() }), Err(Conflict), "another key");
    let forged = PossessionProof::Peer(secret(41).sign(&good().other.signing_bytes(&chain())));
    assert_eq!(judged(FalseKeyProof { proof: forged, ..good() }), Err(Signature), "the key did not say so");
    let framed = FalseKeyProof { key: secret(11).public_key(), ..good() };
    assert_eq!(judged(framed), Err(Signature), "a wallet that did not sign");
    let unsigned = FalseKeyProof { signature: primitives::Signature([7; 64]), ..good() };
    assert_eq!(judged(unsigned), Err(Signature));
    let payment = FalseKeyProof { body: BoundedBytes::new(encode(&body())).unwrap(), ..good() };
    assert_eq!(judged(payment), Err(Conflict), "a payment claims no key");
    let noise = FalseKeyProof { body: BoundedBytes::new(vec![3; 99]).unwrap(), ..good() };
    assert_eq!(judged(noise), Err(Conflict), "no body");
    let kind = FalseKeyProof { proof: PossessionProof::Vrf(VrfProof([1; 80])), ..good() };
    assert_eq!(judged(kind), Err(Signature), "a proof of the other kind");
}

#[test]
fn nobody_is_framed_by_a_body_that_names_a_strangers_key() {
    // The wallet signs a body with a stranger's key and no proof of it: such a body registers nothing.
    let good = false_key_proof(address(11), Height(6));
    let mut claim: TransactionBody = decode(&good.body).unwrap();
    if let Action::Identity(IdentityAction::RotatePeer { peer: Some(peer) }) = &mut claim.action {
        peer.signature = Signature([1; 64]);
    }
    let signature = secret(10).sign(&claim.signing_bytes(&chain()));
    let claim = FalseKeyProof { body: BoundedBytes::new(encode(&claim)).unwrap(), signature, ..good };
    assert_eq!(judged(claim), Err(Rejection::EvidenceBadSignature));
}

#[test]
fn a_vrf_key_of_two_identities_is_evidence_too() {
    let node = VrfSecretKey::from_seed([60; 32]);
    let binding = VrfBinding::prove(&node, address(10), Height(5), &chain()).unwrap();
    let action = Action::Identity(IdentityAction::RotateVrf(binding));
    let claim = TransactionBody { payer: address(10), lane: Lane::Industrial, action, ..body() };
    let key = PublicKey(node.public_key().0);
    let other = KeyProof { kind: KeyKindProven::Vrf, identity: address(12), key, valid_from: Height(5) };
    let proof = PossessionProof::Vrf(node.prove(&other.signing_bytes(&chain())).unwrap());
    let signature = secret(10).sign(&claim.signing_bytes(&chain()));
    let evidence = FalseKeyProof {
        key: secret(10).public_key(),
        body: BoundedBytes::new(encode(&claim)).unwrap(),
        signature,
        other,
        proof,
    };
    assert_eq!(judged(evidence.clone()), Ok(()));
    let wrong = PossessionProof::Vrf(node.prove(b"something else").unwrap());
    assert_eq!(judged(FalseKeyProof { proof: wrong, ..evidence }), Err(Rejection::EvidenceBadSignature));
}

#[test]
fn evidence_is_the_same_in_json_and_bytes() {
    let evidence = Evidence::FalseKeyProof(Box::new(false_key_proof(address(11), Height(6))));
    let text = serde_json::to_string(&evidence).unwrap();
    assert_eq!(serde_json::from_str::<Evidence>(&text).unwrap(), evidence);
    assert_eq!(decode::<Evidence>(&encode(&evidence)).unwrap(), evidence);
}

#[test]
fn attestations_need_their_witnesss_signature_on_this_chain() {
    assert_eq!(witness_transaction().check(&chain()), Ok(()));
    let key = secret(1).public_key();
    let form = |list: Vec<actions::witness::SignedAttestation>| {
        WitnessAction::Attest { list: BoundedVec::new(list).unwrap() }.check_form(&chain(), &key)
    };
    let good = attestation().sign(&secret(10), &chain());
    let of = |who: u8| {
        actions::witness::Attestation { identity: address(who), ..attestation() }.sign(&secret(who), &chain())
    };
    assert_eq!(form(Vec::new()), Err(Rejection::AttestationEmpty));
    assert_eq!(form(vec![good, good]), Err(Rejection::AttestationOrder));
    let mut two = vec![of(10), of(11)];
    two.sort_by_key(|one| one.attestation.identity);
    assert_eq!(form(two.clone()), Ok(()));
    two.reverse();
    assert_eq!(form(two), Err(Rejection::AttestationOrder));
    assert_eq!(form(vec![attestation().sign(&secret(11), &chain())]), Err(Rejection::BadAttestationSignature));
    let other = attestation().sign(&secret(10), &Hash([5; 32]));
    assert_eq!(form(vec![other]), Err(Rejection::BadAttestationSignature));
}

#[test]
fn the_receipts_root_covers_the_closing_events() {
    let receipts = [receipt()];
    let without = receipts_root(&receipts, &ClosingEvents::default());
    assert_eq!(without, merkle::leaf(&encode(&receipt())), "nothing is added when nothing happened");
    let with = receipts_root(&receipts, &closing());
    assert_ne!(without, with);
    let mut fewer = closing().into_inner();
    fewer.pop();
    assert_ne!(receipts_root(&receipts, &ClosingEvents::new(fewer).unwrap()), with);
    assert_eq!(receipts_root(&[], &ClosingEvents::default()), Hash::default());
    // The leaf of a receipt stays where it was, so its proof only grows by the closing leaf.
    let closing_leaf = merkle::leaf(&[primitives::receipt::CLOSING_DOMAIN, encode(&closing()).as_slice()].concat());
    let leaves = [merkle::leaf(&encode(&receipt())), closing_leaf];
    assert_eq!(with, merkle::root(&leaves));
}
