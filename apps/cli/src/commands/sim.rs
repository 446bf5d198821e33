//! `tb sim`: simulate a network of validators. The simulator comes in as a function.

use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use crate::context::Context;
use crate::exit::Failure;
use crate::output::{Output, fields};
use crate::simulation::{SimAnswer, SimNews, SimPlan, SimRunner, SimTask, SimWork};
use crate::{ExitCode, output};

const EXAMPLES: &str = "\
Examples:
  tb sim --seed 7                          one network, chosen by the seed
  tb sim --seed 7 --json                   the same with verdict and trace_hash for programs
  tb sim --seeds 200 --jobs 2              seeds 0 to 199
  tb sim --seeds 10000 --jobs 2 --resume sim.journal
  tb sim --scenario scenarios/regions.toml --report out
  tb sim --profile partition --seeds 20    a built-in scenario with seeds 0 to 19
  tb sim --scenario tools/simnet/scenarios/consensus_quorum_stress.ron --proofs 5 --report out
  tb sim --seed 7 --replay --from 1000 --to 1100
  tb sim --seed 7 --shrink                 the smallest scenario that fails in the same way

The verdict is pass, no progress, diverged, or invariant broken: NAME. The same seed gives the same
trace hash on every machine. Anything but what the scenario expects, which is pass unless it says
otherwise, ends with exit code 1.";

/// The code of a verdict that is not as expected.
pub const VERDICT_CODE: &str = "verdict";
/// Most seeds of one run: their reports are held in memory, about 2 KiB each.
const SEEDS_MAX: u64 = 1_000_000;
/// Most threads.
const JOBS_MAX: u64 = 256;
/// Most windows of `--proofs`, some seconds each.
const PROOFS_MAX: i64 = 1_000;
/// Longest scenario file, bytes.
const SCENARIO_BYTES_MAX: u64 = 1 << 20;
/// Lines of progress of a batch that nobody watches.
const LINES: u64 = 100;

/// Arguments of `tb sim`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// Run one seed [default: 0]; with --scenario or --profile instead of its own
    #[arg(long, value_name = "N", conflicts_with = "seeds")]
    seed: Option<u64>,
    /// Run this many seeds and sum them up
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..=SEEDS_MAX))]
    seeds: Option<u64>,
    /// The first of --seeds
    #[arg(long, value_name = "N", default_value_t = 0, requires = "seeds")]
    start_seed: u64,
    /// Threads for several seeds; every run stays in one
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=JOBS_MAX))]
    jobs: u64,
    /// Keep a journal of --seeds in this file and go on where it ends
    #[arg(long, value_name = "FILE", requires = "seeds")]
    resume: Option<PathBuf>,
    /// Run a scenario file, in TOML or RON by its ending
    #[arg(long, value_name = "FILE", conflicts_with = "profile")]
    scenario: Option<PathBuf>,
    /// Run a built-in scenario, such as partition; an unknown name lists them all
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// Write summary.json, a page (index.html) and a table (CSV) into this folder
    #[arg(long, value_name = "DIR", conflicts_with_all = ["shrink", "replay"])]
    report: Option<PathBuf>,
    /// Also prove so many windows on this machine for real, check each and altered copies of each, and add the times to the summary
    #[arg(long, value_name = "WINDOWS", conflicts_with_all = ["shrink", "replay"], value_parser = clap::value_parser!(u32).range(1..=PROOFS_MAX))]
    proofs: Option<u32>,
    /// Print the smallest scenario that fails as this one does
    #[arg(long, conflicts_with_all = ["seeds", "replay"])]
    shrink: bool,
    /// Print every event and what it changed
    #[arg(long, conflicts_with = "seeds")]
    replay: bool,
    /// The first event of --replay, counted from 1
    #[arg(long, value_name = "EVENT", default_value_t = 1, requires = "replay")]
    from: u64,
    /// The last event of --replay [default: the last of the run]
    #[arg(long, value_name = "EVENT", requires = "replay")]
    to: Option<u64>,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`] for a scenario that cannot be read, and for every verdict that is not as expected.
pub fn run(arguments: &Arguments, context: &Context, sim: Option<SimRunner>) -> Result<(), Failure> {
    let sim = sim.ok_or_else(|| {
        let what = "this program was built without the simulator";
        Failure::new(ExitCode::Refused, "not_in_this_version", what, "use the tb of a release")
    })?;
    let mut progress = Progress::new(context.output);
    let answer = sim(&arguments.work()?, &mut |news| progress.tell(news));
    progress.bar.finish_and_clear();
    let answer = answer?;
    match &answer.text {
        Some(text) if !context.output.is_json() => context.output.raw(text),
        _ => context.output.result(&answer.report, || describe(&answer)),
    }
    if let Some(folder) = &arguments.report {
        context.output.talk(format_args!("the report is in {}", folder.join("index.html").display()));
    }
    if answer.passed {
        return Ok(());
    }
    Err(Failure::new(
        ExitCode::Unexpected,
        VERDICT_CODE,
        format!("a simulated network failed: {}", answer.verdict),
        "run the failing seed alone with --seed N --json; spec/simulation.md says what each property means",
    ))
}

impl Arguments {
    fn work(&self) -> Result<SimWork, Failure> {
        let plan = match (&self.scenario, &self.profile) {
            (Some(path), _) => SimPlan::Scenario { path: path.clone(), text: read_scenario(path)? },
            (None, Some(name)) => SimPlan::Profile(name.clone()),
            (None, None) => SimPlan::OfSeed,
        };
        let seed = self.seed;
        let task = match self.seeds {
            Some(count) => SimTask::Batch { first: self.start_seed, count, journal: self.resume.clone() },
            None if self.shrink => SimTask::Shrink { seed },
            None if self.replay => SimTask::Replay { seed, from: self.from, to: self.to.unwrap_or(u64::MAX) },
            None => SimTask::Run { seed },
        };
        let jobs = usize::try_from(self.jobs).unwrap_or(1);
        Ok(SimWork { plan, task, jobs, report: self.report.clone(), proofs: self.proofs })
    }
}

/// How far the simulator is: a bar for a person who watches, lines for everybody else.
struct Progress {
    output: Output,
    bar: ProgressBar,
    is_sized: bool,
}

impl Progress {
    fn new(output: Output) -> Self {
        let bar = ProgressBar::hidden();
        let style = ProgressStyle::with_template("{bar:40} {pos}/{len} seeds, {msg}, {eta} left");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self { output, bar, is_sized: false }
    }

    fn tell(&mut self, news: SimNews<'_>) {
        match news {
            SimNews::Done { done, count, failed } => self.done(done, count, failed),
            SimNews::Failed { seed, verdict, detail } => self.say(&format!("seed {seed}: {verdict}: {detail}")),
            SimNews::Talk(text) => self.say(text),
            SimNews::Line(line) if self.output.is_json() => self.output.talk(line),
            SimNews::Line(line) => self.output.raw(line),
        }
    }

    fn done(&mut self, done: u64, count: u64, failed: u64) {
        if self.output.is_watched() {
            if !self.is_sized {
                self.is_sized = true;
                self.bar.set_length(count);
                // What was done before, by an interrupted run, says nothing about the time that is left.
                self.bar.set_position(done.saturating_sub(1));
                self.bar.reset_eta();
                self.bar.set_draw_target(indicatif::ProgressDrawTarget::stderr());
            }
            self.bar.set_position(done);
            self.bar.set_message(format!("{failed} failed"));
        } else if done == count || done.is_multiple_of(count.div_ceil(LINES)) {
            let (done, count) = (output::count(done), output::count(count));
            self.output.talk(format_args!("{done} of {count} seeds, {failed} failed"));
        }
    }

    /// A line above the bar.
    fn say(&self, text: &str) {
        self.bar.suspend(|| self.output.talk(text));
    }
}

/// The text of a scenario file.
///
/// # Errors
/// [`Failure`] for a file that cannot be read or is too large.
pub fn read_scenario(path: &Path) -> Result<String, Failure> {
    let size = std::fs::metadata(path).map_err(|cause| Failure::disk(path, &cause))?.len();
    if size > SCENARIO_BYTES_MAX {
        let what = format!("{} has {size} bytes, a scenario has at most {SCENARIO_BYTES_MAX}", path.display());
        return Err(Failure::usage(what, "name the scenario file itself"));
    }
    std::fs::read_to_string(path).map_err(|cause| Failure::disk(path, &cause))
}

/// Every figure of the report, one line each.
fn describe(answer: &SimAnswer) -> String {
    let Value::Object(report) = &answer.report else { return answer.verdict.clone() };
    let mut rows: Vec<(&str, String)> = Vec::new();
    for (key, value) in report {
        match value {
            // The buckets behind the percentiles are for programs.
            Value::Null => {}
            Value::Object(_) if key == "propagation_ms" => {}
            Value::String(text) => rows.push((key, text.clone())),
            Value::Object(map) if map.is_empty() => {}
            Value::Object(map) => {
                let parts: Vec<String> = map.iter().map(|(name, count)| format!("{name} {count}")).collect();
                rows.push((key, parts.join(", ")));
            }
            Value::Array(list) if list.is_empty() => {}
            Value::Array(list) => rows.push((key, list.iter().map(entry).collect::<Vec<_>>().join(", "))),
            other => rows.push((key, other.to_string())),
        }
    }
    // How it ended comes first; what is left keeps its order.
    rows.sort_by_key(|(key, _)| ENDED.iter().position(|first| first == key).unwrap_or(ENDED.len()));
    fields(&rows)
}

/// The keys that say how it ended.
const ENDED: [&str; 4] = ["verdict", "detail", "unmet", "failed"];

/// One entry of a list: a failed run by its seed and verdict, anything else as it is.
fn entry(value: &Value) -> String {
    match value {
        Value::Object(run) => {
            let text = |key: &str| run.get(key).map(|value| value.to_string().trim_matches('"').to_owned());
            format!("seed {}: {}", text("seed").unwrap_or_default(), text("verdict").unwrap_or_default())
        }
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
