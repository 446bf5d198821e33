//! From the bytes of an answer to a value or to the reason why there is none.

use serde::de::DeserializeOwned;

use super::ClientError;
use crate::error::ApiError;

/// A good answer as `T`; anything else is the node's refusal or not an answer of this API.
pub(super) fn read<T: DeserializeOwned>(url: &str, status: u16, body: &[u8]) -> Result<T, ClientError> {
    if status != 200 {
        return Err(refusal(url, status, body));
    }
    serde_json::from_slice(body).map_err(|error| ClientError::BadReply {
        url: url.to_owned(),
        status,
        cause: error.to_string(),
    })
}

/// What a bad answer says: the refusal in its body, or that it is not of this API.
pub(super) fn refusal(url: &str, status: u16, body: &[u8]) -> ClientError {
    match serde_json::from_slice::<ApiError>(body) {
        Ok(error) => ClientError::Api(error),
        Err(error) => ClientError::BadReply { url: url.to_owned(), status, cause: error.to_string() },
    }
}

/// An error with its causes, in one line.
pub(super) fn chain(error: &reqwest::Error) -> String {
    let mut text = String::new();
    let mut next: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = next {
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&error.to_string());
        next = error.source();
    }
    text
}
