//! The task about releases: builds the commit for other machines, signs it with a key that is thrown away, and lets the
//! checks of a release judge it.

use std::fs;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::stamped;
use crate::process::{Workspace, output_of, succeed};
use crate::release;

/// Largest program, bytes: one that grows past it is looked at.
const BYTES_MAX: u64 = 150 * 1_024 * 1_024;
/// Processor features of x86-64-v3 and later, which a release must not need.
const NEVER_NEEDED: [&str; 5] = ["avx", "avx2", "bmi2", "fma", "avx512f"];

pub(super) fn run(workspace: &Workspace) -> Result<Value> {
    let built = release::run(workspace, None)?;
    ensure!(!built.is_signed, "unset TB_RELEASE_KEY: this task signs with a key of its own");
    let program = fs::canonicalize(built.folder.join("tb")).context("the release has no tb")?;
    let folder = workspace.target().join("nightly");
    fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let (key, signers) = (folder.join("release.key"), folder.join("release_signers.txt"));
    // The key of an earlier start.
    let _ = fs::remove_file(&key);
    let line = output_of(workspace.program(&program).args(["release", "key", "--name", "nightly", "--out"]).arg(&key))?;
    fs::write(&signers, line).with_context(|| format!("{} cannot be written", signers.display()))?;
    succeed(workspace.program(&program).args(["release", "sign"]).arg(&built.folder).arg("--key").arg(&key))?;
    fs::remove_file(&key).with_context(|| format!("{} cannot be removed", key.display()))?;
    let mut verify = workspace.program(&program);
    verify.args(["release", "verify", "--json", "--commit", &built.commit, "--signers"]).arg(&signers);
    let verified: Value = serde_json::from_slice(&output_of(verify.arg(&built.folder))?)?;
    succeed(workspace.program(workspace.root().join("scripts/verify_release_features.sh")).arg(&program))?;
    let info: Value =
        serde_json::from_slice(&output_of(workspace.program(&program).args(["release", "info", "--json"]))?)?;
    let summary = json!({
        "verdict": "pass",
        "flags": built.flags,
        "build_seconds": built.seconds,
        "program_bytes": built.bytes,
        "program_sha256": built.sha256,
        "parts": verified["parts"],
        "features": info["features"],
        "cpu_features": info["cpu_features"],
    });
    stamped(workspace, "release", &built.commit, "cargo xtask nightly release", summary)
}

/// What is wrong with a result.
pub(super) fn wrong(result: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    let number = |key: &str| result.get(key).and_then(Value::as_u64).unwrap_or(0);
    let bytes = number("program_bytes");
    if bytes == 0 || bytes > BYTES_MAX {
        wrong.push(format!("has a program of {bytes} bytes, at most {BYTES_MAX} are wanted"));
    }
    if number("parts") == 0 {
        wrong.push("has no parts".to_owned());
    }
    let words = |key: &str| -> Option<Vec<&str>> {
        result.get(key).and_then(Value::as_array).map(|words| words.iter().filter_map(Value::as_str).collect())
    };
    for wanted in ["prod", "backend-plonky3"] {
        if words("features").is_none_or(|features| !features.contains(&wanted)) {
            wrong.push(format!("has no feature {wanted}"));
        }
    }
    match words("cpu_features") {
        None => wrong.push("has no `cpu_features`".to_owned()),
        Some(needed) => {
            let needed = needed.into_iter().filter(|needed| NEVER_NEEDED.contains(needed));
            wrong.extend(needed.map(|needed| format!("needs a processor with {needed}")));
        }
    }
    wrong
}
