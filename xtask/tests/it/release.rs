//! `scripts/build_release.sh`, with everything for real but the compiler: a stand-in for cargo writes down what it is told to build.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Stands in for cargo: starts the real xtask, notes a build and leaves a program behind, and passes on anything else.
const STAND_IN: &str = r#"#!/bin/sh
case "$1" in
xtask) shift; exec "$XTASK" "$@" ;;
build)
    echo "$TB_BUILD_STAMP|$*" > "$NOTED"
    while [ "$1" != --target-dir ]; do shift; done
    mkdir -p "$2/release" && echo "a program" > "$2/release/tb" ;;
*) exec "$REAL_CARGO" "$@" ;;
esac
"#;

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).expect("a file of the release")).expect("JSON")
}

#[test]
fn the_script_builds_the_commit_with_the_production_features_and_says_so() {
    let _shown = testkit::contract!("S002-008");
    let folder = tempfile::tempdir().expect("a folder");
    let [programs, noted, out] = ["programs", "noted", "out"].map(|name| folder.path().join(name));
    fs::create_dir(&programs).expect("a folder");
    let cargo = programs.join("cargo");
    fs::write(&cargo, STAND_IN).expect("a program");
    fs::set_permissions(&cargo, fs::Permissions::from_mode(0o700)).expect("executable");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let path = std::env::var("PATH").unwrap_or_default();
    let done = Command::new(root.join("scripts/build_release.sh"))
        .arg("--out")
        .arg(&out)
        .env("PATH", format!("{}:{path}", programs.display()))
        .env("XTASK", env!("CARGO_BIN_EXE_xtask"))
        .env("REAL_CARGO", std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .env("CARGO", &cargo)
        .env("CARGO_TARGET_DIR", folder.path().join("target"))
        .env("NOTED", &noted)
        .env_remove("TB_RELEASE_KEY")
        .output()
        .expect("bash");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));

    let commit = Command::new("git").args(["rev-parse", "HEAD"]).current_dir(&root).output().expect("git").stdout;
    let commit = String::from_utf8(commit).expect("text").trim().to_owned();
    let noted = fs::read_to_string(noted).expect("it was told to build");
    let (stamp, words) = noted.trim().split_once('|').expect("two parts");
    assert!(stamp.ends_with(&commit), "the commit is stamped in: {stamp}");
    assert!(
        words.starts_with("build --release --locked --package tb --bin tb --features prod,backend-plonky3 "),
        "{words}"
    );

    let provenance = json(&out.join("provenance.json"));
    let definition = &provenance["predicate"]["buildDefinition"];
    assert_eq!(definition["resolvedDependencies"][0]["digest"]["gitCommit"], commit);
    let command = definition["internalParameters"]["command"].as_str().expect("a command");
    assert!(words.starts_with(command.strip_prefix("cargo ").expect("it is cargo's")), "{command}");
    assert_eq!(json(&out.join("tb.cdx.json"))["bomFormat"], "CycloneDX");
    let sums = fs::read_to_string(out.join("SHA256SUMS")).expect("sums");
    assert_eq!(fs::read_to_string(out.join("tb")).expect("the program"), "a program\n");
    assert_eq!(provenance["subject"][0]["name"], "tb");
    assert!(sums.starts_with(provenance["subject"][0]["digest"]["sha256"].as_str().expect("a sum")), "{sums}");
}
