//! The module-state tree against a plain map, and proofs of keys.

use std::collections::BTreeMap;

use primitives::codec::{decode, encode};
use testkit::Seed;

use crate::{MemoryNodes, NodeStore, STATE_PROOF_BYTES_MAX, StateProof, StateTree, StateTreeError};

pub(super) type Map = BTreeMap<Vec<u8>, Vec<u8>>;
pub(super) type Writes = Vec<(Vec<u8>, Option<Vec<u8>>)>;

/// Writes to a small range of keys, so that many are overwritten and removed again.
pub(super) fn random_writes(seed: &mut Seed, map: &mut Map, count: u64) -> Writes {
    let mut writes = Vec::new();
    for _ in 0..count {
        let key = format!("key {}", seed.below(120)).into_bytes();
        let length = seed.index(40);
        let value = seed.chance(60).then(|| seed.bytes(length));
        match &value {
            Some(value) => map.insert(key.clone(), value.clone()),
            None => map.remove(&key),
        };
        writes.push((key, value));
    }
    writes
}

/// A tree of one version that holds `map`.
pub(super) fn scratch(map: &Map) -> MemoryNodes {
    let writes: Writes = map.iter().map(|(key, value)| (key.clone(), Some(value.clone()))).collect();
    let mut nodes = MemoryNodes::default();
    nodes.apply(&StateTree::update(&nodes, 0, &writes).expect("nothing to read"));
    nodes
}

#[test]
fn updates_equal_a_tree_built_from_scratch_and_leave_no_waste() {
    let mut seed = Seed::new();
    for _ in 0..6 {
        let (mut nodes, mut map) = (MemoryNodes::default(), Map::new());
        for version in 0..40 {
            // Some heights write nothing, some remove all there is, some only what is not there.
            let writes = match seed.below(6) {
                0 => Vec::new(),
                1 if seed.chance(50) => std::mem::take(&mut map).into_keys().map(|key| (key, None)).collect::<Writes>(),
                1 => vec![(b"never there".to_vec(), None)],
                _ => {
                    let count = seed.below(30);
                    random_writes(&mut seed, &mut map, count)
                }
            };
            let update = StateTree::update(&nodes, version, &writes).expect("good nodes");
            nodes.apply(&update);
            let expected = scratch(&map);
            assert_eq!(update.root, StateTree::root(&expected, 0).expect("good nodes"), "version {version}");
            let count = u64::try_from(map.len()).expect("small");
            assert_eq!(StateTree::check(&nodes, version), Ok((update.root, count)));
            assert_eq!(nodes.len(), expected.len(), "stale nodes are all named, and no live one");
            if map.is_empty() {
                assert_eq!(update.root, StateTree::empty_root());
            }
        }
    }
}

#[test]
fn of_several_writes_to_a_key_the_last_counts() {
    let nodes = MemoryNodes::default();
    let key = b"key".to_vec();
    let twice = [(key.clone(), Some(vec![1])), (key.clone(), Some(vec![2]))];
    let once = [(key.clone(), Some(vec![2]))];
    let root = |writes: &[_]| StateTree::update(&nodes, 0, writes).expect("nothing to read").root;
    assert_eq!(root(&twice), root(&once));
    assert_eq!(root(&[(key.clone(), Some(vec![1])), (key, None)]), StateTree::empty_root());
}

#[test]
fn loading_nodes_back_gives_the_same_tree() {
    let mut seed = Seed::new();
    let mut map = Map::new();
    random_writes(&mut seed, &mut map, 200);
    let nodes = scratch(&map);
    let loaded: MemoryNodes = nodes.iter().map(|(key, node)| (key.to_vec(), node.to_vec())).collect();
    assert_eq!(loaded, nodes);
    assert!(!loaded.is_empty());
    assert_eq!(StateTree::check(&&loaded, 0), StateTree::check(&nodes, 0));
}

#[test]
fn keys_and_their_absence_are_proven() {
    let mut seed = Seed::new();
    for size in [0_u64, 1, 2, 3, 20, 400] {
        let mut map = Map::new();
        random_writes(&mut seed, &mut map, size);
        let nodes = scratch(&map);
        let root = StateTree::root(&nodes, 0).expect("good nodes");
        for number in 0..140 {
            let key = format!("key {number}").into_bytes();
            let value = map.get(&key).map(Vec::as_slice);
            let proof = StateTree::prove(&nodes, 0, &key).expect("good nodes");
            assert_eq!(proof.includes(&key), value.is_some());
            assert!(proof.verify(&root, &key, value), "{number} of {size}");
            let lie = if value.is_some() { None } else { Some(b"something".as_slice()) };
            assert!(!proof.verify(&root, &key, lie));
            if let Some(value) = value {
                assert!(!proof.verify(&root, &key, Some(&[value, b"!"].concat())));
            }
            let other = scratch(&Map::from([(b"other".to_vec(), vec![])]));
            assert!(!proof.verify(&StateTree::root(&other, 0).expect("good nodes"), &key, value));
            assert_eq!(StateProof::from_bytes(&proof.to_bytes()).expect("its own bytes"), proof);
            assert_eq!(decode::<StateProof>(&encode(&proof)).expect("its own bytes"), proof);
            let json = serde_json::to_string(&proof).expect("a string");
            assert_eq!(serde_json::from_str::<StateProof>(&json).expect("its own text"), proof);
        }
    }
}

#[test]
fn every_flipped_bit_of_a_proof_is_noticed() {
    let mut seed = Seed::new();
    let mut map = Map::new();
    random_writes(&mut seed, &mut map, 300);
    let nodes = scratch(&map);
    let root = StateTree::root(&nodes, 0).expect("good nodes");
    for _ in 0..1_500 {
        let key = format!("key {}", seed.below(140)).into_bytes();
        let value = map.get(&key).map(Vec::as_slice);
        let mut bytes = StateTree::prove(&nodes, 0, &key).expect("good nodes").to_bytes();
        let byte = seed.index(bytes.len());
        bytes[byte] ^= 1 << seed.below(8);
        let accepted = StateProof::from_bytes(&bytes).is_ok_and(|proof| proof.verify(&root, &key, value));
        assert!(!accepted, "byte {byte} of the proof for {key:?}");
    }
}

#[test]
fn oversized_and_random_proofs_are_refused() {
    let mut seed = Seed::new();
    let long = StateProof::from_bytes(&vec![0; STATE_PROOF_BYTES_MAX + 1]).expect_err("too long");
    assert!(long.reason.contains("at most 16709"), "{}", long.reason);
    // No leaf and 257 empty siblings: it decodes, since it is short, but it is one level too deep.
    let deep = [&[0][..], &257_u32.to_le_bytes(), &[0; 257]].concat();
    let deep = StateProof::from_bytes(&deep).expect("a proof's encoding");
    assert!(!deep.verify(&StateTree::empty_root(), b"key", None));
    assert!(StateProof::from_bytes(&[0, 255, 255, 255, 255]).is_err(), "a length without content");
    for _ in 0..2_000 {
        let length = seed.index(400);
        let bytes = seed.bytes(length);
        let accepted =
            StateProof::from_bytes(&bytes).is_ok_and(|proof| proof.verify(&StateTree::empty_root(), b"key", None));
        // The proof that nothing is in the empty tree is five zero bytes.
        assert!(!accepted || bytes == [0; 5]);
    }
}

#[test]
fn versions_that_are_not_there_are_named() {
    let nodes = MemoryNodes::default();
    assert_eq!(StateTree::update(&nodes, 5, &[]), Err(StateTreeError::MissingRoot { version: 4 }));
    assert_eq!(StateTree::root(&nodes, 0), Err(StateTreeError::MissingRoot { version: 0 }));
    assert_eq!(StateTree::check(&nodes, 3), Err(StateTreeError::MissingRoot { version: 3 }));
    assert_eq!(StateTree::prove(&nodes, 2, b"key"), Err(StateTreeError::MissingRoot { version: 2 }));
    assert_eq!(StateTree::update(&nodes, u64::MAX, &[]), Err(StateTreeError::VersionOutOfRange));
    assert!(nodes.get(b"").is_none());
}
