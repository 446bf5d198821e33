//! A guard that moves from one home to another: never under its name in both, whatever the moment of a crash.

use std::fs;
use std::path::{Path, PathBuf};

use super::{GENESIS, ask, folder, key};
use crate::signer::{GuardError, HeartbeatMark, SignedStep, ValidatorSigner, hand_over};

struct Homes {
    _folder: tempfile::TempDir,
    from: PathBuf,
    away: PathBuf,
    to: PathBuf,
}

/// Two homes; the first one's guard has signed at height 5.
fn homes() -> Homes {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    let homes = Homes {
        from: at("node/guard.log"),
        away: at("node/guard.log.given-away"),
        to: at("signer/guard.log"),
        _folder: folder,
    };
    let mut signer = ValidatorSigner::open(key(), &homes.from, &GENESIS, true).expect("a new guard");
    ask(&mut signer, SignedStep::Prevote, 5, 0, 1).expect("the first");
    homes
}

fn give(homes: &Homes) -> Result<(), GuardError> {
    hand_over(&homes.from, &homes.to, key().public_key())
}

/// Height of what the guard here has signed; none where no signer starts.
fn signed(path: &Path) -> Option<u64> {
    let signer = ValidatorSigner::open(key(), path, &GENESIS, false).ok()?;
    signer.highest().map(|(height, _, _)| height.0)
}

#[test]
fn a_guard_that_was_given_away_signs_there_and_no_longer_here() {
    let homes = homes();
    give(&homes).expect("nobody uses it");
    assert_eq!((signed(&homes.from), signed(&homes.to)), (None, Some(5)));
    assert!(!homes.away.exists(), "no copy stays");
    give(&homes).expect("asked again it has nothing to do");
    assert_eq!((signed(&homes.from), signed(&homes.to)), (None, Some(5)));
}

#[test]
fn what_a_crash_left_is_finished_by_the_next_call_and_signs_nowhere_until_then() {
    // After the rename; after the copy as well.
    for copied in [false, true] {
        let homes = homes();
        fs::rename(&homes.from, &homes.away).unwrap();
        if copied {
            fs::create_dir_all(homes.to.parent().unwrap()).unwrap();
            fs::copy(&homes.away, &homes.to).unwrap();
        } else {
            assert_eq!((signed(&homes.from), signed(&homes.to)), (None, None));
        }
        give(&homes).expect("it goes on");
        assert_eq!((signed(&homes.from), signed(&homes.to), homes.away.exists()), (None, Some(5), false));
    }
}

#[test]
fn a_guard_in_both_homes_in_use_missing_or_of_another_key_is_not_moved() {
    let homes = homes();
    let held = ValidatorSigner::open(key(), &homes.from, &GENESIS, false).unwrap();
    assert!(matches!(give(&homes), Err(GuardError::Locked { .. })), "the node runs");
    drop(held);
    let other = crate::ValidatorKey::from_seeds([8; 32], [8; 32]).consensus.public_key();
    assert!(matches!(hand_over(&homes.from, &homes.to, other), Err(GuardError::OtherKey { .. })));
    fs::create_dir_all(homes.to.parent().unwrap()).unwrap();
    fs::copy(&homes.from, &homes.to).unwrap();
    assert!(matches!(give(&homes), Err(GuardError::TwoGuards { .. })), "nobody knows which one is newer");
    // A copy that went away, and another guard where it shall go.
    fs::rename(&homes.from, &homes.away).unwrap();
    let mut signer = ValidatorSigner::open(key(), &homes.to, &GENESIS, false).unwrap();
    ask(&mut signer, SignedStep::Prevote, 6, 0, 1).unwrap();
    drop(signer);
    assert!(matches!(give(&homes), Err(GuardError::TwoGuards { .. })));
    assert!(homes.away.exists(), "nothing is lost");
    fs::remove_file(&homes.away).unwrap();
    fs::remove_file(&homes.to).unwrap();
    assert!(matches!(give(&homes), Err(GuardError::Missing { .. })));
}

#[test]
fn a_mark_of_heartbeats_is_durable_before_it_allows_and_refuses_what_it_could_contradict() {
    let folder = folder();
    let path = folder.path().join("heartbeats.json");
    let open = || HeartbeatMark::open(&path, key().public_key(), GENESIS);
    assert!(matches!(open(), Err(GuardError::Missing { .. })));
    HeartbeatMark::create(&path, key().public_key(), GENESIS).unwrap();
    assert!(HeartbeatMark::create(&path, key().public_key(), GENESIS).is_err(), "never written over");
    let mut mark = open().unwrap();
    assert!(mark.allow(3, b"one").unwrap());
    // As after a kill at this moment.
    let mut again = open().unwrap();
    assert!(again.allow(3, b"one").unwrap(), "the same answer");
    assert!(!again.allow(3, b"two").unwrap() && !again.allow(2, b"one").unwrap());
    assert!(again.allow(4, b"two").unwrap());
}
