//! What a person wants to see of one run: who was up, which height was final when, which faults were in effect.
//!
//! Model: a timeline is a [`Watch`]: it looks at the world after every event and changes nothing, so the run that is
//! drawn is the run that is reported.

use crate::injected::in_words;
use crate::plan::Plan;
use crate::report::Report;
use crate::run::{Watch, run_watched};
use crate::world::{MS, World};

/// Most heights that a lane remembers; a longer run shows the first ones.
pub const POINTS_MAX: usize = 100_000;

/// One validator.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lane {
    /// Its name for people.
    pub name: String,
    /// From when to when it was up, milliseconds.
    pub up: Vec<(u64, u64)>,
    /// When it finalized which height.
    pub finalized: Vec<(u64, u64)>,
}

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// Its kind.
    pub kind: &'static str,
    /// What it does, for people.
    pub text: String,
    /// From when to when it was planned, milliseconds.
    pub planned: (u64, u64),
    /// Since when it was in effect, if it ever was, milliseconds.
    pub since_ms: Option<u64>,
}

/// One run over time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Timeline {
    /// The validators, and the second nodes of twins after them.
    pub lanes: Vec<Lane>,
    /// The faults.
    pub faults: Vec<Window>,
    /// When a height was finalized first by an honest validator, in the order of the heights, milliseconds.
    pub decided_ms: Vec<u64>,
    /// When the last fault ended, milliseconds.
    pub healed_ms: u64,
    /// When the run ended, milliseconds.
    pub end_ms: u64,
}

impl Timeline {
    fn lane(plan: &Plan, number: u16, key: u16) -> Lane {
        let kind = plan.dishonest.get(&key).map(|kind| format!(" ({})", kind.name().replace('_', " ")));
        Lane { name: format!("validator {number}{}", kind.unwrap_or_default()), ..Lane::default() }
    }
}

impl Watch for Timeline {
    fn after(&mut self, world: &World) {
        let now_ms = world.now_us / MS;
        if self.lanes.is_empty() {
            self.lanes = world.nodes.iter().map(|node| Self::lane(&world.plan, node.number, node.key)).collect();
        }
        for (lane, node) in self.lanes.iter_mut().zip(&world.nodes) {
            let was_up = lane.up.last_mut().filter(|(_, to)| *to == self.end_ms || *to == now_ms);
            match (node.running.is_some(), was_up) {
                (true, Some((_, to))) => *to = now_ms,
                (true, None) => lane.up.push((now_ms, now_ms)),
                (false, _) => {}
            }
            let height = node.acknowledged.0;
            let last = lane.finalized.last().map_or(0, |(_, height)| *height);
            if height != last && lane.finalized.len() < POINTS_MAX {
                lane.finalized.push((now_ms, height));
            }
        }
        self.end_ms = now_ms;
    }

    fn ended(&mut self, world: &World) {
        self.healed_ms = world.plan.healed_ms();
        self.decided_ms = world.counts.decided_us.iter().map(|us| us / MS).collect();
        let window = |(index, scheduled): (usize, &crate::plan::Scheduled)| Window {
            kind: scheduled.fault.kind(),
            text: in_words(&scheduled.fault),
            planned: (scheduled.at_ms, scheduled.at_ms.saturating_add(scheduled.for_ms)),
            since_ms: world.counts.in_effect_us.get(&index).map(|us| us / MS),
        };
        self.faults = world.plan.faults.iter().enumerate().map(window).collect();
    }
}

/// Runs a plan and draws up what happened over time.
pub fn watch(plan: Plan) -> (Report, Timeline) {
    let mut timeline = Timeline::default();
    let report = run_watched(plan, &mut timeline);
    (report, timeline)
}
