//! How a command fails: what happened, by which code, what to do next, and the number the process ends with.
//!
//! Rules
//! - Every failure of every command is one [`Failure`]; nothing else ends a command early.
//! - With `--json` it is one object on stdout, `{"error", "code", "hint", "exit_code"}`; otherwise two lines on
//!   stderr.
//! - Numbers and their meaning are in [`rpc::exit_codes`]. Codes of the node are passed on as they are.

use std::fmt::Display;
use std::io;
use std::path::Path;

use primitives::genesis::GenesisError;
use rpc::{ApiError, ClientError, ExitCode};
use serde::Serialize;
use wallet::{GuardError, KeyFileError, KeystoreError, PlanError, RandomnessError};

/// Why a command did not do what it was asked to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What happened, its code, what to do next.
    pub error: ApiError,
    /// How the process ends.
    pub exit: ExitCode,
}

/// A failure as JSON.
#[derive(Debug, Serialize)]
struct FailureView<'a> {
    #[serde(flatten)]
    error: &'a ApiError,
    exit_code: u8,
}

impl Failure {
    /// A failure in our own words.
    pub fn new(exit: ExitCode, code: &str, error: impl Display, hint: impl Display) -> Self {
        let error = ApiError { error: error.to_string(), code: code.to_owned(), hint: hint.to_string() };
        Self { error, exit }
    }

    /// The command line asks for something that cannot be.
    pub fn usage(error: impl Display, hint: impl Display) -> Self {
        Self::new(ExitCode::Usage, "usage", error, hint)
    }

    /// A failure of a library whose message is `what; next: what to do`; `hint` serves where it has no second part.
    pub fn told(exit: ExitCode, code: &str, error: impl Display, hint: &str) -> Self {
        let text = error.to_string();
        let (what, todo) = rpc::display::split_hint(&text);
        Self::new(exit, code, what, todo.unwrap_or(hint))
    }

    /// The disk refused something at `path`.
    pub fn disk(path: &Path, cause: &io::Error) -> Self {
        Self::new(
            ExitCode::Unexpected,
            "disk",
            format!("{}: {cause}", path.display()),
            "check that the folder exists, who may write there, and that the disk has room",
        )
    }

    /// Where a running node has the store: the command that asks the node instead.
    #[must_use]
    pub fn or_live(mut self, command: &str) -> Self {
        if self.error.code == "store_in_use" {
            self.error.hint = format!("stop the node, or ask it while it runs: {command}");
        }
        self
    }

    /// Where an address serves the wallet routes alone, that it says nothing about `what`, and whom to ask.
    #[must_use]
    pub fn or_wallet_runtime(self, url: &str, what: &str) -> Self {
        if self.exit != ExitCode::NotFound {
            return self;
        }
        let error = format!("{url} has no route for {what}, as a wallet runtime, which serves the wallet routes alone");
        let hint =
            "name the node behind it with --rpc (wallet.upstream in its node.toml); of itself it answers tb probe";
        Self::new(ExitCode::NotFound, "wallet_routes_only", error, hint)
    }

    /// The failure as one JSON object.
    pub fn to_json(&self) -> String {
        let view = FailureView { error: &self.error, exit_code: self.exit.number() };
        serde_json::to_string_pretty(&view).expect("a failure holds only text and a number")
    }

    /// The failure for people, two lines.
    pub fn to_text(&self) -> String {
        format!("error: {}\nhint: {}", self.error.error, self.error.hint)
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        Self { exit: error.exit_code(), error: error.to_api_error() }
    }
}

impl From<KeystoreError> for Failure {
    fn from(error: KeystoreError) -> Self {
        let (exit, code) = match &error {
            KeystoreError::Missing { .. } => (ExitCode::NotFound, "key_missing"),
            KeystoreError::Exists { .. } => (ExitCode::Refused, "key_exists"),
            KeystoreError::Damaged { .. } => (ExitCode::Damaged, "key_damaged"),
            KeystoreError::Version { .. } => (ExitCode::Refused, "key_version"),
            KeystoreError::TooMany { .. } => (ExitCode::Refused, "too_many_keys"),
            KeystoreError::Seal { .. } => (ExitCode::Unauthorized, "key_locked"),
            KeystoreError::NoWords { .. } => (ExitCode::Refused, "key_without_words"),
            KeystoreError::Disk { .. } => (ExitCode::Unexpected, "disk"),
        };
        Self::told(exit, code, error, "check the password")
    }
}

impl From<KeyFileError> for Failure {
    fn from(error: KeyFileError) -> Self {
        let (exit, code) = match &error {
            KeyFileError::Missing { .. } => (ExitCode::NotFound, "key_missing"),
            KeyFileError::Exists { .. } => (ExitCode::Refused, "key_exists"),
            KeyFileError::Damaged { .. } => (ExitCode::Damaged, "key_damaged"),
            KeyFileError::Seal { .. } | KeyFileError::PasswordNeeded { .. } => (ExitCode::Unauthorized, "key_locked"),
            KeyFileError::Version { .. } | KeyFileError::Role { .. } | KeyFileError::OpenToOthers(_) => {
                (ExitCode::Refused, "key_refused")
            }
            KeyFileError::PasswordMissing { .. } => (ExitCode::NotFound, "password_file_missing"),
            KeyFileError::Password { .. } => (ExitCode::Usage, "bad_password"),
            KeyFileError::Disk { .. } => (ExitCode::Unexpected, "disk"),
        };
        Self::told(exit, code, error, "check the password file")
    }
}

impl From<GuardError> for Failure {
    fn from(error: GuardError) -> Self {
        let code = if matches!(error, GuardError::Old { .. }) { "old_guard" } else { "guard" };
        Self::told(ExitCode::Refused, code, error, "check the folder of the double-sign guard")
    }
}

impl From<RandomnessError> for Failure {
    fn from(error: RandomnessError) -> Self {
        Self::told(ExitCode::Unexpected, "randomness", error, "try again")
    }
}

impl From<PlanError> for Failure {
    fn from(error: PlanError) -> Self {
        Self::told(ExitCode::Refused, "plan", error, "change the payment; nothing was signed")
    }
}

impl From<GenesisError> for Failure {
    fn from(error: GenesisError) -> Self {
        Self::told(ExitCode::Config, "genesis", error, "correct the genesis file, then run: tb genesis check")
    }
}

impl From<config::ConfigErrors> for Failure {
    fn from(error: config::ConfigErrors) -> Self {
        match error.0.as_slice() {
            [one] => {
                Self::told(ExitCode::Config, "config", one, "correct the configuration, then run: tb config check")
            }
            _ => Self::new(ExitCode::Config, "config", error, "correct each of them, then run: tb config check"),
        }
    }
}

impl From<config::ConfigError> for Failure {
    fn from(error: config::ConfigError) -> Self {
        config::ConfigErrors::from(error).into()
    }
}
