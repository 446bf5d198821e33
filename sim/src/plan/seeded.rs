//! The plan of a seed: what a random run holds.
//!
//! Rule: what the main stream of chance gives stays what it is when something is added; an addition draws from
//! a stream of its own, so that old seeds change as little as possible.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    DiskAnswer, DiskOperation, Expectations, Fault, Identities, Links, Misbehaviour, Pattern, Phase, Plan, Proofs,
    Pruning, Region, Route, Scheduled, SnapshotOperation, SnapshotStep, Snapshots, Staking, Topology, WriteStep,
    calm_heights,
};
use crate::random::{PPM, Random};

/// Where validators prune, all faults together last so long at most, milliseconds: fewer heights than they keep.
const HELD_MS_MAX: u64 = 28_000;

impl Plan {
    /// The plan of a seed: at least 60 seconds, 4 to 7 validators, and in most seeds several kinds of faults.
    pub fn of_seed(seed: u64) -> Self {
        let mut random = Random::new(seed).fork("plan");
        let validators = u16::try_from(random.between(4, 7)).unwrap_or(4);
        let mut dishonest = BTreeMap::new();
        if random.chance(PPM / 2) {
            for _ in 0..random.between(1, u64::from(Self::dishonest_max(validators))) {
                let kind = Misbehaviour::ALL[random.index(Misbehaviour::EVERYWHERE)];
                dishonest.insert(random.node(validators), kind);
            }
        }
        let links = links(&mut random);
        let (faults_ms, count) = (50_000, random.between(4, 9));
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
        let fork = |purpose| Random::new(seed).fork(purpose);
        let bears_more = unreliable.len() < usize::from(Self::dishonest_max(validators));
        if let Some(damage) = damage(&mut fork("damage"), validators, faults_ms).filter(|_| bears_more) {
            unreliable.extend(damage.fault.nodes());
            faults.push(damage);
        }
        let topology = topology(&mut fork("topology"), nodes);
        let (regions, routes) = regions(&mut fork("regions"), validators);
        let mut staking = staking(&mut fork("staking"), validators, unreliable.len());
        let mut identities = identities(&mut fork("identities"));
        lottery(&mut fork("lottery"), &mut staking, &mut identities);
        let mut stream = fork("snapshots");
        let snapshots = snapshots(&mut stream, topology, validators);
        if snapshots.is_some() {
            let seats = validators.saturating_sub(staking.as_ref().map_or(0, |staking| staking.candidates));
            let room = unreliable.len() < usize::from(Self::dishonest_max(seats));
            faults.extend(of_snapshots(&mut stream, validators, room, faults_ms));
        }
        faults.extend(upkeep(&mut fork("upkeep"), validators, faults_ms));
        let pruning = pruning(&mut fork("pruning"), &mut faults, validators, faults_ms);
        let proofs = proofs(&mut fork("proofs"), &mut dishonest, &mut faults, faults_ms);
        Self {
            seed,
            seeds: 1,
            topology,
            regions,
            routes,
            phases: phases(&mut fork("phases"), faults_ms),
            staking,
            identities,
            snapshots,
            proofs,
            pruning,
            expect: Expectations::default(),
            validators,
            dishonest,
            beyond_bound: false,
            links,
            traffic_per_second,
            faults_ms,
            calm_heights: calm_heights(),
            faults,
            seeded_bug: None,
        }
    }
}

fn links(random: &mut Random) -> Links {
    Links {
        delay_ms: random.between(1, 80),
        jitter_ms: random.between(0, 120),
        loss_ppm: if random.chance(PPM / 3) { u32::try_from(random.below(30_000)).unwrap_or(0) } else { 0 },
        duplicate_ppm: if random.chance(PPM / 3) { u32::try_from(random.below(50_000)).unwrap_or(0) } else { 0 },
    }
}

/// In every second seed that bears it a disk is damaged.
fn damage(random: &mut Random, validators: u16, faults_ms: u64) -> Option<Scheduled> {
    if !random.chance(PPM / 2) {
        return None;
    }
    let (node, at_ms) = (random.node(validators), random.between(5_000, faults_ms));
    let fault = match random.below(3) {
        0 => Fault::TornWrite { node },
        1 => Fault::BitFlip { node },
        _ => Fault::MisdirectedWrite { node },
    };
    Some(Scheduled { at_ms, for_ms: random.between(1_000, 5_000), fault })
}

/// Most seeds have a full mesh, as the validators of a small network do.
fn topology(random: &mut Random, nodes: u16) -> Topology {
    let even = nodes - nodes % 2;
    let degree = (random.node(even / 2).saturating_add(1) * 2).min(even - 2).max(2);
    match random.below(12) {
        0 => Topology::Ring,
        1 => Topology::Star { hub: random.node(nodes) },
        2 => Topology::KRegular { degree },
        3 => Topology::SmallWorld { degree, shortcut_ppm: PPM / 3 },
        4 => Topology::ScaleFree { links: random.node(2) + 1 },
        _ => Topology::FullMesh,
    }
}

/// Two or three regions in one seed of four, and the ways between them.
fn regions(random: &mut Random, validators: u16) -> (Vec<Region>, Vec<Route>) {
    if !random.chance(PPM / 4) {
        return (Vec::new(), Vec::new());
    }
    let names = if random.chance(PPM / 2) { vec!["east", "west"] } else { vec!["east", "north", "west"] };
    let mut regions: Vec<Region> =
        names.iter().map(|name| Region { name: (*name).to_owned(), validators: BTreeSet::new() }).collect();
    for node in 0..validators {
        let index = random.index(regions.len());
        regions[index].validators.insert(node);
    }
    let mut routes = Vec::new();
    for (index, one) in names.iter().enumerate() {
        for other in &names[..index] {
            let loss_ppm = if random.chance(PPM / 2) { u32::try_from(random.below(5_000)).unwrap_or(0) } else { 0 };
            let (delay_ms, jitter_ms) = (random.between(20, 150), random.between(0, 60));
            routes.push(Route { between: [(*one).to_owned(), (*other).to_owned()], delay_ms, jitter_ms, loss_ppm });
        }
    }
    (regions, routes)
}

/// In two seeds of five the traffic changes once to three times.
fn phases(random: &mut Random, faults_ms: u64) -> Vec<Phase> {
    let count = if random.chance(PPM / 5 * 2) { random.between(1, 3) } else { 0 };
    let step = faults_ms / 4;
    (1..=count)
        .map(|number| {
            let per_second = u32::try_from(random.between(2, 30)).unwrap_or(2);
            let traffic = match random.below(4) {
                0 => Pattern::Idle,
                1 => Pattern::Poisson { per_second },
                2 => Pattern::Bursty { burst: per_second, every_ms: random.between(500, 5_000) },
                _ => Pattern::Steady { per_second },
            };
            Phase { from_ms: number * step, traffic }
        })
        .collect()
}

/// In three seeds of five the voting set changes, mostly with validators that come and go.
fn staking(random: &mut Random, validators: u16, unreliable: usize) -> Option<Staking> {
    if !random.chance(PPM / 5 * 3) {
        return None;
    }
    let wanted = random.node(3);
    // The seats at the start bear as many that may fail as the validators do.
    let fits = |candidates: &u16| usize::from(Plan::dishonest_max(validators - candidates)) >= unreliable;
    let candidates = (0..=wanted).rev().find(|candidates| validators - candidates >= 3 && fits(candidates))?;
    Some(Staking {
        candidates,
        actions_ppm: u32::try_from(random.between(200_000, 600_000)).unwrap_or(PPM / 3),
        lottery_seats: 0,
    })
}

/// Where validators come and go, in two of three seeds nobody enters without the lottery, for which they need identities.
fn lottery(random: &mut Random, staking: &mut Option<Staking>, identities: &mut Option<Identities>) {
    let Some(staking) = staking.as_mut().filter(|staking| staking.candidates > 0) else { return };
    if random.chance(PPM / 3 * 2) {
        // With one seat an epoch even two candidates contend.
        staking.lottery_seats = if random.chance(PPM / 5) { 2 } else { 1 };
        let few = Identities { actions_ppm: PPM / 3, paid_from: random.between(0, 12) };
        identities.get_or_insert(few);
    }
}

/// In two seeds of five accounts register as identities and answer.
fn identities(random: &mut Random) -> Option<Identities> {
    if !random.chance(PPM / 5 * 2) {
        return None;
    }
    let actions_ppm = u32::try_from(random.between(400_000, 800_000)).unwrap_or(PPM / 2);
    Some(Identities { actions_ppm, paid_from: random.between(0, 12) })
}

/// In three of ten seeds with a full mesh validators copy their state. In other networks a validator that begins with a copy
/// may be the only way of another one to the blocks below it.
fn snapshots(random: &mut Random, topology: Topology, validators: u16) -> Option<Snapshots> {
    if topology != Topology::FullMesh || !random.chance(PPM / 10 * 3) {
        return None;
    }
    let lies = random.chance(PPM / 2);
    let liars = (0..validators).filter(|_| lies && random.chance(PPM / 2)).collect();
    Some(Snapshots {
        every_heights: random.between(3, 10),
        keep: random.index(3) + 1,
        copy_ms: random.between(10, 3_000),
        restore: random.chance(PPM / 10 * 9),
        liars,
    })
}

/// In one seed of four blocks take proofs. In half of those the provers stand still for a while; and who was to be silent or to make
/// noise smuggles proofs instead, every other time.
fn proofs(
    random: &mut Random,
    dishonest: &mut BTreeMap<u16, Misbehaviour>,
    faults: &mut Vec<Scheduled>,
    faults_ms: u64,
) -> Option<Proofs> {
    use Misbehaviour::{Garbage, InvalidBlocks, SmuggledProofs, WithheldParts, WithheldVotes};
    if !random.chance(PPM / 4) {
        return None;
    }
    if random.chance(PPM / 2) {
        let (at_ms, for_ms) = (random.between(10_000, faults_ms), random.between(20_000, 40_000));
        faults.push(Scheduled { at_ms, for_ms, fault: Fault::ProversStop });
    }
    for kind in dishonest.values_mut() {
        if matches!(kind, WithheldVotes | WithheldParts | InvalidBlocks | Garbage) && random.chance(PPM / 2) {
            *kind = SmuggledProofs;
        }
    }
    Some(Proofs {
        provers: random.node(4) + 2,
        window_heights: random.between(2, 5),
        turn_heights: random.between(0, 6),
        work_ms: random.between(500, 8_000),
        bad_ppm: u32::try_from(random.between(50_000, 400_000)).unwrap_or(0),
        taken_from: random.between(0, 12),
        enforced_from: random.between(0, 20),
    })
}

/// Faults of snapshots: some crashes at their steps, some failing operations, some damage, and with `room` a lost disk, so
/// that somebody begins with a copy.
fn of_snapshots(random: &mut Random, validators: u16, room: bool, faults_ms: u64) -> Vec<Scheduled> {
    let mut faults = Vec::new();
    for _ in 0..random.between(2, 4) {
        let (node, at_ms) = (random.node(validators), random.between(1_000, faults_ms));
        let answer = if random.chance(PPM / 2) { DiskAnswer::Io } else { DiskAnswer::NoSpace };
        let fault = match random.below(4) {
            0 | 1 => Fault::SnapshotCrash { node, at: SnapshotStep::ALL[random.index(SnapshotStep::ALL.len())] },
            2 => {
                use SnapshotOperation::{Read, Rename, Sync, Write};
                Fault::SnapshotDisk { node, operation: [Read, Write, Sync, Rename][random.index(4)], answer }
            }
            _ => Fault::SnapshotDamage { node },
        };
        faults.push(Scheduled { at_ms, for_ms: random.between(2_000, 15_000), fault });
    }
    if room {
        let (node, at_ms) = (random.node(validators), random.between(15_000, faults_ms));
        faults.push(Scheduled { at_ms, for_ms: random.between(500, 5_000), fault: Fault::LostDisk { node } });
        if random.chance(PPM / 2) {
            let fault = Fault::SnapshotCrash { node, at: SnapshotStep::ChunkKept };
            faults.push(Scheduled { at_ms, for_ms: random.between(6_000, 9_000), fault });
        }
    }
    faults
}

/// In one seed of three a validator takes its store from an older program, and in one of three some store rots; half of those are started again
/// before they look.
fn upkeep(random: &mut Random, validators: u16, faults_ms: u64) -> Vec<Scheduled> {
    let mut faults = Vec::new();
    if random.chance(PPM / 3) {
        let (node, at) = (random.node(validators), WriteStep::ALL[random.index(WriteStep::ALL.len())]);
        let (at_ms, for_ms) = (random.between(3_000, faults_ms), random.between(500, 6_000));
        faults.push(Scheduled { at_ms, for_ms, fault: Fault::MigrateCrash { node, at } });
    }
    if random.chance(PPM / 3) {
        let node = random.node(validators);
        let (at_ms, for_ms) = (random.between(20_000, faults_ms), random.between(3_000, 9_000));
        faults.push(Scheduled { at_ms, for_ms, fault: Fault::Rot { node } });
        if random.chance(PPM / 2) {
            let (at_ms, fault) = ((at_ms + for_ms / 3).min(faults_ms), Fault::Crash { node, effects: 0 });
            faults.push(Scheduled { at_ms, for_ms: random.between(500, 1_500), fault });
        }
    }
    faults
}

/// In half of the seeds in which everybody keeps its disk and nobody is held back for long, validators prune, and some die at a step of it: who falls behind
/// what the others keep could not catch up.
fn pruning(random: &mut Random, faults: &mut Vec<Scheduled>, validators: u16, faults_ms: u64) -> Option<Pruning> {
    let loses = |fault: &Fault| {
        use Fault::{BitFlip, LostDisk, MisdirectedWrite, TornWrite};
        matches!(fault, LostDisk { .. } | TornWrite { .. } | BitFlip { .. } | MisdirectedWrite { .. })
    };
    let held_ms: u64 = faults.iter().map(|scheduled| scheduled.for_ms).sum();
    let is_calm = held_ms <= HELD_MS_MAX && !faults.iter().any(|scheduled| loses(&scheduled.fault));
    if !random.chance(PPM / 2) || !is_calm {
        return None;
    }
    for _ in 0..random.between(2, 4) {
        let (node, at) = (random.node(validators), WriteStep::ALL[random.index(WriteStep::ALL.len())]);
        let (at_ms, for_ms) = (random.between(faults_ms - 5_000, faults_ms), random.between(8_000, 12_000));
        faults.push(Scheduled { at_ms, for_ms, fault: Fault::PruneCrash { node, at } });
    }
    let keep_heights = random.between(34, 40);
    Some(Pruning { every_heights: random.between(1, 5), keep_heights, keep_headers: keep_heights + random.below(10) })
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
