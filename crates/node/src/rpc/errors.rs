//! Replies as HTTP, and faults of the node as refusals.
//!
//! Rules
//! - The words for clients come from the error table; paths and causes go to the log.
//! - 401 says how to authenticate; 429 and 503 say when to come back.

use axum::body::{Body, Bytes};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use replica::Fault;
use rpc::{ApiError, ErrorCode};
use serde::Serialize;
use storage::StorageError;

use crate::shared::Shared;

/// What clients are told to wait after 429 and 503, seconds.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("1");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// Everything here may differ at the next block.
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// The JSON text of a view.
///
/// # Errors
/// `internal`, when a view has no JSON form; that would be a fault of the program.
pub fn text<T: Serialize>(view: &T) -> Result<Bytes, ApiError> {
    serde_json::to_vec(view).map(Bytes::from).map_err(|error| {
        tracing::error!(%error, "a view has no JSON form");
        ErrorCode::Internal.into()
    })
}

/// A reply of this status and content type.
pub fn reply(status: u16, content_type: HeaderValue, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, content_type);
    headers.insert(CACHE_CONTROL, NO_STORE);
    response
}

/// A reply of JSON text.
pub fn json(status: u16, body: Bytes) -> Response {
    reply(status, JSON, body)
}

/// A refusal over HTTP.
pub fn response(error: &ApiError) -> Response {
    let status = error.http_status();
    let body = serde_json::to_vec(error).expect("three texts have a JSON form");
    let mut response = reply(status, JSON, body);
    match status {
        401 => response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")),
        429 | 503 => response.headers_mut().insert(RETRY_AFTER, RETRY_AFTER_SECONDS),
        _ => None,
    };
    response
}

/// The refusal for a failed read of the store; the cause is logged.
pub fn of_storage(shared: &Shared, error: &StorageError) -> ApiError {
    // A node that was restored without its history has said so; nothing failed, and nobody need be woken.
    if !matches!(error, StorageError::HistoryIncomplete) {
        shared.metrics.storage.faults.inc();
        tracing::error!(%error, "a read of the store failed");
    }
    match error {
        StorageError::Damaged { .. } | StorageError::DamagedFile { .. } | StorageError::LostBlocks { .. } => {
            ErrorCode::Damaged.into()
        }
        StorageError::Poisoned { .. } => {
            ApiError::new(ErrorCode::NOT_READY).because("the node's store is closed after a failed write")
        }
        StorageError::HistoryIncomplete => ApiError::new(ErrorCode::NOT_READY)
            .because("the history index of this node is not complete")
            .with_hint("ask another node; its operator stops this one and runs tb node rebuild-history"),
        _ => ErrorCode::Internal.into(),
    }
}

/// The refusal for a fault of the chain; the cause is logged, and the node stops by itself.
pub fn of_fault(fault: &Fault) -> ApiError {
    tracing::error!(%fault, "the chain has a fault");
    ApiError::new(ErrorCode::NOT_READY).because("the chain of this node has a fault")
}

/// The refusal for bytes of the store that do not decode although their checksum holds.
pub fn of_damage(what: &str, error: impl std::fmt::Display) -> ApiError {
    tracing::error!(%error, "the stored {what} does not decode");
    ErrorCode::Damaged.into()
}
