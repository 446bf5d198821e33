//! What this node can see of itself, judged by `telemetry::health`.

use std::sync::atomic::Ordering;

use ::config::Mode;
use primitives::Height;
use primitives::genesis::Engine as EngineKind;
use telemetry::health::{BEHIND_TOLERATED, Observation, Progress, Readiness, Role, is_syncing, readiness};

use crate::shared::{Engine, Shared};

/// The node's role.
pub fn role(shared: &Shared) -> Role {
    match (shared.genesis.engine, shared.validator) {
        (EngineKind::Solo, _) => Role::Solo,
        (EngineKind::Bft, Some(_)) => Role::Validator,
        (EngineKind::Bft, None) => Role::Full,
    }
}

/// Heights that the chain has beyond ours, as far as peers can be believed.
pub fn behind(shared: &Shared, finalized: u64) -> u64 {
    let best = shared.p2p.get().and_then(p2p::P2pHandle::best_peer_height);
    let progress = Progress {
        finalized,
        live_heights: shared.live_heights.load(Ordering::Relaxed),
        finalized_age_ms: shared.finalized_age_ms(),
        block_interval_ms: shared.genesis.params.block_interval_ms,
    };
    best.map_or(0, |best| telemetry::health::behind(best.0, &progress))
}

/// The highest height that the chain can have, as far as peers can be believed.
pub fn known(shared: &Shared) -> Height {
    let finalized = shared.store.head().map_or(0, |head| head.height.0);
    Height(finalized.saturating_add(behind(shared, finalized)).saturating_add(BEHIND_TOLERATED))
}

/// Whether the chain has this validator and no other.
fn is_only_validator(shared: &Shared) -> bool {
    let Some(ours) = shared.validator else { return false };
    let set = shared.chain().ok().and_then(|chain| chain.validators().ok());
    set.is_some_and(|set| matches!(set.validators(), [only] if only.address == ours))
}

/// Whether this node should be given work now.
pub fn judge(shared: &Shared) -> Readiness {
    let finalized = shared.store.head().map_or(0, |head| head.height.0);
    let behind = behind(shared, finalized);
    let mut services_down = Vec::new();
    let peers = match shared.engine.get() {
        None => {
            services_down.push("consensus");
            0
        }
        Some(Engine::Solo(_)) => 0,
        Some(Engine::Bft(engine)) => {
            if engine.has_stopped() {
                services_down.push("consensus");
            }
            shared.p2p.get().map_or(0, |p2p| p2p.peers().len())
        }
    };
    if shared.config.mode == Mode::Hybrid && !shared.wallet_up.load(Ordering::Relaxed) {
        services_down.push("wallet");
    }
    readiness(&Observation {
        role: role(shared),
        stopping: shared.is_stopping(),
        services_down: &services_down,
        disk_low: shared.disk.low(),
        disk_full: shared.disk.full(),
        quarantined: shared.store.quarantined().len(),
        starting: shared.starting.load(Ordering::Relaxed),
        finalized_age_ms: shared.finalized_age_ms(),
        block_interval_ms: shared.genesis.params.block_interval_ms,
        behind,
        syncing: is_syncing(behind),
        peers,
        only_validator: peers == 0 && is_only_validator(shared),
    })
}
