//! One run from a plan to a report.

use std::sync::Arc;

use mempool::MempoolConfig;
use primitives::Height;
use replica::Replica;
use storage::{Store, StoreConfig};

use crate::plan::Plan;
use crate::properties::{Broken, Check, Property};
use crate::report::{Report, Verdict};
use crate::stand_in::Watched;
use crate::world::{MS, World};

/// Shortest run, milliseconds of virtual time.
pub const RUN_MS_MIN: u64 = 60_000;
/// Longest time after the last fault until every honest validator is done, for each height that it must
/// finalize, milliseconds. It covers a few failed rounds per height and a laggard that syncs.
pub const CALM_MS_PER_HEIGHT: u64 = 10_000;
/// Longest time from the last fault until every honest validator finalized something new, milliseconds: some six rounds
/// that fail.
pub const RESUME_MS_MAX: u64 = 60_000;
/// The deadline of a run is this and [`CALM_MS_PER_HEIGHT`] for each height after the last fault, milliseconds.
pub const DEADLINE_MS: u64 = 120_000;
/// After the last fault, a height that starts is decided in a round up to this.
pub const CALM_ROUNDS_MAX: u32 = 16;

/// Someone who looks at every event before and after it is handled. Looking changes nothing.
pub trait Watch {
    /// The world before its next event.
    fn before(&mut self, _: &World) {}
    /// The world after it.
    fn after(&mut self, _: &World) {}
    /// The world at the end.
    fn ended(&mut self, _: &World) {}
}

/// Nobody looks.
struct Unwatched;

impl Watch for Unwatched {}

/// Runs a plan to its end.
pub fn run(plan: Plan) -> Report {
    run_watched(plan, &mut Unwatched)
}

/// Runs a plan to its end; `watch` sees every event.
pub fn run_watched(plan: Plan, watch: &mut dyn Watch) -> Report {
    #[cfg(feature = "seeded-bugs")]
    primitives::defect::seed(plan.seeded_bug.and_then(crate::plan::SeededBug::in_the_chain));
    // Without the feature there are no defects, also when a plan did not come from a file that was checked.
    #[cfg(not(feature = "seeded-bugs"))]
    let plan = Plan { seeded_bug: None, ..plan };
    let mut world = World::new(plan);
    let mut resume_ms = None;
    let verdict = match play(&mut world, &mut resume_ms, watch).and_then(|()| last_checks(&mut world)) {
        Ok(()) => Verdict::Pass,
        Err(broken) => Verdict::of(broken),
    };
    watch.ended(&world);
    Report::of(&world, verdict, resume_ms)
}

fn play(world: &mut World, resume_ms: &mut Option<u64>, watch: &mut dyn Watch) -> Check {
    let healed_us = world.plan.healed_ms().saturating_mul(MS);
    let calm_us = DEADLINE_MS.saturating_add(CALM_MS_PER_HEIGHT.saturating_mul(world.plan.calm_heights));
    let deadline_us = healed_us.saturating_add(calm_us.saturating_mul(MS));
    loop {
        watch.before(world);
        let checked = world.step();
        watch.after(world);
        checked?;
        if world.now_us < healed_us {
            continue;
        }
        let healed_at = *world.healed_at.get_or_insert(world.judge.height());
        let slowest = slowest(world);
        if resume_ms.is_none() && slowest > healed_at {
            *resume_ms = Some((world.now_us - healed_us) / MS);
        }
        resumes_in_time(world, *resume_ms, world.now_us.saturating_sub(healed_us) / MS)?;
        let target = healed_at.0.saturating_add(world.plan.calm_heights);
        if slowest.0 >= target && world.now_us >= RUN_MS_MIN.saturating_mul(MS) {
            return progress(world);
        }
        if world.now_us > deadline_us {
            let detail = format!("the slowest honest validator is at height {slowest}, {target} was to be reached");
            return Err(Broken { property: Property::Progress, detail });
        }
    }
}

/// The height of the honest validator that is furthest behind.
pub(crate) fn slowest(world: &World) -> Height {
    let honest = world.nodes.iter().filter(|node| world.is_honest(node.number));
    honest.map(crate::node::Node::finalized).min().unwrap_or_default()
}

fn progress(world: &mut World) -> Check {
    world.judge.count(Property::Progress);
    let round = world.counts.calm_round_max;
    if round > CALM_ROUNDS_MAX {
        let detail = format!("a height after the last fault needed round {round}, {CALM_ROUNDS_MAX} is the bound");
        return Err(Broken { property: Property::Progress, detail });
    }
    Ok(())
}

/// Soon after the last fault every honest validator goes on, whatever the rest of the run brings.
fn resumes_in_time(world: &World, resume_ms: Option<u64>, since_ms: u64) -> Check {
    if resume_ms.unwrap_or(since_ms) <= RESUME_MS_MAX {
        return Ok(());
    }
    let (slowest, seconds) = (slowest(world), RESUME_MS_MAX / 1_000);
    let detail = format!("{seconds} s after the last fault an honest validator is still at height {slowest}");
    Err(Broken { property: Property::Progress, detail })
}

/// What can be asked only at the end.
fn last_checks(world: &mut World) -> Check {
    let notary = world.notary.clone();
    let honest: Vec<bool> = world.nodes.iter().map(|node| node.misbehaviour.is_none()).collect();
    let is_honest = |node: u16| honest.get(usize::from(node)).copied().unwrap_or(false);
    world.verdicts_survive_restarts()?;
    world.judge.no_conflicting_signature(&notary, is_honest)?;
    for number in 0..world.plan.nodes() {
        world.no_bad_snapshot_is_used(number)?;
        world.what_rotted_is_back(number)?;
    }
    for index in 0..world.nodes.len() {
        let node = &world.nodes[index];
        let Some(running) = node.running.as_ref().filter(|_| world.is_honest(node.number)) else { continue };
        let (number, replica) = (node.number, Arc::clone(&running.replica));
        let chain = replica.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        world.judge.no_acknowledged_transaction_lost(number, &chain)?;
        let judge = Watched::new(number, Arc::clone(&world.answers), None);
        let reopened = Store::open(&StoreConfig::Faulty(node.disk.clone()), &world.genesis_hash)
            .map_err(|error| error.to_string())
            .and_then(|store| {
                let (genesis, mempool) = (world.genesis.clone(), MempoolConfig::default());
                let opened =
                    Replica::open_with(genesis, Arc::new(store), mempool, None, Arc::new(|_| {}), Arc::new(judge));
                opened.map_err(|fault| fault.to_string())
            });
        match reopened {
            Ok(reopened) => world.judge.disk_holds_the_state(number, &chain, &reopened)?,
            Err(reason) => {
                let detail = format!("the disk of validator {number} cannot be opened: {reason}");
                return Err(Broken { property: Property::DiskHoldsTheState, detail });
            }
        }
    }
    Ok(())
}
