//! Which faults took effect, how often and for how long.
//!
//! Rule: a fault that waits for its victim (a crash after so many effects, a disk that fails at its next write)
//! counts from the moment when it strikes; every other one counts when it begins. Each lasts until it ends.

use std::collections::BTreeMap;

use crate::plan::{DiskAnswer, Fault};
use crate::world::{MS, World};

impl World {
    /// A fault takes effect now.
    pub(crate) fn begins(&mut self, index: usize) {
        let kind = self.plan.faults[index].fault.kind();
        *self.counts.faults.entry(kind).or_default() += 1;
        self.counts.in_effect_us.entry(index).or_insert(self.now_us);
    }

    /// The faults of this kind that wait for this node strike it now.
    pub(crate) fn strikes(&mut self, kind: &'static str, number: u16) {
        *self.counts.faults.entry(kind).or_default() += 1;
        for index in &self.active {
            let fault = &self.plan.faults[*index].fault;
            if fault.kind() == kind && fault.nodes().contains(&number) {
                self.counts.in_effect_us.entry(*index).or_insert(self.now_us);
                if let Fault::Disk { answer, .. } = fault {
                    let name = match answer {
                        DiskAnswer::Io => "disk_error",
                        DiskAnswer::NoSpace => "disk_full",
                    };
                    *self.counts.effects.entry(name).or_default() += 1;
                }
            }
        }
    }

    /// How long the faults of each kind were in effect, milliseconds of virtual time; a fault that began just before
    /// its end counts for one.
    pub fn fault_ms(&self) -> BTreeMap<String, u64> {
        let mut sums = BTreeMap::new();
        for (index, began_us) in &self.counts.in_effect_us {
            let scheduled = &self.plan.faults[*index];
            let end_ms = scheduled.at_ms.saturating_add(scheduled.for_ms).min(self.now_us / MS);
            let sum: &mut u64 = sums.entry(scheduled.fault.kind().to_owned()).or_default();
            *sum = sum.saturating_add(end_ms.saturating_sub(began_us / MS).max(1));
        }
        sums
    }

    /// From the end of a fault until somebody finalized a new height, the longest for each kind, milliseconds. Only
    /// ends after which no other fault is in effect count, since with another one the time says nothing.
    pub fn recovery_ms(&self) -> BTreeMap<String, u64> {
        let ends = |index: usize| {
            let scheduled = &self.plan.faults[index];
            (scheduled.at_ms, scheduled.at_ms.saturating_add(scheduled.for_ms))
        };
        let mut longest = BTreeMap::new();
        for index in self.counts.in_effect_us.keys().copied() {
            let (_, end_ms) = ends(index);
            let is_alone = (0..self.plan.faults.len()).map(ends).all(|(from, to)| to <= end_ms || from > end_ms);
            let end_us = end_ms.saturating_mul(MS);
            let next = self.counts.decided_us.partition_point(|decided| *decided < end_us);
            let Some(decided) = self.counts.decided_us.get(next).filter(|_| is_alone) else { continue };
            let kind = self.plan.faults[index].fault.kind().to_owned();
            let worst: &mut u64 = longest.entry(kind).or_default();
            *worst = (*worst).max((decided - end_us) / MS);
        }
        longest
    }
}

/// The name of a fault with what it does, for people.
pub fn in_words(fault: &Fault) -> String {
    match fault {
        Fault::Partition { side, one_way } => {
            let side = side.iter().map(u16::to_string).collect::<Vec<_>>().join(" ");
            format!("partition of {side}{}", if *one_way { ", one way" } else { "" })
        }
        Fault::Loss { ppm } => format!("loss of {} in 1,000", ppm / 1_000),
        Fault::Duplicates { ppm } => format!("duplicates, {} in 1,000", ppm / 1_000),
        Fault::Delay { jitter_ms } => format!("delay of up to {jitter_ms} ms"),
        Fault::Slow { node, by_ms } => format!("slow {node} by {by_ms} ms"),
        Fault::Clock { node, offset_ms } => format!("clock of {node} off by {offset_ms} ms"),
        other => {
            let nodes = other.nodes().iter().map(u16::to_string).collect::<Vec<_>>().join(" ");
            format!("{} {nodes}", other.kind().replace('_', " ")).trim_end().to_owned()
        }
    }
}
