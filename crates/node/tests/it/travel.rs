//! Which proofs are judged, wait, or are nothing to this node; and who pays for what does not verify.

use node::proofs::Refused;
use node::proofs::travel::{EARLY_MAX, Early, Place, Travelling, chain_place, verdict, window_place};
use p2p::{BatchId, ProofKind, Verdict};
use primitives::Height;
use proof::ProofError;
use proof::light::SealedWindowError;

#[test]
fn a_window_is_judged_in_turn_waits_when_early_and_is_ignored_when_far() {
    let places = |closed: u64| (0..22).map(|window| window_place(3, window, closed)).collect::<Vec<_>>();
    let (useless, early) = (Place::Useless, Place::Early);
    let expected = [&[useless; 3][..], &[Place::InTurn], &[early; 16], &[useless; 2]].concat();
    assert_eq!(places(4), expected);
    assert_eq!(places(30), expected, "windows are taken in order");
    assert_eq!(places(3)[3], early, "its last block is not final here yet");
}

#[test]
fn a_chain_proof_is_judged_once_its_end_is_final_here() {
    let at = |height: u64| chain_place(Height(8), Height(height), Height(20), Height(16));
    let (useless, turn, early) = (Place::Useless, Place::InTurn, Place::Early);
    let places = [at(4), at(8), at(12), at(20), at(24), at(36), at(40)];
    assert_eq!(places, [useless, useless, turn, turn, early, early, useless]);
}

#[test]
fn what_waits_is_bounded_in_number_and_in_bytes() {
    let proof = |length: usize| Travelling {
        batch: BatchId::default(),
        kind: ProofKind::Window,
        bytes: vec![0; length].into(),
    };
    let mut early = Early::default();
    assert_eq!((0..20).filter(|_| early.keep(proof(300_000))).count(), EARLY_MAX);
    let mut early = Early::default();
    assert_eq!((0..20).filter(|_| early.keep(proof(4 * 1024 * 1024))).count(), 4);
    assert!(!early.keep(proof(1)), "not a byte more");
}

#[test]
fn only_what_no_honest_node_passes_on_costs_points() {
    assert_eq!(verdict(&Ok(())), Verdict::Accept);
    let (window, next) = (1, 2);
    for bad in [
        Refused::Bytes(SealedWindowError::TooShort { bytes: 3 }),
        Refused::Proof(ProofError::Unreadable),
        Refused::NotAnEnd { height: Height(3) },
    ] {
        assert_eq!(verdict(&Err(bad)), Verdict::Reject);
    }
    for honest in [
        Refused::Exists { window, next },
        Refused::NotNext { window, next },
        Refused::TailFull,
        Refused::NotFinalized { height: Height(9), finalized: Height(8) },
    ] {
        assert_eq!(verdict(&Err(honest)), Verdict::Ignore);
    }
}
