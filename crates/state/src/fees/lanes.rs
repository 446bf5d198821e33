//! Who uses how much of a block's weight, lane by lane.

use primitives::params::BASIS_POINTS;
use primitives::{Lane, Params};

use super::share;

/// Where a transaction's weight was placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// In the lane's own share: its own base fee.
    Own,
    /// In the other lane's free share: the higher of both base fees.
    Borrowed,
}

/// The weight used so far in one block.
#[derive(Debug, Clone)]
pub struct LaneMeter {
    shares: [u64; 3],
    own: [u64; 3],
    lent: [u64; 3],
}

impl LaneMeter {
    /// An empty block under `params`.
    pub fn new(params: &Params) -> Self {
        Self { shares: Lane::ALL.map(|lane| share(params, lane)), own: [0; 3], lent: [0; 3] }
    }

    /// An empty block whose consumer and industrial lanes are held down to `bps` basis points of their shares. The reserved
    /// lane keeps its own: the proofs that end a lag travel there.
    pub fn throttled(params: &Params, bps: u64) -> Self {
        let mut meter = Self::new(params);
        for lane in [Lane::Consumer, Lane::Industrial] {
            let share = &mut meter.shares[lane.index()];
            let held = u128::from(*share) * u128::from(bps.min(BASIS_POINTS)) / u128::from(BASIS_POINTS);
            *share = u64::try_from(held).unwrap_or(u64::MAX);
        }
        meter
    }

    /// Where `weight` more of `lane` would go, or `None` when there is no room for it.
    pub fn place(&self, lane: Lane, weight: u64, may_borrow: bool) -> Option<Placement> {
        let mine = lane.index();
        if self.lent[mine] > 0 {
            return None;
        }
        if self.own[mine].checked_add(weight)? <= self.shares[mine] {
            return Some(Placement::Own);
        }
        let other = lane.other()?.index();
        let lender_free = self.shares[other].saturating_sub(self.own[other]).saturating_sub(self.lent[other]);
        (may_borrow && weight <= lender_free).then_some(Placement::Borrowed)
    }

    /// Records a placement that [`LaneMeter::place`] returned.
    pub fn record(&mut self, lane: Lane, weight: u64, placement: Placement) {
        match placement {
            Placement::Own => self.own[lane.index()] = self.own[lane.index()].saturating_add(weight),
            Placement::Borrowed => {
                if let Some(lender) = lane.other() {
                    self.lent[lender.index()] = self.lent[lender.index()].saturating_add(weight);
                }
            }
        }
    }

    /// What the lane's share carried: its own transactions and what it lent.
    pub fn demand(&self, lane: Lane) -> u64 {
        self.own[lane.index()].saturating_add(self.lent[lane.index()])
    }

    /// The lane's guaranteed share.
    pub fn share(&self, lane: Lane) -> u64 {
        self.shares[lane.index()]
    }
}
