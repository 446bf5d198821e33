//! What a node says, in words for people: the same on the command line, in `tb top` and on the page of a node.
//!
//! Rule: integers only, rounded down; nothing here can fail, whatever a node or a peer has said.

use primitives::{Address, Amount};

use crate::types::Step;

/// Bytes of one KiB.
const KIB: u64 = 1_024;

/// Between what happened and what to do next, in every message that says both.
const NEXT: &str = "; next: ";

/// What happened and what to do next, of a message that says both. The last `; next: ` counts: an inner reason may have one of its own. A
/// message without it is split at its first `; `.
pub fn split_hint(text: &str) -> (&str, Option<&str>) {
    let halves = text.rsplit_once(NEXT).or_else(|| text.split_once("; "));
    halves.map_or((text, None), |(what, todo)| (what, Some(todo)))
}

/// A reason as a part of another message, which says itself what to do next.
pub fn without_hint(text: &str) -> &str {
    text.split_once(NEXT).map_or(text, |(what, _)| what)
}

/// An amount for people, such as `12.5 BLOCK`.
pub fn blocks(amount: Amount) -> String {
    let text = amount.to_string();
    let trimmed = text.trim_end_matches('0').trim_end_matches('.');
    let (whole, fraction) = trimmed.split_once('.').map_or((trimmed, ""), |parts| parts);
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{}{point}{fraction} BLOCK", thousands(whole))
}

/// A whole number for people, such as `1,234,567`.
pub fn count(number: u64) -> String {
    thousands(&number.to_string())
}

fn thousands(digits: &str) -> String {
    let mut text = String::with_capacity(digits.len() * 4 / 3 + 1);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Milliseconds for people: `87 ms`, `1.25 s`.
pub fn duration_ms(milliseconds: u64) -> String {
    if milliseconds < 1_000 {
        format!("{milliseconds} ms")
    } else {
        format!("{}.{:02} s", milliseconds / 1_000, milliseconds % 1_000 / 10)
    }
}

/// A time in milliseconds since 1970 for people: `2026-11-22 21:01:12 UTC`.
pub fn time(milliseconds: u64) -> String {
    let seconds = milliseconds / 1_000;
    let (hour, minute, second) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    // Days since the first of March of year 0, in eras of 400 years that are all alike; a year ends with February.
    let days = seconds / 86_400 + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

/// A length in bytes for people: `312 bytes`, `1.5 MiB`.
pub fn bytes(length: u64) -> String {
    let units = [("GiB", KIB * KIB * KIB), ("MiB", KIB * KIB), ("KiB", KIB)];
    match units.into_iter().find(|(_, size)| length >= *size) {
        Some((name, size)) => format!("{}.{} {name}", count(length / size), length % size * 10 / size),
        None => format!("{length} bytes"),
    }
}

/// An address that a person can tell from others at a glance.
pub fn short(address: &Address) -> String {
    shortened(&address.to_string())
}

/// The same for any long name of letters and digits, such as a hash; a short one stays as it is.
pub fn shortened(text: &str) -> String {
    let tail = text.len().saturating_sub(4);
    match (text.get(..10), text.get(tail..)) {
        (Some(head), Some(tail)) if text.len() > 16 => format!("{head}…{tail}"),
        _ => text.to_owned(),
    }
}

/// Host and port of an address such as `/ip4/127.0.0.1/udp/26657/quic-v1`; anything else as it is.
pub fn place(remote: &str) -> String {
    match remote.split('/').collect::<Vec<_>>().as_slice() {
        ["", _, host, _, port, ..] => format!("{host}:{port}"),
        _ => remote.to_owned(),
    }
}

/// A step of a round, in one word.
pub fn step(step: Step) -> String {
    format!("{step:?}").to_lowercase()
}
