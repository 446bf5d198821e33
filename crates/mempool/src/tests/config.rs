//! Limits and weights are refused by name.

use crate::{LIMIT_MAX, Mempool, MempoolConfig, MempoolConfigError, NONCE_GAP_MAX};

#[test]
fn the_default_is_valid_and_is_that_of_the_manual() {
    let config = MempoolConfig::default();
    assert_eq!(config.validate(), Ok(()));
    assert_eq!(config.limit, 8_192);
    assert_eq!((config.priority_weight_ppm, config.fee_weight_ppm), (700_000, 300_000));
    assert_eq!((config.per_sender_limit, config.nonce_gap_max), (64, 64));
}

#[test]
fn a_limit_of_zero_is_refused() {
    let _shown = testkit::contract!("S000-031");
    let config = MempoolConfig { limit: 0, ..MempoolConfig::default() };
    assert_eq!(config.validate(), Err(MempoolConfigError::LimitZero));
    assert_eq!(Mempool::new(config).err(), Some(MempoolConfigError::LimitZero));
    let text = MempoolConfigError::LimitZero.to_string();
    assert!(text.contains("mempool_limit is 0") && text.contains("at least 1"), "{text}");
    assert_eq!(MempoolConfig { limit: 1, ..MempoolConfig::default() }.validate(), Ok(()));
}

#[test]
fn every_other_bound_is_refused_beyond_it_and_accepted_on_it() {
    let default = MempoolConfig::default();
    let cases = [
        (
            MempoolConfig { limit: LIMIT_MAX + 1, ..default },
            MempoolConfigError::LimitTooLarge(LIMIT_MAX + 1),
            MempoolConfig { limit: LIMIT_MAX, ..default },
        ),
        (
            MempoolConfig { per_sender_limit: 0, ..default },
            MempoolConfigError::PerSenderZero,
            MempoolConfig { per_sender_limit: 1, ..default },
        ),
        (
            MempoolConfig { nonce_gap_max: NONCE_GAP_MAX + 1, ..default },
            MempoolConfigError::NonceGapTooLarge(NONCE_GAP_MAX + 1),
            MempoolConfig { nonce_gap_max: NONCE_GAP_MAX, ..default },
        ),
    ];
    for (wrong, error, right) in cases {
        assert_eq!(wrong.validate(), Err(error));
        assert_eq!(right.validate(), Ok(()));
    }
}

#[test]
fn the_weights_must_sum_to_exactly_one() {
    let with = |priority, fee| MempoolConfig {
        priority_weight_ppm: priority,
        fee_weight_ppm: fee,
        ..MempoolConfig::default()
    };
    for (priority, fee) in [(1_000_000, 0), (0, 1_000_000), (600_000, 400_000), (1, 999_999)] {
        assert_eq!(with(priority, fee).validate(), Ok(()), "{priority} + {fee}");
    }
    for (priority, fee) in [(0, 0), (700_000, 300_001), (699_999, 300_000), (u32::MAX, 1_000_001), (1, u32::MAX)] {
        assert_eq!(with(priority, fee).validate(), Err(MempoolConfigError::WeightsSum { priority, fee }));
    }
}
