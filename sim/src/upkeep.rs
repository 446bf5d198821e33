//! Stores that are migrated and stores that rot: what a program and its operator do about both, and what must hold.
//!
//! ```text
//!   old schema ── refused ──► migrate ─ dies at a step ─► migrate again ──► start
//!   rot ─┬─ while it runs: check_height ──► quarantine ──┐
//!        └─ at a start: refused ──► mend, a new store ───┴─► asks a neighbour ──► readmit
//! ```
//!
//! Model: the code that migrates, looks, quarantines, mends and takes bodies back is that of `storage`, on the disk that fails and loses
//! what was not synced. When a running validator looks is modelled: at each status once the fault has ended. So are questions and answers, and a
//! dishonest neighbour inverts a bit of every body that it gives.
//!
//! Rule: rot is inverted at least [`NEWEST_HEIGHTS`] below the last height, as a scrub looks no further.
//!
//! Read next: `pruned.rs`, `spec/recovery.md`.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use primitives::{Height, decode, encode};
use replica::Application;
use storage::{Body, Fault as DiskFault, FaultOn, Refused, SCHEMA_OLDEST, StorageError, Store, StoreConfig};

use crate::plan::{Fault, WriteStep};
use crate::properties::{Broken, Check, Property, broken};
use crate::world::{Event, Packet, REBOOT_US, World};

/// Healthy operations before a fault that is taken back.
const NEVER: u32 = u32::MAX;
/// The newest heights are not looked at.
const NEWEST_HEIGHTS: u64 = 8;

/// What a validator gives one that has lost a height: its body and that of the height before.
pub(crate) fn bodies(store: &Store, height: Height) -> Option<Vec<u8>> {
    let body = store.body(height).ok().flatten()?;
    let below = height.previous().and_then(|below| store.body(below).ok().flatten());
    Some(encode(&(body, below)))
}

impl World {
    /// The process is stopped, its store is that of an older program, and the migration dies at a step.
    pub(crate) fn migration_begins(&mut self, number: u16, at: WriteStep) -> Check {
        const NAME: Property = Property::MigrationIsFinished;
        let genesis = self.genesis_hash;
        let node = self.node(number);
        if node.running.is_none() || node.disk_fails || node.damage.is_some() || !node.rotten.is_empty() {
            return Ok(());
        }
        self.stop(number);
        let disk = self.node(number).disk.clone();
        if !disk.relabel(SCHEMA_OLDEST) {
            return Ok(());
        }
        self.node(number).migrates = true;
        self.strikes("migrate_crash", number);
        self.effect(at.migrate_effect());
        self.judge.count(NAME);
        let config = StoreConfig::Faulty(disk.clone());
        if !matches!(Store::open(&config, &genesis), Err(StorageError::OldSchema { .. })) {
            return broken(NAME, format!("validator {number} does not refuse a store of schema {SCHEMA_OLDEST}"));
        }
        let found = || {
            Store::migrate_in(&config, &genesis, true, &mut |_, _| {})
                .map(|migration| (migration.found, migration.wanted))
        };
        if !matches!(found(), Ok((SCHEMA_OLDEST, _))) {
            return broken(NAME, format!("validator {number} changed a store that it only looked at: {:?}", found()));
        }
        // Opening the store syncs and writes the mark once.
        let healthy = |on| u32::from(on != FaultOn::Write);
        at.fails_on().into_iter().for_each(|on| disk.arm(on, healthy(on), DiskFault::Io));
        let done = Store::migrate_in(&config, &genesis, false, &mut |_, _| {});
        at.fails_on().into_iter().for_each(|on| disk.arm(on, NEVER, DiskFault::Io));
        disk.crash(self.chance.index(disk.unsynced().saturating_add(1)));
        let is_right = match (at, found()) {
            (WriteStep::BeforeWrite, Ok((schema, _))) => schema == SCHEMA_OLDEST,
            (WriteStep::AfterWrite, Ok((schema, wanted))) => schema == SCHEMA_OLDEST || schema == wanted,
            (WriteStep::AfterSync | WriteStep::AfterMark, Ok((schema, wanted))) => schema == wanted,
            (_, Err(_)) => false,
        };
        if is_right {
            return Ok(());
        }
        broken(NAME, format!("validator {number} died at {at:?}, which said {done:?}, and left {:?}", found()))
    }

    /// Before a start: a store of an older program is migrated. False when that has to be done again.
    ///
    /// # Errors
    /// It cannot be.
    pub(crate) fn is_migrated(&mut self, number: u16) -> Result<bool, Broken> {
        const NAME: Property = Property::MigrationIsFinished;
        let genesis = self.genesis_hash;
        let node = self.node(number);
        if !node.migrates {
            return Ok(true);
        }
        let (disk, tears) = (node.disk.clone(), node.tears);
        let config = StoreConfig::Faulty(disk.clone());
        match Store::migrate_in(&config, &genesis, false, &mut |_, _| {}) {
            Ok(done) if done.is_done => {}
            Err(_) if node.disk_fails => {
                disk.crash(0);
                if !tears {
                    self.strikes("disk", number);
                }
                self.after(REBOOT_US, Event::Boot(number));
                return Ok(false);
            }
            Err(error) if node.damage.is_some() => {
                return self.damage_is_found(number, Some(&error.to_string())).map(|()| false);
            }
            other => {
                return broken(NAME, format!("validator {number} cannot migrate its store: {other:?}")).map(|()| false);
            }
        }
        node.migrates = false;
        // What the command said is durable.
        disk.crash(0);
        self.judge.count(NAME);
        self.effect("migrated");
        match Store::migrate_in(&config, &genesis, true, &mut |_, _| {}) {
            Ok(again) if again.found != again.wanted => {
                broken(NAME, format!("validator {number} lost a migration that was done: {again:?}")).map(|()| false)
            }
            // A disk that fails is seen by the start.
            _ => Ok(true),
        }
    }

    /// A bit of an old block is inverted under a validator that runs.
    pub(crate) fn rot_begins(&mut self, number: u16) {
        let node = &self.nodes[usize::from(number)];
        let Some(running) = node.running.as_ref().filter(|_| !node.migrates && node.damage.is_none()) else { return };
        let (oldest, head, disk) = (running.store.oldest(), running.chain().finalized(), node.disk.clone());
        let store = Arc::clone(&running.store);
        let last = head.0.saturating_sub(NEWEST_HEIGHTS);
        if last < oldest.0.max(1) {
            return;
        }
        let height = Height(self.chance.between(oldest.0.max(1), last));
        let (pick, bit) = (self.chance.any(), self.chance.any());
        if store.is_quarantined(height) || self.node(number).rotten.contains(&height) || !disk.rot(height, pick, bit) {
            return;
        }
        self.node(number).rotten.insert(height);
        self.strikes("rot", number);
    }

    /// A running validator looks at its store once the fault has ended, and asks for what is quarantined.
    ///
    /// # Errors
    /// It does not find what rotted.
    pub(crate) fn looks_for_rot(&mut self, number: u16) -> Check {
        const NAME: Property = Property::RotIsMended;
        let still = |index: &usize| matches!(self.plan.faults[*index].fault, Fault::Rot { node } if node == number);
        let waits = self.active.iter().any(|index| still(index) && self.counts.in_effect_us.contains_key(index));
        let node = &self.nodes[usize::from(number)];
        let Some(running) = node.running.as_ref().filter(|_| !node.disk_fails && !waits) else { return Ok(()) };
        if node.rotten.is_empty() && running.store.quarantined().is_empty() {
            return Ok(());
        }
        let (store, head) = (Arc::clone(&running.store), running.chain().finalized());
        self.judge.count(NAME);
        let digest = snapshots::digest(&self.genesis_hash);
        let oldest = store.oldest();
        self.node(number).rotten.retain(|height| *height >= oldest);
        for height in (oldest.0.max(1)..=head.0.saturating_sub(NEWEST_HEIGHTS)).map(Height) {
            let is_bad = !store.is_quarantined(height)
                && store.check_height(height, &digest).is_ok_and(|findings| !findings.is_empty());
            if is_bad {
                match store.quarantine(height) {
                    Ok(_) => self.effect("rot_found"),
                    Err(error) => {
                        return broken(NAME, format!("validator {number} cannot quarantine {height}: {error}"));
                    }
                }
            }
        }
        if let Some(missed) = self.node(number).rotten.iter().find(|height| !store.is_quarantined(**height)) {
            return broken(NAME, format!("validator {number} does not see that height {missed} is rotten"));
        }
        let known = store.quarantined().into_iter().rev().find(|one| one.block.is_some());
        let peers = self.mesh.neighbours(number);
        let Some(wanted) = known.filter(|_| !peers.is_empty()) else { return Ok(()) };
        let (peer, question) = (peers[self.chance.index(peers.len())], self.numbers);
        self.node(number).wanted = Some((question, wanted.height));
        self.send(number, peer, Packet::SnapshotAsk(question, crate::joining::Question::Bodies(wanted.height)));
        Ok(())
    }

    /// A neighbour answered about a quarantined height.
    ///
    /// # Errors
    /// Something else than what was decided is kept.
    pub(crate) fn bodies_came(&mut self, number: u16, answer: Option<&Bytes>) -> Check {
        const NAME: Property = Property::RotIsMended;
        let digest = snapshots::digest(&self.genesis_hash);
        let node = self.node(number);
        let (Some((_, height)), Some(answer)) = (node.wanted.take(), answer) else { return Ok(()) };
        let Some(store) = node.running.as_ref().map(|running| Arc::clone(&running.store)) else { return Ok(()) };
        let Ok((body, below)) = decode::<(Body, Option<Body>)>(answer) else {
            self.effect("body_refused");
            return Ok(());
        };
        let hash = store.quarantined().into_iter().find(|one| one.height == height).and_then(|one| one.block);
        let block = hash.and_then(|hash| Store::is_body_of(&body, &hash));
        let below = below.filter(|_| height.previous().is_some_and(|below| store.is_quarantined(below)));
        let below = below.zip(block).and_then(|(below, block)| Store::is_body_of(&below, &block.header.parent));
        match store.readmit(height, &body, &digest, below.map(|below| below.header.ops_digest)) {
            Ok(Ok(())) => {}
            Ok(Err(Refused::Wrong | Refused::WrongOperations)) => {
                self.effect("body_refused");
                return Ok(());
            }
            Ok(Err(Refused::NotQuarantined | Refused::NotInTurn)) => return Ok(()),
            Err(_) if node.disk_fails => {
                // What was not synced may survive, so the height is back or still quarantined: the next start tells.
                node.rotten.remove(&height);
                // A torn write is counted when the batch is torn.
                if !node.tears {
                    self.strikes("disk", number);
                }
                self.stop(number);
                self.after(REBOOT_US, Event::Boot(number));
                return Ok(());
            }
            Err(error) => return broken(NAME, format!("validator {number} cannot take height {height} back: {error}")),
        }
        node.rotten.remove(&height);
        self.effect("body_back");
        self.judge.count(NAME);
        let header = store.header(height).ok().flatten().map(|(header, _)| header.hash());
        let findings = store.check_height(height, &digest).unwrap_or_default();
        if header == self.judge.decided(height).map(|(hash, _)| hash) && findings.is_empty() {
            return Ok(());
        }
        broken(NAME, format!("validator {number} took something else back as height {height}: {findings:?}"))
    }

    /// A start refused a rotten store: it is built anew from what can be read.
    ///
    /// # Errors
    /// It cannot be, or rot is in the new store.
    pub(crate) fn mends_at_a_start(&mut self, number: u16, refusal: &str) -> Check {
        const NAME: Property = Property::RotIsMended;
        let (genesis, digest) = (self.genesis_hash, snapshots::digest(&self.genesis_hash));
        self.judge.count(NAME);
        let (built, quarantined) = match Store::mend_faulty(&self.node(number).disk, &genesis, &digest) {
            Ok(built) => built,
            Err(error) => {
                let detail = format!("validator {number} refuses its store ({refusal}) and cannot mend it: {error}");
                return broken(NAME, detail);
            }
        };
        let oldest = Store::open(&StoreConfig::Faulty(built.clone()), &genesis).map(|store| store.oldest());
        let node = self.node(number);
        node.rotten.retain(|height| oldest.as_ref().is_ok_and(|oldest| height >= oldest));
        let quarantined: BTreeSet<Height> = quarantined.into_iter().collect();
        if oldest.is_err() || !node.rotten.is_subset(&quarantined) {
            let detail = format!("validator {number} mended its store, {:?} are rotten: {quarantined:?}", node.rotten);
            return broken(NAME, detail);
        }
        (node.disk, node.wanted) = (built, None);
        self.effect("store_mended");
        self.after(0, Event::Boot(number));
        Ok(())
    }

    /// At the end: nothing is missing that an honest neighbour has.
    ///
    /// # Errors
    /// Something is.
    pub(crate) fn what_rotted_is_back(&mut self, number: u16) -> Check {
        const NAME: Property = Property::RotIsMended;
        let node = &self.nodes[usize::from(number)];
        let Some(running) = node.running.as_ref().filter(|_| self.is_honest(number)) else { return Ok(()) };
        let missing = running.store.quarantined();
        if missing.is_empty() && node.rotten.is_empty() {
            return Ok(());
        }
        for neighbour in self.mesh.neighbours(number).into_iter().filter(|one| self.is_honest(*one)) {
            let Some(other) = &self.nodes[usize::from(neighbour)].running else { continue };
            if let Some(one) = missing.iter().find(|one| matches!(other.store.body(one.height), Ok(Some(_)))) {
                let height = one.height;
                let detail = format!("validator {number} still lacks height {height}, validator {neighbour} has it");
                return broken(NAME, detail);
            }
        }
        // Nobody has it: what is left of the store is whole without it.
        let digest = snapshots::digest(&self.genesis_hash);
        match Store::mend_faulty(&node.disk, &self.genesis_hash, &digest) {
            Ok((built, _)) => {
                self.node(number).disk = built;
                Ok(())
            }
            Err(error) => broken(NAME, format!("validator {number} cannot mend its store: {error}")),
        }
    }
}
