//! `tb diagnostics`: what somebody who helps needs to see, in one file, and the node's own counts of one area.
//!
//! ```text
//! versions.json   this program              config.json   every key with its source, secrets hidden
//! checks.json     what `tb doctor` finds    status/*.json what the node answers, or why it does not
//! metrics.txt     one scrape                logs/*        the ends of node.log of the home, and of the files that were named
//! ```
//! Rules
//! - No file of keys or passwords is packed; what they hold, and every secret of the configuration, is blacked out wherever
//!   it stands in a text. Of logs also what their words call a secret ([`crate::masked`]).
//! - A node that does not answer is part of the report and does not end the command.
//! - A log has the name of its file, with as many folders before it as tell it from the others.
//! - No file is written over, and none is left that is not whole.

use std::fmt::Display;
use std::fs::File;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use config::{NodeConfig, Value};
use rpc::{Client, ExitCode};
use serde::Serialize;

use super::config::Files;
use crate::artefact::{self, Artefact};
use crate::commands::doctor;
use crate::context::{Context, environment};
use crate::exit::Failure;
use crate::output::fields;
use crate::release::info::BuildInfo;

const EXAMPLES: &str = "\
Examples:
  tb diagnostics bundle --out report.zip
  tb diagnostics gossip";
const EXAMPLES_BUNDLE: &str = "\
Examples:
  tb diagnostics bundle --out report.zip
  journalctl -u the-block > node.log && tb diagnostics bundle --out report.zip --log node.log";
const EXAMPLES_AREA: &str = "\
Examples:
  tb diagnostics gossip --json
  tb diagnostics tls";

/// Beginnings of the series of the two areas.
const GOSSIP: &[&str] = &["p2p_", "gossip_", "pipeline_gossip_", "proof_gossip_", "libp2p_"];
const TLS: &[&str] = &["rpc_tls_"];

/// Arguments of `tb diagnostics`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Pack versions, configuration, checks, status, metrics and logs for a bug report; secrets are blacked out
    #[command(after_help = EXAMPLES_BUNDLE)]
    Bundle(Bundle),
    /// Print what the node has counted of its peers and of gossip
    #[command(after_help = EXAMPLES_AREA)]
    Gossip,
    /// Print what the node has counted of TLS
    #[command(after_help = EXAMPLES_AREA)]
    Tls,
}

#[derive(Debug, Args)]
struct Bundle {
    /// The file to write; one that exists is refused
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// A log to pack the end of, besides <home>/node.log; may be given more than once
    #[arg(long, value_name = "FILE")]
    log: Vec<PathBuf>,
    #[command(flatten)]
    files: Files,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`] when the file cannot be written, or for one area when the node does not answer.
pub async fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    match &arguments.command {
        Command::Bundle(bundle) => pack(bundle, context).await,
        Command::Gossip => print_area(GOSSIP, context).await,
        Command::Tls => print_area(TLS, context).await,
    }
}

/// One series.
#[derive(Debug, Serialize)]
struct Series {
    name: String,
    value: f64,
}

async fn print_area(beginnings: &[&str], context: &Context) -> Result<(), Failure> {
    let text = context.client()?.metrics().await?;
    let lines = text.lines().filter(|line| beginnings.iter().any(|begin| line.starts_with(begin)));
    let series: Vec<Series> = lines
        .filter_map(|line| line.rsplit_once(' '))
        .filter_map(|(name, value)| Some(Series { name: name.to_owned(), value: value.parse().ok()? }))
        .collect();
    context.output.result(&series, || {
        fields(&series.iter().map(|one| (one.name.as_str(), one.value.to_string())).collect::<Vec<_>>())
    });
    Ok(())
}

/// What was packed.
#[derive(Debug, Serialize)]
struct Packed {
    path: String,
    blake3: String,
    entries: Vec<String>,
    missing: Vec<String>,
}

async fn pack(bundle: &Bundle, context: &Context) -> Result<(), Failure> {
    if bundle.out.exists() {
        return Err(artefact::taken(&bundle.out));
    }
    let client = context.client()?;
    let logs = logs(bundle, bundle.files.home(context).root())?;
    let mut report = Report { artefact: Artefact::of(bundle.files.home(context).root()), missing: Vec::new() };
    report.add("versions.json", Ok::<_, String>(BuildInfo::of_this_program()));
    report.configuration(bundle, context);
    let checks = doctor::look(&bundle.files, None, None, context).await;
    report.add("checks.json", checks.map(|(checks, _)| checks).map_err(|failure| failure.error.error));
    report.status(&client).await;
    report.logs(&logs);
    let Report { mut artefact, missing } = report;
    artefact.add("missing.txt", &missing.join("\n"));
    let packed = Packed {
        blake3: artefact.write_to(&bundle.out)?,
        path: bundle.out.display().to_string(),
        entries: artefact.names().into_iter().map(str::to_owned).collect(),
        missing,
    };
    context.output.result(&packed, || {
        let mut rows = vec![
            ("written to", packed.path.clone()),
            ("blake3", packed.blake3.clone()),
            ("packed", packed.entries.join(", ")),
        ];
        rows.extend(packed.missing.iter().map(|missing| ("missing", missing.clone())));
        fields(&rows)
    });
    Ok(())
}

/// A bundle in the making, and what could not be had.
struct Report {
    artefact: Artefact,
    missing: Vec<String>,
}

impl Report {
    fn add<T: Serialize>(&mut self, name: &str, answer: Result<T, impl Display>) {
        match answer {
            Ok(value) => {
                let text =
                    serde_json::to_string_pretty(&value).expect("answers hold only text, numbers and string keys");
                self.artefact.add(name, &text);
            }
            Err(error) => self.missing.push(format!("{name}: {error}")),
        }
    }

    /// The configuration as it would be loaded; its secrets are known from then on, and hidden everywhere.
    fn configuration(&mut self, bundle: &Bundle, context: &Context) {
        let flags = match bundle.files.flags() {
            Ok(flags) => flags,
            Err(failure) => return self.missing.push(format!("config.json: {}", failure.error.error)),
        };
        match NodeConfig::load(&bundle.files.home(context), &flags, environment) {
            Ok(loaded) => {
                for setting in loaded.settings.values() {
                    if let Value::Secret(secret) = &setting.value {
                        self.artefact.hide(secret.expose());
                    }
                }
                self.artefact.add("config.json", &config::show(&loaded, true));
            }
            Err(errors) => self.missing.push(format!("config.json: {errors}")),
        }
    }

    async fn status(&mut self, client: &Client) {
        self.add("status/node.json", client.node_status().await);
        self.add("status/ready.json", client.health_ready().await);
        self.add("status/consensus.json", client.consensus_status().await);
        self.add("status/mempool.json", client.mempool_status().await);
        self.add("status/rollout.json", client.rollout_status().await);
        self.add("status/limits.json", client.limits().await);
        self.add("status/pipeline.json", client.pipeline_telemetry().await);
        self.add("status/proofs.json", client.proof_status().await);
        self.add("status/peers.json", client.validator_peers().await);
        self.add("status/snapshots.json", client.snapshots().await);
        match client.metrics().await {
            Ok(text) => self.artefact.add("metrics.txt", &text),
            Err(error) => self.missing.push(format!("metrics.txt: {error}")),
        }
    }

    fn logs(&mut self, paths: &[PathBuf]) {
        if paths.is_empty() {
            self.missing.push(
                "logs: the home has no node.log; journalctl -u the-block > node.log, then --log node.log".to_owned(),
            );
        }
        for (name, path) in artefact::names(paths).into_iter().zip(paths) {
            let name = format!("logs/{name}");
            match File::open(path) {
                Ok(_) => self.artefact.add_log(name, path),
                Err(cause) => self.missing.push(format!("{name}: {}: {cause}", path.display())),
            }
        }
    }
}

/// The log that a node keeps in its home, where it does, and the files that were named, each once.
fn logs(bundle: &Bundle, home: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut paths: Vec<PathBuf> = home.join("node.log").canonicalize().into_iter().collect();
    for log in &bundle.log {
        let path = log.canonicalize().ok().filter(|path| path.is_file()).ok_or_else(|| {
            let what = format!("{} is no file", log.display());
            Failure::new(ExitCode::Usage, "no_log", what, "name a file, for example one that journalctl wrote")
        })?;
        if !paths.contains(&path) {
            paths.push(path);
        }
    }
    Ok(paths)
}
