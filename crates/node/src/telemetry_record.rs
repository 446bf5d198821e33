//! One log record for each finalized block, for whoever collects telemetry from the log.
//!
//! ```text
//! {"target":"telemetry.block","height":12,"uptime_proofs":3,"consensus_proofs":4,
//!  "timetoke_params.window_seconds":3600,"timetoke_params.cap_hours":720,"timetoke_params.decay_seconds":86400,…}
//! ```
//! The parameters are those in force after the block, read from the state.

use replica::FinalizedBlock;
use state::view;

use crate::elections::proofs;
use crate::shared::Shared;

/// Writes the record of a block, and the gauges that are read from the state.
pub fn record(shared: &Shared, block: &FinalizedBlock) {
    let Ok(chain) = shared.chain() else { return };
    let Ok(params) = view::params(chain.state()) else { return };
    own(shared, &chain, &params);
    drop(chain);
    let (proofs, timetoke) = (proofs(block), &params.timetoke);
    tracing::info!(
        target: "telemetry.block",
        height = block.block.header.height.0,
        uptime_proofs = proofs.uptime,
        consensus_proofs = proofs.consensus,
        timetoke_params.hour_seconds = timetoke.hour_seconds,
        timetoke_params.window_seconds = timetoke.window_seconds,
        timetoke_params.cap_hours = timetoke.cap_hours,
        timetoke_params.decay_seconds = timetoke.decay_seconds,
        timetoke_params.sync_seconds = timetoke.sync_seconds,
        "block telemetry"
    );
}

/// Standing of the own validator, and what the last lottery gave.
fn own(shared: &Shared, chain: &replica::Replica, params: &primitives::Params) {
    let (state, head) = (chain.state(), chain.head());
    let metrics = &shared.metrics.standing;
    if let Ok(count) = state::identity::count(state) {
        metrics.identities.set(u64::from(count));
    }
    let epoch = state::context::epoch_of(params, head.height.next());
    if let Ok(Some(result)) = state::lottery::result(state, epoch) {
        metrics.vrf_candidates.set(result.candidates);
        metrics.vrf_participation.set(crate::elections::participation_ppm(result.submissions, result.candidates));
    }
    let Some(address) = &shared.validator else { return };
    if let Ok(facts) = state::reputation::facts(state, params, address, head.height, head.time) {
        let explained = state::reputation::score::explain(&params.reputation, &facts);
        metrics.own_hours.set(facts.hours);
        metrics.own_tier.set(u64::from(explained.tier.level()));
        metrics.own_score.set(explained.score_ppm);
    }
}
