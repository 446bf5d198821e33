//! So many bytes per second and no more, and none for who would wait too long.

use std::time::{Duration, Instant};

use node::pace::Pace;
use testkit::Seed;

#[test]
fn what_goes_out_never_exceeds_the_rate() {
    let mut seed = Seed::new();
    for _ in 0..50 {
        let rate = 1_000 + seed.below(10_000_000);
        let (pace, start) = (Pace::new(rate), Instant::now());
        let (mut now, mut sent) = (start, 0_u64);
        for _ in 0..200 {
            let bytes = seed.below(2_000_000);
            let wait = pace.take(usize::try_from(bytes).unwrap(), now, Duration::MAX).expect("there is no bound");
            // When these begin, those before them are through.
            let begins = now + wait;
            let through = u128::from(rate) * begins.duration_since(start).as_micros() / 1_000_000;
            assert!(u128::from(sent) <= through + 1, "{sent} bytes, {through} may be out at {rate} a second");
            sent += bytes;
            now += Duration::from_micros(seed.below(500_000));
        }
    }
}

#[test]
fn who_would_wait_too_long_takes_nothing_and_no_rate_is_no_limit() {
    let (pace, now) = (Pace::new(1_000), Instant::now());
    assert_eq!(pace.take(5_000, now, Duration::ZERO), Ok(Duration::ZERO), "the first goes out at once");
    assert_eq!(pace.take(1, now, Duration::from_secs(4)), Err(Duration::from_secs(5)));
    assert_eq!(pace.take(1_000, now, Duration::from_secs(5)), Ok(Duration::from_secs(5)), "nothing was taken before");
    assert_eq!(pace.take(1, now + Duration::from_secs(7), Duration::ZERO), Ok(Duration::ZERO));
    pace.set(0);
    assert_eq!(pace.take(usize::MAX, now, Duration::ZERO), Ok(Duration::ZERO));
}
