//! `cargo xtask vendor`: the sources of every crate of the lock file, with a list of where each comes from.
//!
//! ```text
//! cargo vendor --locked ─► DIR/NAME-VERSION/… ─► checksums.txt, provenance.json ─► judged against Cargo.lock ─► tag.rs
//! ```
//! Rules
//! - The snapshot is not committed: Cargo.lock has the checksum of each crate, and cargo refuses any other. The snapshot is for
//!   machines without a registry, and for whoever wants to read what a release was built from.
//! - It is stale when a crate of the lock file is missing, is another one, or a file in it was changed, added or removed, and when one
//!   of the two lists is not what the lock file asks for. A stale snapshot blocks a tag.
//!
//! Read next: `tag.rs`, `docs/releases.md`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use toml::Table;

use crate::process::{Workspace, output_of};
use crate::release::{hex_sha256, sum_of};

/// Sum and name of each crate.
const CHECKSUMS: &str = "checksums.txt";
/// Where each crate comes from.
const PROVENANCE: &str = "provenance.json";
/// What cargo prints for a build from the snapshot.
const CONFIG: &str = "config.toml";
/// What cargo writes into the folder of each crate: the sum of every file, and of the crate as the registry has it.
const OF_CARGO: &str = ".cargo-checksum.json";
/// Most findings that are told.
const FINDINGS_MAX: usize = 20;

/// A crate of a registry in the lock file.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Locked {
    name: String,
    version: String,
    source: String,
    checksum: String,
}

impl Locked {
    /// The name of its folder.
    fn folder(&self) -> String {
        format!("{}-{}", self.name, self.version)
    }
}

/// Where the snapshot lies when nobody names another folder.
pub(crate) fn place(workspace: &Workspace) -> PathBuf {
    workspace.target().join("vendor")
}

/// Makes the snapshot and judges it; with `check` only judges the one that is there.
///
/// # Errors
/// Whatever cargo fails at, a disk that refuses, and a snapshot that is stale.
pub(crate) fn run(workspace: &Workspace, folder: Option<&Path>, check: bool) -> Result<()> {
    let folder = folder.map_or_else(|| place(workspace), Path::to_owned);
    if !check {
        make(workspace, &folder)?;
    }
    judge(workspace, &folder)
}

/// Fails when the snapshot in `folder` is stale.
///
/// # Errors
/// What makes it stale.
pub(crate) fn judge(workspace: &Workspace, folder: &Path) -> Result<()> {
    let (locked, lock_sha256) = locked(workspace)?;
    let found = stale(&locked, &lock_sha256, folder);
    let told = found.iter().take(FINDINGS_MAX).map(|finding| format!("\n  {finding}")).collect::<String>();
    ensure!(
        found.is_empty(),
        "{} is stale, {} findings; run `cargo xtask vendor`{told}",
        folder.display(),
        found.len()
    );
    println!("vendor: {} holds the {} crates of Cargo.lock", folder.display(), locked.len());
    Ok(())
}

/// What this commit changed about the crates of registries, one line for each; nothing where there is no commit before it.
///
/// # Errors
/// A lock file of another shape.
pub(crate) fn changes(workspace: &Workspace) -> Result<Vec<String>> {
    let Ok(before) = output_of(workspace.program("git").args(["show", "HEAD~1:Cargo.lock"])) else {
        return Ok(Vec::new());
    };
    let before = parse(&String::from_utf8(before).context("Cargo.lock is not UTF-8")?)?;
    let (now, _) = locked(workspace)?;
    let missing = |from: &[Locked], sign: char, other: &[Locked]| -> Vec<String> {
        let gone = from.iter().filter(|one| !other.contains(one));
        gone.map(|one| format!("{sign} {} {} {}", one.name, one.version, one.checksum)).collect()
    };
    Ok(missing(&before, '-', &now).into_iter().chain(missing(&now, '+', &before)).collect())
}

fn make(workspace: &Workspace, folder: &Path) -> Result<()> {
    let mut vendor = workspace.cargo(&["vendor", "--locked", "--versioned-dirs"]);
    let printed = String::from_utf8(output_of(vendor.arg(folder))?).context("cargo prints no text")?;
    write(&folder.join(CONFIG), &printed)?;
    let (locked, lock_sha256) = locked(workspace)?;
    write(&folder.join(CHECKSUMS), &checksums(&locked))?;
    write(&folder.join(PROVENANCE), &provenance(&locked, &lock_sha256))
}

/// The crates of registries in the lock file, and its sum.
fn locked(workspace: &Workspace) -> Result<(Vec<Locked>, String)> {
    let text = fs::read_to_string(workspace.root().join("Cargo.lock")).context("Cargo.lock cannot be read")?;
    Ok((parse(&text)?, hex_sha256(text.as_bytes())))
}

/// The crates of registries in the text of a lock file.
fn parse(text: &str) -> Result<Vec<Locked>> {
    let table: Table = text.parse().context("Cargo.lock is not TOML")?;
    let packages = table.get("package").and_then(toml::Value::as_array).context("Cargo.lock has no packages")?;
    let mut found = Vec::new();
    for package in packages {
        let word = |key: &str| package.get(key).and_then(toml::Value::as_str).map(str::to_owned);
        let Some(source) = word("source") else { continue };
        let name = word("name").context("Cargo.lock has a package without a name")?;
        let version = word("version").with_context(|| format!("{name} has no version"))?;
        let checksum = word("checksum").with_context(|| format!("{name} {version} has no checksum"))?;
        found.push(Locked { name, version, source, checksum });
    }
    Ok(found)
}

fn checksums(locked: &[Locked]) -> String {
    locked.iter().map(|one| format!("{}  {}.crate\n", one.checksum, one.folder())).collect()
}

fn provenance(locked: &[Locked], lock_sha256: &str) -> String {
    let crates: Vec<Value> = locked
        .iter()
        .map(|one| json!({ "name": one.name, "version": one.version, "source": one.source, "sha256": one.checksum }))
        .collect();
    format!("{:#}\n", json!({ "lock_sha256": lock_sha256, "crates": crates }))
}

/// Everything that makes a snapshot stale.
fn stale(locked: &[Locked], lock_sha256: &str, folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for (name, wanted) in [(CHECKSUMS, checksums(locked)), (PROVENANCE, provenance(locked, lock_sha256))] {
        match fs::read_to_string(folder.join(name)) {
            Ok(text) if text == wanted => {}
            Ok(_) => found.push(format!("{name} is not what Cargo.lock asks for")),
            Err(error) => found.push(format!("{name}: {error}")),
        }
    }
    for one in locked {
        if let Err(error) = unchanged(one, &folder.join(one.folder())) {
            found.push(format!("{}: {error:#}", one.folder()));
        }
    }
    found
}

/// Fails when a crate is another one, or its files are not those that the registry gave.
fn unchanged(one: &Locked, folder: &Path) -> Result<()> {
    let path = folder.join(OF_CARGO);
    let text = fs::read_to_string(&path).with_context(|| format!("{OF_CARGO} cannot be read"))?;
    let sums: Value = serde_json::from_str(&text).with_context(|| format!("{OF_CARGO} is not JSON"))?;
    ensure!(sums["package"] == one.checksum.as_str(), "it is not the crate of Cargo.lock");
    let listed = sums["files"].as_object().with_context(|| format!("{OF_CARGO} lists no files"))?;
    let mut here = BTreeMap::new();
    walk(folder, "", &mut here)?;
    here.remove(OF_CARGO);
    for (name, sum) in listed {
        let found = here.remove(name).with_context(|| format!("{name} is missing"))?;
        ensure!(sum == found.as_str(), "{name} was changed");
    }
    let added = here.keys().next();
    ensure!(added.is_none(), "{} was added", added.map_or("", String::as_str));
    Ok(())
}

/// The sum of every file below a folder, by its path in it. Crates have few levels.
fn walk(folder: &Path, below: &str, sums: &mut BTreeMap<String, String>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))? {
        let entry = entry?;
        let name = entry.file_name().into_string().ok().context("a file name is not UTF-8")?;
        let path = if below.is_empty() { name } else { format!("{below}/{name}") };
        if entry.file_type()?.is_dir() {
            walk(&entry.path(), &path, sums)?;
        } else {
            sums.insert(path, sum_of(&entry.path())?.0);
        }
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))
}

#[cfg(test)]
pub(crate) mod tests;
