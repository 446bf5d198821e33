//! What a block changed in reputation, for whoever keeps a record of it.
//!
//! ```text
//! writes of the block: identity, hours, counters ─┐
//!                                                 ├─► standing before ≠ standing after ──► one change
//! times that have come: a window's end, decay ────┘
//! ```
//! Rules
//! - A standing is tier, score and counters in a block, at its height and time. A change joins the standing after the block before
//!   to that after the block, so the changes of one identity follow each other without a gap (REP-14).
//! - [`Dues`] knows when time alone will change a standing, so a block costs what it changes, however many identities there are.
//! - It is a report about the state and never part of it; after a restart it goes on from the state.

use std::collections::{BTreeMap, BTreeSet};

use primitives::{Address, Height, Params, Timestamp, decode};
use state::reputation::{self, Counters, Tier, counters, explain};
use state::{Executed, StateView, identity, timetoke};

/// Columns whose keys are a column and an address, and whose values decide a standing.
const COLUMNS: [u8; 3] = [identity::keys::IDENTITY, timetoke::keys::SUBJECT, reputation::keys::COUNTERS];

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

/// A change of one identity's standing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReputationChange {
    /// Whose.
    pub address: Address,
    /// After the block before.
    pub before: Standing,
    /// After the block.
    pub after: Standing,
}

/// When the standing of each identity changes next without a write. At most one entry for each identity.
#[derive(Debug, Default)]
pub(crate) struct Dues {
    times: BTreeMap<Address, Timestamp>,
    order: BTreeSet<(Timestamp, Address)>,
}

impl Dues {
    /// Those of every identity after the block at `now`.
    pub(crate) fn load(view: &dyn StateView, params: &Params, now: Timestamp) -> Self {
        let mut dues = Self::default();
        for column in COLUMNS {
            for (key, _) in view.scan(&[column], usize::MAX) {
                dues.renew(view, params, address_in(&key).as_slice(), now);
            }
        }
        dues
    }

    /// Whose time has come in a block at `now`.
    fn come(&self, now: Timestamp) -> impl Iterator<Item = Address> + '_ {
        self.order.iter().take_while(move |(time, _)| *time <= now).map(|(_, address)| *address)
    }

    /// Computes the times of these anew, after the block at `now`.
    pub(crate) fn renew(&mut self, view: &dyn StateView, params: &Params, addresses: &[Address], now: Timestamp) {
        for address in addresses {
            if let Some(time) = self.times.remove(address) {
                self.order.remove(&(time, *address));
            }
            // A state that does not decode stops the node in the next block.
            if let Ok(Some(time)) = reputation::next_change(view, params, address, now) {
                self.times.insert(*address, time);
                self.order.insert((time, *address));
            }
        }
    }
}

fn address_in(key: &[u8]) -> Option<Address> {
    decode(key.get(1..)?).ok()
}

/// The identities whose standing a block at `now` may change, by address.
pub(crate) fn touched(executed: &Executed, dues: &Dues, now: Timestamp) -> Vec<Address> {
    let mut found: BTreeSet<Address> = dues.come(now).collect();
    for column in COLUMNS {
        let written = executed.writes.range(vec![column]..);
        let written = written.take_while(|(key, _)| key.first() == Some(&column));
        found.extend(written.filter_map(|(key, _)| address_in(key)));
    }
    found.into_iter().collect()
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

/// Joins both sides, and leaves out whose standing is the same.
pub(crate) fn changes(
    addresses: &[Address],
    before: Vec<Option<Standing>>,
    after: Vec<Option<Standing>>,
) -> Vec<ReputationChange> {
    let joined = addresses.iter().zip(before.into_iter().zip(after));
    joined
        .filter_map(|(address, (before, after))| {
            Some(ReputationChange { address: *address, before: before?, after: after? })
        })
        .filter(|change| change.before != change.after)
        .collect()
}
