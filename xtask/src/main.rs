//! `cargo xtask`: every chore of the project, written in Rust so that it runs the same everywhere.
//!
//! - `test` is what a newcomer and CI run: every check and every test, in one order (`test.rs`).
//! - `tidy` holds the house rules that no compiler knows (`tidy/mod.rs`).
//! - `contract` keeps the table of what was promised and what is shown (`contract.rs`).
//! - `codegen` writes the committed files that are made from code (`codegen.rs`).
//! - `bench` runs the benchmarks and keeps their figures (`bench.rs`).
//! - `monitoring` writes the dashboards and alerts that are made from code (`monitoring.rs`).
//! - `release` builds the commit for other machines and says where the program comes from (`release.rs`).
//! - `vendor` unpacks the sources of every crate of the lock file, and `tag` names a commit that passes every gate (`vendor.rs`, `tag.rs`).
//! - `nightly` runs what is too long for every push, and keeps its result (`nightly.rs`).
//!
//! Each command sits in its own file; this one only parses and dispatches.

mod bench;
mod codegen;
mod contract;
mod deny;
mod monitoring;
mod nightly;
mod policies;
mod process;
mod release;
mod scratch;
mod snapshot;
mod tag;
mod test;
mod tidy;
mod vendor;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::process::Workspace;

/// The chores of The Block.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs every check and every test in order and prints the time of each step.
    #[command(visible_alias = "ci")]
    Test {
        /// Runs this one step instead of all of them.
        #[arg(long, value_name = "STEP")]
        only: Option<test::Step>,
    },
    /// Checks the house rules on every file, the crate table and the dependency policies.
    Tidy {
        /// First brings the crate table and the versions in the dependency policies up to date.
        #[arg(long)]
        write: bool,
    },
    /// Compares docs/contract.tsv with the tests that ran last.
    Contract {
        /// Rewrites the status and test columns from the tests that ran last.
        #[arg(long)]
        write: bool,
    },
    /// Writes the committed files that are made from code.
    Codegen,
    /// Writes the dashboards, alerts and promtool tests below monitoring/ from the code.
    Monitoring {
        /// Writes nothing and fails where a file differs from the code.
        #[arg(long, conflicts_with = "promtool")]
        check: bool,
        /// Lets promtool judge rules and tests; installs it where root may.
        #[arg(long)]
        promtool: bool,
        /// Writes nothing and prints the rules with the runbooks at this place: a folder, or a URL.
        #[arg(long, value_name = "BASE", conflicts_with_all = ["check", "promtool"])]
        runbook_base: Option<String>,
    },
    /// Runs the benchmarks and writes target/bench/results.json, or a set of measurements.
    Bench {
        /// Runs this set of measurements instead.
        #[arg(conflicts_with = "only")]
        set: Option<bench::Set>,
        /// Runs the benchmarks of this crate only.
        #[arg(long, value_name = "CRATE")]
        only: Option<String>,
    },
    /// Builds a release of the commit that is checked out: program, parts, sums, provenance.
    Release {
        /// Folder of the release; target/release-portable/out when absent.
        #[arg(long, value_name = "DIR")]
        out: Option<std::path::PathBuf>,
        /// Record of the tests of this commit; when absent target/tests.json, where it is of this commit.
        #[arg(long, value_name = "FILE")]
        tests: Option<std::path::PathBuf>,
        /// Packs a Debian package too, and lists it with the program.
        #[arg(long)]
        deb: bool,
    },
    /// Unpacks the sources of every crate of the lock file with checksums.txt and provenance.json, and judges them.
    Vendor {
        /// Folder of the snapshot; target/vendor when absent.
        folder: Option<std::path::PathBuf>,
        /// Unpacks nothing and fails where the snapshot is stale.
        #[arg(long)]
        check: bool,
    },
    /// Tags the commit that is checked out, unless the dependency audit fails or the vendored crates are stale.
    Tag {
        /// The name, such as v0.1.0.
        name: String,
        /// Folder of the snapshot; target/vendor when absent.
        #[arg(long, value_name = "DIR")]
        vendored: Option<std::path::PathBuf>,
    },
    /// Runs what is too long for every push and writes docs/nightly; goes on where it was stopped.
    Nightly {
        /// Runs this task only.
        task: Option<nightly::Task>,
        /// Seeds of the simulator.
        #[arg(long, value_name = "COUNT", default_value_t = nightly::SEEDS, value_parser = clap::value_parser!(u64).range(1..))]
        seeds: u64,
        /// Threads.
        #[arg(long, value_name = "COUNT", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=256))]
        jobs: u64,
        /// Altered proofs of the task about mutations.
        #[arg(long, value_name = "COUNT", default_value_t = nightly::MUTATIONS, value_parser = clap::value_parser!(u64).range(1..))]
        mutations: u64,
        /// Minutes of the task about the lag.
        #[arg(long, value_name = "COUNT", default_value_t = nightly::MINUTES, value_parser = clap::value_parser!(u64).range(1..=240))]
        minutes: u64,
        /// Processes that die in the task about kills.
        #[arg(long, value_name = "COUNT", default_value_t = nightly::KILLS, value_parser = clap::value_parser!(u64).range(2..))]
        kills: u64,
        /// Part of the task about damage that is run; the other one stays as it was measured.
        #[arg(long)]
        part: Option<nightly::damage::Part>,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = Workspace::find().and_then(|workspace| match arguments.command {
        Command::Test { only } => test::run(&workspace, only),
        Command::Tidy { write } => tidy::run(&workspace, write),
        Command::Contract { write } => contract::run(&workspace, write),
        Command::Codegen => codegen::run(&workspace),
        Command::Monitoring { check, promtool, runbook_base } => {
            monitoring::run(&workspace, check, promtool, runbook_base.as_deref())
        }
        Command::Bench { set, only } => bench::run(&workspace, set, only.as_deref()),
        Command::Release { out, tests, deb } => {
            let wanted = release::Wanted { out: out.as_deref(), tests: tests.as_deref(), deb };
            release::run(&workspace, &wanted).map(|_| ())
        }
        Command::Vendor { folder, check } => vendor::run(&workspace, folder.as_deref(), check),
        Command::Tag { name, vendored } => tag::run(&workspace, &name, vendored.as_deref()),
        Command::Nightly { task, seeds, jobs, mutations, minutes, kills, part } => {
            nightly::run(&workspace, task, nightly::Extent { seeds, jobs, mutations, minutes, kills, part })
        }
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        super::Arguments::command().debug_assert();
    }
}
