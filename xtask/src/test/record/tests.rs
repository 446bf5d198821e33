//! Tests of the record: what a run leaves in which tree, and which record a release takes.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::{begin, keep, of_commit, place, record, summary};
use crate::process::{Workspace, output_of};
use crate::test::{Counts, Lap, Seen, Step};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
/// What `apps/cli` reads too.
const FIXTURE: &str = include_str!("../../../../fixtures/tests_record.json");

fn laps() -> Vec<Lap> {
    let lap = |step, seconds, seen| Lap { step, time: Duration::from_secs(seconds), failed: false, seen };
    let ran = |passed, flaky, skipped| Seen { tests: Counts { passed, flaky, skipped }, ..Seen::default() };
    vec![
        lap(Step::Fmt, 2, Seen::default()),
        lap(Step::Wasm, 0, Seen { is_left_out: true, ..Seen::default() }),
        lap(Step::Tests, 900, ran(2_043, 1, 12)),
        lap(Step::Defects, 60, ran(7, 0, 0)),
    ]
}

#[test]
fn the_record_has_the_form_that_a_check_of_a_release_reads() {
    let lacked = ["chromium".to_owned()].into();
    assert_eq!(format!("{:#}\n", record(COMMIT, "2026-03-03", &laps(), &lacked)), FIXTURE);
}

/// A checkout of one commit, whose target folder git does not look at, and where a run of the tests was complete.
fn checkout(folder: &Path) -> (Workspace, String) {
    let workspace = Workspace::at(folder);
    let git = |words: &[&str]| {
        let named = ["-c", "user.name=a", "-c", "user.email=a@example.org"];
        output_of(workspace.program("git").args(named).args(words)).expect("git")
    };
    git(&["init", "--quiet"]);
    fs::write(folder.join(".gitignore"), "target\n").expect("a file");
    fs::write(folder.join("source"), "of the commit").expect("a file");
    git(&["add", "."]);
    git(&["commit", "--quiet", "--message", "one"]);
    let contract = folder.join("target/contract");
    fs::create_dir_all(&contract).expect("a folder");
    fs::write(contract.join("complete"), "").expect("a file");
    fs::write(contract.join("S000-001.lacks"), "S000-001\tpromtool\tsrc/a.rs:1\n").expect("a file");
    fs::write(contract.join("unseen"), "chromium\tsrc/b.rs:1\npromtool\tsrc/b.rs:2\n").expect("a file");
    let commit = String::from_utf8(git(&["rev-parse", "HEAD"])).expect("text").trim().to_owned();
    (workspace, commit)
}

#[test]
fn a_run_leaves_a_record_where_the_tree_is_the_commit_from_begin_to_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let (workspace, commit) = checkout(folder.path());
    let path = place(&workspace);
    let begun = begin(&workspace).expect("no disk refuses");
    assert_eq!(begun, Ok(commit.clone()));
    keep(&workspace, begun, &laps()).expect("kept");
    let kept: Value = serde_json::from_str(&fs::read_to_string(&path).expect("a record")).expect("JSON");
    assert_eq!((&kept["commit"], &kept["tests"]["run"]), (&commit.into(), &2_050.into()));
    assert_eq!(kept["lacked"], serde_json::json!(["chromium", "promtool"]));
    assert!(kept["date"].as_str().is_some_and(|date| date.len() == 10), "{kept}");

    // The next run removes it; a change while it runs, or before, and a file that git does not know leave none.
    let begun = begin(&workspace).expect("no disk refuses");
    assert!(!path.exists(), "it is not of the run that has begun");
    fs::write(folder.path().join("source"), "of nobody").expect("a file");
    keep(&workspace, begun, &laps()).expect("nothing fails");
    assert!(!path.exists(), "it was changed while the tests ran");
    let begun = begin(&workspace).expect("no disk refuses");
    assert!(begun.as_ref().is_err_and(|why| why.contains(" M source")), "{begun:?}");
    fs::write(folder.path().join("source"), "of the commit").expect("a file");
    keep(&workspace, begun, &laps()).expect("nothing fails");
    assert!(!path.exists(), "what was tested first is no commit");
    fs::write(folder.path().join("new"), "").expect("a file");
    assert!(begin(&workspace).expect("no disk refuses").is_err_and(|why| why.contains("?? new")));
    fs::remove_file(folder.path().join("new")).expect("removed");
    // Another commit than the one that the run began with.
    keep(&workspace, Ok(COMMIT.to_owned()), &laps()).expect("nothing fails");
    assert!(!path.exists(), "another commit was checked out");
}

#[test]
fn a_release_takes_the_record_of_its_commit_and_refuses_a_named_one_of_another() {
    let folder = tempfile::tempdir().expect("a folder");
    let workspace = Workspace::at(folder.path());
    let (left, named) = (place(&workspace), folder.path().join("record"));
    fs::create_dir_all(left.parent().expect("a folder")).expect("a folder");
    let other = "f".repeat(40);
    assert_eq!(of_commit(&workspace, None, COMMIT).expect("there is none"), None);
    assert_eq!(summary(None), "none");
    let error = of_commit(&workspace, Some(&named), COMMIT).unwrap_err().to_string();
    assert!(error.contains("cannot be read; next: "), "{error}");
    for path in [&left, &named] {
        fs::write(path, FIXTURE).expect("a record");
    }
    for named in [None, Some(named.as_path())] {
        let taken = of_commit(&workspace, named, COMMIT).expect("it is of this commit");
        assert_eq!(summary(taken.as_ref()), "2050 passed on 2026-03-03");
    }
    assert_eq!(of_commit(&workspace, None, &other).expect("what is left may be older"), None);
    let error = of_commit(&workspace, Some(&named), &other).unwrap_err().to_string();
    assert!(error.contains(COMMIT) && error.contains(&format!("and {other} is built; next: ")), "{error}");
    for text in ["no record", "{}", &FIXTURE.replace("\"format\": 1", "\"format\": 2")] {
        fs::write(&left, text).expect("a file");
        let error = of_commit(&workspace, None, COMMIT).unwrap_err().to_string();
        assert!(error.contains("is no record of tests"), "{error}");
    }
}
