//! The crate table, the shared lints and the shared versions are compared with the manifests.

use super::*;

const ROOT: &str = "[workspace]\n[workspace.dependencies]\na = { path = \"crates/a\" }\nhex = \"0.4\"\n";
const A: &str = "[package]\nname = \"a\"\n[lints]\nworkspace = true\n[dependencies]\nhex.workspace = true\n";
const B: &str = "[package]\nname = \"b\"\n[lints]\nworkspace = true\n[dependencies]\na.workspace = true\n\
    [dev-dependencies]\nhex.workspace = true\n";
const TABLE: &str = "# Map\n<!-- crates:begin -->\n| crate | depends on |\n|---|---|\n| `a` | nothing |\n\
    | `b` | `a` |\n<!-- crates:end -->\nThe end.\n";

fn found(root: &str, a: &str, b: &str, table: &str) -> Vec<String> {
    let snapshot = Snapshot::of(&[
        ("Cargo.toml", root),
        ("crates/a/Cargo.toml", a),
        ("crates/b/Cargo.toml", b),
        ("fuzz/Cargo.toml", "[workspace]\n[package]\nname = \"fuzz\"\n"),
        (ARCHITECTURE, table),
    ]);
    check(&snapshot).unwrap().iter().map(ToString::to_string).collect()
}

#[test]
fn a_workspace_in_order_has_no_findings() {
    assert_eq!(found(ROOT, A, B, TABLE), Vec::<String>::new());
}

#[test]
fn a_table_that_differs_from_the_manifests_is_found() {
    let found_with = |table: &str| found(ROOT, A, B, table);
    assert!(found_with(&TABLE.replace("| `a` |\n<", "| nothing |\n<"))[0].contains(":6: `b` depends on `a`"));
    assert!(found_with(&TABLE.replace("| nothing |", "| `b` |"))[0].contains(":5: `a` depends on nothing"));
    assert!(found_with(&TABLE.replace("| `b` | `a` |\n", ""))[0].contains("lacks `b`"));
    assert!(
        found_with(&TABLE.replace("<!-- crates:end", "| `c` | `a` |\n<!-- crates:end"))[0].contains("no crate `c`")
    );
    assert!(found_with(&TABLE.replace(END, ""))[0].contains("is missing"));
    assert!(found_with("")[0].contains("is missing"));
}

#[test]
fn the_rewritten_table_is_accepted_and_keeps_the_text_around_it() {
    let wrong = TABLE.replace("| `b` | `a` |\n", "| `x` | `y` |\n");
    let snapshot = Snapshot::of(&[
        ("Cargo.toml", ROOT),
        ("crates/a/Cargo.toml", A),
        ("crates/b/Cargo.toml", B),
        (ARCHITECTURE, &wrong),
    ]);
    let (path, text) = rewrite(&snapshot).unwrap().unwrap();
    assert_eq!((path, text.as_str()), (ARCHITECTURE, TABLE));
    let bare = Snapshot::of(&[("Cargo.toml", ROOT), (ARCHITECTURE, "# Map\n")]);
    assert!(rewrite(&bare).unwrap().is_none());
}

#[test]
fn a_crate_without_the_shared_lints_is_found() {
    let bare = A.replace("[lints]\nworkspace = true\n", "");
    assert!(found(ROOT, &bare, B, TABLE)[0].contains("takes the shared lints"));
}

#[test]
fn a_version_outside_the_root_is_found_in_every_kind_of_table() {
    for table in ["dependencies", "dev-dependencies", "build-dependencies", "target.'cfg(unix)'.dependencies"] {
        let manifest = format!("[package]\nname = \"a\"\n[lints]\nworkspace = true\n[{table}]\nhex = \"0.4\"\n");
        let found = found(ROOT, &manifest, B, TABLE);
        assert_eq!(found.len(), 1, "{table}: {found:?}");
        assert!(found[0].contains("`hex` has its own version"), "{found:?}");
    }
}

#[test]
fn a_version_that_nobody_uses_is_found() {
    let found = found(&format!("{ROOT}toml = \"1\"\n"), A, B, TABLE);
    assert!(found[0].contains("no crate uses the dependency `toml`"), "{found:?}");
}

#[test]
fn a_test_that_nobody_runs_and_a_library_that_is_a_benchmark_are_found() {
    let found_in = |lib: &str, source: &str| -> Vec<String> {
        let a = A.replace("[lints]", &format!("[lib]\n{lib}[lints]"));
        let snapshot = Snapshot::of(&[
            ("Cargo.toml", ROOT),
            ("crates/a/Cargo.toml", &a),
            ("crates/b/Cargo.toml", B),
            ("crates/a/src/lib.rs", source),
            ("crates/a/tests/it/main.rs", "#[test]\nfn fine() {}\n"),
            (ARCHITECTURE, TABLE),
        ]);
        check(&snapshot).unwrap().iter().map(ToString::to_string).collect()
    };
    assert_eq!(found_in("bench = false\ntest = false\n", "fn a() {}\n"), Vec::<String>::new());
    assert_eq!(found_in("bench = false\n", "#[test]\nfn a() {}\n"), Vec::<String>::new());
    assert!(found_in("bench = false\ntest = false\n", "#[test]\nfn a() {}\n")[0].contains("no run has this test"));
    assert!(found_in("test = false\n", "fn a() {}\n")[0].contains("no benchmark"));
}

#[test]
fn a_crate_that_asks_for_seeded_defects_is_found() {
    let asks = B.replace("a.workspace = true\n", "a.workspace = true\n[features]\nx = [\"a/seeded-bugs\"]\n");
    assert!(found(ROOT, A, &asks, TABLE)[0].contains("names the feature `seeded-bugs`"));
    let lies = asks.replace("seeded-bugs", "dishonest-quorum");
    assert!(found(ROOT, A, &lies, TABLE)[0].contains("names the feature `dishonest-quorum`"));
    let sim = A.replace("\"a\"", "\"sim\"").replace("[lints]", "[features]\ndefault = [\"seeded-bugs\"]\n[lints]");
    let table = TABLE.replace("<!-- crates:end", "| `sim` | nothing |\n<!-- crates:end");
    let snapshot = Snapshot::of(&[
        ("Cargo.toml", ROOT),
        ("crates/a/Cargo.toml", A),
        ("crates/b/Cargo.toml", B),
        ("sim/Cargo.toml", &sim),
        (ARCHITECTURE, &table),
    ]);
    let found: Vec<String> = check(&snapshot).unwrap().iter().map(ToString::to_string).collect();
    assert!(found.len() == 1 && found[0].contains("in its default features"), "{found:?}");
}
