//! Releases: a made-up folder that is good, and every way in which one is not.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use cli::Failure;
use cli::release::info::{STAMP_MARK, stamped_commit};
use cli::release::{PARTS, PROGRAM, PROVENANCE, SIGNATURE, SUMS, files, installed, sign, verify};
use rpc::ExitCode;
use serde_json::{Value, json};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
const OTHER: &str = "76543210fedcba9876543210fedcba9876543210";
/// A record of the tests of the first of them, as `cargo xtask test` writes it.
const RECORD: &str = include_str!("../../../../fixtures/tests_record.json");

/// A folder that holds a release, beside the key that signed it and the list that accepts it.
pub struct Release {
    folder: tempfile::TempDir,
}

impl Release {
    /// One without a record of its tests.
    pub fn new() -> Self {
        let release = Self { folder: tempfile::tempdir().expect("a folder") };
        fs::create_dir(release.dir()).expect("a folder");
        sign::make_key(&release.beside("key")).expect("a key");
        release.build(COMMIT);
        release.accept(&release.beside("key"));
        release
    }

    /// The folder of the release.
    pub fn dir(&self) -> PathBuf {
        self.beside("release")
    }

    /// What lies beside it: `key` and `signers`.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.dir().join(name)).expect("a file of the release")
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.dir().join(name), bytes).expect("a file of the release");
    }

    /// All files of a program that says it was built from `stamped`.
    fn build(&self, stamped: &str) {
        self.write(PROGRAM, format!("\x7fELF…{STAMP_MARK}…{STAMP_MARK}{stamped}…"));
        self.write(PARTS, parts(&files::sum(&self.read(PROGRAM)), "1.6").to_string());
        self.describe();
    }

    /// A whole release of another commit, signed by the same key.
    fn next(&self, commit: &str) {
        self.build(commit);
        let [program, parts] = [PROGRAM, PARTS].map(|name| files::sum(&self.read(name)));
        self.state(&provenance(&[(PROGRAM, &program), (PARTS, &parts)], commit));
    }

    /// Sums, provenance and signature of what is there.
    fn describe(&self) {
        let [program, parts] = [PROGRAM, PARTS].map(|name| files::sum(&self.read(name)));
        self.write(SUMS, format!("{program}  {PROGRAM}\n{parts}  {PARTS}\n"));
        self.state(&provenance(&[(PROGRAM, &program), (PARTS, &parts)], COMMIT));
    }

    /// Signs a statement that holds this record of the tests.
    fn test(&self, record: &Value) {
        let mut statement: Value = serde_json::from_slice(&self.read(PROVENANCE)).expect("JSON");
        statement["predicate"]["runDetails"] = json!({ "theblock_tests": record });
        self.state(&statement);
    }

    /// Signs a statement that holds the record of the tests of its commit.
    pub fn pass_its_tests(&self) {
        self.test(&serde_json::from_str(RECORD).expect("JSON"));
    }

    /// Writes another number of skipped tests into the record, which nobody signs.
    pub fn alter_its_record(&self) {
        let statement = String::from_utf8(self.read(PROVENANCE)).expect("text");
        let altered = statement.replace("\"skipped\":12", "\"skipped\":0");
        assert_ne!(altered, statement);
        self.write(PROVENANCE, altered);
    }

    /// Signs this statement.
    fn state(&self, statement: &Value) {
        self.write(PROVENANCE, statement.to_string());
        sign::sign(&self.dir(), &self.beside("key")).expect("signed");
    }

    /// Makes the key at `path` the one accepted signer.
    fn accept(&self, key: &Path) {
        let before = self.read(PROVENANCE);
        let signer = sign::text_of(&sign::sign(&self.dir(), key).expect("signed"));
        assert_eq!(self.read(PROVENANCE), before, "signing changes no statement");
        fs::write(self.beside("signers"), format!("# accepted\n\n{signer} a name # spoken\n")).expect("a list");
    }

    fn verify(&self, commit: Option<&str>) -> Result<verify::Verified, Failure> {
        verify::verify(&self.dir(), &sign::read_signers(&self.beside("signers")).expect("a list"), commit)
    }

    #[track_caller]
    fn refused(&self, exit: ExitCode, code: &str, words: &str) {
        let failure = self.verify(None).expect_err("the release is refused");
        assert_eq!((failure.exit, failure.error.code.as_str()), (exit, code), "{}", failure.error.error);
        assert!(failure.error.error.contains(words), "{}", failure.error.error);
    }
}

fn parts(program_sum: &str, version: &str) -> Value {
    json!({
        "bomFormat": "CycloneDX", "specVersion": version, "version": 1,
        "metadata": { "component": {
            "type": "application", "name": "tb", "hashes": [{ "alg": "SHA-256", "content": program_sum }],
        } },
        "components": [{ "type": "library", "name": "used", "version": "1.0.0" }],
    })
}

fn provenance(subjects: &[(&str, &str)], commit: &str) -> Value {
    let subject: Vec<Value> =
        subjects.iter().map(|(name, sum)| json!({ "name": name, "digest": { "sha256": sum } })).collect();
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "predicateType": "https://slsa.dev/provenance/v1",
        "subject": subject,
        "predicate": { "buildDefinition": {
            "buildType": "made up", "resolvedDependencies": [{ "digest": { "gitCommit": commit } }],
        } },
    })
}

#[test]
fn a_good_release_is_accepted() {
    let release = Release::new();
    let verified = release.verify(Some(COMMIT)).expect("accepted");
    assert_eq!((verified.commit.as_str(), verified.signer_name.as_str(), verified.parts), (COMMIT, "a name", 1));
    assert_eq!(verified.program_sha256, files::sum(&release.read(PROGRAM)));
    let failure = release.verify(Some(OTHER)).expect_err("another commit is wanted");
    assert_eq!((failure.exit, failure.error.code.as_str()), (ExitCode::Refused, "other_commit"));
}

#[test]
fn a_missing_file_is_named() {
    for name in [PROGRAM, PARTS, SUMS, PROVENANCE, SIGNATURE] {
        let release = Release::new();
        fs::remove_file(release.dir().join(name)).expect("removed");
        release.refused(ExitCode::NotFound, "file_missing", name);
    }
    let release = Release::new();
    fs::rename(release.dir().join(PARTS), release.beside("elsewhere")).expect("moved");
    std::os::unix::fs::symlink(release.beside("elsewhere"), release.dir().join(PARTS)).expect("a link");
    release.refused(ExitCode::Refused, "file_refused", "not a plain file");
}

#[test]
fn an_altered_file_is_named() {
    for name in [PROGRAM, PARTS] {
        let release = Release::new();
        let mut bytes = release.read(name);
        bytes.push(b' ');
        release.write(name, bytes);
        release.refused(ExitCode::Damaged, "sum", name);
    }
    let release = Release::new();
    let mut sums = release.read(SUMS);
    sums[0] ^= 1;
    release.write(SUMS, sums);
    release.refused(ExitCode::Damaged, "sum", SUMS);
}

#[test]
fn another_signer_and_another_signature_are_refused() {
    let _signed = testkit::contract!("S001-004");
    let release = Release::new();
    sign::make_key(&release.beside("foreign")).expect("a key");
    let foreign = sign::text_of(&sign::sign(&release.dir(), &release.beside("foreign")).expect("signed"));
    release.refused(ExitCode::Unauthorized, "signer_unknown", &foreign);
    release.accept(&release.beside("foreign"));
    assert!(release.verify(None).is_ok(), "who is on the list is accepted");

    // The statement was changed after it was signed.
    let release = Release::new();
    let mut statement = release.read(PROVENANCE);
    statement.push(b'\n');
    release.write(PROVENANCE, statement);
    release.refused(ExitCode::Damaged, "signature", "a name");
    for junk in ["", "{}", "{\"signer\": \"rsa:00\", \"signature\": \"00\"}"] {
        release.write(SIGNATURE, junk);
        release.refused(ExitCode::Damaged, "signature", SIGNATURE);
    }
}

#[test]
fn a_statement_about_something_else_is_refused() {
    let release = Release::new();
    let [program, parts] = [PROGRAM, PARTS].map(|name| files::sum(&release.read(name)));
    let zero = "0".repeat(64);
    let cases: [(Value, &str, &str); 6] = [
        (provenance(&[(PROGRAM, &zero), (PARTS, &parts)], COMMIT), "sum", PROGRAM),
        (provenance(&[("other", &program), (PARTS, &parts)], COMMIT), "provenance", "does not speak of tb"),
        (provenance(&[(PROGRAM, &program), (PARTS, &parts), ("more", &zero)], COMMIT), "provenance", "more"),
        (provenance(&[(PROGRAM, &program), (PROGRAM, &program)], COMMIT), "provenance", "twice"),
        (provenance(&[(PROGRAM, &program), (PARTS, &parts)], "main"), "provenance", "commit"),
        (provenance(&[(PROGRAM, &program), (PARTS, &parts)], OTHER), "commit", COMMIT),
    ];
    for (statement, code, words) in cases {
        release.state(&statement);
        release.refused(ExitCode::Damaged, code, words);
    }
    let mut kind = provenance(&[(PROGRAM, &program), (PARTS, &parts)], COMMIT);
    kind["predicateType"] = json!("https://example.org/else");
    release.state(&kind);
    release.refused(ExitCode::Damaged, "provenance", "of the kind");
}

#[test]
fn a_debian_package_that_is_listed_has_its_sum_where_it_is_there() {
    let release = Release::new();
    let [program, parts] = [PROGRAM, PARTS].map(|name| files::sum(&release.read(name)));
    let (name, bytes) = ("the-block_0.1.0_amd64.deb", b"a package");
    assert_eq!(release.verify(None).expect("accepted").package, None);
    let list = |others: &[(&str, &str)]| {
        let files: Vec<_> = [(PROGRAM, program.as_str()), (PARTS, &parts)].into_iter().chain(others.to_vec()).collect();
        let sums: String = files.iter().map(|(name, sum)| format!("{sum}  {name}\n")).collect();
        release.write(SUMS, sums);
        release.state(&provenance(&files, COMMIT));
    };
    list(&[(name, &files::sum(bytes))]);
    let listed = release.verify(None).expect("a machine keeps no package").package.expect("it is listed");
    assert_eq!((listed.name.as_str(), listed.is_here), (name, false));
    release.write(name, bytes);
    assert!(release.verify(None).expect("it has its sum").package.expect("it is listed").is_here);
    release.write(name, b"another package");
    release.refused(ExitCode::Damaged, "sum", name);
    // The list that everybody reads says the same as the one that is signed.
    release.write(name, bytes);
    release.write(SUMS, format!("{program}  {PROGRAM}\n{parts}  {PARTS}\n"));
    release.refused(ExitCode::Damaged, "sum", SUMS);
    let zero = "0".repeat(64);
    for other in ["../the-block_0.1.0_amd64.deb", "the-block_/../x.deb", "the-block_.deb", "the-block_0.1.0_amd64.rpm"]
    {
        list(&[(other, &zero)]);
        release.refused(ExitCode::Damaged, "provenance", "no file of a release");
    }
    list(&[(name, &files::sum(bytes)), ("the-block_0.1.0_arm64.deb", &zero)]);
    release.refused(ExitCode::Damaged, "provenance", "no file of a release");
}

#[test]
fn a_record_of_the_tests_is_that_of_the_commit_in_which_all_passed_and_signed() {
    let release = Release::new();
    assert_eq!(release.verify(None).expect("a release without a record is good").tests, None);
    release.test(&Value::Null);
    assert_eq!(release.verify(None).expect("it says that it has none").tests, None);
    release.pass_its_tests();
    let tests = release.verify(None).expect("accepted").tests.expect("a record");
    let said = "2050 of 2050 passed on 2026-03-03, 1 flaky, 12 skipped; left out: wasm; lacked: chromium";
    assert_eq!((tests.commit.as_str(), tests.to_string().as_str()), (COMMIT, said));
    release.alter_its_record();
    release.refused(ExitCode::Damaged, "signature", "a name");

    let record: Value = serde_json::from_str(RECORD).expect("JSON");
    let cases = [
        ("/commit", json!(OTHER), OTHER),
        ("/format", json!(2), "format 2"),
        ("/tests/passed", json!(2_049), "2049 of 2050 passed"),
        ("/tests", json!({ "run": 0, "passed": 0, "flaky": 0, "skipped": 12 }), "0 of 0 passed"),
        ("/tests", json!({ "run": 1, "passed": 1, "flaky": 0, "skipped": 0, "failed": 7 }), "unknown field"),
        ("/steps", Value::Null, "cannot be read"),
    ];
    for (pointer, value, words) in cases {
        let mut record = record.clone();
        *record.pointer_mut(pointer).expect("it is there") = value;
        release.test(&record);
        release.refused(ExitCode::Damaged, "provenance", words);
    }
}

#[test]
fn a_list_of_other_parts_is_refused() {
    let _parts = testkit::contract!("S001-005");
    let release = Release::new();
    let sum = files::sum(&release.read(PROGRAM));
    let mut of_another = parts(&sum, "1.6");
    of_another["metadata"]["component"]["name"] = json!("other");
    let mut empty = parts(&sum, "1.6");
    empty["components"] = json!([]);
    for list in [parts(&sum, "1.5"), parts(&"0".repeat(64), "1.6"), of_another, empty, json!("nothing")] {
        release.write(PARTS, list.to_string());
        release.describe();
        release.refused(ExitCode::Damaged, "parts", PARTS);
    }
}

#[test]
fn the_commit_inside_a_program_is_one_commit() {
    let stamp = |commit: &str| format!("{STAMP_MARK}{commit}");
    assert_eq!(stamped_commit(stamp(COMMIT).as_bytes()).as_deref(), Some(COMMIT));
    assert_eq!(stamped_commit(stamp(STAMP_MARK).as_bytes()), None, "the mark alone says nothing");
    assert_eq!(stamped_commit(&stamp(COMMIT).as_bytes()[..60]), None, "cut off");
    assert_eq!(stamped_commit(format!("{}{}", stamp(COMMIT), stamp(OTHER)).as_bytes()), None, "two commits");
    let release = Release::new();
    release.build("nothing");
    release.refused(ExitCode::Damaged, "commit", "no commit");
}

#[test]
fn keys_and_lists_that_cannot_be_used_are_named() {
    let release = Release::new();
    let key = release.beside("key");
    assert_eq!(sign::make_key(&key).expect_err("taken").exit, ExitCode::Refused);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).expect("opened to others");
    let failure = sign::sign(&release.dir(), &key).expect_err("others can read it");
    assert!(failure.error.error.contains("mode 640"), "{}", failure.error.error);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("closed");
    fs::write(&key, "no digits").expect("a file");
    assert_eq!(sign::sign(&release.dir(), &key).expect_err("no key").exit, ExitCode::Refused);
    fs::write(release.beside("signers"), "# one\nrsa:00 somebody\n").expect("a list");
    let failure = sign::read_signers(&release.beside("signers")).expect_err("a bad line");
    assert!(failure.exit == ExitCode::Config && failure.error.error.contains("line 2"), "{}", failure.error.error);
}

#[test]
fn the_commands_end_with_the_number_of_what_they_found() {
    let release = Release::new();
    let tb = |line: &str| {
        let words = ["tb"].into_iter().chain(line.split_whitespace()).map(OsString::from);
        cli::run(words.collect(), super::offline::no_node)
    };
    let (dir, signers) = (release.dir().display().to_string(), release.beside("signers").display().to_string());
    let verify = format!("release verify {dir} --signers {signers} --json");
    assert_eq!(tb("release info --json"), ExitCode::Ok);
    assert_eq!(tb(&verify), ExitCode::Ok);
    assert_eq!(tb(&format!("{verify} --commit {OTHER}")), ExitCode::Refused);
    assert_eq!(tb(&format!("{verify} --commit main")), ExitCode::Usage);
    fs::write(release.beside("signers"), "# nobody\n").expect("a list");
    assert_eq!(tb(&verify), ExitCode::Unauthorized, "an empty list accepts nobody");
    assert_eq!(tb(&format!("release verify {dir} --signers /nowhere")), ExitCode::NotFound);
    let new_key = release.beside("new").display().to_string();
    assert_eq!(tb(&format!("release key --out {new_key}")), ExitCode::Ok);
    assert_eq!(tb(&format!("release sign {dir} --key {new_key}")), ExitCode::Ok);
}

/// What the script says about a program whose metadata is this text.
fn features_of(metadata: &str) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join("tb");
    fs::write(folder.path().join("metadata"), metadata).expect("a file");
    let text = "#!/bin/sh\n[ \"$*\" = 'release info --json' ] && cat \"$(dirname \"$0\")/metadata\"\n";
    fs::write(&program, text).expect("a program");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).expect("executable");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/verify_release_features.sh");
    let done = Command::new(script).arg(&program).output().expect("the script runs");
    (done.status.code(), String::from_utf8_lossy(&done.stderr).into_owned())
}

#[test]
fn a_program_with_features_of_tests_is_no_release() {
    let _shown = testkit::contract!("S002-009");
    let metadata = |features: &[&str], needs: &[&str], commit: Value| {
        json!({ "features": features, "cpu_features": needs, "commit": commit }).to_string()
    };
    let wanted = ["backend-plonky3", "prod"];
    assert_eq!(features_of(&metadata(&wanted, &["popcnt", "sse4.2"], json!(COMMIT))), (Some(0), String::new()));
    let cases = [
        (metadata(&["prod"], &[], json!(COMMIT)), "the feature backend-plonky3 is absent"),
        (metadata(&["backend-plonky3"], &[], json!(COMMIT)), "the feature prod is absent"),
        (metadata(&["backend-plonky3", "mock-prover", "prod"], &[], json!(COMMIT)), "mock-prover is made for tests"),
        (metadata(&["backend-plonky3", "prod", "seeded-bugs"], &[], json!(COMMIT)), "seeded-bugs is made for tests"),
        (
            metadata(&["backend-plonky3", "dishonest-quorum", "prod"], &[], json!(COMMIT)),
            "dishonest-quorum is made for tests",
        ),
        (metadata(&wanted, &["avx2"], json!(COMMIT)), "a processor with avx2"),
        (metadata(&wanted, &[], Value::Null), "no commit"),
        ("[]".to_owned(), "cannot be read"),
        (String::new(), "cannot be read"),
    ];
    for (metadata, words) in cases {
        let (code, said) = features_of(&metadata);
        assert!(code == Some(1) && said.contains(words), "{metadata}: {code:?} {said}");
    }
    // What this very build says of itself is judged by its facts: the tests are no release.
    let own = serde_json::to_string(&cli::release::info::BuildInfo::of_this_program()).expect("JSON");
    let (code, said) = features_of(&own);
    assert!(code == Some(1) && said.contains("the feature prod is absent"), "{said}");
    assert!(!said.contains("backend-plonky3"), "the proof system is in the builds of tests: {said}");
}

#[test]
fn a_program_for_others_has_nothing_in_it_that_is_made_for_tests() {
    use cli::release::info::Built;
    use primitives::actions::ProofSystemKind;

    let good = Built {
        prod: true,
        seeded_bugs: false,
        dishonest_quorum: false,
        debug: false,
        systems: &[ProofSystemKind::Plonky3],
    };
    assert!(good.keeps_its_promise());
    assert_eq!(good.features(), ["backend-plonky3", "prod"]);
    let broken = [
        Built { seeded_bugs: true, ..good },
        Built { dishonest_quorum: true, ..good },
        Built { debug: true, ..good },
        Built { systems: &[], ..good },
    ];
    for built in broken {
        assert!(!built.keeps_its_promise(), "such a program does not compile: {built:?}");
        assert!(Built { prod: false, ..built }.keeps_its_promise(), "for tests it may: {built:?}");
    }
    // The tests themselves are compiled without the promise, with the proof system that every build for tests has.
    assert_eq!(Built::THIS.features(), ["backend-plonky3"]);
}

/// What the machine's service would start.
fn running(root: &Path) -> Vec<u8> {
    fs::read(root.join("current").join(PROGRAM)).expect("a program")
}

#[test]
fn the_release_before_comes_back_and_nothing_unchecked_becomes_current() {
    let _remedy = testkit::contract!("S002-035");
    let _kept = testkit::contract!("S001-011");
    let release = Release::new();
    let root = release.beside("machine");
    let signers = || sign::read_signers(&release.beside("signers")).expect("a list");
    let use_it = || installed::use_release(&root, &release.dir(), &signers());
    let back = || installed::roll_back(&root, &signers());
    assert_eq!(back().expect_err("nothing was used yet").error.code, "no_previous");
    let first = use_it().expect("a good release");
    assert_eq!((first.current.commit.as_str(), first.previous), (COMMIT, None));
    let old = running(&root);
    assert_eq!(old, release.read(PROGRAM));
    let mode = fs::metadata(root.join("current").join(PROGRAM)).expect("a program").permissions().mode();
    assert_eq!(mode & 0o777, 0o755);
    assert_eq!(back().expect_err("there was none before").error.code, "no_previous");

    release.next(OTHER);
    let second = use_it().expect("a good release");
    assert_eq!((second.current.commit.as_str(), second.previous.as_deref()), (OTHER, Some(COMMIT)));
    let new = running(&root);
    assert!(new != old && new == release.read(PROGRAM));
    assert_eq!(use_it().expect("once more").previous.as_deref(), Some(COMMIT), "the same again changes nothing");

    // A bad folder, an unknown signer, a kept release that was altered: what is current stays.
    release.write(PROGRAM, b"something else");
    assert_eq!(use_it().expect_err("it has other sums").exit, ExitCode::Damaged);
    assert_eq!(fs::read_dir(root.join("releases")).expect("a folder").count(), 2, "nothing is left of it");
    assert_eq!(installed::roll_back(&root, &[]).expect_err("no signer").error.code, "signer_unknown");
    let kept = root.join("releases").join(COMMIT).join(PARTS);
    let parts = fs::read(&kept).expect("a file");
    fs::write(&kept, b"{}").expect("ours");
    assert_eq!(back().expect_err("it was altered").exit, ExitCode::Damaged);
    fs::write(&kept, parts).expect("ours");
    assert_eq!(running(&root), new);

    let third = back().expect("the one before");
    assert_eq!((third.current.commit.as_str(), third.previous.as_deref()), (COMMIT, Some(OTHER)));
    assert_eq!(running(&root), old);
    assert_eq!(back().expect("and forth").current.commit, OTHER);
    assert_eq!(running(&root), new);
}
