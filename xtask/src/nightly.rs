//! `cargo xtask nightly`: what is too long for every push, with its result in the project.
//!
//! Model: a task runs a command that keeps a journal below `target/nightly`, so that a task that is stopped, or that
//! passes its time, goes on where it was when it is started again. A task that passes leaves one file,
//! `docs/nightly/TASK.json`: when, at which commit, by which command, and the numbers. A task that does not pass
//! leaves the old file alone.
//!
//! Rule: tidy refuses a result that is missing, that cannot be read, or whose numbers do not hold what the task
//! is for ([`check`]).

mod alerts;
pub(crate) mod chain;
pub(crate) mod damage;
mod folds;
mod fuzz;
mod kills;
mod lag;
mod mutations;
mod quorum;
mod release;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;
use serde_json::{Map, Value, json};

use crate::process::{Workspace, output_of, succeed};
use crate::snapshot::Snapshot;
use crate::tidy::Finding;

/// The folder of the results.
const RESULTS: &str = "docs/nightly";
/// Seeds that the simulator runs unless the command line says otherwise.
pub(crate) const SEEDS: u64 = 10_000;
/// Minutes of the task about the lag unless the command line says otherwise.
pub(crate) const MINUTES: u64 = 30;
/// Altered proofs unless the command line says otherwise.
pub(crate) const MUTATIONS: u64 = 100_000;
/// Kills unless the command line says otherwise.
pub(crate) const KILLS: u64 = 10_000;
/// Fewest seeds of a result that is accepted.
const SEEDS_MIN: u64 = 10_000;
/// Fewest kinds under each of these keys of a result: a kind that is not listed was not looked for.
const KINDS_MIN: [(&str, usize); 6] =
    [("faults", 20), ("fault_ms", 20), ("effects", 19), ("dishonest", 8), ("dishonest_ms", 8), ("properties", 20)];
/// Seeds within which every seeded defect must be caught.
const DEFECT_SEEDS: u64 = 500;
/// Longest time of one start of a task; what is left is done by the next start.
const TIME_MAX: Duration = Duration::from_secs(6 * 3_600);
/// How often a running task is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// The tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Task {
    /// Simulated networks with faults of every kind.
    Simulator,
    /// The search for the seed at which each seeded defect is caught.
    Defects,
    /// Proofs over proofs: real ones of foreign keys, and altered fresh ones.
    Folds,
    /// An extension of the chain proof by two of the largest parts; takes up to 4 GB, and runs when it is named.
    Largest,
    /// Very many altered proofs and altered public values, in one thread.
    Mutations,
    /// The size of chain proofs on a running network, up to past height 1,000.
    Chain,
    /// Four validators that all lie, with an honest prover, light client and node.
    Quorum,
    /// How far proofs stay behind the chain under a load; on a quiet machine, and when it is named.
    Lag,
    /// Faults that make every critical alert fire, and the remedies that clear it.
    Alerts,
    /// Flips and cuts in a journal, a store and a snapshot, and in homes of validators that come back by themselves.
    Damage,
    /// Validators under a load that die at named steps and at random moments.
    Kills,
    /// Mutated inputs for everything that reads foreign bytes, with the edges that they reach.
    Fuzz,
    /// A release: built for other machines, signed, checked, and built again to the same bytes.
    Release,
}

impl Task {
    fn name(self) -> &'static str {
        match self {
            Self::Simulator => "simulator",
            Self::Defects => "defects",
            Self::Folds => "folds",
            Self::Largest => "largest",
            Self::Mutations => "mutations",
            Self::Chain => "chain",
            Self::Quorum => "quorum",
            Self::Lag => "lag",
            Self::Alerts => "alerts",
            Self::Damage => "damage",
            Self::Kills => "kills",
            Self::Fuzz => "fuzz",
            Self::Release => "release",
        }
    }

    /// Whether the result must be there. What only a quiet or a large machine can measure is measured when somebody has one.
    fn is_required(self) -> bool {
        !matches!(self, Self::Lag | Self::Largest)
    }

    fn result(self) -> String {
        format!("{RESULTS}/{}.json", self.name())
    }
}

/// How much of a task is done.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extent {
    /// Seeds of the simulator.
    pub(crate) seeds: u64,
    /// Threads.
    pub(crate) jobs: u64,
    /// Altered proofs.
    pub(crate) mutations: u64,
    /// Minutes of the task about the lag.
    pub(crate) minutes: u64,
    /// Processes that die.
    pub(crate) kills: u64,
    /// The part of the task about damage that is run; none for both.
    pub(crate) part: Option<damage::Part>,
}

/// Runs all tasks, or the one named, and writes their results.
///
/// # Errors
/// A task that fails or passes its time.
pub(crate) fn run(workspace: &Workspace, only: Option<Task>, extent: Extent) -> Result<()> {
    let all = || Task::value_variants().iter().copied().filter(|task| task.is_required()).collect();
    let tasks: Vec<Task> = only.map_or_else(all, |task| vec![task]);
    for task in tasks {
        let result = match task {
            Task::Simulator => simulator(workspace, extent)?,
            Task::Defects => defects(workspace)?,
            Task::Folds => folds::run(workspace)?,
            Task::Largest => folds::largest(workspace)?,
            Task::Mutations => mutations::run(workspace, extent.mutations)?,
            Task::Chain => chain::run(workspace)?,
            Task::Quorum => quorum::run(workspace)?,
            Task::Lag => lag::run(workspace, extent.minutes)?,
            Task::Alerts => alerts::run(workspace)?,
            Task::Damage => damage::run(workspace, extent.part, extent.jobs)?,
            Task::Kills => kills::run(workspace, extent.kills)?,
            Task::Fuzz => fuzz::run(workspace)?,
            Task::Release => release::run(workspace)?,
        };
        let path = task.result();
        let full = workspace.root().join(&path);
        fs::create_dir_all(workspace.root().join(RESULTS)).with_context(|| format!("{RESULTS} cannot be made"))?;
        fs::write(&full, format!("{result:#}\n")).with_context(|| format!("{path} cannot be written"))?;
        println!("nightly: {} is in {path}; commit it", task.name());
    }
    Ok(())
}

fn simulator(workspace: &Workspace, Extent { seeds, jobs, .. }: Extent) -> Result<Value> {
    let commit = commit(workspace)?;
    succeed(&mut workspace.cargo(&["build", "--release", "--workspace", "--locked", "--bins"]))?;
    let folder = workspace.target().join("nightly");
    fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let report = folder.join("simulator");
    let words = simulator_words(seeds, jobs);
    let mut command = workspace.program(workspace.target().join("release/tb"));
    command.args(&words).arg("--resume").arg(folder.join(format!("simulator-{seeds}.journal")));
    command.arg("--report").arg(&report);
    in_time(command.spawn().context("tb could not be started")?, TIME_MAX)
        .with_context(|| format!("the simulator did not pass; its report is in {}", report.display()))?;
    let path: PathBuf = report.join("summary.json");
    let text = fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    let summary: Value = serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))?;
    stamped(workspace, "simulator", &commit, &format!("tb {}", words.join(" ")), summary)
}

/// Looks for the seed at which each defect is caught. The defects are in a build of their own.
fn defects(workspace: &Workspace) -> Result<Value> {
    let words =
        ["run", "--release", "--locked", "-p", "sim", "--features", "seeded-bugs", "--example", "defects", "--"];
    let seeds = DEFECT_SEEDS.to_string();
    let text = output_of(workspace.cargo(&words).arg(&seeds)).context("a defect was not caught")?;
    let summary: Value = serde_json::from_slice(&text).context("the search said something that is not JSON")?;
    stamped(workspace, "defects", &commit(workspace)?, &format!("cargo {} {seeds}", words.join(" ")), summary)
}

/// What a program says, in one line.
fn said(command: &mut Command) -> Result<String> {
    let text = String::from_utf8(output_of(command)?).context("a program said something that is not UTF-8")?;
    Ok(text.trim().to_owned())
}

/// The commit that a task is about. A task that takes long asks before it starts.
fn commit(workspace: &Workspace) -> Result<String> {
    let changed = said(workspace.program("git").args(["status", "--porcelain", "--", ".", ":!docs/nightly"]))?;
    let mut commit = said(workspace.program("git").args(["rev-parse", "HEAD"]))?;
    if !changed.is_empty() {
        commit.push_str(" with changes");
    }
    Ok(commit)
}

/// A result with the date and the commit.
fn stamped(workspace: &Workspace, task: &str, commit: &str, command: &str, summary: Value) -> Result<Value> {
    let date = said(workspace.program("date").args(["-u", "+%F"]))?;
    result(task, &date, commit, command, summary)
}

/// The arguments of `tb` that say what the result is about; where journal and report are is nobody's concern.
fn simulator_words(seeds: u64, jobs: u64) -> Vec<String> {
    ["sim", "--seeds", &seeds.to_string(), "--jobs", &jobs.to_string()].map(str::to_owned).to_vec()
}

/// The file of a result: where it comes from, then the numbers.
fn result(task: &str, date: &str, commit: &str, command: &str, summary: Value) -> Result<Value> {
    let Value::Object(numbers) = summary else { bail!("the summary is no JSON object") };
    let mut file = Map::new();
    for (key, value) in [("task", task), ("date", date), ("commit", commit), ("command", command)] {
        file.insert(key.to_owned(), json!(value));
    }
    file.extend(numbers);
    Ok(Value::Object(file))
}

/// Waits for a program; one that passes the limit is ended.
pub(crate) fn in_time(mut child: Child, limit: Duration) -> Result<()> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().context("the program is gone")? {
            ensure!(status.success(), "it ended with {status}");
            return Ok(());
        }
        if start.elapsed() > limit {
            child.kill().context("the program could not be ended")?;
            child.wait().context("the program is gone")?;
            bail!("it was ended after {} s; start the task again, it goes on where it was", limit.as_secs());
        }
        sleep(LOOK);
    }
}

/// All findings about the results: every task has one, and it holds what the task is for.
pub(crate) fn check(snapshot: &Snapshot) -> Vec<Finding> {
    let mut findings = Vec::new();
    for task in Task::value_variants() {
        let path = task.result();
        let text = snapshot.text(&path);
        if text.is_none() && !task.is_required() {
            continue;
        }
        let Some(text) = text else {
            let message = format!("is missing; run `cargo xtask nightly {}` and commit it", task.name());
            findings.push(Finding::in_file(&path, message));
            continue;
        };
        let wrong = match serde_json::from_str::<Value>(text) {
            Ok(result) if *task == Task::Alerts => {
                let mut found = wrong(*task, &result);
                found.extend(alerts::incomplete(snapshot, &result));
                found
            }
            Ok(result) if *task == Task::Fuzz => {
                let mut found = wrong(*task, &result);
                found.extend(fuzz::missing(snapshot, &result));
                found
            }
            Ok(result) => wrong(*task, &result),
            Err(error) => vec![format!("is not JSON: {error}")],
        };
        findings.extend(wrong.into_iter().map(|message| Finding::in_file(&path, message)));
    }
    let known: Vec<String> = Task::value_variants().iter().map(|task| task.result()).collect();
    for path in snapshot.paths().filter(|path| Path::new(path).starts_with(RESULTS)) {
        if !known.iter().any(|known| known == path) {
            findings.push(Finding::in_file(path, "is the result of no task; xtask/src/nightly.rs has the tasks"));
        }
    }
    findings
}

/// What is wrong with a result.
fn wrong(task: Task, result: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    // The verdicts of the task about folds are one for each attack.
    let verdict = (task != Task::Folds).then_some("verdict");
    for key in ["task", "date", "commit", "command"].into_iter().chain(verdict) {
        if result.get(key).and_then(Value::as_str).is_none_or(str::is_empty) {
            wrong.push(format!("has no `{key}`"));
        }
    }
    wrong.extend(match task {
        Task::Simulator => wrong_runs(result),
        Task::Defects => wrong_defects(result),
        Task::Folds => folds::wrong(result),
        Task::Largest => folds::wrong_largest(result),
        Task::Mutations => mutations::wrong(result),
        Task::Chain => chain::wrong(result),
        Task::Quorum => quorum::wrong(result),
        Task::Lag => lag::wrong(result),
        Task::Alerts => alerts::wrong(result),
        Task::Damage => damage::wrong(result),
        Task::Kills => kills::wrong(result),
        Task::Fuzz => fuzz::wrong(result),
        Task::Release => release::wrong(result),
    });
    wrong
}

/// What is wrong with the search for defects.
fn wrong_defects(result: &Value) -> Vec<String> {
    let Some(defects) = result.get("defects").and_then(Value::as_object).filter(|defects| !defects.is_empty()) else {
        return vec!["has no `defects`".to_owned()];
    };
    let seed = |found: &Value| found.get("seed").and_then(Value::as_u64);
    let missed = defects.iter().filter(|(_, found)| seed(found).is_none_or(|seed| seed >= DEFECT_SEEDS));
    missed.map(|(name, _)| format!("has no seed below {DEFECT_SEEDS} that catches {name}")).collect()
}

/// What is wrong with the runs of the simulator.
fn wrong_runs(result: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    if result.get("trace_hash").and_then(Value::as_str).is_none_or(str::is_empty) {
        wrong.push("has no `trace_hash`".to_owned());
    }
    let number = |key: &str| result.get(key).and_then(Value::as_u64);
    let seeds = number("seeds").unwrap_or(0);
    let command = result.get("command").and_then(Value::as_str).unwrap_or_default();
    if seeds == 0 || !format!("{command} ").contains(&format!(" --seeds {seeds} ")) {
        wrong.push(format!("says {seeds} seeds, and its command is `{command}`"));
    }
    if seeds < SEEDS_MIN {
        wrong.push(format!("is about {seeds} seeds, {SEEDS_MIN} are wanted"));
    }
    for key in ["passed", "seeds_of_60_s", "seeds_with_20_calm_heights"] {
        if number(key) != Some(seeds) {
            wrong.push(format!("has {key} {:?}, all {seeds} seeds are wanted", number(key)));
        }
    }
    let many = number("seeds_with_three_kinds").unwrap_or(0);
    if many.saturating_mul(4) < seeds.saturating_mul(3) {
        wrong.push(format!("has three kinds of faults in {many} of {seeds} seeds, three in four are wanted"));
    }
    for (key, kinds) in KINDS_MIN {
        let Some(counts) = result.get(key).and_then(Value::as_object).filter(|counts| !counts.is_empty()) else {
            wrong.push(format!("has no `{key}`"));
            continue;
        };
        if counts.len() < kinds {
            wrong.push(format!("lists {} kinds in `{key}`, {kinds} are wanted", counts.len()));
        }
        let none = counts.iter().filter(|(_, count)| count.as_u64().unwrap_or(0) == 0);
        wrong.extend(none.map(|(kind, _)| format!("has no {kind} in `{key}`; every kind is wanted")));
    }
    wrong
}

#[cfg(test)]
mod tests;
