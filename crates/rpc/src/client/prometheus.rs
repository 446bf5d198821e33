//! What the command line asks a Prometheus: the value of an expression, which alerts it knows, and which of them fire.
//!
//! Rule: an expression without a value is an answer, and not a zero.

use serde::Deserialize;

use super::{Client, ClientError, read};
use crate::limits::REPLY_BYTES_MAX;

#[derive(Deserialize)]
struct Answer<T> {
    data: T,
}

#[derive(Deserialize)]
struct Queried {
    result: Vec<Sample>,
}

#[derive(Deserialize)]
struct Sample {
    value: (f64, String),
}

#[derive(Deserialize)]
struct Rules {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
struct Rule {
    #[serde(rename = "type")]
    kind: String,
    name: String,
    #[serde(default)]
    health: String,
}

#[derive(Deserialize)]
struct Pending {
    alerts: Vec<PendingAlert>,
}

#[derive(Deserialize)]
struct PendingAlert {
    labels: AlertLabels,
    state: String,
}

#[derive(Deserialize)]
struct AlertLabels {
    alertname: String,
}

impl Client {
    /// The first value of an expression on the Prometheus at this URL, at `at_seconds` since the Unix epoch or now;
    /// `None` when it has none.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn prometheus_value(
        &self,
        expression: &str,
        at_seconds: Option<u64>,
    ) -> Result<Option<f64>, ClientError> {
        let mut query = vec![("query", expression.to_owned())];
        query.extend(at_seconds.map(|at| ("time", at.to_string())));
        let request = self.http.get(format!("{}/api/v1/query", self.base_url)).query(&query);
        let (url, status, body) = self.send(request, self.request_timeout, REPLY_BYTES_MAX).await?;
        let Answer { data: Queried { result } } = read(&url, status, &body)?;
        Ok(result.first().and_then(|sample| sample.value.1.parse().ok()))
    }

    /// Names of the alerts that the Prometheus at this URL has loaded and can evaluate, sorted.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn prometheus_alerts(&self) -> Result<Vec<String>, ClientError> {
        let request = self.http.get(format!("{}/api/v1/rules?type=alert", self.base_url));
        let (url, status, body) = self.send(request, self.request_timeout, REPLY_BYTES_MAX).await?;
        let Answer { data: Rules { groups } } = read(&url, status, &body)?;
        let rules = groups.into_iter().flat_map(|group| group.rules);
        let mut names: Vec<String> =
            rules.filter(|rule| rule.kind == "alerting" && rule.health != "err").map(|rule| rule.name).collect();
        names.sort();
        Ok(names)
    }

    /// Names of the alerts that fire on the Prometheus at this URL, sorted, each once.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn prometheus_firing(&self) -> Result<Vec<String>, ClientError> {
        let request = self.http.get(format!("{}/api/v1/alerts", self.base_url));
        let (url, status, body) = self.send(request, self.request_timeout, REPLY_BYTES_MAX).await?;
        let Answer { data: Pending { alerts } } = read(&url, status, &body)?;
        let firing = alerts.into_iter().filter(|alert| alert.state == "firing");
        let mut names: Vec<String> = firing.map(|alert| alert.labels.alertname).collect();
        names.sort();
        names.dedup();
        Ok(names)
    }
}
