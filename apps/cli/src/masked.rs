//! Secrets of others in a log, known by what stands before them: `Authorization: Bearer abc`, `password=abc`, `"api_key": "abc"`.
//!
//! ```text
//! Bearer␠VALUE      NAME=VALUE      "NAME": "VALUE"        NAME ends with password, passphrase, token, secret or key
//! ```
//! Rules
//! - Capitals do not matter. A value ends with its quote, or without one at a blank or one of [`ENDS`].
//! - What is masked in vain, such as the name of a public key, costs a reader less than a secret that is sent away.

/// What stands for a secret.
pub const BLACKED_OUT: &str = "[secret]";
/// Ends of the names of secrets.
const NAMES: [&str; 5] = ["password", "passphrase", "token", "secret", "key"];
/// The word before a token in HTTP.
const BEARER: &str = "bearer";
/// What ends a value without quotes, besides a blank.
const ENDS: &str = ",;&\"'`<>()[]{}";

/// The text with such values blacked out.
pub fn mask(text: &str) -> String {
    text.split_inclusive('\n').map(mask_line).collect()
}

fn mask_line(line: &str) -> String {
    let mut masked = String::with_capacity(line.len());
    let mut rest = line;
    loop {
        // A word is a name or a value; everything between two words is kept as it is.
        let start = rest.find(is_of_word).unwrap_or(rest.len());
        let (between, from) = rest.split_at(start);
        masked.push_str(between);
        if from.is_empty() {
            return masked;
        }
        let (word, after) = from.split_at(from.find(|letter| !is_of_word(letter)).unwrap_or(from.len()));
        masked.push_str(word);
        rest = after;
        if let Some((before, value)) = value_of(word, after) {
            masked.push_str(before);
            masked.push_str(BLACKED_OUT);
            rest = after.get(before.len().saturating_add(value.len())..).unwrap_or_default();
        }
    }
}

const fn is_of_word(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.')
}

/// What stands between this word and the secret that it announces, and the secret.
fn value_of<'a>(word: &str, after: &'a str) -> Option<(&'a str, &'a str)> {
    let word = word.to_ascii_lowercase();
    let blanks = |text: &'a str| text.trim_start_matches([' ', '\t']);
    let from = if word == BEARER {
        let from = blanks(after);
        (from.len() < after.len()).then_some(from)?
    } else if NAMES.iter().any(|name| word.ends_with(name)) {
        let name_ends = blanks(after.trim_start_matches(['\\', '"', '\'']));
        let is_quoted = after.starts_with(['\\', '"', '\'']);
        let value = name_ends.strip_prefix('=').or_else(|| name_ends.strip_prefix(':').filter(|_| is_quoted))?;
        let value = blanks(value);
        after_bearer(value).map_or(value, blanks)
    } else {
        return None;
    };
    let value = quoted(from).unwrap_or_else(|| {
        let ends = |letter: char| letter.is_whitespace() || ENDS.contains(letter);
        (from, from.find(ends).unwrap_or(from.len()))
    });
    let (from, length) = value;
    let before = after.len().saturating_sub(from.len());
    let secret = from.get(..length).filter(|secret| !secret.is_empty())?;
    Some((after.get(..before)?, secret))
}

/// What follows the word of HTTP where a value begins with it.
fn after_bearer(value: &str) -> Option<&str> {
    let (word, after) = value.split_at_checked(BEARER.len())?;
    (word.eq_ignore_ascii_case(BEARER) && after.starts_with([' ', '\t'])).then_some(after)
}

/// Where a value in quotes begins, and its length. Quotes inside a text of JSON have a backslash before them.
fn quoted(from: &str) -> Option<(&str, usize)> {
    let quote = ["\\\"", "\"", "'"].into_iter().find(|quote| from.starts_with(quote))?;
    let inner = from.strip_prefix(quote)?;
    Some((inner, inner.find(quote).unwrap_or(inner.len())))
}
