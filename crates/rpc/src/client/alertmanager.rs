//! What the command line asks an Alertmanager: whether an alert that is sent to it reaches a receiver.
//!
//! ```text
//! POST /api/v2/alerts ─► route, group ─► receiver ─► alertmanager_notification_requests_total, _failed_total at /metrics
//! ```
//! Rule: a notification counts as handed over when the receiver took it; what failed is counted apart. The requests are counted and not the
//! notifications: an Alertmanager counts a notification before its first try, and as failed only after its last.

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

/// Tries to hand a notification over since an Alertmanager was started.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Notifications {
    /// All, of all receivers.
    pub tried: f64,
    /// Of these, those that failed.
    pub failed: f64,
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
        let text = self.metrics().await?;
        Ok(Notifications {
            tried: sum(&text, "alertmanager_notification_requests_total"),
            failed: sum(&text, "alertmanager_notification_requests_failed_total"),
        })
    }
}

/// The sum of all series of a name in the text format of Prometheus.
fn sum(text: &str, name: &str) -> f64 {
    let of_name = |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']));
    text.lines().filter(of_name).filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}
