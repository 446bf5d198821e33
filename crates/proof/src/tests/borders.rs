//! What a light client may use on any machine: no I/O, no clock, no threads. And the keys that a genesis file names.

use std::fs;
use std::path::{Path, PathBuf};

use primitives::ProofKeys;

use crate::{fold_key, verifying_key};

/// What code that runs in a browser cannot have.
const FOREIGN: [&str; 14] = [
    "std::fs",
    "std::net",
    "std::thread",
    "std::process",
    "std::env",
    "std::time",
    "std::io",
    "std::os",
    "rayon",
    "tokio",
    "println!",
    "eprintln!",
    "tracing",
    "getrandom",
];

/// Every source file of the crate that is not a test.
fn sources() -> Vec<PathBuf> {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("our own folder") {
            let path = entry.expect("our own folder").path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
            if path.is_dir() && name != "tests" {
                folders.push(path);
            } else if path.is_file() && name != "tests.rs" {
                files.push(path);
            }
        }
    }
    files
}

#[test]
fn the_crate_has_no_io_no_clock_and_no_threads() {
    let files = sources();
    assert!(files.len() > 20, "the sources were not found");
    for path in files {
        let text = fs::read_to_string(&path).expect("our own file");
        for foreign in FOREIGN {
            let line = text.lines().find(|line| line.contains(foreign) && !line.trim_start().starts_with("//"));
            assert!(line.is_none(), "{} uses {foreign}: {line:?}", path.display());
        }
    }
    let manifest = include_str!("../../Cargo.toml");
    let (_, rest) = manifest.split_once("[dependencies]").expect("it has dependencies");
    let (dependencies, _) = rest.split_once("\n[").expect("and something after them");
    for foreign in ["rayon", "tokio", "parallel", "prover"] {
        assert!(!dependencies.contains(foreign), "the crate depends on {foreign}");
    }
}

#[test]
fn the_keys_that_genesis_names_are_the_ones_that_proofs_are_verified_under() {
    let (window, fold) = (verifying_key().expect("the pinned key"), fold_key().expect("the pinned key"));
    let ProofKeys { window: named, fold: folds, lift_constraints, fold_constraints } = ProofKeys::default();
    assert_eq!(window.hash(), named);
    assert_eq!(fold.verifying().hash(), folds);
    let pins = format!("fold_key {folds}\nlift_constraints {lift_constraints}\nfold_constraints {fold_constraints}\n");
    assert_eq!(fold.pins(), pins);
}
