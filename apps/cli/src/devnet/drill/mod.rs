//! A drill: a scenario of the simulator on real processes of this machine.
//!
//! ```text
//! scenario ─► planner (comes in as a function) ─► Drill ─► run: relays, processes, payers, faults
//!                                                             │ history: heights, hashes, recoveries
//!                                                             └► verdict ─► summary, artefact (zip)
//! ```
//!
//! Rules
//! - What a scenario asks for and real processes cannot show is refused by name before anything starts.
//! - A drill begins with a fresh chain, when every node has a block; its times count from there.
//! - The system's clock, network and disks are left alone. The one exception is a small memory disk (tmpfs) for the
//!   fault that fills a disk, which needs the right to mount and is taken away at the end.
//! - The artefact holds no secret: neither keys nor passwords, and every text is searched for them.
//!
//! Read next: [`run`], [`faults`], [`crate::artefact`]; for people `docs/chaos.md`.

pub mod disk;
pub mod faults;
pub mod history;
mod judge;
pub mod payers;
pub mod reader;
pub mod run;
pub mod summary;

use std::collections::BTreeSet;

use crate::devnet::relay::Line;
use crate::{Failure, SimPlan};

/// Most nodes of a drill: each pair of them has relays, and each relay its sockets.
pub const NODES_MAX: u16 = 16;
/// Fewest nodes of a drill.
pub const NODES_MIN: u16 = 4;
/// Longest time with faults, milliseconds.
pub const FAULTS_MS_MAX: u64 = 3_600_000;

/// What happens to real processes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProcessFault {
    /// The lines between `side` and the others are cut; with `one_way` only what leaves `side` is lost.
    Partition {
        /// One side.
        side: BTreeSet<u16>,
        /// Only what leaves `side` is lost.
        one_way: bool,
    },
    /// SIGKILL; started again at the end.
    Kill {
        /// Who.
        node: u16,
    },
    /// SIGTERM; started again at the end.
    Restart {
        /// Who.
        node: u16,
    },
    /// SIGSTOP; SIGCONT at the end.
    Pause {
        /// Who.
        node: u16,
    },
    /// SIGKILL for all; started again at the end.
    PowerLoss,
    /// SIGKILL, and the data directory is gone; started again at the end, the guard is still there.
    LostDisk {
        /// Who.
        node: u16,
    },
    /// The disk below the data directory is full; at the end it has room again.
    FullDisk {
        /// Who.
        node: u16,
    },
    /// Everything arrives up to this much later.
    Delay {
        /// Milliseconds.
        jitter_ms: u64,
    },
    /// So many packets of a million are lost on every line.
    Loss {
        /// Of a million.
        ppm: u32,
    },
    /// So many packets of a million come twice on every line.
    Duplicates {
        /// Of a million.
        ppm: u32,
    },
    /// Started again with a clock that is off, and at the end with a right one.
    Clock {
        /// Who.
        node: u16,
        /// By how much, milliseconds.
        offset_ms: i64,
    },
}

/// A fault with its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// When it begins, milliseconds.
    pub at_ms: u64,
    /// How long it lasts, milliseconds.
    pub for_ms: u64,
    /// The name of its kind in the scenario.
    pub kind: String,
    /// What.
    pub fault: ProcessFault,
}

impl Planned {
    /// The nodes that it names.
    pub fn nodes(&self) -> Vec<u16> {
        match &self.fault {
            ProcessFault::Partition { side, .. } => side.iter().copied().collect(),
            ProcessFault::Kill { node }
            | ProcessFault::Restart { node }
            | ProcessFault::Pause { node }
            | ProcessFault::LostDisk { node }
            | ProcessFault::FullDisk { node }
            | ProcessFault::Clock { node, .. } => vec![*node],
            ProcessFault::PowerLoss
            | ProcessFault::Delay { .. }
            | ProcessFault::Loss { .. }
            | ProcessFault::Duplicates { .. } => Vec::new(),
        }
    }

    /// What it is, for people: nodes by their names.
    pub fn in_words(&self) -> String {
        let nodes: Vec<String> = self.nodes().iter().map(|node| name_of(*node)).collect();
        let nodes = nodes.join(" ");
        match &self.fault {
            ProcessFault::Partition { one_way: true, .. } => format!("{} of {nodes}, one way", self.kind),
            ProcessFault::Partition { .. } => format!("{} of {nodes}", self.kind),
            ProcessFault::Delay { jitter_ms } => format!("delay of up to {jitter_ms} ms"),
            ProcessFault::Loss { ppm } => format!("loss of {} packets in 1000", ppm / 1_000),
            ProcessFault::Duplicates { ppm } => format!("{} packets in 1000 twice", ppm / 1_000),
            ProcessFault::Clock { offset_ms, .. } => format!("clock of {nodes} off by {offset_ms} ms"),
            ProcessFault::FullDisk { .. } => format!("full disk of {nodes}"),
            _ => format!("{} {nodes}", self.kind.replace('_', " ")).trim_end().to_owned(),
        }
    }
}

/// The name of node `number`, counted from 0 as scenarios do: its folder, counted from 1.
pub fn name_of(number: u16) -> String {
    format!("node{}", u32::from(number).saturating_add(1))
}

/// What the scenario expects.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expected {
    /// Fewest heights.
    pub heights_min: Option<u64>,
    /// Longest time from the end of the last fault until every node goes on, milliseconds.
    pub resume_ms_max: Option<u64>,
    /// Highest round that decided a height.
    pub round_max: Option<u32>,
}

/// A scenario as real processes can show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drill {
    /// A short name, for the artefact.
    pub name: String,
    /// The scenario in TOML, from which it can be run again.
    pub scenario: String,
    /// Chance: delays and payments.
    pub seed: u64,
    /// How many nodes, all validators of equal power.
    pub nodes: u16,
    /// Who is linked to whom, in a word.
    pub topology: String,
    /// Who dials whom.
    pub lines: Vec<Line>,
    /// Packets are lost or doubled, now and then at least: the nodes speak QUIC, and every packet is relayed by itself.
    pub loses_packets: bool,
    /// When payments are sent, milliseconds, in order.
    pub sends_ms: Vec<u64>,
    /// The faults.
    pub faults: Vec<Planned>,
    /// Heights that every node must finalize after the last fault.
    pub calm_heights: u64,
    /// How it is meant to end, besides passing.
    pub expected: Expected,
}

impl Drill {
    /// Nodes whose disk is filled.
    pub fn small_disks(&self) -> BTreeSet<u16> {
        let fault = |planned: &Planned| match planned.fault {
            ProcessFault::FullDisk { node } => Some(node),
            _ => None,
        };
        self.faults.iter().filter_map(fault).collect()
    }

    /// When the last fault ends, milliseconds.
    pub fn healed_ms(&self) -> u64 {
        self.faults.iter().map(|planned| planned.at_ms.saturating_add(planned.for_ms)).max().unwrap_or(0)
    }
}

/// Reads a scenario for real processes; refuses by name what they cannot show.
pub type DrillPlanner = fn(&SimPlan) -> Result<Drill, Failure>;
