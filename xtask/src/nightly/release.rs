//! The task about releases: builds the commit for other machines, signs it with a key that is thrown away, lets the checks
//! of a release judge it, and builds it a second time in another folder: both programs must be the same bytes.
//!
//! A task that was stopped after the first build does not build that one again; the second goes on as cargo does.

use std::fs;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::stamped;
use crate::process::{Workspace, output_of, succeed};
use crate::release::{self, Release, Wanted};

/// Largest program, bytes: one that grows past it is looked at.
const BYTES_MAX: u64 = 150 * 1_024 * 1_024;
/// Processor features of x86-64-v3 and later, which a release must not need.
const NEVER_NEEDED: [&str; 5] = ["avx", "avx2", "bmi2", "fma", "avx512f"];

pub(super) fn run(workspace: &Workspace) -> Result<Value> {
    let built = first(workspace)?;
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
    let (second, second_seconds) = release::again(workspace)?;
    let (second_sha256, _) = release::sum_of(&second)?;
    if let Some(at) = first_difference(&fs::read(&program)?, &fs::read(&second)?) {
        bail!("two builds of one commit differ from byte {at} on: {} and {}", program.display(), second.display());
    }
    let summary = json!({
        "verdict": "pass",
        "flags": built.flags,
        "build_seconds": built.seconds,
        "program_bytes": built.bytes,
        "program_sha256": built.sha256,
        "second_sha256": second_sha256,
        "second_build_seconds": second_seconds,
        "parts": verified["parts"],
        "features": info["features"],
        "cpu_features": info["cpu_features"],
    });
    stamped(workspace, "release", &built.commit, "cargo xtask nightly release", summary)
}

/// The release of this commit: that of an earlier start of the task where it is still there, else a new one.
fn first(workspace: &Workspace) -> Result<Release> {
    let journal = workspace.target().join("nightly").join("release.journal");
    let commit = super::said(workspace.program("git").args(["rev-parse", "HEAD"]))?;
    let noted = fs::read_to_string(&journal).ok();
    let noted = noted.as_deref().and_then(|text| noted_seconds(text, &commit));
    let folder = workspace.target().join("release-portable/out");
    if let (Some((sha256, seconds)), Ok((found, bytes))) = (noted, release::sum_of(&folder.join("tb")))
        && found == sha256
    {
        println!("nightly: the first build of {commit} is there");
        // It was signed with a key that is gone.
        let _ = fs::remove_file(folder.join("provenance.json.sig"));
        let flags = release::portable_flags(&release::compiler(workspace)?.1);
        return Ok(Release { folder, commit, flags, sha256, bytes, seconds, is_signed: false });
    }
    let built = release::run(workspace, &Wanted::default())?;
    fs::create_dir_all(workspace.target().join("nightly")).context("the folder of the task cannot be made")?;
    fs::write(&journal, format!("{} {} {}\n", built.commit, built.sha256, built.seconds))
        .with_context(|| format!("{} cannot be written", journal.display()))?;
    Ok(built)
}

/// Sum and seconds of the first build, where the journal is about this commit.
fn noted_seconds(journal: &str, commit: &str) -> Option<(String, u64)> {
    let mut words = journal.split_whitespace();
    (words.next()? == commit).then_some(())?;
    Some((words.next()?.to_owned(), words.next()?.parse().ok()?))
}

/// The first byte in which two programs differ; where one is the beginning of the other, the length of the shorter.
fn first_difference(left: &[u8], right: &[u8]) -> Option<usize> {
    let differs = left.iter().zip(right).position(|(left, right)| left != right);
    differs.or_else(|| (left.len() != right.len()).then(|| left.len().min(right.len())))
}

/// What is wrong with a result.
pub(super) fn wrong(result: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    let number = |key: &str| result.get(key).and_then(Value::as_u64).unwrap_or(0);
    let bytes = number("program_bytes");
    if bytes == 0 || bytes > BYTES_MAX {
        wrong.push(format!("has a program of {bytes} bytes, at most {BYTES_MAX} are wanted"));
    }
    let sum = |key: &str| result.get(key).and_then(Value::as_str);
    if sum("program_sha256").is_none() || sum("second_sha256") != sum("program_sha256") {
        wrong.push("has another program from the second build".to_owned());
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

#[cfg(test)]
mod tests {
    use super::{first_difference, noted_seconds};

    #[test]
    fn the_first_byte_in_which_two_programs_differ_is_named() {
        for (left, right, expected) in
            [("abc", "abc", None), ("abc", "abd", Some(2)), ("ab", "abc", Some(2)), ("", "", None), ("", "a", Some(0))]
        {
            assert_eq!(first_difference(left.as_bytes(), right.as_bytes()), expected, "{left} {right}");
        }
    }

    #[test]
    fn a_journal_of_another_commit_or_of_half_a_line_counts_for_nothing() {
        assert_eq!(noted_seconds("c0 ff 12\n", "c0"), Some(("ff".to_owned(), 12)));
        for journal in ["", "c0", "c0 ff", "c0 ff x", "c1 ff 12"] {
            assert_eq!(noted_seconds(journal, "c0"), None, "{journal}");
        }
    }
}
