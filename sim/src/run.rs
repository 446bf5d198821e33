//! One run from a plan to a report.

use std::collections::BTreeMap;
use std::sync::Arc;

use mempool::MempoolConfig;
use primitives::Height;
use replica::Replica;
use storage::{Store, StoreConfig};

use crate::plan::Plan;
use crate::properties::{Broken, Check, Property};
use crate::report::{Report, Verdict};
use crate::world::{MS, World};

/// Shortest run, milliseconds of virtual time.
pub const RUN_MS_MIN: u64 = 60_000;
/// Longest time after the last fault until every honest validator is done, for each height that it must
/// finalize, milliseconds. It covers a few failed rounds per height and a laggard that syncs.
pub const CALM_MS_PER_HEIGHT: u64 = 10_000;
/// Longest time from the last fault to the first height after it, milliseconds.
pub const RESUME_MS_MAX: u64 = 120_000;
/// After the last fault, a height that starts is decided in a round up to this.
pub const CALM_ROUNDS_MAX: u32 = 16;

/// Runs a plan to its end.
pub fn run(plan: Plan) -> Report {
    let mut world = World::new(plan);
    let mut resume_ms = None;
    let verdict = match play(&mut world, &mut resume_ms).and_then(|()| last_checks(&mut world)) {
        Ok(()) => Verdict::Pass,
        Err(broken) => Verdict::of(broken),
    };
    report(&world, verdict, resume_ms)
}

fn play(world: &mut World, resume_ms: &mut Option<u64>) -> Check {
    let healed_us = world.plan.healed_ms().saturating_mul(MS);
    let calm_us = RESUME_MS_MAX.saturating_add(CALM_MS_PER_HEIGHT.saturating_mul(world.plan.calm_heights));
    let deadline_us = healed_us.saturating_add(calm_us.saturating_mul(MS));
    loop {
        world.step()?;
        if world.now_us < healed_us {
            continue;
        }
        let healed_at = *world.healed_at.get_or_insert(world.judge.height());
        let slowest = slowest(world);
        if resume_ms.is_none() && slowest > healed_at {
            *resume_ms = Some((world.now_us - healed_us) / MS);
        }
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
fn slowest(world: &World) -> Height {
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

/// What can be asked only at the end.
fn last_checks(world: &mut World) -> Check {
    let notary = world.notary.clone();
    let honest: Vec<bool> = world.nodes.iter().map(|node| node.misbehaviour.is_none()).collect();
    let is_honest = |node: u16| honest.get(usize::from(node)).copied().unwrap_or(false);
    world.judge.no_conflicting_signature(&notary, is_honest)?;
    for index in 0..world.nodes.len() {
        let node = &world.nodes[index];
        let Some(running) = node.running.as_ref().filter(|_| world.is_honest(node.number)) else { continue };
        let (number, replica) = (node.number, Arc::clone(&running.replica));
        let chain = replica.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        world.judge.no_acknowledged_transaction_lost(number, &chain)?;
        let reopened = Store::open(&StoreConfig::Faulty(node.disk.clone()), &world.genesis_hash)
            .map_err(|error| error.to_string())
            .and_then(|store| {
                let (genesis, mempool) = (world.genesis.clone(), MempoolConfig::default());
                let opened = Replica::open(genesis, Arc::new(store), mempool, None, Arc::new(|_| {}));
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

fn report(world: &World, verdict: Verdict, resume_ms: Option<u64>) -> Report {
    let mut propagation = world.counts.propagation_us.clone();
    propagation.sort_unstable();
    let percentile = |hundredths: usize| {
        let index = propagation.len().saturating_mul(hundredths) / 100;
        propagation.get(index.min(propagation.len().saturating_sub(1))).map_or(0, |us| us / MS)
    };
    let mut dishonest: BTreeMap<&'static str, u64> = BTreeMap::new();
    for kind in world.plan.dishonest.values() {
        *dishonest.entry(kind.name()).or_default() += 1;
    }
    let calm = world.healed_at.map_or(0, |healed| slowest(world).0.saturating_sub(healed.0));
    Report {
        seed: world.plan.seed,
        detail: verdict.detail().map(str::to_owned),
        verdict,
        trace_hash: world.trace_hash(),
        validators: world.plan.validators,
        virtual_ms: world.now_us / MS,
        events: world.counts.events,
        height: world.judge.height().0,
        calm_heights: calm,
        round_max: world.counts.rounds.last_key_value().map_or(0, |(round, _)| *round),
        rounds: world.counts.rounds.clone(),
        resume_ms,
        propagation_p50_ms: percentile(50),
        propagation_p95_ms: percentile(95),
        acknowledged: u64::try_from(world.judge.acknowledged()).unwrap_or(u64::MAX),
        faults: world.counts.faults.clone(),
        dishonest,
        equivocations: world.counts.equivocations,
        properties: world.judge.checks().clone(),
    }
}
