//! The proof system's files in `fixtures/`, keys, golden proofs and statements, have the checksums that were recorded.
//!
//! After a wanted change: `WRITE_SNAPSHOT=1 cargo test --release -p proof assets`, then read the difference. The record has the form
//! that `b3sum --check fixtures/proof_assets.b3` reads in the root of the workspace.

use std::fs;
use std::path::{Path, PathBuf};

/// How the names of such files begin.
const ASSETS: [&str; 2] = ["window", "fold"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A line for each asset in a folder, by name.
fn record(folder: &Path) -> String {
    let entries = fs::read_dir(folder).expect("our own folder").map(|entry| entry.expect("our own folder").path());
    let mut lines: Vec<String> = entries
        .filter_map(|path| {
            let name = path.file_name()?.to_str()?.to_owned();
            let is_asset = ASSETS.iter().any(|start| name.starts_with(start));
            let bytes = is_asset.then(|| fs::read(&path).expect("our own file"))?;
            Some(format!("{}  fixtures/{name}\n", blake3::hash(&bytes)))
        })
        .collect();
    lines.sort_unstable_by(|left, right| left[66..].cmp(&right[66..]));
    lines.concat()
}

#[test]
fn assets_have_the_recorded_checksums() {
    let _shown = testkit::contract!("S002-038");
    let (found, path) = (record(&root().join("fixtures")), root().join("fixtures/proof_assets.b3"));
    if std::env::var_os("WRITE_SNAPSHOT").is_some() {
        fs::write(&path, &found).expect("the record can be written");
    }
    let recorded = fs::read_to_string(&path).expect("it is committed");
    for name in ["window_key.txt", "fold_key.bin", "fold_key.txt", "window.proof", "fold_chain.proof"] {
        assert!(recorded.contains(&format!("  fixtures/{name}\n")), "{name} has no checksum");
    }
    assert_eq!(found, recorded, "a proof asset is another one than was recorded");
}

#[test]
fn any_altered_missing_or_new_asset_shows() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("window_key.txt"), b"key").expect("written");
    fs::write(folder.path().join("conformance.tsv"), b"of something else").expect("written");
    let before = record(folder.path());
    assert_eq!(before.lines().count(), 1);
    fs::write(folder.path().join("window_key.txt"), b"kez").expect("written");
    assert_ne!(record(folder.path()), before);
    fs::write(folder.path().join("window_key.txt"), b"key").expect("written");
    fs::write(folder.path().join("fold_key.bin"), b"").expect("written");
    assert_ne!(record(folder.path()), before);
    fs::remove_file(folder.path().join("fold_key.bin")).expect("removed");
    assert_eq!(record(folder.path()), before);
}
