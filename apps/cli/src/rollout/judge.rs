//! The questions of a step to the next stage, judged from facts alone.
//!
//! | question | answered by | asked when the profile says |
//! |---|---|---|
//! | `config` | the node's channel, gates and settings, or node.toml and genesis | always |
//! | `step` | the channel of the node on which the soak is counted | the stage has one before it |
//! | `change_window` | the clock of this machine | always |
//! | `node` | the node's readiness | always, where a node is asked |
//! | `telemetry` | the node's samples | always, where a node is asked |
//! | `release`, `sbom` | a folder of a release, and the commit of the node | `release` |
//! | `tests` | the record of the tests in the signed provenance of that folder, and the commit of the node | `tests` |
//! | `alert_rules`, `dashboards` | Prometheus | `alerts` |
//! | `test_alert` | Alertmanager, which is sent one | `alerts` |
//! | `relays` | the alerts about gossip and peers that Prometheus remembers | `relays` |
//! | `soak` | how long the release runs there, and the alerts that Prometheus remembers | `soak_hours` |
//! | `epochs` | the heights that the release has finalized there | `epochs` |
//! | `incidents` | the files of incidents | always |
//! | `interventions` | the same, and the height of the stage before | `epochs` |
//! | `acknowledgements` | evidence, and the voting validators of the stage before | `acknowledgements` |
//! | `rollback` | the folder of the release before, and a snapshot | `rollback` |
//! | `baseline` | the file of the baseline, and the node today | `baseline` |
//! | `hotfixes` | the files of incidents | `hotfixes` |
//!
//! Read next: `soaked.rs`, the questions about what the stage before has gone through.

use config::{Drift, Profile, ReleaseChannel};
use primitives::{Address, Height};
use rpc::types::TelemetryStatus;
use serde::Serialize;

use super::Evidence;
use super::incident::Incident;
use super::soaked::{epochs, hotfixes, incidents, interventions, soak, unwatched};
use crate::release::record::TestRecord;

/// The alert rules that this program was built with.
const RULES: &str = include_str!("../../../../monitoring/alert.rules.yml");
/// Alerts that say that nodes do not relay what they should, or cannot.
pub const RELAY_ALERTS: [&str; 6] =
    ["NoPeers", "PeersBelowFloor", "PartitionSuspected", "GossipDropped", "HandshakesRefused", "WitnessGossipRefused"];
/// Sample intervals after which the newest sample is too old.
const SAMPLE_INTERVALS_MAX: u64 = 3;

/// How a question was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// As it must be.
    Ok,
    /// Not as it must be.
    Failed,
    /// It cannot be known from what was given; that counts as not ready.
    Unknown,
    /// The profile of the stage does not ask it.
    NotAsked,
}

impl Verdict {
    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "FAILED",
            Self::Unknown => "UNKNOWN",
            Self::NotAsked => "not asked",
        }
    }
}

/// One question and its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The question.
    pub check: &'static str,
    /// The answer.
    pub verdict: Verdict,
    /// What was found.
    pub found: String,
    /// What would help; empty where nothing is wanting.
    pub hint: String,
}

/// Everything that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The stage.
    pub stage: ReleaseChannel,
    /// Whether nothing is failed or unknown.
    pub ready: bool,
    /// When it was judged, milliseconds since the Unix epoch.
    pub checked_at_ms: u64,
    /// The file of the profiles.
    pub profiles: String,
    /// What was compared: a URL or files.
    pub subject: String,
    /// Keys and gates that are otherwise than the profile says.
    pub drift: Vec<Drift>,
    /// Every question.
    pub checks: Vec<Finding>,
    /// Where it is written how to go back.
    pub recovery: String,
}

/// A release that was verified, or why it was not.
pub type VerifiedRelease = Result<ReleaseFacts, String>;

/// What a verified release says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseFacts {
    /// Its commit.
    pub commit: String,
    /// Who signed it.
    pub signer: String,
    /// Parts that its list names.
    pub parts: usize,
    /// The tests of its commit; none where its builder had no record of them.
    pub tests: Option<TestRecord>,
}

/// The running node that is to be promoted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeFacts {
    /// The commit it was built from.
    pub commit: Option<String>,
    /// Why it is not ready; empty when it is.
    pub not_ready: Vec<String>,
    /// Its telemetry.
    pub telemetry: TelemetryStatus,
    /// Files that attest its program as a release, and whether they hold: `release_attestation_seen` and `_valid`.
    pub attested: (u64, bool),
}

/// The network of the stage before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SoakFacts {
    /// Its channel.
    pub channel: String,
    /// The commit that its node was built from.
    pub commit: Option<String>,
    /// Its last block.
    pub height: Height,
    /// Heights of one of its epochs.
    pub epoch_blocks: u64,
    /// Epochs that were finalized since its first block, and since its node was started.
    pub epochs: u64,
    /// Hours since its first block, and since its node was started.
    pub hours: u64,
    /// Validators that vote.
    pub validators: Vec<Address>,
    /// Snapshots that it has.
    pub snapshots: usize,
}

/// What a Prometheus says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MonitoringFacts {
    /// Alerts that are loaded and can be evaluated.
    pub alerts: Vec<String>,
    /// Targets that are not up; `None` when there is no target at all.
    pub targets_down: Option<u64>,
    /// Alerts that fire now.
    pub firing: u64,
    /// Pages (critical alerts) within the soak; `None` when it did not watch all the time.
    pub pages_in_soak: Option<u64>,
    /// Alerts about gossip and peers within the soak; `None` as above.
    pub relay_alerts_in_soak: Option<u64>,
}

/// What became of an alert that was sent to see whether it arrives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TestAlert {
    /// A receiver took it.
    Received {
        /// The receivers of its routes.
        receivers: Vec<String>,
        /// After so many milliseconds.
        after_ms: u64,
    },
    /// Nobody did; why.
    Lost(String),
}

/// The names of the alerts that this program was built with.
pub fn shipped_alerts() -> impl Iterator<Item = &'static str> {
    RULES.lines().filter_map(|line| line.trim_start().strip_prefix("- alert: "))
}

/// Shipped alerts that are not among these.
pub fn missing_alerts(loaded: &[String]) -> Vec<&'static str> {
    shipped_alerts().filter(|name| !loaded.iter().any(|alert| alert == name)).collect()
}

/// Everything that was gathered; `None` is what nobody gave.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Now, milliseconds since the Unix epoch.
    pub now_ms: u64,
    /// Where the subject differs from the profile.
    pub drift: Vec<Drift>,
    /// The subject, where it is a running node.
    pub node: Option<NodeFacts>,
    /// The network of the stage before.
    pub soak: Option<SoakFacts>,
    /// The release that is to run.
    pub release: Option<VerifiedRelease>,
    /// The release before.
    pub previous: Option<VerifiedRelease>,
    /// Every incident that is known.
    pub incidents: Option<Vec<Incident>>,
    /// What people say.
    pub evidence: Option<Evidence>,
    /// What a Prometheus says, or why it does not.
    pub monitoring: Option<Result<MonitoringFacts, String>>,
    /// What became of the test alert, or why none could be sent.
    pub test_alert: Option<Result<TestAlert, String>>,
    /// What is worse than the baseline, or why that could not be seen.
    pub worse: Option<Result<Vec<String>, String>>,
}

pub(super) fn finding(check: &'static str, verdict: Verdict, found: impl Into<String>, hint: &str) -> Finding {
    let hint = if verdict == Verdict::Ok || verdict == Verdict::NotAsked { "" } else { hint };
    Finding { check, verdict, found: found.into(), hint: hint.to_owned() }
}

pub(super) fn told(is_good: bool) -> Verdict {
    if is_good { Verdict::Ok } else { Verdict::Failed }
}

pub(super) fn unknown(check: &'static str, missing: &str) -> Finding {
    finding(check, Verdict::Unknown, format!("nobody gave {missing}"), &format!("give {missing}"))
}

/// Every question of `profile`, answered by `facts`.
pub fn judge(profile: &Profile, facts: &Facts) -> Vec<Finding> {
    let asked = &profile.checks;
    let mut findings = vec![configuration(facts), step(profile.release_channel, facts), window(profile, facts)];
    findings.push(incidents(facts));
    if let Some(node) = &facts.node {
        findings.push(readiness(node));
        findings.push(telemetry(node, facts.now_ms));
    }
    let mut ask = |is_asked: bool, check: &'static str, answer: &dyn Fn() -> Finding| {
        findings.push(if is_asked {
            answer()
        } else {
            finding(check, Verdict::NotAsked, "the profile does not ask", "")
        });
    };
    ask(asked.release, "release", &|| release(facts));
    ask(asked.release, "sbom", &|| sbom(facts));
    ask(asked.tests, "tests", &|| tests(facts));
    ask(asked.alerts, "alert_rules", &|| alert_rules(facts));
    ask(asked.alerts, "dashboards", &|| dashboards(facts));
    ask(asked.alerts, "test_alert", &|| test_alert(facts));
    ask(asked.relays, "relays", &|| relays(u64::from(asked.soak_hours), facts));
    ask(asked.soak_hours > 0, "soak", &|| soak(u64::from(asked.soak_hours), facts));
    ask(asked.epochs > 0, "epochs", &|| epochs(u64::from(asked.epochs), facts));
    ask(asked.epochs > 0, "interventions", &|| interventions(profile.release_channel, u64::from(asked.epochs), facts));
    ask(asked.acknowledgements, "acknowledgements", &|| acknowledgements(facts));
    ask(asked.rollback, "rollback", &|| rollback(facts));
    ask(asked.baseline, "baseline", &|| baseline(facts));
    ask(asked.hotfixes, "hotfixes", &|| hotfixes(profile.release_channel, facts));
    findings
}

/// Whether nothing is wanting.
pub fn is_ready(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| matches!(finding.verdict, Verdict::Ok | Verdict::NotAsked))
}

fn configuration(facts: &Facts) -> Finding {
    let found = match facts.drift.len() {
        0 => "as the profile says".to_owned(),
        count => format!("{count} keys or gates differ from the profile"),
    };
    finding("config", told(facts.drift.is_empty()), found, "change what differs, or the stage that was meant")
}

fn step(stage: ReleaseChannel, facts: &Facts) -> Finding {
    let Some(before) = stage.before() else {
        return finding("step", Verdict::NotAsked, "the first stage", "");
    };
    let Some(soak) = &facts.soak else { return unknown("step", "a node of the stage before with --soaked") };
    let found = format!("{} → {}", soak.channel, stage.as_str());
    let hint = "a build passes development, testnet, canary and mainnet one after the other";
    finding("step", told(soak.channel == before.as_str()), found, hint)
}

fn window(profile: &Profile, facts: &Facts) -> Finding {
    let window = &profile.change_window;
    let days: Vec<String> = window.days.iter().map(|day| format!("{day:?}").to_lowercase()).collect();
    let found = format!("{} from {} to {} UTC", days.join(", "), window.from_utc, window.to_utc);
    finding("change_window", told(window.is_open(facts.now_ms)), found, "wait until the change window is open")
}

fn readiness(node: &NodeFacts) -> Finding {
    let found = if node.not_ready.is_empty() { "ready".to_owned() } else { node.not_ready.join("; ") };
    finding("node", told(node.not_ready.is_empty()), found, "wait, or do what GET /health/ready says")
}

fn telemetry(node: &NodeFacts, now_ms: u64) -> Finding {
    let telemetry = &node.telemetry;
    if !telemetry.enabled {
        return finding("telemetry", Verdict::Failed, "it is off", "turn rollout.telemetry.enabled on");
    }
    let hint = "read the lines of the log target telemetry";
    let Some(at_ms) = telemetry.sampled_at_ms else {
        let found =
            format!("it is on, and there is no sample yet; one is due every {} ms", telemetry.sample_interval_ms);
        return finding(
            "telemetry",
            Verdict::Unknown,
            found,
            "check again after the first; if none comes, read the node's log",
        );
    };
    let age_ms = now_ms.saturating_sub(at_ms);
    let fresh = age_ms <= telemetry.sample_interval_ms.saturating_mul(SAMPLE_INTERVALS_MAX).max(5_000);
    let failures = telemetry.encode_failures;
    let found = format!("the newest sample is {age_ms} ms old; {failures} could not be encoded");
    finding("telemetry", told(fresh && failures == 0), found, hint)
}

fn release(facts: &Facts) -> Finding {
    match &facts.release {
        None => unknown("release", "the folder of the release with --release"),
        Some(Err(error)) => finding("release", Verdict::Failed, error, "fetch the release again and verify it"),
        Some(Ok(release)) => {
            let Some(node) = &facts.node else {
                return finding(
                    "release",
                    Verdict::Unknown,
                    format!("{} signed by {}; a file does not say what runs", release.commit, release.signer),
                    "compare a running node",
                );
            };
            let runs = node.commit.as_deref().unwrap_or("no release");
            let found = format!("the node runs {runs}, {} signed {}", release.signer, release.commit);
            let (seen, valid) = node.attested;
            if seen > 0 && !valid {
                let found = format!("{found}; {seen} files attest the program of the node, and they do not hold there");
                return finding(
                    "release",
                    Verdict::Failed,
                    found,
                    "read the node's warning, and install the release again",
                );
            }
            finding("release", told(runs == release.commit), found, "install the release: tb release use DIR")
        }
    }
}

fn sbom(facts: &Facts) -> Finding {
    match &facts.release {
        None => unknown("sbom", "the folder of the release with --release"),
        Some(Err(error)) => finding("sbom", Verdict::Failed, error, "fetch the release again and verify it"),
        Some(Ok(release)) => finding("sbom", Verdict::Ok, format!("{} parts", release.parts), ""),
    }
}

fn tests(facts: &Facts) -> Finding {
    let check = "tests";
    let release = match &facts.release {
        None => return unknown(check, "the folder of the release with --release"),
        Some(Err(error)) => {
            return finding(check, Verdict::Unknown, error, "fetch the release again and verify it");
        }
        Some(Ok(release)) => release,
    };
    let Some(tests) = &release.tests else {
        let found = format!("{} was built without a record of its tests", release.commit);
        return finding(check, Verdict::Unknown, found, "run cargo xtask test at that commit, then build its release");
    };
    let found = format!("{} says of {}: {tests}", release.signer, release.commit);
    match &facts.node {
        Some(node) if node.commit.as_ref() != Some(&release.commit) => {
            let found = format!("{found}; the node runs {}", node.commit.as_deref().unwrap_or("no release"));
            finding(check, Verdict::Failed, found, "install the release: tb release use DIR")
        }
        _ => finding(check, Verdict::Ok, found, ""),
    }
}

/// Answers from Prometheus, or why there are none.
pub(super) fn monitored<'f>(check: &'static str, facts: &'f Facts) -> Result<&'f MonitoringFacts, Finding> {
    match &facts.monitoring {
        None => Err(unknown(check, "a Prometheus with --prometheus")),
        Some(Err(error)) => Err(finding(check, Verdict::Unknown, error, "name a Prometheus that answers")),
        Some(Ok(monitoring)) => Ok(monitoring),
    }
}

fn alert_rules(facts: &Facts) -> Finding {
    let monitoring = match monitored("alert_rules", facts) {
        Ok(monitoring) => monitoring,
        Err(finding) => return finding,
    };
    let (count, missing) = (monitoring.alerts.len(), missing_alerts(&monitoring.alerts));
    let found = match missing.len() {
        0 => format!("{count} alerts are loaded, all of this version among them"),
        _ => format!("{count} alerts are loaded; missing or broken: {}", missing.join(", ")),
    };
    finding("alert_rules", told(missing.is_empty()), found, "load monitoring/alert.rules.yml of this version")
}

fn dashboards(facts: &Facts) -> Finding {
    let monitoring = match monitored("dashboards", facts) {
        Ok(monitoring) => monitoring,
        Err(finding) => return finding,
    };
    let Some(down) = monitoring.targets_down else {
        return finding("dashboards", Verdict::Failed, "Prometheus watches nothing", "add the nodes to its targets");
    };
    let found = format!("{down} targets are down, {} alerts fire", monitoring.firing);
    let hint = "bring the targets back, and follow the runbook of each alert";
    finding("dashboards", told(down == 0 && monitoring.firing == 0), found, hint)
}

fn test_alert(facts: &Facts) -> Finding {
    let check = "test_alert";
    match &facts.test_alert {
        None => unknown(check, "an Alertmanager with --alertmanager"),
        Some(Err(error)) => finding(check, Verdict::Unknown, error, "name an Alertmanager that answers"),
        Some(Ok(TestAlert::Lost(why))) => finding(
            check,
            Verdict::Failed,
            why,
            "repair route, silence or receiver in the Alertmanager, and check again",
        ),
        Some(Ok(TestAlert::Received { receivers, after_ms })) => {
            finding(check, Verdict::Ok, format!("{} took it after {after_ms} ms", receivers.join(", ")), "")
        }
    }
}

/// Every node relays witness data, so what shows that relays are stable is gossip without an alert.
fn relays(hours: u64, facts: &Facts) -> Finding {
    let check = "relays";
    let monitoring = match monitored(check, facts) {
        Ok(monitoring) => monitoring,
        Err(finding) => return finding,
    };
    let Some(alerts) = monitoring.relay_alerts_in_soak else {
        return finding(check, Verdict::Unknown, unwatched(hours), "let Prometheus watch the stage before for so long");
    };
    let found = format!("{alerts} alerts about gossip and peers in the last {hours} hours");
    finding(check, told(alerts == 0), found, "find out which nodes relay nothing: docs/runbooks/network.md")
}

fn acknowledgements(facts: &Facts) -> Finding {
    let check = "acknowledgements";
    let Some(soak) = &facts.soak else { return unknown(check, "a node of the stage before with --soaked") };
    let Some(evidence) = &facts.evidence else {
        return unknown(check, "[acknowledgements] in the file of --evidence");
    };
    let agreed = |address: &&Address| evidence.acknowledgements.get(address).is_some_and(|words| !words.is_empty());
    let missing: Vec<String> =
        soak.validators.iter().filter(|address| !agreed(address)).map(ToString::to_string).collect();
    let found = match missing.len() {
        0 => format!("all {} validators agreed", soak.validators.len()),
        count => format!("{count} of {} validators did not: {}", soak.validators.len(), missing.join(", ")),
    };
    finding(check, told(missing.is_empty() && !soak.validators.is_empty()), found, "ask who did not answer")
}

fn rollback(facts: &Facts) -> Finding {
    let previous = match &facts.previous {
        None => return unknown("rollback", "the folder of the release before with --previous-release"),
        Some(Err(error)) => return finding("rollback", Verdict::Failed, error, "fetch the release before again"),
        Some(Ok(previous)) => previous,
    };
    let Some(soak) = &facts.soak else { return unknown("rollback", "a node of the stage before with --soaked") };
    let same = facts.release.as_ref().and_then(|release| release.as_ref().ok());
    if same.is_some_and(|release| release.commit == previous.commit) {
        let found = "the release before is the release itself";
        return finding("rollback", Verdict::Failed, found, "name the release that ran before");
    }
    let found = format!("release {}, {} snapshots", previous.commit, soak.snapshots);
    finding("rollback", told(soak.snapshots > 0), found, "make a snapshot: tb snapshots make")
}

fn baseline(facts: &Facts) -> Finding {
    match &facts.worse {
        None => unknown("baseline", "a file of tb rollout baseline with --baseline"),
        Some(Err(error)) => {
            finding("baseline", Verdict::Unknown, error, "name a node of the stage before with --soaked")
        }
        Some(Ok(worse)) if worse.is_empty() => finding("baseline", Verdict::Ok, "no series is worse", ""),
        Some(Ok(worse)) => {
            finding("baseline", Verdict::Failed, worse.join("; "), "find out what became slower before the step")
        }
    }
}
