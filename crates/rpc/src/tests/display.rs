//! Words for people: lengths, names and places of any shape.

use crate::display::{bytes, duration_ms, place, shortened, split_hint, time, without_hint};

#[test]
fn lengths_take_the_largest_unit_and_are_rounded_down() {
    let told = [0, 1_023, 1_024, 1_535, 1_536, 1_048_576, 3_221_225_472].map(bytes);
    assert_eq!(told, ["0 bytes", "1023 bytes", "1.0 KiB", "1.4 KiB", "1.5 KiB", "1.0 MiB", "3.0 GiB"]);
    assert_eq!(bytes(u64::MAX), "17,179,869,183.9 GiB");
    assert_eq!((duration_ms(999).as_str(), duration_ms(1_259).as_str()), ("999 ms", "1.25 s"));
}

#[test]
fn times_are_days_of_the_calendar_also_around_leap_days() {
    let told = [0, 951_782_399_999, 951_868_800_000, 4_107_542_400_000, 1_795_380_340_855].map(time);
    let wanted = [
        "1970-01-01 00:00:00 UTC",
        "2000-02-28 23:59:59 UTC",
        "2000-03-01 00:00:00 UTC",
        "2100-03-01 00:00:00 UTC",
        "2026-11-22 20:45:40 UTC",
    ];
    assert_eq!(told, wanted);
    assert!(time(u64::MAX).ends_with("UTC"));
}

#[test]
fn a_message_is_split_at_its_last_hint_and_an_inner_reason_is_told_without_its_own() {
    let cases = [
        ("it is so; next: do that", ("it is so", Some("do that"))),
        ("it is so; and so; next: do that", ("it is so; and so", Some("do that"))),
        (
            "all failed: a (it is so; next: do this); next: do that",
            ("all failed: a (it is so; next: do this)", Some("do that")),
        ),
        ("it is so; do that; or this", ("it is so", Some("do that; or this"))),
        ("it is so", ("it is so", None)),
    ];
    for (text, wanted) in cases {
        assert_eq!(split_hint(text), wanted, "{text}");
    }
    assert_eq!(without_hint("it is so; and so; next: do that"), "it is so; and so");
    assert_eq!(without_hint("it is so"), "it is so");
}

#[test]
fn names_of_any_shape_are_shortened_between_letters_or_left_alone() {
    assert_eq!(shortened(&"ab".repeat(32)), "ababababab…abab");
    assert_eq!(shortened("short"), "short");
    // A cut would fall inside a letter of two bytes: the name stays whole.
    let odd = format!("x{}", "ä".repeat(9));
    assert_eq!(shortened(&odd), odd);
    assert_eq!(place("/ip4/127.0.0.1/udp/26657/quic-v1"), "127.0.0.1:26657");
    assert_eq!(place("<b>"), "<b>");
}
