//! Tests of the list of parts, the flags and the provenance. None builds a program.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::{BUILD, all_flags, c_flags, parts, portable_flags, provenance};

const LOCK: &str = "
[[package]]
name = \"tb\"
version = \"0.1.0\"
[[package]]
name = \"used\"
version = \"1.0.0+meta\"
checksum = \"aa\"
[[package]]
name = \"builds\"
version = \"2.0.0\"
checksum = \"bb\"
[[package]]
name = \"tests\"
version = \"3.0.0\"
checksum = \"cc\"
";

fn metadata() -> Value {
    let package = |id: &str, name: &str, version: &str, licence: &str| json!({ "id": id, "name": name, "version": version, "license": licence });
    let edge = |id: &str, kind: Value| json!({ "pkg": id, "dep_kinds": [{ "kind": kind }] });
    json!({
        "packages": [
            package("u", "used", "1.0.0+meta", "MIT/Apache-2.0"),
            package("t", "tb", "0.1.0", "MIT"),
            package("b", "builds", "2.0.0", "MIT"),
            package("d", "tests", "3.0.0", "MIT"),
        ],
        "resolve": { "nodes": [
            { "id": "t", "deps": [edge("u", Value::Null), edge("d", json!("dev"))] },
            { "id": "u", "deps": [edge("b", json!("build"))] },
            { "id": "b", "deps": [] },
            { "id": "d", "deps": [] },
        ] },
    })
}

#[test]
fn parts_are_what_the_program_is_built_from() {
    let list = parts::list(&metadata(), LOCK, "ff").unwrap();
    assert_eq!((&list["bomFormat"], &list["specVersion"]), (&json!("CycloneDX"), &json!("1.6")));
    assert_eq!(list["metadata"]["component"]["hashes"], json!([{ "alg": "SHA-256", "content": "ff" }]));
    let names: Vec<_> = list["components"].as_array().unwrap().iter().map(|part| part["name"].clone()).collect();
    assert_eq!(names, ["builds", "used"], "sorted, and without the crate of the tests");
    let used = &list["components"][1];
    assert_eq!(used["purl"], "pkg:cargo/used@1.0.0%2Bmeta");
    assert_eq!(used["licenses"], json!([{ "expression": "MIT OR Apache-2.0" }]));
    assert_eq!(used["hashes"][0]["content"], "aa");
    let root = json!({ "ref": "pkg:cargo/tb@0.1.0", "dependsOn": ["pkg:cargo/used@1.0.0%2Bmeta"] });
    assert!(list["dependencies"].as_array().unwrap().contains(&root), "{list:#}");
}

#[test]
fn metadata_of_another_shape_is_refused() {
    for (pointer, word) in [("/packages", "packages"), ("/resolve/nodes", "graph")] {
        let mut broken = metadata();
        *broken.pointer_mut(pointer).unwrap() = Value::Null;
        let error = parts::list(&broken, LOCK, "ff").unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
    assert!(parts::list(&metadata(), "no = [lock", "ff").is_err());
}

#[test]
fn a_release_is_not_tuned_to_this_machine() {
    assert_eq!(portable_flags("x86_64-unknown-linux-gnu"), ["-C", "target-cpu=x86-64-v2"]);
    assert!(portable_flags("aarch64-unknown-linux-gnu").is_empty());
}

#[test]
fn a_release_is_compiled_with_its_two_features() {
    let _shown = testkit::contract!("S002-007");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = |path: &str| fs::read_to_string(root.join(path)).expect("a file of the project");
    let wanted = ["backend-plonky3", "prod"];
    let features = BUILD.iter().skip_while(|word| **word != "--features").nth(1).expect("it names features");
    let mut named: Vec<&str> = features.split(',').collect();
    named.sort_unstable();
    assert_eq!(named, wanted);
    // The program has both, and no build but that of a release makes the promise.
    let manifest: toml::Table = text("tb/Cargo.toml").parse().expect("TOML");
    let features = &manifest["features"];
    assert_eq!(features["default"], toml::Value::from(vec!["backend-plonky3"]));
    assert_eq!(features["backend-plonky3"], toml::Value::from(vec!["proof/backend-plonky3"]));
    assert_eq!(features["prod"], toml::Value::from(vec!["cli/prod"]));
    // The release that was built last says the same of itself.
    let built: Value = serde_json::from_str(&text("docs/nightly/release.json")).expect("JSON");
    assert_eq!(built["features"], json!(wanted));
}

#[test]
fn no_folder_of_this_machine_stays_in_the_program() {
    let (target, home) = (Path::new("/a/target"), Path::new("/b/cargo"));
    let source = target.join("source");
    let flags = all_flags(&["-C".to_owned()], &source, target, Some(home));
    let expected = [
        "-C",
        "--remap-path-prefix=/b/cargo=/cargo",
        "--remap-path-prefix=/a/target=/target",
        "--remap-path-prefix=/a/target/source=/the-block",
    ];
    assert_eq!(flags, expected, "the last one that fits counts, so the inner folder is behind the outer one");
    let flags = c_flags(&source, target, None);
    assert_eq!(flags, "-ffile-prefix-map=/a/target=/target -ffile-prefix-map=/a/target/source=/the-block");
}

#[test]
fn the_provenance_names_commit_flags_and_sums() {
    let flags = portable_flags("x86_64-unknown-linux-gnu");
    let statement = provenance(
        "c0ffee",
        "x86_64-unknown-linux-gnu",
        "rustc 1.95\n",
        &flags,
        &[("tb".to_owned(), "ff".to_owned())],
        None,
    );
    assert_eq!(statement["subject"], json!([{ "name": "tb", "digest": { "sha256": "ff" } }]));
    let definition = &statement["predicate"]["buildDefinition"];
    assert_eq!(definition["resolvedDependencies"][0]["digest"]["gitCommit"], "c0ffee");
    assert_eq!(definition["internalParameters"]["rustflags"], json!(flags));
    assert_eq!(statement["predicate"]["runDetails"].get("theblock_tests"), Some(&Value::Null), "nobody has tested it");
    let record = json!({ "commit": "c0ffee" });
    let tested =
        provenance("c0ffee", "x", "rustc 1.95\n", &flags, &[("tb".to_owned(), "ff".to_owned())], Some(&record));
    assert_eq!(tested["predicate"]["runDetails"]["theblock_tests"], record);
}
