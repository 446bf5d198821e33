//! The checklist for auditors, `docs/testing/plonky3_experimental_testplan.md`: every artefact and command of it is there and succeeds.
//!
//! What takes seconds runs here or in the test that is named beside it; of what takes hours the committed result is read, whose age and form
//! `xtask` judges.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

const PLAN: &str = "docs/testing/plonky3_experimental_testplan.md";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The cells of the rows of the table that follows `head`.
fn rows<'a>(plan: &'a str, head: &str) -> Vec<Vec<&'a str>> {
    let table = plan.split_once(head).unwrap_or_else(|| panic!("no table {head}")).1;
    let lines = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    lines.map(|line| line.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

/// What stands in backquotes.
fn quoted(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// Where the links of a cell lead, from the root.
fn links(cell: &str) -> Vec<PathBuf> {
    let targets = cell.split("](").skip(1).filter_map(|part| part.split(')').next());
    targets.map(|target| Path::new("docs/testing").join(target)).collect()
}

/// One command of the list.
fn succeeds(command: &str, must_say: &str) {
    let words: Vec<&str> = command.split_whitespace().collect();
    match words.as_slice() {
        // Its tests are part of this very run; that they are there is looked up in `script`.
        ["scripts/test.sh", "--backend", "plonky3", suite] => {
            let script = Command::new("bash").arg(root().join(words[0])).args(&words[1..]).arg("--dry-run").output();
            let script = script.expect("bash is there");
            let said = String::from_utf8_lossy(&script.stdout).into_owned();
            assert!(script.status.success() && said.contains("cargo test --release --locked -p "), "{suite}: {said}");
        }
        ["cargo", "xtask", "nightly", task] => {
            let result: Value = serde_json::from_str(&text(&format!("docs/nightly/{task}.json"))).expect("JSON");
            assert!(
                result["command"].as_str().is_some_and(|ran| ran.contains(command)),
                "{command}: {}",
                result["command"]
            );
            match (*task, result["verdict"].as_str()) {
                ("folds", None) => refused_all(&result),
                (_, verdict) => assert_eq!(verdict, Some("pass"), "{task}"),
            }
            if *task == "mutations" {
                let count = |name: &str| result[name].as_u64().expect("a number");
                assert_eq!((count("accepted"), count("panics")), (0, 0));
                let least = must_say.replace(',', "");
                assert!(least.contains(&count("mutations").to_string()), "{must_say}");
            }
        }
        ["cargo", "run", "--release", "-p", "prover", "--example", "golden", "golden"] => golden(),
        // A step of every run, named so in the runner.
        ["rustup", "target", "add", target] => assert!(text("xtask/src/test.rs").contains(target), "{target}"),
        ["cargo", "xtask", "test", "--only", step] => {
            assert!(text("xtask/src/test.rs").to_lowercase().contains(&format!("step::{step}")), "{step}");
        }
        // Process tests run these on a network.
        ["tb", "validator", "proofs", "preload", rest @ ..] => {
            let test = text("tb/tests/it/key_cache.rs");
            assert!(rest.iter().all(|word| test.contains(&format!("\"{word}\""))), "{command}");
        }
        ["tb", "light", "verify", "--rpc", "URL", "--genesis", "FILE"] => {
            assert!(
                text("tb/tests/it/chain_proof.rs").contains("verify_with(cluster, client.base_url(), &[]).ok()"),
                "{command}"
            );
        }
        ["mkdir", "golden"] => {}
        _ => panic!("nobody checks this command: {command}"),
    }
}

/// No attack of the result was accepted.
fn refused_all(result: &Value) {
    for attacks in ["keys", "folds"] {
        let attacks = result[attacks].as_object().expect("attacks by name");
        assert!(attacks.len() >= 3 && attacks.values().all(|said| said == "refused"), "{attacks:?}");
    }
    assert_eq!((&result["altered"]["accepted"], &result["altered"]["panics"]), (&0.into(), &0.into()));
}

/// Key and statement of the example are those of `fixtures`, and its proof holds.
fn golden() {
    let program = std::env::current_exe().expect("a test is a program");
    let examples = program.parent().and_then(Path::parent).expect("target/release/deps").join("examples");
    let folder = tempfile::tempdir().expect("a folder");
    let ran = Command::new(examples.join("golden"))
        .arg(folder.path())
        .output()
        .expect("cargo builds the examples of tested crates");
    assert!(ran.status.success(), "{ran:?}");
    for name in ["window_key.txt", "window_statement.txt"] {
        let made = fs::read_to_string(folder.path().join(name)).expect("it was written");
        assert_eq!(made, text(&format!("fixtures/{name}")), "{name}");
    }
    let proof = fs::read(folder.path().join("window.proof")).expect("it was written");
    assert!(!proof.is_empty());
}

#[test]
fn every_line_of_the_checklist_succeeds() {
    let _shown = testkit::contract!("S002-003");
    let plan = text(PLAN);
    let lines = rows(&plan, "| # | command | must say |");
    assert!(lines.len() >= 10, "{} lines", lines.len());
    for line in &lines {
        let [_, commands, must_say] = line.as_slice() else { panic!("three cells: {line:?}") };
        let commands = quoted(commands);
        assert!(!commands.is_empty() && !must_say.is_empty(), "{line:?}");
        for command in commands {
            succeeds(command, must_say);
        }
    }
}

#[test]
fn every_artefact_of_the_checklist_is_there() {
    let plan = text(PLAN);
    let artefacts = rows(&plan, "| artefact | what it is |");
    let mut count = 0;
    for artefact in &artefacts {
        for path in links(artefact[0]) {
            let size =
                fs::metadata(root().join(&path)).unwrap_or_else(|error| panic!("{}: {error}", path.display())).len();
            assert!(size > 0, "{}", path.display());
            count += 1;
        }
    }
    assert!(count >= 8, "only {count} artefacts");
}
