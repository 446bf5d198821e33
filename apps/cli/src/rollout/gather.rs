//! Where the facts of a rollout check come from. Nothing is judged here.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use config::{Drift, Home, NodeConfig, Profiles, ReleaseChannel};
use primitives::{Genesis, Height};
use rpc::Client;
use rpc::types::ValidatorState;

use super::baseline::{self, Baseline};
use super::judge::{MonitoringFacts, NodeFacts, RELAY_ALERTS, ReleaseFacts, SoakFacts, TestAlert, VerifiedRelease};
use crate::exit::Failure;
use crate::provision::read_genesis;
use crate::release::sign::Signer;
use crate::release::verify;

/// Looks at the node for the comparison with a baseline.
const LOOKS: u32 = 5;
/// Time between two of them.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Time between two looks at the Alertmanager.
const ALERT_LOOK_EVERY: Duration = Duration::from_millis(500);
/// Name of the alert that is sent to see whether it arrives, and the label that tells one from the next.
const TEST_ALERT: (&str, &str) = ("RolloutTestAlert", "rollout_test");
/// Minutes between two of the looks at the time of a soak.
const LOOK_MINUTES: u64 = 5;
/// Milliseconds of an hour.
const HOUR_MS: u64 = 3_600_000;

/// The drift of a file and the genesis file that goes with it.
///
/// # Errors
/// [`Failure`] for files that a node would not take.
pub fn file_drift(
    profiles: &Profiles,
    stage: ReleaseChannel,
    config: &Path,
    genesis: &Path,
) -> Result<Vec<Drift>, Failure> {
    let folder = config.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let home = Home::new(folder).with_config(config);
    let loaded = NodeConfig::load(&home, &[], |_| None)?;
    let genesis = read_genesis(genesis)?;
    let mut drift = profiles.drift(stage, &loaded);
    let chain = profiles.of(stage).gate_drift(file_gates(&loaded.config, &genesis).into_iter());
    let known: BTreeSet<String> = drift.iter().map(|drift| drift.key.clone()).collect();
    drift.extend(chain.into_iter().filter(|drift| !known.contains(&drift.key)));
    Ok(drift)
}

/// The gates that a node with these files ends up with.
pub fn file_gates(config: &NodeConfig, genesis: &Genesis) -> Vec<(&'static str, bool)> {
    config.gates.at(genesis, Height(u64::MAX)).into_iter().map(|gate| (gate.name, gate.is_active)).collect()
}

/// A running node and where it differs from the profile. A gate of the chain that has an activation height counts as on.
///
/// # Errors
/// [`Failure`] when the node does not answer.
pub async fn node(
    client: &Client,
    profiles: &Profiles,
    stage: ReleaseChannel,
) -> Result<(NodeFacts, Vec<Drift>), Failure> {
    let profile = profiles.of(stage);
    let (status, ready, metrics) =
        futures::try_join!(client.rollout_status(), client.health_ready(), client.metrics())?;
    let value = |name: &str| {
        let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|value| value.parse::<f64>().ok()).map_or(0, whole)
    };
    let attested = (value("release_attestation_seen"), value("release_attestation_valid") == 1);
    let gates = status.gates.iter().map(|gate| (gate.name.as_str(), gate.active || gate.activation_height.is_some()));
    let mut drift = profiles.reference_drift(&status.settings);
    drift.extend(profile.gate_drift(gates));
    let wanted = profile.release_channel.as_str();
    if status.release_channel != wanted {
        drift.push(Drift {
            key: "release_channel".to_owned(),
            wanted: wanted.to_owned(),
            found: status.release_channel.clone(),
        });
    }
    let not_ready = ready.reasons.into_iter().map(|reason| reason.message).collect();
    Ok((NodeFacts { commit: status.commit, not_ready, telemetry: status.telemetry, attested }, drift))
}

/// The network of the stage before, by one of its nodes. What counts is the time in which this process ran there: what its
/// chain did under another build shows nothing about this one.
///
/// # Errors
/// [`Failure`] when the node does not answer.
pub async fn soak(client: &Client, now_ms: u64) -> Result<SoakFacts, Failure> {
    let (status, validators, snapshots, node) =
        futures::try_join!(client.rollout_status(), client.validators(), client.snapshots(), client.node_status())?;
    let (oldest, head) = (node.oldest_height.max(Height(1)), status.finalized_height);
    let time_at = async |height: Height| Ok::<u64, Failure>(client.block_at(height).await?.header.time_ms.0);
    // A node that does not tell its start counts as started now.
    let started_ms = status.started_at_ms.unwrap_or(now_ms);
    let since_ms = if head < oldest { now_ms } else { time_at(oldest).await?.max(started_ms) };
    let first = first_since((oldest, head), since_ms, time_at).await?;
    let blocks = head.next().0.saturating_sub(first.0);
    let voting = validators.validators.iter().filter(|validator| validator.state == ValidatorState::Voting);
    Ok(SoakFacts {
        channel: status.release_channel,
        commit: status.commit,
        height: head,
        epoch_blocks: status.epoch_blocks,
        epochs: blocks / status.epoch_blocks.max(1),
        hours: now_ms.saturating_sub(since_ms) / HOUR_MS,
        validators: voting.map(|validator| validator.address).collect(),
        snapshots: snapshots.snapshots.len(),
    })
}

/// The first height from `oldest` to `head` whose time is not before `since_ms`; the one after `head` when there is none.
///
/// # Errors
/// That of `time_at`, which is asked for at most 64 heights.
pub async fn first_since<E>(
    (oldest, head): (Height, Height),
    since_ms: u64,
    time_at: impl AsyncFn(Height) -> Result<u64, E>,
) -> Result<Height, E> {
    let (mut low, mut high) = (oldest.0, head.next().0);
    while low < high {
        let middle = low.midpoint(high);
        if time_at(Height(middle)).await? < since_ms {
            low = middle.saturating_add(1);
        } else {
            high = middle;
        }
    }
    Ok(Height(low))
}

/// A folder of a release, checked with these signers.
pub fn release(folder: &Path, signers: &[Signer]) -> VerifiedRelease {
    let facts = |verified: verify::Verified| ReleaseFacts {
        commit: verified.commit,
        signer: verified.signer_name,
        parts: verified.parts,
        tests: verified.tests,
    };
    verify::verify(folder, signers, None).map(facts).map_err(|failure| failure.error.error)
}

/// What a Prometheus says of now and of the hours before.
///
/// # Errors
/// The reason in words, when it does not answer.
pub async fn monitoring(client: &Client, hours: u32, now_ms: u64) -> Result<MonitoringFacts, String> {
    let words = |error: rpc::ClientError| error.to_string();
    let count = |value: Option<f64>| value.map(|value| if value > 0.0 { whole(value) } else { 0 });
    let alerts = client.prometheus_alerts().await.map_err(words)?;
    let down = client.prometheus_value("count(up) - sum(up)", None).await.map_err(words)?;
    let firing = client.prometheus_value(r#"count(ALERTS{alertstate="firing"})"#, None).await.map_err(words)?;
    // How often each target of today was looked at; a gap is as bad as a late start.
    let looks = format!("min(count_over_time(up[{}h:{LOOK_MINUTES}m]) and up)", hours.max(1));
    let looks = count(client.prometheus_value(&looks, Some(now_ms / 1_000)).await.map_err(words)?);
    // The step that has just begun may not be there yet.
    let wanted = u64::from(hours.max(1)).saturating_mul(60 / LOOK_MINUTES).saturating_sub(1);
    let was_watched = looks.is_some_and(|looks| looks >= wanted);
    let within =
        |labels: &str| format!(r#"count(count_over_time(ALERTS{{alertstate="firing",{labels}}}[{}h]))"#, hours.max(1));
    let pages = client.prometheus_value(&within(r#"severity="critical""#), None).await.map_err(words)?;
    let relays = within(&format!(r#"alertname=~"{}""#, RELAY_ALERTS.join("|")));
    let relays = client.prometheus_value(&relays, None).await.map_err(words)?;
    Ok(MonitoringFacts {
        alerts,
        targets_down: count(down),
        firing: count(firing).unwrap_or(0),
        pages_in_soak: was_watched.then(|| count(pages).unwrap_or(0)),
        relay_alerts_in_soak: was_watched.then(|| count(relays).unwrap_or(0)),
    })
}

/// Sends an alert and waits until a receiver took it.
///
/// # Errors
/// The reason in words, when the Alertmanager does not answer.
pub async fn test_alert(client: &Client, patience: Duration, now_ms: u64) -> Result<TestAlert, String> {
    let words = |error: rpc::ClientError| error.to_string();
    let (name, label) = TEST_ALERT;
    let id = now_ms.to_string();
    let (before, integrations) =
        futures::try_join!(client.alertmanager_notifications(), client.alertmanager_integrations()).map_err(words)?;
    let labels = [("alertname", name), ("severity", "critical"), (label, id.as_str())];
    client.alertmanager_send(&labels, "A test before a rollout; nothing is to be done").await.map_err(words)?;
    let started = tokio::time::Instant::now();
    loop {
        let held = client.alertmanager_held(label, &id).await.map_err(words)?;
        let now = client.alertmanager_notifications().await.map_err(words)?;
        let receivers = held.as_ref().map(|held| held.receivers.as_slice()).unwrap_or_default();
        let [before, now] = [&before, &now].map(|counts| counts.of(receivers, &integrations));
        let failed = now.1 - before.1;
        let taken = now.0 - before.0 - failed;
        let after_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let is_late = started.elapsed() >= patience;
        match held {
            Some(held) if !held.is_active => {
                return Ok(TestAlert::Lost("the test alert is silenced or inhibited".to_owned()));
            }
            Some(held) if taken > 0.5 => return Ok(TestAlert::Received { receivers: held.receivers, after_ms }),
            Some(held) if is_late => {
                let to = held.receivers.join(", ");
                let what = format!("no receiver took it within {after_ms} ms; {failed} tries to reach {to} failed");
                return Ok(TestAlert::Lost(what));
            }
            None if is_late => return Ok(TestAlert::Lost("the Alertmanager does not hold it".to_owned())),
            _ => tokio::time::sleep(ALERT_LOOK_EVERY.min(patience)).await,
        }
    }
}

fn whole(value: f64) -> u64 {
    format!("{value:.0}").parse().unwrap_or(u64::MAX)
}

/// What is worse today than in the baseline.
///
/// # Errors
/// The reason in words, when the node does not answer or makes no blocks.
pub async fn worse(client: &Client, baseline: &Baseline) -> Result<Vec<String>, String> {
    let today = baseline::take(client, LOOKS, LOOK_EVERY).await.map_err(|failure| failure.error.error)?;
    Ok(baseline.worse(&today))
}
