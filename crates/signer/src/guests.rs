//! Who is inside: newcomers that have shown no certificate yet, and nodes that have.
//!
//! ```text
//! accept ─► newcomer, at most NEWCOMERS_MAX ─ certificate ─► node, at most CONNECTIONS_MAX
//!               └ no room: the oldest of the address that has most of them is shown out
//! ```
//! Rules
//! - A newcomer takes no node's place, so strangers keep nobody from asking who is inside.
//! - Where there is no room for a newcomer, the address with the most of them makes it. So who keeps a node out must open more connections than there
//!   is room for while the node shows its certificate, each from an address of its own where the node's is another.
//! - An address of IPv6 counts as its /64.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use rpc::rate::holder;

/// Most nodes at a time; one more is turned away.
pub const CONNECTIONS_MAX: usize = 16;
/// Most connections at a time that have shown no certificate.
pub const NEWCOMERS_MAX: usize = 16;

/// Connections by their number, which grows.
#[derive(Debug, Default)]
pub(crate) struct Guests {
    newcomers: BTreeMap<u64, IpAddr>,
    nodes: BTreeSet<u64>,
}

/// What became of a newcomer that has shown a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seat {
    /// It is a node.
    Taken,
    /// There are as many nodes as there may be.
    Full,
    /// It was shown out before.
    Gone,
}

impl Guests {
    /// A newcomer; gives the one that has to leave for it.
    pub(crate) fn enter(&mut self, number: u64, address: IpAddr) -> Option<u64> {
        let leaves = if self.newcomers.len() < NEWCOMERS_MAX { None } else { self.oldest_of_most() };
        if let Some(leaves) = leaves {
            self.newcomers.remove(&leaves);
        }
        self.newcomers.insert(number, holder(address));
        leaves
    }

    fn oldest_of_most(&self) -> Option<u64> {
        let count = |address: &IpAddr| self.newcomers.values().filter(|other| *other == address).count();
        // Of several the first, which is the oldest.
        let of_most = |(number, address): (&u64, &IpAddr)| (count(address), std::cmp::Reverse(*number));
        self.newcomers.iter().max_by_key(|one| of_most(*one)).map(|(number, _)| *number)
    }

    /// A newcomer has shown its certificate.
    pub(crate) fn sit(&mut self, number: u64) -> Seat {
        if !self.newcomers.contains_key(&number) {
            return Seat::Gone;
        }
        if self.nodes.len() >= CONNECTIONS_MAX {
            return Seat::Full;
        }
        self.newcomers.remove(&number);
        self.nodes.insert(number);
        Seat::Taken
    }

    /// Whether it is still inside.
    pub(crate) fn has(&self, number: u64) -> bool {
        self.newcomers.contains_key(&number) || self.nodes.contains(&number)
    }

    /// Its connection ended.
    pub(crate) fn leave(&mut self, number: u64) {
        self.newcomers.remove(&number);
        self.nodes.remove(&number);
    }
}
