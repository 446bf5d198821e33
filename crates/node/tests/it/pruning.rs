//! How far a node may prune.

use std::time::Duration;

use node::pruning::{Facts, HeldBy, Plan, plan, rest};
use primitives::Height;
use testkit::Seed;

const FACTS: Facts = Facts {
    head: Height(10_000),
    retention_depth: 128,
    evidence_blocks: 1_000,
    trusting_blocks: 5_000,
    proven: Height(9_600),
    window_blocks: 120,
    open_windows_max: 64,
};

fn planned(change: impl FnOnce(&mut Facts)) -> (u64, u64, HeldBy) {
    let mut facts = FACTS;
    change(&mut facts);
    let Plan { to, held_by } = plan(&facts);
    (to.bodies.0, to.headers_from.0, held_by)
}

#[test]
fn the_longest_of_the_three_distances_counts() {
    assert_eq!(planned(|_| {}), (9_000, 5_000, HeldBy::EvidenceWindow));
    assert_eq!(planned(|facts| facts.retention_depth = 2_000), (8_000, 5_000, HeldBy::RetentionDepth));
    assert_eq!(planned(|facts| facts.proven = Height(4_800)), (4_800, 4_800, HeldBy::OpenWindows));
    assert_eq!(planned(|facts| facts.proven = Height(0)), (2_320, 2_320, HeldBy::OpenWindows), "64 windows");
    assert_eq!(planned(|facts| facts.evidence_blocks = 128).2, HeldBy::OpenWindows, "9,600 is before 9,872");
    assert_eq!(planned(|facts| facts.evidence_blocks = 20_000), (0, 0, HeldBy::EvidenceWindow), "a young chain");
}

#[test]
fn nothing_that_somebody_may_need_goes() {
    let mut seed = Seed::new();
    for _ in 0..20_000 {
        // Numbers of every size, the largest included.
        let mut number = || seed.u64() >> seed.index(64);
        let [head, retention_depth, evidence_blocks, trusting_blocks] = [(); 4].map(|()| number());
        let [proven, window_blocks, open_windows_max] = [(); 3].map(|()| number());
        let facts = Facts {
            head: Height(head),
            retention_depth,
            evidence_blocks,
            trusting_blocks,
            proven: Height(proven),
            window_blocks,
            open_windows_max,
        };
        let to = plan(&facts).to;
        assert!(to.headers_from <= to.bodies && to.bodies.0 <= head, "{facts:?}");
        assert!(head - to.bodies.0 >= retention_depth.max(evidence_blocks).min(head), "{facts:?}");
        assert!(head - to.headers_from.0 >= trusting_blocks.min(head), "{facts:?}");
        let open = open_windows_max.saturating_mul(window_blocks).min(head);
        assert!(to.bodies.0 <= proven || head - to.bodies.0 >= open, "{facts:?}");
    }
}

#[test]
fn taking_room_back_rests_for_as_long_as_its_bytes_take() {
    assert_eq!(rest(0, 1_000), Duration::ZERO);
    assert_eq!(rest(1_500, 1_000), Duration::from_millis(1_500));
    assert_eq!(rest(64 << 20, 32 << 20), Duration::from_secs(2));
    assert_eq!(rest(u64::MAX, 0), Duration::from_millis(u64::MAX), "no pace is no division by nothing");
}
