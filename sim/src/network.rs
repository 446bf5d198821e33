//! The links between validators: delay, loss, duplicates, partitions, and messages that are passed on.
//!
//! ```text
//! full mesh        A ──► every other, one link each; what is lost on one link may arrive on the others
//! other topology   A ──► neighbours ──► their neighbours …, each node passes a message on once
//! ```
//!
//! A validator that is down passes nothing on. Status and value sync are between neighbours.

use crate::dishonest::{Sent, To};
use crate::plan::Fault;
use crate::properties::Check;
use crate::random::PPM;
use crate::world::{Event, MS, Packet, World};

/// A message that is passed on from node to node.
#[derive(Debug, Clone)]
pub struct Relayed {
    /// Its number.
    pub message: u64,
    /// Who said it.
    pub from: u16,
    /// What it says.
    pub packet: Packet,
}

impl World {
    /// Sends to every other validator.
    pub(crate) fn broadcast(&mut self, from: u16, packet: &Packet) {
        if self.mesh.is_full() || matches!(packet, Packet::Status(..)) {
            for to in self.mesh.neighbours(from) {
                self.send(from, to, packet.clone());
            }
            return;
        }
        let relayed = Relayed { message: self.mesh.new_message(from), from, packet: packet.clone() };
        self.pass_on(from, from, &relayed);
    }

    /// Sends what a dishonest validator wants sent.
    pub(crate) fn send_to(&mut self, from: u16, (whom, channel, bytes): Sent) {
        self.witnessed(channel, &bytes);
        let packet = Packet::Consensus(channel, bytes);
        // One number: those who get it from the sender pass it on to those who did not.
        let message = (!self.mesh.is_full()).then(|| self.mesh.new_message(from));
        for to in self.mesh.neighbours(from) {
            let sends = match whom {
                To::All => true,
                To::Even => to % 2 == 0,
                To::Odd => to % 2 == 1,
                To::Some => self.chance.chance(PPM / 2),
            };
            if !sends {
                continue;
            }
            match message {
                None => self.send(from, to, packet.clone()),
                Some(message) => self.hop(from, to, Relayed { message, from, packet: packet.clone() }),
            }
        }
    }

    /// A message reaches a node that passes it on.
    pub(crate) fn relayed(&mut self, to: u16, by: u16, relayed: Relayed) -> Check {
        if self.nodes[usize::from(to)].running.is_none() || !self.mesh.is_news(to, relayed.message) {
            return Ok(());
        }
        self.pass_on(to, by, &relayed);
        self.deliver(to, relayed.from, relayed.packet)
    }

    fn pass_on(&mut self, node: u16, by: u16, relayed: &Relayed) {
        for to in self.mesh.neighbours(node) {
            if to != by && to != relayed.from {
                self.hop(node, to, relayed.clone());
            }
        }
    }

    fn hop(&mut self, from: u16, to: u16, relayed: Relayed) {
        self.over_link(from, to, || Event::Relay(to, from, relayed.clone()));
    }

    /// Sends one packet over one link.
    pub(crate) fn send(&mut self, from: u16, to: u16, packet: Packet) {
        self.over_link(from, to, || Event::Deliver(to, from, packet.clone()));
    }

    fn over_link(&mut self, from: u16, to: u16, event: impl Fn() -> Event) {
        let links = self.mesh.link(from, to);
        let (mut loss, mut duplicates, mut jitter_ms) = (links.loss_ppm, links.duplicate_ppm, links.jitter_ms);
        let delay_ms = links.delay_ms;
        for index in &self.active {
            match &self.plan.faults[*index].fault {
                Fault::Partition { side, one_way } => {
                    let (out, into) = (side.contains(&from), side.contains(&to));
                    if (out && !into) || (!one_way && into && !out) {
                        return;
                    }
                }
                Fault::Disconnect { node } if from == *node || to == *node => return,
                Fault::Loss { ppm } => loss = loss.saturating_add(*ppm),
                Fault::Duplicates { ppm } => duplicates = duplicates.saturating_add(*ppm),
                Fault::Delay { jitter_ms: more } => jitter_ms = jitter_ms.saturating_add(*more),
                _ => {}
            }
        }
        let copies = if self.network.chance(duplicates) { 2 } else { 1 };
        for _ in 0..copies {
            if self.network.chance(loss) {
                continue;
            }
            let slow_us = self.node(to).slow_ms.saturating_mul(MS);
            let jitter_us = self.network.below(jitter_ms.saturating_mul(MS).saturating_add(1));
            let wait_us = delay_ms.saturating_mul(MS).saturating_add(jitter_us).saturating_add(slow_us);
            self.after(wait_us, event());
        }
    }
}
