//! Token buckets: what is allowed, when, for whom, and how much is remembered.

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use proptest::prelude::*;

use crate::rate::{Buckets, CALLERS_MAX, Caller, Class, Rate, Rates, SWEEP_PAUSE};
use crate::routes::Operation;

const RATE: Rate = Rate { burst: 120, per_minute: 60 };
const RATES: Rates = Rates { read: Some(RATE), write: Some(Rate { burst: 2, per_minute: 6 }) };

fn from(text: &str) -> Caller {
    Caller::Address(text.parse().unwrap())
}

/// How many of `count` requests at `now` are allowed.
fn allowed(buckets: &mut Buckets, caller: Caller, class: Class, now: Instant, count: u32) -> u32 {
    (0..count).map(|_| u32::from(buckets.take(caller, class, now).unwrap().is_allowed)).sum()
}

#[test]
fn a_burst_is_allowed_and_then_one_a_second() {
    let (start, mut buckets) = (Instant::now(), Buckets::new(RATES));
    let caller = from("192.0.2.1");
    let first = buckets.take(caller, Class::Read, start).unwrap();
    assert_eq!((first.is_allowed, first.remaining, first.wait), (true, 119, Duration::ZERO));
    assert_eq!((first.policy().as_str(), first.remainder().as_str()), ("\"read\";q=120;w=120", "\"read\";r=119;t=0"));
    assert_eq!(allowed(&mut buckets, caller, Class::Read, start, 200), 119);
    let refused = buckets.take(caller, Class::Read, start).unwrap();
    assert_eq!((refused.is_allowed, refused.remaining, refused.wait_seconds()), (false, 0, 1));
    // Who obeys the wait is allowed; who does not, is not.
    assert!(!buckets.take(caller, Class::Read, start + Duration::from_millis(999)).unwrap().is_allowed);
    assert!(buckets.take(caller, Class::Read, start + refused.wait).unwrap().is_allowed);
    assert_eq!(allowed(&mut buckets, caller, Class::Read, start + Duration::from_secs(11), 50), 10);
    assert_eq!(allowed(&mut buckets, caller, Class::Read, start + Duration::from_secs(86_400), 500), 120);
}

#[test]
fn reads_writes_addresses_and_tokens_do_not_share() {
    let (now, mut buckets) = (Instant::now(), Buckets::new(RATES));
    let one = from("192.0.2.1");
    assert_eq!(allowed(&mut buckets, one, Class::Write, now, 9), 2);
    assert_eq!(buckets.take(one, Class::Write, now).unwrap().wait, Duration::from_secs(10));
    assert_eq!(allowed(&mut buckets, one, Class::Read, now, 9), 9, "reads have their own");
    for other in [from("192.0.2.2"), Caller::Token(0), Caller::Token(1)] {
        assert_eq!(allowed(&mut buckets, other, Class::Write, now, 9), 2, "{other:?}");
    }
    let class = |operation: Operation| Class::of(operation.route());
    assert_eq!([Operation::TransactionSubmit, Operation::SnapshotMake].map(class), [Class::Write; 2]);
    assert_eq!([Operation::BlockList, Operation::Metrics, Operation::HeadStream].map(class), [Class::Read; 3]);
}

#[test]
fn whoever_has_one_address_of_a_network_has_all_of_it() {
    let (now, mut buckets) = (Instant::now(), Buckets::new(RATES));
    assert_eq!(allowed(&mut buckets, from("2001:db8::1"), Class::Write, now, 2), 2);
    assert_eq!(allowed(&mut buckets, from("2001:db8::ffff:1"), Class::Write, now, 2), 0, "the same /64");
    assert_eq!(allowed(&mut buckets, from("2001:db8:0:1::1"), Class::Write, now, 2), 2, "another /64");
    assert_eq!(allowed(&mut buckets, from("::ffff:192.0.2.7"), Class::Write, now, 2), 2);
    assert_eq!(allowed(&mut buckets, from("192.0.2.7"), Class::Write, now, 2), 0, "the same address");
}

#[test]
fn nothing_is_limited_without_a_rate_and_other_rates_count_at_once() {
    let (now, mut buckets) = (Instant::now(), Buckets::new(Rates::default()));
    assert_eq!(buckets.take(Caller::Token(0), Class::Read, now), None);
    assert!(buckets.is_empty());
    buckets.set_rates(RATES);
    assert_eq!(allowed(&mut buckets, Caller::Token(0), Class::Read, now, 20), 20);
    buckets.set_rates(Rates { read: Some(Rate { burst: 5, per_minute: 1 }), write: None });
    assert_eq!(allowed(&mut buckets, Caller::Token(0), Class::Read, now, 20), 5, "what it held is cut to the burst");
    assert_eq!(buckets.rates().write, None);
}

#[test]
fn a_flood_of_addresses_is_bounded_and_slows_strangers_only() {
    let (start, mut buckets) = (Instant::now(), Buckets::new(RATES));
    let known = from("192.0.2.1");
    assert_eq!(allowed(&mut buckets, known, Class::Write, start, 1), 1);
    let address = |number: u32| Caller::Address(IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + number)));
    let flood = u32::try_from(CALLERS_MAX).unwrap() * 2;
    let passed: u32 = (0..flood).map(|number| allowed(&mut buckets, address(number), Class::Write, start, 1)).sum();
    assert_eq!(buckets.len(), CALLERS_MAX);
    assert_eq!(passed, u32::try_from(CALLERS_MAX).unwrap() - 1 + 2, "strangers share one bucket");
    assert_eq!(allowed(&mut buckets, known, Class::Write, start, 9), 1, "who was there keeps its own");
    // A bucket of 2 at 6 a minute is full again after 20 s; then there is room.
    let later = start + Duration::from_secs(20) + SWEEP_PAUSE;
    assert_eq!(allowed(&mut buckets, address(flood), Class::Write, later, 9), 2);
    assert!(buckets.len() < CALLERS_MAX);
}

#[test]
fn time_that_goes_back_gives_nothing() {
    let (start, mut buckets) = (Instant::now() + Duration::from_secs(60), Buckets::new(RATES));
    assert_eq!(allowed(&mut buckets, Caller::Token(0), Class::Write, start, 9), 2);
    assert_eq!(allowed(&mut buckets, Caller::Token(0), Class::Write, start - Duration::from_secs(50), 9), 0);
    assert_eq!(allowed(&mut buckets, Caller::Token(0), Class::Write, start + Duration::from_secs(10), 9), 1);
}

proptest! {
    /// Over any time no caller gets more than the burst and what was gained meanwhile, and at most one request less.
    #[test]
    fn nobody_gets_more_than_burst_and_rate(
        burst in 1_u32..50,
        per_minute in 1_u32..600,
        steps in prop::collection::vec((0_u64..3_000, 1_u32..20), 1..60),
    ) {
        let rate = Rate { burst, per_minute };
        let mut buckets = Buckets::new(Rates { read: Some(rate), write: None });
        let start = Instant::now();
        let (mut elapsed, mut passed) = (0_u64, 0_u64);
        for (pause, requests) in steps {
            elapsed += pause;
            let now = start + Duration::from_millis(elapsed);
            passed += u64::from(allowed(&mut buckets, Caller::Token(0), Class::Read, now, requests));
            let most = u64::from(burst) + elapsed * u64::from(per_minute) / 60_000;
            prop_assert!(passed <= most, "{passed} of {most}");
        }
    }
}
