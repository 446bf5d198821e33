//! `docs/blueprint_coverage.md` names tests that there are: each module and each function behind a crate's name, and each forgery in quotes.

use std::fs;
use std::path::{Path, PathBuf};

/// Where the tests of a crate lie, by its name in the document.
const CRATES: [(&str, &str); 9] = [
    ("prover", "crates/prover/src"),
    ("proof", "crates/proof/src"),
    ("prover-service", "apps/prover/src"),
    ("tb", "tb/tests/it"),
    ("state", "crates/state"),
    ("replica", "crates/replica"),
    ("p2p", "crates/p2p"),
    ("node", "crates/node/src"),
    ("tree", "crates/tree"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The Rust files below a folder, by path, with their text.
fn sources(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(folder).expect("a folder of the project") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push((path.clone(), fs::read_to_string(&path).expect("a source file")));
        }
    }
}

/// The tests that a line names, each with its crate: what stands in backticks behind the crate's name, up to the next one.
fn named(line: &str) -> Vec<(String, String)> {
    let (mut of, mut found) = (None, Vec::new());
    let parts: Vec<&str> = line.split('`').collect();
    for (at, word) in parts.iter().enumerate().skip(1).step_by(2) {
        if parts.get(at + 1).is_some_and(|behind| behind.starts_with(": "))
            && CRATES.iter().any(|(name, _)| name == word)
        {
            of = Some((*word).to_owned());
        } else if let Some(of) = &of
            && !word.contains([' ', '/', '.'])
        {
            found.push((of.clone(), (*word).to_owned()));
        }
    }
    found
}

/// What a test's path lacks in the sources of its crate; nothing when all of it is there.
fn lacks(files: &[(PathBuf, String)], test: &str) -> Option<String> {
    for part in test.split("::").filter(|part| *part != "tests") {
        let is_module = files.iter().any(|(path, text)| {
            path.file_stem().is_some_and(|stem| stem == part)
                || path.components().any(|folder| folder.as_os_str() == part)
                || text.contains(&format!("mod {part} "))
        });
        let is_test = files.iter().any(|(_, text)| text.contains(&format!("fn {part}(")));
        if !is_module && !is_test {
            return Some(part.to_owned());
        }
    }
    None
}

/// How many parts of a table or rule are needed, as the document lists it.
pub(super) struct Kills {
    pub(super) name: String,
    pub(super) constraints: usize,
    pub(super) interactions: usize,
    /// Parts that some forgery passes without.
    pub(super) exploited: usize,
    /// Interactions without which the honest window is refused.
    pub(super) refuse: usize,
}

impl Kills {
    /// The row, with the rate in tenths of a percent, rounded down.
    fn row(&self) -> String {
        let Self { name, constraints, interactions, exploited, refuse } = self;
        let (all, killed) = (constraints + interactions, exploited + refuse);
        let rate = killed * 1_000 / all.max(1);
        format!(
            "| {name} | {constraints} | {interactions} | {exploited} | {refuse} | {} | {}.{} % |",
            all - killed,
            rate / 10,
            rate % 10
        )
    }
}

/// Compares what a test found with the rows of the document under these names, and with the reasons that it gives for what is left.
pub(super) fn documented(found: &[Kills], reasons: &[&str]) {
    let text = fs::read_to_string(root().join("docs/blueprint_coverage.md")).expect("the document");
    let (_, rest) = text.split_once("<!-- kills:begin -->").expect("the mark before the table");
    let (table, behind) = rest.split_once("<!-- kills:end -->").expect("the mark after it");
    let is_of = |line: &&str| found.iter().any(|kills| line.starts_with(&format!("| {} |", kills.name)));
    let listed: Vec<&str> = table.lines().filter(is_of).collect();
    let rows: Vec<String> = found.iter().map(Kills::row).collect();
    assert_eq!(listed, rows, "write into docs/blueprint_coverage.md:\n{}\n", rows.join("\n"));
    for reason in reasons {
        assert!(behind.contains(reason), "docs/blueprint_coverage.md does not say why: {reason}");
    }
}

#[test]
fn every_test_that_the_coverage_names_is_there() {
    let _shown = testkit::contract!("S002-004");
    let text = fs::read_to_string(root().join("docs/blueprint_coverage.md")).expect("the document");
    let mut count = 0;
    let crates: Vec<(&str, Vec<(PathBuf, String)>)> = CRATES
        .iter()
        .map(|(name, folder)| {
            let mut files = Vec::new();
            sources(&root().join(folder), &mut files);
            (*name, files)
        })
        .collect();
    for (number, line) in (1..).zip(text.lines()) {
        for (of, test) in named(line) {
            let (_, files) = crates.iter().find(|(name, _)| *name == of).expect("one of them");
            assert_eq!(lacks(files, &test), None, "line {number}: `{of}` has no `{test}`");
            count += 1;
        }
        // Forgeries are named as the tests name them.
        for forgery in line.split('"').skip(1).step_by(2) {
            let (_, files) = crates.iter().find(|(name, _)| *name == "prover").expect("the first");
            let is_there = files.iter().any(|(_, text)| text.contains(&format!("\"{forgery}")));
            assert!(is_there, "line {number}: no forgery is called {forgery:?}");
        }
    }
    assert!(count >= 50, "only {count} tests are named");
    // Each family of circuits says where it is implemented and what shows it, or that the quorum attests it.
    for (family, state) in [
        ("transaction", "proven"),
        ("state", "attested"),
        ("pruning", "attested"),
        ("uptime", "attested"),
        ("consensus", "attested"),
    ] {
        let row = text.lines().find(|line| line.starts_with(&format!("| {family}"))).expect("a row for each family");
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        assert!(cells.len() == 6 && cells[2] == state && !cells[3].is_empty(), "{row}");
    }
}

#[test]
fn a_test_that_is_not_there_is_named() {
    let mut files = Vec::new();
    sources(&root().join("crates/prover/src/tests"), &mut files);
    assert_eq!(lacks(&files, "tests::coverage::a_test_that_is_not_there_is_named"), None);
    assert_eq!(lacks(&files, "coverage::a_test_that_was_removed"), Some("a_test_that_was_removed".to_owned()));
    assert_eq!(lacks(&files, "no_such_module::anything"), Some("no_such_module".to_owned()));
    let line = "| x | `prover`: `kill`, `attacks::y`, \"z\"; `cargo xtask nightly folds`; `proof`: `folded::w` |";
    let pair = |of: &str, test: &str| (of.to_owned(), test.to_owned());
    assert_eq!(named(line), [pair("prover", "kill"), pair("prover", "attacks::y"), pair("proof", "folded::w")]);
}
