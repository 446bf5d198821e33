//! The oldest collected transaction has waited long enough: send what there is.

use crate::actor::Network;
use crate::handlers::publish;

/// Sends the batch under construction.
pub(crate) fn handle(network: &mut Network) {
    network.flush_due = None;
    if let Some(batch) = network.collector.take() {
        publish::send(network, &batch);
    }
}
