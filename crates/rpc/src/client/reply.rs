//! From the bytes of an answer to a value or to the reason why there is none.

use reqwest::header::HeaderValue;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::ClientError;
use crate::error::ApiError;
use crate::jsonrpc;
use crate::types::SubmitResult;

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

/// What is wrong with a certificate or a handshake, by name; `None` for failures of other kinds.
pub(super) fn tls_cause(error: &reqwest::Error) -> Option<String> {
    use rustls::{AlertDescription as Alert, CertificateError as Bad, Error};
    let known = match tls_error(error)? {
        Error::InvalidCertificate(Bad::Expired | Bad::ExpiredContext { .. }) => "its certificate has expired",
        Error::InvalidCertificate(Bad::NotValidYet | Bad::NotValidYetContext { .. }) => {
            "its certificate is not valid yet"
        }
        Error::InvalidCertificate(Bad::UnknownIssuer) => "its certificate is of an authority that is not trusted here",
        Error::InvalidCertificate(Bad::NotValidForName | Bad::NotValidForNameContext { .. }) => {
            "its certificate is for another name"
        }
        Error::AlertReceived(Alert::CertificateRequired) => "it asks for a client certificate",
        Error::AlertReceived(Alert::UnknownCA | Alert::BadCertificate | Alert::DecryptError) => {
            "it does not trust the client certificate"
        }
        Error::AlertReceived(Alert::CertificateExpired) => "the client certificate has expired",
        other => return Some(other.to_string()),
    };
    Some(known.to_owned())
}

/// The failure of TLS among the causes of an error.
fn tls_error<'e>(error: &'e (dyn std::error::Error + 'static)) -> Option<&'e rustls::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<rustls::Error>() {
            return Some(found);
        }
        // What an I/O error carries is not among its causes.
        let carried = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        if let Some(carried) = carried {
            let carried: &(dyn std::error::Error + 'static) = carried;
            if let Some(found) = tls_error(carried) {
                return Some(found);
            }
        }
        next = error.source();
    }
    None
}

/// The header with this token.
pub(super) fn bearer(token: &str) -> Result<HeaderValue, ClientError> {
    let mut value = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| ClientError::Token)?;
    value.set_sensitive(true);
    Ok(value)
}

/// Results by the position that each call carried as its id.
pub(super) fn in_order(
    responses: Vec<jsonrpc::Response>,
    count: usize,
) -> Result<Vec<Result<SubmitResult, ApiError>>, String> {
    let mut results: Vec<Option<Result<SubmitResult, ApiError>>> = vec![None; count];
    for response in responses {
        let position = response.id.as_u64().and_then(|id| usize::try_from(id).ok());
        let place = position.and_then(|position| results.get_mut(position)).ok_or("an answer has an unknown id")?;
        *place = Some(match (response.result, response.error) {
            (_, Some(error)) => Err(error.into()),
            (result, None) => {
                Ok(serde_json::from_value(result.unwrap_or(Value::Null)).map_err(|error| error.to_string())?)
            }
        });
    }
    results.into_iter().collect::<Option<Vec<_>>>().ok_or_else(|| "an answer is missing".to_owned())
}
