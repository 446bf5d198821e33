//! `tb rollout`: whether a chain may step up to the next stage, what it was like before, and whether a deployment took.
//!
//! The questions and their answers are in [`crate::rollout`].

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::{Args, Subcommand};
use config::profile::BUILT_IN_NAME;
use config::{Profiles, ReleaseChannel};
use primitives::Height;
use rpc::{Client, ExitCode};
use serde::Serialize;

use super::recover::{self, EXAMPLES_INCIDENT, EXAMPLES_RECOVER, Incidents, Recover};
use super::release::{SIGNERS_VARIABLE, accepted};
use super::rollout_watch::{self, EXAMPLES as EXAMPLES_WATCH, Watch};
use crate::commands::tx::parse_duration;
use crate::context::Context;
use crate::exit::Failure;
use crate::output::{fields, table};
use crate::rollout::judge::is_ready;
use crate::rollout::{Baseline, Evidence, Facts, Finding, Report, Verdict, baseline, gather, incident, judge};

const EXAMPLES: &str = "\
Examples:
  tb rollout check --stage development
  tb rollout baseline --out baseline.json
  tb rollout smoke --timeout 60s";
const EXAMPLES_CHECK: &str = "\
Examples:
  tb rollout check --stage development --report report.json
  tb rollout check --stage testnet --config node.toml --genesis genesis.json --json
  tb rollout check --stage canary --soaked http://127.0.0.1:26658 --release ./the-block-0.2.0 \\
      --previous-release ./the-block-0.1.0 --evidence evidence.toml --prometheus http://127.0.0.1:9090 \\
      --alertmanager http://127.0.0.1:9093 --baseline baseline.json";
const EXAMPLES_PROFILE: &str = "\
Examples:
  tb rollout profile --stage testnet";
const EXAMPLES_BASELINE: &str = "\
Examples:
  tb rollout baseline --out baseline.json --samples 60 --every 1s";
const EXAMPLES_SMOKE: &str = "\
Examples:
  tb rollout smoke --timeout 60s --json";

/// Code of the failure after a report was printed.
pub const ROLLOUT_CODE: &str = "rollout";
/// Pause between two looks of the smoke test.
const POLL: Duration = Duration::from_millis(250);

/// Arguments of `tb rollout`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Compare a node, or files, with the profile of a stage, and list what is wanting before the step
    #[command(after_help = EXAMPLES_CHECK)]
    Check(Box<Check>),
    /// Print the profile of a stage as node.toml
    #[command(after_help = EXAMPLES_PROFILE)]
    Profile(Stage),
    /// Note consensus latency, proof queue and lottery participation of a network that is well
    #[command(after_help = EXAMPLES_BASELINE)]
    Baseline(Take),
    /// The hours after a step: what is not as it must be becomes an incident, and somebody is told
    #[command(after_help = EXAMPLES_WATCH)]
    Watch(Watch),
    /// Take a stopped node back to the release, configuration and store of before, and write an incident about it
    #[command(after_help = EXAMPLES_RECOVER)]
    Recover(Recover),
    /// What went wrong, what was done, and whether it is over
    #[command(after_help = EXAMPLES_INCIDENT)]
    Incident(Incidents),
    /// After a deployment: the node is ready, its height moves, and so do its telemetry samples
    #[command(after_help = EXAMPLES_SMOKE)]
    Smoke(Smoke),
}

#[derive(Debug, Args)]
struct Stage {
    /// The stage: development (or dev), testnet, canary or mainnet
    #[arg(long, value_name = "STAGE", value_parser = parse_stage)]
    stage: ReleaseChannel,
    /// File of the profiles [default: those that this program was built with]
    #[arg(long, value_name = "FILE")]
    profiles: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Check {
    #[command(flatten)]
    stage: Stage,
    /// Compare this node.toml instead of the node at --rpc
    #[arg(long, value_name = "FILE", requires = "genesis")]
    config: Option<PathBuf>,
    /// The genesis file that goes with it
    #[arg(long, value_name = "FILE", requires = "config")]
    genesis: Option<PathBuf>,
    /// A node of the stage before, on which soak, epochs, validators and snapshots are counted
    #[arg(long, value_name = "URL")]
    soaked: Option<String>,
    /// Folder of the release that is to run
    #[arg(long, value_name = "DIR")]
    release: Option<PathBuf>,
    /// Folder of the release before
    #[arg(long, value_name = "DIR")]
    previous_release: Option<PathBuf>,
    /// List of accepted signers [default: config/release_signers.txt, or without it /etc/the-block/release_signers.txt]
    #[arg(long, value_name = "FILE", env = SIGNERS_VARIABLE, hide_env_values = true)]
    signers: Option<PathBuf>,
    /// What people say: acknowledgements
    #[arg(long, value_name = "FILE")]
    evidence: Option<PathBuf>,
    /// The Prometheus that watches the stage before
    #[arg(long, value_name = "URL")]
    prometheus: Option<String>,
    /// The Alertmanager behind it, which is sent a test alert
    #[arg(long, value_name = "URL")]
    alertmanager: Option<String>,
    /// How long the test alert may take to reach its receiver
    #[arg(long, value_name = "TIME", default_value = "90s", value_parser = parse_duration)]
    alert_timeout: Duration,
    /// File of `tb rollout baseline`
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Folder of the incidents of the stage before [default: <home>/incidents]
    #[arg(long, value_name = "DIR")]
    incidents: Option<PathBuf>,
    /// Write the report there as well, as JSON
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Take {
    /// The file to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Values of each series
    #[arg(long, value_name = "COUNT", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=i64::from(baseline::SAMPLES_MAX)))]
    samples: u32,
    /// Time between two values
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = parse_duration)]
    every: Duration,
}

#[derive(Debug, Args)]
struct Smoke {
    /// Longest time until all of it is seen
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = parse_duration)]
    timeout: Duration,
}

/// A stage by its name.
pub(super) fn parse_stage(text: &str) -> Result<ReleaseChannel, String> {
    text.parse().map_err(|error: config::NoChannel| error.to_string())
}

/// Runs the command.
///
/// # Errors
/// The [`Failure`] of the command; after a report that found something wanting exit number 10.
pub async fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    match &arguments.command {
        Command::Check(check) => run_check(check, context).await,
        Command::Profile(stage) => {
            context.output.raw(&read_profiles(stage)?.node_toml(stage.stage)?);
            Ok(())
        }
        Command::Baseline(take) => run_baseline(take, context).await,
        Command::Recover(recover) => recover::recover(recover, context),
        Command::Incident(incidents) => recover::incidents(incidents, context),
        Command::Watch(watch) => rollout_watch::run(watch, context).await,
        Command::Smoke(smoke) => run_smoke(smoke, context).await,
    }
}

fn read_profiles(stage: &Stage) -> Result<Profiles, Failure> {
    Ok(match &stage.profiles {
        Some(path) => Profiles::read(path)?,
        None => Profiles::built_in()?,
    })
}

async fn run_check(check: &Check, context: &Context) -> Result<(), Failure> {
    let (profiles, stage) = (read_profiles(&check.stage)?, check.stage.stage);
    let profile = profiles.of(stage);
    let facts = facts(check, &profiles, context).await?;
    let checks = judge(profile, &facts);
    let subject = match &check.config {
        Some(config) => config.display().to_string(),
        None => context.rpc_url().to_owned(),
    };
    let report = Report {
        stage,
        ready: is_ready(&checks),
        checked_at_ms: facts.now_ms,
        profiles: check.stage.profiles.as_ref().map_or(BUILT_IN_NAME.to_owned(), |path| path.display().to_string()),
        subject,
        drift: facts.drift,
        checks,
        recovery: profile.recovery.clone(),
    };
    if let Some(path) = &check.report {
        write_json(path, &report)?;
    }
    context.output.result(&report, || lines(&report));
    if report.ready {
        return Ok(());
    }
    let wanting = report.checks.iter().filter(|finding| is_wanting(finding)).count();
    let what = format!("{wanting} checks for {} have failed or cannot be known", stage.as_str());
    Err(Failure::new(ExitCode::NotReady, ROLLOUT_CODE, what, "do what the hint of each says, then check again"))
}

/// Asks everybody who was named.
async fn facts(check: &Check, profiles: &Profiles, context: &Context) -> Result<Facts, Failure> {
    let stage = check.stage.stage;
    let profile = profiles.of(stage);
    let mut facts = Facts { now_ms: now_ms(), incidents: incidents(check, context)?, ..Facts::default() };
    match check.config.as_ref().zip(check.genesis.as_ref()) {
        Some((config, genesis)) => facts.drift = gather::file_drift(profiles, stage, config, genesis)?,
        None => {
            let (node, drift) = gather::node(&context.client()?, profiles, stage).await?;
            (facts.node, facts.drift) = (Some(node), drift);
        }
    }
    if let Some(path) = &check.evidence {
        facts.evidence = Some(Evidence::read(path)?);
    }
    if check.release.is_some() || check.previous_release.is_some() {
        [&check.release, &check.previous_release].into_iter().flatten().try_for_each(|folder| is_there(folder))?;
        let signers = accepted(check.signers.as_deref())?;
        facts.release = check.release.as_ref().map(|folder| gather::release(folder, &signers));
        facts.previous = check.previous_release.as_ref().map(|folder| gather::release(folder, &signers));
    }
    if let Some(url) = &check.prometheus {
        let client = context.client_at(url)?;
        facts.monitoring = Some(gather::monitoring(&client, profile.checks.soak_hours, facts.now_ms).await);
    }
    if let Some(url) = &check.alertmanager {
        let client = context.client_at(url)?;
        facts.test_alert = Some(gather::test_alert(&client, check.alert_timeout, facts.now_ms).await);
    }
    let soaked: Option<Client> = check.soaked.as_ref().map(|url| context.client_at(url)).transpose()?;
    if let Some(client) = &soaked {
        facts.soak = Some(gather::soak(client, facts.now_ms).await?);
    }
    if let Some(path) = &check.baseline {
        let baseline = Baseline::read(path)?;
        facts.worse = Some(match &soaked {
            Some(client) => gather::worse(client, &baseline).await,
            None => Err("nobody gave a node to compare the baseline with".to_owned()),
        });
    }
    Ok(facts)
}

/// The incidents of the stage before; none is known where there is neither their folder nor the home they would lie in.
fn incidents(check: &Check, context: &Context) -> Result<Option<Vec<incident::Incident>>, Failure> {
    let home = context.home();
    let (folder, is_known) = match &check.incidents {
        Some(folder) => (folder.clone(), folder.is_dir()),
        None => (home.root().join(incident::FOLDER), home.root().is_dir()),
    };
    is_known.then(|| incident::list(&folder)).transpose()
}

fn is_there(folder: &Path) -> Result<(), Failure> {
    if folder.is_dir() {
        return Ok(());
    }
    let what = format!("there is no folder {}, which was named for a release", folder.display());
    Err(Failure::new(
        ExitCode::NotFound,
        "file_missing",
        what,
        "name the folder of a release, as its signer published it",
    ))
}

/// Milliseconds since the Unix epoch.
pub(super) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn is_wanting(finding: &Finding) -> bool {
    matches!(finding.verdict, Verdict::Failed | Verdict::Unknown)
}

fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<(), Failure> {
    let mut text = serde_json::to_string_pretty(value).expect("reports hold only text, numbers and string keys");
    text.push('\n');
    std::fs::write(path, text).map_err(|cause| Failure::disk(path, &cause))
}

fn lines(report: &Report) -> String {
    let mut lines =
        vec![format!("{} against the profile {} of {}", report.subject, report.stage.as_str(), report.profiles)];
    if !report.drift.is_empty() {
        let rows: Vec<[String; 3]> =
            report.drift.iter().map(|drift| [drift.key.clone(), drift.wanted.clone(), drift.found.clone()]).collect();
        lines.push(table(["key", "profile", "found"], &rows));
    }
    for Finding { check, verdict, found, hint } in &report.checks {
        lines.push(format!("{:<9} {check:<17} {found}", verdict.word()));
        if !hint.is_empty() {
            lines.push(format!("{:<9} {:<17} → {hint}", "", ""));
        }
    }
    let verdict = if report.ready { "ready" } else { "NOT READY" };
    lines.push(format!("{verdict}; how to go back: {}", report.recovery));
    lines.join("\n")
}

async fn run_baseline(take: &Take, context: &Context) -> Result<(), Failure> {
    let series = baseline::take(&context.patient_client()?, take.samples, take.every).await?;
    write_json(&take.out, &series)?;
    context.output.result(&series, || {
        fields(&[
            ("chain", series.chain_id.clone()),
            ("height", series.height.to_string()),
            ("consensus latency", format!("{:?} ms", series.consensus_latency_ms)),
            ("proof queue", format!("{:?} windows", series.proof_queue_depth)),
            ("participation", format!("{:?} ppm", series.vrf_participation_ppm)),
            ("written to", take.out.display().to_string()),
        ])
    });
    Ok(())
}

/// What has moved.
#[derive(Debug, Serialize)]
pub(super) struct Moved {
    ready: bool,
    /// The last block.
    pub(super) height: Height,
    /// Blocks of an epoch.
    #[serde(skip)]
    pub(super) epoch_blocks: u64,
    sample_height: Height,
    encode_failures: u64,
}

/// What is not yet as it must be after a deployment.
async fn still_wanting(client: &Client, from: (Height, Option<Height>)) -> Result<Result<Moved, String>, Failure> {
    let (status, ready) = futures::try_join!(client.rollout_status(), client.health_ready())?;
    let (height, epoch_blocks, telemetry) = (status.finalized_height, status.epoch_blocks, status.telemetry);
    if telemetry.encode_failures > 0 {
        let what = format!("{} telemetry samples could not be encoded", telemetry.encode_failures);
        let hint = "read the warnings of the log target telemetry; do not go on with this deployment";
        return Err(Failure::new(ExitCode::Refused, "telemetry_encode", what, hint));
    }
    Ok(match (ready.reasons.first(), telemetry.sample_height) {
        (Some(reason), _) => Err(format!("the node is not ready: {}", reason.message)),
        (None, _) if height <= from.0 => Err(format!("the height stays at {height}")),
        (None, Some(sampled)) if Some(sampled) > from.1 => {
            Ok(Moved { ready: true, height, epoch_blocks, sample_height: sampled, encode_failures: 0 })
        }
        (None, Some(sampled)) => Err(format!("telemetry samples stay at height {sampled}")),
        (None, None) => Err("there are no telemetry samples".to_owned()),
    })
}

async fn run_smoke(smoke: &Smoke, context: &Context) -> Result<(), Failure> {
    let moved = moved(&context.patient_client()?, smoke.timeout).await?;
    let describe = || format!("ok: height {}, newest sample at height {}", moved.height, moved.sample_height);
    context.output.result(&moved, describe);
    Ok(())
}

/// Waits until the node is ready, its height has moved, and so have its samples.
///
/// # Errors
/// [`Failure`] that says what is wanting when the time is over.
pub(super) async fn moved(client: &Client, timeout: Duration) -> Result<Moved, Failure> {
    let first = client.rollout_status().await;
    let first = first.map_err(|error| Failure::from(error).or_wallet_runtime(client.base_url(), "the rollout"))?;
    let from = (first.finalized_height, first.telemetry.sample_height);
    let deadline = tokio::time::Instant::now() + timeout;
    loop {
        let wanting = match still_wanting(client, from).await? {
            Ok(moved) => return Ok(moved),
            Err(wanting) => wanting,
        };
        if tokio::time::Instant::now() >= deadline {
            let hint = "read the node's log; a deployment that stands still is taken back";
            return Err(Failure::new(ExitCode::Timeout, "not_moving", wanting, hint));
        }
        tokio::time::sleep(POLL).await;
    }
}
