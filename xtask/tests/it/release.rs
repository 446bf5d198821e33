//! `scripts/build_release.sh`, with everything for real but the compiler: a stand-in for cargo writes down what it is told to build.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Stands in for cargo: starts the real xtask, notes a build and leaves a program behind, and passes on anything else.
const STAND_IN: &str = r#"#!/bin/sh
case "$1" in
xtask) shift; exec "$XTASK" "$@" ;;
build)
    echo "$TB_BUILD_STAMP|$*" > "$NOTED"
    while [ "$1" != --target-dir ]; do shift; done
    mkdir -p "$2/release" && printf '#!/bin/sh\necho tb 0.1.0\n' > "$2/release/tb" && chmod 755 "$2/release/tb" ;;
*) exec "$REAL_CARGO" "$@" ;;
esac
"#;

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).expect("a file of the release")).expect("JSON")
}

/// The program that it leaves behind.
const PROGRAM: &str = "#!/bin/sh\necho tb 0.1.0\n";
/// What the tests of a commit left, as `cargo xtask test` writes it.
const RECORD: &str = include_str!("../../../fixtures/tests_record.json");
/// The commit that it is of.
const RECORDED: &str = "0123456789abcdef0123456789abcdef01234567";

/// Where one release is built by the stand-in.
struct Ground(tempfile::TempDir);

impl Ground {
    fn new() -> Self {
        let ground = Self(tempfile::tempdir().expect("a folder"));
        let cargo = ground.path("programs/cargo");
        fs::create_dir_all(ground.path("programs")).expect("a folder");
        fs::create_dir_all(ground.path("target")).expect("a folder");
        fs::write(&cargo, STAND_IN).expect("a program");
        fs::set_permissions(&cargo, fs::Permissions::from_mode(0o700)).expect("executable");
        ground
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs the script; gives whether it succeeded and what it said.
    fn build(&self, words: &[&str]) -> (bool, String) {
        let path = std::env::var("PATH").unwrap_or_default();
        let done = Command::new(root().join("scripts/build_release.sh"))
            .arg("--out")
            .arg(self.path("out"))
            .args(words)
            .env("PATH", format!("{}:{path}", self.path("programs").display()))
            .env("XTASK", env!("CARGO_BIN_EXE_xtask"))
            .env("REAL_CARGO", std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .env("CARGO", self.path("programs/cargo"))
            .env("CARGO_TARGET_DIR", self.path("target"))
            .env("NOTED", self.path("noted"))
            .env("DEB_COMPRESSION", "none")
            .env_remove("TB_RELEASE_KEY")
            .output()
            .expect("bash");
        (done.status.success(), String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned())
    }

    fn provenance(&self) -> Value {
        json(&self.path("out/provenance.json"))
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The commit that is checked out.
fn head() -> String {
    let commit = Command::new("git").args(["rev-parse", "HEAD"]).current_dir(root()).output().expect("git").stdout;
    String::from_utf8(commit).expect("text").trim().to_owned()
}

#[test]
fn the_script_builds_the_commit_with_the_production_features_and_says_so() {
    let _shown = testkit::contract!("S002-008");
    let (ground, commit) = (Ground::new(), head());
    let (is_built, said) = ground.build(&[]);
    assert!(is_built, "{said}");
    let noted = fs::read_to_string(ground.path("noted")).expect("it was told to build");
    let (stamp, words) = noted.trim().split_once('|').expect("two parts");
    assert!(stamp.ends_with(&commit), "the commit is stamped in: {stamp}");
    assert!(
        words.starts_with("build --release --locked --package tb --bin tb --features prod,backend-plonky3 "),
        "{words}"
    );

    let provenance = ground.provenance();
    let definition = &provenance["predicate"]["buildDefinition"];
    assert_eq!(definition["resolvedDependencies"][0]["digest"]["gitCommit"], commit);
    let command = definition["internalParameters"]["command"].as_str().expect("a command");
    assert!(words.starts_with(command.strip_prefix("cargo ").expect("it is cargo's")), "{command}");
    assert_eq!(json(&ground.path("out/tb.cdx.json"))["bomFormat"], "CycloneDX");
    let sums = fs::read_to_string(ground.path("out/SHA256SUMS")).expect("sums");
    assert_eq!(fs::read_to_string(ground.path("out/tb")).expect("the program"), PROGRAM);
    assert_eq!(provenance["subject"][0]["name"], "tb");
    assert!(sums.starts_with(provenance["subject"][0]["digest"]["sha256"].as_str().expect("a sum")), "{sums}");
    assert_eq!(provenance["predicate"]["runDetails"].get("theblock_tests"), Some(&Value::Null));
    assert!(said.contains("; tests: none; unsigned"), "{said}");
}

#[test]
fn the_record_of_the_tests_of_the_commit_goes_into_its_provenance_and_that_of_another_does_not() {
    let (ground, commit) = (Ground::new(), head());
    let foreign = ground.path("foreign.json");
    fs::write(&foreign, RECORD).expect("a record");
    let (is_built, said) = ground.build(&["--tests", foreign.to_str().expect("text")]);
    assert!(
        !is_built && said.contains(&format!("is the record of the tests of {RECORDED}, and {commit} is built")),
        "{said}"
    );
    assert!(!ground.path("noted").exists(), "it is refused before an hour is spent on building");
    // What an earlier run left is passed by, and the release says that it has none.
    fs::write(ground.path("target/tests.json"), RECORD).expect("a record");
    let (is_built, said) = ground.build(&[]);
    assert!(is_built && said.contains("; tests: none; "), "{said}");
    let record = RECORD.replace(RECORDED, &commit);
    fs::write(ground.path("target/tests.json"), &record).expect("a record");
    let (is_built, said) = ground.build(&[]);
    assert!(is_built && said.contains("; tests: 2050 passed on 2026-03-03; "), "{said}");
    let record: Value = serde_json::from_str(&record).expect("JSON");
    assert_eq!(ground.provenance()["predicate"]["runDetails"]["theblock_tests"], record);
}

#[test]
fn a_debian_package_of_a_release_is_listed_with_its_program_and_packed_from_the_commit() {
    let is_there = Command::new("dpkg-deb").arg("--version").output().is_ok();
    if !is_there {
        return testkit::lacks!("dpkg-deb");
    }
    let ground = Ground::new();
    let (is_built, said) = ground.build(&["--deb"]);
    assert!(is_built, "{said}");
    let listed = ground.provenance()["subject"].as_array().expect("files").clone();
    let sums = fs::read_to_string(ground.path("out/SHA256SUMS")).expect("sums");
    let named = listed.iter().map(|file| {
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        format!("{}  {}\n", text(&file["digest"]["sha256"]), text(&file["name"]))
    });
    assert_eq!(sums, named.collect::<String>());
    let package = listed[2]["name"].as_str().expect("a name");
    assert!(package.starts_with("the-block_0.1.0_") && package.ends_with(".deb"), "{package}");
    let mut checked = Command::new("sha256sum");
    checked.args(["--check", "--strict", "SHA256SUMS"]).current_dir(ground.path("out"));
    let checked = checked.output().expect("sha256sum");
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
    let unpacked = ground.path("unpacked");
    let done = Command::new("dpkg-deb").arg("--extract").arg(ground.path("out").join(package)).arg(&unpacked).status();
    assert!(done.expect("dpkg-deb").success());
    assert_eq!(fs::read_to_string(unpacked.join("usr/bin/tb")).expect("the program"), PROGRAM);
}
