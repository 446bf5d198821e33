//! The timetoke root: a tree over all subjects, kept by the credits themselves. Implements TTK-18.
//!
//! ```text
//! level 2 (top)   ●                        1 node
//! level 1         ● ● …                    64 nodes
//! level 0         ● ● ● …                  4,096 nodes, each over the leaves of 64 subjects
//! ```
//! Each node is one value of the module state: the digests of its children so far. A change of one leaf rewrites
//! three nodes. The digest of a node is the Merkle root over its list.

use primitives::merkle;
use primitives::{Address, BoundedVec, Hash, decode, encode};

use super::account::Timetoke;
use super::keys;
use crate::overlay::Overlay;
use crate::view::{Broken, StateView};

/// Children of a node.
pub const FANOUT: u32 = 64;
/// Levels of nodes.
pub const LEVELS: u8 = 3;
/// Subjects that have a place.
pub const SUBJECTS_MAX: u32 = FANOUT * FANOUT * FANOUT;

type Node = BoundedVec<Hash, 64>;

/// The leaf of a subject.
pub fn leaf(address: &Address, record: &Timetoke) -> Hash {
    merkle::leaf(&encode(&(*address, record.hours, record.accrued_at)))
}

/// The timetoke root; the zero hash before the first credit.
///
/// # Errors
/// [`Broken`] when a stored node does not decode.
pub fn root(view: &dyn StateView) -> Result<Hash, Broken> {
    Ok(merkle::root(&node(view, LEVELS - 1, 0)?))
}

/// Puts the leaf of subject `number`.
///
/// # Errors
/// [`Broken`] when a stored node does not decode or the number has no place.
pub fn put(overlay: &mut Overlay<'_>, number: u32, leaf: Hash) -> Result<(), Broken> {
    let (mut digest, mut at) = (leaf, number);
    for level in 0..LEVELS {
        let (index, child) = (at / FANOUT, usize::try_from(at % FANOUT).unwrap_or(usize::MAX));
        let mut children = node(overlay, level, index)?.into_inner();
        if children.len() <= child {
            children.resize(child.saturating_add(1), Hash::default());
        }
        *children.get_mut(child).ok_or(Broken("a timetoke node has no such child"))? = digest;
        digest = merkle::root(&children);
        let children = Node::new(children).ok_or(Broken("a timetoke node is too wide"))?;
        overlay.put(keys::node(level, index), encode(&children));
        at = index;
    }
    if at == 0 { Ok(()) } else { Err(Broken("a subject beyond the timetoke tree")) }
}

fn node(view: &dyn StateView, level: u8, index: u32) -> Result<Node, Broken> {
    match view.get(&keys::node(level, index)) {
        Some(bytes) => decode(&bytes).map_err(|_| Broken("a timetoke node does not decode")),
        None => Ok(Node::default()),
    }
}
