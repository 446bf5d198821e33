//! `tb rollout watch`: the hours after a step. Whatever is not as it must be becomes an incident and reaches a person.
//!
//! ```text
//! every look: node ready, height and samples move ─┐ all well ─► next look … until the time is over ─► exit 0
//!             alerts that fire in Prometheus ──────┴ something is not ─► incident ─► --notify PROGRAM FILE ─► exit 10
//! ```
//! Rules
//! - Consensus, telemetry and proofs are watched by the alerts that exist for them; nothing is judged twice here.
//! - A Prometheus that does not answer, or has not loaded every alert of this version, is an anomaly: nobody watches then.
//! - It ends when both the time and the epochs are over: a canary is watched for at least three epochs.
//! - The incident has no steps to do, so it can be resolved at once; until then it holds every promotion up.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use config::ReleaseChannel;
use primitives::Height;
use rpc::{Client, ExitCode};
use serde::Serialize;
use tokio::time::Instant;

use super::rollout::{moved, now_ms, parse_stage};
use crate::commands::tx::parse_duration;
use crate::context::Context;
use crate::exit::Failure;
use crate::output::duration_ms;
use crate::rollout::incident::{self, FOLDER, GateState, Incident};
use crate::rollout::judge::missing_alerts;

/// Examples.
pub const EXAMPLES: &str = "\
Examples:
  tb rollout watch --stage testnet --prometheus http://127.0.0.1:9090 --for 2h
  tb rollout watch --stage canary --prometheus http://127.0.0.1:9090 --for 1h --epochs 3
  tb rollout watch --stage mainnet --prometheus http://127.0.0.1:9090 --for 24h --notify /usr/local/bin/page";

/// Epochs over which rewards and votes of a canary are watched, when nothing else is said.
const CANARY_EPOCHS: u64 = 3;

/// Arguments of `tb rollout watch`.
#[derive(Debug, Args)]
pub struct Watch {
    /// The stage that was stepped up to: development (or dev), testnet, canary or mainnet
    #[arg(long, value_name = "STAGE", value_parser = parse_stage)]
    stage: ReleaseChannel,
    /// The Prometheus that watches it
    #[arg(long, value_name = "URL")]
    prometheus: String,
    /// How long
    #[arg(long = "for", value_name = "TIME", default_value = "24h", value_parser = parse_duration)]
    lasting: Duration,
    /// How many epochs, at least [default: 3 on the canary, else 0]
    #[arg(long, value_name = "COUNT")]
    epochs: Option<u64>,
    /// Time between two looks
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = parse_duration)]
    every: Duration,
    /// How long height and samples may stand still
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = parse_duration)]
    patience: Duration,
    /// Program that is run with the file of the incident when something is not as it must be
    #[arg(long, value_name = "PROGRAM")]
    notify: Option<PathBuf>,
}

#[derive(Debug, Serialize)]
struct Watched {
    looks: u64,
    height: Height,
    epochs: u64,
    seconds: u64,
}

/// Looks until the time is over.
///
/// # Errors
/// [`Failure`] with exit number 10 after the incident was written, or another when that was not possible.
pub async fn run(arguments: &Watch, context: &Context) -> Result<(), Failure> {
    let (client, prometheus) = (context.patient_client()?, context.client_at(&arguments.prometheus)?);
    let started = Instant::now();
    let mut watched = Watched { looks: 0, height: Height::GENESIS, epochs: 0, seconds: 0 };
    let wanted = arguments.epochs.unwrap_or(if arguments.stage == ReleaseChannel::Canary { CANARY_EPOCHS } else { 0 });
    let mut first = None;
    while started.elapsed() < arguments.lasting || watched.epochs < wanted {
        let look = look(&client, &prometheus, arguments.patience).await;
        let (height, epoch_blocks) = match look {
            Ok(seen) => seen,
            Err(anomaly) => return escalate(arguments, context, &client, &anomaly).await,
        };
        let since = *first.get_or_insert(height);
        watched.height = height;
        watched.epochs = height.0.saturating_sub(since.0) / epoch_blocks.max(1);
        watched.looks = watched.looks.saturating_add(1);
        // Epochs may be left when the time is over.
        let left = arguments.lasting.saturating_sub(started.elapsed());
        let pause = if left.is_zero() && watched.epochs < wanted { arguments.every } else { arguments.every.min(left) };
        tokio::time::sleep(pause).await;
    }
    watched.seconds = started.elapsed().as_secs();
    context.output.result(&watched, || {
        let time = duration_ms(watched.seconds.saturating_mul(1_000));
        let Watched { looks, height, epochs, .. } = &watched;
        format!("ok: nothing in {looks} looks over {time} and {epochs} epochs, height {height}")
    });
    Ok(())
}

/// The height with the blocks of an epoch, or what is not as it must be.
async fn look(client: &Client, prometheus: &Client, patience: Duration) -> Result<(Height, u64), String> {
    let moved = moved(client, patience).await.map_err(|failure| failure.error.error)?;
    let unwatched = |error: rpc::ClientError| format!("nobody watches: {error}");
    let missing = missing_alerts(&prometheus.prometheus_alerts().await.map_err(unwatched)?);
    if !missing.is_empty() {
        return Err(format!("nobody watches: alerts are not loaded: {}", missing.join(", ")));
    }
    let firing = prometheus.prometheus_firing().await.map_err(unwatched)?;
    if firing.is_empty() {
        Ok((moved.height, moved.epoch_blocks))
    } else {
        Err(format!("alerts fire: {}", firing.join(", ")))
    }
}

async fn escalate(arguments: &Watch, context: &Context, client: &Client, anomaly: &str) -> Result<(), Failure> {
    // The node may be what is wrong: then the incident knows neither height nor gates.
    let status = client.rollout_status().await.ok();
    let gates = status.iter().flat_map(|status| &status.gates);
    let folder = context.home().root().join(FOLDER);
    let incident = Incident {
        number: 0,
        stage: arguments.stage,
        chain_id: status.as_ref().map_or_else(String::new, |status| status.chain_id.clone()),
        reason: anomaly.chars().take(500).collect(),
        opened_at_ms: now_ms(),
        height: status.as_ref().map(|status| status.finalized_height),
        gates: gates.map(|gate| GateState { name: gate.name.clone(), on: gate.active }).collect(),
        release: status.as_ref().and_then(|status| status.commit.clone()),
        release_before: None,
        done: Vec::new(),
        recovered: true,
        resolved: None,
    };
    let incident = incident::open(&folder, incident)?;
    let path = incident::place(&folder, incident.number);
    let mut told = format!("incident {} is in {}", incident.number, path.display());
    if let Some(program) = &arguments.notify {
        let ended = tokio::process::Command::new(program).arg(&path).status().await;
        match ended {
            Ok(status) if status.success() => told.push_str(&format!("; {} was told", program.display())),
            Ok(status) => told.push_str(&format!("; {} failed ({status}): tell them yourself", program.display())),
            Err(cause) => {
                told.push_str(&format!("; {} did not start ({cause}): tell them yourself", program.display()))
            }
        }
    }
    let hint =
        format!("docs/deployment/staged_rollout.md, going back; then tb rollout incident resolve {}", incident.number);
    Err(Failure::new(ExitCode::NotReady, "rollout_anomaly", format!("{anomaly}; {told}"), hint))
}
