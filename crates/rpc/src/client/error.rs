//! Why the client has no answer.
//!
//! A refusal of the node keeps its three fields. Everything else (no connection, a silent node, an answer
//! that is not ours) gets a code and a hint too, so that commands print every failure alike.

use std::time::Duration;

use crate::error::{ApiError, ErrorCode};
use crate::exit_codes::ExitCode;
use crate::tls::TlsError;

/// Why the client has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// The node refused.
    #[error("{0}")]
    Api(ApiError),
    /// The base URL cannot be used.
    #[error("{url:?} is not the URL of a node: {cause}")]
    Url {
        /// What was given.
        url: String,
        /// What is wrong with it.
        cause: &'static str,
    },
    /// Files for https cannot be used.
    #[error("{0}")]
    TlsFiles(#[from] TlsError),
    /// The other side's certificate is refused, or ours is.
    #[error("no trusted connection to {url}: {cause}")]
    Tls {
        /// Where.
        url: String,
        /// What is wrong.
        cause: String,
    },
    /// The token has characters that a header cannot carry.
    #[error("the token has characters that an HTTP header cannot carry")]
    Token,
    /// Nobody answers at the URL, or the connection broke.
    #[error("no connection to {url}: {cause}")]
    Connection {
        /// Where.
        url: String,
        /// What the system says.
        cause: String,
    },
    /// The node took too long.
    #[error("{url} did not answer within {} ms", .after.as_millis())]
    Timeout {
        /// Where.
        url: String,
        /// How long it was given.
        after: Duration,
    },
    /// The answer is longer than this client reads.
    #[error("the answer of {url} is longer than {bytes_max} bytes")]
    ReplyTooLarge {
        /// Where.
        url: String,
        /// The bound.
        bytes_max: usize,
    },
    /// The answer is not one of a node.
    #[error("{url} answered with status {status} and something that is not of this API: {cause}")]
    BadReply {
        /// Where.
        url: String,
        /// HTTP status.
        status: u16,
        /// What does not fit.
        cause: String,
    },
}

impl ClientError {
    /// The failure by name: the node's code, or one of the client's own.
    pub fn code(&self) -> &str {
        match self {
            Self::Api(error) => &error.code,
            Self::Url { .. } => "bad_url",
            Self::TlsFiles(_) => "tls_files",
            Self::Tls { .. } => "tls",
            Self::Token => "bad_token",
            Self::Connection { .. } => "connection",
            Self::Timeout { .. } => ErrorCode::Timeout.name(),
            Self::ReplyTooLarge { .. } => "reply_too_large",
            Self::BadReply { .. } => "bad_reply",
        }
    }

    /// What to do next.
    pub fn hint(&self) -> &str {
        match self {
            Self::Api(error) => &error.hint,
            Self::Url { .. } => "give a URL such as http://127.0.0.1:26658 or https://node.example.org:26658",
            Self::TlsFiles(_) => "name PEM files: --ca-cert, and --client-cert with --client-key",
            Self::Tls { .. } => {
                "name the node's authority with --ca-cert, and where it asks for one your certificate with --client-cert \
                 and --client-key; the clock of this machine must be right"
            }
            Self::Token => "copy the value of the node's TB_RPC_AUTH_TOKEN again, without line breaks",
            Self::Connection { .. } => "check that the node runs and that host and port are those of its RPC",
            Self::Timeout { .. } => "it may still happen: ask again, or allow more time",
            Self::ReplyTooLarge { .. } => "ask for less at once, or check that the URL is a node's",
            Self::BadReply { .. } => "check that the URL is a node's RPC and that no proxy answers in its place",
        }
    }

    /// How a command that meets this failure ends.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Api(error) => error.exit_code(),
            Self::Url { .. } | Self::Token | Self::TlsFiles(_) => ExitCode::Usage,
            Self::Tls { .. } => ExitCode::Unauthorized,
            Self::Connection { .. } | Self::ReplyTooLarge { .. } | Self::BadReply { .. } => ExitCode::Connection,
            Self::Timeout { .. } => ExitCode::Timeout,
        }
    }

    /// The failure in the three fields of every error.
    pub fn to_api_error(&self) -> ApiError {
        match self {
            Self::Api(error) => error.clone(),
            _ => ApiError { error: self.to_string(), code: self.code().to_owned(), hint: self.hint().to_owned() },
        }
    }
}

impl From<ApiError> for ClientError {
    fn from(error: ApiError) -> Self {
        Self::Api(error)
    }
}
