//! Damage to what a disk holds: a torn batch, a flipped bit, a value in another's place.
//!
//! Model: the process is down while a value is damaged; a torn batch is one whose sync failed. The next start must
//! refuse the store by name. Its operator then does what the refusal says: the store is moved away, and the
//! validator joins again from nothing with the guard of its key. So it counts as one that lost its disk.
//!
//! Rule: a start that does not notice a flipped bit or a misdirected write breaks `damage_is_found`. A torn batch may
//! also be undone in silence; then every other property must hold.

use storage::{Fault as DiskFault, FaultOn};

use crate::plan::{Fault, SeededBug};
use crate::properties::{Broken, Check, Property};
use crate::world::{Event, REBOOT_US, World};

/// Most changes of a torn batch that survive.
const TORN_OPS_MAX: usize = 24;
/// Healthy operations before a fault that is taken back.
const NEVER: u32 = u32::MAX;

impl World {
    /// A fault that damages begins.
    pub(crate) fn damage_begins(&mut self, number: u16, fault: &Fault) {
        if matches!(fault, Fault::TornWrite { .. }) {
            let node = self.node(number);
            node.disk.arm(FaultOn::Sync, 0, DiskFault::Io);
            (node.disk_fails, node.tears) = (true, true);
            return;
        }
        self.stop(number);
        let (first, second) = (self.chance.any(), self.chance.any());
        let resealed = self.plan.seeded_bug == Some(SeededBug::HidesDamage);
        let node = self.node(number);
        let is_done = match fault {
            Fault::BitFlip { .. } => node.disk.flip_any(first, second, resealed),
            _ => node.disk.misdirect(first, second),
        };
        if is_done {
            node.damage = Some(fault.kind());
        }
    }

    /// A fault that damages ends.
    pub(crate) fn damage_ends(&mut self, number: u16, fault: &Fault) {
        if matches!(fault, Fault::TornWrite { .. }) {
            // A fault of the same disk may still wait for its operation.
            let fails = self.has_disk_fault(number);
            let node = self.node(number);
            node.disk.arm(FaultOn::Sync, NEVER, DiskFault::Io);
            (node.disk_fails, node.tears) = (fails, false);
        }
    }

    /// A validator whose disk is damaged was started: `refusal` is what it said, if it refused.
    ///
    /// # Errors
    /// It started on damaged values.
    pub(crate) fn damage_is_found(&mut self, number: u16, refusal: Option<&str>) -> Check {
        let node = self.node(number);
        let Some(damage) = node.damage.take() else { return Ok(()) };
        if refusal.is_some() {
            node.lose_disk();
            self.after(REBOOT_US, Event::Boot(number));
        }
        self.judge.count(Property::DamageIsFound);
        if refusal.is_some() || damage == "torn_write" || !self.is_honest(number) {
            return Ok(());
        }
        let detail = format!("validator {number} started although its disk has a {}", damage.replace('_', " "));
        Err(Broken { property: Property::DamageIsFound, detail })
    }

    /// Ends the process on a disk that tears.
    pub(crate) fn tear(&mut self, number: u16, entries: usize) {
        let ops = self.chance.index(TORN_OPS_MAX + 1);
        let node = self.node(number);
        let is_torn = node.disk.crash_torn(ops);
        let _ = node.crash(0, entries);
        if is_torn {
            node.damage = Some("torn_write");
            self.strikes("torn_write", number);
        }
    }
}
