//! Every way the API says no, in one table.
//!
//! An error is always the three fields of [`ApiError`]: what happened, its code, what to do next. Over HTTP
//! they are the body; over JSON-RPC they are `message`, `data.code` and `data.hint`, with the number of the
//! table as `code`.
//!
//! Rules
//! - [`ErrorCode::row`] is the only place that gives a code its HTTP status, JSON-RPC number and exit code.
//! - HTTP statuses of rejected transactions: 422 when the transaction itself can never pass as it is, 409 when
//!   it collides with the account's nonce or with a known transaction, 429 when this sender must wait, 503 when
//!   the node or the block is full. The last two may be sent again unchanged.
//! - JSON-RPC numbers: the standard five; −32001 and down for the server; −33101 and down, one for each rejection.
//! - Codes and numbers are never renamed and never reused.

use std::fmt;

use primitives::Rejection;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::exit_codes::ExitCode;

/// JSON-RPC number of the rejection at position 0 of [`Rejection::ALL`]; each later one is one less.
pub const REJECTION_NUMBER_FIRST: i32 = -33_101;

/// Why a request was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ErrorCode {
    /// The body is not JSON.
    ParseError,
    /// The JSON is not a JSON-RPC 2.0 call, or the batch is empty or too long.
    InvalidRequest,
    /// There is no such JSON-RPC method.
    MethodNotFound,
    /// A parameter or field is missing, unknown or out of range.
    BadRequest,
    /// The server failed; the fault is ours.
    Internal,
    /// There is no such route, block, transaction or account.
    NotFound,
    /// The token is missing or wrong.
    Unauthorized,
    /// The body is longer than allowed.
    BodyTooLarge,
    /// The JSON is nested deeper than allowed.
    JsonTooDeep,
    /// The body is not `application/json`.
    UnsupportedMedia,
    /// The route exists with another HTTP method.
    MethodNotAllowed,
    /// The time ran out before the answer was known.
    Timeout,
    /// Too many requests or streams at once, or a stream's reader was too slow.
    Overloaded,
    /// It existed, but this node keeps no history that old.
    Pruned,
    /// The data is known, but a proof for it cannot be made at this height.
    ProofUnavailable,
    /// Stored data of the node does not match its checksum.
    Damaged,
    /// A proof does not show its statement.
    ProofRejected,
    /// A proof is of another window than the next, or of heights that are not finalized here.
    ProofNotNext,
    /// It is proven already.
    ProofExists,
    /// The token is good, but not for this.
    Forbidden,
    /// This address or token has asked too much.
    RateLimited,
    /// The request is for a host name that is not this node's.
    UnknownHost,
    /// A page of another origin sends what is no reading.
    ForeignOrigin,
    /// Request line and headers are longer than allowed.
    HeadTooLarge,
    /// The transaction may not enter a block.
    Rejected(Rejection),
}

/// One line of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorRow {
    /// The code as text.
    pub name: &'static str,
    /// HTTP status.
    pub http: u16,
    /// JSON-RPC error number.
    pub number: i32,
    /// How a command that meets it ends.
    pub exit: ExitCode,
    /// What happened, when the place that refused has nothing more exact to say.
    pub message: &'static str,
    /// What to do next.
    pub hint: &'static str,
}

const fn row(
    name: &'static str,
    http: u16,
    number: i32,
    exit: ExitCode,
    message: &'static str,
    hint: &'static str,
) -> ErrorRow {
    ErrorRow { name, http, number, exit, message, hint }
}

impl ErrorCode {
    /// Every code that is not a rejection, in table order. [`ErrorCode::all`] adds the rejections.
    pub const GENERAL: [Self; 24] = [
        Self::ParseError,
        Self::InvalidRequest,
        Self::MethodNotFound,
        Self::BadRequest,
        Self::Internal,
        Self::NotFound,
        Self::Unauthorized,
        Self::BodyTooLarge,
        Self::JsonTooDeep,
        Self::UnsupportedMedia,
        Self::MethodNotAllowed,
        Self::Timeout,
        Self::Overloaded,
        Self::Pruned,
        Self::ProofUnavailable,
        Self::Damaged,
        Self::ProofRejected,
        Self::ProofNotNext,
        Self::ProofExists,
        Self::Forbidden,
        Self::RateLimited,
        Self::UnknownHost,
        Self::ForeignOrigin,
        Self::HeadTooLarge,
    ];

    /// The node does not serve this now; shared by reads and submissions.
    pub const NOT_READY: Self = Self::Rejected(Rejection::NotReady);

    /// Every code, in table order.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::GENERAL.into_iter().chain(Rejection::ALL.into_iter().map(Self::Rejected))
    }

    /// The line of the table for this code.
    #[rustfmt::skip] // One line per code: it is a table.
    pub const fn row(self) -> ErrorRow {
        use ExitCode as E;
        match self {
            Self::ParseError => row("parse_error", 400, -32_700, E::Refused, "the body is not JSON", "send one JSON value in UTF-8"),
            Self::InvalidRequest => row("invalid_request", 400, -32_600, E::Refused, "the JSON is not a JSON-RPC 2.0 call", "send {\"jsonrpc\":\"2.0\",\"id\":1,\"method\":…,\"params\":{…}} or a list of 1 to 100 of these"),
            Self::MethodNotFound => row("method_not_found", 404, -32_601, E::NotFound, "there is no such method", "docs/openrpc.json lists the methods"),
            Self::BadRequest => row("bad_request", 400, -32_602, E::Refused, "a parameter is missing, unknown or out of range", "docs/openapi.json lists each route's parameters and their bounds"),
            Self::Internal => row("internal", 500, -32_603, E::Unexpected, "the node failed to answer", "the node's log names the fault; report it with the lines around it"),
            Self::NotFound => row("not_found", 404, -32_001, E::NotFound, "there is no such thing on this node", "check the spelling and, with GET /status/node, that the node is on the chain you mean and has caught up"),
            Self::Unauthorized => row("unauthorized", 401, -32_002, E::Unauthorized, "the token is missing or wrong", "send the header Authorization: Bearer with the value of the node's TB_RPC_AUTH_TOKEN"),
            Self::BodyTooLarge => row("body_too_large", 413, -32_003, E::Refused, "the body is larger than allowed", "GET /status/limits shows request_bytes_max; send less at once"),
            Self::JsonTooDeep => row("json_too_deep", 400, -32_004, E::Refused, "the JSON is nested deeper than allowed", "GET /status/limits shows json_depth_max; no request needs as much"),
            Self::UnsupportedMedia => row("unsupported_media", 415, -32_005, E::Refused, "the body's content type is not served here", "send the header Content-Type: application/json"),
            Self::MethodNotAllowed => row("method_not_allowed", 405, -32_006, E::Refused, "the route exists, but not with this HTTP method", "docs/openapi.json lists each route with its method"),
            Self::Timeout => row("timeout", 504, -32_007, E::Timeout, "the time ran out before the answer was known", "it may still happen: ask again, or follow a transaction with GET /transactions/{id}"),
            Self::Overloaded => row("overloaded", 503, -32_008, E::NotReady, "the node has too much to do", "try again in a few seconds, open fewer streams or read them faster"),
            Self::Pruned => row("pruned", 410, -32_009, E::NotFound, "this node keeps no history that old", "ask an archive node"),
            Self::ProofUnavailable => row("proof_unavailable", 409, -32_010, E::NotReady, "there is no proof for this yet", "wait until the transaction is finalized, or ask again after the next block"),
            Self::Damaged => row("damaged", 500, -32_011, E::Damaged, "stored data of this node does not match its checksum", "the node's log names the file; restore the node from a peer and ask another node meanwhile"),
            Self::ProofRejected => row("proof_rejected", 422, -32_012, E::Refused, "the proof does not show that this node's headers follow from each other", "make it again from the operations of this chain; docs/proofs.md lists what each reason means"),
            Self::ProofNotNext => row("proof_not_next", 409, -32_013, E::Refused, "other heights are next", "GET /proofs/status shows next_window and the chain proof; hand in windows in order, each once it is closed"),
            Self::ProofExists => row("proof_exists", 409, -32_014, E::Refused, "this is proven already", "nothing to do: GET /proofs/status shows what is next"),
            Self::Forbidden => row("forbidden", 403, -32_015, E::Unauthorized, "the token is good, but not for this", "use a token with the scope that the error names; the operator of the node gives them"),
            Self::RateLimited => row("rate_limited", 429, -32_016, E::NotReady, "this address or token has asked too much", "wait as long as Retry-After says; GET /status/limits shows the rates, and a token has its own"),
            Self::UnknownHost => row("unknown_host", 403, -32_017, E::Refused, "the request is for a host name that is not this node's", "ask the node by its IP address, or let its operator add the name to rpc.hosts"),
            Self::ForeignOrigin => row("foreign_origin", 403, -32_018, E::Refused, "a web page of another origin may not send this", "leave out the header Origin, or let the operator of the node add the page's host to rpc.hosts"),
            Self::HeadTooLarge => row("head_too_large", 431, -32_019, E::Refused, "request line and headers are larger than allowed", "send fewer or shorter headers"),
            Self::Rejected(rejection) => rejection_row(rejection),
        }
    }

    /// The code as text, such as `not_found`.
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    /// The code with this text.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::all().find(|code| code.name() == name)
    }
}

impl From<Rejection> for ErrorCode {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Status and JSON-RPC number of a rejection; texts come from [`Rejection`] itself.
const fn rejection_row(rejection: Rejection) -> ErrorRow {
    use ExitCode as E;
    let (offset, http, exit) = match rejection {
        Rejection::Malformed => (0, 422, E::Refused),
        Rejection::Oversize => (1, 422, E::Refused),
        Rejection::WrongChain => (2, 422, E::Refused),
        Rejection::WrongKey => (3, 422, E::Refused),
        Rejection::BadSignature => (4, 422, E::Refused),
        Rejection::WrongLane => (5, 422, E::Refused),
        Rejection::EmptyPayment => (6, 422, E::Refused),
        Rejection::AmountOutOfRange => (7, 422, E::Refused),
        Rejection::Expired => (8, 422, E::Refused),
        Rejection::ValidUntilTooFar => (9, 422, E::Refused),
        Rejection::UnknownPayer => (10, 422, E::Refused),
        Rejection::NonceTooLow => (11, 409, E::Refused),
        Rejection::NonceTooHigh => (12, 409, E::Refused),
        Rejection::FeeTooLow => (13, 422, E::Refused),
        Rejection::BalanceBelowFee => (14, 422, E::Refused),
        Rejection::Duplicate => (15, 409, E::Refused),
        Rejection::ReplacementUnderpriced => (16, 409, E::Refused),
        Rejection::QueueFull => (17, 503, E::NotReady),
        Rejection::SenderLimit => (18, 429, E::NotReady),
        Rejection::BlockFull => (19, 503, E::NotReady),
        Rejection::NotReady => (20, 503, E::NotReady),
        Rejection::WeakKey => (21, 422, E::Refused),
        Rejection::BadPossessionProof => (22, 422, E::Refused),
        Rejection::BadCommission => (23, 422, E::Refused),
        Rejection::SameValidator => (24, 422, E::Refused),
        Rejection::EvidenceNotConflicting => (25, 422, E::Refused),
        Rejection::EvidenceBadSignature => (26, 422, E::Refused),
        Rejection::EvidenceStale => (27, 422, E::Refused),
        Rejection::EvidenceDuplicate => (28, 409, E::Refused),
        Rejection::EvidenceUnknownOffender => (29, 422, E::Refused),
        Rejection::SelfAttestation => (30, 422, E::Refused),
        Rejection::HeartbeatEmpty => (31, 422, E::Refused),
        Rejection::HeartbeatOrder => (32, 422, E::Refused),
        Rejection::BadHeartbeatSignature => (33, 422, E::Refused),
        Rejection::AttestationEmpty => (34, 422, E::Refused),
        Rejection::AttestationOrder => (35, 422, E::Refused),
        Rejection::BadAttestationSignature => (36, 422, E::Refused),
        Rejection::EvidenceNoIdentity => (37, 422, E::Refused),
        Rejection::ProofOversize => (38, 413, E::Refused),
        Rejection::WrongProofSystem => (39, 422, E::Refused),
        Rejection::ProofGateOff => (40, 422, E::Refused),
        Rejection::NoProverBond => (41, 422, E::Refused),
        Rejection::ProofNotAdvancing => (42, 409, E::Refused),
        Rejection::WindowNotRecorded => (43, 422, E::Refused),
        Rejection::WrongEndRecord => (44, 422, E::Refused),
        Rejection::ProofNotYourTurn => (45, 409, E::Refused),
        Rejection::ProofTaken => (46, 503, E::NotReady),
        Rejection::UnknownPayout => (47, 422, E::Refused),
    };
    row(
        rejection.code(),
        http,
        REJECTION_NUMBER_FIRST - offset,
        exit,
        "the transaction may not enter a block",
        rejection.hint(),
    )
}

/// A refusal as clients see it: what happened, its code, what to do next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, thiserror::Error)]
#[error("{error} ({code}): {hint}")]
pub struct ApiError {
    /// What happened, for people.
    pub error: String,
    /// What happened, for programs; the list of codes is in the description of this API.
    #[schema(example = "not_found")]
    pub code: String,
    /// What to do next.
    pub hint: String,
}

impl ApiError {
    /// The error with the table's own words.
    pub fn new(code: ErrorCode) -> Self {
        let row = code.row();
        let error = match code {
            ErrorCode::Rejected(rejection) => rejection.to_string(),
            _ => row.message.to_owned(),
        };
        Self { error, code: row.name.to_owned(), hint: row.hint.to_owned() }
    }

    /// The same code and hint with more exact words of what happened.
    #[must_use]
    pub fn because(mut self, error: impl Into<String>) -> Self {
        self.error = error.into();
        self
    }

    /// The same code and words with a more exact hint.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// A `not_found` that names what was looked for.
    pub fn not_found(what: impl fmt::Display) -> Self {
        Self::new(ErrorCode::NotFound).because(format!("{what} is not known to this node"))
    }

    /// A `bad_request` that says what is wrong with which parameter.
    pub fn bad_request(what: impl Into<String>) -> Self {
        Self::new(ErrorCode::BadRequest).because(what)
    }

    /// The code, or `None` when a newer node made it up.
    pub fn known(&self) -> Option<ErrorCode> {
        ErrorCode::from_name(&self.code)
    }

    /// The HTTP status; 500 for an unknown code.
    pub fn http_status(&self) -> u16 {
        self.known().map_or(500, |code| code.row().http)
    }

    /// The JSON-RPC error number; that of `internal` for an unknown code.
    pub fn rpc_number(&self) -> i32 {
        self.known().unwrap_or(ErrorCode::Internal).row().number
    }

    /// How a command that meets this error ends. A code this build does not know was still a refusal.
    pub fn exit_code(&self) -> ExitCode {
        self.known().map_or(ExitCode::Refused, |code| code.row().exit)
    }
}

impl From<ErrorCode> for ApiError {
    fn from(code: ErrorCode) -> Self {
        Self::new(code)
    }
}

impl From<Rejection> for ApiError {
    fn from(rejection: Rejection) -> Self {
        Self::new(rejection.into())
    }
}
