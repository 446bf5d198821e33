//! How far the ledger is proven, and what proofs cost.

use crate::board::{Board, Unit};
use crate::boards::{lines, named, number, query};

/// The board.
pub const BOARD: Board = Board {
    name: "proofs",
    title: "proofs",
    about: "How far the ledger is proven, how long proofs take, and what was refused.",
    panels: &[
        number(
            "Proven height",
            "Last height of the unbroken list of verified windows, as the node that is furthest sees it.",
            Unit::Count,
            &[query("max(proven_height{@})")],
        ),
        number(
            "Heights not proven",
            "Finalized heights behind which the proofs are. At least the open window.",
            Unit::Count,
            &[query("min(proof_lag_blocks{@})")],
        ),
        number(
            "Backends healthy",
            "Nodes whose last proof was good. It should be the number of nodes.",
            Unit::Count,
            &[query("sum(proof_backend_healthy{@})")],
        ),
        number(
            "Recoveries",
            "Good proofs after a failure, since the nodes started.",
            Unit::Count,
            &[query("sum(proof_backend_recoveries_total{@})")],
        ),
        lines(
            "Time to prove, milliseconds",
            "Of windows and of the chain, as provers say themselves; only accepted proofs count. An alert fires at 5,500 for the 95th percentile of windows.",
            Unit::Count,
            &[
                named("instance:proof_generation_ms:p50_10m{@}", "{{instance}} {{proof}} median"),
                named("instance:proof_generation_ms:p95_10m{@}", "{{instance}} {{proof}} 95th percentile"),
                named("instance:proof_generation_ms:mean_10m{@}", "{{instance}} {{proof}} mean"),
            ],
        ),
        lines(
            "Time to verify, milliseconds",
            "95th percentile, accepted or not. An alert fires at 2,000.",
            Unit::Count,
            &[query("instance:proof_verification_ms:p95_10m{@}")],
        ),
        lines(
            "Windows that wait",
            "Closed windows without a proof, and proofs that are kept.",
            Unit::Count,
            &[
                named("proof_queue_depth{@}", "{{instance}} waiting"),
                named("proof_windows_kept{@}", "{{instance}} kept"),
            ],
        ),
        lines(
            "Verdicts",
            "Proofs per second: accepted, not verified, and failures that provers reported.",
            Unit::PerSecond,
            &[
                named("sum(rate(proof_accepted_total{@}[10m]))", "accepted"),
                named("sum(rate(rpp_runtime_proof_verification_failures_total{@}[10m]))", "not verified"),
                named("sum(rate(rpp_runtime_proof_generation_failures_total{@}[10m]))", "not made"),
            ],
        ),
        lines(
            "Refused before verification",
            "Proofs per second, by reason.",
            Unit::PerSecond,
            &[named("sum by (reason) (rate(proof_refused_total{@}[10m]))", "{{reason}}")],
        ),
        lines(
            "Size of proofs",
            "Mean bytes of an accepted proof.",
            Unit::Bytes,
            &[query(
                "sum by (instance) (rate(proof_size_bytes_sum{@}[1h])) \
                 / sum by (instance) (rate(proof_size_bytes_count{@}[1h]))",
            )],
        ),
        lines(
            "Questions answered from the store",
            "Share of the questions for window proofs that found one.",
            Unit::Share,
            &[query(
                "rate(proof_cache_hits_total{@}[5m]) \
                 / (rate(proof_cache_hits_total{@}[5m]) + rate(proof_cache_misses_total{@}[5m]))",
            )],
        ),
        lines(
            "Proofs from peers",
            "Per second, of windows and of the chain, by what became of them.",
            Unit::PerSecond,
            &[named("sum by (proof, verdict) (rate(proof_gossip_total{@}[10m]))", "{{proof}} {{verdict}}")],
        ),
        lines(
            "Questions for missing proofs",
            "Per second: asked by a node, and those of its peers, answered with a proof or with nothing.",
            Unit::PerSecond,
            &[named("sum by (result) (rate(proof_questions_total{@}[10m]))", "{{result}}")],
        ),
        lines(
            "Heights of the chain proof and of proofs in blocks",
            "The last height that the chain proof of a node covers, and the one up to which the chain took a proof in a block.",
            Unit::Count,
            &[
                named("proof_chain_height{@}", "{{instance}} chain proof"),
                named("proof_accepted_height{@}", "{{instance}} in blocks"),
            ],
        ),
        number(
            "Provers with a bond",
            "As the chain knows them.",
            Unit::Count,
            &[query("max(proof_bonded_provers{@})")],
        ),
    ],
};
