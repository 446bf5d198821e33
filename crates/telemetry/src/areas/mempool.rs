//! What waits for a block, and what did not get in.

use crate::areas::BLOCKS;
use crate::handles::{Counter, CounterFamily, FloatGaugeFamily, Gauge, GaugeFamily, HistogramFamily};
use crate::metric::{Metric, Unit};

area! {
    /// What waits for a block, and what did not get in.
    Mempool {
        "Entries of each queue (transactions, identities, votes)"
        queue_depth: GaugeFamily<1> = Metric::gauge("mempool_queue_depth")
            .labels(&["queue"])
            .values(&[&["transactions", "identities", "votes"]]);
        "Entries each queue may hold"
        queue_limit: Gauge = Metric::gauge("mempool_queue_limit");
        "Waiting transactions by lane and state (pending, queued)"
        lane_depth: GaugeFamily<2> = Metric::gauge("mempool_lane_depth").labels(&["lane", "state"]);
        "Age of the oldest waiting transaction of each lane"
        oldest_age: FloatGaugeFamily<1> =
            Metric::gauge("mempool_oldest_age_seconds").unit(Unit::Seconds).labels(&["lane"]);
        "Transactions that wait, identities among them"
        transactions: Gauge = Metric::gauge("mempool_transactions").aliases(&["cometbft_mempool_size"]);
        "Payers with something waiting"
        senders: Gauge = Metric::gauge("mempool_senders");
        "Size of all waiting transactions"
        size: Gauge = Metric::gauge("mempool_size_bytes")
            .unit(Unit::Bytes)
            .aliases(&["cometbft_mempool_size_bytes"]);
        "Transactions admitted, by state (pending, queued)"
        admitted: CounterFamily<1> = Metric::counter("mempool_admitted_total")
            .labels(&["state"])
            .values(&[&["pending", "queued"]]);
        "Transactions that took the place of another one of the same payer and nonce"
        replaced: Counter = Metric::counter("mempool_replaced_total");
        "Transactions refused, by reason"
        rejected: CounterFamily<1> = Metric::counter("mempool_rejected_total").labels(&["reason"]);
        "Transactions refused for any reason since the start of the process; a gauge, as its alias has no suffix of a counter"
        refused: Gauge = Metric::gauge("mempool_refused_transactions").aliases(&["cometbft_mempool_failed_txs"]);
        "Transactions that left because valid_until had passed"
        expired: Counter = Metric::counter("mempool_expired_total");
        "Transactions that left without being included, by reason (expiry among them)"
        dropped: CounterFamily<1> = Metric::counter("mempool_dropped_total").labels(&["reason"]);
        "Votes refused because the share of their height in the vote queue was full"
        votes_rejected: Counter = Metric::counter("mempool_votes_rejected_total");
        "Votes refused because their height is more than 16 ahead: this node is behind, or a peer makes them up"
        votes_too_far: Counter = Metric::counter("mempool_votes_too_far_total");
        "Time from receiving a transaction to a stage of its way (admitted, proposed, decided, finalized)"
        stage: HistogramFamily<1> =
            Metric::histogram("transaction_stage_seconds", BLOCKS).unit(Unit::Seconds).labels(&["stage"]);
    }
}
