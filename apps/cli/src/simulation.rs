//! What the command line asks a simulator, and what it is told.
//!
//! Model: the simulator comes in as a function ([`SimRunner`]), since this crate links no consensus. It does the
//! work, keeps the journal and writes the reports; the command line shows progress and ends with the verdict.

use std::path::PathBuf;

use crate::Failure;

/// Which network is simulated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SimPlan {
    /// The one that the seed makes.
    OfSeed,
    /// A scenario that is part of the program.
    Profile(String),
    /// A scenario file.
    Scenario {
        /// Where it was; its ending says how it is written.
        path: PathBuf,
        /// Its text.
        text: String,
    },
}

/// What is done with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SimTask {
    /// One run, or as many as the scenario asks for.
    Run {
        /// Instead of the scenario's own seed.
        seed: Option<u64>,
    },
    /// Many runs.
    Batch {
        /// The first seed.
        first: u64,
        /// How many.
        count: u64,
        /// Where the journal is kept; a batch that is in it goes on.
        journal: Option<PathBuf>,
    },
    /// A failing run is made as small as it fails.
    Shrink {
        /// Instead of the scenario's own seed.
        seed: Option<u64>,
    },
    /// One run event by event.
    Replay {
        /// Instead of the scenario's own seed.
        seed: Option<u64>,
        /// The first event that is shown, counted from 1.
        from: u64,
        /// The last one.
        to: u64,
    },
}

/// What the simulator is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimWork {
    /// Which network.
    pub plan: SimPlan,
    /// What is done with it.
    pub task: SimTask,
    /// Threads for several runs.
    pub jobs: usize,
    /// The folder that reports are written to.
    pub report: Option<PathBuf>,
    /// Windows that are proven, checked and altered on this machine beside the simulation.
    pub proofs: Option<u32>,
}

/// What the simulator says while it works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SimNews<'a> {
    /// So many runs of so many are done, so many of them not as expected.
    Done {
        /// Done.
        done: u64,
        /// Of how many.
        count: u64,
        /// Not as expected.
        failed: u64,
    },
    /// A run is not as expected.
    Failed {
        /// Its seed.
        seed: u64,
        /// How it ended.
        verdict: &'a str,
        /// Where and how.
        detail: &'a str,
    },
    /// A line of a replay.
    Line(&'a str),
    /// Something for the person who waits.
    Talk(&'a str),
}

/// What the simulator found.
#[derive(Debug, Clone, PartialEq)]
pub struct SimAnswer {
    /// The report or the summary, with the keys `verdict` and `trace_hash`.
    pub report: serde_json::Value,
    /// What people see instead of the report, as it is.
    pub text: Option<String>,
    /// `pass`, or what did not hold.
    pub verdict: String,
    /// Every run ended as it was meant to.
    pub passed: bool,
}

/// Runs simulations, and says how far it is.
pub type SimRunner = fn(&SimWork, &mut dyn FnMut(SimNews<'_>)) -> Result<SimAnswer, Failure>;
