//! Heights, rounds and votes.

use crate::areas::{BLOCKS, COUNTS, SIZES};
use crate::handles::{Counter, CounterFamily, FloatGauge, Gauge, Histogram};
use crate::metric::{Metric, Unit};

area! {
    /// Heights, rounds and votes.
    Consensus {
        "The last finalized height"
        finalized_height: Gauge = Metric::gauge("consensus_finalized_height").aliases(&[
            "block_height_total",
            "cometbft_consensus_height",
            "cometbft_consensus_latest_block_height",
        ]);
        "The round consensus is in at the height after the last finalized one"
        round: Gauge = Metric::gauge("consensus_round").aliases(&["cometbft_consensus_rounds"]);
        "Time from one finalized block's header time to the next one's"
        block_interval: Histogram =
            Metric::histogram("consensus_block_interval_seconds", BLOCKS)
                .unit(Unit::Seconds)
                .aliases(&["cometbft_consensus_block_interval_seconds"]);
        "Time from the start of a height to its block being durable here"
        finality: Histogram = Metric::histogram("consensus_finality_seconds", BLOCKS).unit(Unit::Seconds);
        "Time one round took, whether it decided or not"
        round_duration: Histogram = Metric::histogram("consensus_round_seconds", BLOCKS)
            .unit(Unit::Seconds)
            .aliases(&["cometbft_consensus_round_duration_seconds"]);
        "Time from a proposal being known to more than two thirds of the power having precommitted it"
        quorum_delay: Histogram =
            Metric::histogram("consensus_quorum_delay_seconds", BLOCKS).unit(Unit::Seconds);
        "Rounds that ended without a decision"
        failed_rounds: Counter = Metric::counter("consensus_failed_rounds_total");
        "Proposals judged here, by verdict (valid, invalid)"
        proposals: CounterFamily<1> = Metric::counter("consensus_proposals_total")
            .labels(&["verdict"])
            .values(&[&["valid", "invalid"]]);
        "Blocks built here and offered"
        built_blocks: Counter = Metric::counter("consensus_built_blocks_total");
        "Validators in the voting set"
        validators: Gauge = Metric::gauge("consensus_validators").aliases(&["cometbft_consensus_validators"]);
        "Power of the voting set"
        validators_power: Gauge = Metric::gauge("consensus_validators_power")
            .aliases(&["cometbft_consensus_validators_power"]);
        "Validators of the set that are not in the last commit certificate"
        missed_validators: Gauge = Metric::gauge("consensus_missed_validators")
            .aliases(&["cometbft_consensus_missing_validators"]);
        "Power of the validators that are not in the last commit certificate"
        missed_power: Gauge = Metric::gauge("consensus_missed_power")
            .aliases(&["cometbft_consensus_missing_validators_power"]);
        "Validators of the set that signed none of the last 60 commit certificates"
        silent_validators: Gauge = Metric::gauge("consensus_silent_validators");
        "Precommits missing from commit certificates, summed over validators and heights"
        missed_precommits: Counter = Metric::counter("consensus_missed_precommits_total");
        "Power in the last commit certificate, parts per million of the set"
        certificate_power: Gauge = Metric::gauge("consensus_certificate_power_ppm");
        "Messages signed twice with different content, by kind (vote, proposal)"
        equivocations: CounterFamily<1> = Metric::counter("consensus_equivocations_total")
            .labels(&["kind"])
            .values(&[&["vote", "proposal"]]);
        "Signatures the double-sign guard refused"
        guard_refusals: Counter = Metric::counter("consensus_guard_refusals_total");
        "How far this node's clock was ahead of the time of the newest block when that became final here; below 0 where it was behind"
        clock_offset: FloatGauge = Metric::gauge("consensus_clock_offset_seconds").unit(Unit::Seconds);
        "Transactions in a finalized block"
        block_transactions: Histogram = Metric::histogram("consensus_block_transactions", COUNTS);
        "Size of a finalized block"
        block_size: Histogram = Metric::histogram("consensus_block_size_bytes", SIZES).unit(Unit::Bytes);
        "Transactions in the last finalized block"
        last_transactions: Gauge = Metric::gauge("last_block_transactions").aliases(&["cometbft_consensus_num_txs"]);
        "Size of the last finalized block"
        last_size: Gauge = Metric::gauge("last_block_size_bytes")
            .unit(Unit::Bytes)
            .aliases(&["cometbft_consensus_block_size_bytes"]);
        "Transactions finalized here since the start of the process; a gauge, as its alias has no suffix of a counter"
        finalized_transactions: Gauge =
            Metric::gauge("finalized_transactions").aliases(&["cometbft_consensus_total_txs"]);
        "Finalized transactions by outcome"
        transactions: CounterFamily<1> = Metric::counter("transactions_finalized_total").labels(&["outcome"]);
        "Heights in an epoch, from genesis"
        epoch_blocks: Gauge = Metric::gauge("chain_epoch_blocks");
        "Target time between blocks, from genesis"
        block_interval_target: FloatGauge =
            Metric::gauge("chain_block_interval_target_seconds").unit(Unit::Seconds);
    }
}
