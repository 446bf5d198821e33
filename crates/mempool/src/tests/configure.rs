//! Other limits and weights while transactions wait.

use primitives::Rejection;

use super::{Chain, admit, check_invariants, draft, pool, selected, snapshot, terms};
use crate::{Admission, MempoolConfig, MempoolConfigError};

fn weights(priority: u32, fee: u32) -> MempoolConfig {
    MempoolConfig { priority_weight_ppm: priority, fee_weight_ppm: fee, ..MempoolConfig::default() }
}

#[test]
fn what_waits_is_ordered_by_the_new_weights_as_if_they_had_always_been_in_force() {
    let chain = Chain::with(12);
    let (by_age, by_tip) = (weights(1_000_000, 0), weights(0, 1_000_000));
    let fill = |config| {
        let mut pool = pool(config);
        for payer in 0..12_u8 {
            admit(&mut pool, &chain, draft(payer, 0).tip(u64::from(payer * 7 % 12) * 100), 100 + u64::from(payer))
                .unwrap();
        }
        pool
    };
    let mut changed = fill(by_age);
    let before = selected(&changed);
    changed.configure(by_tip).unwrap();
    check_invariants(&changed);
    assert_ne!(selected(&changed), before);
    assert_eq!(snapshot(&changed), snapshot(&fill(by_tip)));
    changed.configure(by_age).unwrap();
    assert_eq!(selected(&changed), before);
}

#[test]
fn a_lower_limit_drops_nobody_and_refuses_newcomers_until_there_is_room() {
    let chain = Chain::with(6);
    let mut pool = pool(MempoolConfig::default());
    for payer in 0..4_u8 {
        admit(&mut pool, &chain, draft(payer, 0), 100).unwrap();
    }
    pool.configure(MempoolConfig { limit: 2, ..MempoolConfig::default() }).unwrap();
    assert_eq!(pool.len(), 4);
    assert_eq!(pool.admit(draft(4, 0).checked(), &terms(101), &chain), Err(Rejection::QueueFull));
    // Who waits may still raise the tip: that takes no place.
    let raised = pool.admit(draft(0, 0).tip(1_000).checked(), &terms(102), &chain).unwrap();
    assert!(matches!(raised, Admission::Replaced(_)), "{raised:?}");
    pool.configure(MempoolConfig { limit: 5, ..MempoolConfig::default() }).unwrap();
    assert_eq!(admit(&mut pool, &chain, draft(4, 0), 103), Ok(Admission::Pending));
    check_invariants(&pool);
}

#[test]
fn limits_that_cannot_be_used_change_nothing() {
    let chain = Chain::with(1);
    let mut pool = pool(MempoolConfig::default());
    admit(&mut pool, &chain, draft(0, 0), 100).unwrap();
    let before = snapshot(&pool);
    let wrong = MempoolConfig { limit: 0, ..weights(0, 1_000_000) };
    assert_eq!(pool.configure(wrong), Err(MempoolConfigError::LimitZero));
    assert_eq!((snapshot(&pool), *pool.config()), (before, MempoolConfig::default()));
}
