//! Windows are not proven, provers fail, proofs do not verify.

use crate::alert::{Alert, Drill, Severity};
use crate::alerts::{JOB, NODE};

/// The labels of an alert about one proof backend.
const BACKEND: &[(&str, &str)] = &[("instance", "node1:26658"), ("job", JOB), ("backend", "plonky3")];

/// The labels of an alert about the proofs of windows.
const WINDOWS: &[(&str, &str)] =
    &[("instance", "node1:26658"), ("job", JOB), ("backend", "plonky3"), ("proof", "window")];

/// The alerts.
pub const ALERTS: &[Alert] = &[
    // The bound that operators of provers were promised.
    Alert {
        name: "ProveSlow",
        severity: Severity::Warning,
        lasting: "2m",
        expr: "instance:proof_generation_ms:p95_10m{proof=\"window\"} > 5500",
        summary: "Proofs of windows that {{ $labels.instance }} accepted take more than 5.5 s to make, at the 95th percentile",
        drill: Drill {
            series: &[
                (
                    "rpp_runtime_proof_generation_latency_ms_bucket{@,backend=\"plonky3\",proof=\"window\",le=\"5500.0\"}",
                    "0+1x40 40x60 40+1x80",
                ),
                (
                    "rpp_runtime_proof_generation_latency_ms_bucket{@,backend=\"plonky3\",proof=\"window\",le=\"8000.0\"}",
                    "0+1x40 40+1x60 100+1x80",
                ),
                (
                    "rpp_runtime_proof_generation_latency_ms_bucket{@,backend=\"plonky3\",proof=\"window\",le=\"+Inf\"}",
                    "0+1x40 40+1x60 100+1x80",
                ),
            ],
            quiet_at: "10m",
            fires_at: "24m",
            labels: WINDOWS,
            clear_at: "40m",
        },
    },
    // The node says 0 from a failure to the next good proof, however long that is: a prover that failed once and is gone stays told.
    Alert {
        name: "ProverFailing",
        severity: Severity::Critical,
        lasting: "1m",
        expr: "proof_backend_healthy == 0",
        summary: "Provers of {{ $labels.instance }} failed, and no good proof has followed",
        drill: Drill {
            series: &[("proof_backend_healthy{@}", "1x20 0x40 1x20")],
            quiet_at: "5m",
            fires_at: "14m",
            labels: NODE,
            clear_at: "16m",
        },
    },
    // Each proof that a node keeps is verified once more with one bit altered, so this says that the verifier takes what is false.
    Alert {
        name: "TamperedProofAccepted",
        severity: Severity::Critical,
        lasting: "0m",
        expr: "increase(proof_tampered_accepted_total[10m]) > 0",
        summary: "{{ $labels.instance }} accepted a proof that had been altered: do not believe what it calls proven",
        drill: Drill {
            series: &[("proof_tampered_accepted_total{@,backend=\"plonky3\"}", "0x20 1x80")],
            quiet_at: "4m",
            fires_at: "6m",
            labels: BACKEND,
            clear_at: "20m",
        },
    },
    Alert {
        name: "ProofBackendFailing",
        severity: Severity::Warning,
        lasting: "1m",
        expr: "increase(rpp_runtime_proof_verification_failures_total[10m]) > 3",
        summary: "{{ $labels.instance }} was sent more than three proofs that do not verify in ten minutes",
        drill: Drill {
            series: &[("rpp_runtime_proof_verification_failures_total{@,backend=\"plonky3\"}", "0x20 1+1x8 9x80")],
            quiet_at: "5m",
            fires_at: "9m",
            labels: BACKEND,
            clear_at: "20m",
        },
    },
    Alert {
        name: "VerifySlow",
        severity: Severity::Warning,
        lasting: "2m",
        expr: "instance:proof_verification_ms:p95_10m > 2000",
        summary: "{{ $labels.instance }} needs more than two seconds to verify a proof, at the 95th percentile",
        drill: Drill {
            series: &[
                (
                    "rpp_runtime_proof_verification_latency_ms_bucket{@,backend=\"plonky3\",le=\"1000.0\"}",
                    "0+1x40 40x60 40+1x80",
                ),
                (
                    "rpp_runtime_proof_verification_latency_ms_bucket{@,backend=\"plonky3\",le=\"5000.0\"}",
                    "0+1x40 40+1x60 100+1x80",
                ),
                (
                    "rpp_runtime_proof_verification_latency_ms_bucket{@,backend=\"plonky3\",le=\"+Inf\"}",
                    "0+1x40 40+1x60 100+1x80",
                ),
            ],
            quiet_at: "10m",
            fires_at: "24m",
            labels: NODE,
            clear_at: "40m",
        },
    },
    // A chain on which nobody has proven a window yet waits for its first prover, not for a page.
    Alert {
        name: "ProofsBehind",
        severity: Severity::Warning,
        lasting: "10m",
        expr: "proof_queue_depth > 5 and on (instance, job) proven_height > 0",
        summary: "{{ $labels.instance }} knows more than five closed windows without a proof",
        drill: Drill {
            series: &[("proof_queue_depth{@}", "1x20 6x60 2x20"), ("proven_height{@}", "120x110")],
            quiet_at: "12m",
            fires_at: "18m",
            labels: NODE,
            clear_at: "22m",
        },
    },
    // A node keeps 4,096 windows after its chain proof and takes no more: nobody folds, and proofs end there.
    Alert {
        name: "ProofCacheFull",
        severity: Severity::Warning,
        lasting: "1m",
        expr: "increase(proof_refused_total{reason=\"tail_full\"}[10m]) > 0 or on (instance, job) proof_windows_kept > 4000",
        summary: "{{ $labels.instance }} keeps as many proofs of windows as it may: no chain proof covers them",
        drill: Drill {
            series: &[
                ("proof_refused_total{@,reason=\"tail_full\"}", "0x100"),
                ("proof_windows_kept{@}", "100x20 4001x40 8x40"),
            ],
            quiet_at: "3m",
            fires_at: "10m",
            labels: NODE,
            clear_at: "18m",
        },
    },
    // A full weight is 10,000 basis points; less is the rule of a chain with both gates, and its users feel it.
    Alert {
        name: "BlocksHeldDownByProofs",
        severity: Severity::Critical,
        lasting: "5m",
        expr: "proof_block_weight_bps < 10000 and on (instance, job) proof_lag_windows > 0",
        summary: "Blocks of the chain of {{ $labels.instance }} are lighter than they could be: chain proofs lag",
        drill: Drill {
            series: &[
                ("proof_block_weight_bps{@}", "10000x20 7625x40 10000x20"),
                ("proof_lag_windows{@}", "1x20 12x40 0x20"),
            ],
            quiet_at: "3m",
            fires_at: "14m",
            labels: NODE,
            clear_at: "18m",
        },
    },
];
