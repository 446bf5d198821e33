//! No tag without the audit of dependencies, and none beside a stale snapshot of their sources.

use std::fs;
use std::path::Path;

use super::{Gate, clean, run, through};
use crate::process::{Workspace, output_of, succeed};
use crate::vendor;

/// A repository with one commit.
fn repository(root: &Path) -> Workspace {
    let workspace = Workspace::at(root);
    let git = |words: &[&str]| {
        let as_nobody = ["-c", "user.name=nobody", "-c", "user.email=nobody@localhost"];
        succeed(workspace.program("git").args(as_nobody).args(words)).unwrap();
    };
    git(&["init", "--quiet"]);
    fs::write(root.join(".gitignore"), "vendor\n").unwrap();
    git(&["add", "--all"]);
    git(&["commit", "--quiet", "-m", "all"]);
    for (key, value) in [("user.name", "nobody"), ("user.email", "nobody@localhost")] {
        git(&["config", key, value]);
    }
    workspace
}

fn tags(workspace: &Workspace) -> String {
    String::from_utf8(output_of(workspace.program("git").args(["tag", "--list"])).unwrap()).unwrap()
}

#[test]
fn a_tag_needs_a_clean_tree_the_audit_and_fresh_vendored_crates() {
    let _audit = testkit::contract!("S003-132");
    let root = tempfile::tempdir().unwrap();
    let (_, folder) = vendor::tests::snapshot(root.path());
    let workspace = repository(root.path());
    // A project without policies and without licences to judge: the two halves of `just dependency-audit` shut the way.
    let refused = run(&workspace, "v1", Some(&folder)).unwrap_err().to_string();
    assert!(refused.starts_with("v1 is not tagged\n"), "{refused}");
    for gate in ["licences, bans and sources: ", "house rules and dependency policies: "] {
        assert!(refused.contains(gate), "{refused}");
    }
    assert!(!refused.contains("clean tree") && !refused.contains("vendored crates"), "{refused}");
    assert_eq!(tags(&workspace), "");
    let verb = include_str!("../../../justfile").split("\ndependency-audit:\n").nth(1).unwrap();
    let verb: Vec<&str> = verb.lines().map_while(|line| line.strip_prefix("    ")).collect();
    assert_eq!(verb, ["cargo xtask test --only deny", "cargo xtask tidy"], "what the gates are");
    // A change that nobody committed.
    fs::write(root.path().join("new.txt"), "").unwrap();
    let refused = run(&workspace, "v1", Some(&folder)).unwrap_err().to_string();
    assert!(refused.contains("clean tree: ") && refused.contains("new.txt"), "{refused}");
    for name in ["", "a b", "../x", &"x".repeat(65)] {
        assert!(through(&workspace, name, &[]).unwrap_err().to_string().contains("no name of a tag"), "{name:?}");
    }
}

#[test]
fn a_stale_list_of_vendored_crates_blocks_the_tag_until_it_is_fresh() {
    let _provenance = testkit::contract!("S003-130");
    let _checksums = testkit::contract!("S003-131");
    let root = tempfile::tempdir().unwrap();
    let (_, folder) = vendor::tests::snapshot(root.path());
    let workspace = repository(root.path());
    let tag = |name: &str| {
        let gates: Vec<Gate<'_>> = vec![
            ("clean tree", Box::new(|| clean(&workspace))),
            ("vendored crates", Box::new(|| vendor::judge(&workspace, &folder))),
        ];
        through(&workspace, name, &gates)
    };
    for list in ["provenance.json", "checksums.txt"] {
        let whole = fs::read_to_string(folder.join(list)).unwrap();
        fs::write(folder.join(list), whole.replace("0.4.3", "0.4.2")).unwrap();
        let refused = tag("v1").unwrap_err().to_string();
        assert!(refused.contains("vendored crates: ") && refused.contains(list), "{refused}");
        fs::remove_file(folder.join(list)).unwrap();
        assert!(tag("v1").unwrap_err().to_string().contains(list), "a list that is missing");
        assert_eq!(tags(&workspace), "");
        fs::write(folder.join(list), whole).unwrap();
    }
    tag("v1").unwrap();
    assert_eq!(tags(&workspace), "v1\n");
}

#[test]
fn a_change_of_the_crates_is_a_finding_until_it_is_reviewed_and_stands_in_the_notes_of_ci() {
    let _policy = testkit::contract!("S004-006");
    let root = tempfile::tempdir().unwrap();
    let (_, folder) = vendor::tests::snapshot(root.path());
    let workspace = repository(root.path());
    assert_eq!(vendor::changes(&workspace).unwrap(), [""; 0], "no commit before this one");
    let path = root.path().join("Cargo.lock");
    let lock = fs::read_to_string(&path).unwrap();
    fs::write(&path, lock.replace("0.4.3", "0.4.4").replace("\"aa\"", "\"bb\"")).unwrap();
    succeed(workspace.program("git").args(["commit", "--quiet", "--all", "-m", "raise hex"])).unwrap();
    assert_eq!(vendor::changes(&workspace).unwrap(), ["- hex 0.4.3 aa", "+ hex 0.4.4 bb"]);
    // The lists beside the crates are of before, so no tag is made until they are written again.
    let stale = vendor::judge(&workspace, &folder).unwrap_err().to_string();
    assert!(stale.contains("provenance.json") && stale.contains("checksums.txt"), "{stale}");
    // The policy itself: what may be there, what may not, and a digest over all of it; `cargo xtask tidy` judges and tells.
    let policy: toml::Table = include_str!("../../../config/dependency_policies.toml").parse().unwrap();
    for table in ["direct", "forbidden"] {
        let entries = policy[table].as_array().unwrap();
        assert!(
            entries.iter().all(|entry| entry["reason"].as_str().is_some_and(|reason| reason.len() > 10)),
            "{table}"
        );
    }
    assert_eq!(policy["graph"]["digest"].as_str().unwrap().len(), 64);
    assert!(
        include_str!("../test.rs").contains("tidy::run(") && include_str!("../../../.ci/run").contains("xtask test")
    );
}
