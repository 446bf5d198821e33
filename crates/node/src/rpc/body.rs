//! Reading a request's body within its bound.
//!
//! Rules
//! - A body over the bound is read on and thrown away, up to [`DISCARDED_BYTES_MAX`]. A server that answers
//!   and closes while the client still sends makes the system throw the answer away, and the client would see a
//!   broken connection instead of the refusal.
//! - A transaction that brings a proof may be longer than an ordinary body ([`Bounds`]). It needs a place from there on, and few
//!   have one at a time.
//! - A body comes within [`BODY_WAIT`], and within a second more for each [`BODY_BYTES_PER_MS_MIN`] thousand bytes of it that have come,
//!   whatever the route: one that drips does not keep its connection.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, EXPECT};
use futures::StreamExt;
use rpc::{ApiError, ErrorCode};
use tokio::time::{Instant, timeout_at};

/// Longest wait for the end of a body that does not come.
pub const BODY_WAIT: Duration = Duration::from_secs(5);
/// Slowest body that may take longer: bytes a millisecond.
pub const BODY_BYTES_PER_MS_MIN: usize = 256;
/// Most bytes that are read only to be thrown away.
pub const DISCARDED_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The body of a request that carries JSON.
///
/// # Errors
/// `unsupported_media`, `body_too_large`, or `bad_request` when the client ends it early.
pub async fn read(headers: &HeaderMap, body: Body, bytes_max: usize) -> Result<Bytes, ApiError> {
    check_type(headers, "application/json")?;
    Ok(within(headers, body, Bounds::one(bytes_max), || Ok(())).await?.0)
}

/// The body of a request that carries JSON, and may be longer than `bounds.ordinary` bytes once `place` gives it room, up to
/// `bounds.most`. Gives the room as well.
///
/// # Errors
/// As [`read`], and the refusal of `place`.
pub async fn read_long<P>(
    headers: &HeaderMap,
    body: Body,
    bounds: Bounds,
    place: impl FnOnce() -> Result<P, ApiError>,
) -> Result<(Bytes, Option<P>), ApiError> {
    check_type(headers, "application/json")?;
    within(headers, body, bounds, place).await
}

/// The body of a request that carries bytes as they are.
///
/// # Errors
/// As [`read`].
pub async fn read_bytes(headers: &HeaderMap, body: Body, bytes_max: usize) -> Result<Bytes, ApiError> {
    check_type(headers, "application/octet-stream")?;
    Ok(within(headers, body, Bounds::one(bytes_max), || Ok(())).await?.0)
}

/// How long a body may be.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Bytes that need no place.
    pub ordinary: usize,
    /// Most bytes.
    pub most: usize,
}

impl Bounds {
    fn one(bytes_max: usize) -> Self {
        Self { ordinary: bytes_max, most: bytes_max }
    }
}

async fn within<P>(
    headers: &HeaderMap,
    body: Body,
    bounds: Bounds,
    place: impl FnOnce() -> Result<P, ApiError>,
) -> Result<(Bytes, Option<P>), ApiError> {
    let Bounds { ordinary, most } = bounds;
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|announced| announced > most) && headers.contains_key(EXPECT) {
        // This client waits for a word before it sends, so there is nothing to read.
        return Err(too_large(most));
    }
    let mut kept = Vec::with_capacity(announced.unwrap_or_default().min(ordinary));
    let (mut length, mut place, mut room) = (0_usize, Some(place), Ok(None));
    let mut pieces = body.into_data_stream();
    let started = Instant::now();
    loop {
        let longest = longest(length);
        let Ok(piece) = timeout_at(started + longest, pieces.next()).await else { return Err(too_slow(longest)) };
        let Some(piece) = piece else { break };
        let piece = piece.map_err(|_| ApiError::bad_request("the body ended before its announced length"))?;
        length = length.saturating_add(piece.len());
        if length > ordinary
            && let Some(place) = place.take()
        {
            room = place().map(Some);
        }
        if length <= most && room.is_ok() {
            kept.extend_from_slice(&piece);
        } else {
            kept = Vec::new();
        }
        if length > DISCARDED_BYTES_MAX {
            break;
        }
    }
    if length > most { Err(too_large(most)) } else { Ok((Bytes::from(kept), room?)) }
}

/// How long a body of which so many bytes have come may take until the next.
fn longest(length: usize) -> Duration {
    let more = u64::try_from(length / BODY_BYTES_PER_MS_MIN).unwrap_or(u64::MAX);
    BODY_WAIT.saturating_add(Duration::from_millis(more))
}

fn too_slow(longest: Duration) -> ApiError {
    ApiError::new(ErrorCode::Timeout)
        .because(format!("the body had not come to its end after {} ms", longest.as_millis()))
        .with_hint("send the whole body at once, over a line that is fast enough")
}

fn too_large(bytes_max: usize) -> ApiError {
    ApiError::new(ErrorCode::BodyTooLarge).because(format!("the body is larger than {bytes_max} bytes"))
}

fn check_type(headers: &HeaderMap, wanted: &str) -> Result<(), ApiError> {
    let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case(wanted) {
        return Ok(());
    }
    Err(ApiError::new(ErrorCode::UnsupportedMedia).with_hint(format!("send the header Content-Type: {wanted}")))
}
