//! The order in which a block is filled, its limits and what the caller refuses.

use primitives::{Lane, Timestamp, TransactionId};

use super::{ALL, Chain, Draft, WEIGHT, admit, draft, micro, pool, selected};
use crate::order::{FEE_POINTS_MAX, fee_points, score};
use crate::{Mempool, MempoolConfig, SelectLimits};

fn weights(priority: u32, fee: u32) -> MempoolConfig {
    MempoolConfig { priority_weight_ppm: priority, fee_weight_ppm: fee, ..MempoolConfig::default() }
}

#[test]
fn fee_points_are_thousandths_of_a_micro_block_per_unit_and_capped() {
    assert_eq!(fee_points(micro(0), WEIGHT), 0);
    assert_eq!(fee_points(micro(100), 100), 1_000);
    assert_eq!(fee_points(micro(1), 3), 333);
    assert_eq!(fee_points(micro(6_000), 100), FEE_POINTS_MAX);
    assert_eq!(fee_points(micro(6_001), 100), FEE_POINTS_MAX);
    assert_eq!(fee_points(primitives::Amount::MAX, 0), FEE_POINTS_MAX);
}

#[test]
fn the_score_is_the_weighted_sum_of_age_and_fee() {
    let config = MempoolConfig::default();
    assert_eq!(score(&config, Timestamp(100), 0, Timestamp(100)), 0);
    assert_eq!(score(&config, Timestamp(100), 2_000, Timestamp(1_100)), 700_000 * 1_000 + 300_000 * 2_000);
    // A clock that stepped back gives no age.
    assert_eq!(score(&config, Timestamp(100), 0, Timestamp(1)), 0);
}

#[test]
fn fee_weight_zero_is_strictly_first_come_first_served() {
    let chain = Chain::with(20);
    let mut pool = pool(weights(1_000_000, 0));
    let mut expected = Vec::new();
    for payer in 0..20_u8 {
        // Tips rise, the clock stands still half of the time and once steps back.
        let now = if payer == 13 { 1 } else { 100 + u64::from(payer / 2) };
        let draft = draft(payer, 0).tip(u64::from(payer) * 1_000);
        admit(&mut pool, &chain, draft, now).unwrap();
        expected.push(draft.id());
    }
    assert_eq!(selected(&pool), expected);
}

#[test]
fn priority_weight_zero_is_highest_tip_first_and_ties_go_oldest_first() {
    let chain = Chain::with(4);
    let mut pool = pool(weights(0, 1_000_000));
    let drafts = [draft(0, 0).tip(10), draft(1, 0).tip(30), draft(2, 0).tip(10), draft(3, 0).tip(20)];
    for (now, draft) in (0..).zip(drafts) {
        admit(&mut pool, &chain, draft, now * 60_000).unwrap();
    }
    assert_eq!(selected(&pool), [drafts[1], drafts[3], drafts[0], drafts[2]].map(|draft| draft.id()));
}

#[test]
fn equal_scores_go_oldest_first() {
    let chain = Chain::with(3);
    let mut pool = pool(weights(500_000, 500_000));
    // The second is 10 ms younger and its tip is worth exactly 10 points more.
    let drafts = [draft(2, 0).tip(1), draft(1, 0).tip(2), draft(0, 0).tip(3)];
    for (at, draft) in (0..).zip(drafts) {
        admit(&mut pool, &chain, draft, 100 + 10 * at).unwrap();
    }
    assert_eq!(selected(&pool), drafts.map(|draft| draft.id()));
}

#[test]
fn a_tip_overtakes_by_exactly_what_it_is_worth() {
    let chain = Chain::with(3);
    // At 0.7/0.3 a tip of 1 µBLOCK per unit is worth 1,000 · 3/7 = 428.57 ms.
    for (lead_ms, overtakes) in [(428, true), (429, false)] {
        let mut pool = pool(MempoolConfig::default());
        admit(&mut pool, &chain, draft(0, 0), 1_000).unwrap();
        admit(&mut pool, &chain, draft(1, 0).tip(WEIGHT), 1_000 + lead_ms).unwrap();
        let first = if overtakes { draft(1, 0).tip(WEIGHT).id() } else { draft(0, 0).id() };
        assert_eq!(selected(&pool)[0], first, "{lead_ms} ms");
    }
}

#[test]
fn sixty_to_forty_favours_high_fees_and_bounds_the_wait() {
    let _shown = testkit::contract!("S000-043");
    let chain = Chain::with(4);
    let mut pool = pool(weights(600_000, 400_000));
    let patient = draft(0, 0);
    admit(&mut pool, &chain, patient, 1_000).unwrap();
    // A high fee goes first …
    let rich = draft(1, 0).tip(50_000_000);
    admit(&mut pool, &chain, rich, 2_000).unwrap();
    // … even the highest, but not once somebody has waited 60 s · 0.4 / 0.6 = 40 s.
    let just_early = draft(2, 0).tip(90_000_000);
    admit(&mut pool, &chain, just_early, 40_999).unwrap();
    let too_late = draft(3, 0).tip(90_000_000);
    admit(&mut pool, &chain, too_late, 41_000).unwrap();
    assert_eq!(selected(&pool), [rich, just_early, patient, too_late].map(|draft| draft.id()));
}

#[test]
fn a_payers_nonces_go_in_order_across_lanes_whatever_the_tips() {
    let chain = Chain::with(2);
    let mut pool = pool(weights(0, 1_000_000));
    let run = [
        draft(0, 0),
        draft(0, 1).tip(5_000).lane(Lane::Industrial),
        draft(0, 2).tip(100),
        draft(0, 3).tip(6_000).lane(Lane::Industrial),
    ];
    let other = draft(1, 0).tip(200);
    for draft in run.iter().rev().chain([&other]) {
        admit(&mut pool, &chain, *draft, 1).unwrap();
    }
    assert_eq!(selected(&pool), [other, run[0], run[1], run[2], run[3]].map(|draft| draft.id()));
}

/// Four payers; the first three have three nonces each; payer 1's second is industrial.
fn filled() -> Mempool {
    let chain = Chain::with(4);
    let mut pool = pool(weights(1_000_000, 0));
    for value in 0..3 {
        for payer in 0..3 {
            let lane = if payer == 1 && value == 1 { Lane::Industrial } else { Lane::Consumer };
            admit(&mut pool, &chain, draft(payer, value).lane(lane), value * 10 + u64::from(payer)).unwrap();
        }
    }
    admit(&mut pool, &chain, draft(3, 0).lane(Lane::Industrial), 99).unwrap();
    pool
}

fn id(payer: u8, value: u64) -> TransactionId {
    let lane = if (payer, value) == (1, 1) || payer == 3 { Lane::Industrial } else { Lane::Consumer };
    draft(payer, value).lane(lane).id()
}

#[test]
fn the_rest_stays_in_order_for_later_blocks() {
    let pool = filled();
    let limits = SelectLimits { transactions: 4, bytes: usize::MAX };
    let first: Vec<TransactionId> = pool.select(limits).map(|candidate| candidate.id).collect();
    assert_eq!(first, [id(0, 0), id(1, 0), id(2, 0), id(0, 1)]);
    assert_eq!(pool.len(), 10);
    assert_eq!(selected(&pool)[..4], first);
    assert_eq!(pool.select(SelectLimits { transactions: 0, bytes: usize::MAX }).count(), 0);
}

#[test]
fn a_refused_candidate_takes_its_payers_later_nonces_with_it() {
    let pool = filled();
    let mut selection = pool.select(SelectLimits { transactions: 7, bytes: usize::MAX });
    let mut taken = Vec::new();
    while let Some(candidate) = selection.next() {
        if candidate.id == id(1, 0) {
            selection.refuse();
            selection.refuse();
        } else {
            taken.push(candidate.id);
        }
    }
    // Seven places: the refused one used none.
    assert_eq!(taken, [id(0, 0), id(2, 0), id(0, 1), id(2, 1), id(0, 2), id(2, 2), id(3, 0)]);
    // Refusing before the first candidate and after the last does nothing.
    selection.refuse();
    assert_eq!(selection.next(), None);
    let mut fresh = pool.select(ALL);
    fresh.refuse();
    assert_eq!(fresh.count(), 10);
}

#[test]
fn a_closed_lane_offers_nothing_more_nor_what_follows_it() {
    let pool = filled();
    let mut selection = pool.select(ALL);
    let mut taken = Vec::new();
    while let Some(candidate) = selection.next() {
        if candidate.lane == Lane::Industrial {
            selection.refuse();
            selection.close_lane(Lane::Industrial);
        } else {
            taken.push(candidate.id);
        }
    }
    assert_eq!(taken, [id(0, 0), id(1, 0), id(2, 0), id(0, 1), id(2, 1), id(0, 2), id(2, 2)]);
    let mut selection = pool.select(ALL);
    selection.close_lane(Lane::Consumer);
    assert_eq!(selection.map(|candidate| candidate.id).collect::<Vec<_>>(), [id(3, 0)]);
}

#[test]
fn the_byte_limit_lets_shorter_ones_pass_but_keeps_nonce_order() {
    let chain = Chain::with(2);
    let mut pool = pool(weights(1_000_000, 0));
    let long = Draft { memo_bytes: 64, ..draft(0, 0) };
    let short = draft(1, 0);
    let (long_bytes, short_bytes) = (long.checked().bytes(), short.checked().bytes());
    assert_eq!(long_bytes, short_bytes + 64);
    admit(&mut pool, &chain, long, 1).unwrap();
    admit(&mut pool, &chain, short, 2).unwrap();
    // Of the same payer as the long one, so it cannot pass it.
    admit(&mut pool, &chain, draft(0, 1), 3).unwrap();
    let with = |bytes| -> Vec<TransactionId> {
        pool.select(SelectLimits { transactions: 10, bytes }).map(|candidate| candidate.id).collect()
    };
    assert_eq!(with(long_bytes + short_bytes), [long.id(), short.id()]);
    assert_eq!(with(long_bytes + 2 * short_bytes), [long.id(), short.id(), draft(0, 1).id()]);
    assert_eq!(with(long_bytes + short_bytes - 1), [long.id()]);
    assert_eq!(with(long_bytes - 1), [short.id()]);
    assert_eq!(with(short_bytes - 1), []);
}

#[test]
fn a_list_is_sorted_by_score_and_bounded() {
    let pool = filled();
    let all = pool.list(Timestamp(1_000), usize::MAX);
    assert_eq!(all.len(), 10);
    assert!(all.windows(2).all(|pair| pair[0].score >= pair[1].score));
    assert_eq!((all[0].id, all[0].age_ms, all[0].pending), (id(0, 0), 1_000, true));
    assert_eq!(pool.list(Timestamp(1_000), 3), all[..3]);
    let status = pool.status(Timestamp(1_000));
    assert_eq!((status.senders, status.lanes[0].oldest_age_ms, status.lanes[1].oldest_age_ms), (4, 1_000, 989));
    assert_eq!((status.priority_weight_ppm, status.fee_weight_ppm), (1_000_000, 0));
}
