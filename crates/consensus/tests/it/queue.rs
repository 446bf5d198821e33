//! The vote queue and the pacing of heights.

use std::collections::BTreeMap;
use std::time::Duration;

use arc_malachitebft_app_channel::app::consensus::util::bounded_queue::BoundedQueue;
use arc_malachitebft_app_channel::app::consensus::{LivenessMsg, SignedConsensusMsg};
use arc_malachitebft_app_channel::app::types::codec::Codec;
use arc_malachitebft_app_channel::app::types::core::{NilOrVal, Round, SignedMessage, VoteType};
use bytes::Bytes;
use consensus::blocks::{PROPOSED_BLOCKS_MAX, ProposedBlocks};
use consensus::codec::NetworkCodec;
use consensus::context::ChainContext;
use consensus::pacing;
use consensus::types::{ChainHeight, ValidatorAddress, VoteMessage};
use consensus::vote_queue::{Arrival, Capacity, MessageId, QUEUED_HEIGHTS_MAX, VoteQueue};
use primitives::{Address, Hash, Height, Signature, Timestamp};
use testkit::Seed;

/// The id of message `number`.
fn id(number: u64) -> MessageId {
    *blake3::hash(&number.to_le_bytes()).as_bytes()
}

fn arrive(queue: &VoteQueue, height: u64, number: u64) -> Arrival {
    queue.arrived(Height(height), || id(number))
}

/// A vote of validator `voter`, signed with `mark`.
fn vote(height: u64, voter: u8, mark: u8) -> SignedMessage<ChainContext, VoteMessage> {
    let message = VoteMessage {
        kind: VoteType::Precommit,
        height: ChainHeight(Height(height)),
        round: Round::new(0),
        value: NilOrVal::Nil,
        voter: ValidatorAddress(Address::of_module(&format!("voter-{voter}"))),
    };
    SignedMessage::new(message, Signature([mark; 64]))
}

/// The height of what the engine gets when `vote` comes in on the consensus topic.
fn seen(codec: &NetworkCodec, vote: SignedMessage<ChainContext, VoteMessage>) -> Height {
    let bytes: Bytes = NetworkCodec::reader().encode(&SignedConsensusMsg::Vote(vote)).expect("it has a wire form");
    match codec.decode(bytes).expect("its own bytes") {
        SignedConsensusMsg::Vote(vote) => vote.message.height.0,
        SignedConsensusMsg::Proposal(_) => unreachable!("a vote became a proposal"),
    }
}

/// As [`seen`], on the liveness topic.
fn seen_again(codec: &NetworkCodec, vote: SignedMessage<ChainContext, VoteMessage>) -> Height {
    let bytes: Bytes = NetworkCodec::reader().encode(&LivenessMsg::Vote(vote)).expect("it has a wire form");
    match codec.decode(bytes).expect("its own bytes") {
        LivenessMsg::Vote(vote) => vote.message.height.0,
        _ => unreachable!("a vote became a certificate"),
    }
}

#[test]
fn votes_of_later_heights_are_bounded_and_refusals_counted() {
    let _shown = testkit::contract!("S000-039");
    let _limit = testkit::contract!("S000-030");
    let queue = VoteQueue::new(160, Height(10));
    // 128 validators vote twice for the next height: its share holds and what is over is counted.
    let kept = (0..256).filter(|number| arrive(&queue, 11, *number) == Arrival::Kept).count();
    assert_eq!(kept, 10);
    let status = queue.status();
    assert_eq!((status.waiting, status.limit, status.rejected, status.too_far), (10, 160, 246, 0));
    for height in [10, 9, 0] {
        assert_eq!(arrive(&queue, height, 1), Arrival::Present, "the running height is never refused");
    }
    // All heights full: never more than the limit waits.
    for height in 11..500 {
        for number in 0..20 {
            arrive(&queue, height, number);
        }
    }
    assert_eq!(queue.status().waiting, 160);
    queue.started(Height(30));
    assert_eq!(queue.status().waiting, 0, "started heights have drained");
    assert_eq!(arrive(&queue, 31, 0), Arrival::Kept);
}

/// A finalized height takes its own votes with it, whatever block they are for; those of later heights and rounds stay.
#[test]
fn a_finalized_height_drains_alone() {
    let _shown = testkit::contract!("S000-037");
    let queue = VoteQueue::new(160, Height(10));
    for height in 11..=26 {
        for number in 0..10 {
            assert_eq!(arrive(&queue, height, number), Arrival::Kept);
        }
    }
    assert_eq!(arrive(&queue, 11, 99), Arrival::Full);
    for (height, left) in [(11, 150), (12, 140), (20, 60), (26, 0)] {
        queue.started(Height(height));
        assert_eq!(queue.status().waiting, left, "only what waited for {height} or below has left");
    }
}

#[test]
fn full_shares_refuse_the_newcomer_by_name_and_nobody_leaves() {
    let queue = VoteQueue::new(32, Height(1));
    // Someone fills the farthest heights first: a nearer one keeps its own places.
    for height in (3..=17).rev() {
        assert_eq!((arrive(&queue, height, 1), arrive(&queue, height, 2)), (Arrival::Kept, Arrival::Kept));
    }
    let far = arrive(&queue, 18, 1);
    assert_eq!((far, far.refusal()), (Arrival::TooFar, Some("vote_height_too_far")));
    assert_eq!(arrive(&queue, u64::MAX, 1), Arrival::TooFar);
    assert_eq!((arrive(&queue, 2, 1), arrive(&queue, 2, 2)), (Arrival::Kept, Arrival::Kept));
    let full = arrive(&queue, 2, 3);
    assert_eq!((full, full.refusal()), (Arrival::Full, Some("vote_queue_full")));
    let status = queue.status();
    assert_eq!((status.waiting, status.rejected, status.too_far), (32, 1, 2), "everybody who was kept is still there");
    // The window slides by one height, and with it one farther height gets its places.
    queue.started(Height(2));
    assert_eq!((arrive(&queue, 18, 1), arrive(&queue, 19, 1)), (Arrival::Kept, Arrival::TooFar));
}

#[test]
fn a_vote_that_comes_twice_waits_once() {
    let _shown = testkit::contract!("S000-033");
    let queue = VoteQueue::new(32, Height(1));
    let codec = NetworkCodec::new(queue.clone());
    assert_eq!(seen(&codec, vote(2, 1, 7)), Height(2));
    // Again, on either topic: dropped, and neither counted as waiting nor as refused.
    for _ in 0..50 {
        assert_eq!(seen(&codec, vote(2, 1, 7)), Height::GENESIS);
        assert_eq!(seen_again(&codec, vote(2, 1, 7)), Height::GENESIS);
    }
    let status = queue.status();
    assert_eq!((status.waiting, status.rejected), (1, 0));
    // A forged copy is another message: it takes a place, but it does not keep the true one out.
    assert_eq!(seen_again(&codec, vote(2, 2, 66)), Height(2));
    assert_eq!(queue.status().waiting, 2);
    assert_eq!(seen(&codec, vote(2, 2, 7)), Height::GENESIS, "the share of two is full");
    assert_eq!(seen(&codec, vote(3, 2, 7)), Height(3));
    assert_eq!(seen(&codec, vote(18, 2, 7)), Height::GENESIS, "beyond the window");
    assert_eq!(queue.status().rejected + queue.status().too_far, 2);
    // What is for the present height reaches the engine as often as it comes.
    assert_eq!((seen(&codec, vote(1, 1, 7)), seen(&codec, vote(1, 1, 7))), (Height(1), Height(1)));
}

/// The engine's own queue, which would drop the farthest height to make room, behind the door: whatever arrives, it
/// never has to, and it takes everything that the door let in.
#[test]
fn the_engine_behind_the_door_never_has_to_make_room() {
    let mut seed = Seed::new();
    for _ in 0..40 {
        let limit = 1 + seed.below(200);
        let (mut engine, mut door) = (1 + seed.below(1_000), 0);
        let queue = VoteQueue::new(limit, Height(engine));
        let Capacity { heights, per_height } = Capacity::of(limit).of_engine();
        let size = |bound: u64| usize::try_from(bound).expect("small");
        let mut behind = BoundedQueue::new(size(heights), size(per_height));
        let mut kept: BTreeMap<u64, usize> = BTreeMap::new();
        for number in 0..2_000 {
            match seed.below(100) {
                // The engine starts a height, and the door hears of it a little later.
                0..2 => {
                    engine += 1 + seed.below(2);
                    let _taken = behind.shift_and_take(&engine).count();
                    kept.retain(|height, _| *height > engine);
                }
                2..6 => door = engine,
                _ => {
                    let height = (engine + seed.below(2 * QUEUED_HEIGHTS_MAX)).saturating_sub(3);
                    if door > 0 {
                        queue.started(Height(door));
                    }
                    if arrive(&queue, height, number).is_admitted() && height > engine {
                        assert!(behind.push(height, number), "the engine refused what the door let in");
                        *kept.entry(height).or_default() += 1;
                    }
                }
            }
            assert_eq!(behind.size(), kept.values().sum::<usize>(), "the engine made room");
            assert!(behind.size() <= size(limit), "more than the limit waits");
        }
    }
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
