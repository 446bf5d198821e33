//! The table of reasons, cell by cell.

use crate::health::{
    Observation, Progress, Reason, Role, STALL_FLOOR_MS, behind, is_syncing, readiness, stall_limit_ms,
};

fn fine(role: Role) -> Observation<'static> {
    Observation {
        role,
        stopping: false,
        services_down: &[],
        disk_low: None,
        disk_full: None,
        quarantined: 0,
        starting: false,
        finalized_age_ms: 900,
        block_interval_ms: 1_000,
        behind: 0,
        syncing: false,
        peers: 3,
        only_validator: false,
    }
}

#[test]
fn the_only_validator_of_a_chain_needs_no_peers() {
    let alone = Observation { peers: 0, only_validator: true, ..fine(Role::Validator) };
    assert!(readiness(&alone).ready());
    assert_eq!(readiness(&Observation { only_validator: false, ..alone }).reasons, [Reason::NoPeers]);
}

const ROLES: [Role; 4] = [Role::Validator, Role::Full, Role::Solo, Role::Wallet];

#[test]
fn a_node_in_order_is_ready_in_every_role() {
    for role in ROLES {
        let verdict = readiness(&fine(role));
        assert!(verdict.ready() && verdict.reasons.is_empty(), "{role:?}");
    }
}

#[test]
fn each_fault_counts_for_the_roles_of_the_table() {
    type Break = fn(&mut Observation<'static>);
    let faults: [(&str, Break, &[Role]); 8] = [
        ("stopping", |seen| seen.stopping = true, &ROLES),
        ("disk_full", |seen| seen.disk_full = Some((1, 2)), &ROLES),
        ("service_down", |seen| seen.services_down = &["rpc"], &ROLES),
        ("quarantined", |seen| seen.quarantined = 2, &[Role::Validator, Role::Full, Role::Solo]),
        ("starting", |seen| seen.starting = true, &[Role::Validator, Role::Full]),
        (
            "syncing",
            |seen| {
                seen.syncing = true;
                seen.behind = 70;
            },
            &[Role::Validator, Role::Full],
        ),
        ("stalled", |seen| seen.finalized_age_ms = 10_001, &[Role::Validator, Role::Full, Role::Solo]),
        ("no_peers", |seen| seen.peers = 0, &[Role::Validator, Role::Full]),
    ];
    for (code, fault, roles) in faults {
        for role in ROLES {
            let mut seen = fine(role);
            fault(&mut seen);
            let verdict = readiness(&seen);
            let codes: Vec<&str> = verdict.reasons.iter().map(Reason::code).collect();
            let expected = if roles.contains(&role) { vec![code] } else { vec![] };
            assert_eq!(codes, expected, "{role:?}");
            assert_eq!(verdict.ready(), expected.is_empty());
        }
    }
}

#[test]
fn all_reasons_are_named_in_the_order_of_the_table() {
    let seen = Observation {
        stopping: true,
        services_down: &["rpc", "p2p"],
        disk_low: Some((5, 9)),
        disk_full: Some((5, 7)),
        quarantined: 3,
        starting: true,
        finalized_age_ms: 60_000,
        behind: 7,
        syncing: true,
        peers: 0,
        ..fine(Role::Validator)
    };
    let verdict = readiness(&seen);
    let expected = [
        Reason::Stopping,
        Reason::ServiceDown("rpc"),
        Reason::ServiceDown("p2p"),
        Reason::DiskLow { free: 5, floor: 9 },
        Reason::DiskFull { free: 5, floor: 7 },
        Reason::Quarantined { heights: 3 },
        Reason::Starting,
        Reason::Syncing { behind: 7 },
        Reason::Stalled { age_ms: 60_000, limit_ms: 10_000 },
        Reason::NoPeers,
    ];
    assert_eq!(verdict.reasons, expected);
    // Each text says what happened and what to do, in two parts.
    assert!(verdict.reasons.iter().all(|reason| reason.to_string().contains("; ")), "{expected:?}");
}

#[test]
fn the_stall_limit_follows_the_interval_above_its_floor() {
    assert_eq!(stall_limit_ms(100), STALL_FLOOR_MS);
    assert_eq!(stall_limit_ms(1_000), 10_000);
    assert_eq!(stall_limit_ms(6_000), 60_000);
    assert_eq!(stall_limit_ms(u64::MAX), u64::MAX);
    let at_limit = Observation { finalized_age_ms: 10_000, ..fine(Role::Validator) };
    assert!(readiness(&at_limit).ready());
    let slow_chain = Observation { finalized_age_ms: 50_000, block_interval_ms: 6_000, ..fine(Role::Full) };
    assert!(readiness(&slow_chain).ready());
}

#[test]
fn claims_of_peers_count_unless_the_node_decides_height_after_height_itself() {
    let fetching = Progress { finalized: 40, live_heights: 0, finalized_age_ms: 20, block_interval_ms: 1_000 };
    assert_eq!((behind(47, &fetching), behind(40, &fetching), behind(12, &fetching)), (7, 0, 0));
    assert_eq!(behind(u64::MAX, &Progress { live_heights: 2, ..fetching }), u64::MAX - 40);
    // Whoever claims what cannot be, or what is long over, silences nobody.
    let deciding = Progress { live_heights: 3, finalized_age_ms: 3_000, ..fetching };
    assert_eq!((behind(u64::MAX, &deciding), behind(47, &deciding)), (0, 0));
    // A node that was cut off hears of the heights that the others decided meanwhile.
    let cut_off = Progress { finalized_age_ms: 3_001, ..deciding };
    assert_eq!(behind(47, &cut_off), 7);
    assert!(is_syncing(behind(47, &cut_off)) && !is_syncing(behind(42, &cut_off)));
    let longest = Progress { block_interval_ms: u64::MAX, finalized_age_ms: u64::MAX, ..deciding };
    assert_eq!(behind(u64::MAX, &longest), 0);
}
