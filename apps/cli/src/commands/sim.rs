//! `tb sim`: simulate a network of validators. The simulator comes in as a function.

use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use crate::context::Context;
use crate::exit::Failure;
use crate::output::fields;
use crate::{ExitCode, SimAnswer, SimRunner, SimWork};

const EXAMPLES: &str = "\
Examples:
  tb sim --seed 7                          one network, chosen by the seed
  tb sim --seed 7 --json                   the same with verdict and trace_hash for programs
  tb sim --seeds 200 --jobs 2              seeds 0 to 199
  tb sim --seeds 1000 --start-seed 5000
  tb sim --scenario scenarios/churn.toml

The verdict is pass, no progress, diverged, or invariant broken: NAME. The same seed gives the same trace
hash on every machine. Anything but pass ends with exit code 1.";

/// The code of a verdict that is not a pass.
pub const VERDICT_CODE: &str = "verdict";
/// Most seeds of one run: their reports are held in memory, about 2 KiB each.
const SEEDS_MAX: u64 = 1_000_000;
/// Most threads.
const JOBS_MAX: u64 = 256;
/// Longest scenario file, bytes.
const SCENARIO_BYTES_MAX: u64 = 1 << 20;

/// Arguments of `tb sim`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// Run one seed [default: 0]; with --scenario instead of the file's own
    #[arg(long, value_name = "N", conflicts_with = "seeds")]
    seed: Option<u64>,
    /// Run this many seeds and sum them up
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..=SEEDS_MAX))]
    seeds: Option<u64>,
    /// The first of --seeds
    #[arg(long, value_name = "N", default_value_t = 0, requires = "seeds")]
    start_seed: u64,
    /// Threads for --seeds; every run stays in one
    #[arg(long, value_name = "COUNT", default_value_t = 1, requires = "seeds", value_parser = clap::value_parser!(u64).range(1..=JOBS_MAX))]
    jobs: u64,
    /// Run a scenario file (TOML)
    #[arg(long, value_name = "FILE", conflicts_with = "seeds")]
    scenario: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`] for a scenario that cannot be read, and for every verdict but a pass.
pub fn run(arguments: &Arguments, context: &Context, sim: Option<SimRunner>) -> Result<(), Failure> {
    let sim = sim.ok_or_else(|| {
        let what = "this program was built without the simulator";
        Failure::new(ExitCode::Refused, "not_in_this_version", what, "use the tb of a release")
    })?;
    let work = arguments.work()?;
    let bar = match (&work, context.output.is_watched()) {
        (SimWork::Seeds { count, .. }, true) => ProgressBar::new(*count),
        _ => ProgressBar::hidden(),
    };
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} seeds, {msg}, {eta} left");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let answer = sim(&work, &mut |done, failed| {
        bar.set_position(done);
        bar.set_message(format!("{failed} failed"));
    })?;
    bar.finish_and_clear();
    context.output.result(&answer.report, || describe(&answer));
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
        if let Some(path) = &self.scenario {
            return Ok(SimWork::Scenario(read(path)?, self.seed));
        }
        Ok(match self.seeds {
            None => SimWork::Seed(self.seed.unwrap_or(0)),
            Some(count) => {
                let jobs = usize::try_from(self.jobs).unwrap_or(1);
                SimWork::Seeds { first: self.start_seed, count, jobs }
            }
        })
    }
}

fn read(path: &Path) -> Result<String, Failure> {
    if path.extension().is_some_and(|extension| extension == "ron") {
        let what = format!("{} is a RON file; this version reads scenarios in TOML", path.display());
        let hint = "write the scenario as TOML; spec/simulation.md lists its keys";
        return Err(Failure::new(ExitCode::Refused, "not_in_this_version", what, hint));
    }
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
            Value::Null => {}
            Value::String(text) => rows.push((key, text.clone())),
            Value::Object(map) => {
                let parts: Vec<String> = map.iter().map(|(name, count)| format!("{name} {count}")).collect();
                rows.push((key, parts.join(", ")));
            }
            Value::Array(failed) => {
                let seeds = failed.iter().map(|run| format!("seed {}: {}", run["seed"], run["verdict"]));
                rows.push((key, seeds.collect::<Vec<_>>().join(", ")));
            }
            other => rows.push((key, other.to_string())),
        }
    }
    fields(&rows)
}
