//! The dependency policies: `config/dependency_policies.toml`.
//!
//! Third-party crates are governed, not forbidden. The file lists
//!
//! - `[[direct]]`: every crate from a registry that one of our crates names, with the version requirement, the
//!   locked version, its checksum, and the reason why it is worth depending on;
//! - `[[forbidden]]`: crates that may not be anywhere in the graph, with the reason;
//! - `[graph]`: the number of registry crates in the whole graph and one digest over their names, versions and
//!   checksums, so that a change below the direct ones is seen in review as well.
//!
//! Source code from a git repository is never accepted. With `FIRST_PARTY_ONLY=1`, which is also the default, a
//! crate that is not listed is a finding; `FIRST_PARTY_ONLY=0` lets the unlisted pass while one is
//! trying something out. `cargo xtask tidy --write` brings versions, checksums and the digest up to
//! date; a new crate then has an empty reason, which is refused until somebody writes it.

use std::collections::{BTreeMap, BTreeSet};
use std::env;

use anyhow::{Context, Result, bail, ensure};
use toml::{Table, Value};

use crate::snapshot::Snapshot;
use crate::tidy::{Finding, root_dependencies};

/// The environment variable that says whether unlisted crates are refused.
const STRICT_VARIABLE: &str = "FIRST_PARTY_ONLY";

const POLICIES: &str = "config/dependency_policies.toml";

/// The comment at the top of the file.
const HEADER: &str = "\
# Which third-party crates may be part of the product, and why.
#
# Checked by `cargo xtask tidy`; xtask/src/policies.rs says what the tables mean. Versions, checksums and the
# digest are written by `cargo xtask tidy --write`; reasons are written by people.
";

const FIX: &str = "run `cargo xtask tidy --write`, review the change and give the reason";

/// What happens to a crate that is not listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strictness {
    /// It is a finding.
    ListedOnly,
    /// It passes.
    Anything,
}

impl Strictness {
    /// Strict unless the environment says `FIRST_PARTY_ONLY=0`.
    pub(crate) fn from_environment() -> Self {
        Self::of(env::var(STRICT_VARIABLE).ok().as_deref())
    }

    /// What a value of the variable means; without one it is strict.
    fn of(value: Option<&str>) -> Self {
        match value {
            Some("0") => Self::Anything,
            _ => Self::ListedOnly,
        }
    }
}

/// One crate of the lock file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Package {
    name: String,
    version: String,
    /// Absent for our own crates.
    source: Option<String>,
    checksum: String,
    dependencies: Vec<String>,
}

/// A direct dependency as the file lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Direct {
    name: String,
    requirement: String,
    version: String,
    checksum: String,
    reason: String,
}

/// A crate that may not be in the graph.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Forbidden {
    name: String,
    reason: String,
}

/// The file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Policies {
    direct: Vec<Direct>,
    forbidden: Vec<Forbidden>,
    packages: usize,
    digest: String,
}

/// All findings.
///
/// # Errors
/// A lock file, root manifest or policy file that cannot be read.
pub(crate) fn check(snapshot: &Snapshot, strictness: Strictness) -> Result<Vec<Finding>> {
    let lock = read_lock(snapshot)?;
    let listed = read_policies(snapshot)?;
    let right = generate(&lock, &root_dependencies(snapshot)?, &listed)?;
    let mut findings = sources(&lock);
    for policy in &listed.forbidden {
        if let Some(package) = lock.iter().find(|package| package.name == policy.name) {
            let message = format!("{} {} is forbidden: {}", package.name, package.version, policy.reason);
            findings.push(Finding::in_file("Cargo.lock", message));
        }
    }
    for entry in listed.direct.iter().map(|entry| (&entry.name, &entry.reason)) {
        findings.extend(without_reason(entry));
    }
    for entry in listed.forbidden.iter().map(|entry| (&entry.name, &entry.reason)) {
        findings.extend(without_reason(entry));
    }
    differences(&listed, &right, strictness, &mut findings);
    Ok(findings)
}

/// The file with versions, checksums and the digest of the lock file, and the reasons it has.
///
/// # Errors
/// A lock file, root manifest or policy file that cannot be read.
pub(crate) fn rewrite(snapshot: &Snapshot) -> Result<(&'static str, String)> {
    let listed = read_policies(snapshot)?;
    let right = generate(&read_lock(snapshot)?, &root_dependencies(snapshot)?, &listed)?;
    Ok((POLICIES, render(&right)))
}

fn without_reason((name, reason): (&String, &String)) -> Option<Finding> {
    reason.trim().is_empty().then(|| Finding::in_file(POLICIES, format!("`{name}` has no reason")))
}

/// A finding for every crate that comes from elsewhere than a registry, or without a checksum.
fn sources(lock: &[Package]) -> Vec<Finding> {
    lock.iter()
        .filter_map(|package| {
            let source = package.source.as_deref()?;
            let message = if !source.starts_with("registry+") {
                format!("{} comes from {source}; only the registry is accepted", package.name)
            } else if package.checksum.is_empty() {
                format!("{} {} has no checksum", package.name, package.version)
            } else {
                return None;
            };
            Some(Finding::in_file("Cargo.lock", message))
        })
        .collect()
}

/// A finding for every difference between what is listed and what is locked.
fn differences(listed: &Policies, right: &Policies, strictness: Strictness, findings: &mut Vec<Finding>) {
    let key = |entry: &Direct| (entry.name.clone(), entry.version.clone());
    let mut left: BTreeMap<_, _> = listed.direct.iter().map(|entry| (key(entry), entry)).collect();
    for entry in &right.direct {
        let known = left.remove(&key(entry));
        let message = match known {
            Some(known) if known == entry => continue,
            Some(_) => {
                format!("`{}` {} has another requirement or checksum; {FIX}", entry.name, entry.version)
            }
            None if strictness == Strictness::Anything => continue,
            None => format!("`{}` {} is used but not listed; {FIX}", entry.name, entry.version),
        };
        findings.push(Finding::in_file(POLICIES, message));
    }
    for (name, version) in left.into_keys() {
        let message = format!("`{name}` {version} is listed but not used; {FIX}");
        findings.push(Finding::in_file(POLICIES, message));
    }
    let same_graph = (listed.packages, &listed.digest) == (right.packages, &right.digest);
    if !same_graph && strictness == Strictness::ListedOnly {
        let message = format!(
            "the graph has {} registry crates with the digest {}, not as listed; {FIX}",
            right.packages, right.digest
        );
        findings.push(Finding::in_file(POLICIES, message));
    }
}

/// The policies that the lock file and the root manifest ask for, with the reasons and bans of `listed`.
fn generate(lock: &[Package], root: &Table, listed: &Policies) -> Result<Policies> {
    let reason_of = |name: &str| {
        let known = listed.direct.iter().find(|entry| entry.name == name);
        known.map(|entry| entry.reason.clone()).unwrap_or_default()
    };
    let mut direct = Vec::new();
    for package in direct_packages(lock)? {
        direct.push(Direct {
            name: package.name.clone(),
            requirement: requirement(root, &package.name),
            version: package.version.clone(),
            checksum: package.checksum.clone(),
            reason: reason_of(&package.name),
        });
    }
    let mut hasher = blake3::Hasher::new();
    let mut packages = 0;
    for package in lock.iter().filter(|package| package.source.is_some()) {
        let line = format!("{}\t{}\t{}\n", package.name, package.version, package.checksum);
        hasher.update(line.as_bytes());
        packages += 1;
    }
    let digest = hasher.finalize().to_hex().to_string();
    Ok(Policies { direct, forbidden: listed.forbidden.clone(), packages, digest })
}

/// The registry crates that our own crates name, in order of name and version.
fn direct_packages(lock: &[Package]) -> Result<BTreeSet<&Package>> {
    let mut direct = BTreeSet::new();
    for ours in lock.iter().filter(|package| package.source.is_none()) {
        for named in &ours.dependencies {
            // `name`, or `name version` where the graph holds several versions.
            let mut words = named.split(' ');
            let (name, version) = (words.next().unwrap_or_default(), words.next());
            let found = lock
                .iter()
                .find(|package| package.name == name && version.is_none_or(|version| package.version == version));
            let package = found.with_context(|| format!("Cargo.lock names {named} but does not lock it"))?;
            if package.source.is_some() {
                direct.insert(package);
            }
        }
    }
    Ok(direct)
}

/// The version requirement of `name` in the root manifest; empty when it is not there.
fn requirement(root: &Table, name: &str) -> String {
    let entry = root.iter().find(|(key, value)| {
        let package = value.get("package").and_then(Value::as_str);
        package.unwrap_or(key.as_str()) == name
    });
    let version = entry.and_then(|(_, value)| value.as_str().or_else(|| value.get("version")?.as_str()));
    version.unwrap_or_default().to_owned()
}

fn read_lock(snapshot: &Snapshot) -> Result<Vec<Package>> {
    let text = snapshot.text("Cargo.lock").context("Cargo.lock is missing")?;
    let lock: Table = text.parse().context("Cargo.lock is not TOML")?;
    let mut packages = Vec::new();
    for entry in array(&lock, "package") {
        packages.push(Package {
            name: string(entry, "name").context("Cargo.lock has a package without a name")?,
            version: string(entry, "version").context("Cargo.lock has a package without a version")?,
            source: string(entry, "source"),
            checksum: string(entry, "checksum").unwrap_or_default(),
            dependencies: entry
                .get("dependencies")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(|name| name.as_str().map(str::to_owned))
                .collect(),
        });
    }
    ensure!(!packages.is_empty(), "Cargo.lock is empty");
    packages.sort();
    Ok(packages)
}

fn read_policies(snapshot: &Snapshot) -> Result<Policies> {
    let text = snapshot.text(POLICIES).with_context(|| format!("{POLICIES} is missing"))?;
    let file: Table = text.parse().with_context(|| format!("{POLICIES} is not TOML"))?;
    for key in file.keys() {
        if !["graph", "direct", "forbidden"].contains(&key.as_str()) {
            bail!("{POLICIES} has an unknown table `{key}`; it knows graph, direct and forbidden");
        }
    }
    let get = |entry: &Value, key: &str| {
        string(entry, key).with_context(|| format!("{POLICIES} has an entry without `{key}`: {entry}"))
    };
    let mut policies = Policies::default();
    for entry in array(&file, "direct") {
        policies.direct.push(Direct {
            name: get(entry, "name")?,
            requirement: get(entry, "requirement")?,
            version: get(entry, "version")?,
            checksum: get(entry, "checksum")?,
            reason: get(entry, "reason")?,
        });
    }
    for entry in array(&file, "forbidden") {
        policies.forbidden.push(Forbidden { name: get(entry, "name")?, reason: get(entry, "reason")? });
    }
    if let Some(graph) = file.get("graph") {
        let packages = graph.get("packages").and_then(Value::as_integer).unwrap_or_default();
        policies.packages = usize::try_from(packages).unwrap_or_default();
        policies.digest = string(graph, "digest").unwrap_or_default();
    }
    Ok(policies)
}

fn array<'a>(table: &'a Table, key: &str) -> impl Iterator<Item = &'a Value> {
    table.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn string(entry: &Value, key: &str) -> Option<String> {
    entry.get(key)?.as_str().map(str::to_owned)
}

/// The file as text.
fn render(policies: &Policies) -> String {
    let quoted = |text: &str| Value::String(text.to_owned()).to_string();
    let mut text =
        format!("{HEADER}\n[graph]\npackages = {}\ndigest = {}\n", policies.packages, quoted(&policies.digest));
    for entry in &policies.forbidden {
        text.push_str(&format!(
            "\n[[forbidden]]\nname = {}\nreason = {}\n",
            quoted(&entry.name),
            quoted(&entry.reason)
        ));
    }
    for entry in &policies.direct {
        text.push_str(&format!(
            "\n[[direct]]\nname = {}\nrequirement = {}\nversion = {}\nchecksum = {}\nreason = {}\n",
            quoted(&entry.name),
            quoted(&entry.requirement),
            quoted(&entry.version),
            quoted(&entry.checksum),
            quoted(&entry.reason)
        ));
    }
    text
}

#[cfg(test)]
mod tests;
