//! Every refusal by name, and that a refusal changes nothing.

use std::sync::Arc;

use primitives::{Height, Lane, Nonce, Rejection, SecretKey, encode};

use super::{
    BASE_FEE, Chain, Draft, address, admit, check_invariants, draft, genesis, micro, nonce, pool, selected, snapshot,
};
use crate::{Admission, CheckedTransaction, MempoolConfig, ReadTransaction};

fn small(limit: usize) -> MempoolConfig {
    MempoolConfig { limit, per_sender_limit: 4, nonce_gap_max: 8, ..MempoolConfig::default() }
}

#[test]
fn every_rejection_has_a_case_and_changes_nothing() {
    let mut chain = Chain::with(6);
    chain.set(1, 5, 1_000_000_000);
    chain.set(2, 0, BASE_FEE + 10);
    chain.set(3, 0, 2 * BASE_FEE);
    let mut pool = pool(small(100));
    for first in [draft(0, 0).tip(100), draft(1, 5), draft(1, 6), draft(1, 7), draft(1, 8), draft(3, 0)] {
        admit(&mut pool, &chain, first, 1).unwrap();
    }
    for gap in [1, 2, 3] {
        admit(&mut pool, &chain, draft(5, gap), 1).unwrap();
    }
    let cases: &[(&str, Draft, Result<(), Rejection>)] = &[
        ("known", draft(0, 0).tip(100), Err(Rejection::Duplicate)),
        ("valid until the height before", draft(4, 0).valid_until(0), Err(Rejection::Expired)),
        ("one height too far", draft(4, 0).valid_until(1_002), Err(Rejection::ValidUntilTooFar)),
        ("no account", draft(9, 0), Err(Rejection::UnknownPayer)),
        ("used nonce", draft(1, 4), Err(Rejection::NonceTooLow)),
        ("gap of nine", draft(4, 9), Err(Rejection::NonceTooHigh)),
        ("gap of nine after the run", draft(0, 10), Err(Rejection::NonceTooHigh)),
        ("max_fee below the base fee", draft(4, 0).max_fee(BASE_FEE - 1), Err(Rejection::FeeTooLow)),
        ("max_fee below base fee and tip", draft(4, 0).tip(5).max_fee(BASE_FEE + 4), Err(Rejection::FeeTooLow)),
        ("fee beyond the range", draft(4, 0).tip(Nonce::MAX.get()), Err(Rejection::FeeTooLow)),
        ("balance one short", draft(2, 0).tip(11), Err(Rejection::BalanceBelowFee)),
        ("balance taken by the lower nonce", draft(3, 1).tip(1), Err(Rejection::BalanceBelowFee)),
        ("tip not a tenth higher", draft(0, 0).tip(109), Err(Rejection::ReplacementUnderpriced)),
        ("same tip, other body", draft(0, 0).tip(100).amount(2), Err(Rejection::ReplacementUnderpriced)),
        ("zero tip twice", draft(1, 5).amount(2), Err(Rejection::ReplacementUnderpriced)),
        ("a fifth of this sender", draft(1, 9), Err(Rejection::SenderLimit)),
        ("the place kept for the gap", draft(5, 4), Err(Rejection::SenderLimit)),
    ];
    for (name, draft, expected) in cases {
        let before = snapshot(&pool);
        assert_eq!(admit(&mut pool, &chain, *draft, 50).map(|_| ()), *expected, "{name}");
        assert_eq!(snapshot(&pool), before, "{name}");
    }
}

#[test]
fn what_sits_on_a_bound_is_admitted() {
    let mut chain = Chain::with(6);
    chain.set(2, 0, BASE_FEE + 10);
    chain.set(3, 0, 2 * BASE_FEE);
    let mut pool = pool(small(100));
    let cases: &[(&str, Draft, Admission)] = &[
        ("valid for the next height only", draft(0, 0).valid_until(1), Admission::Pending),
        ("as far as allowed", draft(0, 1).valid_until(1_001), Admission::Pending),
        ("max_fee equal to the fee", draft(0, 2).tip(5).max_fee(BASE_FEE + 5), Admission::Pending),
        ("balance equal to the fee", draft(2, 0).tip(10), Admission::Pending),
        ("balance equal to both fees", draft(3, 0), Admission::Pending),
        ("the second of them", draft(3, 1), Admission::Pending),
        ("gap of eight", draft(4, 8), Admission::Queued),
        ("tip of one where there was none", draft(3, 0).max_fee(BASE_FEE), Admission::Pending),
    ];
    for (name, draft, expected) in &cases[..7] {
        assert_eq!(admit(&mut pool, &chain, *draft, 1), Ok(*expected), "{name}");
    }
    assert_eq!(pool.len(), 7);
}

#[test]
fn the_order_of_the_questions_is_that_of_the_table() {
    let chain = Chain::with(1);
    let mut pool = pool(MempoolConfig { limit: 1, per_sender_limit: 1, ..MempoolConfig::default() });
    admit(&mut pool, &chain, draft(0, 0), 1).unwrap();
    // Each row is wrong in everything that the rows before it name, except the last.
    let late = Draft { max_fee: 0, valid_until: 0, ..draft(9, 0) };
    assert_eq!(admit(&mut pool, &chain, late, 1), Err(Rejection::Expired));
    assert_eq!(admit(&mut pool, &chain, late.valid_until(9_000), 1), Err(Rejection::ValidUntilTooFar));
    assert_eq!(admit(&mut pool, &chain, late.valid_until(9), 1), Err(Rejection::UnknownPayer));
    let far = Draft { payer: 0, nonce: 1_000, ..late.valid_until(9) };
    assert_eq!(admit(&mut pool, &chain, far, 1), Err(Rejection::NonceTooHigh));
    assert_eq!(admit(&mut pool, &chain, Draft { nonce: 1, ..far }, 1), Err(Rejection::FeeTooLow));
    assert_eq!(admit(&mut pool, &chain, draft(0, 1), 1), Err(Rejection::SenderLimit));
}

#[test]
fn a_full_queue_refuses_the_newcomer_and_evicts_nobody() {
    let _shown = testkit::contract!("S000-032");
    let chain = Chain::with(4);
    let mut pool = pool(small(3));
    for payer in 0..3 {
        admit(&mut pool, &chain, draft(payer, 0).tip(10), 1).unwrap();
    }
    let before = snapshot(&pool);
    // Neither a higher tip, nor the other lane, nor a gap makes room.
    let newcomers =
        [draft(3, 0).tip(1_000_000), draft(3, 0).lane(Lane::Industrial), draft(3, 1), draft(0, 1), draft(0, 2)];
    for newcomer in newcomers {
        assert_eq!(admit(&mut pool, &chain, newcomer, 9), Err(Rejection::QueueFull));
        assert_eq!(snapshot(&pool), before);
    }
    // A replacement takes no new place.
    assert_eq!(admit(&mut pool, &chain, draft(0, 0).tip(11), 9), Ok(Admission::Replaced(draft(0, 0).tip(10).id())));
    assert_eq!(pool.len(), 3);
}

#[test]
fn both_lanes_share_one_limit() {
    let chain = Chain::with(3);
    let mut pool = pool(small(2));
    admit(&mut pool, &chain, draft(0, 0), 1).unwrap();
    admit(&mut pool, &chain, draft(1, 0).lane(Lane::Industrial), 1).unwrap();
    assert_eq!(admit(&mut pool, &chain, draft(2, 0), 1), Err(Rejection::QueueFull));
    assert_eq!(admit(&mut pool, &chain, draft(2, 0).lane(Lane::Industrial), 1), Err(Rejection::QueueFull));
    let status = pool.status(primitives::Timestamp(5));
    assert_eq!((status.lanes[0].pending, status.lanes[1].pending), (1, 1));
    assert_eq!((status.identities.size, status.identities.limit), (0, 2));
    assert_eq!((status.transactions.size, status.transactions.limit), (2, 2));
}

#[test]
fn a_duplicate_takes_no_capacity() {
    // Of transactions; the tests of identities and of the vote queue show the rest of the row.
    let _shown = testkit::contract!("S000-033");
    let chain = Chain::with(2);
    let mut pool = pool(small(2));
    admit(&mut pool, &chain, draft(0, 0), 1).unwrap();
    let before = snapshot(&pool);
    for _ in 0..10 {
        assert_eq!(admit(&mut pool, &chain, draft(0, 0), 2), Err(Rejection::Duplicate));
    }
    assert_eq!(snapshot(&pool), before);
    assert_eq!(admit(&mut pool, &chain, draft(1, 0), 3), Ok(Admission::Pending));
}

#[test]
fn those_behind_a_gap_get_a_quarter_of_the_queue() {
    let chain = Chain::with(8);
    let mut pool = pool(small(8));
    admit(&mut pool, &chain, draft(0, 1), 1).unwrap();
    admit(&mut pool, &chain, draft(1, 1), 1).unwrap();
    assert_eq!(admit(&mut pool, &chain, draft(2, 1), 1), Err(Rejection::QueueFull));
    // Filling a gap makes room for another one behind a gap.
    assert_eq!(admit(&mut pool, &chain, draft(0, 0), 1), Ok(Admission::Pending));
    assert_eq!(admit(&mut pool, &chain, draft(2, 1), 1), Ok(Admission::Queued));
    for payer in 3..7 {
        assert_eq!(admit(&mut pool, &chain, draft(payer, 0), 1), Ok(Admission::Pending));
    }
    assert_eq!(pool.len(), 8);
}

#[test]
fn a_gap_holds_back_and_filling_it_releases_the_whole_run() {
    let chain = Chain::with(1);
    let mut pool = pool(MempoolConfig::default());
    for value in [1, 2, 4] {
        assert_eq!(admit(&mut pool, &chain, draft(0, value), 1), Ok(Admission::Queued));
    }
    assert_eq!(selected(&pool), []);
    assert_eq!(pool.next_nonce(&address(0)), Some(nonce(0)));
    assert_eq!(admit(&mut pool, &chain, draft(0, 0), 2), Ok(Admission::Pending));
    assert_eq!(selected(&pool), [0, 1, 2].map(|value| draft(0, value).id()));
    assert_eq!(pool.next_nonce(&address(0)), Some(nonce(3)));
    assert_eq!((pool.pending(), pool.len()), (3, 4));
}

#[test]
fn a_sender_whose_places_are_taken_by_a_gap_can_still_fill_it() {
    let chain = Chain::with(1);
    let mut pool = pool(MempoolConfig { limit: 100, per_sender_limit: 4, ..MempoolConfig::default() });
    for value in [1, 2, 3] {
        assert_eq!(admit(&mut pool, &chain, draft(0, value), 1), Ok(Admission::Queued));
    }
    assert_eq!(admit(&mut pool, &chain, draft(0, 4), 1), Err(Rejection::SenderLimit));
    assert_eq!(admit(&mut pool, &chain, draft(0, 0), 1), Ok(Admission::Pending));
    assert_eq!(pool.pending(), 4);
    assert_eq!(admit(&mut pool, &chain, draft(0, 4), 1), Err(Rejection::SenderLimit));
}

#[test]
fn a_replacement_needs_a_tenth_more_and_keeps_its_age() {
    let chain = Chain::with(2);
    let mut pool = pool(MempoolConfig::default());
    let steps = [(0, 1, true), (1, 2, true), (2, 2, false), (2, 13, true), (13, 14, false), (13, 15, true)];
    admit(&mut pool, &chain, draft(0, 0), 10).unwrap();
    admit(&mut pool, &chain, draft(1, 0), 20).unwrap();
    for (old, new, accepted) in steps {
        let new_draft = draft(0, 0).tip(new).amount(new + 1);
        let expected = if accepted {
            let old_draft = if old == 0 { draft(0, 0) } else { draft(0, 0).tip(old).amount(old + 1) };
            Ok(Admission::Replaced(old_draft.id()))
        } else {
            // The same tip with another amount, so that it is not a duplicate.
            Err(Rejection::ReplacementUnderpriced)
        };
        let new_draft = if accepted { new_draft } else { new_draft.amount(99) };
        assert_eq!(admit(&mut pool, &chain, new_draft, 500), expected, "{old} → {new}");
    }
    assert_eq!(pool.len(), 2);
    let kept = draft(0, 0).tip(15).amount(16);
    assert_eq!(selected(&pool), [kept.id(), draft(1, 0).id()]);
    assert!(pool.contains(&kept.id()) && !pool.contains(&draft(0, 0).id()));
    assert_eq!(pool.get(&kept.id()).map(|tx| tx.body.tip), Some(micro(15)));
    assert_eq!(pool.list(primitives::Timestamp(110), 1)[0].age_ms, 100);
}

#[test]
fn a_replacement_may_change_the_lane_and_fill_nothing_else() {
    let chain = Chain::with(1);
    let mut pool = pool(MempoolConfig::default());
    admit(&mut pool, &chain, draft(0, 2), 1).unwrap();
    let moved = draft(0, 2).lane(Lane::Industrial).tip(1);
    assert_eq!(admit(&mut pool, &chain, moved, 1), Ok(Admission::Replaced(draft(0, 2).id())));
    let status = pool.status(primitives::Timestamp(1));
    assert_eq!((status.lanes[0].queued, status.lanes[1].queued, pool.pending()), (0, 1, 0));
}

#[test]
fn an_account_that_moved_on_before_the_commit_is_followed() {
    let mut chain = Chain::with(1);
    let mut pool = pool(MempoolConfig::default());
    admit(&mut pool, &chain, draft(0, 0), 1).unwrap();
    chain.set(0, 1, 1_000_000_000);
    assert_eq!(admit(&mut pool, &chain, draft(0, 1), 2), Ok(Admission::Pending));
    assert_eq!(selected(&pool), [draft(0, 1).id()]);
}

#[test]
fn only_what_was_signed_for_this_chain_becomes_a_checked_transaction() {
    let good = draft(0, 0).signed();
    let checked = CheckedTransaction::from_bytes(&encode(&good), &genesis()).unwrap();
    assert_eq!((checked.id(), checked.bytes()), (good.id(), encode(&good).len()));
    let other_chain = primitives::Hash([8; 32]);
    assert_eq!(CheckedTransaction::check(Arc::new(good.clone()), &other_chain).err(), Some(Rejection::BadSignature));
    let mut trailing = encode(&good);
    trailing.push(0);
    assert_eq!(CheckedTransaction::from_bytes(&trailing, &genesis()).err(), Some(Rejection::Malformed));
    assert_eq!(CheckedTransaction::from_bytes(&vec![0; 16_385], &genesis()).err(), Some(Rejection::Oversize));
}

#[test]
fn a_batch_gives_each_transaction_its_own_verdict() {
    let mut forged = draft(1, 0).signed();
    forged.body.tip = micro(77);
    let mut empty = draft(2, 0).signed();
    empty.body.lane = Lane::Industrial;
    let stranger = draft(3, 0).signed().body.sign(&SecretKey::from_seed([200; 32]), &genesis());
    let all: Vec<_> =
        [draft(0, 0).signed(), empty, forged, stranger, draft(4, 0).signed()].into_iter().map(Arc::new).collect();
    let read: Vec<ReadTransaction> = all.iter().cloned().map(ReadTransaction::from).collect();
    let verdicts = CheckedTransaction::check_all(&read, &genesis());
    let errors: Vec<Option<Rejection>> = verdicts.into_iter().map(Result::err).collect();
    let expected = [None, Some(Rejection::WrongLane), Some(Rejection::BadSignature), Some(Rejection::WrongKey), None];
    assert_eq!(errors, expected);
    assert!(CheckedTransaction::check_all(&[], &genesis()).is_empty());
}

#[test]
fn extreme_values_are_refused_or_kept_but_never_break_the_mempool() {
    let mut chain = Chain::with(2);
    chain.set(0, Nonce::MAX.get(), Nonce::MAX.get());
    let mut pool = pool(MempoolConfig::default());
    let terms = crate::Terms {
        base_fee: micro(0),
        weight: 0,
        now: primitives::Timestamp(u64::MAX),
        next_height: Height(u64::MAX),
        valid_until_max: u64::MAX,
    };
    let last = Draft {
        nonce: Nonce::MAX.get(),
        tip: Nonce::MAX.get(),
        max_fee: Nonce::MAX.get(),
        valid_until: u64::MAX,
        ..draft(0, 0)
    };
    assert_eq!(pool.admit(last.checked(), &terms, &chain), Ok(Admission::Pending));
    assert_eq!(pool.next_nonce(&address(0)), None);
    check_invariants(&pool);
    assert_eq!(pool.committed(&[], &chain, Height(u64::MAX)), []);
    assert_eq!(selected(&pool), [last.id()]);
}
