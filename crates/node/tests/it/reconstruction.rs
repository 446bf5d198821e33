//! What is kept of bodies that were given again, and what an archive may not give.

use std::sync::Arc;

use node::reconstruction::{ASKED_MAX, KEPT_BYTES_MAX, KEPT_MAX, Rebuilt, Reconstruction, Wanted};
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
