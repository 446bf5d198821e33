//! Bodies from outside: every refusal in its order, and no bytes that panic.

use primitives::transaction::PROOF_TRANSACTION_BYTES_MAX;
use proptest::prelude::*;
use serde_json::Value;

use crate::error::ErrorCode;
use crate::json::{parse, parse_submission};
use crate::jsonrpc;
use crate::limits::{JSON_DEPTH_MAX, REQUEST_BYTES_MAX, SUBMISSION_BYTES_MAX};
use crate::types::{BlockId, Hex, HistoryCursor, SubmitTransaction};

fn code(bytes: &[u8]) -> Option<ErrorCode> {
    parse::<SubmitTransaction>(bytes).err().map(|error| error.known().unwrap())
}

#[test]
fn each_bad_body_has_its_own_refusal() {
    let deep = |levels: usize| ["[".repeat(levels), "]".repeat(levels)].concat();
    let table: [(&str, Vec<u8>, Option<ErrorCode>); 9] = [
        ("good", br#"{"transaction":"00ff"}"#.to_vec(), None),
        ("not JSON", b"transaction=00".to_vec(), Some(ErrorCode::ParseError)),
        ("cut off", br#"{"transaction":"00"#.to_vec(), Some(ErrorCode::ParseError)),
        ("trailing", br#"{"transaction":"00"} x"#.to_vec(), Some(ErrorCode::ParseError)),
        ("unknown field", br#"{"transaction":"00","fee":1}"#.to_vec(), Some(ErrorCode::BadRequest)),
        ("missing field", b"{}".to_vec(), Some(ErrorCode::BadRequest)),
        ("odd hex", br#"{"transaction":"0"}"#.to_vec(), Some(ErrorCode::BadRequest)),
        ("10,000 deep", deep(10_000).into_bytes(), Some(ErrorCode::JsonTooDeep)),
        ("10 MB", vec![b'['; 10_000_000], Some(ErrorCode::BodyTooLarge)),
    ];
    for (name, bytes, expected) in table {
        assert_eq!(code(&bytes), expected, "{name}");
    }
}

#[test]
fn depth_and_size_are_refused_exactly_above_the_bound() {
    let deep = |levels: usize| ["[".repeat(levels), "]".repeat(levels)].concat().into_bytes();
    assert!(parse::<Value>(&deep(JSON_DEPTH_MAX)).is_ok());
    assert_eq!(parse::<Value>(&deep(JSON_DEPTH_MAX + 1)).unwrap_err().known(), Some(ErrorCode::JsonTooDeep));
    let text = |length: usize| format!("\"{}\"", "x".repeat(length - 2)).into_bytes();
    assert!(parse::<Value>(&text(REQUEST_BYTES_MAX)).is_ok());
    let error = parse::<Value>(&text(REQUEST_BYTES_MAX + 1)).unwrap_err();
    assert_eq!(error.known(), Some(ErrorCode::BodyTooLarge));
}

#[test]
fn only_a_submission_may_be_as_long_as_the_longest_proof() {
    let body = |proof: usize| format!("{{\"transaction\":\"{}\"}}", "0".repeat(2 * proof)).into_bytes();
    let longest = body(PROOF_TRANSACTION_BYTES_MAX);
    assert!(longest.len() <= SUBMISSION_BYTES_MAX);
    assert!(parse_submission(&longest).is_ok());
    assert_eq!(parse::<SubmitTransaction>(&longest).unwrap_err().known(), Some(ErrorCode::BodyTooLarge));
    let error = parse_submission(&body(PROOF_TRANSACTION_BYTES_MAX + 1_024)).unwrap_err();
    assert_eq!(error.known(), Some(ErrorCode::BodyTooLarge));
}

#[test]
fn brackets_within_strings_are_not_nesting() {
    let text = format!(r#""{}\"{}""#, "[".repeat(100), "{".repeat(100));
    assert!(parse::<Value>(text.as_bytes()).is_ok());
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = parse::<SubmitTransaction>(&bytes);
        let _ = jsonrpc::parse(&bytes);
    }

    #[test]
    fn no_json_panics(text in "[\\[\\]{}\",:a-z0-9\\\\ .-]{0,200}") {
        let _ = parse::<Value>(text.as_bytes());
        let _ = jsonrpc::parse(text.as_bytes());
    }

    #[test]
    fn text_forms_read_back_and_never_panic(height: u64, index: u32, part: u32, bytes: Vec<u8>, hash: [u8; 32], other in ".{0,80}") {
        let cursor = HistoryCursor { height: primitives::Height(height), index, part };
        prop_assert_eq!(cursor.to_string().parse(), Ok(cursor));
        prop_assert_eq!(Hex(bytes.clone()).to_string().parse(), Ok(Hex(bytes)));
        for id in [BlockId::Height(primitives::Height(height)), BlockId::Hash(primitives::Hash(hash))] {
            prop_assert_eq!(id.to_string().parse(), Ok(id));
            prop_assert_eq!(serde_json::from_value::<BlockId>(serde_json::to_value(id).unwrap()).unwrap(), id);
        }
        let _ = (other.parse::<HistoryCursor>(), other.parse::<Hex>(), other.parse::<BlockId>());
    }
}

#[test]
fn a_block_is_named_by_height_or_hash_and_by_nothing_else() {
    assert_eq!("0".parse(), Ok(BlockId::Height(primitives::Height(0))));
    // Sixty-four digits are a hash even without a letter.
    assert!(matches!("1".repeat(64).parse(), Ok(BlockId::Hash(_))));
    for bad in ["", "+1", "-1", " 1", "1.0", "latest", "0x10", "18446744073709551616", &"g".repeat(64)] {
        assert!(bad.parse::<BlockId>().is_err(), "{bad:?}");
    }
    assert_eq!(serde_json::from_str::<BlockId>("17").unwrap(), BlockId::Height(primitives::Height(17)));
    for bad in ["-1", "1.5", "null", "[1]", "true"] {
        assert!(serde_json::from_str::<BlockId>(bad).is_err(), "{bad}");
    }
    for bad in ["1.2", "1.2.3.4", "1..3", "a.b.c", "1.2.+3", "1.4294967296.0"] {
        assert!(bad.parse::<HistoryCursor>().is_err(), "{bad:?}");
    }
}
