//! What is kept of bodies that were given again, what an archive may not give, and which peer is asked next.

use std::sync::Arc;

use node::reconstruction::{ASKED_MAX, BLAMED_MAX, KEPT_BYTES_MAX, KEPT_MAX, Rebuilt, Reconstruction, Turns, Wanted};
use p2p::PeerKey;
use primitives::{Block, BoundedBytes, BoundedVec, ClosingEvents, Hash, Header, Height};
use storage::{Body, Store, StoreConfig};

use crate::elections::header;

const GENESIS: Hash = Hash([7; 32]);

/// A body of so many bytes that nobody judged.
fn rebuilt(height: u64, bytes: usize) -> Arc<Rebuilt> {
    let header = Header { height: Height(height), ..header() };
    let hash = header.hash();
    let block = Block { header, transactions: BoundedVec::default(), last_commit: None };
    let body = Body {
        block: BoundedBytes::new(vec![1; bytes]).unwrap(),
        certificate: None,
        receipts: BoundedVec::default(),
        operations: BoundedVec::default(),
        closing: ClosingEvents::default(),
    };
    Arc::new(Rebuilt { hash, block, body })
}

fn reconstruction(is_on: bool) -> Reconstruction {
    Reconstruction::new(is_on, None, &GENESIS)
}

#[test]
fn what_is_kept_is_bounded_in_number_and_bytes() {
    let kept = reconstruction(true);
    for height in 1..=40 {
        kept.keep(rebuilt(height, 100));
        kept.keep(rebuilt(height, 100));
    }
    assert_eq!(kept.kept_len(), KEPT_MAX, "twice the same counts once");
    assert!(kept.kept(Height(24)).is_none() && kept.kept(Height(25)).is_some() && kept.kept(Height(40)).is_some());
    let large = 7 * 1024 * 1024;
    for height in 50..60 {
        kept.keep(rebuilt(height, large));
        assert!(kept.kept_len() <= KEPT_MAX && kept.kept(Height(height)).is_some());
    }
    assert_eq!(kept.kept_len(), KEPT_BYTES_MAX / large);
}

#[test]
fn few_heights_are_looked_for_at_a_time() {
    let looking = reconstruction(true);
    let places: Vec<_> = std::iter::from_fn(|| looking.place()).take(ASKED_MAX + 1).collect();
    assert_eq!(places.len(), ASKED_MAX);
    drop(places);
    assert!(looking.place().is_some());
    assert!(!reconstruction(false).is_on());
}

#[test]
fn nothing_is_wanted_of_a_store_that_keeps_no_header() {
    let store = Store::open(&StoreConfig::Memory, &GENESIS).unwrap();
    let looking = reconstruction(true);
    for height in [0, 1, 2, u64::MAX] {
        assert!(Wanted::of(&store, Height(height), looking.digest()).unwrap().is_none(), "height {height}");
    }
}

/// So many peers in the order of their keys.
fn peers(count: usize) -> Vec<PeerKey> {
    let secret = |number: usize| {
        let mut secret = [0; 32];
        secret[..8].copy_from_slice(&number.to_le_bytes());
        PeerKey::of_secret(&secret).unwrap()
    };
    let mut peers: Vec<PeerKey> = (0..count).map(secret).collect();
    peers.sort_unstable();
    peers
}

#[test]
fn liars_without_number_keep_no_honest_peer_from_being_asked() {
    let everybody = peers(BLAMED_MAX * 2 + 1);
    let (liars, honest) = everybody.split_at(BLAMED_MAX * 2);
    let mut turns = Turns::default();
    for liar in liars {
        assert!(turns.order([*liar, honest[0]]).contains(liar), "it has not lied yet");
        turns.asks(*liar);
        turns.blame(*liar);
        assert_eq!(turns.order([*liar, honest[0]]), honest, "it is asked no more, the other one is");
    }
    // Memory is bounded, and what is forgotten is the oldest.
    let (old, new) = liars.split_at(BLAMED_MAX);
    let mut left = turns.order(everybody.iter().copied());
    left.sort_unstable();
    assert_eq!(left, [old, honest].concat());
    assert!(turns.order(new.iter().copied()).is_empty());
}

#[test]
fn a_search_that_is_given_up_at_a_silent_peer_goes_on_after_it_and_begins_with_one_that_gave() {
    let known = peers(7);
    let mut turns = Turns::default();
    // Each search has time for one silent peer.
    let mut asked = Vec::new();
    for _ in 0..known.len() {
        let next = turns.order(known.iter().copied())[0];
        turns.asks(next);
        asked.push(next);
    }
    assert_eq!(asked, known, "everybody has had a turn");
    assert_eq!(turns.order(known.iter().copied()), known, "and it begins again");
    turns.asks(known[4]);
    let order = |from: usize| [&known[from..], &known[..from]].concat();
    assert_eq!(turns.order(known.iter().copied()), order(5));
    turns.gave(known[4]);
    assert_eq!(turns.order(known.iter().copied()), order(4));
    // The peer at which the next search begins has left.
    let others = known.iter().copied().filter(|peer| *peer != known[4]);
    assert_eq!(turns.order(others), [&known[5..], &known[..4]].concat());
}
