//! Announcers, askers, and who is not found.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use crate::discovery::{Announcer, Runs, discover, read_answer, read_question};

/// A port that nobody has at this moment.
fn free_port() -> u16 {
    UdpSocket::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

const TIMEOUT: Duration = Duration::from_millis(300);

#[test]
fn a_signer_that_announces_itself_is_found_where_it_listens_and_no_other_is() {
    let (own, other, silent) = (free_port(), free_port(), free_port());
    let listens = |port| SocketAddr::from(([127, 0, 0, 1], port));
    let announcer = Announcer::start(listens(4_711), own).unwrap();
    let second = Announcer::start(listens(4_712), other).unwrap();
    assert_eq!(discover(&[], own, TIMEOUT).unwrap(), [listens(4_711)], "on this machine without being named");
    let all = discover(&[listens(other), listens(silent), listens(own)], own, TIMEOUT).unwrap();
    assert_eq!(all, [listens(4_711), listens(4_712)], "each once, in order");
    drop((announcer, second));
    assert_eq!(discover(&[listens(other)], own, TIMEOUT).unwrap(), []);
}

#[test]
fn an_answer_counts_for_its_own_question_alone_and_a_wrong_question_has_none() {
    let nonce = [7; 16];
    let question = [b"TBSIGNER?\x01".as_slice(), &nonce, &[0; 6]].concat();
    let answer = [b"TBSIGNER!\x01".as_slice(), &nonce, &4_711_u16.to_be_bytes(), &[0; 4]].concat();
    assert_eq!((question.len(), answer.len()), (32, 32), "an answer is as long as its question");
    assert_eq!(read_question(&question), Some(nonce));
    assert_eq!(read_answer(&answer, &nonce), Some(4_711));
    assert_eq!(read_answer(&answer, &[8; 16]), None, "an answer to somebody else");
    for index in 0..32 {
        let mut other = question.clone();
        other[index] ^= 1;
        let is_nonce = (10..26).contains(&index);
        assert_eq!(read_question(&other).is_some(), is_nonce, "byte {index} of a question");
        let mut other = answer.clone();
        other[index] ^= 1;
        assert_eq!(read_answer(&other, &nonce).is_some(), index == 26 || index == 27, "byte {index} of an answer");
    }
    assert_eq!(read_question(&[question.as_slice(), &[0]].concat()), None);
}

#[test]
fn runs_are_counted_in_a_file_that_may_be_missing_or_broken() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs.json");
    assert_eq!(Runs::read(&path).ratio(), Duration::ZERO, "before the first run");
    std::thread::scope(|scope| {
        for index in 0..8 {
            let path = &path;
            scope.spawn(move || Runs::count(path, index % 4 != 0).unwrap());
        }
    });
    assert_eq!(Runs::read(&path), Runs { total: 8, found: 6 }, "runs at once are all counted");
    assert_eq!(Runs::read(&path).ratio(), Duration::from_millis(750));
    std::fs::write(&path, b"{").unwrap();
    assert_eq!(Runs::read(&path), Runs::default());
}
