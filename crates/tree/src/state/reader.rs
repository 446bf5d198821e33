//! Checked reading of tree nodes.
//!
//! The tree library takes its store on trust: on damaged nodes it asserts, unwraps or recurses into the wrong
//! subtree. This reader therefore hands out a node only after these checks:
//!
//! - the bytes are the canonical encoding of a node;
//! - an empty node stands at the root only; a leaf's key lies below its path; an inner node is above the
//!   last nibble, has two children or one that is an inner node, its counts add up, and no child is newer;
//! - it is what its parent, which was read before it, says of it: version, kind, number of keys and hash.
//!
//! So relative to the root everything read is authentic. Nodes read are kept, because a proof is built from
//! nodes that were all read and checked before the library sees the first.

use std::cell::RefCell;
use std::collections::BTreeMap;

use jmt::storage::{LeafNode, NibblePath, Node, NodeKey, TreeReader};
use jmt::{KeyHash, OwnedValue, Version};
use primitives::Hash;
use primitives::codec::{decode, encode};

use super::{NodeStore, StateHasher, StateTree, StateTreeError, root_key};

/// Nibbles in a whole path; a bound of every walk down.
const PATH_NIBBLES: usize = 64;

/// A store whose nodes are checked as they are read.
pub(super) struct CheckedReader<'a, S> {
    store: &'a S,
    /// Every node read so far by path: a tree has one node per path.
    seen: RefCell<BTreeMap<NibblePath, (Version, Node)>>,
}

impl<'a, S: NodeStore> CheckedReader<'a, S> {
    pub(super) fn new(store: &'a S) -> Self {
        Self { store, seen: RefCell::new(BTreeMap::new()) }
    }

    /// The hash of the root node of `version`.
    pub(super) fn root_hash(&self, version: Version) -> Result<Hash, StateTreeError> {
        match self.read(&root_key(version))? {
            Some(Node::Null) => Ok(StateTree::empty_root()),
            Some(Node::Internal(node)) => Ok(Hash(node.hash::<StateHasher>())),
            Some(Node::Leaf(leaf)) => Ok(Hash(leaf.hash::<StateHasher>())),
            None => Err(StateTreeError::MissingRoot { version }),
        }
    }

    /// Reads every node that a proof for `key` needs: those on the path and their siblings.
    pub(super) fn load_path(&self, version: Version, key: KeyHash) -> Result<(), StateTreeError> {
        self.root_hash(version)?;
        let path = key_path(key);
        let mut at = root_key(version);
        for depth in 0..PATH_NIBBLES {
            let Some(Node::Internal(_)) = self.read(&at)? else { break };
            let mut next = None;
            for child in self.children(&at)? {
                self.read_child(&child)?;
                if child.nibble_path().last() == Some(path.get_nibble(depth)) {
                    next = Some(child);
                }
            }
            match next {
                Some(child) => at = child,
                None => break,
            }
        }
        Ok(())
    }

    /// Reads every node of `version` and counts the leaves.
    pub(super) fn load_all(&self, version: Version) -> Result<u64, StateTreeError> {
        self.root_hash(version)?;
        let mut leaves = 0_u64;
        // Each node is pushed once, by its only parent, so the walk ends with the tree.
        let mut open = vec![root_key(version)];
        while let Some(key) = open.pop() {
            match self.read_child(&key)? {
                Node::Null => {}
                Node::Leaf(_) => leaves += 1,
                Node::Internal(_) => open.extend(self.children(&key)?),
            }
        }
        Ok(leaves)
    }

    /// The keys of the children of an inner node.
    fn children(&self, key: &NodeKey) -> Result<Vec<NodeKey>, StateTreeError> {
        let Some(Node::Internal(node)) = self.read(key)? else { return Ok(Vec::new()) };
        Ok(node
            .children_sorted()
            .map(|(nibble, child)| {
                let path = key.nibble_path().nibbles().chain(std::iter::once(nibble)).collect();
                NodeKey::new(child.version, path)
            })
            .collect())
    }

    fn read_child(&self, key: &NodeKey) -> Result<Node, StateTreeError> {
        self.read(key)?.ok_or_else(|| StateTreeError::MissingNode { node: name_of(key) })
    }

    /// Reads one node, or `None` when the store does not have it.
    fn read(&self, key: &NodeKey) -> Result<Option<Node>, StateTreeError> {
        if let Some((version, node)) = self.seen.borrow().get(key.nibble_path())
            && *version == key.version()
        {
            return Ok(Some(node.clone()));
        }
        let Some(bytes) = self.store.get(&encode(key)) else { return Ok(None) };
        let damaged = |reason: String| StateTreeError::DamagedNode { node: name_of(key), reason };
        let node: Node = decode(&bytes).map_err(|error| damaged(error.reason))?;
        check_shape(key, &node, &bytes).map_err(|reason| damaged(reason.to_owned()))?;
        self.check_parent(key, &node).map_err(|reason| damaged(reason.to_owned()))?;
        self.seen.borrow_mut().insert(key.nibble_path().clone(), (key.version(), node.clone()));
        Ok(Some(node))
    }

    /// Compares a node with what its parent says of it.
    fn check_parent(&self, key: &NodeKey, node: &Node) -> Result<(), &'static str> {
        let path = key.nibble_path();
        let Some(nibble) = path.last() else { return Ok(()) };
        let above: NibblePath = path.nibbles().take(path.num_nibbles() - 1).collect();
        let seen = self.seen.borrow();
        let Some((_, Node::Internal(parent))) = seen.get(&above) else { return Err("its parent is no inner node") };
        let Some(child) = parent.child(nibble) else { return Err("its parent does not know it") };
        let (hash, leaves, is_leaf) = match node {
            Node::Internal(inner) => (inner.hash::<StateHasher>(), inner.leaf_count(), false),
            Node::Leaf(leaf) => (leaf.hash::<StateHasher>(), 1, true),
            Node::Null => return Err("it is empty"),
        };
        if child.version != key.version() {
            return Err("its parent names another version");
        }
        if child.is_leaf() != is_leaf || child.leaf_count() != leaves {
            return Err("its parent names another kind or number of keys");
        }
        if child.hash != hash {
            return Err("it has another hash than its parent says");
        }
        Ok(())
    }
}

/// Checks what can be said of a node by itself.
fn check_shape(key: &NodeKey, node: &Node, bytes: &[u8]) -> Result<(), &'static str> {
    let path = key.nibble_path();
    match node {
        Node::Null if path.is_empty() => Ok(()),
        Node::Null => Err("it is empty"),
        Node::Leaf(leaf) => {
            let below = key_path(leaf.key_hash());
            let lies_below = path.nibbles().eq(below.nibbles().take(path.num_nibbles()));
            if lies_below { Ok(()) } else { Err("its key lies elsewhere") }
        }
        Node::Internal(inner) => {
            let (mut children, mut leaves, mut only_leaf) = (0_u64, 0_usize, false);
            for (_, child) in inner.children_sorted() {
                children += 1;
                only_leaf = child.is_leaf();
                leaves = leaves.checked_add(child.leaf_count()).ok_or("its counts overflow")?;
                if child.version > key.version() {
                    return Err("it has a child of a later version");
                }
            }
            if path.num_nibbles() >= PATH_NIBBLES {
                Err("it is an inner node below the last nibble")
            } else if children == 0 || (children == 1 && only_leaf) {
                Err("it has too few children")
            } else if leaves != inner.leaf_count() {
                Err("its counts do not add up")
            } else if stored_child_count(bytes) != Some(children) {
                Err("its number of children is wrong")
            } else {
                Ok(())
            }
        }
    }
}

/// The number of children that an inner node's encoding states. The library believes it and does not publish
/// it; it is the last but one of the node's numbers, each eight bytes.
fn stored_child_count(bytes: &[u8]) -> Option<u64> {
    let (count_and_rest, _) = bytes.split_last_chunk::<8>()?;
    count_and_rest.last_chunk::<8>().map(|count| u64::from_le_bytes(*count))
}

/// The whole path of a key, high nibble first.
fn key_path(key: KeyHash) -> NibblePath {
    key.0.iter().flat_map(|byte| [byte >> 4, byte & 0x0f]).map(Into::into).collect()
}

/// A node's height and path, for messages.
fn name_of(key: &NodeKey) -> String {
    format!("{}/{:?}", key.version(), key.nibble_path())
}

impl<S: NodeStore> TreeReader for CheckedReader<'_, S> {
    fn get_node_option(&self, key: &NodeKey) -> anyhow::Result<Option<Node>> {
        Ok(self.read(key)?)
    }

    /// Proofs carry the hash of a value, not the value, so an empty one stands for each.
    fn get_value_option(&self, _: Version, _: KeyHash) -> anyhow::Result<Option<OwnedValue>> {
        Ok(Some(OwnedValue::new()))
    }

    fn get_rightmost_leaf(&self) -> anyhow::Result<Option<(NodeKey, LeafNode)>> {
        anyhow::bail!("the rightmost leaf is only asked for by the library's own restore, which is not used")
    }
}
