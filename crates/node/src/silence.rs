//! Which validators are silent: not unlucky in one height, but absent from many certificates in a row.
//!
//! Read next: `consensus_events.rs`, which asks after each decision.

use std::collections::BTreeMap;

use primitives::Address;

/// A validator that signed none of this many certificates in a row is silent.
pub const SILENT_HEIGHTS: u32 = 60;

/// For how many certificates in a row each validator has not signed.
#[derive(Debug, Default)]
pub struct Silence {
    unsigned: BTreeMap<Address, u32>,
}

impl Silence {
    /// Takes over who is missing from the newest certificate; how many validators are silent then.
    pub fn after(&mut self, missing: &[Address]) -> usize {
        let before = std::mem::take(&mut self.unsigned);
        let next = |address: &Address| before.get(address).copied().unwrap_or(0).saturating_add(1);
        self.unsigned = missing.iter().map(|address| (*address, next(address))).collect();
        self.unsigned.values().filter(|heights| **heights >= SILENT_HEIGHTS).count()
    }
}
