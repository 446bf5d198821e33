//! Whether a validator that calls itself ready is fit for work.
//!
//! Model: the validator judges itself by [`telemetry::health::readiness`], the function of a real node, from what it
//! can see: how long ago it finalized something, what its peers say. The world sees more, and compares.

use primitives::Height;
use telemetry::health::{Observation, Progress, Role, is_syncing, readiness, stall_limit_ms};

use crate::plan::SeededBug;
use crate::properties::{Broken, Check, Property};
use crate::world::{MS, World};

/// Heights that a ready validator may be behind: what the others decide before a lack of news shows as a stall, at
/// twice the usual pace.
fn behind_max(block_interval_ms: u64) -> u64 {
    stall_limit_ms(block_interval_ms).checked_div(block_interval_ms).unwrap_or(0).saturating_mul(2)
}

impl World {
    /// Heights that the validator believes the others to have beyond `finalized`, its own.
    pub(crate) fn behind(&self, number: u16, finalized: Height) -> u64 {
        let node = &self.nodes[usize::from(number)];
        let best = node.running.as_ref().and_then(|running| running.tips.values().max().copied());
        let progress = Progress {
            finalized: finalized.0,
            live_heights: node.live_heights,
            finalized_age_ms: self.now_us.saturating_sub(node.finalized_us) / MS,
            block_interval_ms: self.genesis.params.block_interval_ms,
        };
        telemetry::health::behind(best.unwrap_or_default().0, &progress)
    }

    /// True when the validator calls itself ready.
    fn is_ready(&self, number: u16) -> bool {
        let node = &self.nodes[usize::from(number)];
        let Some(running) = &node.running else { return false };
        let behind = self.behind(number, node.finalized());
        let mut observation = Observation {
            role: Role::Validator,
            stopping: false,
            services_down: &[],
            disk_low: None,
            disk_full: None,
            quarantined: 0,
            starting: node.starting,
            finalized_age_ms: self.now_us.saturating_sub(node.finalized_us) / MS,
            block_interval_ms: self.genesis.params.block_interval_ms,
            behind,
            syncing: is_syncing(behind),
            peers: running.tips.len(),
            only_validator: false,
        };
        if self.plan.seeded_bug == Some(SeededBug::SaysItIsReady) {
            (observation.starting, observation.finalized_age_ms, observation.syncing) = (false, 0, false);
        }
        readiness(&observation).ready()
    }

    /// A validator that calls itself ready finalized something lately and is not far behind the others.
    ///
    /// # Errors
    /// It did not, or is.
    pub(crate) fn readiness_tells_the_truth(&mut self, number: u16) -> Check {
        self.judge.count(Property::ReadinessTellsTheTruth);
        if !self.is_ready(number) {
            return Ok(());
        }
        let interval_ms = self.genesis.params.block_interval_ms;
        let node = &self.nodes[usize::from(number)];
        let age_ms = self.now_us.saturating_sub(node.finalized_us) / MS;
        let behind = self.judge.height().0.saturating_sub(node.finalized().0);
        if age_ms > stall_limit_ms(interval_ms) || behind > behind_max(interval_ms) {
            let detail = format!(
                "validator {number} says that it is ready: it finalized its last height {age_ms} ms ago and is {behind} \
                 heights behind"
            );
            return Err(Broken { property: Property::ReadinessTellsTheTruth, detail });
        }
        Ok(())
    }
}
