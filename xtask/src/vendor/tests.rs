//! A snapshot of vendored crates: made by cargo, and stale as soon as one byte of it is another.

use std::fs;
use std::path::{Path, PathBuf};

use super::{CHECKSUMS, CONFIG, OF_CARGO, PROVENANCE, judge, make, run};
use crate::process::Workspace;
use crate::release::hex_sha256;

/// A workspace whose lock file has one crate, and a snapshot that fits it.
pub(crate) fn snapshot(root: &Path) -> (Workspace, PathBuf) {
    let lock = "[[package]]\nname = \"ours\"\nversion = \"0.1.0\"\ndependencies = [\"hex\"]\n\
        [[package]]\nname = \"hex\"\nversion = \"0.4.3\"\nsource = \"registry+r\"\nchecksum = \"aa\"\n";
    fs::write(root.join("Cargo.lock"), lock).unwrap();
    let (workspace, folder) = (Workspace::at(root), root.join("vendor"));
    let source = folder.join("hex-0.4.3/src");
    fs::create_dir_all(&source).unwrap();
    fs::write(source.join("lib.rs"), "pub fn hex() {}\n").unwrap();
    let sums = serde_json::json!({ "files": { "src/lib.rs": hex_sha256(b"pub fn hex() {}\n") }, "package": "aa" });
    fs::write(folder.join("hex-0.4.3").join(OF_CARGO), sums.to_string()).unwrap();
    let (locked, sum) = super::locked(&workspace).unwrap();
    fs::write(folder.join(CHECKSUMS), super::checksums(&locked)).unwrap();
    fs::write(folder.join(PROVENANCE), super::provenance(&locked, &sum)).unwrap();
    (workspace, folder)
}

#[test]
fn a_snapshot_is_stale_when_a_list_a_crate_or_a_file_is_another() {
    let root = tempfile::tempdir().unwrap();
    let (workspace, folder) = snapshot(root.path());
    judge(&workspace, &folder).unwrap();
    let refused = || judge(&workspace, &folder).unwrap_err().to_string();
    let crate_folder = folder.join("hex-0.4.3");
    let of_cargo = fs::read_to_string(crate_folder.join(OF_CARGO)).unwrap();
    let cases = [
        (CHECKSUMS, "bb  hex-0.4.3.crate\n", "checksums.txt is not what Cargo.lock asks for"),
        (PROVENANCE, "{}", "provenance.json is not what Cargo.lock asks for"),
        ("hex-0.4.3/src/lib.rs", "pub fn other() {}\n", "hex-0.4.3: src/lib.rs was changed"),
        ("hex-0.4.3/.cargo-checksum.json", "{\"package\":\"bb\"}", "hex-0.4.3: it is not the crate of Cargo.lock"),
    ];
    for (name, text, why) in cases {
        let whole = fs::read(folder.join(name)).unwrap();
        fs::write(folder.join(name), text).unwrap();
        assert!(refused().contains(why), "{}", refused());
        fs::write(folder.join(name), whole).unwrap();
        judge(&workspace, &folder).unwrap();
    }
    fs::write(crate_folder.join("build.rs"), "fn main() {}").unwrap();
    assert!(refused().contains("build.rs was added"), "{}", refused());
    fs::remove_file(crate_folder.join("build.rs")).unwrap();
    fs::write(crate_folder.join(OF_CARGO), of_cargo.replace("src/lib.rs", "src/gone.rs")).unwrap();
    assert!(refused().contains("src/gone.rs is missing"), "{}", refused());
    fs::write(crate_folder.join(OF_CARGO), of_cargo).unwrap();
    // The lock file moves on: both lists and the crate are of before.
    let lock = fs::read_to_string(root.path().join("Cargo.lock")).unwrap().replace("0.4.3", "0.4.4");
    fs::write(root.path().join("Cargo.lock"), lock).unwrap();
    let told = refused();
    assert!(told.contains("3 findings") && told.contains("hex-0.4.4: .cargo-checksum.json cannot be read"), "{told}");
}

#[test]
fn cargo_makes_the_snapshot_and_it_is_not_stale() {
    let _vendor = testkit::contract!("S003-129");
    let root = tempfile::tempdir().unwrap();
    // The version that this project locks: its file is on every machine that has built it.
    let ours: toml::Table = include_str!("../../../Cargo.lock").parse().unwrap();
    let packages = ours["package"].as_array().unwrap();
    let itoa = packages.iter().find(|package| package["name"].as_str() == Some("itoa")).unwrap();
    let version = itoa["version"].as_str().unwrap();
    let write = |name: &str, text: &str| fs::write(root.path().join(name), text).unwrap();
    let manifest = "[package]\nname = \"fixture\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[dependencies]\n";
    write("Cargo.toml", &format!("{manifest}itoa = \"={version}\"\n\n[workspace]\n"));
    fs::create_dir(root.path().join("src")).unwrap();
    write("src/lib.rs", "");
    let source = itoa["source"].as_str().unwrap();
    let sum = itoa["checksum"].as_str().unwrap();
    write(
        "Cargo.lock",
        &format!(
            "version = 4\n\n[[package]]\nname = \"fixture\"\nversion = \"0.1.0\"\ndependencies = [\n \"itoa\",\n]\n\n\
             [[package]]\nname = \"itoa\"\nversion = \"{version}\"\nsource = \"{source}\"\nchecksum = \"{sum}\"\n"
        ),
    );
    let (workspace, folder) = (Workspace::at(root.path()), root.path().join("vendor"));
    make(&workspace, &folder).unwrap();
    judge(&workspace, &folder).unwrap();
    run(&workspace, Some(&folder), true).unwrap();
    assert!(folder.join(format!("itoa-{version}/Cargo.toml")).is_file());
    assert_eq!(fs::read_to_string(folder.join(CHECKSUMS)).unwrap(), format!("{sum}  itoa-{version}.crate\n"));
    // It is what a machine without a registry builds from.
    fs::create_dir(root.path().join(".cargo")).unwrap();
    fs::copy(folder.join(CONFIG), root.path().join(".cargo/config.toml")).unwrap();
    let mut tree = workspace.cargo(&["metadata", "--format-version", "1", "--offline", "--locked"]);
    let read = crate::process::output_of(tree.env("CARGO_HOME", root.path().join("empty"))).unwrap();
    assert!(String::from_utf8(read).unwrap().contains(&format!("vendor/itoa-{version}/Cargo.toml")));
}
