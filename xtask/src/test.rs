//! `cargo xtask test`: every check and every test of the project, cheapest first.
//!
//! The steps run in the order of [`Step`] and stop at the first failure. Each has a share of the time that a cold
//! run may take on two cores; the table at the end shows time against share. A step that takes half as long again
//! as its share fails the run, so that slow builds and slow tests are noticed when they are written.
//!
//! Formatting, lints and tests all use the release profile, which is the one that ships.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;

use crate::process::{Workspace, output_of, succeed};
use crate::{contract, deny, scratch, tidy};

/// The steps in the order they run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Step {
    /// The formatting is that of rustfmt.
    Fmt,
    /// The house rules hold.
    Tidy,
    /// What the machine lacks is installed or named, crates are fetched and the pinned cargo-deny is built.
    Tools,
    /// Licences, bans and sources of the dependencies.
    Deny,
    /// Everything is built, tests included.
    Build,
    /// Lints, with warnings denied.
    Clippy,
    /// The light client compiles for WebAssembly, where the target is installed.
    Wasm,
    /// Every test.
    Tests,
    /// Each seeded defect is caught, in a build that has them.
    Defects,
    /// The contract table says what the tests showed.
    Contract,
}

/// The most that a cold run of all steps may take, in seconds. The shares together stay below three quarters of it.
const TOTAL_SECONDS_MAX: u64 = 75 * 60;

// The shares together leave room for the time that building xtask itself takes.
const _: () = {
    let steps = [
        Step::Fmt,
        Step::Tidy,
        Step::Tools,
        Step::Deny,
        Step::Build,
        Step::Clippy,
        Step::Wasm,
        Step::Tests,
        Step::Defects,
        Step::Contract,
    ];
    let mut total = 0;
    let mut next = 0;
    while next < steps.len() {
        total += steps[next].share_seconds();
        next += 1;
    }
    assert!(total * 4 < TOTAL_SECONDS_MAX * 3, "the shares of the steps pass three quarters of the total");
};

impl Step {
    /// The step's share of the total on two cores, in seconds.
    const fn share_seconds(self) -> u64 {
        match self {
            Self::Fmt | Self::Tidy | Self::Deny | Self::Contract => 30,
            Self::Tools => 3 * 60 + 30,
            // The proof stack once more, checked for another target.
            Self::Wasm => 90,
            Self::Build => 18 * 60,
            Self::Clippy => 3 * 60,
            // Three of them for the simulator.
            Self::Tests => 20 * 60,
            // Mostly the second build of the crates below the simulator.
            Self::Defects => 4 * 60,
        }
    }

    /// The name on the command line.
    fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    fn run(self, workspace: &Workspace) -> Result<()> {
        match self {
            Self::Fmt => succeed(&mut workspace.cargo(&["fmt", "--all", "--check"])),
            Self::Tidy => tidy::run(workspace, false),
            Self::Tools => tools(workspace),
            Self::Deny => deny::check(workspace),
            Self::Build => succeed(workspace.cargo(&["build"]).args(EVERYTHING).arg("--all-targets")),
            Self::Clippy => succeed(workspace.cargo(&["clippy"]).args(EVERYTHING).args(LINTS)),
            Self::Wasm => wasm(workspace),
            Self::Tests => tests(workspace),
            Self::Defects => defects(workspace),
            Self::Contract => contract::run(workspace, false),
        }
    }
}

/// What the linter looks at, and that a warning is a failure.
const LINTS: [&str; 4] = ["--all-targets", "--", "-D", "warnings"];

/// The arguments that every build of the whole workspace shares, so that one build serves all steps.
const EVERYTHING: [&str; 3] = ["--release", "--workspace", "--locked"];

/// What the tests need of the machine, by the script that knows, and then what they need of the registry.
fn tools(workspace: &Workspace) -> Result<()> {
    let script = workspace.root().join("scripts/bootstrap.sh");
    succeed(&mut workspace.program(script)).context("this machine lacks what is named above")?;
    deny::install(workspace)
}

/// The target that light clients in browsers are built for.
const WASM: &str = "wasm32-unknown-unknown";

/// Checks the light client for WebAssembly; says so where the target is not installed. What a machine without it can check, a test of
/// the crate does: no threads, no files, no clock.
fn wasm(workspace: &Workspace) -> Result<()> {
    let found = output_of(workspace.program("rustc").args(["--print", "target-libdir", "--target", WASM]))?;
    if !Path::new(String::from_utf8_lossy(&found).trim()).is_dir() {
        println!("the target {WASM} is not installed, so this step is left out; add it with: rustup target add {WASM}");
        return Ok(());
    }
    let mut check = workspace.cargo(&["check", "--release", "--locked", "--package", "proof", "--target", WASM]);
    // What local builds are tuned to is no processor of that target.
    succeed(check.env("RUSTFLAGS", ""))
}

/// How a step ended.
#[derive(Debug)]
struct Lap {
    step: Step,
    time: Duration,
    failed: bool,
}

impl Lap {
    /// Whether the step took half as long again as its share.
    fn is_late(&self) -> bool {
        self.time > Duration::from_secs(self.step.share_seconds() * 3 / 2)
    }

    /// What the table says about the step.
    fn verdict(&self) -> &'static str {
        match (self.failed, self.is_late()) {
            (true, _) => "FAILED",
            (false, true) => "TOO SLOW",
            (false, false) => "ok",
        }
    }
}

/// Runs all steps, or the one named, and prints the table of times.
///
/// # Errors
/// The first failing step, or a step that passed its share by half.
pub(crate) fn run(workspace: &Workspace, only: Option<Step>) -> Result<()> {
    let steps: Vec<Step> = match only {
        Some(step) => vec![step],
        None => Step::value_variants().to_vec(),
    };
    let mut laps = Vec::with_capacity(steps.len());
    let mut failure = None;
    for step in steps {
        println!("\n== {} (share {}) ==", step.name(), minutes(step.share_seconds()));
        io::stdout().flush().context("standard output is closed")?;
        let start = Instant::now();
        let ended = step.run(workspace);
        let time = start.elapsed();
        laps.push(Lap { step, time, failed: ended.is_err() });
        if let Err(error) = ended {
            failure = Some(error.context(format!("the step `{}` failed", step.name())));
            break;
        }
    }
    print!("\n{}", table(&laps));
    match failure {
        Some(error) => Err(error),
        // A step that runs alone may have to build first, so its time says nothing.
        None if only.is_some() => Ok(()),
        None => in_time(&laps),
    }
}

/// Refuses a run in which a step, or everything together, took too long.
fn in_time(laps: &[Lap]) -> Result<()> {
    let late = laps.iter().find(|lap| lap.is_late());
    if let Some(lap) = late {
        bail!(
            "the step `{}` took {} and its share is {}; make it faster, or change its share in \
             xtask/src/test.rs and take the time from another step",
            lap.step.name(),
            minutes(lap.time.as_secs()),
            minutes(lap.step.share_seconds())
        );
    }
    let total: u64 = laps.iter().map(|lap| lap.time.as_secs()).sum();
    if total > TOTAL_SECONDS_MAX {
        bail!(
            "all steps together took {}, more than {}; the table above shows where it went",
            minutes(total),
            minutes(TOTAL_SECONDS_MAX)
        );
    }
    Ok(())
}

/// The table of times, one line per step that ran.
fn table(laps: &[Lap]) -> String {
    let mut text = format!("{:<10} {:>8} {:>8}  result\n", "step", "min:sec", "share");
    for lap in laps {
        text.push_str(&format!(
            "{:<10} {:>8} {:>8}  {}\n",
            lap.step.name(),
            minutes(lap.time.as_secs()),
            minutes(lap.step.share_seconds()),
            lap.verdict()
        ));
    }
    let total = laps.iter().map(|lap| lap.time.as_secs()).sum();
    text.push_str(&format!("{:<10} {:>8} {:>8}\n", "total", minutes(total), minutes(TOTAL_SECONDS_MAX)));
    text
}

/// Seconds as `minutes:seconds`.
fn minutes(seconds: u64) -> String {
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

/// Runs every test and leaves the record of the contract rows they showed.
fn tests(workspace: &Workspace) -> Result<()> {
    let folder = contract::record_folder(workspace);
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("{} cannot be emptied", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    // Tests of whole processes start the programs of this folder, which cargo builds for no other crate's tests. All targets, as in
    // the step before: the programs alone would have other features of third-party crates, and be built with them once more.
    succeed(workspace.cargo(&["build"]).args(EVERYTHING).arg("--all-targets"))?;
    let with_nextest = output_of(&mut workspace.cargo(&["nextest", "--version"])).is_ok();
    // The examples in doc comments come first, so that the last line of the runner counts the tests.
    let tests: &[&str] = if with_nextest {
        &["nextest", "run", "--no-fail-fast"]
    } else {
        &["test", "--lib", "--bins", "--tests", "--no-fail-fast"]
    };
    let runs = [&["test", "--doc", "--no-fail-fast"], tests];
    for run in runs {
        let mut command = workspace.cargo(run);
        if let Some(folder) = scratch::in_memory(workspace) {
            command.env("TMPDIR", folder);
        }
        succeed(command.args(EVERYTHING).env(contract::RECORD_VARIABLE, &folder))?;
    }
    contract::check_violations(&folder)?;
    contract::mark_complete(&folder)
}

/// The tests of the simulator's own defects. No other build has them. The whole workspace is named, because third-party crates
/// then have the features they were built with, and only the crates above the defects are built again.
fn defects(workspace: &Workspace) -> Result<()> {
    let words = ["--features", "sim/seeded-bugs", "--test", "defects"];
    succeed(workspace.cargo(&["test"]).args(EVERYTHING).args(words))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clap::ValueEnum;

    use super::{LINTS, Lap, Step, in_time, minutes, table};

    fn lap(step: Step, seconds: u64) -> Lap {
        Lap { step, time: Duration::from_secs(seconds), failed: false }
    }

    #[test]
    fn a_step_may_pass_its_share_by_half_and_no_more() {
        for step in Step::value_variants() {
            let limit = step.share_seconds() * 3 / 2;
            assert!(in_time(&[lap(*step, limit)]).is_ok());
            let slow = lap(*step, limit + 1);
            assert_eq!(slow.verdict(), "TOO SLOW");
            let error = in_time(&[lap(Step::Fmt, 1), slow]).unwrap_err().to_string();
            assert!(error.contains(&format!("`{}` took {}", step.name(), minutes(limit + 1))), "{error}");
        }
    }

    #[test]
    fn all_steps_together_have_a_limit() {
        let laps = [
            lap(Step::Tools, 315),
            lap(Step::Build, 1_620),
            lap(Step::Clippy, 270),
            lap(Step::Tests, 1_800),
            lap(Step::Defects, 360),
            lap(Step::Wasm, 135),
            lap(Step::Contract, 45),
        ];
        let error = in_time(&laps).unwrap_err();
        assert!(error.to_string().contains("75:45, more than 75:00"), "{error}");
    }

    #[test]
    fn the_table_names_every_step_and_the_total() {
        let text = table(&[lap(Step::Fmt, 2), lap(Step::Tests, 99)]);
        assert!(text.contains("fmt            0:02     0:30  ok"), "{text}");
        assert!(text.contains("total          1:41    75:00"), "{text}");
        let failed = Lap { failed: true, ..lap(Step::Deny, 1) };
        assert!(table(&[failed]).contains("FAILED"));
    }

    #[test]
    fn every_step_can_be_named_on_the_command_line() {
        let names: Vec<String> = Step::value_variants().iter().map(|step| step.name()).collect();
        assert_eq!(names, ["fmt", "tidy", "tools", "deny", "build", "clippy", "wasm", "tests", "defects", "contract"]);
        assert_eq!(minutes(3_599), "59:59");
    }

    /// The commands of a verb of the justfile.
    fn verb(name: &str) -> Vec<&'static str> {
        let text = include_str!("../../justfile");
        let heads = |line: &str| line.split([' ', ':']).next() == Some(name) && line.contains(':');
        let mut lines = text.lines().skip_while(|line| !heads(line)).skip(1);
        let commands: Vec<&str> = lines.by_ref().map_while(|line| line.strip_prefix("    ")).collect();
        assert!(!commands.is_empty(), "the justfile has no verb {name}");
        commands
    }

    #[test]
    fn the_verbs_of_the_justfile_do_what_they_are_called() {
        let (_lint, _fmt) = (testkit::contract!("S003-010"), testkit::contract!("S003-011"));
        let (_fast, _full) = (testkit::contract!("S003-012"), testkit::contract!("S003-013"));
        // The lints: the step of this program that takes no warning.
        let words = verb("lint")[0].strip_prefix("cargo xtask test --only ").expect("a step of xtask");
        assert_eq!(Step::from_str(words, false), Ok(Step::Clippy));
        assert!(LINTS.ends_with(&["--", "-D", "warnings"]));
        // Formatting, and with `just fmt --check` only the question whether it is needed.
        assert_eq!(verb("fmt"), ["cargo fmt --all {{arguments}}"]);
        // The quick tests: packages of ours, none of which brings the engine.
        let packages: Vec<&str> = verb("test-fast")[0].split(" -p ").skip(1).collect();
        assert!(packages.len() > 5);
        for package in packages {
            let folder = if package == "cli" { "apps" } else { "crates" };
            let manifest = format!("{}/../{folder}/{package}/Cargo.toml", env!("CARGO_MANIFEST_DIR"));
            let text = std::fs::read_to_string(&manifest).unwrap_or_else(|error| panic!("{manifest}: {error}"));
            assert!(!text.contains("\nconsensus.workspace") && !text.contains("malachite"), "{package}");
        }
        // Everything: what CI runs, which is the test command of the README.
        assert_eq!(verb("test-full"), [".ci/run"]);
        assert!(include_str!("../../.ci/run").ends_with("\nscripts/bootstrap.sh\ncargo xtask test\n"));
    }
}
