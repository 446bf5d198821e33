//! Rules for the crates of the workspace.
//!
//! - The table in ARCHITECTURE.md between `<!-- crates:begin -->` and `<!-- crates:end -->` says which crate depends
//!   on which other crate of ours (dependencies of the product, not of tests), so that an edge is added knowingly.
//! - Every crate takes its lints from the workspace.
//! - The feature that seeds defects is named by [`DEFECTS_IN`] alone, so that no program can be built with it by
//!   naming a dependency.
//! - A library whose tests are elsewhere has none in `src`, where nobody would run them, and no library is built a second
//!   time as a benchmark.
//! - Every dependency takes its version from the workspace, so that a version is written once; and every version
//!   written there is used.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail, ensure};
use toml::{Table, Value};

use crate::snapshot::Snapshot;
use crate::tidy::Finding;

const ARCHITECTURE: &str = "ARCHITECTURE.md";
const BEGIN: &str = "<!-- crates:begin -->";
const END: &str = "<!-- crates:end -->";

/// What the table says for a crate that depends on no other of ours.
const NOTHING: &str = "nothing";

/// The tables of a manifest that name dependencies.
const DEPENDENCY_TABLES: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];

/// Features that break the chain on purpose, and the manifests that may name them. Of the seeded defects: the crate that has the switch, and the
/// simulator, whose tests turn it on. Of the validators that lie: the crate that executes blocks, and those that pass it on to the program.
const DEFECTS: [(&str, &[&str]); 2] = [
    ("seeded-bugs", &["crates/primitives/Cargo.toml", "sim/Cargo.toml"]),
    (
        "dishonest-quorum",
        &["crates/replica/Cargo.toml", "crates/node/Cargo.toml", "apps/cli/Cargo.toml", "tb/Cargo.toml"],
    ),
];

/// The crates that each crate depends on, by name.
type Edges = BTreeMap<String, BTreeSet<String>>;

/// All findings.
///
/// # Errors
/// A manifest that is not TOML.
pub(crate) fn check(snapshot: &Snapshot) -> Result<Vec<Finding>> {
    let root = root_dependencies(snapshot)?;
    let members = members(snapshot)?;
    let mut findings = Vec::new();
    let mut used = BTreeSet::new();
    for (path, manifest) in &members {
        lints(path, manifest, &mut findings);
        versions(path, manifest, &mut used, &mut findings);
        harness(snapshot, path, manifest, &mut findings);
    }
    defects(snapshot, &members, &mut findings);
    for name in root.keys().filter(|name| !used.contains(*name)) {
        findings.push(Finding::in_file("Cargo.toml", format!("no crate uses the dependency `{name}`; remove it")));
    }
    table(snapshot, &edges(&root, &members), &mut findings);
    Ok(findings)
}

/// ARCHITECTURE.md with its table made from the manifests, or nothing where it has no table to fill.
///
/// # Errors
/// A manifest that is not TOML.
pub(crate) fn rewrite(snapshot: &Snapshot) -> Result<Option<(&'static str, String)>> {
    let text = snapshot.text(ARCHITECTURE).unwrap_or_default();
    let parts = text.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let Some((before, after)) = parts else {
        return Ok(None);
    };
    let mut rows = String::new();
    for (name, depends_on) in edges(&root_dependencies(snapshot)?, &members(snapshot)?) {
        rows.push_str(&format!("| `{name}` | {} |\n", cell(&depends_on)));
    }
    let table = format!("{BEGIN}\n| crate | depends on |\n|---|---|\n{rows}{END}");
    Ok(Some((ARCHITECTURE, format!("{before}{table}{after}"))))
}

/// `[workspace.dependencies]` of the root manifest.
pub(crate) fn root_dependencies(snapshot: &Snapshot) -> Result<Table> {
    let text = snapshot.text("Cargo.toml").context("Cargo.toml is missing")?;
    let mut manifest: Table = text.parse().context("Cargo.toml is not TOML")?;
    let Some(Value::Table(mut workspace)) = manifest.remove("workspace") else {
        bail!("Cargo.toml has no [workspace]");
    };
    match workspace.remove("dependencies") {
        Some(Value::Table(dependencies)) => Ok(dependencies),
        _ => bail!("Cargo.toml has no [workspace.dependencies]"),
    }
}

/// The manifests of all crates in the workspace, by path. A manifest with a `[workspace]` of its own is not in it.
pub(crate) fn members(snapshot: &Snapshot) -> Result<BTreeMap<&str, Table>> {
    let mut members = BTreeMap::new();
    for (path, text) in snapshot.texts().filter(|(path, _)| path.ends_with("/Cargo.toml")) {
        let manifest: Table = text.parse().with_context(|| format!("{path} is not TOML"))?;
        if !manifest.contains_key("workspace") {
            members.insert(path, manifest);
        }
    }
    ensure!(!members.is_empty(), "the workspace has no crates");
    Ok(members)
}

/// The entries of `table` in `manifest`.
fn entries<'a>(manifest: &'a Table, table: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    manifest.get(table).and_then(Value::as_table).into_iter().flatten()
}

fn package_name(manifest: &Table) -> Option<&str> {
    manifest.get("package")?.get("name")?.as_str()
}

fn from_workspace(value: &Value) -> bool {
    value.get("workspace").and_then(Value::as_bool) == Some(true)
}

fn lints(path: &str, manifest: &Table, findings: &mut Vec<Finding>) {
    if !manifest.get("lints").is_some_and(from_workspace) {
        findings.push(Finding::in_file(path, "a crate takes the shared lints: `[lints]` with `workspace = true`"));
    }
}

fn defects(snapshot: &Snapshot, members: &BTreeMap<&str, Table>, findings: &mut Vec<Finding>) {
    for (feature, may) in DEFECTS {
        let manifests = snapshot.texts().filter(|(path, _)| *path == "Cargo.toml" || path.ends_with("/Cargo.toml"));
        for (path, _) in manifests.filter(|(path, text)| !may.contains(path) && text.contains(feature)) {
            let message = format!("names the feature `{feature}`, which only {} may", may.join(" and "));
            findings.push(Finding::in_file(path, message));
        }
        for path in may {
            let default = members.get(path).and_then(|manifest| manifest.get("features")?.get("default"));
            if let Some(default) = default.filter(|default| default.to_string().contains(feature)) {
                findings.push(Finding::in_file(path, format!("has `{feature}` in its default features: {default}")));
            }
        }
    }
}

/// What cargo builds of a library besides the library.
fn harness(snapshot: &Snapshot, path: &str, manifest: &Table, findings: &mut Vec<Finding>) {
    let Some(library) = manifest.get("lib").and_then(Value::as_table) else { return };
    let is_off = |key: &str| library.get(key).and_then(Value::as_bool) == Some(false);
    if !is_off("bench") {
        findings.push(Finding::in_file(path, "a library is no benchmark: `bench = false` in `[lib]`"));
    }
    if is_off("test") {
        let folder = path.replace("Cargo.toml", "src/");
        let has_tests = |text: &str| ["#[test]", "#[tokio::test"].iter().any(|mark| text.contains(mark));
        for (file, _) in snapshot.texts().filter(|(file, text)| file.starts_with(&folder) && has_tests(text)) {
            findings
                .push(Finding::in_file(file, "no run has this test: `[lib]` says `test = false`; move it to tests/it"));
        }
    }
}

fn versions(path: &str, manifest: &Table, used: &mut BTreeSet<String>, findings: &mut Vec<Finding>) {
    let targets = entries(manifest, "target").filter_map(|(_, value)| value.as_table());
    for tables in targets.chain([manifest]) {
        for (name, value) in DEPENDENCY_TABLES.iter().flat_map(|table| entries(tables, table)) {
            used.insert(name.clone());
            if !from_workspace(value) {
                let message =
                    format!("`{name}` has its own version; take it from the workspace: `{name}.workspace = true`");
                findings.push(Finding::in_file(path, message));
            }
        }
    }
}

/// Which crate depends on which, product dependencies only.
fn edges(root: &Table, members: &BTreeMap<&str, Table>) -> Edges {
    let is_ours = |name: &str| root.get(name).is_some_and(|value| value.get("path").is_some());
    members
        .values()
        .filter_map(|manifest| {
            let ours = entries(manifest, "dependencies").filter(|(name, _)| is_ours(name));
            Some((package_name(manifest)?.to_owned(), ours.map(|(name, _)| name.clone()).collect()))
        })
        .collect()
}

fn table(snapshot: &Snapshot, edges: &Edges, findings: &mut Vec<Finding>) {
    let lines = snapshot.text(ARCHITECTURE).unwrap_or_default().lines();
    let mut between = (1..).zip(lines).skip_while(|(_, line)| line.trim() != BEGIN).skip(1);
    let mut found = BTreeMap::new();
    let mut closed = false;
    for (number, line) in between.by_ref() {
        if line.trim() == END {
            closed = true;
            break;
        }
        let cells: Vec<&str> = line.trim().trim_matches('|').split('|').map(str::trim).collect();
        if let [name, depends_on] = cells[..] {
            found.insert(name.replace('`', ""), (number, names(depends_on)));
        }
    }
    if !closed {
        let message = format!("the crate table between {BEGIN} and {END} is missing");
        findings.push(Finding::in_file(ARCHITECTURE, message));
        return;
    }
    for (name, depends_on) in edges {
        match found.remove(name) {
            None => findings.push(Finding::in_file(ARCHITECTURE, format!("the crate table lacks `{name}`; {FIX}"))),
            Some((number, said)) if said != *depends_on => {
                let message = format!("`{name}` depends on {}; {FIX}", cell(depends_on));
                findings.push(Finding::at(ARCHITECTURE, number, message));
            }
            Some(_) => {}
        }
    }
    // What is left are the two heading lines and crates that do not exist.
    for (name, (number, _)) in found {
        if name != "crate" && !name.starts_with('-') && !name.starts_with(':') {
            findings.push(Finding::at(ARCHITECTURE, number, format!("there is no crate `{name}`; {FIX}")));
        }
    }
}

const FIX: &str = "if that is meant, run `cargo xtask tidy --write`";

/// The crates that a cell of the table names.
fn names(cell: &str) -> BTreeSet<String> {
    cell.split(',')
        .map(|name| name.trim().replace('`', ""))
        .filter(|name| !name.is_empty() && name != NOTHING)
        .collect()
}

fn cell(names: &BTreeSet<String>) -> String {
    if names.is_empty() {
        return NOTHING.to_owned();
    }
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
