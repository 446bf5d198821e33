//! A crate that is unlisted, forbidden, changed, without a reason or from a git repository is found.

use super::*;

const ROOT: &str = "[workspace.dependencies]\nhex = \"0.4\"\nours = { path = \"crates/ours\" }\n";
const LOCK: &str = "[[package]]\nname = \"ours\"\nversion = \"0.1.0\"\ndependencies = [\"hex\"]\n\
    [[package]]\nname = \"hex\"\nversion = \"0.4.3\"\nsource = \"registry+r\"\nchecksum = \"aa\"\ndependencies = [\"deep\"]\n\
    [[package]]\nname = \"deep\"\nversion = \"1.0.0\"\nsource = \"registry+r\"\nchecksum = \"bb\"\n";
const REASON: &str = "Text form of \"bytes\".";

/// The policies that the files ask for, with a reason for everything direct and a ban on `bad`.
fn accepted(lock: &str) -> String {
    let snapshot = Snapshot::of(&[("Cargo.toml", ROOT), ("Cargo.lock", lock), (POLICIES, "")]);
    let root = root_dependencies(&snapshot).unwrap();
    let lock = read_lock(&snapshot).unwrap();
    let mut policies = generate(&lock, &root, &Policies::default()).unwrap();
    for entry in &mut policies.direct {
        entry.reason = REASON.to_owned();
    }
    policies.forbidden = vec![Forbidden { name: "bad".to_owned(), reason: "its licence".to_owned() }];
    render(&policies)
}

fn found(lock: &str, policies: &str, strictness: Strictness) -> Vec<String> {
    let snapshot = Snapshot::of(&[("Cargo.toml", ROOT), ("Cargo.lock", lock), (POLICIES, policies)]);
    check(&snapshot, strictness).unwrap().iter().map(ToString::to_string).collect()
}

#[test]
fn listed_crates_are_accepted() {
    let policies = accepted(LOCK);
    assert!(policies.contains("requirement = \"0.4\"") && policies.contains("packages = 2"), "{policies}");
    assert_eq!(found(LOCK, &policies, Strictness::ListedOnly), Vec::<String>::new());
}

#[test]
fn writing_keeps_reasons_and_bans() {
    let policies = accepted(LOCK);
    let raised = LOCK.replace("0.4.3", "0.4.4").replace("\"aa\"", "\"cc\"");
    let snapshot = Snapshot::of(&[("Cargo.toml", ROOT), ("Cargo.lock", &raised), (POLICIES, &policies)]);
    let (_, written) = rewrite(&snapshot).unwrap();
    assert_eq!(found(&raised, &written, Strictness::ListedOnly), Vec::<String>::new());
    assert!(written.contains("its licence") && written.contains("0.4.4"), "{written}");
}

#[test]
fn an_unlisted_crate_is_refused_unless_the_environment_allows_it() {
    let _policy = testkit::contract!("S004-004");
    let strict = found(LOCK, "", Strictness::ListedOnly);
    assert!(strict.iter().any(|finding| finding.contains("`hex` 0.4.3 is used but not listed")), "{strict:?}");
    assert!(found(LOCK, "", Strictness::Anything).is_empty());
    assert_eq!(Strictness::of(Some("0")), Strictness::Anything);
    for strict in [None, Some("1"), Some(""), Some("no")] {
        assert_eq!(Strictness::of(strict), Strictness::ListedOnly, "{strict:?}");
    }
    let ci = include_str!("../../../.ci/run");
    assert!(ci.lines().any(|line| line == format!("export {STRICT_VARIABLE}=1")), "CI builds with listed crates only");
}

#[test]
fn a_new_crate_needs_a_reason() {
    let snapshot = Snapshot::of(&[("Cargo.toml", ROOT), ("Cargo.lock", LOCK), (POLICIES, "")]);
    let (_, written) = rewrite(&snapshot).unwrap();
    let found = found(LOCK, &written, Strictness::ListedOnly);
    assert_eq!(found, [format!("{POLICIES}: `hex` has no reason")]);
}

#[test]
fn another_checksum_or_an_unused_entry_is_found() {
    let policies = accepted(LOCK);
    let tampered = found(&LOCK.replace("\"aa\"", "\"cc\""), &policies, Strictness::Anything);
    assert!(tampered[0].contains("another requirement or checksum"), "{tampered:?}");
    let unused = LOCK.replace("dependencies = [\"hex\"]", "dependencies = []");
    assert!(found(&unused, &policies, Strictness::Anything)[0].contains("listed but not used"));
}

#[test]
fn a_change_deep_in_the_graph_is_found() {
    let _inventory = testkit::contract!("S003-209");
    let found = found(&LOCK.replace("1.0.0", "1.0.1"), &accepted(LOCK), Strictness::ListedOnly);
    assert_eq!(found.len(), 1);
    assert!(found[0].contains("the graph has 2 registry crates"), "{found:?}");
}

#[test]
fn a_forbidden_crate_is_found_wherever_it_is() {
    let _guard = testkit::contract!("S004-005");
    let lock = LOCK.replace("name = \"deep\"", "name = \"bad\"").replace("[\"deep\"]", "[\"bad\"]");
    let found = found(&lock, &accepted(LOCK), Strictness::Anything);
    assert_eq!(found, ["Cargo.lock: bad 1.0.0 is forbidden: its licence"]);
}

#[test]
fn sources_other_than_the_registry_are_found_even_when_anything_passes() {
    let git = LOCK.replace("source = \"registry+r\"\nchecksum = \"bb\"", "source = \"git+x\"");
    let found_git = found(&git, "", Strictness::Anything);
    assert_eq!(found_git, ["Cargo.lock: deep comes from git+x; only the registry is accepted"]);
    let bare = LOCK.replace("\nchecksum = \"bb\"", "");
    assert!(found(&bare, "", Strictness::Anything)[0].contains("has no checksum"));
}

#[test]
fn two_versions_of_a_crate_are_told_apart() {
    let lock = format!(
        "{}[[package]]\nname = \"hex\"\nversion = \"0.3.0\"\nsource = \"registry+r\"\nchecksum = \"dd\"\n",
        LOCK.replace("dependencies = [\"hex\"]", "dependencies = [\"hex 0.4.3\"]")
    );
    let policies = accepted(&lock);
    assert!(policies.contains("0.4.3") && !policies.contains("0.3.0"), "{policies}");
}

#[test]
fn a_misspelled_table_is_refused() {
    let snapshot = Snapshot::of(&[(POLICIES, "[[forbiden]]\nname = \"x\"\n")]);
    assert!(read_policies(&snapshot).unwrap_err().to_string().contains("unknown table `forbiden`"));
}
