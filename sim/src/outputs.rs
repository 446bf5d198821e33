//! What a validator wants done: messages, timers, the log; and what its chain told.
//!
//! Rule: a dishonest validator's messages are changed here, on their way out, and the witness sees every signed
//! message before the network may lose it.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use consensus::ConsensusEvent;
use consensus::machine::{Channel, End, Output, Timer};
use mempool::CheckedTransaction;
use primitives::{Address, Block, Height, Round, Timestamp, Transaction};
use replica::reports::{REPORT_HEIGHTS, WAITING_MAX};
use replica::{Application, FinalizedBlock, QueueLength, Replica, ReplicaEvent};
use storage::columns::Column;
use storage::{Fault as DiskFault, FaultOn};

use crate::plan::{Fault, Misbehaviour, SeededBug};
use crate::properties::{Broken, Check, Property};
use crate::world::{Event, MS, Packet, REBOOT_US, World};

/// Heights within which an offence that was seen in a healthy network is punished.
pub const PUNISHED_WITHIN: u64 = 3;
/// The same where links lose messages or pass them on: a report is made again after ten heights.
pub const PUNISHED_WITHIN_LOSSY: u64 = 14;
/// Heights after the last fault until a network counts as healthy.
pub const SETTLED_WITHIN: u64 = 3;

impl World {
    /// Does what a validator wants done, and looks at what its chain told.
    pub(crate) fn apply(&mut self, number: u16, outputs: Vec<Output>) -> Check {
        for output in outputs {
            self.output(number, output);
        }
        if let Some(broken) = self.caught.take() {
            return Err(broken);
        }
        let Some(running) = &self.nodes[usize::from(number)].running else { return Ok(()) };
        let (told, replica, end) = (running.told(), Arc::clone(&running.replica), running.machine.end().cloned());
        let mut is_news = std::mem::take(&mut self.found_offence);
        for event in told {
            self.remembers(number, &event);
            if let ReplicaEvent::Finalized(block) = event {
                let chain = replica.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                self.finalized(number, &block, &chain)?;
                is_news = true;
            }
        }
        if is_news && end.is_none() {
            self.reports(number)?;
            self.copy_is_due(number);
            self.prune_is_due(number)?;
        }
        match end {
            None => self.queues_bounded(number),
            Some(end) => self.ended(number, end),
        }
    }

    /// A validator that holds a quorum alone may decide a height, die before it says so, and find it in its store: it says so now.
    ///
    /// # Errors
    /// The first property that does not hold.
    pub(crate) fn says_what_survived(&mut self, number: u16) -> Check {
        let Some(running) = &self.nodes[usize::from(number)].running else { return Ok(()) };
        let replica = Arc::clone(&running.replica);
        let chain = replica.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let height = chain.finalized();
        if height != self.judge.height().next() {
            return Ok(());
        }
        let body = running.store.body(height).ok().flatten();
        let block = body.as_ref().and_then(|body| Some((Block::from_bytes(&body.block).ok()?, body)));
        // A store that cannot be read is found by the start.
        let Some((block, body)) = block else { return Ok(()) };
        let finalized = FinalizedBlock {
            hash: block.hash(),
            round: body.certificate.as_ref().map_or(Round(0), |certificate| certificate.round),
            transactions: body.receipts.iter().map(|receipt| receipt.transaction).collect(),
            receipts: body.receipts.iter().cloned().collect(),
            events: body.closing.iter().cloned().collect(),
            reputation: Vec::new(),
            bytes: body.block.len(),
            block,
        };
        self.finalized(number, &finalized, &chain)
    }

    fn finalized(&mut self, number: u16, block: &FinalizedBlock, chain: &Replica) -> Check {
        let height = block.block.header.height;
        let now_us = self.now_us;
        let node = self.node(number);
        (node.acknowledged, node.finalized_us) = (height, now_us);
        if node.bug == Some(SeededBug::LosesTheIndex) {
            for id in &block.transactions {
                node.disk.lose(Column::Transactions, id.0.as_bytes());
            }
        }
        if self.behind(number, height) == 0 {
            self.node(number).starting = false;
        }
        self.trace.update(block.hash.as_bytes());
        if !self.is_honest(number) {
            return Ok(());
        }
        self.accuses_nobody(number, block, chain)?;
        if height > self.decided {
            self.decided = height;
            let made_up = self.dishonest.values().any(|dishonest| dishonest.invalid.contains_key(&block.hash));
            self.counts.tampered_final += u64::from(made_up);
            if !self.active.is_empty() {
                self.unhealthy = height;
            }
            let round = block.round.0;
            *self.counts.rounds.entry(round).or_default() += 1;
            self.counts.decided_us.push(self.now_us);
            // The height that was being decided when the last fault ended may have many rounds behind it.
            if self.healed_at.is_some_and(|healed| height.0 > healed.0 + 1) {
                self.counts.calm_round_max = self.counts.calm_round_max.max(round);
            }
        }
        let is_new = height > self.judge.height();
        let changes = |judge: &crate::properties::Judge| judge.stakes().counts().get("set_changed").copied();
        let before = changes(&self.judge);
        self.judge.finalized(number, block, chain)?;
        if changes(&self.judge) != before && !self.active.is_empty() {
            self.effect("set_changed_under_fault");
            let faults = self.active.iter().map(|index| &self.plan.faults[*index].fault);
            if faults.into_iter().any(|fault| matches!(fault, Fault::Partition { .. })) {
                self.effect("set_changed_in_partition");
            }
        }
        if is_new {
            self.witness.finalized(height, self.judge.stakes().set());
        }
        Ok(())
    }

    /// No plan lets an identity answer a challenge twice or claim another's key, so a validator that finds one is wrong.
    fn accuses_nobody(&mut self, number: u16, block: &FinalizedBlock, chain: &Replica) -> Check {
        let Some(running) = &mut self.node(number).running else { return Ok(()) };
        let found = running.offences.finalized(chain.state(), &block.block, &block.receipts);
        let Some(evidence) = found.first() else { return Ok(()) };
        let (height, offender) = (block.block.header.height, evidence.offender());
        let detail = format!("at height {height} validator {number} accuses {offender} of {}", evidence.name());
        Err(Broken { property: Property::NoFalseSlash, detail })
    }

    /// A validator reports the offences that are due, and the judge asks for those that it reported before.
    fn reports(&mut self, number: u16) -> Check {
        let is_honest = self.is_honest(number);
        let (now, unhealthy, decided) = (self.now_us / MS, self.unhealthy, self.judge.height());
        let wait = if self.plan.has_reliable_links() { PUNISHED_WITHIN } else { PUNISHED_WITHIN_LOSSY };
        let node = self.node(number);
        node.set_clock(now);
        let now = node.now();
        let hides = node.bug == Some(SeededBug::HidesEvidence);
        let Some(running) = &mut node.running else { return Ok(()) };
        let due = {
            let chain = running.replica.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            running.reports.due(&chain)
        };
        let due = match due {
            Ok(due) => due,
            Err(fault) => return self.ended(number, End::Fault(fault.0)),
        };
        let waiting: BTreeSet<Address> = running.reports.offenders().copied().collect();
        running.seen.retain(|offender, _| waiting.contains(offender));
        for offender in waiting {
            running.seen.entry(offender).or_insert(decided);
        }
        // A report whose nonce the account used for something else counts from when it is made again.
        for report in due.iter().filter(|report| report.is_repeated) {
            let seen = running.seen.get_mut(&report.offender);
            if let Some(seen) = seen.filter(|seen| decided.0 <= seen.0 + REPORT_HEIGHTS) {
                *seen = decided;
            }
        }
        let finalized = running.chain().finalized();
        let late = running.seen.iter().map(|(offender, seen)| (*offender, *seen)).filter(|(_, seen)| {
            let since = seen.0.max(unhealthy.0.saturating_add(SETTLED_WITHIN));
            finalized.0 > since.saturating_add(wait)
        });
        let late: Vec<(Address, Height)> = late.collect();
        for report in due.into_iter().filter(|_| !hides) {
            self.submit(number, report.transaction, now)?;
        }
        if is_honest && self.active.is_empty() {
            self.judge.equivocators_are_punished(number, &late, finalized)?;
        }
        Ok(())
    }

    fn submit(&mut self, number: u16, transaction: Transaction, now: Timestamp) -> Check {
        let Ok(checked) = CheckedTransaction::check(Arc::new(transaction), &self.genesis_hash) else { return Ok(()) };
        self.judge.issued(checked.id());
        if let Some(Ok(_)) = self.admit(number, &checked, now)? {
            self.effect("reported");
            self.broadcast(number, &Packet::Transaction(checked));
        }
        Ok(())
    }

    /// Something that the summary counts took effect.
    pub(crate) fn effect(&mut self, name: &'static str) {
        *self.counts.effects.entry(name).or_default() += 1;
    }

    fn output(&mut self, number: u16, output: Output) {
        let life = self.node(number).life;
        match output {
            Output::Publish(channel, bytes) => self.publish(number, channel, bytes),
            Output::SetTimer(timer, wait) => {
                let wait_us = u64::try_from(wait.as_micros()).unwrap_or(u64::MAX);
                let event = self.numbers + 1;
                self.after(wait_us, Event::Timer(number, life, event, timer));
                self.forget_timer(number, |known| *known != timer);
                if let Some(running) = &mut self.node(number).running {
                    running.timers.push((timer, event));
                }
            }
            Output::CancelTimer(timer) => self.forget_timer(number, |known| *known != timer),
            Output::CancelTimers => self.forget_timer(number, |_| false),
            Output::Log(height, entry) => {
                let node = self.node(number);
                if node.bug != Some(SeededBug::SkipsTheLog) {
                    node.log.append(height, entry);
                }
            }
            Output::FlushLog => self.node(number).log.flush(),
            Output::Next(_, wait) => {
                let wait_us = u64::try_from(wait.as_micros()).unwrap_or(u64::MAX);
                self.after(wait_us, Event::Start(number, life));
            }
            // The next status of a peer that is ahead asks again.
            Output::SyncFault(_) => {}
            Output::Event(event) => self.told(number, &event),
        }
    }

    fn forget_timer(&mut self, number: u16, keep: impl Fn(&Timer) -> bool) {
        if let Some(running) = &mut self.node(number).running {
            running.timers.retain(|(known, _)| keep(known));
        }
    }

    fn told(&mut self, number: u16, event: &ConsensusEvent) {
        match event {
            ConsensusEvent::Proposed { height, round, block } => {
                self.offered_us.entry(*block).or_insert(self.now_us);
                let (bytes, smuggled) = (self.node(number).candidate(block), self.smuggled(number));
                let (dishonest, chance) = (self.dishonest.get_mut(&number), &mut self.chance);
                let sent = dishonest
                    .zip(bytes)
                    .map(|(dishonest, bytes)| dishonest.offer((*height, *round), &bytes, smuggled, chance));
                let sent = sent.unwrap_or_default();
                let kind = self.plan.dishonest.get(&number);
                let makes_up = matches!(kind, Some(Misbehaviour::InvalidBlocks | Misbehaviour::SmuggledProofs));
                self.counts.tampered += u64::from(makes_up && !sent.is_empty());
                for sent in sent {
                    self.send_to(number, sent);
                }
            }
            ConsensusEvent::ProposalReceived { block, valid, .. } => {
                let named =
                    self.dishonest.values().find_map(|dishonest| dishonest.invalid.get(block).copied().flatten());
                if let Some(name) = named.filter(|_| !valid && self.is_honest(number)) {
                    self.effect(name);
                }
                let offered = self.offered_us.get(block);
                self.counts.propagation_us.extend(offered.map(|offered| self.now_us.saturating_sub(*offered)));
            }
            ConsensusEvent::Decided { fetched, .. } => {
                let node = self.node(number);
                node.live_heights = if *fetched { 0 } else { node.live_heights.saturating_add(1) };
            }
            ConsensusEvent::Equivocation { evidence, .. } => {
                self.counts.equivocations += u64::from(self.is_honest(number));
                if let (Some(evidence), Some(running)) = (evidence, &mut self.node(number).running) {
                    // What the store does not take is tried again by what is due, in this same event.
                    let _ = running.reports.found((**evidence).clone());
                    self.found_offence = true;
                }
            }
            _ => {}
        }
    }

    fn publish(&mut self, number: u16, channel: Channel, bytes: Bytes) {
        match self.dishonest.get(&number) {
            None => {
                self.witnessed(channel, &bytes);
                self.broadcast(number, &Packet::Consensus(channel, bytes));
            }
            Some(dishonest) => {
                let (damages, sent) =
                    (dishonest.kind == Misbehaviour::Garbage, dishonest.send(channel, bytes, &mut self.chance));
                for (index, sent) in sent.into_iter().enumerate() {
                    // The first message of such a validator is the one that its engine wrote.
                    self.counts.tampered += u64::from(damages && index > 0);
                    self.send_to(number, sent);
                }
            }
        }
    }

    /// The witness looks at a message that leaves its sender.
    pub(crate) fn witnessed(&mut self, channel: Channel, bytes: &Bytes) {
        self.judge.count(Property::NoVoteAgainstALock);
        let unreliable = &self.unreliable;
        let found = self.witness.saw(channel, bytes, |number| !unreliable.contains(&number));
        self.caught = self.caught.take().or(found.err());
    }

    /// Arms the disks of validators with a defect that lives there.
    pub(crate) fn seed_disks(&self) {
        let ignored: &[FaultOn] = match self.plan.seeded_bug {
            Some(SeededBug::ForgetsToSync) => &[FaultOn::Sync, FaultOn::Mark],
            Some(SeededBug::LosesTheMark) => &[FaultOn::Mark],
            _ => return,
        };
        // The genesis state is there: without it no node would start.
        let begun = self.nodes.iter().filter(|node| node.acknowledged > Height::GENESIS);
        for node in begun {
            for on in ignored {
                node.disk.arm(*on, 0, DiskFault::Ignored);
            }
        }
    }

    /// No queue of a validator holds more than its limit. Asked after every event that reached it.
    pub(crate) fn queues_bounded(&mut self, number: u16) -> Check {
        let Some(running) = &self.nodes[usize::from(number)].running else { return Ok(()) };
        let reports = QueueLength { name: "reports", length: running.reports.offenders().count(), limit: WAITING_MAX };
        let of_memory = running.offences.queues().into_iter().chain([running.stages.queue(), reports]);
        let of_chain = running.chain().queues();
        let queues: Vec<QueueLength> = running.machine.queues().into_iter().chain(of_chain).chain(of_memory).collect();
        self.judge.queues_bounded(number, &queues)
    }

    fn ended(&mut self, number: u16, end: End) -> Check {
        let (fails, honest) = (self.node(number).disk_fails, self.is_honest(number));
        match end {
            End::Crashed => self.strikes("crash", number),
            // A torn write is counted when the batch is torn.
            End::Fault(_) if self.node(number).tears => {}
            End::Fault(_) if fails => self.strikes("disk", number),
            End::Fault(reason) | End::Core(reason) if honest => {
                let detail = format!("validator {number} stopped itself: {reason}");
                return Err(Broken { property: Property::HonestValidatorRuns, detail });
            }
            End::Fault(_) | End::Core(_) => {}
        }
        self.stop(number);
        // Whoever is held down by a fault is started when it ends.
        self.after(REBOOT_US, Event::Boot(number));
        Ok(())
    }

    /// Ends a validator's process; chance says how much of what was not durable survives.
    pub(crate) fn stop(&mut self, number: u16) {
        let (batches, at_risk) = (self.chance.index(3), self.node(number).log.at_risk());
        let entries = self.chance.index(at_risk + 1);
        self.crash_files(number);
        if self.node(number).tears {
            return self.tear(number, entries);
        }
        let bug = self.plan.seeded_bug;
        let node = self.node(number);
        let is_lost = match bug {
            Some(SeededBug::ForgetsToSync) => node.crash(0, entries),
            _ => node.crash(batches, entries),
        };
        if is_lost {
            self.effect("unsynced_write_lost");
        }
        let node = self.node(number);
        if bug == Some(SeededBug::ForgetsWhatItSigned) {
            node.forget();
        }
    }
}
