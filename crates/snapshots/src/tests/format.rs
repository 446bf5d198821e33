//! The format to the byte: one hash for each encoding. A changed hash is a changed format: raise
//! [`FORMAT`](crate::manifest::FORMAT) and keep reading the old one.

use primitives::{Domain, Hash, Timestamp, encode, hash};
use storage::StoreConfig;

use super::chain::{Chain, secret};
use crate::manifest::Parts;
use crate::{ChainProofReference, ChunkEntry, ChunkKind, Manifest, Shelf};

/// Content of chunks and manifest without the frames of the compressor, whose bytes change with its releases.
const PINNED: [(&str, &str); 3] = [
    ("ledger_chunk", "b8e479ca31bb1a31d5b9a99efdffa2412a02a75ddb17a880ad9835937950af06"),
    ("state_chunk", "89db29917909c0a29305577f05fd17fe798beef29352c9f9e68553c0ed4e80ce"),
    ("manifest", "f2113dccc3f511f8f27692a64ed78f4413efc21217ee113f28309e14c80bf6e9"),
];

#[test]
fn every_encoding_has_its_pinned_hash() {
    let folder = tempfile::tempdir().unwrap();
    let mut chain = Chain::new(3, &StoreConfig::Memory);
    chain.grow();
    let snapshot = chain.snapshot(&Shelf::new(folder.path()));
    let mut contents = Vec::new();
    snapshot.read(&mut |_| {}, &mut |_, chunk| contents.push(encode(&chunk))).unwrap();
    let chunks = snapshot.manifest.chunks().iter().map(|entry| ChunkEntry { packed: 9, id: Hash([5; 32]), ..*entry });
    let content = snapshot.manifest.content.clone();
    let manifest = Manifest::sign(
        Parts {
            chain_id: "snapshot-test".to_owned(),
            header: content.header,
            certificate: content.certificate,
            validators: content.validators,
            chain_proof: Some(ChainProofReference { windows: 3, bytes: 4, id: Hash([6; 32]) }),
            chunks: chunks.collect(),
        },
        &secret(7),
        Timestamp(5_000_000),
    );
    let manifest = manifest.unwrap().to_bytes();
    assert_eq!(contents.len(), 2, "one range and one part");
    assert!(matches!(snapshot.manifest.chunks()[0].kind, ChunkKind::Ledger(0)));
    let found = [("ledger_chunk", &contents[0]), ("state_chunk", &contents[1]), ("manifest", &manifest)];
    let found = found.map(|(name, bytes)| (name, hash(Domain::Snapshot, &[bytes]).to_string()));
    let pinned = PINNED.map(|(name, hash)| (name, hash.to_owned()));
    assert_eq!(found, pinned, "the format changed");
}

#[test]
fn the_state_of_a_copy_has_one_name_whatever_its_node_knows_besides() {
    let folder = tempfile::tempdir().unwrap();
    let mut chain = Chain::new(3, &StoreConfig::Memory);
    chain.grow();
    let copy = chain.snapshot(&Shelf::new(folder.path())).manifest;
    let with = |change: &dyn Fn(&mut Parts)| {
        let content = copy.content.clone();
        let mut parts = Parts {
            chain_id: copy.chain_id(),
            header: content.header,
            certificate: content.certificate,
            validators: content.validators,
            chain_proof: None,
            chunks: copy.chunks().to_vec(),
        };
        change(&mut parts);
        Manifest::sign(parts, &secret(8), Timestamp(6_000_000)).unwrap()
    };
    let same = with(&|_| {});
    assert_eq!((same.id(), same.state_id()), (copy.id(), copy.state_id()), "signer and time do not count");
    let proven = with(&|parts| {
        parts.chain_proof = Some(ChainProofReference { windows: 3, bytes: 4, id: Hash([6; 32]) });
    });
    let other_votes = with(&|parts| parts.certificate = None);
    for known in [proven, other_votes] {
        assert_ne!(known.id(), copy.id());
        assert_eq!(known.state_id(), copy.state_id());
    }
    assert_ne!(with(&|parts| parts.chunks.truncate(parts.chunks.len() - 1)).state_id(), copy.state_id());
}
