//! `cargo xtask release`: builds the commit that is checked out for other machines, and says where the program comes from.
//!
//! ```text
//! git archive HEAD ─► target/release-portable/source ─► cargo build (portable flags, --locked) ─► DIR/tb
//!                                                   └─► cargo metadata ─► DIR/tb.cdx.json ─► SHA256SUMS ─► provenance.json
//! cargo xtask test ─► target/tests.json, where it is of this commit ────────────────────────────────────────────┘
//! ```
//! Rules
//! - What is built is the commit and nothing else: its files are unpacked beside the working tree.
//! - Every flag is set here. Neither `.cargo/config.toml` nor the environment of the caller adds one.
//! - The program holds no date and no path of this machine, so that two builds of a commit can be compared: [`again`] builds it
//!   once more in another folder, and the nightly task compares the bytes. No other file has a path, and only the provenance a
//!   date: the day of the tests.
//! - That the tests passed is taken from the record of the run and from nobody else; without one the provenance says `null`.
//! - The key never comes here: the program that was just built signs (`tb release sign`).
//!
//! Read next: [`parts`] for the list of parts; `apps/cli/src/release` for what is checked of the folder.

mod parts;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::nightly::in_time;
use crate::process::{Workspace, output_of, succeed};
use crate::test::record;

/// The file with the key that signs.
const KEY_VARIABLE: &str = "TB_RELEASE_KEY";
/// What stands before the commit in the program (`apps/cli/src/release/info.rs`).
const STAMP_MARK: &str = "the-block-built-from-commit:";
/// What cargo is told to build: the program for others, with the proof system of the network and the promise of the feature `prod` that
/// nothing in it is made for tests (`apps/cli/src/release/info.rs`).
const BUILD: [&str; 9] =
    ["build", "--release", "--locked", "--package", "tb", "--bin", "tb", "--features", "prod,backend-plonky3"];
/// How this project builds, for readers of the provenance.
const BUILD_TYPE: &str = "urn:the-block:release:cargo:v1";
/// Separates flags in `CARGO_ENCODED_RUSTFLAGS`, so that a path may hold a space.
const BETWEEN_FLAGS: &str = "\u{1f}";
/// Settings of the release profile that differ for others: one program, without names of functions, built as a whole.
const PROFILE: [(&str, &str); 2] =
    [("CARGO_PROFILE_RELEASE_INCREMENTAL", "false"), ("CARGO_PROFILE_RELEASE_STRIP", "symbols")];

/// Longest build. One that is ended goes on, with the crates of others already built, when it is started again.
const BUILD_TIME_MAX: Duration = Duration::from_secs(4 * 3_600);

/// A finished release.
#[derive(Debug)]
pub(crate) struct Release {
    /// Where it is.
    pub(crate) folder: PathBuf,
    /// The commit.
    pub(crate) commit: String,
    /// Flags of the compiler, without paths.
    pub(crate) flags: Vec<String>,
    /// SHA-256 of the program.
    pub(crate) sha256: String,
    /// Its size.
    pub(crate) bytes: u64,
    /// How long cargo took.
    pub(crate) seconds: u64,
    /// Whether it is signed.
    pub(crate) is_signed: bool,
}

/// What is wanted of a release.
#[derive(Debug, Default)]
pub(crate) struct Wanted<'w> {
    /// Its folder; that in the target folder when absent.
    pub(crate) out: Option<&'w Path>,
    /// The record of its tests; the one that the last run left when absent.
    pub(crate) tests: Option<&'w Path>,
    /// Whether it has a Debian package.
    pub(crate) deb: bool,
}

/// Builds a release.
///
/// # Errors
/// Whatever program fails, a disk that refuses, and a named record of another commit.
pub(crate) fn run(workspace: &Workspace, wanted: &Wanted<'_>) -> Result<Release> {
    let target = workspace.target().join("release-portable");
    let folder = wanted.out.map_or_else(|| target.join("out"), Path::to_owned);
    fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let commit = checked_out(workspace)?;
    let tests = record::of_commit(workspace, wanted.tests, &commit)?;
    if wanted.deb {
        output_of(workspace.program("dpkg-deb").arg("--version")).context("a Debian package is wanted")?;
    }
    let source = unpack(workspace, &target)?;
    let (compiler, host) = compiler(workspace)?;
    let flags = portable_flags(&host);
    let started = Instant::now();
    build(workspace, &source, &target, &flags, &commit)?;
    let seconds = started.elapsed().as_secs();
    let program = folder.join("tb");
    fs::copy(target.join("release/tb"), &program)
        .with_context(|| format!("{} cannot be written", program.display()))?;
    let (sha256, bytes) = sum_of(&program)?;
    let metadata = output_of(
        workspace
            .cargo(&["metadata", "--format-version", "1", "--locked", "--filter-platform", &host])
            .current_dir(&source),
    )?;
    let lock = fs::read_to_string(source.join("Cargo.lock")).context("Cargo.lock cannot be read")?;
    let parts = parts::list(&serde_json::from_slice(&metadata)?, &lock, &sha256)?;
    write(&folder.join("tb.cdx.json"), &format!("{parts:#}\n"))?;
    let mut sums = vec![("tb".to_owned(), sha256.clone())];
    let package = if wanted.deb { Some(pack(workspace, &source, &folder)?) } else { None };
    for name in ["tb.cdx.json".to_owned()].into_iter().chain(package) {
        let (sum, _) = sum_of(&folder.join(&name))?;
        sums.push((name, sum));
    }
    let text: String = sums.iter().map(|(name, sum)| format!("{sum}  {name}\n")).collect();
    write(&folder.join("SHA256SUMS"), &text)?;
    let statement = provenance(&commit, &host, &compiler, &flags, &sums, tests.as_ref());
    write(&folder.join("provenance.json"), &format!("{statement:#}\n"))?;
    let is_signed = sign(workspace, &folder)?;
    println!(
        "release: {} holds tb of {commit}, {bytes} bytes, built in {seconds} s; tests: {}; {}",
        folder.display(),
        record::summary(tests.as_ref()),
        if is_signed { "signed" } else { "unsigned: TB_RELEASE_KEY names no key" }
    );
    Ok(Release { folder, commit, flags, sha256, bytes, seconds, is_signed })
}

/// Builds the program of the checked out commit once more, from files in another folder; gives its path and the seconds.
///
/// # Errors
/// Whatever program fails, and a disk that refuses.
pub(crate) fn again(workspace: &Workspace) -> Result<(PathBuf, u64)> {
    let target = workspace.target().join("release-again").join("in-another-folder");
    fs::create_dir_all(&target).with_context(|| format!("{} cannot be made", target.display()))?;
    let commit = checked_out(workspace)?;
    let source = unpack(workspace, &target)?;
    let flags = portable_flags(&compiler(workspace)?.1);
    let started = Instant::now();
    build(workspace, &source, &target, &flags, &commit)?;
    Ok((target.join("release/tb"), started.elapsed().as_secs()))
}

/// What the compiler says of itself, and the machines that it builds for.
pub(crate) fn compiler(workspace: &Workspace) -> Result<(String, String)> {
    let compiler = String::from_utf8(output_of(workspace.program("rustc").arg("-vV"))?)?;
    let host = compiler.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc names no host")?.to_owned();
    Ok((compiler, host))
}

/// Flags of the compiler for machines other than this one.
pub(crate) fn portable_flags(host: &str) -> Vec<String> {
    // The baseline of 2003 has no POPCNT and no SSE4; every x86 server since 2009 has both. Other targets have a
    // baseline that is worth building for.
    if host.starts_with("x86_64-") { vec!["-C".into(), "target-cpu=x86-64-v2".into()] } else { Vec::new() }
}

/// The files of the commit, unpacked with the time of now, so that cargo sees each as changed.
fn unpack(workspace: &Workspace, target: &Path) -> Result<PathBuf> {
    let source = target.join("source");
    if source.exists() {
        fs::remove_dir_all(&source).with_context(|| format!("{} cannot be emptied", source.display()))?;
    }
    fs::create_dir_all(&source).with_context(|| format!("{} cannot be made", source.display()))?;
    let archive = target.join("source.tar");
    succeed(workspace.program("git").args(["archive", "--format=tar", "HEAD", "--output"]).arg(&archive))?;
    succeed(workspace.program("tar").arg("--touch").arg("-xf").arg(&archive).arg("-C").arg(&source))?;
    fs::remove_file(&archive).with_context(|| format!("{} cannot be removed", archive.display()))?;
    Ok(source)
}

fn build(workspace: &Workspace, source: &Path, target: &Path, flags: &[String], commit: &str) -> Result<()> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| Some(env::home_dir()?.join(".cargo")));
    let (all, c_flags) = (all_flags(flags, source, target, home.as_deref()), c_flags(source, target, home.as_deref()));
    let mut cargo = workspace.cargo(&BUILD);
    cargo.current_dir(source).arg("--target-dir").arg(target);
    cargo.env_remove("RUSTFLAGS").env("CARGO_ENCODED_RUSTFLAGS", all.join(BETWEEN_FLAGS));
    cargo.env("TB_BUILD_STAMP", format!("{STAMP_MARK}{commit}")).envs(PROFILE);
    cargo.env("CFLAGS", &c_flags).env("CXXFLAGS", &c_flags);
    println!("$ cargo build --release --locked --package tb --bin tb, in {}", source.display());
    in_time(cargo.spawn().context("cargo could not be started")?, BUILD_TIME_MAX)
}

/// Folders of this machine and what stands for each in the program. Where two fit the last one counts, so the files of the
/// commit, which lie below the target folder, stand behind it.
fn stand_ins(source: &Path, target: &Path, home: Option<&Path>) -> Vec<(String, &'static str)> {
    let home = home.map(|home| (home.display().to_string(), "/cargo"));
    let ours = [(target.display().to_string(), "/target"), (source.display().to_string(), "/the-block")];
    home.into_iter().chain(ours).collect()
}

/// The flags, and those that keep paths of this machine out of messages of the program.
fn all_flags(flags: &[String], source: &Path, target: &Path, home: Option<&Path>) -> Vec<String> {
    let folders = stand_ins(source, target, home);
    let paths = folders.iter().map(|(folder, name)| format!("--remap-path-prefix={folder}={name}"));
    flags.iter().cloned().chain(paths).collect()
}

/// The same for the few files that are written in C.
fn c_flags(source: &Path, target: &Path, home: Option<&Path>) -> String {
    let folders = stand_ins(source, target, home);
    let paths = folders.iter().map(|(folder, name)| format!("-ffile-prefix-map={folder}={name}"));
    paths.collect::<Vec<_>>().join(" ")
}

/// Packs the program of `folder` with the files of the commit, and gives the name of the package beside it.
fn pack(workspace: &Workspace, source: &Path, folder: &Path) -> Result<String> {
    let time = output_of(workspace.program("git").args(["log", "-1", "--format=%ct"]))?;
    let folder = fs::canonicalize(folder).context("the folder of the release is gone")?;
    let mut script = workspace.program(source.join("scripts/build_deb.sh"));
    script.arg("--binary").arg(folder.join("tb")).arg("--out").arg(&folder);
    script.env("SOURCE_DATE_EPOCH", String::from_utf8(time)?.trim());
    let path = PathBuf::from(String::from_utf8(output_of(&mut script)?)?.trim());
    let name = path.file_name().and_then(|name| name.to_str()).context("the script names no package")?;
    Ok(name.to_owned())
}

fn provenance(
    commit: &str,
    host: &str,
    compiler: &str,
    flags: &[String],
    sums: &[(String, String)],
    tests: Option<&Value>,
) -> Value {
    let subjects = sums.iter().map(|(name, sum)| json!({ "name": name, "digest": { "sha256": sum } }));
    let profile: serde_json::Map<_, _> = PROFILE.iter().map(|(name, value)| ((*name).into(), json!(value))).collect();
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subjects.collect::<Vec<_>>(),
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": { "package": "tb", "target": host },
                "internalParameters": {
                    "rustflags": flags,
                    "profile": profile,
                    "command": format!("cargo {}", BUILD.join(" ")),
                },
                "resolvedDependencies": [{ "name": "source", "digest": { "gitCommit": commit } }],
            },
            "runDetails": {
                "builder": { "id": "urn:the-block:builder:xtask" },
                "byproducts": [{ "name": "rustc -vV", "content": compiler.trim() }],
                // SLSA lets a producer add fields with its name in front.
                "theblock_tests": tests,
            },
        },
    })
}

/// Lets the new program sign, where a key is named.
fn sign(workspace: &Workspace, folder: &Path) -> Result<bool> {
    let old = folder.join("provenance.json.sig");
    if old.exists() {
        fs::remove_file(&old).with_context(|| format!("{} cannot be removed", old.display()))?;
    }
    let Some(key) = env::var_os(KEY_VARIABLE).filter(|key| !key.is_empty()) else { return Ok(false) };
    let folder = fs::canonicalize(folder).context("the folder of the release is gone")?;
    succeed(workspace.program(folder.join("tb")).args(["release", "sign"]).arg(&folder).arg("--key").arg(key))?;
    Ok(true)
}

/// The commit that is checked out.
///
/// # Errors
/// A folder that is no checkout.
pub(crate) fn checked_out(workspace: &Workspace) -> Result<String> {
    let words = ["rev-parse", "HEAD"];
    let text = String::from_utf8(output_of(workspace.program("git").args(words))?)?.trim().to_owned();
    ensure!(text.len() == 40, "git says {text:?}, which is no commit");
    Ok(text)
}

pub(crate) fn sum_of(path: &Path) -> Result<(String, u64)> {
    let bytes = fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
    Ok((hex_sha256(&bytes), u64::try_from(bytes.len())?))
}

/// The SHA-256 of some bytes, as text.
pub(crate) fn hex_sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))
}

#[cfg(test)]
mod tests;
