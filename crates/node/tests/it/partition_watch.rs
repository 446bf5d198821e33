//! The watch over missing peers, on a clock of its own.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use node::partition_watch::{Change, FORGET, GRACE, SEEN_MAX, Watch};
use p2p::PeerKey;
use testkit::Seed;

fn peer(number: u16) -> PeerKey {
    let mut seed = [7; 32];
    seed[..2].copy_from_slice(&number.to_le_bytes());
    PeerKey::of_secret(&seed).unwrap()
}

fn peers(numbers: impl IntoIterator<Item = u16>) -> BTreeSet<PeerKey> {
    numbers.into_iter().map(peer).collect()
}

#[test]
fn a_partition_is_suspected_after_the_grace_and_over_when_peers_are_back() {
    let start = Instant::now();
    let at = |seconds: u64| start + Duration::from_secs(seconds);
    let mut watch = Watch::new(3, start);
    // Nobody is here yet, and that is no partition at first.
    assert_eq!(watch.look(&peers([]), at(1)).affected, 0);
    assert_eq!(watch.look(&peers([1, 2, 3]), at(2)).suspected_for, None);
    let cut = watch.look(&peers([1]), at(10));
    assert_eq!((cut.affected, cut.expected, cut.change), (0, 3, None));
    let cut = watch.look(&peers([1]), at(10) + GRACE);
    assert_eq!((cut.affected, cut.change), (2, Some(Change::Suspected)));
    let cut = watch.look(&peers([1]), at(17));
    assert_eq!((cut.suspected_for, cut.change), (Some(Duration::from_secs(5)), None));
    let healed = watch.look(&peers([1, 2, 3]), at(20));
    assert_eq!((healed.affected, healed.suspected_for), (0, None));
    assert_eq!(healed.change, Some(Change::Recovered { after: Duration::from_secs(8) }));
}

#[test]
fn a_reconnect_within_the_grace_is_none() {
    let start = Instant::now();
    let mut watch = Watch::new(2, start);
    for step in 0..40 {
        let here = if step % 2 == 0 { peers([1, 2]) } else { peers([]) };
        let seen = watch.look(&here, start + Duration::from_secs(step));
        assert_eq!((seen.affected, seen.suspected_for, seen.change), (0, None, None), "at {step} s");
    }
}

#[test]
fn one_peer_of_any_number_and_a_third_of_many_are_no_partition_and_more_are() {
    let start = Instant::now();
    // What a validator of so many sees when some of the others are away.
    for validators in 2..=31 {
        let others = validators - 1;
        for away in 1..=others {
            let mut watch = Watch::new(0, start);
            watch.look(&peers(0..others), start);
            watch.look(&peers(away..others), start);
            let seen = watch.look(&peers(away..others), start + GRACE);
            assert_eq!(seen.affected, usize::from(away));
            let is_suspected = seen.suspected_for.is_some();
            assert!(away > 1 || !is_suspected, "one of {validators} is down");
            // A chain of equal validators goes on while fewer than a third are away.
            let goes_on = 3 * away < validators;
            assert!(!(goes_on && is_suspected), "{away} of {validators} are away and the chain goes on");
            assert!(goes_on || is_suspected || away == 1, "{away} of {validators} are away and it stands still");
        }
    }
}

#[test]
fn configured_peers_that_never_came_are_missing_and_a_few_of_many_are_no_partition() {
    let start = Instant::now();
    let mut watch = Watch::new(3, start);
    assert_eq!(watch.look(&peers([]), start + GRACE).affected, 3);
    let mut watch = Watch::new(0, start);
    watch.look(&peers(0..10), start);
    watch.look(&peers(3..10), start);
    let seen = watch.look(&peers(3..10), start + GRACE);
    assert_eq!((seen.affected, seen.expected, seen.suspected_for), (3, 10, None));
}

#[test]
fn a_guest_that_left_is_forgotten_and_the_memory_is_bounded() {
    let start = Instant::now();
    let mut watch = Watch::new(0, start);
    watch.look(&peers([1, 2]), start);
    watch.look(&peers([]), start);
    assert_eq!(watch.look(&peers([]), start + GRACE).affected, 2);
    let gone = watch.look(&peers([]), start + FORGET);
    assert_eq!((gone.affected, gone.expected), (0, 0));
    assert!(matches!(gone.change, Some(Change::Recovered { .. })));
    let many = u16::try_from(SEEN_MAX).unwrap() * 2;
    assert_eq!(watch.look(&peers(0..many), start + FORGET).expected, SEEN_MAX);
}

#[test]
fn whatever_comes_and_goes_the_figures_agree_with_each_other() {
    let mut random = Seed::new();
    let start = Instant::now();
    let mut now = start;
    let mut watch = Watch::new(4, start);
    let mut is_suspected = false;
    for _ in 0..2_000 {
        now += Duration::from_millis(random.below(3_000));
        let here = peers((0..8).filter(|_| random.below(3) > 0).collect::<Vec<_>>());
        let seen = watch.look(&here, now);
        assert!(seen.affected <= seen.expected, "{seen:?}");
        let expected = match seen.change {
            Some(Change::Suspected) => !is_suspected && seen.suspected_for == Some(Duration::ZERO),
            Some(Change::Recovered { .. }) => is_suspected && seen.suspected_for.is_none(),
            None => is_suspected == seen.suspected_for.is_some(),
        };
        assert!(expected, "{seen:?}");
        is_suspected = seen.suspected_for.is_some();
    }
}
