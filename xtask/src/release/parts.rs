//! The list of parts of a program: CycloneDX 1.6, from `cargo metadata` and the lock file.
//!
//! Rules
//! - Listed is what the program is built from: the crates that `tb` reaches by ordinary dependencies, and those that run
//!   while it is built. Crates of tests alone are not in it.
//! - A crate of the registry carries the checksum of the lock file.
//! - Components, dependencies and their order depend on the commit and the target alone.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use toml::Table;

/// The package of the program.
const PROGRAM: &str = "tb";

/// One crate of the graph.
struct Part<'m> {
    package: &'m Value,
    /// What it needs, by package id.
    needs: BTreeSet<&'m str>,
}

/// The list of parts of the program with this SHA-256.
///
/// # Errors
/// Metadata or a lock file of another shape.
pub(super) fn list(metadata: &Value, lock: &str, program_sha256: &str) -> Result<Value> {
    let sums = checksums(lock)?;
    let parts = reached(metadata)?;
    let (mut components, mut dependencies) = (Vec::new(), Vec::new());
    let mut root = None;
    let mut sorted: Vec<(String, &Part<'_>)> = Vec::new();
    for part in parts.values() {
        sorted.push((url(part.package)?, part));
    }
    sorted.sort_by(|(left, _), (right, _)| left.cmp(right));
    for (reference, part) in sorted {
        let needs = part.needs.iter().map(|id| url(parts.get(*id).context("a crate is not in the graph")?.package));
        let mut needs = needs.collect::<Result<Vec<_>>>()?;
        needs.sort();
        dependencies.push(json!({ "ref": reference, "dependsOn": needs }));
        let (name, version) = (text(part.package, "name")?, text(part.package, "version")?);
        let mut component = json!({
            "type": "library", "bom-ref": reference, "name": name, "version": version, "purl": reference,
        });
        if let Some(licence) = part.package.get("license").and_then(Value::as_str) {
            component["licenses"] = json!([{ "expression": licence.replace('/', " OR ") }]);
        }
        if name == PROGRAM {
            component["type"] = json!("application");
            component["hashes"] = json!([{ "alg": "SHA-256", "content": program_sha256 }]);
            root = Some(component);
            continue;
        }
        if let Some(sum) = sums.get(&(name.to_owned(), version.to_owned())) {
            component["hashes"] = json!([{ "alg": "SHA-256", "content": sum }]);
        }
        components.push(component);
    }
    Ok(json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": { "component": root.context("the metadata has no package tb")? },
        "components": components,
        "dependencies": dependencies,
    }))
}

fn text<'v>(value: &'v Value, key: &str) -> Result<&'v str> {
    value.get(key).and_then(Value::as_str).with_context(|| format!("the metadata has a package without {key}"))
}

/// The package URL, which also names the part within the list.
fn url(package: &Value) -> Result<String> {
    Ok(format!("pkg:cargo/{}@{}", text(package, "name")?, text(package, "version")?.replace('+', "%2B")))
}

/// Checksums of the registry by name and version.
fn checksums(lock: &str) -> Result<BTreeMap<(String, String), String>> {
    let lock: Table = lock.parse().context("Cargo.lock is not TOML")?;
    let packages = lock.get("package").and_then(toml::Value::as_array).context("Cargo.lock has no packages")?;
    let field = |package: &toml::Value, key: &str| package.get(key).and_then(toml::Value::as_str).map(str::to_owned);
    let entry = |package| Some(((field(package, "name")?, field(package, "version")?), field(package, "checksum")?));
    Ok(packages.iter().filter_map(entry).collect())
}

/// What the program reaches, by package id.
fn reached(metadata: &Value) -> Result<BTreeMap<&str, Part<'_>>> {
    let packages = metadata.get("packages").and_then(Value::as_array).context("the metadata has no packages")?;
    let packages = packages.iter().map(|package| Ok((text(package, "id")?, package)));
    let packages: BTreeMap<&str, &Value> = packages.collect::<Result<_>>()?;
    let nodes = metadata.pointer("/resolve/nodes").and_then(Value::as_array).context("the metadata has no graph")?;
    let nodes: BTreeMap<&str, &Value> =
        nodes.iter().filter_map(|node| Some((node.get("id")?.as_str()?, node))).collect();
    let root = packages.values().find(|package| package.get("name").and_then(Value::as_str) == Some(PROGRAM));
    let mut waiting = vec![text(root.context("the metadata has no package tb")?, "id")?];
    let mut reached = BTreeMap::new();
    while let Some(id) = waiting.pop() {
        if reached.contains_key(id) {
            continue;
        }
        let node = nodes.get(id).with_context(|| format!("the graph has no {id}"))?;
        let edges = node.get("deps").and_then(Value::as_array).context("a crate of the graph has no deps")?;
        let needs: BTreeSet<&str> =
            edges.iter().filter(|edge| is_built(edge)).filter_map(|edge| edge.get("pkg")?.as_str()).collect();
        waiting.extend(&needs);
        let package = packages.get(id).with_context(|| format!("the metadata has no package {id}"))?;
        reached.insert(id, Part { package, needs });
    }
    Ok(reached)
}

/// Whether an edge of the graph is followed when a program is built, and not for tests alone.
fn is_built(edge: &Value) -> bool {
    let kinds = edge.get("dep_kinds").and_then(Value::as_array);
    kinds.is_none_or(|kinds| kinds.iter().any(|kind| kind.get("kind").and_then(Value::as_str) != Some("dev")))
}
