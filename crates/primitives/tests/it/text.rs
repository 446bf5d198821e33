//! Text forms: addresses, hashes, amounts.

use primitives::{Address, Amount, Hash, LedgerDigest};
use testkit::Seed;

use crate::samples;

#[test]
fn address_text_round_trips_and_notices_every_single_typing_error() {
    let address = samples::address(1);
    let text = address.to_string();
    assert!(text.starts_with("tb1") && text.len() == 57, "{text}");
    assert_eq!(text.parse::<Address>().unwrap(), address);
    assert_eq!(text.to_uppercase().parse::<Address>().unwrap(), address, "upper case is the same address");
    for at in 0..text.len() {
        let mut wrong: Vec<char> = text.chars().collect();
        wrong[at] = if wrong[at] == 'q' { 'p' } else { 'q' };
        assert!(wrong.into_iter().collect::<String>().parse::<Address>().is_err());
    }
    for wrong in ["", "tb1", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "tb1qqqqqqqqqqqq", &text[1..]] {
        assert!(wrong.parse::<Address>().is_err(), "{wrong}");
    }
}

#[test]
fn address_limbs_are_thirty_bits_and_lose_nothing() {
    let mut seed = Seed::new();
    for _ in 0..200 {
        let address = Address(seed.array());
        let limbs = address.limbs();
        assert!(limbs.iter().all(|limb| *limb < 1 << 30));
        let mut bytes = [0_u8; 30];
        for bit in 0..240 {
            if limbs[bit / 30] & (1 << (bit % 30)) != 0 {
                bytes[bit / 8] |= 1 << (bit % 8);
            }
        }
        assert_eq!(Address(bytes), address);
    }
}

#[test]
fn amounts_read_and_print_as_block() {
    let cases = [("1", 1_000_000), ("0.000001", 1), ("12.5", 12_500_000), ("9223372036854.775807", (1 << 63) - 1)];
    for (text, micro) in cases {
        assert_eq!(text.parse::<Amount>().unwrap().micro(), micro);
    }
    assert_eq!(Amount::new(12_500_000).unwrap().to_string(), "12.500000");
    for wrong in ["", ".", "1.", ".5", "-1", "+1", "1e3", "1.0000001", "9223372036854.775808", "1,5", "0x1", " 1"] {
        assert!(wrong.parse::<Amount>().is_err(), "{wrong}");
    }
}

#[test]
fn hashes_and_digests_are_sixty_four_digits() {
    let hash = samples::header().hash();
    assert_eq!(hash.to_string().parse::<Hash>().unwrap(), hash);
    assert!("12".parse::<Hash>().is_err());
    let digest = samples::header().ledger_root;
    assert_eq!(digest.to_string().parse::<LedgerDigest>().unwrap(), digest);
    assert!("ff".repeat(32).parse::<LedgerDigest>().is_err(), "not a field element");
}
