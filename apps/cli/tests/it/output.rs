//! What commands print.

use cli::Failure;
use cli::output::{blocks, count, duration_ms, fields, table};
use primitives::Amount;
use proptest::prelude::*;
use rpc::ExitCode;

#[test]
fn amounts_are_shown_in_block() {
    let cases = [
        (0, "0 BLOCK"),
        (1, "0.000001 BLOCK"),
        (1_000_000, "1 BLOCK"),
        (12_500_000, "12.5 BLOCK"),
        (10_000_000, "10 BLOCK"),
        (1_000_000_000_000, "1,000,000 BLOCK"),
        (40_000_000_000_001, "40,000,000.000001 BLOCK"),
    ];
    for (micro, text) in cases {
        assert_eq!(blocks(Amount::new(micro).expect("in range")), text);
    }
}

proptest! {
    #[test]
    fn a_shown_amount_is_the_amount(micro in 0_u64..(1 << 63)) {
        let amount = Amount::new(micro).expect("below 2^63");
        let text = blocks(amount).replace(',', "");
        let number = text.strip_suffix(" BLOCK").expect("the unit");
        prop_assert_eq!(number.parse::<Amount>().expect("an amount"), amount);
    }

    #[test]
    fn a_shown_count_is_the_count(number: u64) {
        let text = count(number);
        prop_assert_eq!(text.replace(',', "").parse::<u64>().expect("digits"), number);
        let groups: Vec<&str> = text.split(',').collect();
        prop_assert!(groups.iter().skip(1).all(|group| group.len() == 3));
        prop_assert!((1..=3).contains(&groups[0].len()));
    }
}

#[test]
fn durations_have_a_unit() {
    let shown: Vec<String> = [0, 87, 999, 1_000, 1_259, 61_000].into_iter().map(duration_ms).collect();
    assert_eq!(shown, ["0 ms", "87 ms", "999 ms", "1.00 s", "1.25 s", "61.00 s"]);
}

#[test]
fn columns_line_up() {
    assert_eq!(fields(&[("a", "1".to_owned()), ("long", "2".to_owned())]), "a     1\nlong  2");
    let rows = [["x".to_owned(), "1".to_owned()], ["µµµµ".to_owned(), String::new()]];
    assert_eq!(table(["AB", "N"], &rows), "AB    N\nx     1\nµµµµ");
}

#[test]
fn a_failure_keeps_what_and_what_to_do_apart() {
    let failure = Failure::told(ExitCode::Config, "config", "it is broken; next: mend it; then go on", "unused");
    assert_eq!(failure.to_text(), "error: it is broken\nhint: mend it; then go on");
    let json: serde_json::Value = serde_json::from_str(&failure.to_json()).expect("JSON");
    let wanted = serde_json::json!({
        "error": "it is broken", "code": "config", "hint": "mend it; then go on", "exit_code": 8,
    });
    assert_eq!(json, wanted);
    let plain = Failure::told(ExitCode::Config, "config", "it is broken", "mend it");
    assert_eq!(plain.to_text(), "error: it is broken\nhint: mend it");
}

#[test]
fn a_failure_of_the_node_keeps_its_code_and_gets_the_exit_code_of_the_table() {
    for code in rpc::ErrorCode::all() {
        let failure = Failure::from(rpc::ClientError::from(rpc::ApiError::new(code)));
        assert_eq!(failure.error.code, code.name());
        assert_eq!(failure.exit, code.row().exit);
        assert!(!failure.error.hint.is_empty());
    }
}
