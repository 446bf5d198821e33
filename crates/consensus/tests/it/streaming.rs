//! Proposal parts: assembly in any order, future heights, and every bound.

use arc_malachitebft_app_channel::app::streaming::{StreamContent, StreamId, StreamMessage};
use arc_malachitebft_app_channel::app::types::PeerId;
use bytes::Bytes;
use consensus::codec::Blob;
use consensus::streaming::{
    EARLY_PARTS_MAX, HEIGHTS_AHEAD_MAX, HELD_MAX, PUBLISHER_STREAMS_MAX, PartRefused, STREAMS_MAX, StreamKey, Streams,
    parts_of,
};
use consensus::types::{PART_BYTES_MAX, ProposalInit, ProposalPart};
use primitives::block::BLOCK_BYTES_MAX;
use primitives::{Address, Hash, Height, Proposal, Round, Signature};
use testkit::Seed;

const FINALIZED: Height = Height(10);

fn peer(index: u16) -> PeerId {
    let mut bytes = vec![0x00, 0x24, 0x08, 0x01, 0x12, 0x20];
    bytes.extend([7; 30]);
    bytes.extend(index.to_le_bytes());
    PeerId::from_bytes(&bytes).expect("a peer id")
}

fn init(height: u64, length: usize) -> ProposalInit {
    let proposal = Proposal {
        height: Height(height),
        round: Round(0),
        value: Hash([3; 32]),
        pol_round: None,
        proposer: Address([4; 30]),
    };
    ProposalInit { proposal, signature: Signature([5; 64]), bytes: u32::try_from(length).expect("small") }
}

fn id(number: u64) -> StreamId {
    StreamId::new(Bytes::copy_from_slice(&number.to_le_bytes()))
}

fn key(publisher: u16, number: u64) -> StreamKey {
    (peer(publisher), id(number))
}

fn messages(height: u64, block: &Bytes) -> Vec<StreamMessage<ProposalPart>> {
    parts_of(&id(1), init(height, block.len()), block)
}

fn data(sequence: u64, length: usize, last: bool) -> StreamMessage<ProposalPart> {
    let bytes = Blob::new(vec![1; length].into()).expect("within a part");
    StreamMessage::new(id(1), sequence, StreamContent::Data(ProposalPart::Data { last, bytes }))
}

#[test]
fn parts_in_any_order_make_the_block() {
    let mut seed = Seed::new();
    for length in [1, 100, PART_BYTES_MAX - 1, PART_BYTES_MAX, PART_BYTES_MAX + 1, 5 * PART_BYTES_MAX + 17] {
        let block = Bytes::from(seed.bytes(length));
        let mut parts = messages(11, &block);
        seed.shuffle(&mut parts);
        let mut streams = Streams::default();
        let count = parts.len();
        for (index, part) in parts.into_iter().enumerate() {
            let whole = streams.insert(key(1, 1), part, FINALIZED, |_| true).expect("a good part");
            assert_eq!(whole.is_some(), index + 1 == count, "whole at the last part, not before");
            if let Some(whole) = whole {
                assert_eq!((whole.bytes, whole.init), (block.clone(), init(11, length)));
            }
        }
        assert!(streams.is_empty(), "a whole stream leaves nothing behind");
    }
}

#[test]
fn repeated_parts_change_nothing() {
    let block = Bytes::from(vec![9; 3 * PART_BYTES_MAX]);
    let mut streams = Streams::default();
    let mut whole = None;
    for part in messages(11, &block) {
        let last = part.sequence == 3;
        whole = streams.insert(key(1, 1), part.clone(), FINALIZED, |_| true).expect("a good part");
        if !last {
            assert_eq!(streams.insert(key(1, 1), part, FINALIZED, |_| true), Ok(None));
        }
    }
    assert_eq!(whole.map(|whole| whole.bytes), Some(block));
}

#[test]
fn publishers_do_not_disturb_each_other() {
    let block = Bytes::from(vec![9; 2 * PART_BYTES_MAX]);
    let mut streams = Streams::default();
    let parts = messages(11, &block);
    streams.insert(key(1, 1), parts[0].clone(), FINALIZED, |_| true).expect("a first part");
    streams.insert(key(1, 1), parts[1].clone(), FINALIZED, |_| true).expect("a good part");
    // Another publisher uses the same stream id for junk.
    streams.insert(key(2, 1), data(2, PART_BYTES_MAX, true), FINALIZED, |_| true).expect("an early part");
    let whole = streams.insert(key(1, 1), parts[2].clone(), FINALIZED, |_| true).expect("a good part");
    assert_eq!(whole.map(|whole| whole.bytes), Some(block));
}

#[test]
fn first_part_without_the_right_proposer_ends_the_stream() {
    let mut streams = Streams::default();
    let parts = messages(11, &Bytes::from(vec![9; 10]));
    streams.insert(key(1, 1), parts[1].clone(), FINALIZED, |_| true).expect("an early part");
    assert_eq!(streams.insert(key(1, 1), parts[0].clone(), FINALIZED, |_| false), Err(PartRefused::Proposer));
    assert!(streams.is_empty());
}

#[test]
fn misshapen_parts_end_their_stream() {
    let first = || {
        let part = ProposalPart::Init(init(11, 2 * PART_BYTES_MAX + 5));
        StreamMessage::new(id(1), 0, StreamContent::Data(part))
    };
    let bad = [
        data(0, PART_BYTES_MAX, false),
        data(4, PART_BYTES_MAX, false),
        data(1, PART_BYTES_MAX - 1, false),
        data(1, PART_BYTES_MAX, true),
        data(3, 6, true),
        data(3, 5, false),
    ];
    for part in bad {
        let mut streams = Streams::default();
        streams.insert(key(1, 1), first(), FINALIZED, |_| true).expect("a first part");
        let shown = format!("{} bytes at {}", part.sequence, part.sequence);
        assert_eq!(streams.insert(key(1, 1), part, FINALIZED, |_| true), Err(PartRefused::Shape), "{shown}");
        assert!(streams.is_empty());
    }
    for length in [0, BLOCK_BYTES_MAX + 1] {
        let part = ProposalPart::Init(init(11, length));
        let part = StreamMessage::new(id(1), 0, StreamContent::Data(part));
        assert_eq!(Streams::default().insert(key(1, 1), part, FINALIZED, |_| true), Err(PartRefused::Shape));
    }
}

#[test]
fn past_and_far_heights_are_refused() {
    let block = Bytes::from(vec![9; 10]);
    let cases = [(10, false), (3, false), (11, true), (10 + HEIGHTS_AHEAD_MAX, true), (11 + HEIGHTS_AHEAD_MAX, false)];
    for (height, kept) in cases {
        let first = messages(height, &block).remove(0);
        let outcome = Streams::default().insert(key(1, 1), first, FINALIZED, |_| true);
        assert_eq!(outcome.is_ok(), kept, "height {height}");
    }
}

#[test]
fn future_heights_survive_finalizing() {
    let block = Bytes::from(vec![9; PART_BYTES_MAX + 1]);
    let mut streams = Streams::default();
    let (now, later) = (messages(11, &block), messages(13, &block));
    streams.insert(key(1, 1), now[0].clone(), FINALIZED, |_| true).expect("a first part");
    streams.insert(key(1, 2), later[0].clone(), FINALIZED, |_| true).expect("a first part");
    streams.insert(key(1, 2), later[1].clone(), FINALIZED, |_| true).expect("a good part");
    streams.prune(Height(11));
    assert_eq!(streams.len(), 1, "the finalized height left, the later one stayed");
    let whole = streams.insert(key(1, 2), later[2].clone(), Height(11), |_| true).expect("a good part");
    assert!(streams.hold(whole.expect("whole")));
    streams.prune(Height(12));
    assert_eq!(streams.take(Height(13)).len(), 1);
    assert!(streams.take(Height(13)).is_empty());
}

#[test]
fn streams_and_early_parts_are_bounded() {
    let mut streams = Streams::default();
    for sequence in 1..=u64::try_from(EARLY_PARTS_MAX).expect("small") {
        streams.insert(key(1, 1), data(sequence, PART_BYTES_MAX, false), FINALIZED, |_| true).expect("an early part");
    }
    let over = data(100, PART_BYTES_MAX, false);
    assert_eq!(streams.insert(key(1, 1), over, FINALIZED, |_| true), Err(PartRefused::Shape));
    let beyond = data(u64::MAX, 1, false);
    assert_eq!(streams.insert(key(1, 1), beyond, FINALIZED, |_| true), Err(PartRefused::Shape));

    // One publisher replaces only its own streams; others fill the rest; then newcomers are refused.
    let mut streams = Streams::default();
    for number in 0..100 {
        streams.insert(key(0, number), data(1, 1, false), FINALIZED, |_| true).expect("its own oldest leaves");
        assert!(streams.len() <= PUBLISHER_STREAMS_MAX);
    }
    let mut refused = 0;
    for publisher in 1..200 {
        let outcome = streams.insert(key(publisher, 1), data(1, 1, false), FINALIZED, |_| true);
        refused += u32::from(outcome == Err(PartRefused::Full));
    }
    assert_eq!(streams.len(), STREAMS_MAX);
    assert!(refused > 0);
    // Streams that never open are forgotten after a few heights.
    for height in 11..20 {
        streams.prune(Height(height));
    }
    assert!(streams.is_empty());
}

#[test]
fn bytes_of_all_streams_are_bounded() {
    let mut streams = Streams::default();
    let mut refused = false;
    'publishers: for publisher in 0..20 {
        let first = ProposalPart::Init(init(11, BLOCK_BYTES_MAX));
        let first = StreamMessage::new(id(1), 0, StreamContent::Data(first));
        streams.insert(key(publisher, 1), first, FINALIZED, |_| true).expect("a first part");
        let parts = u64::try_from(BLOCK_BYTES_MAX / PART_BYTES_MAX).expect("small");
        for sequence in 1..parts {
            let part = data(sequence, PART_BYTES_MAX, false);
            if streams.insert(key(publisher, 1), part, FINALIZED, |_| true) == Err(PartRefused::Full) {
                refused = true;
                break 'publishers;
            }
        }
    }
    assert!(refused, "twenty blocks of 8 MiB were taken");
    let mut streams = Streams::default();
    let mut held = 0;
    for number in 0..100 {
        let mut whole = None;
        for part in messages(12, &Bytes::from(vec![9; 10])) {
            whole = streams.insert(key(1, number), part, FINALIZED, |_| true).expect("a good part");
        }
        held += usize::from(streams.hold(whole.expect("whole")));
    }
    assert_eq!(held, HELD_MAX);
}
