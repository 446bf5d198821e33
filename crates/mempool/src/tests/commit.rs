//! What a finalized block removes, by name.

use primitives::Height;

use super::{BASE_FEE, Chain, address, admit, check_invariants, draft, nonce, pool, selected};
use crate::{DropReason, Dropped, Included, MempoolConfig};

#[test]
fn included_transactions_leave_silently_and_the_next_nonces_become_pending() {
    let mut chain = Chain::with(2);
    let mut pool = pool(MempoolConfig::default());
    for draft in [draft(0, 0), draft(0, 1), draft(0, 3), draft(1, 0)] {
        admit(&mut pool, &chain, draft, 1).unwrap();
    }
    chain.set(0, 3, 1_000_000_000);
    // Nonce 2 reached the block by another way.
    let included = [0, 1, 2].map(|value| Included::of(&draft(0, value).signed()));
    assert_eq!(pool.committed(&included, &chain, Height(2)), []);
    check_invariants(&pool);
    assert_eq!(selected(&pool), [draft(0, 3).id(), draft(1, 0).id()]);
    assert_eq!(pool.len(), 2);
}

#[test]
fn a_rival_with_the_same_nonce_drops_the_waiting_one() {
    let mut chain = Chain::with(1);
    let mut pool = pool(MempoolConfig::default());
    admit(&mut pool, &chain, draft(0, 0), 1).unwrap();
    chain.set(0, 1, 1_000_000_000);
    let rival = Included::of(&draft(0, 0).amount(5).signed());
    let dropped = pool.committed(&[rival], &chain, Height(2));
    assert_eq!(dropped, [Dropped { id: draft(0, 0).id(), reason: DropReason::NonceUsed }]);
    assert!(pool.is_empty());
    check_invariants(&pool);
}

#[test]
fn a_transaction_expires_when_its_last_height_is_past_and_leaves_a_gap() {
    let chain = Chain::with(1);
    let mut pool = pool(MempoolConfig::default());
    admit(&mut pool, &chain, draft(0, 0).valid_until(3), 1).unwrap();
    admit(&mut pool, &chain, draft(0, 1), 1).unwrap();
    assert_eq!(pool.committed(&[], &chain, Height(3)), []);
    assert_eq!(pool.pending(), 2);
    let dropped = pool.committed(&[], &chain, Height(4));
    assert_eq!(dropped, [Dropped { id: draft(0, 0).valid_until(3).id(), reason: DropReason::Expired }]);
    check_invariants(&pool);
    assert_eq!((pool.pending(), pool.len()), (0, 1));
    assert_eq!(pool.next_nonce(&address(0)), Some(nonce(0)));
}

#[test]
fn what_the_payer_can_no_longer_pay_for_is_dropped_from_the_first_such_nonce_on() {
    let mut chain = Chain::with(1);
    let mut pool = pool(MempoolConfig::default());
    for value in 0..4 {
        admit(&mut pool, &chain, draft(0, value), 1).unwrap();
    }
    // The first transaction moved nearly everything away.
    chain.set(0, 1, 2 * BASE_FEE - 1);
    let dropped = pool.committed(&[Included::of(&draft(0, 0).signed())], &chain, Height(2));
    let reason = DropReason::BalanceBelowFee;
    assert_eq!(dropped, [2, 3].map(|value| Dropped { id: draft(0, value).id(), reason }));
    check_invariants(&pool);
    assert_eq!(selected(&pool), [draft(0, 1).id()]);
}

#[test]
fn blocks_of_strangers_touch_nothing() {
    let chain = Chain::with(1);
    let mut pool = pool(MempoolConfig::default());
    admit(&mut pool, &chain, draft(0, 0), 1).unwrap();
    let strangers: Vec<Included> = (10..20).map(|payer| Included::of(&draft(payer, 0).signed())).collect();
    assert_eq!(pool.committed(&strangers, &chain, Height(2)), []);
    assert_eq!(selected(&pool), [draft(0, 0).id()]);
}

#[test]
fn drop_reasons_have_names() {
    let names = [DropReason::Expired, DropReason::NonceUsed, DropReason::BalanceBelowFee].map(DropReason::name);
    assert_eq!(names, ["expired", "nonce_used", "balance_below_fee"]);
}
