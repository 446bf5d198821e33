//! Every dashboard, one file each.

mod consensus;
mod lottery;
mod mempool;
mod network;
mod overview;
mod pipeline;
mod proof_validation;
mod proofs;
mod rollout;
mod runtime;
mod storage;
mod telemetry;
mod validators;

use crate::board::{Board, Panel, Query, Shape, Unit};

/// All boards.
pub const BOARDS: &[Board] = &[
    overview::BOARD,
    consensus::BOARD,
    validators::BOARD,
    lottery::BOARD,
    proofs::BOARD,
    proof_validation::BOARD,
    mempool::BOARD,
    pipeline::BOARD,
    network::BOARD,
    storage::BOARD,
    runtime::BOARD,
    rollout::BOARD,
    telemetry::BOARD,
];

/// Boards that are promised under a second path, relative to the folder of the generated files.
pub const COPIES: &[(&str, Board)] = &[
    ("../docs/observability/pipeline_grafana.json", pipeline::BOARD),
    ("../docs/dashboards/consensus_proof_validation.json", proof_validation::BOARD),
];

/// One line or number per instance.
const fn query(expr: &'static str) -> Query {
    Query { expr, legend: "{{instance}}" }
}

/// Lines with a legend of their own.
const fn named(expr: &'static str, legend: &'static str) -> Query {
    Query { expr, legend }
}

const fn lines(title: &'static str, about: &'static str, unit: Unit, queries: &'static [Query]) -> Panel {
    Panel { title, about, shape: Shape::Lines, unit, queries }
}

const fn number(title: &'static str, about: &'static str, unit: Unit, queries: &'static [Query]) -> Panel {
    Panel { title, about, shape: Shape::Number, unit, queries }
}

const fn row(title: &'static str, about: &'static str) -> Panel {
    Panel { title, about, shape: Shape::Row, unit: Unit::Count, queries: &[] }
}

const fn table(title: &'static str, about: &'static str, queries: &'static [Query]) -> Panel {
    Panel { title, about, shape: Shape::Table, unit: Unit::Count, queries }
}
