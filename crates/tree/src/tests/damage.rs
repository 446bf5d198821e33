//! Damaged stores: an error or the right answer, never a panic and never a silent other root.

use primitives::Hash;
use testkit::Seed;

use super::state::{Map, random_writes};
use crate::{MemoryNodes, StateTree, StateTreeError};

/// A tree of several versions with what it holds.
fn tree(seed: &mut Seed) -> (MemoryNodes, Map, Hash) {
    let (mut nodes, mut map) = (MemoryNodes::default(), Map::new());
    for version in 0..=LAST {
        let writes = random_writes(seed, &mut map, 60);
        nodes.apply(&StateTree::update(&nodes, version, &writes).expect("good nodes"));
    }
    let root = StateTree::root(&nodes, LAST).expect("good nodes");
    (nodes, map, root)
}

const LAST: u64 = 4;

/// One damaged copy: a flipped bit, a lost node, another node's content or a truncated one.
fn damaged(seed: &mut Seed, nodes: &MemoryNodes) -> MemoryNodes {
    let mut all: Vec<(Vec<u8>, Vec<u8>)> = nodes.iter().map(|(key, node)| (key.to_vec(), node.to_vec())).collect();
    let at = seed.index(all.len());
    match seed.below(10) {
        0 => drop(all.remove(at)),
        1 => {
            let other = all[seed.index(all.len())].1.clone();
            all[at].1 = other;
        }
        2 => {
            let length = seed.index(all[at].1.len());
            all[at].1.truncate(length);
        }
        3 => all[at].1 = vec![0],
        _ => {
            let byte = seed.index(all[at].1.len());
            all[at].1[byte] ^= 1 << seed.below(8);
        }
    }
    all.into_iter().collect()
}

#[test]
fn damage_is_found_by_the_check_and_never_changes_an_answer() {
    let mut seed = Seed::new();
    let (nodes, map, root) = tree(&mut seed);
    let keys = u64::try_from(map.len()).expect("small");
    let (mut found, mut refused) = (0, 0);
    for _ in 0..400 {
        let store = damaged(&mut seed, &nodes);
        if store == nodes {
            continue;
        }
        found += 1;
        let verdict = StateTree::check(&store, LAST);
        assert_ne!(verdict, Ok((root, keys)), "the check found nothing");

        // The root itself has no parent: whoever reads compares it with the header.
        if StateTree::root(&store, LAST) != Ok(root) {
            continue;
        }
        let mut after = map.clone();
        let writes = random_writes(&mut seed, &mut after, 20);
        let truth = StateTree::update(&nodes, LAST + 1, &writes).expect("good nodes");
        match StateTree::update(&store, LAST + 1, &writes) {
            Ok(update) => assert_eq!(update.root, truth.root, "a silent other root"),
            Err(_) => refused += 1,
        }
        let key = format!("key {}", seed.below(140)).into_bytes();
        if let Ok(proof) = StateTree::prove(&store, LAST, &key) {
            assert!(proof.verify(&root, &key, map.get(&key).map(Vec::as_slice)));
        }
    }
    assert!(found > 300 && refused > 20, "{found} damaged stores, {refused} updates refused");
}

#[test]
fn a_damaged_root_is_an_error_or_another_root() {
    let mut seed = Seed::new();
    let (nodes, _, root) = tree(&mut seed);
    let all: Vec<(Vec<u8>, Vec<u8>)> = nodes.iter().map(|(key, node)| (key.to_vec(), node.to_vec())).collect();
    let at = (0..all.len()).max_by_key(|at| u8::from(all[*at].0.len() == 20)).expect("there are nodes");
    for _ in 0..300 {
        let mut copy = all.clone();
        let byte = seed.index(copy[at].1.len());
        copy[at].1[byte] ^= 1 << seed.below(8);
        let store: MemoryNodes = copy.into_iter().collect();
        match StateTree::check(&store, LAST) {
            Ok((found, _)) => assert_ne!(found, root),
            Err(StateTreeError::MissingRoot { .. } | StateTreeError::VersionOutOfRange) => panic!("the root is there"),
            Err(_) => {}
        }
        let writes = random_writes(&mut seed, &mut Map::new(), 30);
        let _ = StateTree::update(&store, LAST + 1, &writes);
        let _ = StateTree::prove(&store, LAST, b"key 1");
    }
}

#[test]
fn errors_name_the_node() {
    let mut seed = Seed::new();
    let (nodes, _, _) = tree(&mut seed);
    let without_one: MemoryNodes = nodes.iter().skip(1).map(|(key, node)| (key.to_vec(), node.to_vec())).collect();
    let text = StateTree::check(&without_one, LAST).expect_err("a node is missing").to_string();
    assert!(text.contains("missing") || text.contains("no root"), "{text}");
    let emptied: MemoryNodes = nodes.iter().map(|(key, _)| (key.to_vec(), vec![9])).collect();
    let text = StateTree::check(&emptied, LAST).expect_err("no node is whole").to_string();
    assert!(text.starts_with("state tree node 4/ is damaged: "), "{text}");
}
