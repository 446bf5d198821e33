//! The module-state tree: a Jellyfish Merkle tree over BLAKE3 with inclusion and exclusion proofs.
//!
//! ```text
//!   key bytes ──hash(StateKey)──► path of 64 nibbles ──► leaf (key hash, value hash)
//!   node key  = (version, path)      version = the height that wrote the node; the root's path is empty
//! ```
//!
//! Model: the tree is versioned by height. [`StateTree::update`] reads the nodes of version h − 1 and returns
//! the nodes that version h adds and those that no later version needs. It changes nothing: the caller puts
//! the nodes into its store, together with the rest of the block. Values are not kept here, only their
//! hashes: the caller has the values in its own columns.
//!
//! Rules
//! - Every version has a root node, also when nothing was written and also when the tree is empty.
//! - Of several writes to one key the last counts.
//! - Removing a key that is not there changes nothing.
//! - Every node read is checked against its parent before it is used (`reader.rs`), because the tree library
//!   trusts its store and would panic, or quietly treat a missing root as an empty tree.
//!
//! Hashes: keyed BLAKE3 with [`STATE_TREE_KEY`]; a leaf is `"JMT::LeafNode" ‖ key hash ‖ value hash`, an inner
//! node `"JMT::IntrnalNode" ‖ left ‖ right` (spelled so), an empty subtree the 32 bytes
//! `SPARSE_MERKLE_PLACEHOLDER_HASH__`.
//!
//! Read next: `reader.rs` (how nodes are checked), `proof.rs` (what a light client verifies), `range.rs`, `memory.rs`.

mod memory;
mod proof;
mod range;
mod reader;

use std::collections::BTreeMap;

use anyhow::Context;
use jmt::storage::{NibblePath, NodeKey, TreeUpdateBatch};
use jmt::{JellyfishMerkleTree, KeyHash, RootHash, SimpleHasher};
use primitives::codec::encode;
use primitives::{Domain, Hash, hash};

pub use memory::MemoryNodes;
pub use proof::{STATE_PROOF_BYTES_MAX, StateProof};
pub use range::{PREFIX_BITS_MAX, Prefix, Sibling, StateLeaf, StatePart, split, verify_part};
use reader::CheckedReader;

/// The key of the keyed BLAKE3 that hashes values and nodes.
pub const STATE_TREE_KEY: &[u8; 32] = b"the-block v1 module-state tree\0\0";

/// Bytes that are hashed for an inner node: a name of 16 bytes and two hashes.
const NODE_BYTES: usize = 16 + 2 * 32;

/// Where the nodes of the tree are kept.
pub trait NodeStore {
    /// The node stored under `key`, both in the tree's own encoding.
    fn get(&self, key: &[u8]) -> Option<Vec<u8>>;
}

impl<S: NodeStore + ?Sized> NodeStore for &S {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        (**self).get(key)
    }
}

/// Why the tree cannot be read or updated. All but the last mean that the stored nodes are damaged: restore
/// them from a snapshot or rebuild the tree from the state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StateTreeError {
    /// The root of a version is not in the store.
    #[error("the state tree has no root at height {version}: it was pruned, was never written or is lost")]
    MissingRoot {
        /// The height.
        version: u64,
    },
    /// A node that its parent names is not in the store.
    #[error("state tree node {node} is missing")]
    MissingNode {
        /// Height and path.
        node: String,
    },
    /// The stored bytes are no node.
    #[error("state tree node {node} is damaged: {reason}")]
    DamagedNode {
        /// Height and path.
        node: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The tree library refused.
    #[error("the state tree cannot be read: {reason}")]
    Library {
        /// What it said.
        reason: String,
    },
    /// The last version is taken by the tree library.
    #[error("the state tree has no version 2^64 - 1")]
    VersionOutOfRange,
}

/// What one height changes in the store of nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateUpdate {
    /// The root after the writes.
    pub root: Hash,
    /// Nodes to add: key and content, in the tree's own encoding.
    pub nodes: Vec<(Vec<u8>, Vec<u8>)>,
    /// Keys of the nodes that versions from this one on do not need.
    pub stale: Vec<Vec<u8>>,
}

/// Hash of values and nodes. Inputs are short (an inner node has 80 bytes), so they are collected and hashed in
/// one go, which saves setting up the large state of the hasher that takes pieces.
pub(crate) struct StateHasher(Vec<u8>);

impl SimpleHasher for StateHasher {
    fn new() -> Self {
        Self(Vec::with_capacity(NODE_BYTES))
    }
    fn update(&mut self, data: &[u8]) {
        self.0.extend_from_slice(data);
    }
    fn finalize(self) -> [u8; 32] {
        Self::hash(self.0)
    }
    fn hash(data: impl AsRef<[u8]>) -> [u8; 32] {
        *blake3::keyed_hash(STATE_TREE_KEY, data.as_ref()).as_bytes()
    }
}

type Library<'a, S> = JellyfishMerkleTree<'a, CheckedReader<'a, S>, StateHasher>;

/// The functions of the module-state tree. It has no state of its own.
#[derive(Debug, Clone, Copy)]
pub struct StateTree;

impl StateTree {
    /// The root of the tree without keys.
    pub fn empty_root() -> Hash {
        Hash(*b"SPARSE_MERKLE_PLACEHOLDER_HASH__")
    }

    /// The root at `version`.
    ///
    /// # Errors
    /// [`StateTreeError::MissingRoot`], or a damaged root node.
    pub fn root<S: NodeStore>(store: &S, version: u64) -> Result<Hash, StateTreeError> {
        CheckedReader::new(store).root_hash(version)
    }

    /// Computes version `version` from `version` − 1 (from nothing for version 0). A write without a value
    /// removes the key.
    ///
    /// # Errors
    /// [`StateTreeError`] when nodes are missing or damaged. Nothing has changed then.
    pub fn update<S: NodeStore>(
        store: &S,
        version: u64,
        writes: &[(Vec<u8>, Option<Vec<u8>>)],
    ) -> Result<StateUpdate, StateTreeError> {
        if version == u64::MAX {
            return Err(StateTreeError::VersionOutOfRange);
        }
        let reader = CheckedReader::new(store);
        let before = version.checked_sub(1);
        if let Some(before) = before {
            reader.root_hash(before)?;
        }
        let last_writes: BTreeMap<[u8; 32], Option<Vec<u8>>> =
            writes.iter().map(|(key, value)| (key_hash(key).0, value.clone())).collect();
        let (root, batch) = put(&Library::new(&reader), version, last_writes).map_err(library_error)?;
        Ok(state_update(Hash(root.0), batch, before))
    }

    /// Proves what `key` has at `version`: the hash of a value, or nothing. [`StateProof::includes`] says which;
    /// the value itself is in the caller's columns.
    ///
    /// # Errors
    /// [`StateTreeError`] when the version is not in the store or nodes are missing or damaged.
    pub fn prove<S: NodeStore>(store: &S, version: u64, key: &[u8]) -> Result<StateProof, StateTreeError> {
        let reader = CheckedReader::new(store);
        let path = key_hash(key);
        // The library unwraps what it reads for a proof, so everything it will read is read and checked first.
        reader.load_path(version, path)?;
        let (_, proof) = Library::new(&reader).get_with_proof(path, version).map_err(library_error)?;
        Ok(StateProof::new(proof))
    }

    /// Reads and checks every node of `version`: each must be there and have the hash that its parent names.
    /// Returns the root and the number of keys. For the start of a node that loads its tree from disk.
    ///
    /// # Errors
    /// The first [`StateTreeError`] found.
    pub fn check<S: NodeStore>(store: &S, version: u64) -> Result<(Hash, u64), StateTreeError> {
        let reader = CheckedReader::new(store);
        let keys = reader.load_all(version)?;
        Ok((reader.root_hash(version)?, keys))
    }
}

/// The place of a key in the tree.
pub(crate) fn key_hash(key: &[u8]) -> KeyHash {
    KeyHash(hash(Domain::StateKey, &[key]).0)
}

pub(crate) fn root_key(version: u64) -> NodeKey {
    NodeKey::new(version, std::iter::empty().collect::<NibblePath>())
}

/// Hands the writes to the library. Without removals it can take them in one walk, which is several times
/// quicker than one walk for each key; the resulting tree is the same.
fn put<S: NodeStore>(
    library: &Library<'_, S>,
    version: u64,
    writes: BTreeMap<[u8; 32], Option<Vec<u8>>>,
) -> anyhow::Result<(RootHash, TreeUpdateBatch)> {
    let inserts: Option<Vec<_>> =
        writes.iter().map(|(key, value)| value.clone().map(|value| (KeyHash(*key), value))).collect();
    match inserts {
        Some(inserts) if !inserts.is_empty() => {
            let (roots, batch) = library.batch_put_value_sets(vec![inserts], None, version)?;
            let root = roots.first().copied().context("one root for one set of writes")?;
            Ok((root, batch))
        }
        _ => library.put_value_set(writes.into_iter().map(|(key, value)| (KeyHash(key), value)), version),
    }
}

fn state_update(root: Hash, batch: TreeUpdateBatch, before: Option<u64>) -> StateUpdate {
    let nodes = batch.node_batch.nodes().iter().map(|(key, node)| (encode(key), encode(node))).collect();
    let mut stale: Vec<Vec<u8>> = batch.stale_node_index_batch.iter().map(|index| encode(&index.node_key)).collect();
    // The library does not report the old root when it was empty or when nothing changed.
    if let Some(old_root) = before.map(|version| encode(&root_key(version)))
        && !stale.contains(&old_root)
    {
        stale.push(old_root);
    }
    StateUpdate { root, nodes, stale }
}

fn library_error(error: anyhow::Error) -> StateTreeError {
    match error.downcast::<StateTreeError>() {
        Ok(ours) => ours,
        Err(other) => StateTreeError::Library { reason: format!("{other:#}") },
    }
}
