//! `.env` files: one `NAME=value` per line, read without touching the environment of the process.
//!
//! Rules
//! - A value ends at its line. `#` starts a comment after a space; quotes work as in a shell.
//! - `$` is refused outside single quotes: the library would put another variable there, or nothing, and a
//!   password that holds the sign would silently become another one.
//! - Errors name the line by its number and never show it, because it may hold a secret.

use std::collections::BTreeMap;
use std::path::Path;

use crate::error::ConfigError;

/// The variables of the text of `path`; of a name that stands there twice, the last one counts.
pub(crate) fn parse(path: &Path, text: &str) -> Result<BTreeMap<String, String>, ConfigError> {
    let mut variables = BTreeMap::new();
    for (number, line) in (1_usize..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let refused = |reason| ConfigError::DotEnv { path: path.to_owned(), line: number, reason };
        if substitutes(line) {
            return Err(refused("`$` must stand in single quotes"));
        }
        match dotenvy::from_read_iter(line.as_bytes()).next() {
            Some(Ok((name, value))) => variables.insert(name, value),
            Some(Err(_)) | None => return Err(refused("it is not of the form NAME=value")),
        };
    }
    Ok(variables)
}

/// Whether the value on `line` holds a `$` that is not wholly inside one pair of single quotes.
fn substitutes(line: &str) -> bool {
    let Some((_, value)) = line.split_once('=') else { return false };
    let Some(last) = value.rfind('$') else { return false };
    let value_start = value.len() - value.trim_start().len();
    let quoted = value.trim_start().strip_prefix('\'').and_then(|rest| rest.find('\''));
    quoted.is_none_or(|end| value_start + 1 + end < last)
}
