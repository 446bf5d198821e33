//! Requests of clients.

use crate::areas::FAST;
use crate::handles::{Counter, CounterFamily, Gauge, HistogramFamily};
use crate::metric::{Metric, Unit};

area! {
    /// Requests of clients.
    Rpc {
        "Requests answered, by route template and HTTP status"
        requests: CounterFamily<2> = Metric::counter("rpc_requests_total").labels(&["route", "status"]);
        "Time from a request's arrival to its answer, by route template; streams are not timed"
        latency: HistogramFamily<1> =
            Metric::histogram("rpc_request_seconds", FAST).unit(Unit::Seconds).labels(&["route"]);
        "Requests being answered"
        in_flight: Gauge = Metric::gauge("rpc_in_flight");
        "Open event streams"
        streams: Gauge = Metric::gauge("rpc_streams");
        "Requests refused for a missing or wrong token, or one without the scope"
        unauthorized: Counter = Metric::counter("rpc_unauthorized_total");
        "Requests refused because their caller had asked too often, by class: read or write"
        rate_limited: CounterFamily<1> = Metric::counter("rpc_rate_limited_total").labels(&["class"]);
        "Open connections"
        connections: Gauge = Metric::gauge("rpc_connections");
        "Connections closed without a whole request because the server was full or their address had all it may, the longest waiting first"
        shed: Counter = Metric::counter("rpc_connections_shed_total");
        "TLS handshakes that failed or took too long"
        tls_failures: Counter = Metric::counter("rpc_tls_handshake_failures_total");
    }
}
