//! Messages about timetoke: signed, bounded, compared with roots that are known.

use node::meta::{DELTAS_MAX, META_VERSION, MetaKind, MetaRefused, MetaTimetoke, Roots, TimetokeDelta, open, seal};
use primitives::{Address, Hash, Height, SecretKey, Timestamp};
use testkit::Seed;

fn message(deltas: usize) -> MetaTimetoke {
    let delta = |number: usize| TimetokeDelta {
        address: Address::of_key(&SecretKey::from_seed([7; 32]).public_key()),
        number: u32::try_from(number).unwrap(),
        hours: 3,
        accrued_at_ms: Timestamp(9),
    };
    MetaTimetoke {
        kind: MetaKind::MetaTimetoke,
        version: META_VERSION,
        height: Height(12),
        root: Hash([5; 32]),
        deltas: (0..deltas).map(delta).collect(),
        truncated: false,
    }
}

#[test]
fn a_message_is_taken_from_its_signer_on_its_chain_only() {
    let (key, genesis) = (SecretKey::from_seed([1; 32]), Hash([2; 32]));
    for deltas in [0, 1, DELTAS_MAX] {
        let bytes = seal(&message(deltas), &key, &genesis).expect("within the bound");
        assert_eq!(open(&bytes, &genesis), Ok((key.public_key(), message(deltas))));
        assert_eq!(open(&bytes, &Hash([3; 32])), Err(MetaRefused::BadSignature), "another chain");
    }
    let bytes = seal(&message(1), &key, &genesis).unwrap();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    assert!(text.contains("\"kind\":\"meta_timetoke\""), "{text}");
    for cut in 0..bytes.len() {
        assert!(open(&bytes[..cut], &genesis).is_err(), "cut at {cut}");
    }
    let mut random = Seed::new();
    for _ in 0..200 {
        let mut damaged = bytes.clone();
        let at = random.index(damaged.len());
        damaged[at] ^= 1 << random.below(8);
        assert!(open(&damaged, &genesis).is_err(), "one bit at {at}");
    }
    let too_many = seal(&message(DELTAS_MAX + 1), &key, &genesis).expect("still within the bytes");
    assert_eq!(open(&too_many, &genesis), Err(MetaRefused::Malformed));
}

#[test]
fn roots_are_known_where_they_were_seen_and_nowhere_else() {
    let mut roots = Roots::default();
    let root = |byte: u8| Hash([byte; 32]);
    for (height, byte) in [(5, 1), (6, 1), (7, 2), (10, 2), (14, 3)] {
        roots.note(Height(height), root(byte));
    }
    let known = |height| roots.at(Height(height));
    assert_eq!([4, 5, 6, 7].map(known), [None, Some(root(1)), Some(root(1)), Some(root(2))]);
    // Between two looks with one root it did not change; between two roots nobody knows.
    assert_eq!([9, 10, 11, 13, 14, 15].map(known), [Some(root(2)), Some(root(2)), None, None, Some(root(3)), None]);
}
