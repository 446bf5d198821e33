//! Reading JSON that came from outside: size, then depth, then syntax, then fields.
//!
//! Rules
//! - The depth is counted over the bytes before any parser sees them, so nesting costs no stack.
//! - Every refusal is an [`ApiError`] that names the line and column; nothing panics on any bytes.

use serde::de::DeserializeOwned;

use crate::error::{ApiError, ErrorCode};
use crate::limits::{JSON_DEPTH_MAX, REQUEST_BYTES_MAX, SUBMISSION_BYTES_MAX};
use crate::types::SubmitTransaction;

/// Reads a request body as `T`.
///
/// # Errors
/// In this order: `body_too_large`, `json_too_deep`, `parse_error` (not JSON), `bad_request` (a field is
/// missing, unknown or out of range).
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    read(bytes, REQUEST_BYTES_MAX)
}

/// Reads the request of `POST /transactions`, which may carry a proof and is then longer than any other.
///
/// # Errors
/// As [`parse`].
pub fn parse_submission(bytes: &[u8]) -> Result<SubmitTransaction, ApiError> {
    read(bytes, SUBMISSION_BYTES_MAX)
}

fn read<T: DeserializeOwned>(bytes: &[u8], bytes_max: usize) -> Result<T, ApiError> {
    check_bounds(bytes, bytes_max)?;
    serde_json::from_slice(bytes).map_err(|error| {
        let code = if error.is_data() { ErrorCode::BadRequest } else { ErrorCode::ParseError };
        ApiError::new(code).because(error.to_string())
    })
}

fn check_bounds(bytes: &[u8], bytes_max: usize) -> Result<(), ApiError> {
    if bytes.len() > bytes_max {
        return Err(ApiError::new(ErrorCode::BodyTooLarge)
            .because(format!("the body is {} bytes, at most {bytes_max} are read", bytes.len())));
    }
    if depth_exceeds(bytes, JSON_DEPTH_MAX) {
        return Err(ApiError::new(ErrorCode::JsonTooDeep)
            .because(format!("the JSON is nested more than {JSON_DEPTH_MAX} deep")));
    }
    Ok(())
}

/// True when arrays and objects are nested more than `max` deep. Brackets within strings do not count.
fn depth_exceeds(bytes: &[u8], max: usize) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth = depth.saturating_add(1);
                if depth > max {
                    return true;
                }
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}
