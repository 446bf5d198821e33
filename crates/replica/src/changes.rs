//! What a block changed in reputation, for whoever keeps a record of it.
//!
//! Computed from the block's writes and the state on both sides of it, so it costs nothing for a block that moves no
//! counter. It is a report about the state and never part of it.

use primitives::{Address, Height, Params, Timestamp, decode};
use state::reputation::{Counters, Tier, counters, explain, keys};
use state::{Executed, StateView};

/// An identity's standing at one height.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Its tier.
    pub tier: Tier,
    /// Its score with peer feedback, ppm.
    pub score_ppm: u64,
    /// Its counters.
    pub counters: Counters,
}

/// A change of one identity's counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReputationChange {
    /// Whose.
    pub address: Address,
    /// After the block before.
    pub before: Standing,
    /// After the block.
    pub after: Standing,
}

/// The identities whose counters a block writes, by address.
pub(crate) fn touched(executed: &Executed) -> Vec<Address> {
    let written = executed.writes.range(vec![keys::COUNTERS]..);
    let counted = written.take_while(|(key, _)| key.first() == Some(&keys::COUNTERS));
    counted.filter_map(|(key, _)| decode(key.get(1..)?).ok()).collect()
}

/// The standing of each address, or none where the state does not decode: the next block stops such a node.
pub(crate) fn standings(
    view: &dyn StateView,
    params: &Params,
    addresses: &[Address],
    height: Height,
    now: Timestamp,
) -> Vec<Option<Standing>> {
    let standing = |address: &Address| {
        let found = explain(view, params, address, height, now).ok()?;
        Some(Standing { tier: found.tier, score_ppm: found.score_ppm, counters: counters(view, address).ok()? })
    };
    addresses.iter().map(standing).collect()
}

/// Joins both sides.
pub(crate) fn changes(
    addresses: Vec<Address>,
    before: Vec<Option<Standing>>,
    after: Vec<Option<Standing>>,
) -> Vec<ReputationChange> {
    let joined = addresses.into_iter().zip(before.into_iter().zip(after));
    joined
        .filter_map(|(address, (before, after))| Some(ReputationChange { address, before: before?, after: after? }))
        .collect()
}
