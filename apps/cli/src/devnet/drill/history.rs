//! What was seen of the chain: heights over time, the hash at each height, and how long it took to go on.
//!
//! Rules
//! - A height has one hash. Whoever shows another one has forked, or took back what it called final.
//! - A fault is over for somebody when a height above all that were known at its end is final there.

use std::collections::BTreeMap;

use primitives::{Hash, Height};
use serde::Serialize;

/// Forks that are described; further ones are only counted as failures of the same kind.
const FORKS_MAX: usize = 16;

/// One answer of one node.
pub type Reading = Option<(Height, Hash)>;

/// How the chain went on after one fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Recovery {
    /// The name of its kind in the scenario.
    pub fault: String,
    /// What it was, for people.
    pub what: String,
    /// When it began, milliseconds.
    pub began_ms: u64,
    /// When it ended, milliseconds.
    pub ended_ms: u64,
    /// No other fault was in effect at its end.
    pub alone: bool,
    /// The highest height that was known at its end.
    pub height: Height,
    /// From its end until some node finalized something new, milliseconds.
    pub somebody_ms: Option<u64>,
    /// From its end until every node did, milliseconds.
    pub everybody_ms: Option<u64>,
    /// Most peers that some node missed at its end, as `partition_watch_affected_peers` says.
    pub missed: u64,
    /// From its end until no node missed a peer, milliseconds; nothing when nobody missed one.
    pub redialled_ms: Option<u64>,
}

/// What was seen so far.
#[derive(Debug, Default)]
pub struct History {
    /// The last known height of each node.
    pub heights: Vec<Height>,
    /// What each height holds, and who said it first.
    pub hashes: BTreeMap<Height, (Hash, usize)>,
    /// Heights with two hashes, one sentence each.
    pub forks: Vec<String>,
    /// Hashes that were compared.
    pub compared: u64,
    /// One for each fault that has ended.
    pub recoveries: Vec<Recovery>,
}

impl History {
    /// Nothing was seen of so many nodes.
    pub fn of(nodes: usize) -> Self {
        Self { heights: vec![Height::GENESIS; nodes], ..Self::default() }
    }

    /// The highest height that any node finalized.
    pub fn highest(&self) -> Height {
        self.heights.iter().copied().max().unwrap_or(Height::GENESIS)
    }

    /// The height that every node has.
    pub fn lowest(&self) -> Height {
        self.heights.iter().copied().min().unwrap_or(Height::GENESIS)
    }

    /// A node shows this hash at this height.
    pub fn shown(&mut self, node: usize, height: Height, hash: Hash) {
        if height == Height::GENESIS {
            return;
        }
        self.compared = self.compared.saturating_add(1);
        let (known, first) = *self.hashes.entry(height).or_insert((hash, node));
        if known != hash && self.forks.len() < FORKS_MAX {
            self.forks.push(format!(
                "height {height} is {known} on node{} and {hash} on node{}",
                first.saturating_add(1),
                node.saturating_add(1)
            ));
        }
    }

    /// What all nodes say at one moment.
    pub fn look(&mut self, now_ms: u64, readings: &[Reading]) {
        for (node, reading) in readings.iter().enumerate() {
            let Some((height, hash)) = *reading else { continue };
            self.shown(node, height, hash);
            if let Some(known) = self.heights.get_mut(node) {
                *known = height;
            }
        }
        let (highest, lowest) = (self.highest(), self.lowest());
        for recovery in &mut self.recoveries {
            let since_ms = now_ms.saturating_sub(recovery.ended_ms);
            if highest > recovery.height {
                recovery.somebody_ms.get_or_insert(since_ms);
            }
            if lowest > recovery.height {
                recovery.everybody_ms.get_or_insert(since_ms);
            }
        }
    }

    /// The most peers that some node misses at one moment.
    pub fn miss(&mut self, now_ms: u64, missed: u64) {
        if missed > 0 {
            return;
        }
        for recovery in self.recoveries.iter_mut().filter(|recovery| recovery.missed > 0) {
            recovery.redialled_ms.get_or_insert(now_ms.saturating_sub(recovery.ended_ms));
        }
    }

    /// From the end of a fault until no node missed a peer: the longest, milliseconds.
    pub fn redialled_ms(&self) -> Option<u64> {
        self.recoveries.iter().filter_map(|recovery| recovery.redialled_ms).max()
    }

    /// A fault has ended.
    pub fn ended(&mut self, recovery: Recovery) {
        self.recoveries.push(Recovery { height: self.highest(), ..recovery });
    }

    /// The longest recovery of each kind of fault, of those that were alone, milliseconds.
    pub fn recovery_ms(&self) -> BTreeMap<String, u64> {
        let mut longest: BTreeMap<String, u64> = BTreeMap::new();
        for recovery in self.recoveries.iter().filter(|recovery| recovery.alone) {
            if let Some(ms) = recovery.somebody_ms {
                let worst = longest.entry(recovery.fault.clone()).or_default();
                *worst = (*worst).max(ms);
            }
        }
        longest
    }

    /// From the end of the last fault until every node went on, milliseconds.
    pub fn resume_ms(&self) -> Option<u64> {
        self.recoveries.iter().max_by_key(|recovery| recovery.ended_ms)?.everybody_ms
    }
}
