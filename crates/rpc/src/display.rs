//! What a node says, in words for people: the same on the command line, in `tb top` and on the page of a node.
//!
//! Rule: integers only, rounded down; nothing here can fail, whatever a node or a peer has said.

use primitives::{Address, Amount};

use crate::types::Step;

/// Bytes of one KiB.
const KIB: u64 = 1_024;

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
