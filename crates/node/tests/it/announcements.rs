//! Announcements of snapshots: signed, read exactly, of heights that can be, few of one key, few keys, peers first, and repeated in time.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use node::announcements::{
    ANNOUNCEMENT_VERSION, ANNOUNCERS_MAX, Announced, HEARD_PAUSE, Heard, KEPT, MetaSnapshot, PAUSE, REPEAT,
    SnapshotKind,
};
use node::meta::{MetaMessage, MetaRefused, open, seal};
use primitives::{Hash, Height, PublicKey, SecretKey, Timestamp};
use testkit::Seed;

fn announcement(height: u64, at: u64) -> MetaSnapshot {
    MetaSnapshot {
        kind: SnapshotKind::MetaSnapshot,
        version: ANNOUNCEMENT_VERSION,
        height: Height(height),
        manifest: Hash([9; 32]),
        chunks: 26,
        announced_at_ms: Timestamp(at),
    }
}

#[test]
fn an_announcement_is_read_exactly_and_from_its_signer_only() {
    let (key, genesis) = (SecretKey::from_seed([1; 32]), Hash([2; 32]));
    let bytes = seal(&announcement(50, 7), &key, &genesis).expect("within the bound");
    assert_eq!(open(&bytes, &genesis), Ok((key.public_key(), MetaMessage::Snapshot(announcement(50, 7)))));
    assert_eq!(open(&bytes, &Hash([3; 32])), Err(MetaRefused::BadSignature));
    assert!(String::from_utf8_lossy(&bytes).contains("\"kind\":\"meta_snapshot\""));
    let mut random = Seed::new();
    for _ in 0..300 {
        let mut damaged = bytes.clone();
        let at = random.index(damaged.len());
        damaged[at] ^= 1 << random.below(8);
        assert!(open(&damaged, &genesis).is_err(), "one bit at {at}");
    }
    for cut in 0..bytes.len() {
        assert_eq!(open(&bytes[..cut], &genesis), Err(MetaRefused::Malformed), "cut at {cut}");
    }
    // Signed well, and no message that is known.
    let other = MetaSnapshot { version: ANNOUNCEMENT_VERSION + 1, ..announcement(50, 7) };
    let other = seal(&other, &key, &genesis).expect("within the bound");
    assert_eq!(open(&other, &genesis), Err(MetaRefused::Malformed));
    let more = serde_json::json!({ "kind": "meta_snapshot", "version": 1, "height": 5, "more": true });
    let more = seal(&more, &key, &genesis).expect("within the bound");
    assert_eq!(open(&more, &genesis), Err(MetaRefused::Malformed));
}

fn key(seed: usize) -> PublicKey {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    SecretKey::from_seed(bytes).public_key()
}

/// What this node knows, and who its peers are.
struct Hearer {
    announced: Announced,
    known: Height,
    peers: BTreeSet<[u8; 32]>,
}

impl Hearer {
    fn new(known: u64) -> Self {
        Self { announced: Announced::default(), known: Height(known), peers: BTreeSet::new() }
    }

    fn hear(&mut self, seed: usize, meta: MetaSnapshot, now: Instant) -> Heard {
        self.announced.hear(&key(seed), meta, self.known, &self.peers, now)
    }

    fn highest(&self) -> Option<Height> {
        self.announced.highest(self.known)
    }
}

#[test]
fn few_of_one_key_and_few_keys_are_remembered_for_a_while() {
    let start = Instant::now();
    let mut hearer = Hearer::new(100);
    assert_eq!(hearer.highest(), None);
    assert_eq!(hearer.hear(0, announcement(50, 100), start), Heard::Taken);
    assert_eq!(hearer.hear(0, announcement(90, 100), start + PAUSE), Heard::Older, "the same moment again");
    assert_eq!(hearer.hear(0, announcement(90, 101), start + HEARD_PAUSE / 2), Heard::TooSoon);
    assert_eq!(hearer.highest(), Some(Height(50)));
    assert_eq!(hearer.hear(0, announcement(90, 101), start + PAUSE), Heard::Taken);
    assert_eq!(hearer.highest(), Some(Height(90)));
    for other in 1..ANNOUNCERS_MAX {
        assert_eq!(hearer.hear(other, announcement(10, 1), start + PAUSE), Heard::Taken);
    }
    assert_eq!(hearer.hear(ANNOUNCERS_MAX, announcement(99, 1), start + PAUSE), Heard::Full);
    let later = start + PAUSE + KEPT;
    assert_eq!(hearer.hear(ANNOUNCERS_MAX, announcement(20, 1), later), Heard::Taken, "the others are forgotten");
    assert_eq!(hearer.highest(), Some(Height(20)));
}

#[test]
fn a_height_that_cannot_be_is_not_taken_and_does_not_count_later() {
    let (start, mut hearer) = (Instant::now(), Hearer::new(100));
    for height in [101, u64::MAX] {
        assert_eq!(hearer.hear(0, announcement(height, 1), start), Heard::TooHigh);
    }
    assert_eq!(hearer.highest(), None);
    assert_eq!(hearer.hear(0, announcement(100, 1), start), Heard::Taken, "the highest that can be, and no pause");
    assert_eq!(hearer.hear(1, announcement(70, 1), start), Heard::Taken);
    // A peer that made this node believe in more has left.
    hearer.known = Height(80);
    assert_eq!(hearer.highest(), Some(Height(70)));
}

#[test]
fn strangers_without_number_keep_no_peer_from_being_heard() {
    let (start, mut hearer) = (Instant::now(), Hearer::new(100));
    for stranger in 0..ANNOUNCERS_MAX {
        let at = start + Duration::from_millis(u64::try_from(stranger).unwrap());
        assert_eq!(hearer.hear(stranger, announcement(10, 1), at), Heard::Taken);
    }
    let now = start + PAUSE;
    assert_eq!(hearer.hear(ANNOUNCERS_MAX, announcement(60, 1), now), Heard::Full, "one more stranger");
    hearer.peers.insert(*key(ANNOUNCERS_MAX).as_bytes());
    assert_eq!(hearer.hear(ANNOUNCERS_MAX, announcement(60, 1), now), Heard::Taken, "the same key as that of a peer");
    assert_eq!(hearer.highest(), Some(Height(60)));
    assert_eq!(hearer.hear(0, announcement(10, 2), now), Heard::Full, "the oldest stranger had to go");
    assert_eq!(hearer.hear(1, announcement(10, 2), now), Heard::Taken, "the others are remembered");
    // As many peers as there is room: none of them has to go.
    hearer.peers = (0..=ANNOUNCERS_MAX + 1).map(|seed| *key(seed).as_bytes()).collect();
    assert_eq!(hearer.hear(ANNOUNCERS_MAX + 1, announcement(70, 1), now), Heard::Full);
}

#[test]
fn a_node_announces_what_is_new_soon_and_the_same_again_later() {
    let start = Instant::now();
    let mut announced = Announced::default();
    let (first, second) = (Hash([1; 32]), Hash([2; 32]));
    assert!(announced.due(first, start));
    assert!(!announced.due(first, start + REPEAT - Duration::from_millis(1)));
    assert!(!announced.due(second, start + PAUSE - Duration::from_millis(1)), "others would ignore it");
    assert!(announced.due(second, start + PAUSE));
    assert!(!announced.due(second, start + PAUSE));
    assert!(announced.due(second, start + PAUSE + REPEAT));
}
