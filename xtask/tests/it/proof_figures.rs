//! `docs/performance/consensus_proofs.md` says what was measured last: its figures are those of the results in `docs/nightly`, each within what
//! is accepted, and each command in it is there.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

const REPORT: &str = "docs/performance/consensus_proofs.md";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The result that a long task left.
fn result(task: &str) -> Value {
    serde_json::from_str(&text(&format!("docs/nightly/{task}.json"))).expect("JSON")
}

/// A whole number with commas, as the document writes it.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).expect("digits")).collect();
    groups.join(",")
}

/// Every number of this name in a list, in its order.
fn each(list: &Value, name: &str) -> Vec<u64> {
    list.as_array().into_iter().flatten().filter_map(|one| one[name].as_u64()).collect()
}

fn ends(numbers: &[u64]) -> (u64, u64) {
    (*numbers.iter().min().expect("some"), *numbers.iter().max().expect("some"))
}

/// Three means, in words.
fn thirds(lag: &Value, name: &str) -> String {
    let means: Vec<String> =
        lag[name].as_array().into_iter().flatten().filter_map(Value::as_u64).map(|mean| mean.to_string()).collect();
    let [first, second, third] = means.as_slice() else { panic!("{name} has three means: {means:?}") };
    format!("{first}, {second} and {third}")
}

/// The rows of a table, cells without their edges.
fn rows(report: &str) -> Vec<Vec<&str>> {
    let table =
        report.split_once("## Acceptance criteria").expect("the criteria").1.split("\n## ").next().expect("a part");
    let lines = table.lines().filter(|line| line.starts_with('|')).skip(2);
    lines.map(|line| line.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

#[test]
fn the_report_on_proofs_has_the_figures_that_were_measured_last() {
    let _shown = testkit::contract!("S002-002");
    let report = text(REPORT);
    let rows = rows(&report);
    assert!(rows.len() >= 9, "{} rows", rows.len());
    for row in &rows {
        let [what, accepted, measured] = row.as_slice() else { panic!("three cells: {row:?}") };
        assert!(!what.is_empty() && !accepted.is_empty() && !measured.is_empty(), "{row:?}");
    }
    let measured = |what: &str| {
        let row = rows.iter().find(|row| row[0].starts_with(what)).unwrap_or_else(|| panic!("no row about {what}"));
        row[2].to_owned()
    };
    let says = |what: &str, figure: &str| {
        let cell = measured(what);
        assert!(cell.contains(figure), "{what}: the last result says {figure:?}, the report {cell:?}");
    };

    let sizes = &result("chain")["sizes"];
    let (heights, bytes) = (ends(&each(sizes, "height")), ends(&each(sizes, "bytes")));
    assert!(bytes.1 <= 300_000 && bytes.1 * 100 <= bytes.0 * 102, "at most 300 KB, within two percent: {bytes:?}");
    says(
        "size of the chain proof",
        &format!("{} bytes at heights {} to {}", grouped(bytes.1), heights.0, grouped(heights.1)),
    );
    let download = ends(&each(sizes, "downloaded_bytes")).1;
    assert!(download < 500_000, "{download}");
    says("download", &format!("{} bytes", grouped(download)));
    let check = ends(&each(sizes, "verify_ms"));
    assert!(check.1 < 100, "{check:?}");
    says("its check", &format!("{} to {} ms", check.0, check.1));

    let altered = result("mutations");
    let count = |name: &str| altered[name].as_u64().expect("a number");
    assert_eq!((count("accepted"), count("panics")), (0, 0));
    says("altered proofs", &format!("0 of {}, 0 panics", grouped(count("mutations"))));

    let lag = result("lag");
    assert_eq!((lag["verdict"].as_str(), lag["chain_verdict"].as_str()), (Some("pass"), Some("pass")));
    says("lag of the proofs", &format!("mean of each third: {} heights", thirds(&lag, "lag_mean_by_third")));
    says("lag of the proofs", &format!("the chain proof {};", thirds(&lag, "chain_lag_mean_by_third")));
    says(
        "lag of the proofs",
        &format!("at most {} MB", grouped(lag["prover_peak_memory_mb"].as_u64().expect("a number"))),
    );

    let quorum = result("quorum");
    let number = |name: &str| quorum[name].as_u64().expect("a number");
    assert!(number("proven_max") < number("lie_height"));
    says("a quorum of liars", &format!("finalized {} heights", number("finalized_by_all")));
    says("a quorum of liars", &format!("nothing from height {} on was proven", number("lie_height")));
}

#[test]
fn every_command_of_the_report_on_proofs_is_there() {
    let report = text(REPORT);
    let commands = report.split_once("## Commands").expect("the commands").1;
    let mut count = 0;
    for line in commands.lines().filter(|line| line.starts_with("cargo ")) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["cargo", "bench", rest @ ..] => {
                let bench = rest.iter().skip_while(|word| **word != "--bench").nth(1).expect("it names a benchmark");
                assert!(root().join(format!("crates/prover/benches/{bench}.rs")).is_file(), "{line}");
            }
            ["cargo", "xtask", "nightly", task, ..] => {
                let kept = result(task);
                assert_eq!(kept["task"], *task, "{line}");
                assert!(kept["command"].as_str().is_some_and(|command| command.contains(task)), "{line}");
            }
            ["cargo", "xtask", "bench", "proofs", ..] => {}
            _ => panic!("nobody checks this command: {line}"),
        }
        count += 1;
    }
    assert!(count >= 6, "only {count} commands");
}
