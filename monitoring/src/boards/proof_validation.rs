//! Whether proofs are made and judged as they should: the board of the prover's runbook.

use crate::board::{Board, Unit};
use crate::boards::{lines, named, number, query};

/// The board.
pub const BOARD: Board = Board {
    name: "proof_validation",
    title: "proof validation",
    about: "Percentiles of proving and verifying, sizes, hits of the cache, and tampered proofs that were refused.",
    panels: &[
        number(
            "Tampered proofs refused",
            "Proofs that did not verify, since the nodes started. Each was refused; one that is accepted pages.",
            Unit::Count,
            &[query("sum(proof_tamper_rejections_total{@})")],
        ),
        number(
            "Cache hit rate",
            "Share of the questions for window proofs that found one, over the last hour.",
            Unit::Share,
            &[query(
                "sum(increase(proof_cache_hits_total{@}[1h])) \
                 / (sum(increase(proof_cache_hits_total{@}[1h])) + sum(increase(proof_cache_misses_total{@}[1h])))",
            )],
        ),
        lines(
            "Time to prove, milliseconds",
            "As provers say themselves; only accepted proofs count.",
            Unit::Count,
            &[
                named(
                    "histogram_quantile(0.5, sum by (proof, le) (rate(rpp_runtime_proof_generation_latency_ms_bucket{@}[1h])))",
                    "{{proof}} p50",
                ),
                named(
                    "histogram_quantile(0.95, sum by (proof, le) (rate(rpp_runtime_proof_generation_latency_ms_bucket{@}[1h])))",
                    "{{proof}} p95",
                ),
                named(
                    "histogram_quantile(0.99, sum by (proof, le) (rate(rpp_runtime_proof_generation_latency_ms_bucket{@}[1h])))",
                    "{{proof}} p99",
                ),
            ],
        ),
        lines(
            "Time to verify, milliseconds",
            "Accepted or not.",
            Unit::Count,
            &[
                named(
                    "histogram_quantile(0.5, sum by (le) (rate(rpp_runtime_proof_verification_latency_ms_bucket{@}[1h])))",
                    "p50",
                ),
                named(
                    "histogram_quantile(0.95, sum by (le) (rate(rpp_runtime_proof_verification_latency_ms_bucket{@}[1h])))",
                    "p95",
                ),
                named(
                    "histogram_quantile(0.99, sum by (le) (rate(rpp_runtime_proof_verification_latency_ms_bucket{@}[1h])))",
                    "p99",
                ),
            ],
        ),
        lines(
            "Size of proofs, 95th percentile",
            "Bytes of an accepted proof, by kind.",
            Unit::Bytes,
            &[named(
                "histogram_quantile(0.95, sum by (proof, le) (rate(proof_size_bytes_bucket{@}[1h])))",
                "{{proof}}",
            )],
        ),
        lines(
            "Verdicts",
            "Proofs per second: accepted, and refused because they do not verify.",
            Unit::PerSecond,
            &[
                named("sum(rate(proof_accepted_total{@}[10m]))", "accepted"),
                named("sum(rate(rpp_runtime_proof_verification_failures_total{@}[10m]))", "refused"),
            ],
        ),
    ],
};
