//! Pieces of the ledger and of the state against the trees they were cut from, and every way to alter one.

use primitives::{Hash, LedgerDigest, LedgerSlot};
use testkit::Seed;

use super::state::{Map, scratch};
use super::{account, random_account};
use crate::{
    LedgerTree, MemoryNodes, Prefix, Sibling, StateLeaf, StatePart, StateTree, split, verify_part, verify_range,
};

fn root_of(map: &Map) -> Hash {
    StateTree::root(&scratch(map), 0).expect("it was just made")
}

fn leaves(map: &Map) -> Vec<StateLeaf<'_>> {
    map.iter().map(|(key, value)| StateLeaf::new(key, value)).collect()
}

fn size(leaf: &StateLeaf<'_>) -> usize {
    leaf.key().len() + leaf.value().len()
}

fn random_map(seed: &mut Seed, keys: u64) -> Map {
    (0..keys).map(|number| (format!("key {number}").into_bytes(), seed.bytes(20))).collect()
}

#[test]
fn every_range_of_a_ledger_verifies_and_no_other_does() {
    let mut seed = Seed::new();
    let other = LedgerDigest::new([7; 8]).expect("below the modulus");
    for count in [0_usize, 1, 7, 8, 9, 50] {
        let slots: Vec<LedgerSlot> = (0..count).map(|_| random_account(&mut seed)).collect();
        let tree = LedgerTree::new(slots.clone()).expect("a ledger");
        for level in [0_usize, 3, 6, 30] {
            let width = 1_usize << level.min(10);
            for (index, start) in (0_u32..).zip((0..count.max(1)).step_by(width)) {
                let end = count.min(start + width);
                let (range, path) = (&slots[start.min(end)..end], tree.path(level, index));
                assert!(verify_range(&tree.root(), level, index, range, &path), "{count} slots, {level}, {index}");
                if let Some((_, fewer)) = range.split_last() {
                    assert!(!verify_range(&tree.root(), level, index, fewer, &path), "one slot left out");
                }
                let more = [range, &[account(1, 0, 0)]].concat();
                assert!(!verify_range(&tree.root(), level, index, &more, &path), "one slot too many");
                let elsewhere = verify_range(&tree.root(), level, index + 1, range, &path);
                assert!(!elsewhere || range.is_empty(), "another place");
                assert!(!verify_range(&other, level, index, range, &path), "another root");
                for step in 0..path.len() {
                    let mut altered = path.clone();
                    altered[step] = other;
                    assert!(!verify_range(&tree.root(), level, index, range, &altered), "another sibling");
                    assert!(!verify_range(&tree.root(), level, index, range, &path[..step]), "a path cut short");
                }
            }
        }
        assert!(!verify_range(&tree.root(), 31, 0, &slots, &[]), "no such level");
        assert!(!verify_range(&tree.root(), 0, u32::MAX, &[], &tree.path(0, u32::MAX)), "no such slot");
    }
}

#[test]
fn a_state_is_cut_into_parts_that_cover_it_and_each_verifies() {
    let mut seed = Seed::new();
    for (keys, bytes) in [(0, 100), (1, 1), (2, 1), (30, 100), (400, 300), (400, 1_000_000)] {
        let map = random_map(&mut seed, keys);
        let root = root_of(&map);
        let (found, parts) = split(leaves(&map), bytes, &size);
        assert_eq!(found, root, "the parts have the root of the tree, {keys} keys");
        let (mut next, mut seen) = (0, 0);
        for StatePart { prefix, leaves, path } in &parts {
            assert!(verify_part(&root, *prefix, leaves, path));
            let (from, to) = prefix.span().expect("a prefix");
            assert_eq!(from, next, "no gap and no overlap");
            assert!(leaves.len() < 2 || leaves.iter().map(size).sum::<usize>() <= bytes, "within the bound");
            (next, seen) = (to, seen + leaves.len());
        }
        assert_eq!((next, seen), (1 << 32, map.len()), "all of it, {keys} keys");
    }
}

#[test]
fn no_altered_part_verifies() {
    let mut seed = Seed::new();
    let map = random_map(&mut seed, 300);
    let root = root_of(&map);
    let (_, parts) = split(leaves(&map), 400, &size);
    for StatePart { prefix, leaves, path } in &parts {
        let refused = |prefix: Prefix, leaves: &[StateLeaf<'_>], path: &[Sibling]| {
            assert!(!verify_part(&root, prefix, leaves, path), "{prefix:?}");
        };
        for at in 0..leaves.len() {
            let mut fewer = leaves.clone();
            let taken = fewer.remove(at);
            refused(*prefix, &fewer, path);
            let mut other = leaves.clone();
            other[at] = StateLeaf::new(taken.key(), b"another value");
            refused(*prefix, &other, path);
            let mut twice = leaves.clone();
            twice.insert(at, taken);
            refused(*prefix, &twice, path);
        }
        let mut turned = leaves.clone();
        turned.reverse();
        assert!(leaves.len() < 2 || !verify_part(&root, *prefix, &turned, path), "another order");
        for step in 0..path.len() {
            refused(*prefix, leaves, &path[..step]);
            for other in [Sibling::Empty, Sibling::Leaf(Hash([1; 32]), Hash([2; 32])), Sibling::Inner(root, root)] {
                let mut altered = path.clone();
                altered[step] = other;
                refused(*prefix, leaves, &altered);
            }
        }
        refused(Prefix { bits: prefix.bits ^ 1, ..*prefix }, leaves, path);
        refused(Prefix { depth: 33, ..*prefix }, leaves, path);
    }
}

/// The root as a leaf that comes up from an otherwise empty side would show that any part is empty.
#[test]
fn an_inner_node_cannot_pass_for_a_leaf() {
    let map = random_map(&mut Seed::new(), 64);
    let root = root_of(&map);
    let (_, parts) = split(leaves(&map), 200, &size);
    let prefix = parts[0].prefix;
    for top in [Sibling::Leaf(root, root), Sibling::Inner(root, root), Sibling::Empty] {
        let mut path = vec![Sibling::Empty; usize::from(prefix.depth)];
        if let Some(last) = path.last_mut() {
            *last = top;
        }
        assert!(!verify_part(&root, prefix, &[], &path));
    }
}

#[test]
fn a_tree_that_is_built_at_once_goes_on_as_the_one_that_grew() {
    let mut seed = Seed::new();
    for keys in [0, 1, 90] {
        let mut map = random_map(&mut seed, keys);
        let update = StateTree::build(41, map.clone().into_iter().collect()).expect("nothing to read");
        let mut nodes: MemoryNodes = update.nodes.into_iter().collect();
        assert_eq!(StateTree::check(&nodes, 41), Ok((root_of(&map), keys)), "{keys} keys");
        let writes = vec![(b"key 0".to_vec(), None), (b"new".to_vec(), Some(b"value".to_vec()))];
        let update = StateTree::update(&nodes, 42, &writes).expect("good nodes");
        nodes.apply(&update);
        map.remove(b"key 0".as_slice());
        map.insert(b"new".to_vec(), b"value".to_vec());
        assert_eq!(StateTree::check(&nodes, 42).expect("good nodes").0, root_of(&map));
        let clean = scratch(&map);
        assert_eq!(nodes.len(), clean.len(), "no node is left behind");
    }
}
