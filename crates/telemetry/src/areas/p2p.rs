//! Our own network: handshakes, gossip, peers and the peer store.

use crate::handles::{Counter, CounterFamily, Gauge};
use crate::metric::{Metric, Unit};

area! {
    /// Our own network: handshakes, gossip, peers and the peer store.
    P2p {
        "Peers whose handshake is done"
        peers: Gauge = Metric::gauge("p2p_peers").aliases(&["cometbft_p2p_peers"]);
        "Peers that are banned now"
        banned_peers: Gauge = Metric::gauge("p2p_banned_peers");
        "Handshakes started, whether they succeed or not, by transport provider (quic, tcp)"
        handshake_attempts: CounterFamily<1> =
            Metric::counter("transport_handshake_attempt_total").labels(&["provider"]).values(&[&["quic", "tcp"]]);
        "Connections made, by transport provider (quic, tcp)"
        connects: CounterFamily<1> = Metric::counter("transport_provider_connect_total").labels(&["provider"]).values(&[&["quic", "tcp"]]);
        "Handshakes that were started and did not end with agreement, by reason: unreachable, wrong_key, not_taken, incoming, or what a side refused for"
        handshake_failures: CounterFamily<1> = Metric::counter("transport_handshake_failure_total").labels(&["reason"]);
        "Handshakes that ended, by result (completed, refused)"
        handshakes: CounterFamily<1> = Metric::counter("p2p_handshakes_total").labels(&["result"]).values(&[&["completed", "refused"]]);
        "Gossip messages by direction (in, out)"
        messages: CounterFamily<1> = Metric::counter("p2p_gossip_messages_total").labels(&["direction"]).values(&[&["in", "out"]]);
        "Size of requests received and gossip sent, by direction (in, out)"
        traffic: CounterFamily<1> =
            Metric::counter("p2p_traffic_bytes_total").unit(Unit::Bytes).labels(&["direction"]).values(&[&["in", "out"]]);
        "Transactions exchanged by gossip, by direction (in, out)"
        transactions: CounterFamily<1> = Metric::counter("p2p_transactions_total").labels(&["direction"]).values(&[&["in", "out"]]);
        "Messages that went no further, by reason"
        dropped: CounterFamily<1> = Metric::counter("p2p_dropped_total").labels(&["reason"]);
        "Attempts to write the peer store"
        persist_attempts: Counter = Metric::counter("overlay_persist_attempts_total");
        "Writes of the peer store that succeeded"
        persist_successes: Counter = Metric::counter("overlay_persist_success_total");
        "Writes of the peer store given up after the last retry"
        persist_failures: Counter = Metric::counter("overlay_persist_failure_total");
    }
}
