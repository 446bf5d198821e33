//! `cargo xtask test`: every check and every test of the project, cheapest first.
//!
//! The steps run in the order of [`Step`] and stop at the first failure. Each has a share of the time that a cold
//! run may take on two cores; the table at the end shows time against share. A step that takes half as long again
//! as its share fails the run, so that slow builds and slow tests are noticed when they are written.
//!
//! Formatting, lints and tests all use the release profile, which is the one that ships.
//!
//! Read next: [`record`], which keeps what a run of all steps has shown of a commit.

pub(crate) mod record;

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;

use crate::process::{Workspace, heard, output_of, succeed};
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

    fn run(self, workspace: &Workspace) -> Result<Seen> {
        let done = match self {
            Self::Fmt => succeed(&mut workspace.cargo(&["fmt", "--all", "--check"])),
            Self::Tidy => tidy::run(workspace, false),
            Self::Tools => tools(workspace),
            Self::Deny => deny::check(workspace),
            Self::Build => succeed(workspace.cargo(&["build"]).args(EVERYTHING).arg("--all-targets")),
            Self::Clippy => succeed(workspace.cargo(&["clippy"]).args(EVERYTHING).args(LINTS)),
            Self::Contract => contract::run(workspace, false),
            Self::Wasm => return wasm(workspace).map(|is_left_out| Seen { is_left_out, ..Seen::default() }),
            Self::Tests => return tests(workspace).map(|tests| Seen { tests, ..Seen::default() }),
            Self::Defects => return defects(workspace).map(|tests| Seen { tests, ..Seen::default() }),
        };
        done.map(|()| Seen::default())
    }
}

/// What a step has seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Seen {
    /// Whether this machine cannot do the step.
    is_left_out: bool,
    /// The tests that it ran.
    tests: Counts,
}

/// Tests that ran, and that did not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counts {
    /// Passed, those among them that failed at their first try.
    passed: u64,
    /// Failed at the first try and passed at the second.
    flaky: u64,
    /// Ignored or filtered out.
    skipped: u64,
}

impl Counts {
    /// Both together.
    const fn plus(self, other: Self) -> Self {
        Self {
            passed: self.passed + other.passed,
            flaky: self.flaky + other.flaky,
            skipped: self.skipped + other.skipped,
        }
    }

    /// Reads the line in which a runner counts its tests: numbers, each with its word.
    fn parse(line: &str) -> Self {
        let mut counts = Self::default();
        for part in line.split([',', ';', ':', '(', ')', ']', '.']) {
            let Some((number, word)) = part.trim().split_once(' ') else { continue };
            let Ok(number) = number.parse::<u64>() else { continue };
            match word {
                "passed" => counts.passed += number,
                "flaky" => counts.flaky += number,
                "skipped" | "ignored" | "filtered out" => counts.skipped += number,
                _ => {}
            }
        }
        counts
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

/// Checks the light client for WebAssembly, or says that it is left out, where the target is not installed. What a machine without it
/// can check, a test of the crate does: no threads, no files, no clock.
fn wasm(workspace: &Workspace) -> Result<bool> {
    let found = output_of(workspace.program("rustc").args(["--print", "target-libdir", "--target", WASM]))?;
    if !Path::new(String::from_utf8_lossy(&found).trim()).is_dir() {
        println!("the target {WASM} is not installed, so this step is left out; add it with: rustup target add {WASM}");
        return Ok(true);
    }
    let mut check = workspace.cargo(&["check", "--release", "--locked", "--package", "proof", "--target", WASM]);
    // What local builds are tuned to is no processor of that target.
    succeed(check.env("RUSTFLAGS", "")).map(|()| false)
}

/// How a step ended.
#[derive(Debug)]
struct Lap {
    step: Step,
    time: Duration,
    failed: bool,
    seen: Seen,
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
            (false, false) if self.seen.is_left_out => "left out",
            (false, false) => "ok",
        }
    }
}

/// Runs all steps, or the one named, and prints the table of times. Where all have passed it keeps the record of the commit.
///
/// # Errors
/// The first failing step, or a step that passed its share by half.
pub(crate) fn run(workspace: &Workspace, only: Option<Step>) -> Result<()> {
    let steps: Vec<Step> = match only {
        Some(step) => vec![step],
        None => Step::value_variants().to_vec(),
    };
    let begun = if only.is_none() { Some(record::begin(workspace)?) } else { None };
    let mut laps = Vec::with_capacity(steps.len());
    let mut failure = None;
    for step in steps {
        println!("\n== {} (share {}) ==", step.name(), minutes(step.share_seconds()));
        io::stdout().flush().context("standard output is closed")?;
        let start = Instant::now();
        let ended = step.run(workspace);
        let time = start.elapsed();
        let seen = ended.as_ref().copied().unwrap_or_default();
        laps.push(Lap { step, time, failed: ended.is_err(), seen });
        if let Err(error) = ended {
            failure = Some(error.context(format!("the step `{}` failed", step.name())));
            break;
        }
    }
    print!("\n{}", table(&laps));
    match (failure, begun) {
        (Some(error), _) => Err(error),
        // A step that runs alone may have to build first, so its time says nothing.
        (None, None) => Ok(()),
        (None, Some(begun)) => {
            in_time(&laps)?;
            record::keep(workspace, begun, &laps)
        }
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

/// How the line of cargo's own runner begins that counts the tests of one program.
const CARGO_COUNTS: &str = "test result: ok. ";
/// How the line of nextest begins that counts all tests.
const NEXTEST_COUNTS: &str = "Summary [";

/// Runs a command that runs tests, and counts them by the lines that begin with `mark`.
fn counted(command: Command, mark: &'static str) -> Result<Counts> {
    let lines = heard(command, mark)?;
    ensure!(!lines.is_empty(), "the runner has not counted its tests: no line begins with {mark:?}");
    Ok(lines.iter().map(|line| Counts::parse(line)).fold(Counts::default(), Counts::plus))
}

/// Runs every test and leaves the record of the contract rows they showed.
fn tests(workspace: &Workspace) -> Result<Counts> {
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
    let tests: (&[&str], _) = if with_nextest {
        (&["nextest", "run", "--no-fail-fast"], NEXTEST_COUNTS)
    } else {
        (&["test", "--lib", "--bins", "--tests", "--no-fail-fast"], CARGO_COUNTS)
    };
    let runs = [(&["test", "--doc", "--no-fail-fast"][..], CARGO_COUNTS), tests];
    let mut counts = Counts::default();
    for (run, mark) in runs {
        let mut command = workspace.cargo(run);
        if let Some(folder) = scratch::in_memory(workspace) {
            command.env("TMPDIR", folder);
        }
        command.args(EVERYTHING).env(contract::RECORD_VARIABLE, &folder);
        counts = counts.plus(counted(command, mark)?);
    }
    contract::check_violations(&folder)?;
    contract::mark_complete(&folder)?;
    Ok(counts)
}

/// The tests of the simulator's own defects. No other build has them. The whole workspace is named, because third-party crates
/// then have the features they were built with, and only the crates above the defects are built again.
fn defects(workspace: &Workspace) -> Result<Counts> {
    let words = ["--features", "sim/seeded-bugs", "--test", "defects"];
    let mut command = workspace.cargo(&["test"]);
    command.args(EVERYTHING).args(words);
    counted(command, CARGO_COUNTS)
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::Duration;

    use clap::ValueEnum;

    use super::{CARGO_COUNTS, Counts, LINTS, Lap, NEXTEST_COUNTS, Seen, Step, counted, in_time, minutes, table};

    fn lap(step: Step, seconds: u64) -> Lap {
        Lap { step, time: Duration::from_secs(seconds), failed: false, seen: Seen::default() }
    }

    /// A runner that says this, and then ends with 0.
    fn runner(said: &str) -> Command {
        let mut command = Command::new("printf");
        command.arg(said);
        command
    }

    #[test]
    fn tests_are_counted_by_what_the_runner_says_at_its_end() {
        let cargo = "running 3 tests\ntest a ... ok\ntest result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; \
                     finished in 0.00s\n\ntest result: ok. 4 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n";
        assert_eq!(counted(runner(cargo), CARGO_COUNTS).unwrap(), Counts { passed: 7, flaky: 0, skipped: 3 });
        let nextest = "        PASS [   0.004s] xtask test::a\n     Summary [ 131.713s] 2043 tests run: 2043 passed (5 slow, 1 flaky), \
                       12 skipped\n   FLAKY 2/2 [   9.1s] tb::it b\n";
        assert_eq!(counted(runner(nextest), NEXTEST_COUNTS).unwrap(), Counts { passed: 2_043, flaky: 1, skipped: 12 });
        // A runner that says nothing of them is none that one can believe.
        let error = counted(runner("test a ... ok\n"), CARGO_COUNTS).unwrap_err().to_string();
        assert!(error.contains("has not counted its tests"), "{error}");
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
        let left_out = Lap { seen: Seen { is_left_out: true, ..Seen::default() }, ..lap(Step::Wasm, 1) };
        assert!(table(&[left_out]).contains("wasm           0:01     1:30  left out"));
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
