//! Long files: what was sealed comes back, and nothing else does.

use crate::stream::{SEGMENT_BYTES, StreamError, StreamKey};

use super::{QUICK, password};

fn sealed(key: &StreamKey, name: &str, plain: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    key.seal(name, &mut &plain[..], &mut bytes).unwrap();
    bytes
}

fn opened(key: &StreamKey, name: &str, bytes: &[u8]) -> Result<Vec<u8>, StreamError> {
    let mut plain = Vec::new();
    key.open(name, &mut &bytes[..], &mut plain).map(|()| plain)
}

#[test]
fn files_of_every_length_around_a_segment_come_back() {
    let key = StreamKey::new().unwrap();
    for length in [0, 1, SEGMENT_BYTES - 1, SEGMENT_BYTES, SEGMENT_BYTES + 1, 3 * SEGMENT_BYTES] {
        let plain = vec![7; length];
        let bytes = sealed(&key, "a", &plain);
        let segments = length.div_ceil(SEGMENT_BYTES).max(1);
        assert_eq!(bytes.len(), 19 + length + 16 * segments, "the length is what the format says");
        assert_eq!(opened(&key, "a", &bytes).unwrap(), plain);
        assert_ne!(sealed(&key, "a", &plain), bytes, "no prefix is used twice");
    }
}

#[test]
fn what_is_altered_cut_moved_or_renamed_is_refused() {
    let key = StreamKey::new().unwrap();
    let segment = SEGMENT_BYTES + 16;
    let bytes = sealed(&key, "a", &vec![7; 2 * SEGMENT_BYTES + 10]);
    let is_refused = |name: &str, bytes: &[u8]| matches!(opened(&key, name, bytes), Err(StreamError::Altered));
    for place in [0, 18, 19, 19 + segment - 1, 19 + segment, bytes.len() - 1] {
        let mut bad = bytes.clone();
        bad[place] ^= 1;
        assert!(is_refused("a", &bad), "byte {place}");
    }
    for length in [0, 10, 19, 19 + 15, 19 + segment, 19 + 2 * segment, bytes.len() - 1] {
        assert!(is_refused("a", &bytes[..length]), "cut to {length}");
    }
    let (prefix, rest) = bytes.split_at(19);
    let (first, rest) = rest.split_at(segment);
    let (second, last) = rest.split_at(segment);
    for order in [
        vec![second, first, last],
        vec![first, first, second, last],
        vec![first, last],
        vec![first, second, last, last],
    ] {
        assert!(is_refused("a", &[prefix, &order.concat()].concat()));
    }
    assert!(is_refused("b", &bytes), "another name");
    let other = StreamKey::new().unwrap();
    assert!(matches!(opened(&other, "a", &bytes), Err(StreamError::Altered)), "another key");
}

#[test]
fn the_key_comes_back_with_its_password_only() {
    let key = StreamKey::new().unwrap();
    let bytes = sealed(&key, "a", b"text");
    let locked = key.lock(b"here", &password("right"), QUICK).unwrap();
    let back = StreamKey::unlock(&locked, b"here", &password("right")).unwrap();
    assert_eq!(opened(&back, "a", &bytes).unwrap(), b"text");
    assert!(StreamKey::unlock(&locked, b"here", &password("wrong")).is_err());
    assert!(StreamKey::unlock(&locked, b"there", &password("right")).is_err());
}
