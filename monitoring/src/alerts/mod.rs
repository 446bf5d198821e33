//! Every alert and every recording rule.
//!
//! A threshold is a number in an expression; why it is that number stands above it. All rules assume that Prometheus
//! scrapes every [`Drill::STEP_SECONDS`](crate::Drill::STEP_SECONDS) under the job [`JOB`]. Up to
//! [`Drill::STEP_SECONDS_MAX`](crate::Drill::STEP_SECONDS_MAX) none of them fires for the scrape's sake alone, which
//! `tests/idle_slow.yml` shows; beyond it, a window may hold a single sample.

mod consensus;
mod mempool;
mod network;
mod node;
mod proofs;
mod rollout;
mod rpc;
mod standing;
mod storage;

use crate::alert::{Alert, Area, Recording};

/// The job under which `prometheus.yml` scrapes the nodes.
pub const JOB: &str = "the-block";

/// The labels of an alert about one node, as the drills give them.
const NODE: &[(&str, &str)] = &[("instance", "node1:26658"), ("job", JOB)];

/// All alerts by area.
pub const AREAS: &[Area] = &[
    Area { name: "consensus", alerts: consensus::ALERTS },
    Area { name: "standing", alerts: standing::ALERTS },
    Area { name: "proofs", alerts: proofs::ALERTS },
    Area { name: "mempool", alerts: mempool::ALERTS },
    Area { name: "network", alerts: network::ALERTS },
    Area { name: "storage", alerts: storage::ALERTS },
    Area { name: "rpc", alerts: rpc::ALERTS },
    Area { name: "node", alerts: node::ALERTS },
    Area { name: "rollout", alerts: rollout::ALERTS },
];

/// Every alert.
pub fn all() -> impl Iterator<Item = &'static Alert> {
    AREAS.iter().flat_map(|area| area.alerts)
}

/// What several panels and alerts ask for.
pub const RECORDINGS: &[Recording] = &[
    Recording {
        name: "instance:consensus_finality_seconds:p50_5m",
        expr: "histogram_quantile(0.5, sum by (instance, job, le) (rate(consensus_finality_seconds_bucket[5m])))",
    },
    Recording {
        name: "instance:consensus_finality_seconds:p99_5m",
        expr: "histogram_quantile(0.99, sum by (instance, job, le) (rate(consensus_finality_seconds_bucket[5m])))",
    },
    Recording {
        name: "instance:consensus_block_interval_seconds:mean_5m",
        expr: "rate(consensus_block_interval_seconds_sum[5m]) / rate(consensus_block_interval_seconds_count[5m])",
    },
    Recording {
        name: "instance:transactions_finalized:rate5m",
        expr: "sum by (instance, job) (rate(transactions_finalized_total[5m]))",
    },
    Recording {
        name: "instance:transaction_finalized_seconds:p95_5m",
        expr: "histogram_quantile(0.95, sum by (instance, job, le) \
               (rate(transaction_stage_seconds_bucket{stage=\"finalized\"}[5m])))",
    },
    Recording {
        name: "instance:mempool_queue_usage:ratio",
        expr: "mempool_queue_depth / on (instance, job) group_left () mempool_queue_limit",
    },
    Recording {
        name: "instance:p2p_dropped:rate5m",
        expr: "sum by (instance, job, reason) (rate(p2p_dropped_total[5m]))",
    },
    Recording {
        name: "instance:storage_commit_seconds:p99_5m",
        expr: "histogram_quantile(0.99, sum by (instance, job, le) (rate(storage_commit_seconds_bucket[5m])))",
    },
    Recording { name: "instance:rpc_requests:rate5m", expr: "sum by (instance, job) (rate(rpc_requests_total[5m]))" },
    // For each kind of proof: a window takes seconds, an extension of the chain proof the better part of a minute.
    Recording {
        name: "instance:proof_generation_ms:p50_10m",
        expr: "histogram_quantile(0.5, sum by (instance, job, backend, proof, le) \
               (rate(rpp_runtime_proof_generation_latency_ms_bucket[10m])))",
    },
    Recording {
        name: "instance:proof_generation_ms:p95_10m",
        expr: "histogram_quantile(0.95, sum by (instance, job, backend, proof, le) \
               (rate(rpp_runtime_proof_generation_latency_ms_bucket[10m])))",
    },
    Recording {
        name: "instance:proof_generation_ms:mean_10m",
        expr: "rate(rpp_runtime_proof_generation_latency_ms_sum[10m]) / rate(rpp_runtime_proof_generation_latency_ms_count[10m])",
    },
    Recording {
        name: "instance:proof_verification_ms:p95_10m",
        expr: "histogram_quantile(0.95, sum by (instance, job, le) \
               (rate(rpp_runtime_proof_verification_latency_ms_bucket[10m])))",
    },
    // Zero, not nothing, where no error was ever counted. A readiness probe answers 503 on purpose, and a wait that
    // passes its time answers 504 on purpose.
    Recording {
        name: "instance:rpc_errors:rate5m",
        expr: "sum by (instance, job) \
               (rate(rpc_requests_total{status=~\"5..\",status!=\"504\",route!=\"/health/ready\"}[5m])) \
               or 0 * sum by (instance, job) (rate(rpc_requests_total[5m]))",
    },
    // Waits and streams last as long as the caller wants.
    Recording {
        name: "instance:rpc_request_seconds:p99_5m",
        expr: "histogram_quantile(0.99, sum by (instance, job, le) \
               (rate(rpc_request_seconds_bucket{route!~\".*/wait\"}[5m])))",
    },
];
