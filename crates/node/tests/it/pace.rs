//! So many bytes per second and no more, none for who would wait too long, and a new rate counts for those who wait.

use std::sync::Arc;
use std::time::{Duration, Instant};

use node::pace::Pace;
use testkit::Seed;

/// Takes, and says how long to wait.
fn take(pace: &Pace, bytes: usize, now: Instant, wait_max: Duration) -> Result<Duration, Duration> {
    pace.take(bytes, now, wait_max).map(|turn| pace.wait(turn, now))
}

#[test]
fn what_goes_out_never_exceeds_the_rate() {
    let mut seed = Seed::new();
    for _ in 0..50 {
        let rate = 1_000 + seed.below(10_000_000);
        let (pace, start) = (Pace::new(rate), Instant::now());
        let (mut now, mut sent) = (start, 0_u64);
        for _ in 0..200 {
            let bytes = seed.below(2_000_000);
            let wait = take(&pace, usize::try_from(bytes).unwrap(), now, Duration::MAX).expect("there is no bound");
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
    assert_eq!(take(&pace, 5_000, now, Duration::ZERO), Ok(Duration::ZERO), "the first goes out at once");
    assert_eq!(take(&pace, 1, now, Duration::from_secs(4)), Err(Duration::from_secs(5)));
    assert_eq!(take(&pace, 1_000, now, Duration::from_secs(5)), Ok(Duration::from_secs(5)), "nothing was taken before");
    assert_eq!(take(&pace, 1, now + Duration::from_secs(7), Duration::ZERO), Ok(Duration::ZERO));
    pace.set(0, now);
    assert_eq!(take(&pace, usize::MAX, now, Duration::ZERO), Ok(Duration::ZERO));
}

#[test]
fn a_new_rate_counts_for_what_is_left_of_a_wait() {
    let (pace, start) = (Pace::new(1_000), Instant::now());
    pace.take(10_000, start, Duration::ZERO).unwrap();
    let turn = pace.take(1, start, Duration::MAX).unwrap();
    assert_eq!(pace.wait(turn, start), Duration::from_secs(10));
    // After four seconds 6,000 bytes are left: 12 s at half the rate, 3 s at twice the first one.
    let later = start + Duration::from_secs(4);
    pace.set(500, later);
    assert_eq!(pace.wait(turn, later), Duration::from_secs(12));
    pace.set(2_000, later);
    assert_eq!(pace.wait(turn, later), Duration::from_secs(3));
    pace.set(0, later);
    assert_eq!(pace.wait(turn, later), Duration::ZERO);
    // A limit that comes back does not count what went out without one.
    pace.set(1_000, later);
    assert_eq!(pace.wait(turn, later), Duration::ZERO);
}

#[tokio::test]
async fn who_sleeps_by_an_old_limit_is_woken_by_the_new_one() {
    for rate in [0, u64::MAX] {
        let pace = Arc::new(Pace::new(1_000));
        // Eleven days at this rate.
        pace.pass(1_000_000_000, Duration::ZERO).await.unwrap();
        let own = Arc::clone(&pace);
        let waiting = tokio::spawn(async move { own.pass(1, Duration::MAX).await });
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(!waiting.is_finished());
        pace.set(rate, Instant::now());
        let ended = tokio::time::timeout(Duration::from_secs(10), waiting).await;
        assert!(ended.is_ok_and(|ended| ended.unwrap().is_ok()), "it still sleeps at {rate} a second");
    }
}
