//! The nodes of the latest version, in memory.
//!
//! A running node keeps them here, loaded from storage when it starts ([`FromIterator`]) and changed with each
//! finalized block ([`MemoryNodes::apply`]). Stale nodes leave at once, so memory grows with the number of
//! keys and not with the height: about 170 bytes of nodes a key.
//!
//! Loaded nodes are checked with [`StateTree::check`](super::StateTree::check) before they are used.

use std::collections::BTreeMap;

use super::{NodeStore, StateUpdate};

/// Nodes by key, both in the tree's own encoding.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemoryNodes(BTreeMap<Vec<u8>, Vec<u8>>);

impl MemoryNodes {
    /// Adds the update's nodes and removes the stale ones.
    pub fn apply(&mut self, update: &StateUpdate) {
        for key in &update.stale {
            self.0.remove(key);
        }
        self.0.extend(update.nodes.iter().cloned());
    }

    /// Every key and node, in the order of the key bytes.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.0.iter().map(|(key, node)| (key.as_slice(), node.as_slice()))
    }

    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True when there is no node, not even the root of an empty tree.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl NodeStore for MemoryNodes {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.0.get(key).cloned()
    }
}

impl FromIterator<(Vec<u8>, Vec<u8>)> for MemoryNodes {
    fn from_iter<I: IntoIterator<Item = (Vec<u8>, Vec<u8>)>>(nodes: I) -> Self {
        Self(nodes.into_iter().collect())
    }
}
