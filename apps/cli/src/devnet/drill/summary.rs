//! What a drill gives: the keys of the simulator's report where they mean something for processes, and some of its own.
//!
//! Properties carry the simulator's names. `partition_watch_tells_the_truth` is of drills alone: the series rise at
//! some node while the lines of a third of the nodes are cut, and are 0 everywhere afterwards.

use std::collections::BTreeMap;

use primitives::Height;
use serde::{Deserialize, Serialize};

use crate::devnet::datagrams::Packets;
use crate::devnet::drill::Drill;
use crate::devnet::drill::history::{History, Recovery};

/// A property that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Every property held.
    Pass,
    /// Heights were not decided again after the last fault.
    NoProgress(String),
    /// Two nodes hold different chains.
    Diverged(String),
    /// Another property does not hold.
    Broken(&'static str, String),
}

impl Verdict {
    /// As the simulator writes it.
    pub fn text(&self) -> String {
        match self {
            Self::Pass => "pass".to_owned(),
            Self::NoProgress(_) => "no progress".to_owned(),
            Self::Diverged(_) => "diverged".to_owned(),
            Self::Broken(property, _) => format!("invariant broken: {property}"),
        }
    }

    /// Where and how.
    pub fn detail(&self) -> Option<&str> {
        match self {
            Self::Pass => None,
            Self::NoProgress(detail) | Self::Diverged(detail) | Self::Broken(_, detail) => Some(detail),
        }
    }
}

/// What a node ended with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NodeEnd {
    /// Its name.
    pub node: String,
    /// Its last finalized height.
    pub height: Height,
    /// Whether it called itself ready.
    pub ready: bool,
    /// Most peers that it missed at a time.
    pub partition_watch_affected_peers_max: u64,
    /// Peers that it misses at the end.
    pub partition_watch_affected_peers: u64,
    /// Whether it still suspects a partition.
    pub partition_watch_suspected: bool,
    /// Suspected partitions that it saw end, since its last start.
    pub partition_watch_recoveries: u64,
}

/// The artefact that was run again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replayed {
    /// Where it was.
    pub artefact: String,
    /// BLAKE3 of the file, hexadecimal.
    pub blake3: String,
}

/// One drill.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// Its name.
    pub name: String,
    /// Its seed.
    pub seed: u64,
    /// How it ended.
    pub verdict: String,
    /// Where and how, unless everything held.
    pub detail: Option<String>,
    /// What was expected and did not come.
    pub unmet: Vec<String>,
    /// Validators.
    pub validators: u16,
    /// Who is linked to whom.
    pub topology: String,
    /// How long it was, milliseconds.
    pub duration_ms: u64,
    /// The highest finalized height.
    pub height: Height,
    /// Heights that the slowest node finalized after the last fault.
    pub calm_heights: u64,
    /// The highest round in which a height was decided.
    pub round_max: u32,
    /// How many heights were decided in each round.
    pub rounds: BTreeMap<u32, u64>,
    /// From the last fault until every node finalized something new, milliseconds.
    pub resume_ms: Option<u64>,
    /// From the end of a fault, with no other in effect, until somebody did; the longest by kind, milliseconds.
    pub recovery_ms: BTreeMap<String, u64>,
    /// From the end of a fault until no node missed a peer: the longest, milliseconds.
    pub redialled_ms: Option<u64>,
    /// Each fault with its recovery.
    pub recoveries: Vec<Recovery>,
    /// Payments that were told to be final.
    pub acknowledged: u64,
    /// Faults that took effect, by kind.
    pub faults: BTreeMap<String, u64>,
    /// How long, by kind, milliseconds.
    pub fault_ms: BTreeMap<String, u64>,
    /// Double signatures that nodes reported.
    pub equivocations: u64,
    /// How often each property was checked.
    pub properties: BTreeMap<String, u64>,
    /// What each node ended with.
    pub nodes: Vec<NodeEnd>,
    /// What became of the packets between the nodes, where packets were lost or doubled.
    pub packets: Option<Packets>,
    /// The artefact that was run again, if it was one.
    pub replay_of: Option<Replayed>,
}

/// What the end of a drill shows besides its history.
#[derive(Debug, Default)]
pub struct Findings {
    /// How many heights were decided in each round.
    pub rounds: BTreeMap<u32, u64>,
    /// What each node ended with.
    pub nodes: Vec<NodeEnd>,
    /// How often each property was checked.
    pub properties: BTreeMap<String, u64>,
    /// Payments that were told to be final.
    pub acknowledged: u64,
    /// Double signatures that nodes reported.
    pub equivocations: u64,
    /// Heights that the slowest node finalized after the last fault.
    pub calm_heights: u64,
    /// How long the drill was, milliseconds.
    pub duration_ms: u64,
    /// What became of the packets between the nodes, where packets were lost or doubled.
    pub packets: Option<Packets>,
}

impl Summary {
    /// The summary of a drill.
    pub fn of(drill: &Drill, verdict: &Verdict, history: &History, findings: Findings) -> Self {
        let (mut faults, mut fault_ms) = (BTreeMap::new(), BTreeMap::<String, u64>::new());
        for recovery in &history.recoveries {
            *faults.entry(recovery.fault.clone()).or_default() += 1;
            let sum = fault_ms.entry(recovery.fault.clone()).or_default();
            *sum = sum.saturating_add(recovery.ended_ms.saturating_sub(recovery.began_ms));
        }
        let mut summary = Self {
            name: drill.name.clone(),
            seed: drill.seed,
            verdict: verdict.text(),
            detail: verdict.detail().map(str::to_owned),
            unmet: Vec::new(),
            validators: drill.nodes,
            topology: drill.topology.clone(),
            duration_ms: findings.duration_ms,
            height: history.highest(),
            calm_heights: findings.calm_heights,
            round_max: findings.rounds.last_key_value().map_or(0, |(round, _)| *round),
            rounds: findings.rounds,
            resume_ms: history.resume_ms(),
            recovery_ms: history.recovery_ms(),
            redialled_ms: history.redialled_ms(),
            recoveries: history.recoveries.clone(),
            acknowledged: findings.acknowledged,
            faults,
            fault_ms,
            equivocations: findings.equivocations,
            properties: findings.properties,
            nodes: findings.nodes,
            packets: findings.packets,
            replay_of: None,
        };
        summary.unmet = summary.unmet(drill);
        summary
    }

    /// True when the drill ended as it was meant to.
    pub fn is_expected(&self) -> bool {
        self.unmet.is_empty()
    }

    fn unmet(&self, drill: &Drill) -> Vec<String> {
        let expected = &drill.expected;
        let mut unmet = Vec::new();
        if self.verdict != "pass" {
            unmet.push(format!("the verdict is `{}`, `pass` was expected", self.verdict));
        }
        if let Some(least) = expected.heights_min.filter(|least| self.height.0 < *least) {
            unmet.push(format!("height is {}, at least {least} was expected", self.height));
        }
        match (self.resume_ms, expected.resume_ms_max) {
            (Some(found), Some(most)) if found > most => {
                unmet.push(format!("resume_ms is {found}, at most {most} was expected"));
            }
            (None, Some(most)) => unmet.push(format!("resume_ms is not known, at most {most} was expected")),
            _ => {}
        }
        if let Some(most) = expected.round_max.filter(|most| self.round_max > *most) {
            unmet.push(format!("round_max is {}, at most {most} was expected", self.round_max));
        }
        unmet
    }
}
