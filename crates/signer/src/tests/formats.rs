//! Every message has one pinned encoding, and no bytes make the reader panic.

use std::io::Cursor;

use primitives::actions::witness::Attestation;
use primitives::{BoundedVec, FormatVersion, Hash, Height, Round, Signature, VoteKind, decode, encode};
use proptest::prelude::*;

use super::{GENESIS, heartbeat, hello, key, own, proposal, ticket, vote};
use crate::message::{
    Answer, FRAME_BYTES_MAX, HELLO_BYTES_MAX, LOGGED_MAX, Logged, Place, Refusal, RefusalCode, Request, Step,
    TEXT_BYTES_MAX, Welcome, read_length, read_message, write_frame,
};

fn attestation() -> Attestation {
    Attestation { identity: own(), height: Height(6), seed: Hash([1; 32]), value: Hash([2; 32]) }
}

fn recover(logged: usize) -> Request {
    let both = [Logged::Vote(vote(VoteKind::Precommit, 8, 1, 2)), Logged::Proposal(proposal(8, 2, 3))];
    let logged = both.into_iter().cycle().take(logged).collect();
    Request::Recover { finalized: Height(7), logged: BoundedVec::new(logged).expect("within the bound") }
}

fn requests() -> [(&'static str, Request); 8] {
    [
        ("hello", hello(GENESIS)),
        ("vote", Request::Vote(vote(VoteKind::Prevote, 5, 1, 2))),
        ("proposal", Request::Proposal(proposal(5, 1, 2))),
        ("heartbeat", Request::Heartbeat(heartbeat(4, 2))),
        ("attestation", Request::Attestation(attestation())),
        ("duty", Request::Duty(ticket())),
        ("reaches", Request::Reaches(Height(8))),
        ("recover", recover(2)),
    ]
}

fn answers() -> [(&'static str, Answer); 5] {
    let place = Place { height: Height(5), round: Round(1), step: Step::Precommit };
    let (version, key) = (FormatVersion, key().public_key());
    [
        ("welcome", Answer::Welcome(Welcome { version, genesis: GENESIS, key, highest: Some(place) })),
        ("signature", Answer::Signature(Signature([7; 64]))),
        ("done", Answer::Done),
        ("recovered", Answer::Recovered { held: Some(place) }),
        ("refused", Answer::Refused(Refusal::new(RefusalCode::Below, "lower"))),
    ]
}

#[test]
fn every_message_has_its_pinned_hash_and_is_read_back() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/signer.tsv");
    let mut found = String::new();
    for (name, request) in requests() {
        let bytes = encode(&request);
        assert_eq!(decode::<Request>(&bytes).as_ref(), Ok(&request), "{name}");
        found.push_str(&format!("{name}\t{}\t{}\n", bytes.len(), blake3::hash(&bytes).to_hex()));
    }
    for (name, answer) in answers() {
        let bytes = encode(&answer);
        assert_eq!(decode::<Answer>(&bytes).as_ref(), Ok(&answer), "{name}");
        found.push_str(&format!("{name}\t{}\t{}\n", bytes.len(), blake3::hash(&bytes).to_hex()));
    }
    let pinned = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(pinned, found, "messages changed: raise the version in PROTOCOL; the file would be:\n{found}");
    for (index, code) in RefusalCode::ALL.into_iter().enumerate() {
        assert_eq!(encode(&code), [u8::try_from(index).unwrap()], "{}", code.name());
    }
}

#[test]
fn a_frame_above_its_bound_is_refused_before_anything_of_it_is_kept() {
    let mut bytes = Vec::new();
    write_frame(&mut bytes, &hello(GENESIS)).unwrap();
    assert!(bytes.len() - 4 <= HELLO_BYTES_MAX, "a hello fits where nobody is known yet");
    let mut stream = Cursor::new(&bytes);
    let length = read_length(&mut stream, HELLO_BYTES_MAX).unwrap();
    assert_eq!(read_message::<Request>(&mut stream, length).unwrap(), hello(GENESIS));

    assert!(encode(&recover(LOGGED_MAX)).len() < FRAME_BYTES_MAX, "the largest question fits");
    let over = u32::try_from(FRAME_BYTES_MAX + 1).unwrap().to_be_bytes();
    for bytes in [over, [255; 4]] {
        let refused = read_length(&mut Cursor::new(bytes), FRAME_BYTES_MAX).unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::InvalidData);
    }
    // A text above its bound is cut where a character ends.
    let long = Refusal::new(RefusalCode::Guard, "ü".repeat(TEXT_BYTES_MAX));
    assert_eq!((long.text.len(), std::str::from_utf8(&long.text).is_ok()), (TEXT_BYTES_MAX, true));
}

#[test]
fn bytes_that_are_not_canonical_are_no_request() {
    for (name, request) in requests() {
        let bytes = encode(&request);
        for length in 0..bytes.len() {
            assert!(decode::<Request>(&bytes[..length]).is_err(), "{name} cut to {length}");
        }
        let longer = [bytes.as_slice(), &[0]].concat();
        assert!(decode::<Request>(&longer).is_err(), "{name} with a byte more");
    }
    let unknown = [&[8][..], &encode(&Height(1))].concat();
    assert!(decode::<Request>(&unknown).is_err(), "there is no ninth request");
    let mut other_version = encode(&hello(GENESIS));
    other_version[1] = 2;
    assert!(decode::<Request>(&other_version).is_err(), "another version");
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let mut stream = Cursor::new(&bytes);
        if let Ok(length) = read_length(&mut stream, 512) {
            let _ = read_message::<Request>(&mut stream, length);
        }
        let _ = decode::<Answer>(&bytes).map(|answer| format!("{answer:?}"));
        let _ = crate::discovery::read_question(&bytes);
        let _ = crate::discovery::read_answer(&bytes, &[0; 16]);
    }
}
