//! Who may sign releases: the list of the project, and the one that the environment names in its place; and what a node says of its own.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use cli::commands::release::{SIGNERS_DEFAULT, SIGNERS_OF_MACHINE};
use cli::release::info::STAMP_MARK;
use cli::release::{PARTS, PROGRAM, PROVENANCE, SIGNATURE, SUMS, files, sign};
use primitives::Engine;
use serde_json::json;

use crate::cluster::{Cluster, INTERVAL_MS, Node, START_TIME};
use crate::command::{Ended, run, tb};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A made-up release of a commit that nobody has signed.
pub fn unsigned(folder: &Path, commit: &str) -> PathBuf {
    unsigned_with(folder, commit, format!("\x7fELF…{STAMP_MARK}{commit}…").as_bytes())
}

/// The same around this program.
pub fn unsigned_with(folder: &Path, commit: &str, program: &[u8]) -> PathBuf {
    let release = folder.join("release");
    fs::create_dir(&release).expect("a folder");
    let write = |name: &str, text: String| {
        fs::write(release.join(name), &text).expect("a file");
        files::sum(text.as_bytes())
    };
    fs::write(release.join(PROGRAM), program).expect("a file");
    let program = files::sum(program);
    let hashes = json!([{ "alg": "SHA-256", "content": program }]);
    let list = json!({
        "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
        "metadata": { "component": { "type": "application", "name": "tb", "hashes": hashes } },
        "components": [{ "type": "library", "name": "used", "version": "1.0.0" }],
    });
    let parts = write(PARTS, list.to_string());
    write(SUMS, format!("{program}  {PROGRAM}\n{parts}  {PARTS}\n"));
    let subject = |name: &str, sum: &str| json!({ "name": name, "digest": { "sha256": sum } });
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "predicateType": "https://slsa.dev/provenance/v1",
        "subject": [subject(PROGRAM, &program), subject(PARTS, &parts)],
        "predicate": { "buildDefinition": {
            "buildType": "made up", "resolvedDependencies": [{ "digest": { "gitCommit": commit } }],
        } },
    });
    write(PROVENANCE, statement.to_string());
    release
}

/// Puts the record of a run of all tests of [`COMMIT`] into the provenance of a release, which has no signature then.
fn has_passed_its_tests(release: &Path) {
    let read = |path: &Path| fs::read_to_string(path).expect("a file");
    let record = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/tests_record.json"));
    let mut statement: serde_json::Value = serde_json::from_str(&read(&release.join(PROVENANCE))).expect("JSON");
    let record: serde_json::Value = serde_json::from_str(&record).expect("JSON");
    statement["predicate"]["runDetails"] = json!({ "theblock_tests": record });
    fs::write(release.join(PROVENANCE), statement.to_string()).expect("ours");
}

/// `tb release verify` as it is typed in a clone.
fn verify(release: &Path, environment: &[(&str, &Path)]) -> Ended {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    run(tb().args(["release", "verify"]).arg(release).current_dir(root).envs(environment.iter().copied()))
}

#[test]
fn a_release_needs_a_signer_of_the_list_and_the_environment_may_name_another_list() {
    let _signers = testkit::contract!("S003-128");
    let folder = tempfile::tempdir().expect("a folder");
    let release = unsigned(folder.path(), COMMIT);
    let [key, foreign, list] = ["key", "foreign", "signers"].map(|name| folder.path().join(name));
    let signer = sign::text_of(&sign::make_key(&key).expect("a key"));
    sign::make_key(&foreign).expect("a key");
    fs::write(&list, format!("{signer} ours\n")).expect("a list");
    let ours = [("TB_RELEASE_SIGNERS", list.as_path())];
    let refused = verify(&release, &ours).refused();
    assert_eq!((refused.exit, refused.code.as_str()), (5, "file_missing"), "nobody signed it: {refused:?}");
    sign::sign(&release, &foreign).expect("signed");
    let refused = verify(&release, &ours).refused();
    assert_eq!((refused.exit, refused.code.as_str()), (7, "signer_unknown"), "somebody else signed it: {refused:?}");
    sign::sign(&release, &key).expect("signed");
    assert_eq!(verify(&release, &ours).ok()["commit"], COMMIT);
    // Without any list: which ones were looked for, and how to name one.
    let words = ["release", "verify", release.to_str().expect("text")];
    if !Path::new(SIGNERS_OF_MACHINE).exists() {
        let refused = run(tb().args(words).current_dir(&release)).refused();
        assert_eq!((refused.exit, refused.code.as_str()), (5, "signers_missing"), "{refused:?}");
        assert!(refused.error.contains(SIGNERS_DEFAULT) && refused.error.contains(SIGNERS_OF_MACHINE), "{refused:?}");
    }
    let refused = run(tb().args(words).args(["--signers", "/nowhere"])).refused();
    assert_eq!((refused.exit, refused.code.as_str()), (5, "signers_missing"), "{refused:?}");
    assert!(refused.hint.contains("--signers FILE or TB_RELEASE_SIGNERS"), "{refused:?}");
    // Without the variable the list of the project counts, and it accepts nobody yet.
    let refused = verify(&release, &[]).refused();
    assert_eq!((refused.exit, refused.code.as_str()), (7, "signer_unknown"), "{refused:?}");
    assert!(refused.error.contains("config/release_signers.txt"), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_tells_what_attests_its_program_and_a_check_before_an_upgrade_reads_it() {
    let _attestations = testkit::contract!("S003-134");
    let mut cluster = Cluster::new(Engine::Solo, 1, INTERVAL_MS);
    let folder = cluster.folder().to_owned();
    // The program that was built here, with the stamp of a commit behind its end, where no loader looks.
    let mut program = fs::read(env!("CARGO_BIN_EXE_tb")).expect("it was built");
    program.extend_from_slice(format!("{STAMP_MARK}{COMMIT}\n").as_bytes());
    let release = unsigned_with(&folder, COMMIT, &program);
    fs::set_permissions(release.join(PROGRAM), PermissionsExt::from_mode(0o755)).expect("ours");
    let [key, list] = ["key", "signers"].map(|name| folder.join(name));
    let signer = sign::text_of(&sign::make_key(&key).expect("a key"));
    fs::write(&list, format!("{signer} ours\n")).expect("a list");
    sign::sign(&release, &key).expect("signed");
    let node = &mut cluster.nodes[0];
    let told = async |node: &Node| {
        let mut told = Vec::new();
        for name in ["seen", "valid", "missing"] {
            told.push(node.metric(&format!("release_attestation_{name}")).await);
        }
        told
    };
    let check = |node: &Node, question: &str| {
        let mut command = tb();
        command.args(["rollout", "check", "--stage", "testnet", "--rpc", &node.ports.rpc_url()]);
        let report = run(command.arg("--release").arg(&release).arg("--signers").arg(&list)).json();
        let checks = report["checks"].as_array().expect("checks").clone();
        checks.into_iter().find(|one| one["check"] == question).expect("it is asked")
    };
    let ours = list.to_str().expect("text");
    let all = release.join(PROGRAM);
    node.start_program(&all, &[("TB_RELEASE_SIGNERS", ours)]);
    node.ready(START_TIME).await;
    assert_eq!(told(node).await, [4.0, 1.0, 0.0]);
    let found = check(node, "release")["found"].as_str().expect("text").to_owned();
    assert!(!found.contains("do not hold"), "{found}");
    // Whether its tests passed is known once the signed provenance says so, and tells nothing of a node with another build: the stamp
    // behind the end of this one is none of its own.
    let tests = check(node, "tests");
    assert!(tests["verdict"] == "unknown" && tests["found"].to_string().contains("without a record"), "{tests}");
    has_passed_its_tests(&release);
    sign::sign(&release, &key).expect("signed");
    let tests = check(node, "tests");
    let found = tests["found"].as_str().expect("text");
    assert!(found.contains("2050 of 2050 passed") && found.ends_with("; the node runs no release"), "{tests}");
    assert_eq!(tests["verdict"], "failed", "{tests}");
    node.stop();
    // The signature is gone, and then somebody else's list counts.
    let signature = fs::read(release.join(SIGNATURE)).expect("signed");
    fs::remove_file(release.join(SIGNATURE)).expect("it was there");
    node.start_program(&all, &[("TB_RELEASE_SIGNERS", ours)]);
    node.ready(START_TIME).await;
    assert_eq!(told(node).await, [3.0, 0.0, 1.0]);
    assert!(node.log().contains("do not attest it"), "{}", node.log());
    fs::write(release.join(SIGNATURE), signature).expect("written");
    let found = check(node, "release");
    assert_eq!(found["verdict"], "failed", "{found}");
    assert!(found["found"].as_str().is_some_and(|found| found.contains("3 files attest")), "{found}");
    node.stop();
    // A program that was built here is no release.
    node.start();
    node.ready(START_TIME).await;
    assert_eq!(told(node).await, [0.0, 0.0, 4.0]);
    let board = include_str!("../../../monitoring/grafana/rollout.json");
    assert!(board.contains("release_attestation_seen") && board.contains("release_attestation_missing"));
    cluster.check_no_panic();
}
