//! When a node asks for a window that it misses, and whom.

use std::time::{Duration, Instant};

use node::proofs::missing::{ASK_AFTER, ASK_PAUSE, Missing};

/// Looks once a second, from second `from` to `to`; gives the seconds at which somebody is asked, and whom.
fn looks(
    missing: &mut Missing,
    start: Instant,
    seconds: std::ops::Range<u64>,
    at: impl Fn(u64) -> (u64, u64),
) -> Vec<(u64, usize)> {
    seconds
        .filter_map(|second| {
            let (next, closed) = at(second);
            missing.look(next, closed, 3, start + Duration::from_secs(second)).map(|peer| (second, peer))
        })
        .collect()
}

#[test]
fn one_peer_after_another_is_asked_while_a_window_is_missing() {
    let (after, pause) = (ASK_AFTER.as_secs(), ASK_PAUSE.as_secs());
    let mut missing = Missing::default();
    let asked = looks(&mut missing, Instant::now(), 0..after + 3 * pause + 1, |_| (4, 9));
    let expected = [(after, 0), (after + pause, 1), (after + 2 * pause, 2), (after + 3 * pause, 0)];
    assert_eq!(asked, expected);
}

#[test]
fn a_question_that_helped_is_followed_by_the_next_at_once_and_to_the_same_peer() {
    let after = ASK_AFTER.as_secs();
    let mut missing = Missing::default();
    // From the first question on every look finds one more window.
    let asked = looks(&mut missing, Instant::now(), 0..after + 20, |second| (second.saturating_sub(after).min(6), 6));
    let expected: Vec<(u64, usize)> = (0..6).map(|window| (after + window, 0)).collect();
    assert_eq!(asked, expected, "and nothing once nothing is missing");
    let later = looks(&mut missing, Instant::now(), 0..after, |_| (6, 7));
    assert!(later.is_empty(), "a window that has just been closed is given time");
}

#[test]
fn nobody_is_asked_for_what_is_not_closed_or_comes_by_itself() {
    let mut missing = Missing::default();
    assert!(looks(&mut missing, Instant::now(), 0..100, |_| (3, 3)).is_empty());
    // A window every three seconds, each here before the next is closed.
    let by_itself = |second: u64| (second / 3, second.div_ceil(3));
    assert!(looks(&mut Missing::default(), Instant::now(), 0..100, by_itself).is_empty());
    let (mut alone, start) = (Missing::default(), Instant::now());
    assert!((0..100).all(|second| alone.look(0, 5, 0, start + Duration::from_secs(second)).is_none()), "no peers");
}
