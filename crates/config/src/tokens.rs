//! The tokens of the RPC server: the one with every scope, and those of `rpc.tokens_file`; and the one that an upstream
//! node asks for.
//!
//! ```text
//! # a line of the file: scopes, what the log calls the bearer, the token
//! read            dashboard   Zm9vYmFyZm9vYmFyZm9v
//! read,submit     exchange-1  YmF6cXV4YmF6cXV4YmF6
//! ```
//! Rules
//! - Files are readable by this user alone; one that is not is refused.
//! - No message holds a token. Names and tokens are unique; a token that two lines share is refused.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::ConfigError;
use crate::files::{open_to_others, read_text};
use crate::home::Home;
use crate::node::Token;
use crate::secret::Secret;
use crate::sources::Setting;
use crate::value::{Kind, Value};

/// What a token can be good for: the names of `rpc::routes::Scope`.
pub const SCOPES: [&str; 3] = ["operate", "read", "submit"];
/// What the log calls the bearer of the token with every scope.
pub const ALL_NAME: &str = "auth_token";
/// Most tokens of a node.
pub const TOKENS_MAX: usize = 64;
/// Largest file of one token, bytes.
const TOKEN_FILE_BYTES_MAX: u64 = 4 * 1_024;
/// Largest file of tokens, bytes.
const TOKENS_FILE_BYTES_MAX: u64 = 64 * 1_024;
/// Shortest token of the file: a shorter one can be guessed.
const TOKEN_LENGTH_MIN: usize = 16;

/// The tokens of a node.
pub(crate) struct Tokens {
    /// The one with every scope.
    pub(crate) all: Option<Secret>,
    /// Every token, that one first.
    pub(crate) list: Vec<Token>,
    /// The one that the upstream node of a wallet runtime asks for.
    pub(crate) upstream: Option<Secret>,
}

/// Reads all tokens.
pub(crate) fn read(home: &Home, settings: &BTreeMap<&'static str, Setting>) -> Result<Tokens, ConfigError> {
    let all = auth_token(home, settings)?;
    let mut list: Vec<Token> = Vec::new();
    if let Some(secret) = &all {
        let scopes = SCOPES.map(str::to_owned).to_vec();
        list.push(Token { name: ALL_NAME.to_owned(), scopes, secret: secret.clone() });
    }
    if let Some(Value::Text(file)) = settings.get("rpc.tokens_file").map(|setting| &setting.value) {
        tokens_file(home, file, &mut list)?;
    }
    let upstream = match settings.get("wallet.upstream_token_file").map(|setting| &setting.value) {
        Some(Value::Text(file)) => Some(token_file(home, "wallet.upstream_token_file", file)?),
        _ => None,
    };
    Ok(Tokens { all, list, upstream })
}

fn tokens_file(home: &Home, file: &str, list: &mut Vec<Token>) -> Result<(), ConfigError> {
    let path = home.resolve(file);
    let refused = |reason: String| ConfigError::TokensFile { path: path.clone(), reason };
    let text = read_text(&path, TOKENS_FILE_BYTES_MAX)?.ok_or_else(|| refused("does not exist".to_owned()))?;
    if let Some(mode) = open_to_others(&path) {
        return Err(refused(format!("can be used by others (mode {mode:o})")));
    }
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let token = token(line, list).map_err(|reason| refused(format!("line {}: {reason}", index + 1)))?;
        list.push(token);
    }
    Ok(())
}

fn token(line: &str, list: &[Token]) -> Result<Token, String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [scopes, name, secret] = words.as_slice() else {
        return Err(format!("has {} words, three are wanted", words.len()));
    };
    let scopes: BTreeSet<&str> = scopes.split(',').collect();
    if let Some(unknown) = scopes.iter().find(|scope| !SCOPES.contains(scope)) {
        return Err(format!("{unknown:?} is no scope"));
    }
    if let Err(reason) = Kind::Name.parse(name) {
        return Err(format!("the name {name:?} {reason}"));
    }
    let secret = match Kind::Secret.parse(secret) {
        Ok(Value::Secret(secret)) if secret.expose().len() >= TOKEN_LENGTH_MIN => secret,
        Ok(_) => return Err(format!("the token of {name} is shorter than {TOKEN_LENGTH_MIN} characters")),
        Err(reason) => return Err(format!("the token of {name} {reason}")),
    };
    if list.iter().any(|token| token.name == *name) {
        return Err(format!("the name {name} is taken"));
    }
    if let Some(same) = list.iter().find(|token| token.secret == secret) {
        return Err(format!("{name} has the token of {}", same.name));
    }
    if list.len() >= TOKENS_MAX {
        return Err(format!("there are more than {TOKENS_MAX} tokens"));
    }
    let scopes = scopes.into_iter().map(str::to_owned).collect();
    Ok(Token { name: (*name).to_owned(), scopes, secret })
}

/// The token of `rpc.auth_token` or the file of `rpc.auth_token_file`.
fn auth_token(home: &Home, settings: &BTreeMap<&'static str, Setting>) -> Result<Option<Secret>, ConfigError> {
    let value = |key: &str| settings.get(key).map(|setting| &setting.value);
    match (value("rpc.auth_token"), value("rpc.auth_token_file")) {
        (Some(Value::Secret(_)), Some(Value::Text(_))) => {
            Err(ConfigError::Both { first: "rpc.auth_token", second: "rpc.auth_token_file" })
        }
        (Some(Value::Secret(token)), _) => Ok(Some(token.clone())),
        (_, Some(Value::Text(file))) => token_file(home, "rpc.auth_token_file", file).map(Some),
        _ => Ok(None),
    }
}

fn token_file(home: &Home, key: &'static str, file: &str) -> Result<Secret, ConfigError> {
    let path = home.resolve(file);
    let refused = |reason: String| ConfigError::TokenFile { key, path: path.clone(), reason };
    let text = read_text(&path, TOKEN_FILE_BYTES_MAX)?.ok_or_else(|| refused("does not exist".to_owned()))?;
    if let Some(mode) = open_to_others(&path) {
        return Err(refused(format!("can be used by others (mode {mode:o})")));
    }
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    if lines.any(|line| !line.trim().is_empty()) {
        return Err(refused("has more than one line".to_owned()));
    }
    match Kind::Secret.parse(first) {
        Ok(Value::Secret(token)) => Ok(token),
        Ok(_) => unreachable!("this kind is read as a secret"),
        Err(reason) => Err(refused(reason)),
    }
}
