//! `tb validator proofs`: the files and keys of a prover of this home.

use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use config::NodeConfig;
use serde::Serialize;

use crate::commands::tx::parse_duration;
use crate::commands::watched::{BLOCKS_MAX, Watched, watch};
use crate::context::{Context, environment};
use crate::exit::Failure;
use crate::output::{count, duration_ms, fields, table};
use crate::proving::{CacheFile, PreparedCircuit, PreparedKey, ProverAnswer, ProverRunner, ProverTask, missing};

const EXAMPLES: &str = "\
Examples:
  tb validator proofs cache check
  tb validator proofs cache clear
  tb validator proofs preload --backend plonky3";
const EXAMPLES_CACHE: &str = "\
Examples:
  tb validator proofs cache check --json
  tb validator proofs cache clear
  tb validator proofs cache clear --all";
const EXAMPLES_PRELOAD: &str = "\
Examples:
  tb validator proofs preload --backend plonky3
  tb validator proofs preload --backend plonky3 --anew
  tb validator proofs preload --backend plonky3 --watch 5";

/// Incomplete files that a failure names.
const NAMED_MAX: usize = 20;

/// Arguments of `tb validator proofs`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The folder of checkpoints and proofs (proof_cache_dir)
    #[command(after_help = EXAMPLES_CACHE)]
    Cache(Cache),
    /// Have a file of every circuit of a proof system, so that a prover folds at once
    #[command(after_help = EXAMPLES_PRELOAD)]
    Preload(Preload),
}

#[derive(Debug, Args)]
struct Cache {
    #[command(subcommand)]
    command: CacheCommand,
}

#[derive(Debug, Subcommand)]
enum CacheCommand {
    /// Read every file and compare its checksum; fails when one is incomplete
    #[command(after_help = EXAMPLES_CACHE)]
    Check,
    /// Delete the incomplete files; the prover makes them again
    #[command(after_help = EXAMPLES_CACHE)]
    Clear {
        /// Delete all files: every window that no node has is proven again
        #[arg(long)]
        all: bool,
    },
}

#[derive(Debug, Args)]
struct Preload {
    /// The proof system
    #[arg(long, value_enum)]
    backend: Backend,
    /// Make all circuits anew and compare their keys with the pinned ones
    #[arg(long)]
    anew: bool,
    /// Then watch so many blocks of the node; fails when one is late
    #[arg(long, value_name = "BLOCKS", value_parser = clap::value_parser!(u64).range(1..=BLOCKS_MAX))]
    watch: Option<u64>,
    /// What a watched block may take [default: three times the chain's target]
    #[arg(long, value_name = "TIME", value_parser = parse_duration, requires = "watch")]
    limit: Option<Duration>,
}

/// A proof system by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Backend {
    /// Plonky3 tables over BabyBear with the SWIRL stack
    Plonky3,
    /// Circle STARKs: not in this version
    Stwo,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`] when a file is incomplete, a key is not the pinned one, or the folder cannot be read.
pub async fn run(arguments: &Arguments, context: &Context, runner: Option<ProverRunner>) -> Result<(), Failure> {
    let runner = runner.ok_or_else(missing)?;
    let dir = NodeConfig::load(&context.home(), &[], environment)?.config.proof_cache_dir;
    match &arguments.command {
        Command::Cache(Cache { command: CacheCommand::Check }) => {
            let files = files(runner(ProverTask::Check(dir)).await?);
            let incomplete: Vec<String> = files.iter().filter_map(incomplete).collect();
            if !incomplete.is_empty() {
                return Err(damaged(&incomplete));
            }
            context.output.result(&files, || describe(&files));
            Ok(())
        }
        Command::Cache(Cache { command: CacheCommand::Clear { all } }) => {
            let files = files(runner(ProverTask::Clear { dir, everything: *all }).await?);
            context.output.result(&files, || format!("deleted:\n{}", describe(&files)));
            Ok(())
        }
        Command::Preload(Preload { backend: Backend::Stwo, .. }) => Err(Failure::new(
            rpc::ExitCode::Refused,
            "no_backend",
            "this version has no proof system stwo",
            "the chain of this version is proven by plonky3",
        )),
        Command::Preload(Preload { backend: Backend::Plonky3, anew, watch: count, limit }) => {
            let output = context.output;
            let ready = Arc::new(move |one: &PreparedCircuit| output.talk(describe_circuit(one)));
            let answer = runner(ProverTask::Preload { dir, anew: *anew, ready }).await?;
            let ProverAnswer::Key(key) = answer else { return Ok(()) };
            let watched = match count {
                Some(count) => {
                    output.talk(format_args!("waiting for {count} blocks"));
                    Some(watch(&context.client()?, *count, *limit).await?)
                }
                None => None,
            };
            if let Some(watched) = &watched {
                watched.judged()?;
            }
            let prepared = Prepared { key: &key, watched: watched.as_ref() };
            output.result(&prepared, || prepared.describe());
            Ok(())
        }
    }
}

/// The keys, and the blocks that were watched after they were ready.
#[derive(Serialize)]
struct Prepared<'a> {
    #[serde(flatten)]
    key: &'a PreparedKey,
    #[serde(skip_serializing_if = "Option::is_none")]
    watched: Option<&'a Watched>,
}

impl Prepared<'_> {
    fn describe(&self) -> String {
        let key = describe_key(self.key);
        self.watched.map_or(key.clone(), |watched| format!("{key}\n{}", watched.describe()))
    }
}

fn files(answer: ProverAnswer) -> Vec<CacheFile> {
    match answer {
        ProverAnswer::Files(files) => files,
        ProverAnswer::Done | ProverAnswer::Key(_) => Vec::new(),
    }
}

/// A file that is not used, with the reason.
fn incomplete(file: &CacheFile) -> Option<String> {
    file.incomplete.as_ref().map(|reason| format!("{} ({reason})", file.path.display()))
}

fn damaged(incomplete: &[String]) -> Failure {
    let named: Vec<&str> = incomplete.iter().take(NAMED_MAX).map(String::as_str).collect();
    Failure::new(
        rpc::ExitCode::Damaged,
        "cache_incomplete",
        format!("{} files of the proof cache are incomplete: {}", incomplete.len(), named.join(", ")),
        "run: tb validator proofs cache clear; the prover makes them again",
    )
}

fn describe(files: &[CacheFile]) -> String {
    let row = |file: &CacheFile| {
        let state = file.incomplete.clone().unwrap_or_else(|| "whole".to_owned());
        [count(file.bytes), state, file.path.display().to_string()]
    };
    table(["BYTES", "STATE", "FILE"], &files.iter().map(row).collect::<Vec<_>>())
}

fn describe_circuit(one: &PreparedCircuit) -> String {
    let PreparedCircuit { name, key, step, steps, is_from_file, bytes, elapsed_ms, .. } = one;
    let how = if *is_from_file { "read" } else { "made and written" };
    format!("{step}/{steps} {name}: key {key}, {how} in {}, {} bytes", duration_ms(*elapsed_ms), count(*bytes))
}

fn describe_key(key: &PreparedKey) -> String {
    fields(&[
        ("backend", key.backend.clone()),
        ("circuits", key.circuits.iter().map(|one| one.name.as_str()).collect::<Vec<_>>().join(", ")),
        ("key of windows", format!("{} (the pinned one)", key.key)),
        ("key of chain proofs", format!("{} (the pinned one)", key.chain_key)),
        ("bytes of files", count(key.bytes)),
        ("ready in", duration_ms(key.elapsed_ms)),
        ("proves", key.families.join(", ")),
        ("attested, no circuit", key.missing.join(", ")),
    ])
}
