//! JSON-RPC 2.0 at `/rpc`: envelopes, batches and the errors of the protocol itself.
//!
//! Rules
//! - A body is one call or a batch of 1 to [`BATCH_MAX`] calls. A bad call in a batch is answered by its own
//!   error; the others run.
//! - Parameters are an object; a method without parameters may leave `params` out. Lists are refused.
//! - A call without `id` is a notification: it runs and is not answered. A notification that is not a call at
//!   all is answered with a null id, so that the mistake is seen. Ids are numbers, strings or null.
//! - The HTTP status is 200 whenever an envelope is answered, also for one that holds an error. A batch of
//!   notifications alone is answered with status 204 and no body.
//! - An error carries `message`, the number of the table as `code`, and `data` with `code` and `hint`.
//!
//! Method names are those of [`crate::routes`]; the handler of a method is the handler of its route.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::{ApiError, ErrorCode};
use crate::json;
use crate::limits::BATCH_MAX;
use crate::routes::{Access, Operation, Route};

/// The protocol version of every envelope.
pub const VERSION: &str = "2.0";
/// Longest text id of a call, bytes; it is sent back.
pub const ID_BYTES_MAX: usize = 128;

/// Longest piece of a caller's text that an error repeats, characters.
const SHOWN_CHARS_MAX: usize = 64;

/// One call that is well formed.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// The caller's id; `None` for a notification.
    pub id: Option<Value>,
    /// The route that the method names.
    pub route: &'static Route,
    /// The parameters, an object.
    pub params: Map<String, Value>,
}

/// A call that is not well formed.
#[derive(Debug, Clone, PartialEq)]
pub struct BadCall {
    /// The caller's id; null when it could not be read.
    pub id: Value,
    /// What is wrong.
    pub error: ApiError,
}

/// The body of a request.
#[derive(Debug, Clone, PartialEq)]
pub struct Incoming {
    /// True when the body was a list: the answer is a list then.
    pub batch: bool,
    /// The calls, in order, good and bad.
    pub calls: Vec<Result<Call, BadCall>>,
}

/// The answer to one call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Response {
    /// Always `2.0`.
    pub jsonrpc: String,
    /// The caller's id; null when it could not be read.
    pub id: Value,
    /// The result of a call that went well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
    /// Why it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorObject>,
}

/// An error in the form of JSON-RPC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorObject {
    /// The number of the error table.
    pub code: i32,
    /// What happened.
    pub message: String,
    /// Code and hint.
    pub data: ErrorData,
}

/// The rest of an error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorData {
    /// The code of the error table.
    pub code: String,
    /// What to do next.
    pub hint: String,
}

impl From<ApiError> for ErrorObject {
    fn from(error: ApiError) -> Self {
        let code = error.rpc_number();
        Self { code, message: error.error, data: ErrorData { code: error.code, hint: error.hint } }
    }
}

impl From<ErrorObject> for ApiError {
    fn from(error: ErrorObject) -> Self {
        Self { error: error.message, code: error.data.code, hint: error.data.hint }
    }
}

impl Response {
    /// The answer to the call with this id.
    pub fn new<T: Serialize>(id: Value, result: Result<T, ApiError>) -> Self {
        let encoded = result.and_then(|value| {
            serde_json::to_value(value).map_err(|error| ApiError::new(ErrorCode::Internal).because(error.to_string()))
        });
        let (result, error) = match encoded {
            Ok(value) => (Some(value), None),
            Err(error) => (None, Some(error.into())),
        };
        Self { jsonrpc: VERSION.to_owned(), id, result, error }
    }
}

impl From<BadCall> for Response {
    fn from(bad: BadCall) -> Self {
        Self::new::<Value>(bad.id, Err(bad.error))
    }
}

impl Call {
    /// The parameters as `T`.
    ///
    /// # Errors
    /// `bad_request` that names the field.
    pub fn params<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        serde_json::from_value(Value::Object(self.params.clone()))
            .map_err(|error| ApiError::bad_request(format!("params of {}: {error}", self.method())))
    }

    /// What the call asks for.
    pub const fn operation(&self) -> Operation {
        self.route.operation
    }

    /// True when the call needs the token on a node that has one.
    pub fn needs_token(&self) -> bool {
        self.route.access == Access::Write
    }

    fn method(&self) -> &'static str {
        self.route.method_name.unwrap_or(self.route.operation_id)
    }
}

/// Reads the body of a request to `/rpc`.
///
/// # Errors
/// What is wrong with the body as a whole, to be answered with a null id: `body_too_large`, `json_too_deep`,
/// `parse_error`, or `invalid_request` for an empty or too long batch.
pub fn parse(bytes: &[u8]) -> Result<Incoming, ApiError> {
    let invalid = |what: String| Err(ApiError::new(ErrorCode::InvalidRequest).because(what));
    match json::parse::<Value>(bytes)? {
        Value::Array(calls) if calls.is_empty() => invalid("the batch is empty".to_owned()),
        Value::Array(calls) if calls.len() > BATCH_MAX => {
            invalid(format!("the batch has {} calls, at most {BATCH_MAX} are allowed", calls.len()))
        }
        Value::Array(calls) => Ok(Incoming { batch: true, calls: calls.into_iter().map(parse_call).collect() }),
        call => Ok(Incoming { batch: false, calls: vec![parse_call(call)] }),
    }
}

fn parse_call(value: Value) -> Result<Call, BadCall> {
    let bad = |id: &Value, error: ApiError| BadCall { id: id.clone(), error };
    let Value::Object(mut fields) = value else {
        return Err(bad(&Value::Null, invalid("a call is a JSON object")));
    };
    let id = fields.remove("id");
    let answer_id = checked_id(id.as_ref()).map_err(|error| bad(&Value::Null, error))?;
    match parse_fields(fields) {
        Ok((route, params)) => Ok(Call { id, route, params }),
        Err(error) => Err(bad(&answer_id, error)),
    }
}

fn invalid(what: impl Into<String>) -> ApiError {
    ApiError::new(ErrorCode::InvalidRequest).because(what)
}

/// The id to answer with; null for a notification.
fn checked_id(id: Option<&Value>) -> Result<Value, ApiError> {
    match id {
        None => Ok(Value::Null),
        Some(Value::String(text)) if text.len() > ID_BYTES_MAX => {
            Err(invalid(format!("the id of a call is longer than {ID_BYTES_MAX} bytes")))
        }
        Some(id @ (Value::Null | Value::Number(_) | Value::String(_))) => Ok(id.clone()),
        Some(_) => Err(invalid("the id of a call is a number, a string or null")),
    }
}

/// Route and parameters from the fields of a call other than its id.
fn parse_fields(mut fields: Map<String, Value>) -> Result<(&'static Route, Map<String, Value>), ApiError> {
    let shown = |text: &str| text.chars().take(SHOWN_CHARS_MAX).collect::<String>();
    if fields.remove("jsonrpc").as_ref().and_then(Value::as_str) != Some(VERSION) {
        return Err(invalid("the field jsonrpc must be \"2.0\""));
    }
    let Some(Value::String(method)) = fields.remove("method") else {
        return Err(invalid("the field method must be a string"));
    };
    let params = match fields.remove("params") {
        None => Map::new(),
        Some(Value::Object(params)) => params,
        Some(_) => {
            return Err(ApiError::bad_request("params must be an object").with_hint("give each parameter by name"));
        }
    };
    if let Some(unknown) = fields.keys().next() {
        return Err(invalid(format!("the field {:?} is unknown", shown(unknown))));
    }
    let route = Route::of_method(&method).ok_or_else(|| {
        ApiError::new(ErrorCode::MethodNotFound).because(format!("there is no method {:?}", shown(&method)))
    })?;
    Ok((route, params))
}
