//! Faults that begin and end.

use storage::{Fault as DiskFault, FaultOn};

use crate::plan::{DiskAnswer, DiskOperation, Fault};
use crate::properties::Check;
use crate::world::{Event, World};

/// Healthy operations before a fault that is taken back.
const NEVER: u32 = u32::MAX;

impl World {
    /// True while a fault keeps a validator from being started.
    pub(crate) fn is_held_down(&self, number: u16) -> bool {
        self.active.iter().any(|index| match &self.plan.faults[*index].fault {
            Fault::Crash { node, .. }
            | Fault::Restart { node }
            | Fault::LostDisk { node }
            | Fault::BitFlip { node }
            | Fault::MisdirectedWrite { node } => *node == number,
            Fault::PowerLoss => true,
            // It waits for its step; from then on the process is down.
            Fault::SnapshotCrash { node, .. } | Fault::PruneCrash { node, .. } | Fault::MigrateCrash { node, .. } => {
                *node == number && self.counts.in_effect_us.contains_key(index)
            }
            _ => false,
        })
    }

    /// True while an operation of a validator's disk is meant to fail.
    pub(crate) fn has_disk_fault(&self, number: u16) -> bool {
        let strikes = |index: &usize| match self.plan.faults[*index].fault {
            Fault::Disk { node, .. } => node == number,
            _ => false,
        };
        self.active.iter().any(strikes)
    }

    pub(crate) fn fault_begins(&mut self, index: usize) -> Check {
        self.active.insert(index);
        let fault = self.plan.faults[index].fault.clone();
        // A crash, a failing disk, a torn write and what hits snapshots are counted when they strike.
        let waits = matches!(
            fault,
            Fault::Crash { .. }
                | Fault::Disk { .. }
                | Fault::TornWrite { .. }
                | Fault::PruneCrash { .. }
                | Fault::MigrateCrash { .. }
                | Fault::Rot { .. }
        );
        if !waits && !fault.is_of_snapshots() {
            self.begins(index);
        }
        match fault.clone() {
            Fault::Crash { node, effects } => {
                if let Some(running) = &mut self.node(node).running {
                    running.machine.set_fuse(Some(effects));
                }
            }
            Fault::Restart { node } => self.stop(node),
            Fault::PowerLoss => (0..self.plan.nodes()).for_each(|node| self.stop(node)),
            Fault::LostDisk { node } => {
                self.stop(node);
                self.node(node).lose_disk();
            }
            Fault::Slow { node, by_ms } => self.node(node).slow_ms = by_ms,
            // What reaches it in the meantime is taken in after the end, in its order.
            Fault::Pause { node } => self.node(node).slow_ms = self.plan.faults[index].for_ms,
            Fault::Clock { node, offset_ms } => {
                self.effect(if offset_ms < 0 { "clock_set_back" } else { "clock_set_ahead" });
                self.node(node).offset_ms = offset_ms;
            }
            Fault::Disk { node, operation, answer } => {
                let (on, answer) = disk_fault(operation, answer);
                let healthy = u32::try_from(self.chance.below(4)).unwrap_or(0);
                self.node(node).disk.arm(on, healthy, answer);
                self.node(node).disk_fails = true;
            }
            Fault::TornWrite { node } | Fault::BitFlip { node } | Fault::MisdirectedWrite { node } => {
                self.damage_begins(node, &fault);
            }
            Fault::SnapshotCrash { .. } | Fault::SnapshotDisk { .. } | Fault::SnapshotDamage { .. } => {
                return self.snapshot_fault_begins(&fault);
            }
            Fault::MigrateCrash { node, at } => return self.migration_begins(node, at),
            Fault::Rot { node } => self.rot_begins(node),
            Fault::Partition { .. }
            | Fault::Disconnect { .. }
            | Fault::Loss { .. }
            | Fault::Duplicates { .. }
            | Fault::Delay { .. }
            | Fault::ProversStop
            | Fault::PruneCrash { .. } => {}
        }
        Ok(())
    }

    pub(crate) fn fault_ends(&mut self, index: usize) -> Check {
        self.active.remove(&index);
        match self.plan.faults[index].fault.clone() {
            Fault::Crash { node, .. } => {
                if let Some(running) = &mut self.node(node).running {
                    running.machine.set_fuse(None);
                }
            }
            Fault::Slow { node, .. } | Fault::Pause { node } => self.node(node).slow_ms = 0,
            Fault::Clock { node, .. } => self.node(node).offset_ms = 0,
            Fault::Disk { node, operation, answer } => {
                let (on, answer) = disk_fault(operation, answer);
                self.node(node).disk.arm(on, NEVER, answer);
                let fails = self.has_disk_fault(node) || self.node(node).tears;
                self.node(node).disk_fails = fails;
            }
            Fault::SnapshotCrash { node, .. } | Fault::SnapshotDisk { node, .. } => self.node(node).files.disarm(),
            fault @ (Fault::TornWrite { node } | Fault::BitFlip { node } | Fault::MisdirectedWrite { node }) => {
                self.damage_ends(node, &fault);
            }
            _ => {}
        }
        for node in 0..self.plan.nodes() {
            if self.node(node).running.is_none() {
                self.after(0, Event::Boot(node));
            }
        }
        Ok(())
    }
}

fn disk_fault(operation: DiskOperation, answer: DiskAnswer) -> (FaultOn, DiskFault) {
    let on = match operation {
        DiskOperation::Read => FaultOn::Read,
        DiskOperation::Write => FaultOn::Write,
        DiskOperation::Sync => FaultOn::Sync,
        DiskOperation::Mark => FaultOn::Mark,
    };
    let answer = match answer {
        DiskAnswer::Io => DiskFault::Io,
        DiskAnswer::NoSpace => DiskFault::NoSpace,
    };
    (on, answer)
}
