//! `cargo xtask bench`: runs the benchmarks and keeps the figures with the machine they were measured on.
//!
//! A benchmark is a `[[bench]]` target with `harness = false` that prints one JSON object per line for each figure.
//! Other lines are shown and not kept. The result is one file, `target/bench/results.json`:
//!
//! ```text
//! { "machine": { cpu, cores, memory_kib, kernel, rustc, commit },
//!   "results": [ { "bench": "tree", …what the benchmark printed… }, … ] }
//! ```
//!
//! `bench` is the name of the target. What a benchmark itself prints under that name is kept as `case`.
//!
//! Benchmarks are never tests: nothing here passes or fails by a time.

mod proofs;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::available_parallelism;

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use serde_json::{Value, json};

use crate::process::{Workspace, output_of};
use crate::snapshot::Snapshot;
use crate::tidy::members;

/// Measurements that are more than the benchmarks of a crate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Set {
    /// Windows and folds, native and portable, and an idle prover; writes target/bench/proofs.json.
    Proofs,
}

/// One benchmark of one crate.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Bench {
    package: String,
    name: String,
}

/// Runs a set, or all benchmarks, or those of the crate `only`, and writes the results.
///
/// # Errors
/// No such benchmark, one that fails, or a line that looks like a figure and is not JSON.
pub(crate) fn run(workspace: &Workspace, set: Option<Set>, only: Option<&str>) -> Result<()> {
    if let Some(Set::Proofs) = set {
        return proofs::run(workspace);
    }
    let known = benches(&Snapshot::read(workspace)?)?;
    let chosen: Vec<&Bench> =
        known.iter().filter(|bench| only.is_none_or(|package| bench.package == package)).collect();
    ensure!(
        !chosen.is_empty(),
        "no such benchmark; these crates have one: {}",
        known.iter().map(|bench| bench.package.as_str()).collect::<Vec<_>>().join(", ")
    );
    let mut results = Vec::new();
    for bench in chosen {
        let mut command = workspace.cargo(&["bench", "--locked", "--quiet"]);
        command.args(["--package", &bench.package, "--bench", &bench.name]);
        results.extend(measure(&mut command, &bench.name)?);
    }
    let count = results.len();
    let report = json!({ "machine": machine(workspace), "results": results });
    let folder = workspace.target().join("bench");
    fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let path = folder.join("results.json");
    fs::write(&path, format!("{report:#}\n")).with_context(|| format!("{} cannot be written", path.display()))?;
    print!("{}", table(&results));
    println!("bench: {count} figures in {}", path.display());
    Ok(())
}

/// The figures as a table: one row for each field that is a number, `bench  case  field  value`.
fn table(results: &[Value]) -> String {
    let mut rows: Vec<[String; 4]> = vec![["BENCH", "CASE", "FIELD", "VALUE"].map(str::to_owned)];
    for result in results {
        let text = |key: &str| result.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut numbers = Vec::new();
        flatten("", result, &mut numbers);
        rows.extend(numbers.into_iter().map(|(field, value)| [text("bench"), text("case"), field, value]));
    }
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths = [width(0), width(1), width(2)];
    let line = |[bench, case, field, value]: &[String; 4]| {
        format!("{bench:0$}  {case:1$}  {field:2$}  {value}\n", widths[0], widths[1], widths[2])
    };
    rows.iter().map(line).collect()
}

/// The numbers below a value, by their path.
fn flatten(path: &str, value: &Value, numbers: &mut Vec<(String, String)>) {
    match value {
        Value::Number(number) => numbers.push((path.to_owned(), number.to_string())),
        Value::Object(fields) => {
            for (key, value) in fields {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                flatten(&path, value, numbers);
            }
        }
        _ => {}
    }
}

/// Every `[[bench]]` of the workspace's crates.
fn benches(snapshot: &Snapshot) -> Result<Vec<Bench>> {
    let mut found = Vec::new();
    for manifest in members(snapshot)?.values() {
        let package = manifest.get("package").and_then(|package| package.get("name")?.as_str());
        let names = manifest
            .get("bench")
            .and_then(toml::Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|bench| bench.get("name")?.as_str());
        for name in names {
            let package = package.context("a crate with a benchmark has no name")?;
            found.push(Bench { package: package.to_owned(), name: name.to_owned() });
        }
    }
    Ok(found)
}

/// Runs one benchmark, shows its output as it comes and returns its figures.
fn measure(command: &mut Command, name: &str) -> Result<Vec<Value>> {
    println!("== {name} ==");
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("the benchmark `{name}` could not be started"))?;
    let output = child.stdout.take().context("the benchmark has no standard output")?;
    let mut figures = Vec::new();
    for line in BufReader::new(output).lines() {
        let line = line.with_context(|| format!("the output of `{name}` cannot be read"))?;
        println!("{line}");
        figures.extend(figure(name, &line)?);
    }
    let status = child.wait().with_context(|| format!("the benchmark `{name}` is gone"))?;
    ensure!(status.success(), "the benchmark `{name}` ended with {status}");
    Ok(figures)
}

/// The figure on a line of output, with the name of its benchmark; nothing when the line is not an object.
fn figure(name: &str, line: &str) -> Result<Option<Value>> {
    if !line.starts_with('{') {
        return Ok(None);
    }
    let mut figure: Value = serde_json::from_str(line)
        .with_context(|| format!("the benchmark `{name}` printed a figure that is not JSON: {line}"))?;
    if let Some(fields) = figure.as_object_mut()
        && let Some(case) = fields.insert("bench".to_owned(), Value::from(name))
    {
        fields.entry("case").or_insert(case);
    }
    Ok(Some(figure))
}

/// What the figures depend on. A fact that the machine does not tell is null.
fn machine(workspace: &Workspace) -> Value {
    let said = |command: &mut Command| {
        let output = String::from_utf8(output_of(command).ok()?).ok()?;
        Some(output.trim().to_owned())
    };
    let memory = fact(Path::new("/proc/meminfo"), "MemTotal");
    let memory_kib = memory.and_then(|text| text.strip_suffix(" kB")?.parse::<u64>().ok());
    json!({
        "cpu": fact(Path::new("/proc/cpuinfo"), "model name"),
        "cores": available_parallelism().ok().map(|cores| cores.get()),
        "memory_kib": memory_kib,
        "kernel": said(workspace.program("uname").arg("-sr")),
        "rustc": said(workspace.program("rustc").arg("--version")),
        "commit": said(workspace.program("git").args(["rev-parse", "HEAD"])),
    })
}

/// The value of the first line `key : value` in the file at `path`.
fn fact(path: &Path, key: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let mut pairs = text.lines().filter_map(|line| line.split_once(':'));
    pairs.find(|(name, _)| name.trim() == key).map(|(_, value)| value.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::{Bench, benches, figure, measure, table};
    use crate::snapshot::Snapshot;

    #[test]
    fn every_bench_target_is_found() {
        let manifest = "[package]\nname = \"tree\"\n[[bench]]\nname = \"slots\"\n[[bench]]\nname = \"keys\"\n";
        let snapshot = Snapshot::of(&[
            ("crates/tree/Cargo.toml", manifest),
            ("crates/other/Cargo.toml", "[package]\nname = \"other\"\n"),
        ]);
        let bench = |name: &str| Bench { package: "tree".to_owned(), name: name.to_owned() };
        assert_eq!(benches(&snapshot).unwrap(), [bench("slots"), bench("keys")]);
    }

    #[test]
    fn figures_are_kept_with_the_name_of_their_bench_and_talk_is_not() {
        let kept = figure("tree", "{\"case\":\"rebuild\",\"ns\":12}").unwrap().unwrap();
        assert_eq!(kept, serde_json::json!({ "bench": "tree", "case": "rebuild", "ns": 12 }));
        let renamed = figure("tree", "{\"bench\":\"rebuild\"}").unwrap().unwrap();
        assert_eq!(renamed, serde_json::json!({ "bench": "tree", "case": "rebuild" }));
        assert!(figure("tree", "warming up").unwrap().is_none());
        assert!(figure("tree", "{torn").unwrap_err().to_string().contains("not JSON: {torn"));
    }

    #[test]
    fn the_table_has_a_row_for_each_number() {
        let line = r#"{"case":"load","finality_ms":{"p50":940,"p99":1320},"is_quiet":true,"tx_per_second":6078.5}"#;
        let figures = [figure("devnet", line).unwrap().unwrap()];
        let expected = "\
BENCH   CASE  FIELD            VALUE
devnet  load  finality_ms.p50  940
devnet  load  finality_ms.p99  1320
devnet  load  tx_per_second    6078.5
";
        assert_eq!(table(&figures), expected);
    }

    #[test]
    fn a_bench_that_fails_is_an_error_even_after_figures() {
        let run = |script: &str| measure(Command::new("/bin/sh").args(["-c", script]), "tree");
        assert_eq!(run("echo '{\"a\":1}'; echo talk").unwrap().len(), 1);
        assert!(run("echo '{\"a\":1}'; exit 2").unwrap_err().to_string().contains("`tree` ended with"));
    }
}
