//! The seed's stream is pinned, its values stay in range, and a contract guard records only passing tests.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use crate::seed::parse;
use crate::{Seed, Shown, is_contract_id};

#[test]
fn the_stream_of_a_seed_is_that_of_splitmix64() {
    // The published reference values for seed 1234567.
    let mut seed = Seed::of(1_234_567);
    assert_eq!(seed.u64(), 6_457_827_717_110_365_317);
    assert_eq!(seed.u64(), 3_203_168_211_198_807_973);
    assert_eq!(seed.u64(), 9_817_491_932_198_370_423);
    assert_eq!(seed.value(), 1_234_567);
}

#[test]
fn a_printed_seed_can_be_read_back() {
    let value = Seed::new().u64();
    assert_eq!(parse(&value.to_string()), Some(value));
    assert_eq!(parse(&format!("{value:#018x}")), Some(value));
    assert_eq!(parse("twelve"), None);
}

#[test]
fn numbers_stay_below_their_bound_and_reach_it() {
    let mut seed = Seed::new();
    let seen: BTreeSet<u64> = (0..1_000).map(|_| seed.below(7)).collect();
    assert_eq!(seen, (0..7).collect());
    assert_eq!(seed.below(1), 0);
    assert!((0..100).all(|_| seed.index(3) < 3));
    assert_eq!(*seed.pick(&[5]), 5);
    assert!(!seed.chance(0));
    assert!(seed.chance(100));
}

#[test]
fn edges_are_common() {
    let mut seed = Seed::new();
    let drawn: Vec<u64> = (0..1_000).map(|_| seed.edge_u64()).collect();
    for edge in [0, 1, u64::MAX] {
        assert!(drawn.iter().filter(|value| **value == edge).count() > 20);
    }
    assert!(drawn.iter().any(|value| *value > 1 && value.is_power_of_two()));
}

#[test]
fn bytes_have_the_length_asked_for_and_repeat() {
    for length in [0, 1, 7, 8, 9, 100] {
        assert_eq!(Seed::of(3).bytes(length).len(), length);
    }
    assert_eq!(Seed::of(3).bytes(40), Seed::of(3).array::<40>());
    assert_ne!(Seed::of(3).bytes(40), Seed::of(4).bytes(40));
}

#[test]
fn what_must_never_happen_and_what_nobody_saw_are_kept_one_line_each() {
    let folder = std::env::temp_dir().join(format!("tb-violations-{}", std::process::id()));
    let record = |name: &str, what: &str, place: &str| crate::shown::record_line(&folder, name, what, place).unwrap();
    record(crate::VIOLATIONS, "two blocks\nat height 7", "x.rs:1");
    record(crate::VIOLATIONS, "lost", "x.rs:2");
    record(crate::UNSEEN, "chromium", "x.rs:3");
    let kept = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    assert_eq!(kept(crate::VIOLATIONS), "two blocks at height 7\tx.rs:1\nlost\tx.rs:2\n");
    assert_eq!(kept(crate::UNSEEN), "chromium\tx.rs:3\n");
    fs::remove_dir_all(folder).unwrap();
    crate::safety!(1 < 2, "nothing");
}

#[test]
fn a_shuffle_keeps_every_item() {
    let mut items: Vec<u32> = (0..50).collect();
    Seed::of(9).shuffle(&mut items);
    assert_ne!(items, (0..50).collect::<Vec<_>>());
    items.sort_unstable();
    assert_eq!(items, (0..50).collect::<Vec<_>>());
}

#[test]
fn only_contract_ids_have_their_shape() {
    assert!(is_contract_id("S000-030") && is_contract_id("S004-338"));
    for wrong in ["", "S000", "S000-30", "s000-030", "S010-030", "S000_030", "S000-0300"] {
        assert!(!is_contract_id(wrong), "{wrong} was taken for an id");
    }
}

#[test]
fn a_guard_names_the_test_around_it() {
    let guard = crate::contract!("S009-999");
    let folder = scratch("names");
    guard.record(&folder).expect("the folder is ours");
    guard.record(&folder).expect("the folder is ours");
    std::mem::forget(guard);
    let written = fs::read_to_string(folder.join("S009-999.ran")).expect("it was just written");
    let first: Vec<&str> = written.lines().next().expect("two lines").split('\t').collect();
    assert_eq!(first[0], "S009-999");
    assert_eq!(first[1], "testkit::tests::a_guard_names_the_test_around_it");
    assert!(first[2].contains("tests.rs:"));
    assert_eq!(written.lines().count(), 2);
    fs::remove_dir_all(folder).expect("the folder is ours");
}

#[test]
fn closures_are_not_part_of_a_tests_name() {
    let folder = scratch("closures");
    let guard = Shown::new("S009-998", "net::tests::dials::{{closure}}::here", "a.rs:1");
    guard.record(&folder).expect("the folder is ours");
    std::mem::forget(guard);
    let written = fs::read_to_string(folder.join("S009-998.ran")).expect("it was just written");
    assert_eq!(written, "S009-998\tnet::tests::dials\ta.rs:1\n");
    fs::remove_dir_all(folder).expect("the folder is ours");
}

/// An empty folder of this process and test below the system's temporary folder.
fn scratch(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("testkit-{}-{name}", std::process::id()));
    fs::create_dir_all(&folder).expect("the temporary folder can be written");
    folder
}
