//! Who may sign releases: the list of the project, and the one that the environment names in its place.

use std::fs;
use std::path::{Path, PathBuf};

use cli::release::info::STAMP_MARK;
use cli::release::{PARTS, PROGRAM, PROVENANCE, SUMS, files, sign};
use serde_json::json;

use crate::command::{Ended, run, tb};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A made-up release of a commit that nobody has signed.
pub fn unsigned(folder: &Path, commit: &str) -> PathBuf {
    let release = folder.join("release");
    fs::create_dir(&release).expect("a folder");
    let write = |name: &str, text: String| {
        fs::write(release.join(name), &text).expect("a file");
        files::sum(text.as_bytes())
    };
    let program = write(PROGRAM, format!("\x7fELF…{STAMP_MARK}{commit}…"));
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
    // Without the variable the list of the project counts, and it accepts nobody yet.
    let refused = verify(&release, &[]).refused();
    assert_eq!((refused.exit, refused.code.as_str()), (7, "signer_unknown"), "{refused:?}");
    assert!(refused.error.contains("config/release_signers.txt"), "{refused:?}");
}
