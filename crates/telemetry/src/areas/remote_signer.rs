//! A validator's key in another process: what it is asked, and how often signers were looked for.

use crate::areas::FAST;
use crate::handles::{Counter, FloatGauge, Histogram};
use crate::metric::{Metric, Unit};

area! {
    /// A validator's key in another process: what it is asked, and how often signers were looked for.
    RemoteSigner {
        "Requests to the remote signer that has this validator's key"
        requests: Counter = Metric::counter("remote_signer_request_total");
        "Requests to the remote signer that it answered with what was asked for; the others it refused, or it did not answer in time"
        successes: Counter = Metric::counter("remote_signer_success_total");
        "Time from a request to the remote signer to its answer, of those that succeeded"
        latency: Histogram = Metric::histogram("remote_signer_latency_seconds", FAST).unit(Unit::Seconds);
        "Runs of wallet discover-signers with this node's home"
        discoveries: Counter = Metric::counter("remote_signer_discovery_total");
        "Runs of wallet discover-signers with this node's home that found a signer"
        discovered: Counter = Metric::counter("remote_signer_discovery_success_total");
        "Runs of wallet discover-signers that found a signer, over all runs; 0 before the first"
        discovery_ratio: FloatGauge = Metric::gauge("remote_signer_discovery_success_ratio");
    }
}
