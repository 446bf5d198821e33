//! Points, decay, bans.

use p2p::PeerKey;
use p2p::score::{BAN_THRESHOLD, ENTRIES_MAX, HALF_LIFE_MS, Offence, POINTS_MAX, PeerScores};

pub fn key(number: u64) -> PeerKey {
    let mut secret = [3; 32];
    secret[..8].copy_from_slice(&number.to_le_bytes());
    PeerKey::of_secret(&secret).unwrap()
}

#[test]
fn offences_lead_to_a_ban_that_ends() {
    for (offence, until_ban) in [
        (Offence::RateExceeded, 100),
        (Offence::BeforeHandshake, 20),
        (Offence::Malformed, 5),
        (Offence::InvalidBatch, 3),
        (Offence::WrongSnapshot, 2),
    ] {
        let mut scores = PeerScores::new(10_000);
        for number in 1..until_ban {
            assert!(!scores.offend(key(1), offence, 500), "{offence:?} {number}");
        }
        assert!(!scores.is_banned(&key(1), 500));
        assert!(scores.offend(key(1), offence, 500), "{offence:?} bans at {until_ban}");
        assert!(!scores.offend(key(1), offence, 501), "a ban is reported once");
        assert!(scores.is_banned(&key(1), 10_499) && !scores.is_banned(&key(1), 10_500));
        assert!(!scores.is_banned(&key(2), 500), "others are unaffected");
        assert_eq!(scores.end_bans(10_499), []);
        assert_eq!(scores.end_bans(10_500), [key(1)]);
        assert_eq!(scores.points(&key(1), 10_500), BAN_THRESHOLD / 2, "a repeat costs sooner");
    }
}

#[test]
fn points_halve_towards_zero() {
    let mut scores = PeerScores::new(1);
    scores.offend(key(1), Offence::Malformed, 0);
    for (at, points) in [(0, -20), (HALF_LIFE_MS - 1, -20), (HALF_LIFE_MS, -10), (3 * HALF_LIFE_MS, -2), (u64::MAX, 0)]
    {
        assert_eq!(scores.points(&key(1), at), points, "at {at}");
    }
}

#[test]
fn good_batches_are_worth_a_bounded_amount() {
    let mut scores = PeerScores::new(1);
    for _ in 0..1_000 {
        scores.reward(key(1), 0);
    }
    assert_eq!(scores.points(&key(1), 0), POINTS_MAX);
}

#[test]
fn the_table_is_bounded_and_keeps_the_banned() {
    let mut scores = PeerScores::new(1_000_000);
    for _ in 0..5 {
        scores.offend(key(0), Offence::Malformed, 0);
    }
    for number in 1..=u64::try_from(ENTRIES_MAX).unwrap() + 50 {
        scores.reward(key(number), 0);
    }
    assert_eq!(scores.iter().count(), ENTRIES_MAX);
    assert!(scores.is_banned(&key(0), 1));
}
