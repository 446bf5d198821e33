//! What the command line asks an Alertmanager: whether an alert that is sent to it reaches a receiver.
//!
//! ```text
//! POST /api/v2/alerts ─► route, group ─► receiver ─► alertmanager_notification_requests_total, _failed_total at /metrics
//! ```
//! Rules
//! - A notification counts as handed over when the receiver took it; what failed is counted apart. The requests are counted and not the
//!   notifications: an Alertmanager counts a notification before its first try, and as failed only after its last.
//! - An Alertmanager counts by kind of integration, such as `webhook`, and by receiver only where it is told to. What is asked for is
//!   the kinds that a receiver has by the configuration in force, and its name where the counts have one.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Client, ClientError, read, refusal};
use crate::limits::REPLY_BYTES_MAX;

/// An alert as an Alertmanager holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldAlert {
    /// Names of the receivers that its routes lead to.
    pub receivers: Vec<String>,
    /// Whether nothing silences or inhibits it.
    pub is_active: bool,
}

/// Tries to hand notifications over since an Alertmanager was started.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Notifications {
    tried: Vec<Counted>,
    failed: Vec<Counted>,
}

/// One series of a count.
#[derive(Debug, Clone, PartialEq)]
struct Counted {
    integration: Option<String>,
    receiver: Option<String>,
    value: f64,
}

/// The kinds of integrations that each receiver has.
pub type Integrations = BTreeMap<String, BTreeSet<String>>;

impl Notifications {
    pub(crate) fn read(text: &str) -> Self {
        Self {
            tried: series(text, "alertmanager_notification_requests_total"),
            failed: series(text, "alertmanager_notification_requests_failed_total"),
        }
    }

    /// Tries for these receivers, and those of them that failed. Receivers whose integrations are not known stand for all.
    pub fn of(&self, receivers: &[String], integrations: &Integrations) -> (f64, f64) {
        let kinds: BTreeSet<&String> = receivers.iter().filter_map(|name| integrations.get(name)).flatten().collect();
        let is_theirs = |one: &&Counted| {
            let is_kind = kinds.is_empty() || one.integration.as_ref().is_none_or(|kind| kinds.contains(kind));
            is_kind && one.receiver.as_ref().is_none_or(|name| receivers.contains(name))
        };
        let sum = |all: &[Counted]| all.iter().filter(is_theirs).map(|one| one.value).sum();
        (sum(&self.tried), sum(&self.failed))
    }
}

#[derive(Deserialize)]
struct Held {
    receivers: Vec<Receiver>,
    status: Status,
}

#[derive(Deserialize)]
struct Receiver {
    name: String,
}

#[derive(Deserialize)]
struct Status {
    state: String,
}

#[derive(Deserialize)]
struct Running {
    config: Configured,
}

#[derive(Deserialize)]
struct Configured {
    original: String,
}

impl Client {
    /// Sends an alert with these labels to the Alertmanager at this URL.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn alertmanager_send(&self, labels: &[(&str, &str)], summary: &str) -> Result<(), ClientError> {
        let labels: serde_json::Map<String, Value> =
            labels.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        let alerts = json!([{ "labels": labels, "annotations": { "summary": summary } }]);
        let request = self.http.post(format!("{}/api/v2/alerts", self.base_url)).json(&alerts);
        let (url, status, body) = self.send(request, self.request_timeout, REPLY_BYTES_MAX).await?;
        if status == 200 { Ok(()) } else { Err(refusal(&url, status, &body)) }
    }

    /// The first alert with this label that the Alertmanager at this URL holds.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn alertmanager_held(&self, name: &str, value: &str) -> Result<Option<HeldAlert>, ClientError> {
        let query = [("filter", format!("{name}=\"{value}\""))];
        let request = self.http.get(format!("{}/api/v2/alerts", self.base_url)).query(&query);
        let (url, status, body) = self.send(request, self.request_timeout, REPLY_BYTES_MAX).await?;
        let held: Vec<Held> = read(&url, status, &body)?;
        Ok(held.into_iter().next().map(|held| HeldAlert {
            receivers: held.receivers.into_iter().map(|receiver| receiver.name).collect(),
            is_active: held.status.state == "active",
        }))
    }

    /// The tries that the Alertmanager at this URL has counted.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn alertmanager_notifications(&self) -> Result<Notifications, ClientError> {
        Ok(Notifications::read(&self.metrics().await?))
    }

    /// What the receivers of the Alertmanager at this URL are made of.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn alertmanager_integrations(&self) -> Result<Integrations, ClientError> {
        let request = self.http.get(format!("{}/api/v2/status", self.base_url));
        let (url, status, body) = self.send(request, self.request_timeout, REPLY_BYTES_MAX).await?;
        let running: Running = read(&url, status, &body)?;
        Ok(integrations(&running.config.original))
    }
}

/// All series of a name in the text format of Prometheus.
fn series(text: &str, name: &str) -> Vec<Counted> {
    let counted = |line: &str| {
        let labels = line.strip_prefix(name).filter(|rest| rest.starts_with(['{', ' ']))?;
        let label = |name: &str| {
            let (_, rest) = labels.split_once(&format!("{name}=\""))?;
            Some(rest.split('"').next()?.to_owned())
        };
        let value = line.rsplit(' ').next()?.parse().ok()?;
        Some(Counted { integration: label("integration"), receiver: label("receiver_name"), value })
    };
    text.lines().filter_map(counted).collect()
}

/// The receivers of a configuration, as an Alertmanager writes it: names, and lists such as `webhook_configs`.
pub(crate) fn integrations(config: &str) -> Integrations {
    let lines = config.lines().skip_while(|line| line.trim_end() != "receivers:").skip(1);
    let mut found = Integrations::new();
    let (mut depth, mut name) = (None, None);
    for line in lines.filter(|line| !line.trim().is_empty()) {
        let text = line.trim_start();
        let indent = line.len() - text.len();
        let (is_item, key) = text.strip_prefix("- ").map_or((false, text), |key| (true, key));
        let depth = *depth.get_or_insert(indent);
        if indent < depth || (indent == 0 && !is_item) {
            break;
        }
        // The keys of a receiver stand two columns behind the dash of its entry.
        let column = if is_item { indent.saturating_add(2) } else { indent };
        if column != depth.saturating_add(2) || (is_item && indent != depth) {
            continue;
        }
        if is_item {
            name = None;
        }
        let Some((key, value)) = key.split_once(':') else { continue };
        match (key, &name) {
            ("name", _) => name = Some(value.trim().trim_matches(['"', '\'']).to_owned()),
            (key, Some(name)) => {
                if let Some(kind) = key.strip_suffix("_configs") {
                    found.entry(name.clone()).or_default().insert(kind.to_owned());
                }
            }
            (_, None) => {}
        }
    }
    found
}
