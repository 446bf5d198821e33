//! The parameters of paths and queries.
//!
//! Read next: [`super::ROUTES`].

use crate::limits::REFRESH_SECONDS;
use crate::route::{Parameter, Place, Shape};
use crate::schema::{AddressText, BlockIdText, CursorText, StageText, TransactionIdText, TypeSchema};

const fn path(name: &'static str, schema: TypeSchema, description: &'static str) -> Parameter {
    Parameter { name, place: Place::Path, shape: Shape::Named(schema), description }
}

const fn query(name: &'static str, shape: Shape, description: &'static str) -> Parameter {
    Parameter { name, place: Place::Query, shape, description }
}

pub(super) const ID: Parameter = path("id", TypeSchema::of::<TransactionIdText>(), "the transaction");
pub(super) const ADDRESS: Parameter = path("address", TypeSchema::of::<AddressText>(), "the account");
pub(super) const BLOCK: Parameter = path("block", TypeSchema::of::<BlockIdText>(), "height or hash of the block");
pub(super) const ANY: Shape = Shape::Integer { min: 0, max: u64::MAX };
pub(super) const WINDOW: Parameter =
    Parameter { name: "window", place: Place::Path, shape: ANY, description: "the window, counted from 0" };
pub(super) const HEIGHT: Parameter =
    Parameter { name: "height", place: Place::Path, shape: ANY, description: "the block" };
pub(super) const CHUNK: Parameter =
    path("id", TypeSchema::of::<BlockIdText>(), "place of the chunk in the list, or its hash");
pub(super) const CHUNK_INDEX: Parameter = query("index", ANY, "place of the chunk in the list");
pub(super) const OPERATIONS_FROM: Parameter = query("from", ANY, "the first operation, 0 when absent");
pub(super) const OPERATIONS_LIMIT: Parameter =
    query("limit", ANY, "operations, 4096 when absent; more than 16384 are cut");
pub(super) const GENERATION_MS: Parameter =
    query("generation_ms", ANY, "how long the prover worked on it, by its own clock");
pub(super) const LIMIT: Parameter =
    query("limit", Shape::Integer { min: 1, max: 100 }, "entries of the page, 20 when absent");
pub(super) const AUDIT_LIMIT: Parameter = query(
    "limit",
    Shape::Integer { min: 0, max: u64::MAX },
    "records, 200 when absent; more than 1000 are cut to 1000",
);
pub(super) const BEFORE_HEIGHT: Parameter =
    query("before", Shape::Integer { min: 0, max: u64::MAX }, "only blocks below this height; the newest when absent");
pub(super) const BEFORE_CURSOR: Parameter = query(
    "before",
    Shape::Named(TypeSchema::of::<CursorText>()),
    "only entries below this cursor; the newest when absent",
);
pub(super) const REFRESH: Parameter = query(
    "refresh",
    Shape::Integer { min: REFRESH_SECONDS.0, max: REFRESH_SECONDS.1 },
    "seconds after which a browser without scripts asks again; never when absent",
);
pub(super) const STAGE: Parameter = query(
    "stage",
    Shape::Named(TypeSchema::of::<StageText>()),
    "the stage to wait for, finalized when absent; rejected, expired and dropped end every wait",
);
pub(super) const TIMEOUT: Parameter = query(
    "timeout_ms",
    Shape::Integer { min: 0, max: crate::limits::WAIT_MAX_MS },
    "longest wait in milliseconds, 10000 when absent",
);
