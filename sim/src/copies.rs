//! Snapshots of simulated validators: when they are made, what may go wrong meanwhile, and what must hold.
//!
//! ```text
//!   height that is due ── freeze ──► Event::Copy, a while later ──► Shelf::create, prune ──► looked at
//!                                        blocks go on                   │ crash, failing disk: on purpose only
//! ```
//!
//! Model: the code that copies, keeps and lists is that of the crate `snapshots`, on files that fail, end the process at a named
//! step, lose what was not synced, and rot. The world knows which copy each height has and which files it damaged.
//!
//! Read next: `joining.rs` (who begins with a copy), `plan/snapshots.rs`.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use primitives::{Hash, Height};
use snapshots::{Maker, Shelf, Snapshot, SnapshotError};
use storage::{Fault as DiskFault, FileOperation, Frozen};

use crate::plan::{DiskAnswer, Fault, SeededBug, SnapshotOperation, SnapshotStep};
use crate::properties::{Check, Property, broken};
use crate::world::{Event, MS, REBOOT_US, World};

/// Where a validator keeps its snapshots.
pub(crate) const SHELF: &str = "/snapshots";
/// The name of a run's chain.
const CHAIN_ID: &str = "simulation";

/// The state that was copied at each height, as one hash.
pub(crate) type Copied = BTreeMap<Height, Hash>;

impl World {
    /// A validator's snapshots.
    pub(crate) fn shelf(&self, number: u16) -> Shelf {
        Shelf::on(Arc::new(self.nodes[usize::from(number)].files.clone()), SHELF)
    }

    /// A height was frozen: its copy is made in a while, unless another one is being made.
    pub(crate) fn copy_is_due(&mut self, number: u16) {
        let Some(copy_ms) = self.plan.snapshots.as_ref().map(|snapshots| snapshots.copy_ms) else { return };
        let Some(running) = &mut self.node(number).running else { return };
        let Some(frozen) = running.frozen() else { return };
        if running.copying.is_some() {
            return;
        }
        running.copying = Some(frozen);
        let (life, wait_us) = (self.node(number).life, self.copies_chance.between(1, copy_ms.saturating_mul(MS)));
        self.after(wait_us, Event::Copy(number, life));
    }

    /// The copy is made.
    pub(crate) fn copy(&mut self, number: u16, life: u32) -> Check {
        let (keep, now_ms) = (self.plan.snapshots.as_ref().map_or(1, |snapshots| snapshots.keep), self.now_us / MS);
        let key = self.keys.validator(self.node(number).key);
        let shelf = self.shelf(number);
        let node = self.node(number);
        node.set_clock(now_ms);
        let now = node.now();
        let moves = node.bug == Some(SeededBug::CopiesAMovingStore);
        let (disk, armed) = (node.disk.clone(), node.files.armed());
        let Some(running) = node.running.as_mut().filter(|_| node.life == life) else { return Ok(()) };
        let Some(frozen) = running.copying.take() else { return Ok(()) };
        let due = frozen.head().height;
        let frozen = if moves { running.store.freeze().unwrap_or(frozen) } else { frozen };
        let before = (running.store.head(), disk.snapshot());
        let made = make(&shelf, &frozen, &Maker { chain_id: CHAIN_ID, key: &key, now }, keep);
        let is_untouched = before == (running.store.head(), disk.snapshot());
        if let Some(point) = node.files.reached() {
            return self.ends_at(number, point);
        }
        let fails = node.files.armed() < armed;
        match made {
            Err(_) if fails => {
                self.effect("snapshot_failed");
                self.strikes("snapshot_disk", number);
                Ok(())
            }
            made => {
                self.effect("snapshot_made");
                if !self.is_honest(number) {
                    return Ok(());
                }
                self.snapshots_leave_blocks_alone(number, due, made, is_untouched)?;
                self.no_bad_snapshot_is_used(number)
            }
        }
    }

    /// The process of a validator ended at a step of a snapshot.
    pub(crate) fn ends_at(&mut self, number: u16, point: storage::CrashPoint) -> Check {
        let step = SnapshotStep::ALL.into_iter().find(|step| step.point() == point);
        self.strikes("snapshot_crash", number);
        step.into_iter().for_each(|step| self.effect(step.effect()));
        self.stop(number);
        self.after(REBOOT_US, Event::Boot(number));
        self.no_bad_snapshot_is_used(number)
    }

    /// A fault of snapshots begins.
    pub(crate) fn snapshot_fault_begins(&mut self, fault: &Fault) -> Check {
        match *fault {
            Fault::SnapshotCrash { node, at } => self.node(node).files.crash_at(at.point()),
            Fault::SnapshotDisk { node, operation, answer } => {
                let on = match operation {
                    SnapshotOperation::Read => FileOperation::Read,
                    SnapshotOperation::Write => FileOperation::Write,
                    SnapshotOperation::Sync => FileOperation::Sync,
                    SnapshotOperation::Rename => FileOperation::Rename,
                };
                let answer = match answer {
                    DiskAnswer::Io => DiskFault::Io,
                    DiskAnswer::NoSpace => DiskFault::NoSpace,
                };
                let healthy = u32::try_from(self.copies_chance.below(4)).unwrap_or(0);
                self.node(node).files.arm(on, healthy, answer);
            }
            Fault::SnapshotDamage { node } => {
                let (pick, bit) = (self.copies_chance.any(), self.copies_chance.any());
                let hurt = self.node(node).files.flip_any(Path::new(SHELF), pick, bit);
                if let Some(folder) = hurt.as_deref().and_then(Path::parent) {
                    self.node(node).hurt.insert(folder.to_owned());
                    self.strikes("snapshot_damage", node);
                    return self.no_bad_snapshot_is_used(node);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// What survives of the files of a process that ends.
    pub(crate) fn crash_files(&mut self, number: u16) {
        if self.plan.snapshots.is_none() {
            return;
        }
        let (files, chance) = (self.nodes[usize::from(number)].files.clone(), &mut self.copies_chance);
        files.crash(&mut |bound| chance.index(bound));
    }

    /// A copy is of the height that was due, and the same that others made of it; making it has changed nothing.
    fn snapshots_leave_blocks_alone(
        &mut self,
        number: u16,
        due: Height,
        made: Result<Snapshot, SnapshotError>,
        is_untouched: bool,
    ) -> Check {
        const NAME: Property = Property::SnapshotsLeaveBlocksAlone;
        self.judge.count(NAME);
        let made = match made {
            Ok(made) => made,
            Err(error) => return broken(NAME, format!("validator {number} could not copy height {due}: {error}")),
        };
        if !is_untouched {
            return broken(NAME, format!("validator {number} changed its store when it copied height {due}"));
        }
        let content = &made.manifest.content;
        if made.height() != due || self.judge.decided(due).map(|(hash, _)| hash) != Some(content.header.hash()) {
            let copied = made.height();
            return broken(NAME, format!("validator {number} copied height {copied}, height {due} was due"));
        }
        let copy = made.manifest.state_id();
        let known = *self.copied.entry(due).or_insert(copy);
        if known != copy {
            return broken(NAME, format!("validator {number} made another copy of height {due} than the others"));
        }
        Ok(())
    }

    /// What is listed is whole unless a bit of it was inverted, and then it is refused.
    ///
    /// # Errors
    /// It is not, or is not.
    pub(crate) fn no_bad_snapshot_is_used(&mut self, number: u16) -> Check {
        const NAME: Property = Property::NoBadSnapshotIsUsed;
        if self.plan.snapshots.is_none() || !self.is_honest(number) || self.node(number).files.armed() > 0 {
            return Ok(());
        }
        self.judge.count(NAME);
        let listed = match self.shelf(number).list() {
            Ok(listed) => listed,
            Err(error) => return broken(NAME, format!("validator {number} cannot list its snapshots: {error}")),
        };
        for (path, snapshot) in listed {
            let is_hurt = self.node(number).hurt.contains(&path);
            let whole = snapshot.and_then(|snapshot| snapshot.read(&mut |_| {}, &mut |_, _| {}).map(|()| snapshot));
            let path = path.display();
            match whole {
                Ok(_) if is_hurt => {
                    return broken(NAME, format!("validator {number} takes {path} for whole, which has a flipped bit"));
                }
                Ok(whole) => {
                    let known = self.copied.get(&whole.height());
                    if known.is_some_and(|known| *known != whole.manifest.state_id()) {
                        return broken(NAME, format!("validator {number} has another state in {path} than the others"));
                    }
                }
                Err(_) if is_hurt => self.effect("snapshot_refused"),
                Err(error) => return broken(NAME, format!("validator {number} lists {path}, which is half: {error}")),
            }
        }
        Ok(())
    }
}

/// What a node does at a height that is due.
fn make(shelf: &Shelf, frozen: &Frozen, maker: &Maker<'_>, keep: usize) -> Result<Snapshot, SnapshotError> {
    let made = shelf.create(frozen, maker, &mut |_| {})?;
    shelf.prune(keep, None, maker.now)?;
    Ok(made)
}
