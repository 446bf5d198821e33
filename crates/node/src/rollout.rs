//! What this node says about its rollout: channel, gates, genesis, telemetry; at the start and on request.
//!
//! Rule: the same names and values at every place: start-up log, handshake, samples, `GET /status/rollout`, metrics.

use std::collections::BTreeMap;

use ::config::{GateKind as Kind, GateState, Loaded, Profiles};
use primitives::Height;
use rpc::types::{GateKind, GateStatus, RolloutStatus, TelemetryStatus};
use telemetry::areas::Rollout;

use crate::run::Attested;
use crate::shared::Shared;

/// What stands before the commit in the stamp of a release.
const STAMP_MARK: &str = "the-block-built-from-commit:";

/// The commit that this program was built from; none in a build that is no release.
pub fn commit() -> Option<&'static str> {
    option_env!("TB_BUILD_STAMP")?.strip_prefix(STAMP_MARK)
}

/// Every gate at the next height.
fn states(shared: &Shared) -> Vec<GateState> {
    shared.config.gates.at(&shared.genesis, shared.store.head().map_or(Height(1), |head| head.height.next()))
}

/// Names of the gates that are in force.
pub fn active(shared: &Shared) -> Vec<&'static str> {
    states(shared).into_iter().filter(|gate| gate.is_active).map(|gate| gate.name).collect()
}

/// Channel and gates as metrics.
pub fn measure(shared: &Shared) {
    let metrics = &shared.metrics.rollout;
    metrics.channel.set([shared.config.release_channel.as_str().to_owned()]);
    metrics.enabled.set_bool(shared.config.telemetry.enabled);
    for gate in states(shared) {
        metrics.gates.with([gate.name]).set_bool(gate.is_active);
    }
}

/// The keys that every node of every stage has, with the values of `loaded`.
pub fn settings(loaded: &Loaded) -> BTreeMap<String, String> {
    Profiles::built_in().expect("a test reads the profiles of this program").reference_of(loaded)
}

/// What attests the program, as metrics, and as a warning where it does not hold.
pub fn attested(metrics: &Rollout, found: &Attested) {
    metrics.attestations_seen.set_len(found.seen);
    metrics.attestations_missing.set_len(found.missing);
    metrics.attestations_valid.set_bool(found.valid);
    if let Some(why) = &found.why {
        tracing::warn!(%why, "the files beside this program do not attest it; verify the release: tb release verify DIR");
    }
}

/// A gate for those who ask.
pub fn view(gate: &GateState) -> GateStatus {
    GateStatus {
        name: gate.name.to_owned(),
        kind: match gate.kind {
            Kind::Chain => GateKind::Chain,
            Kind::Local => GateKind::Local,
        },
        active: gate.is_active,
        activation_height: gate.activation_height,
    }
}

/// `/status/rollout`.
pub fn status(shared: &Shared) -> RolloutStatus {
    let head = shared.store.head().map_or(Height::GENESIS, |head| head.height);
    RolloutStatus {
        release_channel: shared.config.release_channel.as_str().to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        commit: commit().map(str::to_owned),
        chain_id: shared.genesis.chain_id.clone(),
        genesis_hash: shared.genesis_hash,
        finalized_height: head,
        epoch_blocks: shared.genesis.params.epoch_blocks,
        started_at_ms: Some(shared.started.0),
        gates: shared.config.gates.at(&shared.genesis, head).iter().map(view).collect(),
        settings: shared.settings.borrow().clone(),
        telemetry: telemetry(shared),
    }
}

fn telemetry(shared: &Shared) -> TelemetryStatus {
    let (metrics, newest) = (&shared.metrics.rollout, shared.samples.newest());
    let sampling = *shared.samples.sampling.borrow();
    TelemetryStatus {
        enabled: shared.config.telemetry.enabled,
        sample_interval_ms: u64::try_from(sampling.interval.as_millis()).unwrap_or(u64::MAX),
        trace_sample_ppm: sampling.trace_ppm,
        samples: metrics.samples.get(),
        sample_height: newest.map(|(height, _)| height),
        sampled_at_ms: newest.map(|(_, at)| at.0),
        encode_failures: metrics.encode_failures.get(),
        exporters: crate::exports::status(shared),
    }
}
