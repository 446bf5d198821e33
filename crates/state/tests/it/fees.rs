//! Base fees, lane shares, lending and opening fees.

use primitives::{Amount, Lane, Params};
use state::fees::{LaneMeter, Placement, next_base_fee, open_fee, share};

use crate::chain::amount;

#[test]
fn base_fee_follows_demand_by_at_most_an_eighth_and_never_sticks() {
    let params = Params::default();
    let cases = [
        ("on target", 800, 500, 1_000, 800),
        ("full share", 800, 1_000, 1_000, 900),
        ("empty", 800, 0, 1_000, 700),
        ("half above", 800, 750, 1_000, 850),
        ("step is rounded up", 8, 501, 1_000, 9),
        ("small fees still fall", 7, 0, 1_000, 6),
        ("floor", 1, 0, 1_000, 1),
        ("lending beyond the share counts once", 800, 5_000, 1_000, 900),
        ("no share", 10, 0, 0, 8),
    ];
    for (name, current, demand, share, expected) in cases {
        let next = next_base_fee(&params, amount(current), demand, share);
        assert_eq!(next, amount(expected), "{name}");
    }
}

#[test]
fn base_fee_stays_in_range_at_the_edges() {
    let params = Params::default();
    for current in [1, 2, 7, 8, 9, (1 << 40) - 1, 1 << 40] {
        for demand in [0, 1, 499, 500, 501, u64::MAX] {
            let next = next_base_fee(&params, amount(current), demand, 1_000);
            let step = current.div_ceil(8);
            assert!(next >= params.base_fee_floor && next <= amount(1 << 40), "{current} {demand}");
            assert!(next.micro().abs_diff(current) <= step, "{current} {demand} {next}");
        }
    }
}

#[test]
fn a_lane_uses_its_own_share_then_borrows_then_is_full() {
    let params = Params { block_weight_max: 10_000, ..Params::default() };
    let mut meter = LaneMeter::new(&params);
    assert_eq!(share(&params, Lane::Consumer), 5_500);
    assert_eq!(meter.place(Lane::Consumer, 5_500, true), Some(Placement::Own));
    meter.record(Lane::Consumer, 5_500, Placement::Own);
    assert_eq!(meter.place(Lane::Consumer, 1, false), None, "a proposer serves the other lane first");
    assert_eq!(meter.place(Lane::Consumer, 3_500, true), Some(Placement::Borrowed));
    assert_eq!(meter.place(Lane::Consumer, 3_501, true), None);
    meter.record(Lane::Consumer, 3_000, Placement::Borrowed);
    assert_eq!(meter.demand(Lane::Industrial), 3_000, "lent weight is the lender's demand");
    assert_eq!(meter.place(Lane::Industrial, 100, true), None, "a lane that has lent is closed");
    assert_eq!(meter.place(Lane::Consumer, 501, true), None);
    assert_eq!(meter.place(Lane::Consumer, 500, true), Some(Placement::Borrowed));
}

#[test]
fn the_reserved_lane_neither_lends_nor_borrows() {
    let params = Params { block_weight_max: 10_000, ..Params::default() };
    let (mut meter, reserved) = (LaneMeter::new(&params), share(&params, Lane::Reserved));
    assert_eq!((reserved, Lane::Reserved.other()), (1_000, None));
    assert_eq!(meter.place(Lane::Reserved, reserved + 1, true), None, "it has its share and no more");
    // Payments fill all that is theirs, and not a unit of the reserved share.
    meter.record(Lane::Consumer, 5_500, Placement::Own);
    meter.record(Lane::Consumer, 3_500, Placement::Borrowed);
    for lane in [Lane::Consumer, Lane::Industrial] {
        assert_eq!(meter.place(lane, 1, true), None);
    }
    assert_eq!(meter.place(Lane::Reserved, reserved, true), Some(Placement::Own));
    meter.record(Lane::Reserved, reserved, Placement::Own);
    assert_eq!(meter.place(Lane::Reserved, 1, true), None);
    assert_eq!(meter.demand(Lane::Reserved), reserved);
}

#[test]
fn opening_fee_rises_with_the_slots_in_use() {
    let params = Params::default();
    assert_eq!(open_fee(&params, 0), Some(amount(1_000)));
    assert_eq!(open_fee(&params, 999_999), Some(amount(1_000)));
    assert_eq!(open_fee(&params, 1_000_000), Some(amount(2_000)));
    assert_eq!(open_fee(&params, u32::MAX), Some(amount(1_000 + 4_294 * 1_000)));
    let broken = Params { open_fee_step: Amount::MAX, ..Params::default() };
    assert_eq!(open_fee(&broken, u32::MAX), None);
}
