//! Claims of provers, the health that they report, and when keys changed.

use node::proofs::{
    CHAIN_PATIENCE_MS, CLAIM_TIME_MS, CLAIMS_MAX, ChainClaim, Claims, Health, WINDOW_PATIENCE_MS, note_keys,
};
use primitives::Timestamp;

const fn at(milliseconds: u64) -> Timestamp {
    Timestamp(1_000_000 + milliseconds)
}

fn window(given: Option<(u64, Timestamp)>) -> Option<u64> {
    given.map(|given| given.0)
}

#[test]
fn provers_share_the_windows_and_a_dead_one_loses_its_claim() {
    let mut claims = Claims::default();
    assert_eq!(claims.claim("a", None, &[], (0, 3), at(0)), Some((0, at(CLAIM_TIME_MS))));
    assert_eq!(window(claims.claim("b", None, &[], (0, 3), at(1))), Some(1), "the next one that nobody works on");
    assert_eq!(window(claims.claim("c", None, &[], (0, 3), at(2))), Some(2));
    assert_eq!(claims.claim("d", None, &[], (0, 3), at(3)), None, "nothing is left");
    assert_eq!(window(claims.claim("d", Some(1), &[], (0, 3), at(4))), None, "what others have is not given");
    assert_eq!(window(claims.claim("a", Some(0), &[], (0, 3), at(CLAIM_TIME_MS - 1))), Some(0), "renewed");
    assert_eq!(window(claims.claim("d", None, &[], (0, 3), at(CLAIM_TIME_MS + 1))), Some(1), "b did not renew");
    assert_eq!(
        window(claims.claim("a", None, &[], (0, 3), at(CLAIM_TIME_MS + 2))),
        Some(0),
        "a restart gets its own back"
    );
    assert_eq!(window(claims.claim("a", None, &[], (2, 3), at(CLAIM_TIME_MS + 3))), Some(2), "proven windows are gone");
    assert_eq!(claims.list().count(), 1);
}

#[test]
fn a_window_that_waits_for_an_earlier_one_is_proven_once() {
    let mut claims = Claims::default();
    assert_eq!(window(claims.claim("slow", None, &[], (0, 9), at(0))), Some(0));
    assert_eq!(window(claims.claim("quick", None, &[], (0, 9), at(1))), Some(1));
    assert_eq!(window(claims.claim("quick", None, &[1], (0, 9), at(2))), Some(2), "not what it has proven");
    assert_eq!(window(claims.claim("quick", None, &[1, 2], (0, 9), at(3))), Some(3));
    // The first is handed in, and what waits for it is not given out again.
    assert_eq!(window(claims.claim("slow", None, &[], (1, 9), at(4))), Some(4));
    assert_eq!(window(claims.claim("other", Some(2), &[], (1, 9), at(5))), Some(5), "nor to who asks for it");
    // Nobody gets what others work on by saying that it waits, and what is far away counts for nothing.
    assert_eq!(window(claims.claim("liar", None, &[3, 4, 1_000_000], (1, 9), at(6))), Some(6));
    assert_eq!(claims.list().filter(|(_, owner, _)| *owner == "liar").count(), 1);
    // A prover that stops in order gives all back at once; one that dies, after its time.
    claims.leave("other");
    assert_eq!(window(claims.claim("next", None, &[], (1, 9), at(7))), Some(5));
    let mut chain = ChainClaim::default();
    assert!(chain.claim("a", at(0)).is_some() && chain.claim("b", at(1)).is_none());
    chain.leave("b");
    assert_eq!(chain.claim("b", at(2)), None, "it was not b's");
    chain.leave("a");
    assert!(chain.claim("b", at(3)).is_some());
    assert_eq!(window(claims.claim("slow", Some(4), &[], (1, 9), at(CLAIM_TIME_MS))), Some(4));
    assert_eq!(window(claims.claim("heir", None, &[], (1, 9), at(CLAIM_TIME_MS + 4))), Some(1));
}

#[test]
fn who_claims_everything_and_proves_nothing_stops_nobody() {
    let (mut claims, mut chain) = (Claims::default(), ChainClaim::default());
    let all: Vec<u64> = (0..CLAIMS_MAX).collect();
    let (mut now, mut next) = (0, 0);
    let mut proven = Vec::new();
    // Two names list all windows and ask for the chain proof twice a claim time, without ever letting go; an honest prover asks in between.
    while now < 4 * WINDOW_PATIENCE_MS {
        for name in ["hog", "hog-2"] {
            claims.claim(name, Some(next), &all, (next, CLAIMS_MAX), at(now));
        }
        if let Some(given) = window(claims.claim("honest", None, &[], (next, CLAIMS_MAX), at(now + 1))) {
            proven.push((given, now));
            next = given + 1;
        }
        now += CLAIM_TIME_MS / 2;
    }
    let expected: Vec<u64> = (0..u64::try_from(proven.len()).expect("few")).collect();
    assert_eq!(proven.iter().map(|(window, _)| *window).collect::<Vec<_>>(), expected, "the oldest each time");
    assert_eq!(proven[0].1, WINDOW_PATIENCE_MS, "after two claim times");
    assert!(proven.len() >= 10, "and no window after it is held up again: {proven:?}");
    assert!(claims.list().count() <= usize::try_from(CLAIMS_MAX).expect("small"), "names are bounded by the windows");

    let mut taken = Vec::new();
    for now in (0..=CHAIN_PATIENCE_MS).step_by(usize::try_from(CLAIM_TIME_MS / 2).expect("small")) {
        chain.claim("hog", at(now));
        taken.extend(chain.claim("honest", at(now + 1)).map(|_| now));
    }
    assert_eq!(taken, [CHAIN_PATIENCE_MS]);
    chain.end();
    assert!(chain.claim("hog", at(now)).is_some() && chain.claim("honest", at(now)).is_none(), "it starts anew");
}

#[test]
fn only_who_has_something_in_hand_can_fail() {
    let (mut claims, mut chain) = (Claims::default(), ChainClaim::default());
    assert!(!claims.has("a", at(0)) && !chain.has("a", at(0)));
    claims.claim("a", None, &[], (0, 1), at(0));
    chain.claim("b", at(0));
    assert!(claims.has("a", at(1)) && !claims.has("b", at(1)) && chain.has("b", at(1)) && !chain.has("a", at(1)));
    assert!(!claims.has("a", at(CLAIM_TIME_MS)) && !chain.has("b", at(CLAIM_TIME_MS)), "a claim that is over is none");
}

#[test]
fn what_waits_is_held_while_the_chain_proof_is_extended() {
    let mut claims = Claims::default();
    claims.wait("folder", &[0, 7, 1_000], (0, 3), at(0));
    assert_eq!(claims.list().map(|(window, ..)| window).collect::<Vec<_>>(), [0], "a closed window only");
    assert_eq!(window(claims.claim("other", None, &[], (0, 3), at(1))), Some(1));
    claims.wait("folder", &[1], (0, 3), at(2));
    assert!(claims.list().any(|(window, owner, _)| window == 1 && owner == "other"), "not what others have");
}

#[test]
fn only_so_many_windows_are_given_out() {
    let mut claims = Claims::default();
    for prover in 0..CLAIMS_MAX {
        assert_eq!(window(claims.claim(&format!("p{prover}"), None, &[], (5, u64::MAX), at(0))), Some(5 + prover));
    }
    assert_eq!(claims.claim("late", None, &[], (5, u64::MAX), at(0)), None);
    assert_eq!(claims.claim("late", Some(u64::MAX), &[], (5, u64::MAX), at(0)), None);
    assert_eq!(claims.claim("early", None, &[], (0, 0), at(0)), None, "no window is closed");
}

#[test]
fn names_are_short_and_plain() {
    for good in ["a", "prover-00ff", "host.example_1"] {
        assert!(Claims::check_name(good).is_ok());
    }
    for bad in ["", "two words", "ä", "new\nline", &"x".repeat(65)] {
        assert!(Claims::check_name(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn the_time_of_a_key_rotation_is_kept_until_the_next() {
    let folder = tempfile::tempdir().expect("a folder");
    let note = |keys: &str, ms: u64| note_keys(folder.path(), keys, at(ms));
    assert_eq!(note("first", 0), None, "nothing was there before");
    assert_eq!(note("first", 1), None);
    assert_eq!(note("second", 2), Some(at(2)));
    assert_eq!(note("second", 3), Some(at(2)), "a restart is no rotation");
    assert_eq!(note("third", 4), Some(at(4)));
    // What is damaged says nothing, and is written anew.
    for damaged in [&b"{"[..], &[0; 5_000], b"{\"keys\":7}"] {
        std::fs::write(folder.path().join("proof_keys.json"), damaged).expect("written");
        assert_eq!((note("third", 5), note("third", 6)), (None, None));
    }
    // Where nothing can be kept, nothing is claimed.
    let nowhere = folder.path().join("missing");
    assert_eq!((note_keys(&nowhere, "a", at(7)), note_keys(&nowhere, "b", at(8))), (None, None));
}

#[test]
fn a_failure_lasts_until_a_proof_is_accepted() {
    let mut health = Health::default();
    assert_eq!(health.recover(at(0)), None);
    assert_eq!((health.failure(), health.recovered()), (None, None));
    health.fail("out of\nmemory");
    assert_eq!(health.failure(), Some("out ofmemory"), "no control characters");
    assert_eq!(health.recover(at(5)), Some("out ofmemory".to_owned()));
    assert_eq!((health.failure(), health.recovered()), (None, Some(at(5))));
}
