//! Pruning of simulated validators: bodies of old blocks go while the chain runs, and the process may end at each step of it.
//!
//! ```text
//!   height that is due ── Store::prune, one piece ──► looked at
//!                             │ crash before the write, after it, after the sync, after the mark
//!                             └─► start again ──► looked at: as before the piece or as after it
//! ```
//!
//! Model: the code that prunes is that of `storage`, on the disk that fails and loses what was not synced. A process that ends at a step
//! is one whose next call of the disk fails and that is stopped then; chance says whether a batch that was not synced survives.
//!
//! Read next: `plan/pruning.rs`, `spec/recovery.md`.

use primitives::Height;
use replica::Application;
use storage::{Fault as DiskFault, PruneTo, Store};

use crate::plan::{Fault, WriteStep};
use crate::properties::{Check, Property, broken};
use crate::world::{Event, REBOOT_US, World};

/// Healthy operations before a fault that is taken back.
const NEVER: u32 = u32::MAX;

impl World {
    /// A validator finalized a height: it prunes when that is due, and may end while it does.
    pub(crate) fn prune_is_due(&mut self, number: u16) -> Check {
        let Some(pruning) = self.plan.pruning.clone() else { return Ok(()) };
        let Some(running) = &self.nodes[usize::from(number)].running else { return Ok(()) };
        let (head, store) = (running.chain().finalized(), std::sync::Arc::clone(&running.store));
        let below = |kept: u64| Height(head.0.saturating_sub(kept));
        let to = PruneTo { bodies: below(pruning.keep_heights), headers_from: below(pruning.keep_headers) };
        if !head.0.is_multiple_of(pruning.every_heights) || to.bodies < store.oldest() {
            return Ok(());
        }
        let ends_at = self.ends_while_pruning(number);
        let disk = self.node(number).disk.clone();
        if let Some(on) = ends_at.and_then(WriteStep::fails_on) {
            disk.arm(on, 0, DiskFault::Io);
        }
        let done = store.prune(to);
        if let Some(step) = ends_at {
            step.fails_on().into_iter().for_each(|on| disk.arm(on, NEVER, DiskFault::Io));
            self.strikes("prune_crash", number);
            self.effect(step.prune_effect());
            self.stop(number);
            self.after(REBOOT_US, Event::Boot(number));
            return Ok(());
        }
        match done {
            Ok(_) => self.effect("pruned"),
            Err(_) if self.node(number).disk_fails => {
                self.strikes("disk", number);
                self.stop(number);
                self.after(REBOOT_US, Event::Boot(number));
                return Ok(());
            }
            // What rotted is looked for first; the piece waits.
            Err(error) if error.is_damage() && !self.node(number).rotten.is_empty() => return Ok(()),
            Err(error) => {
                let detail = format!("validator {number} cannot prune at height {head}: {error}");
                return broken(Property::PrunedStoresAnswer, detail);
            }
        }
        self.pruned_stores_answer(number)
    }

    /// The step of pruning at which this validator ends now, if a fault waits for it.
    fn ends_while_pruning(&self, number: u16) -> Option<WriteStep> {
        let waits = self.active.iter().filter(|index| !self.counts.in_effect_us.contains_key(index));
        waits.into_iter().find_map(|index| match self.plan.faults[*index].fault {
            Fault::PruneCrash { node, at } if node == number => Some(at),
            _ => None,
        })
    }

    /// A pruned store has whole what it should keep, names nothing that is gone, and its blocks and headers are those that were
    /// decided.
    ///
    /// # Errors
    /// It has not.
    pub(crate) fn pruned_stores_answer(&mut self, number: u16) -> Check {
        let Some(pruning) = self.plan.pruning.clone().filter(|_| self.is_honest(number)) else { return Ok(()) };
        let Some(running) = &self.nodes[usize::from(number)].running else { return Ok(()) };
        let (head, store) = (running.chain().finalized(), std::sync::Arc::clone(&running.store));
        self.judge.count(Property::PrunedStoresAnswer);
        let wrong = |height: Height, what: &str| {
            let detail = format!("validator {number} at height {head}: {what} of height {height}");
            broken(Property::PrunedStoresAnswer, detail)
        };
        let base = store.oldest();
        if base > Height(head.0.saturating_sub(pruning.keep_heights)).next() {
            return wrong(base, "the oldest block is too young, it is that");
        }
        let headers_from = head.0.saturating_sub(pruning.keep_headers).max(1);
        for height in (headers_from..=head.0).map(Height) {
            let Some((decided, _)) = self.judge.decided(height) else { continue };
            if store.is_quarantined(height) || self.nodes[usize::from(number)].rotten.contains(&height) {
                continue;
            }
            let header = store.header(height).ok().flatten();
            if header.map(|(header, _)| header.hash()) != Some(decided) {
                return wrong(height, "it has not the header");
            }
            let block = block_of(&store, height);
            if height >= base && block != Some(decided) {
                return wrong(height, "it has not the block");
            }
            if height < base && block.is_some() {
                return wrong(height, "it still has the block");
            }
        }
        Ok(())
    }
}

fn block_of(store: &Store, height: Height) -> Option<primitives::Hash> {
    let bytes = store.block(height).ok().flatten()?;
    primitives::Block::from_bytes(&bytes).ok().map(|block| block.hash())
}
