//! Planning: the ceiling covers what the chain may take, and hopeless requests are refused by name.

use primitives::{Action, Address, Amount, Hash, Height, Lane, Nonce, Payment, SecretKey};
use testkit::Seed;

use crate::plan::{
    BASE_FEE_STEP_DIVISOR, FeeQuote, MARGIN_BLOCKS, PlanError, PlanRequest, batch, plan, raised, transfer,
};

fn micro(amount: u64) -> Amount {
    Amount::new(amount).expect("the amount is below 2^63")
}

fn quote() -> FeeQuote {
    FeeQuote {
        height: Height(100),
        base_fees: [micro(8), micro(4), micro(2)],
        open_fee: micro(1_000),
        open_fee_rise: micro(100),
        valid_until_max: 1_000,
    }
}

fn request(action: Action) -> PlanRequest {
    PlanRequest {
        payer: Address::of_key(&SecretKey::from_seed([1; 32]).public_key()),
        nonce: Nonce::new(3).expect("3 is below 2^63"),
        action,
        weight: 10,
        opens: 1,
        tip: micro(5),
        valid_until: Height(200),
    }
}

fn pay(amount: u64) -> Action {
    transfer(Address([7; 30]), micro(amount), b"rent").expect("the payment is allowed")
}

#[test]
fn a_transfer_is_planned_to_the_last_micro_block() {
    let planned = plan(request(pay(50)), &quote()).expect("the request is good");
    // 8 rises to 9, 11, 13, 15, 17, 20, 23, 26, 30, 34 in ten full blocks.
    assert_eq!(raised(micro(8)), Ok(micro(34)));
    assert_eq!(planned.fee_now, micro(8 * 10 + 1_000 + 5));
    assert_eq!(planned.body.max_fee, micro(34 * 10 + 1_100 + 5));
    assert_eq!(planned.spend_max, micro(50 + 34 * 10 + 1_100 + 5));
    assert_eq!((planned.body.lane, planned.body.tip, planned.body.nonce.get()), (Lane::Consumer, micro(5), 3));
}

#[test]
fn a_batch_of_the_cheaper_lane_may_have_to_pay_the_dearer_one() {
    let payments = vec![Payment { to: Address([7; 30]), amount: micro(2) }; 3];
    let planned = plan(request(batch(payments).expect("three payments are allowed")), &quote()).expect("good");
    assert_eq!(planned.body.lane, Lane::Industrial);
    assert_eq!(planned.fee_now, micro(4 * 10 + 1_000 + 5));
    assert_eq!(planned.body.max_fee, micro(34 * 10 + 1_100 + 5));
    assert_eq!(planned.spend_max.micro(), planned.body.max_fee.micro() + 6);
}

#[test]
fn a_planned_body_passes_the_chains_own_checks_once_signed() {
    let genesis = Hash([2; 32]);
    for action in [pay(1), batch(vec![Payment { to: Address([7; 30]), amount: micro(1) }; 64]).expect("64 are allowed")]
    {
        let planned = plan(request(action), &quote()).expect("the request is good");
        assert_eq!(planned.body.sign(&SecretKey::from_seed([1; 32]), &genesis).check(&genesis), Ok(()));
    }
}

#[test]
fn the_ceiling_covers_every_path_of_the_base_fee_within_the_margin() {
    let mut seed = Seed::new();
    for _ in 0..2_000 {
        let mut quote = quote();
        quote.base_fees = [micro(1 + seed.below(1 << 30)), micro(1 + seed.below(1 << 30)), micro(1)];
        let mut request = request(pay(1));
        request.weight = 1 + seed.below(1 << 20);
        request.opens = seed.below(65);
        let ceiling = plan(request.clone(), &quote).expect("the request is good").body.max_fee.micro();
        let mut base_fees = quote.base_fees.map(Amount::micro);
        for _ in 0..MARGIN_BLOCKS {
            for fee in &mut base_fees {
                let step = seed.below(fee.div_ceil(BASE_FEE_STEP_DIVISOR) + 1);
                *fee = if seed.chance(80) { *fee + step } else { (*fee - step).max(1) };
            }
            // The open fee may have risen once; a borrowing lane pays the higher base fee.
            let charged = base_fees[0].max(base_fees[1]) * request.weight + 1_100 * request.opens + 5;
            assert!(charged <= ceiling, "{charged} is above {ceiling}");
        }
    }
}

#[test]
fn hopeless_requests_are_refused_by_name() {
    let planned = |change: &dyn Fn(&mut PlanRequest)| {
        let mut request = request(pay(50));
        change(&mut request);
        plan(request, &quote())
    };
    let expired = PlanError::Expired { valid_until: Height(100), height: Height(100) };
    assert_eq!(planned(&|it| it.valid_until = Height(100)), Err(expired));
    assert!(planned(&|it| it.valid_until = Height(101)).is_ok());
    let far = PlanError::TooFarAhead { valid_until: Height(1_101), latest: Height(1_100) };
    assert_eq!(planned(&|it| it.valid_until = Height(1_101)), Err(far));
    assert!(planned(&|it| it.valid_until = Height(1_100)).is_ok());
    let changes: [&dyn Fn(&mut PlanRequest); 4] =
        [&|it| it.weight = u64::MAX, &|it| it.opens = u64::MAX, &|it| it.tip = Amount::MAX, &|it| {
            it.action = pay(Amount::MAX.micro())
        }];
    for change in changes {
        assert_eq!(planned(change), Err(PlanError::AmountOutOfRange));
    }
    assert_eq!(raised(Amount::MAX), Err(PlanError::AmountOutOfRange));
    let nobody = Address([7; 30]);
    assert_eq!(transfer(nobody, Amount::ZERO, b""), Err(PlanError::EmptyPayment));
    assert_eq!(transfer(nobody, micro(1), &[0; 65]), Err(PlanError::MemoTooLong(65)));
    assert_eq!(batch(Vec::new()), Err(PlanError::EmptyPayment));
    assert_eq!(batch(vec![Payment { to: nobody, amount: Amount::ZERO }]), Err(PlanError::EmptyPayment));
    assert_eq!(batch(vec![Payment { to: nobody, amount: micro(1) }; 65]), Err(PlanError::TooManyPayments(65)));
    let overflow = batch(vec![Payment { to: nobody, amount: Amount::MAX }; 2]).expect("each amount is allowed");
    assert_eq!(planned(&|it| it.action = overflow.clone()), Err(PlanError::AmountOutOfRange));
}
