//! The links between validators: delay, loss, duplicates, partitions.
//!
//! Every validator is linked to every other. What one hears of another is one packet on one link, so a message
//! that is lost on one link may arrive on the others, as in a gossip mesh without relaying.

use crate::dishonest::{Sent, To};
use crate::plan::Fault;
use crate::random::PPM;
use crate::world::{Event, MS, Packet, World};

impl World {
    /// Sends to every other validator.
    pub(crate) fn broadcast(&mut self, from: u16, packet: &Packet) {
        for to in (0..self.plan.nodes()).filter(|to| *to != from) {
            self.send(from, to, packet.clone());
        }
    }

    /// Sends what a dishonest validator wants sent.
    pub(crate) fn send_to(&mut self, from: u16, (whom, channel, bytes): Sent) {
        for to in (0..self.plan.nodes()).filter(|to| *to != from) {
            let sends = match whom {
                To::All => true,
                To::Even => to % 2 == 0,
                To::Odd => to % 2 == 1,
                To::Some => self.chance.chance(PPM / 2),
            };
            if sends {
                self.send(from, to, Packet::Consensus(channel, bytes.clone()));
            }
        }
    }

    /// Sends one packet over one link.
    pub(crate) fn send(&mut self, from: u16, to: u16, packet: Packet) {
        let links = &self.plan.links;
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
            self.after(wait_us, Event::Deliver(to, from, packet.clone()));
        }
    }
}
