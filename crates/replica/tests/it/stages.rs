//! The stage tracker: first times count, stops are named, memory is bounded.

use mempool::DropReason;
use primitives::{Domain, Hash, Rejection, Stage, Timestamp, TransactionId, hash};
use replica::stages::{Stop, TRACKED_MAX, Tracker};

fn id(number: u64) -> TransactionId {
    TransactionId(hash(Domain::Transaction, &[&number.to_le_bytes()]))
}

#[test]
fn the_first_time_at_a_stage_counts() {
    let mut tracker = Tracker::default();
    tracker.reach(id(1), Stage::Received, Timestamp(5));
    tracker.reach(id(1), Stage::Admitted, Timestamp(6));
    tracker.reach(id(1), Stage::Received, Timestamp(9));
    let progress = tracker.get(&id(1)).unwrap();
    assert_eq!(progress.at(Stage::Received), Some(Timestamp(5)));
    assert_eq!((progress.furthest(), progress.stage()), (Some(Stage::Admitted), (Stage::Admitted, None)));
    assert_eq!(progress.at(Stage::Finalized), None);
}

#[test]
fn a_stop_is_named_and_a_later_stage_clears_it() {
    let mut tracker = Tracker::default();
    tracker.stop(id(1), Stop::Rejected(Rejection::FeeTooLow));
    assert_eq!(tracker.get(&id(1)).unwrap().stop, Some(Stop::Rejected(Rejection::FeeTooLow)));
    tracker.reach(id(1), Stage::Admitted, Timestamp(1));
    assert_eq!(tracker.get(&id(1)).unwrap().stop, None);
    tracker.stop(id(1), Stop::Dropped(DropReason::Expired));
    assert_eq!(tracker.get(&id(1)).unwrap().stop, Some(Stop::Dropped(DropReason::Expired)));
    assert_eq!(tracker.get(&id(1)).unwrap().stage(), (Stage::Expired, None));
    tracker.reach(id(1), Stage::Finalized, Timestamp(2));
    tracker.stop(id(1), Stop::Dropped(DropReason::NonceUsed));
    assert_eq!(tracker.get(&id(1)).unwrap().stop, None, "final is final");
}

#[test]
fn the_oldest_is_forgotten_first_beyond_the_bound() {
    let mut tracker = Tracker::default();
    let many = u64::try_from(TRACKED_MAX).unwrap() + 10;
    for number in 0..many {
        tracker.reach(id(number), Stage::Received, Timestamp(number));
    }
    assert_eq!(tracker.len(), TRACKED_MAX);
    assert!(tracker.get(&id(9)).is_none());
    assert!(tracker.get(&id(10)).is_some());
}

#[test]
fn ids_that_were_ground_onto_one_shelf_are_kept_apart() {
    let ground = |number: u32| {
        let mut bytes = [7; 32];
        bytes[28..].copy_from_slice(&number.to_be_bytes());
        TransactionId(Hash(bytes))
    };
    let many = u32::try_from(TRACKED_MAX).unwrap() + 10;
    let mut tracker = Tracker::default();
    for number in 0..many {
        tracker.reach(ground(number), Stage::Received, Timestamp(u64::from(number)));
    }
    assert_eq!(tracker.len(), TRACKED_MAX);
    assert!(tracker.get(&ground(9)).is_none());
    for number in 10..many {
        let progress = tracker.get(&ground(number)).unwrap();
        assert_eq!(progress.at(Stage::Received), Some(Timestamp(u64::from(number))));
    }
}
