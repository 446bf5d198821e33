//! Work in hand ends where it is when nobody wants it any more, within a proof too, and leaves nothing behind.

use std::thread;
use std::time::Duration;

use testkit::Seed;

use super::folds::FOLDING;
use super::golden_windows::witnesses;
use super::honest::KEY;
use crate::fold::{FoldError, lift_unless};
use crate::{CallOff, CalledOff, ProveError, prove_window_unless};

/// Calls off once the work has looked so often; gives how often it had looked by then.
fn off_after(looks: u64, off: &CallOff) -> thread::JoinHandle<u64> {
    let off = off.clone();
    thread::spawn(move || {
        while off.looks() < looks {
            thread::sleep(Duration::from_micros(50));
        }
        off.call_off();
        off.looks()
    })
}

/// The looks within which work is called off here: fewer than a proof has.
const LOOKS: u64 = 1_000;

#[test]
fn a_proof_in_hand_ends_at_the_next_look() {
    let mut seed = Seed::new();
    let witness = witnesses(1).remove(0);
    let off = CallOff::default();
    // The first looks are between two stages; the others are within the proof.
    let caller = off_after(3 + seed.below(LOOKS), &off);
    let ended = prove_window_unless(&KEY, &witness, &off);
    assert!(matches!(ended, Err(ProveError::CalledOff(CalledOff))), "{ended:?}");
    let more = off.looks().checked_sub(caller.join().expect("it ends"));
    assert!(more.is_some_and(|more| more <= 1), "it looked {more:?} times more");
    let wanted = CallOff::default();
    let window = prove_window_unless(&KEY, &witness, &wanted).expect("the same key serves what comes next");
    assert!(wanted.looks() > 2 * LOOKS, "{} looks", wanted.looks());

    let off = CallOff::default();
    off_after(3 + seed.below(LOOKS), &off);
    let ended = lift_unless(&FOLDING, std::slice::from_ref(&window), &off);
    assert!(matches!(ended, Err(FoldError::CalledOff(CalledOff))));
    let wanted = CallOff::default();
    let lifted = lift_unless(&FOLDING, std::slice::from_ref(&window), &wanted).expect("so does this one");
    assert!(wanted.looks() > 2 * LOOKS, "{} looks", wanted.looks());
    assert!(FOLDING.lift.verify(&lifted.proof));
}
