//! Exit codes of every command, in one table.
//!
//! ```text
//! 0 ok            3 connection      6 timeout        9 damaged
//! 1 unexpected    4 refused         7 unauthorized  10 not_ready
//! 2 usage         5 not_found       8 config
//! ```
//!
//! Scripts rely on them: a number is never reused. API errors get theirs from the table in [`crate::error`].

/// How a command ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExitCode {
    /// Done.
    Ok,
    /// A fault of ours, or one without a code of its own.
    Unexpected,
    /// The command line is wrong.
    Usage,
    /// The node cannot be reached.
    Connection,
    /// The request was understood and refused, such as a rejected transaction.
    Refused,
    /// There is no such thing.
    NotFound,
    /// It took longer than allowed; it may still happen.
    Timeout,
    /// The token is missing or wrong.
    Unauthorized,
    /// A configuration or genesis file is wrong.
    Config,
    /// Stored data is damaged.
    Damaged,
    /// The node works but does not serve this now: try again later.
    NotReady,
}

impl ExitCode {
    /// Every exit code, in numeric order.
    pub const ALL: [Self; 11] = [
        Self::Ok,
        Self::Unexpected,
        Self::Usage,
        Self::Connection,
        Self::Refused,
        Self::NotFound,
        Self::Timeout,
        Self::Unauthorized,
        Self::Config,
        Self::Damaged,
        Self::NotReady,
    ];

    /// The number that the process ends with.
    pub const fn number(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Unexpected => 1,
            Self::Usage => 2,
            Self::Connection => 3,
            Self::Refused => 4,
            Self::NotFound => 5,
            Self::Timeout => 6,
            Self::Unauthorized => 7,
            Self::Config => 8,
            Self::Damaged => 9,
            Self::NotReady => 10,
        }
    }

    /// The name used in documents and `--json` output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Unexpected => "unexpected",
            Self::Usage => "usage",
            Self::Connection => "connection",
            Self::Refused => "refused",
            Self::NotFound => "not_found",
            Self::Timeout => "timeout",
            Self::Unauthorized => "unauthorized",
            Self::Config => "config",
            Self::Damaged => "damaged",
            Self::NotReady => "not_ready",
        }
    }

    /// What it means, for help texts.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Ok => "done",
            Self::Unexpected => "a fault of the program; the message says which",
            Self::Usage => "the command line is wrong",
            Self::Connection => "the node cannot be reached, or its answer makes no sense",
            Self::Refused => "the request was understood and refused",
            Self::NotFound => "there is no such block, transaction or account",
            Self::Timeout => "it took longer than allowed; it may still happen",
            Self::Unauthorized => "the token is missing or wrong",
            Self::Config => "a configuration or genesis file is wrong",
            Self::Damaged => "stored data is damaged",
            Self::NotReady => "the node cannot serve this now; try again later",
        }
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code.number())
    }
}
