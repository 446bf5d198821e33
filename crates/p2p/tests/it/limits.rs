//! Tables for the rate limits and the replay window.

use p2p::LimitsConfig;
use p2p::limits::{Exceeded, PeerLimiter, ReplayWindow, SlidingWindow};
use primitives::Hash;
use testkit::Seed;

#[test]
fn zero_limits_are_clamped_and_reported() {
    let _shown = testkit::contract!("S000-028");
    let configured = LimitsConfig { gossip_rate_limit_per_sec: 0, replay_window_size: 0, ..LimitsConfig::default() };
    let (effective, warnings) = configured.clamped();
    assert_eq!((effective.gossip_rate_limit_per_sec, effective.replay_window_size), (1, 1));
    let named: Vec<_> = warnings.iter().map(|warning| (warning.field, warning.configured, warning.effective)).collect();
    assert_eq!(named, [("gossip_rate_limit_per_sec", 0, 1), ("replay_window_size", 0, 1)]);
    assert!(warnings[0].to_string().contains("1 is in force"));
    // One message passes, so the limiter is not a limiter of 0.
    let mut limiter = PeerLimiter::new(&effective);
    assert_eq!(limiter.gossip(0, 10), Ok(()));
    assert_eq!(limiter.gossip(0, 10), Err(Exceeded::GossipRate));
    let mut replay = ReplayWindow::new(0);
    assert!(replay.insert(Hash([1; 32])) && !replay.insert(Hash([1; 32])));
}

#[test]
fn a_lower_gossip_limit_penalises_a_burst_sooner() {
    let _shown = testkit::contract!("S000-024");
    // How many messages of one burst pass before the first is dropped.
    let passed = |per_second: u64| {
        let limits = LimitsConfig { gossip_rate_limit_per_sec: per_second, ..LimitsConfig::default() };
        let mut limiter = PeerLimiter::new(&limits.clamped().0);
        (0..100).take_while(|_| limiter.gossip(50, 1).is_ok()).count()
    };
    assert_eq!([0, 1, 5, 20, 1_000].map(passed), [1, 1, 5, 20, 100]);
}

#[test]
fn every_other_limit_has_a_floor_and_a_ceiling() {
    let zero = LimitsConfig {
        gossip_rate_limit_per_sec: 0,
        replay_window_size: 0,
        rate_window_secs: 0,
        max_per_sec: 0,
        max_bytes_per_sec: 0,
        chain_sync_interval_ms: 0,
    };
    let (effective, warnings) = zero.clamped();
    assert_eq!((effective.rate_window_secs, effective.max_per_sec, effective.max_bytes_per_sec), (1, 1, 262_144));
    assert_eq!(effective.chain_sync_interval_ms, 0, "0 means off");
    assert_eq!(warnings.len(), 5);
    let eager = LimitsConfig { chain_sync_interval_ms: 1, ..LimitsConfig::default() }.clamped().0;
    assert_eq!(eager.chain_sync_interval_ms, 50);
    let huge = LimitsConfig { replay_window_size: u64::MAX, rate_window_secs: u64::MAX, ..LimitsConfig::default() };
    let (effective, warnings) = huge.clamped();
    assert_eq!((effective.replay_window_size, effective.rate_window_secs), (1_048_576, 3_600));
    assert_eq!(warnings.len(), 2);
    assert!(LimitsConfig::default().clamped().1.is_empty(), "defaults are in range");
}

#[test]
fn budgets_of_one_peer() {
    let _window = testkit::contract!("S004-069");
    assert_eq!(LimitsConfig::default().rate_window_secs, 1);
    let limits = LimitsConfig {
        gossip_rate_limit_per_sec: 3,
        max_per_sec: 2,
        rate_window_secs: 5,
        max_bytes_per_sec: 262_144,
        ..LimitsConfig::default()
    };
    let mut limiter = PeerLimiter::new(&limits);
    // 2 per second over 5 seconds: 10 requests at once, and no eleventh within the window.
    for _ in 0..10 {
        assert_eq!(limiter.request(100, 1), Ok(()));
    }
    assert_eq!(limiter.request(100, 1), Err(Exceeded::Requests));
    assert_eq!(limiter.request(5_099, 1), Err(Exceeded::Requests));
    assert_eq!(limiter.request(5_700, 1), Ok(()), "the window has passed");
    // Gossip has its own budget per second.
    for _ in 0..3 {
        assert_eq!(limiter.gossip(6_000, 1), Ok(()));
    }
    assert_eq!(limiter.gossip(6_900, 1), Err(Exceeded::GossipRate));
    assert_eq!(limiter.gossip(7_150, 1), Ok(()));
    // Bytes of both kinds share 5 × 256 KiB.
    let mut limiter = PeerLimiter::new(&limits);
    assert_eq!(limiter.gossip(0, 5 * 262_144 - 1), Ok(()));
    assert_eq!(limiter.request(0, 1), Ok(()));
    assert_eq!(limiter.request(0, 1), Err(Exceeded::Bytes));
}

#[test]
fn no_window_ever_holds_more_than_the_budget() {
    let mut seed = Seed::new();
    for _ in 0..200 {
        let (window_ms, budget) = (10 + seed.below(3_000), 1 + seed.below(50));
        let mut window = SlidingWindow::new(window_ms, budget);
        let mut now = seed.below(1 << 40);
        let mut taken: Vec<(u64, u64)> = Vec::new();
        for _ in 0..300 {
            now += seed.below(window_ms / 5 + 1);
            let amount = 1 + seed.below(4);
            if window.take(now, amount) {
                taken.push((now, amount));
            }
            let in_window: u64 = taken.iter().filter(|(at, _)| now - at < window_ms).map(|(_, amount)| amount).sum();
            assert!(in_window <= budget, "{in_window} in {window_ms} ms, budget {budget}");
        }
        assert!(!taken.is_empty() || budget < 4, "something passes");
    }
}

#[test]
fn a_sliding_window_survives_odd_clocks() {
    let mut window = SlidingWindow::new(1_000, 2);
    assert!(window.take(5_000, 2));
    assert!(!window.take(1, 1), "a clock that steps back stands still");
    assert!(!window.take(5_000, u64::MAX), "no overflow");
    assert!(window.take(u64::MAX, 2));
    assert!(!window.take(u64::MAX, 1));
}

#[test]
fn replay_window_forgets_only_the_oldest() {
    let _shown = testkit::contract!("S000-025");
    let mut least = ReplayWindow::new(0);
    assert!(least.insert(Hash([1; 32])) && !least.insert(Hash([1; 32])), "it never remembers nothing");
    let mut window = ReplayWindow::new(3);
    let digest = |byte: u8| Hash([byte; 32]);
    for byte in 1..=3 {
        assert!(window.insert(digest(byte)));
    }
    for byte in 1..=3 {
        assert!(!window.insert(digest(byte)), "{byte} is among the last three");
    }
    assert!(window.insert(digest(4)));
    assert!(!window.contains(&digest(1)) && window.contains(&digest(2)));
    assert!(window.insert(digest(1)), "forgotten, so new again");
}
