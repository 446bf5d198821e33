//! The shipped table keeps its pinned columns, and each way to differ from the tests is refused by name.

use std::path::PathBuf;
use std::{env, fs};

use super::*;

const SMALL: &str = "id\tstatus\ttest\tname\texpected\n\
    S000-001\tdone\ta::b\tone\tfirst\n\
    S000-002\tplanned\t\ttwo\tsecond\n\
    S000-003\tdeclined: see docs/adr/0001-x.md\t\tthree\tthird\n";

fn shown(records: &[(&str, &str)]) -> Shown {
    let mut shown = Shown::new();
    for (id, test) in records {
        shown.entry((*id).to_owned()).or_default().insert((*test).to_owned());
    }
    shown
}

/// A folder of this test below the system's temporary folder.
fn scratch(name: &str) -> PathBuf {
    let folder = env::temp_dir().join(format!("xtask-{}-{name}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn the_shipped_table_keeps_every_row_as_it_was_promised() {
    let rows = parse(include_str!("../../../docs/contract.tsv")).unwrap();
    assert_eq!(rows.len(), 805);
    assert_eq!(pinned_hash(&rows), PINNED);
}

#[test]
fn a_reworded_or_dropped_row_changes_the_hash_and_a_status_does_not() {
    let rows = parse(SMALL).unwrap();
    let hash = pinned_hash(&rows);
    let mut reworded = rows.clone();
    reworded[1].expected.push('.');
    assert_ne!(pinned_hash(&reworded), hash);
    assert_ne!(pinned_hash(&rows[..2]), hash);
    let mut moved = rows;
    update(&mut moved, &shown(&[("S000-002", "c::d")]));
    assert_eq!(pinned_hash(&moved), hash);
}

#[test]
fn the_table_survives_reading_and_writing() {
    assert_eq!(render(&parse(SMALL).unwrap()), SMALL);
}

#[test]
fn damaged_tables_are_refused_with_their_line() {
    for (damaged, said) in [
        (SMALL.replace("test\tname", "name\ttest"), "contract.tsv:1: the header"),
        (SMALL.replace("two\tsecond", "two"), "contract.tsv:3: a row has five columns"),
        (SMALL.replace("planned", "soon"), "contract.tsv:3: the status is"),
        (SMALL.replace("S000-002", "S000-001"), "contract.tsv:3: the id S000-001 stands"),
        (SMALL.replace("planned\t\t", "planned\ta::b\t"), "contract.tsv:3: a row names a test"),
        (SMALL.replace("done\ta::b", "done\t"), "contract.tsv:2: a row names a test"),
    ] {
        let error = parse(&damaged).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn a_table_that_says_what_the_tests_showed_is_accepted() {
    let unsaid = compare(&parse(SMALL).unwrap(), &shown(&[("S000-001", "a::b")])).unwrap();
    assert!(unsaid.is_empty(), "{unsaid:?}");
}

#[test]
fn a_row_called_done_without_a_test_that_ran_is_refused() {
    let error = compare(&parse(SMALL).unwrap(), &Shown::new()).unwrap_err().to_string();
    assert!(error.contains("shown by no test that ran: S000-001"), "{error}");
    assert!(error.contains("cargo xtask contract --write"), "{error}");
}

#[test]
fn a_shown_row_that_is_not_called_done_is_named() {
    let records = shown(&[("S000-001", "a::b"), ("S000-002", "c::d")]);
    let unsaid = compare(&parse(SMALL).unwrap(), &records).unwrap();
    assert_eq!(unsaid, ["shown by a test but not called done: S000-002"]);
}

#[test]
fn a_row_shown_by_another_test_is_refused() {
    let records = shown(&[("S000-001", "moved::b")]);
    let error = compare(&parse(SMALL).unwrap(), &records).unwrap_err().to_string();
    assert!(error.contains("naming a test that did not show it: S000-001"), "{error}");
}

#[test]
fn a_row_shown_by_one_more_test_is_named() {
    let records = shown(&[("S000-001", "a::b"), ("S000-001", "c::d")]);
    let unsaid = compare(&parse(SMALL).unwrap(), &records).unwrap();
    assert_eq!(unsaid, ["shown by more tests than named: S000-001"]);
}

#[test]
fn writing_settles_every_difference_and_keeps_declined_rows() {
    let mut rows = parse(SMALL).unwrap();
    let records = shown(&[("S000-002", "z::y"), ("S000-002", "c::d")]);
    update(&mut rows, &records);
    assert!(compare(&rows, &records).unwrap().is_empty());
    assert_eq!(rows[0].status, Status::Planned);
    assert_eq!(rows[1].test, "c::d, z::y");
    assert!(matches!(rows[2].status, Status::Declined(_)));
}

#[test]
fn tests_may_not_show_unknown_or_declined_rows() {
    let rows = parse(SMALL).unwrap();
    let error = check_shown(&rows, &shown(&[("S004-999", "a::b")])).unwrap_err().to_string();
    assert!(error.contains("a::b shows S004-999"), "{error}");
    let error = check_shown(&rows, &shown(&[("S000-003", "a::b")])).unwrap_err().to_string();
    assert!(error.contains("declines"), "{error}");
}

#[test]
fn a_declined_row_needs_a_decision_record_that_exists() {
    let root = scratch("declined");
    let rows = parse(SMALL).unwrap();
    let error = check_declined(&rows, &root).unwrap_err().to_string();
    assert!(error.contains("docs/adr/0001-x.md, which does not exist"), "{error}");
    fs::create_dir_all(root.join("docs/adr")).unwrap();
    fs::write(root.join("docs/adr/0001-x.md"), "# X\n").unwrap();
    check_declined(&rows, &root).unwrap();
    let bare = parse(&SMALL.replace("see docs/adr/0001-x.md", "no time")).unwrap();
    let error = check_declined(&bare, &root).unwrap_err().to_string();
    assert!(error.contains("without naming its decision record"), "{error}");
    fs::remove_dir_all(root).unwrap();
}

#[test]
fn records_count_only_after_a_complete_run() {
    let folder = scratch("records");
    fs::write(folder.join("S000-001.ran"), "S000-001\ta::b\tx.rs:1\nS000-001\tc::d\ty.rs:2\n").unwrap();
    let error = read_records(&folder, "ran").unwrap_err().to_string();
    assert!(error.contains("no record of a complete run"), "{error}");
    mark_complete(&folder).unwrap();
    let records = read_records(&folder, "ran").unwrap();
    assert_eq!(records, shown(&[("S000-001", "a::b"), ("S000-001", "c::d")]));
    fs::write(folder.join("S000-002.ran"), "torn\n").unwrap();
    assert!(read_records(&folder, "ran").unwrap_err().to_string().contains("no test wrote"));
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn what_must_never_happen_refuses_the_run() {
    let folder = scratch("violations");
    check_violations(&folder).unwrap();
    fs::write(folder.join(testkit::VIOLATIONS), "two blocks at height 7\tcluster.rs:336\n").unwrap();
    let error = check_violations(&folder).unwrap_err().to_string();
    assert!(error.contains("two blocks at height 7") && error.contains("second try"), "{error}");
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn long_lists_are_cut_with_a_count() {
    let ids = vec!["S000-001"; LISTED_MAX + 3];
    assert!(list(&ids).ends_with(" and 3 more"));
    assert!(!list(&ids[..LISTED_MAX]).contains("more"));
}

#[test]
fn a_row_whose_test_lacks_a_program_keeps_its_status_and_no_other_does() {
    let rows = parse(SMALL).unwrap();
    let mut seen = shown(&[]);
    keep_unseen(&rows, &mut seen, &shown(&[("S000-001", "promtool"), ("S000-002", "promtool")]));
    assert_eq!(seen, shown(&[("S000-001", "a::b")]), "a planned row does not become done");
    compare(&rows, &seen).unwrap();
    assert!(compare(&rows, &shown(&[])).is_err());
}

#[test]
fn a_test_that_lacked_a_program_is_named_by_its_place() {
    let folder = scratch("unseen");
    assert!(unseen(&folder).unwrap().is_empty(), "all were there");
    // Tried twice, named once.
    fs::write(folder.join(UNSEEN), "chromium\tb.rs:2\nchromium\tb.rs:2\nunshare\ta.rs:1\n").unwrap();
    let said: Vec<String> = unseen(&folder).unwrap().into_iter().collect();
    assert_eq!(
        said,
        ["a.rs:1 showed nothing: this machine lacks unshare", "b.rs:2 showed nothing: this machine lacks chromium"]
    );
    fs::remove_dir_all(folder).unwrap();
}
