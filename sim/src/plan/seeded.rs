//! The plan of a seed: what a random run holds.
//!
//! Rule: what the main stream of chance gives stays what it is when something is added; an addition draws from
//! a stream of its own, so that old seeds change as little as possible.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    DiskAnswer, DiskOperation, Expectations, Fault, Links, Misbehaviour, Plan, Scheduled, Topology, calm_heights,
};
use crate::random::{PPM, Random};

impl Plan {
    /// The plan of a seed: at least 60 seconds, 4 to 7 validators, and in most seeds several kinds of faults.
    pub fn of_seed(seed: u64) -> Self {
        let mut random = Random::new(seed).fork("plan");
        let validators = u16::try_from(random.between(4, 7)).unwrap_or(4);
        let mut dishonest = BTreeMap::new();
        if random.chance(PPM / 2) {
            for _ in 0..random.between(1, u64::from(Self::dishonest_max(validators))) {
                let kind = Misbehaviour::ALL[random.index(Misbehaviour::ALL.len())];
                dishonest.insert(random.node(validators), kind);
            }
        }
        let links = Links {
            delay_ms: random.between(1, 80),
            jitter_ms: random.between(0, 120),
            loss_ppm: if random.chance(PPM / 3) { u32::try_from(random.below(30_000)).unwrap_or(0) } else { 0 },
            duplicate_ppm: if random.chance(PPM / 3) { u32::try_from(random.below(50_000)).unwrap_or(0) } else { 0 },
        };
        let faults_ms = 50_000;
        let count = random.between(3, 8);
        let twins = dishonest.values().filter(|kind| **kind == Misbehaviour::Twin).count();
        let nodes = validators.saturating_add(u16::try_from(twins).unwrap_or(0));
        let mut faults: Vec<Scheduled> = (0..count).map(|_| scheduled(&mut random, nodes, faults_ms)).collect();
        faults.sort_by_key(|scheduled| scheduled.at_ms);
        let traffic_per_second = u32::try_from(random.between(1, 6)).unwrap_or(1);
        let mut unreliable: BTreeSet<u16> = dishonest.keys().copied().collect();
        faults.retain(|scheduled| match scheduled.fault {
            Fault::LostDisk { node } => {
                let room = unreliable.len() < usize::from(Self::dishonest_max(validators));
                unreliable.contains(&node) || (room && unreliable.insert(node))
            }
            _ => true,
        });
        let mut damage = Random::new(seed).fork("damage");
        if unreliable.len() < usize::from(Self::dishonest_max(validators)) && damage.chance(PPM / 2) {
            let (node, at_ms) = (damage.node(validators), damage.between(5_000, faults_ms));
            let fault = match damage.below(3) {
                0 => Fault::TornWrite { node },
                1 => Fault::BitFlip { node },
                _ => Fault::MisdirectedWrite { node },
            };
            faults.push(Scheduled { at_ms, for_ms: damage.between(1_000, 5_000), fault });
        }
        let (beyond_bound, calm_heights) = (false, calm_heights());
        Self {
            seed,
            seeds: 1,
            topology: Topology::FullMesh,
            regions: Vec::new(),
            routes: Vec::new(),
            phases: Vec::new(),
            expect: Expectations::default(),
            validators,
            dishonest,
            beyond_bound,
            links,
            traffic_per_second,
            faults_ms,
            calm_heights,
            faults,
            seeded_bug: None,
        }
    }
}

fn scheduled(random: &mut Random, nodes: u16, faults_ms: u64) -> Scheduled {
    let at_ms = random.between(1_000, faults_ms);
    let for_ms = random.between(500, 15_000);
    let node = random.node(nodes);
    let ppm = |random: &mut Random, high: u64| u32::try_from(random.between(10_000, high)).unwrap_or(0);
    let fault = match random.below(12) {
        0 | 1 => {
            let size = random.between(1, u64::from(nodes.saturating_sub(1)));
            let side = (0..size).map(|_| random.node(nodes)).collect();
            Fault::Partition { side, one_way: random.chance(PPM / 3) }
        }
        2 | 3 => Fault::Crash { node, effects: u32::try_from(random.below(60)).unwrap_or(0) },
        4 => Fault::PowerLoss,
        5 => Fault::LostDisk { node },
        6 => Fault::Loss { ppm: ppm(random, 300_000) },
        7 => Fault::Duplicates { ppm: ppm(random, 500_000) },
        8 => Fault::Delay { jitter_ms: random.between(100, 3_000) },
        9 => Fault::Slow { node, by_ms: random.between(100, 4_000) },
        10 => {
            let size = i64::try_from(random.between(1, 3_600_000)).unwrap_or(1);
            Fault::Clock { node, offset_ms: if random.chance(PPM / 2) { size } else { -size } }
        }
        _ => {
            let operations = [DiskOperation::Read, DiskOperation::Write, DiskOperation::Sync, DiskOperation::Mark];
            let answer = if random.chance(PPM / 2) { DiskAnswer::Io } else { DiskAnswer::NoSpace };
            Fault::Disk { node, operation: operations[random.index(operations.len())], answer }
        }
    };
    Scheduled { at_ms, for_ms, fault }
}
