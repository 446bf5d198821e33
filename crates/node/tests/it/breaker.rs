//! The breaker of sessions opens after failures in a row, lets one through after a while, and is closed by a success or a reset.

use node::state_sync::breaker::{Breaker, FAILURES, OPEN_MS};
use primitives::Timestamp;
use rpc::types::BreakerState;

#[test]
fn it_opens_after_failures_in_a_row_and_closes_after_a_success_or_a_reset() {
    let mut breaker = Breaker::default();
    let at = Timestamp(1_000_000);
    let state = |breaker: &Breaker, now: Timestamp| breaker.status(now).state;
    for _ in 1..FAILURES {
        breaker.ended(false, at);
        assert_eq!((state(&breaker, at), breaker.admit(at)), (BreakerState::Closed, Ok(())));
    }
    breaker.ended(true, at);
    for failed in 1..=FAILURES {
        assert_eq!(breaker.admit(at), Ok(()), "a success forgets the failures before it");
        breaker.ended(false, at);
        assert_eq!(breaker.status(at).failures, failed);
    }
    let until = Timestamp(at.0 + OPEN_MS);
    assert_eq!((state(&breaker, at), breaker.admit(at)), (BreakerState::Open, Err(until)));
    assert_eq!(breaker.status(at).until, Some(until));
    assert_eq!(breaker.admit(Timestamp(until.0 - 1)), Err(until));
    // Half-open: one may begin, and its failure opens the breaker at once.
    assert_eq!((state(&breaker, until), breaker.admit(until)), (BreakerState::HalfOpen, Ok(())));
    assert_eq!(breaker.status(until).until, None);
    breaker.ended(false, until);
    assert_eq!(state(&breaker, until), BreakerState::Open);
    breaker.reset();
    assert_eq!((state(&breaker, until), breaker.status(until).failures), (BreakerState::Closed, 0));
    for _ in 0..FAILURES {
        breaker.ended(false, at);
    }
    breaker.ended(true, until);
    assert_eq!(state(&breaker, until), BreakerState::Closed);
}
