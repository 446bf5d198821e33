//! A run once more, event by event, with what each event changed.
//!
//! Model: the plan is the log. The same plan gives the same events in the same order, so nothing is recorded: a
//! replay runs the plan again and writes a line for each event in the chosen span and a line for each validator
//! that is not as it was before.
//!
//! ```text
//! #1042 12.345678 s  deliver to 2 from 0: prevote 7/0 1f0a77c2
//!     validator 2: step propose -> prevote, log 4+0 -> 4+1
//! ```
//!
//! Rule: watching changes nothing; a replay ends with the trace hash of the run.

use std::fmt::Write as _;

use bytes::Bytes;
use consensus::machine::describe;
use primitives::{Hash, Round};

use crate::joining::Question;
use crate::node::Node;
use crate::plan::Plan;
use crate::report::Report;
use crate::run::{Watch, run_watched};
use crate::world::{Event, MS, Packet, World};

/// Runs `plan` and gives `line` one line for each of its events from number `from` to number `to`, counted from 1,
/// each followed by what it changed.
pub fn replay(plan: Plan, from: u64, to: u64, line: impl FnMut(&str)) -> Report {
    let mut log = EventLog { from, to, line, views: Vec::new() };
    run_watched(plan, &mut log)
}

struct EventLog<L> {
    from: u64,
    to: u64,
    line: L,
    views: Vec<View>,
}

impl<L: FnMut(&str)> EventLog<L> {
    fn is_shown(&self, number: u64) -> bool {
        (self.from..=self.to).contains(&number)
    }
}

impl<L: FnMut(&str)> Watch for EventLog<L> {
    fn before(&mut self, world: &World) {
        let number = world.counts.events.saturating_add(1);
        if !self.is_shown(number) {
            return;
        }
        let Some((time_us, event)) = world.next_event() else { return };
        if self.views.is_empty() {
            self.views = world.nodes.iter().map(View::of).collect();
        }
        let second = 1_000 * MS;
        let text = format!("#{number} {}.{:06} s  {}", time_us / second, time_us % second, text_of(event));
        (self.line)(&text);
    }

    fn after(&mut self, world: &World) {
        if !self.is_shown(world.counts.events) {
            return;
        }
        for (index, node) in world.nodes.iter().enumerate() {
            let (view, before) = (View::of(node), self.views.get_mut(index));
            let Some(before) = before.filter(|before| **before != view) else { continue };
            let changed = before.changed(&view);
            *before = view;
            (self.line)(&format!("    validator {}: {changed}", node.number));
        }
    }
}

/// What a reader sees of one validator, as words.
#[derive(Debug, Clone, PartialEq, Eq)]
struct View([(&'static str, String); 10]);

impl View {
    fn of(node: &Node) -> Self {
        let log = format!("{}+{}", node.log.durable(), node.log.at_risk());
        let none = || "none".to_owned();
        let held =
            |held: Option<(Round, Hash)>| held.map_or_else(none, |(round, hash)| format!("{round}:{}", short(&hash)));
        let Some(running) = &node.running else {
            let down = || "down".to_owned();
            return Self([
                ("life", node.life.to_string()),
                ("finalized", node.finalized().to_string()),
                ("log", log),
                ("height", down()),
                ("round", down()),
                ("step", down()),
                ("locked", down()),
                ("valid", down()),
                ("mempool", down()),
                ("timers", down()),
            ]);
        };
        let glance = running.machine.glance();
        let name = |timer: &consensus::machine::Timer| timer.name();
        let timers: Vec<String> = running.timers.iter().map(|(timer, _)| name(timer)).collect();
        Self([
            ("life", node.life.to_string()),
            ("finalized", node.finalized().to_string()),
            ("log", log),
            ("height", glance.height.to_string()),
            ("round", glance.round.map_or_else(none, |round| round.to_string())),
            ("step", glance.step),
            ("locked", held(glance.locked)),
            ("valid", held(glance.valid)),
            ("mempool", running.chain().mempool().len().to_string()),
            ("timers", if timers.is_empty() { none() } else { timers.join(" ") }),
        ])
    }

    fn changed(&self, after: &Self) -> String {
        let mut text = String::new();
        for ((name, before), (_, after)) in self.0.iter().zip(&after.0).filter(|(before, after)| before != after) {
            let comma = if text.is_empty() { "" } else { ", " };
            // Writing to a text cannot fail.
            let _ = write!(text, "{comma}{name} {before} -> {after}");
        }
        text
    }
}

fn short(hash: &Hash) -> String {
    hash.to_string().chars().take(8).collect()
}

fn text_of(event: &Event) -> String {
    match event {
        Event::Deliver(to, from, packet) => format!("deliver to {to} from {from}: {}", text_of_packet(packet)),
        Event::Relay(to, by, relayed) => {
            let (from, what) = (relayed.from, text_of_packet(&relayed.packet));
            format!("deliver to {to} by {by}, said by {from} in message {}: {what}", relayed.message)
        }
        Event::Timer(node, life, _, timer) => {
            let round = timer.round().map_or_else(String::new, |round| format!(" of round {round}"));
            format!("timer of {node} in life {life}: {}{round}", timer.name())
        }
        Event::Start(node, life) => format!("start of the next height at {node} in life {life}"),
        Event::Status(node, _) => format!("{node} says how far it is"),
        Event::SyncLate(node, _, request) => format!("sync request {request} of {node} is late"),
        Event::Boot(node) => format!("boot of {node}"),
        Event::Wallet => "a wallet may send".to_owned(),
        Event::Prover(prover) => format!("prover {prover} looks at the chain"),
        Event::Copy(node, _) => format!("{node} copies its state"),
        Event::JoinLate(node, _, question) => format!("snapshot question {question} of {node} is late"),
        Event::FaultBegins(index) => format!("fault {index} begins"),
        Event::FaultEnds(index) => format!("fault {index} ends"),
    }
}

fn text_of_packet(packet: &Packet) -> String {
    match packet {
        Packet::Consensus(channel, bytes) => describe(*channel, bytes),
        Packet::Transaction(transaction) => format!("transaction {}", short(&transaction.id().0)),
        Packet::Status(height, _) => format!("status {height}"),
        Packet::SnapshotAsk(question, Question::Plan) => format!("snapshot question {question} for the newest"),
        Packet::SnapshotAsk(question, Question::Header(height)) => {
            format!("snapshot question {question} for header {height}")
        }
        Packet::SnapshotAsk(question, Question::Chunk(id)) => {
            format!("snapshot question {question} for chunk {}", short(id))
        }
        Packet::SnapshotAsk(question, Question::Bodies(height)) => format!("question {question} for height {height}"),
        Packet::SnapshotAnswer(question, answer) => {
            format!("snapshot answer {question}, {} bytes", answer.as_ref().map_or(0, Bytes::len))
        }
        Packet::SyncRequest(request, first, last) => format!("sync request {request} for {first} to {last}"),
        Packet::SyncAnswer(request, answer) => format!("sync answer {request}, {} bytes", answer.len()),
    }
}
