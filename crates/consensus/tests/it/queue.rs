//! The vote queue and the pacing of heights.

use std::time::Duration;

use consensus::blocks::{PROPOSED_BLOCKS_MAX, ProposedBlocks};
use consensus::pacing;
use consensus::vote_queue::{Capacity, VoteQueue};
use primitives::{Hash, Height, Timestamp};

#[test]
fn votes_of_later_heights_are_bounded_and_refusals_counted() {
    let _shown = testkit::contract!("S000-039");
    let _limit = testkit::contract!("S000-030");
    let queue = VoteQueue::new(160);
    queue.started(Height(10));
    // 128 validators vote twice for the next height: its share holds and what is over is counted.
    let kept = (0..256).filter(|_| queue.arrived(Height(11))).count();
    assert_eq!(kept, 10);
    let status = queue.status();
    assert_eq!((status.waiting, status.limit, status.rejected), (10, 160, 246));
    assert!(queue.arrived(Height(10)) && queue.arrived(Height(9)), "the running height is never refused");
    // All heights full: never more than the limit waits.
    for height in 11..500 {
        for _ in 0..20 {
            queue.arrived(Height(height));
        }
    }
    assert_eq!(queue.status().waiting, 160);
    queue.started(Height(30));
    assert_eq!(queue.status().waiting, 0, "started heights have drained");
    assert!(queue.arrived(Height(31)));
}

#[test]
fn messages_for_far_heights_cannot_keep_out_the_next_one() {
    let queue = VoteQueue::new(32);
    for height in 100..116 {
        assert!(queue.arrived(Height(height)) && queue.arrived(Height(height)));
    }
    assert!(!queue.arrived(Height(116)), "a farther height found room");
    assert!(queue.arrived(Height(2)), "a nearer height found none");
    // The two messages of height 115 left for it.
    let status = queue.status();
    assert_eq!((status.waiting, status.rejected), (31, 3));
}

#[test]
fn capacities_never_exceed_the_limit() {
    for limit in [1, 2, 15, 16, 17, 100, 8_192, u64::MAX] {
        let Capacity { heights, per_height } = Capacity::of(limit);
        assert!(heights >= 1 && per_height >= 1 && heights.checked_mul(per_height).is_some_and(|all| all <= limit));
    }
}

#[test]
fn blocks_behind_proposals_are_bounded_and_leave_when_finalized() {
    let blocks = ProposedBlocks::default();
    let hash = |index: usize| Hash([u8::try_from(index).expect("small"); 32]);
    for index in 0..PROPOSED_BLOCKS_MAX + 1 {
        let height = Height(u64::try_from(index).expect("small"));
        blocks.insert(height, hash(index), vec![1].into());
    }
    assert_eq!(blocks.get(&hash(0)), None, "the lowest height left first");
    assert!(blocks.get(&hash(1)).is_some());
    blocks.prune(Height(5));
    assert_eq!(blocks.get(&hash(5)), None);
    assert!(blocks.get(&hash(6)).is_some());
}

#[test]
fn next_height_waits_for_its_time_and_never_longer_than_an_interval() {
    let (parent, interval) = (Timestamp(10_000), 1_000);
    let cases = [(10_000, 1_000), (10_400, 600), (11_000, 0), (90_000, 0), (3_000, 1_000)];
    for (now, expected) in cases {
        assert_eq!(pacing::wait(Timestamp(now), parent, interval), Duration::from_millis(expected), "at {now}");
    }
}
