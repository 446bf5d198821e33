//! `scripts/test.sh` runs the suites that its flags select, of the proof system that they name. What it would run is caught by a `cargo` of
//! the test's own, which writes down how it is called; that the crates and suites are there is looked up.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Runs the script with a `cargo` that ends with `code`; gives what it was called with, line by line.
fn run(words: &[&str], code: u8) -> (Output, Vec<String>) {
    let folder = tempfile::tempdir().expect("a folder");
    let (cargo, calls) = (folder.path().join("cargo"), folder.path().join("calls"));
    fs::write(&cargo, format!("#!/bin/sh\necho \"$*\" >> {}\nexit {code}\n", calls.display())).expect("it is ours");
    fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).expect("it is ours");
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").expect("a path"));
    let mut command = Command::new("bash");
    command.arg(root().join("scripts/test.sh")).args(words).env("PATH", path);
    let output = command.output().expect("bash is there");
    let calls = fs::read_to_string(&calls).unwrap_or_default().lines().map(str::to_owned).collect();
    (output, calls)
}

#[test]
fn its_flags_select_backend_and_suites() {
    let _shown = testkit::contract!("S002-013");
    let (both, calls) = run(&["--backend", "plonky3", "--unit", "--integration"], 0);
    assert!(both.status.success(), "{both:?}");
    let [unit, integration] = &calls[..] else { panic!("two suites: {calls:?}") };
    assert!(unit.starts_with("test ") && integration.starts_with("test "), "{calls:?}");
    for (name, folder) in [("proof", "crates/proof"), ("prover", "crates/prover"), ("prover-service", "apps/prover")] {
        assert!(unit.contains(&format!("-p {name} ")), "{unit}");
        let manifest = fs::read_to_string(root().join(folder).join("Cargo.toml")).expect("a manifest");
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{folder}");
    }
    let (_, suites) = integration.split_once(" -- ").expect("names of suites");
    let known = fs::read_to_string(root().join("tb/tests/it/main.rs")).expect("the tests of the program");
    for suite in suites.split(' ') {
        assert!(known.contains(&format!("mod {};", suite.trim_end_matches("::"))), "{suite}");
    }
    assert!(integration.contains("-p tb --test it"), "{integration}");

    assert_eq!(run(&["--unit"], 0).1, std::slice::from_ref(unit));
    assert_eq!(run(&["--backend", "plonky3", "--integration"], 0).1, std::slice::from_ref(integration));
    assert_eq!(run(&[], 0).1, calls, "both without a flag");
    assert_eq!(run(&["--unit", "--dry-run"], 0).1, Vec::<String>::new());
    let (failed, calls) = run(&["--unit", "--integration"], 3);
    assert!(!failed.status.success() && calls.len() == 1, "a suite that fails is the end: {calls:?}");
    for words in [&["--backend", "stwo"][..], &["--backend"], &["--everything"]] {
        let (refused, calls) = run(words, 0);
        assert_eq!((refused.status.code(), calls.len()), (Some(2), 0), "{words:?}");
    }
}
