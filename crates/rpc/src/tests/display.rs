//! Words for people: lengths, names and places of any shape.

use crate::display::{bytes, duration_ms, place, shortened};

#[test]
fn lengths_take_the_largest_unit_and_are_rounded_down() {
    let told = [0, 1_023, 1_024, 1_535, 1_536, 1_048_576, 3_221_225_472].map(bytes);
    assert_eq!(told, ["0 bytes", "1023 bytes", "1.0 KiB", "1.4 KiB", "1.5 KiB", "1.0 MiB", "3.0 GiB"]);
    assert_eq!(bytes(u64::MAX), "17,179,869,183.9 GiB");
    assert_eq!((duration_ms(999).as_str(), duration_ms(1_259).as_str()), ("999 ms", "1.25 s"));
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
