//! A real Prometheus beside a network of real nodes, with the rules that operators load, at the pace of a drill.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use cli::devnet::layout::Ports;
use monitoring::Pace;
use serde_json::{Value, json};

use crate::cluster::{START_TIME, free_base, until};

/// The program; the Debian package has the same name.
pub const PROGRAM: &str = "prometheus";
/// An hour of the rules is a minute here.
pub const PACE: Pace = Pace { divisor: 60, window_seconds_min: 4, lasting_seconds_min: 2 };
/// Time between two scrapes. The shortest window holds four.
const SCRAPE: &str = "1s";

/// A Prometheus that runs; it ends with this.
pub struct Prometheus {
    child: Child,
    folder: PathBuf,
    http: reqwest::Client,
    /// Where it answers.
    pub url: String,
}

impl Prometheus {
    /// Whether this machine has one.
    pub fn is_here() -> bool {
        Command::new(PROGRAM).arg("--version").output().is_ok_and(|output| output.status.success())
    }

    /// Starts one in `folder` that watches the nodes with these ports, and waits until it has asked them.
    pub async fn start(folder: &Path, nodes: &[Ports]) -> Self {
        let folder = folder.join(PROGRAM);
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join("alert.rules.yml"), PACE.rules()).expect("written");
        let config = format!(
            "global:\n  scrape_interval: {SCRAPE}\n  scrape_timeout: {SCRAPE}\n  evaluation_interval: {SCRAPE}\n\
             rule_files: [alert.rules.yml]\nscrape_configs:\n  - job_name: the-block\n    file_sd_configs:\n      \
             - files: [targets.json]\n"
        );
        std::fs::write(folder.join("prometheus.yml"), config).expect("written");
        let address = format!("127.0.0.1:{}", Ports::of(free_base(1), 0).expect("free ports").rpc);
        let log = std::fs::File::create(folder.join("log")).expect("a log");
        let mut command = Command::new(PROGRAM);
        command.arg(format!("--config.file={}", folder.join("prometheus.yml").display()));
        command.arg(format!("--storage.tsdb.path={}", folder.join("data").display()));
        command.arg(format!("--web.listen-address={address}"));
        let child = command.current_dir(&folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn();
        let http = reqwest::Client::builder().timeout(Duration::from_secs(5)).build().expect("a client");
        let this = Self { child: child.expect("it is installed"), folder, http, url: format!("http://{address}") };
        this.watch(nodes);
        until("Prometheus to have asked every node", START_TIME, async || {
            let asked = format!("sum(up) > 0 and count(up) == {}", nodes.len());
            this.value(&asked).await.map(drop)
        })
        .await;
        this
    }

    /// Watches the nodes with these ports from now on, and no others.
    pub fn watch(&self, nodes: &[Ports]) {
        let targets: Vec<String> = nodes.iter().map(|ports| format!("127.0.0.1:{}", ports.rpc)).collect();
        let text = json!([{ "targets": targets, "labels": { "chain_id": "dev" } }]).to_string();
        // It looks at the file whenever it changes, and must never find half of it.
        let (next, place) = (self.folder.join("targets.next"), self.folder.join("targets.json"));
        std::fs::write(&next, text).expect("written");
        std::fs::rename(next, place).expect("the same folder");
    }

    async fn ask(&self, path: &str, query: &[(&str, &str)]) -> Option<Value> {
        let words: Vec<String> = query.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        let answer = self.http.get(format!("{}/api/v1/{path}?{}", self.url, words.join("&"))).send().await.ok()?;
        let value: Value = answer.json().await.ok()?;
        (value["status"] == "success").then(|| value["data"].clone())
    }

    /// The first value of an expression.
    pub async fn value(&self, expr: &str) -> Option<f64> {
        let data = self.ask("query", &[("query", expr)]).await?;
        data["result"][0]["value"][1].as_str()?.parse().ok()
    }

    /// The names of all alerts that fire; `None` when it does not answer.
    pub async fn firing(&self) -> Option<BTreeSet<String>> {
        let data = self.ask("alerts", &[]).await?;
        let alerts = data["alerts"].as_array()?.iter().filter(|alert| alert["state"] == "firing");
        Some(alerts.filter_map(|alert| Some(alert["labels"]["alertname"].as_str()?.to_owned())).collect())
    }

    /// How many rules it has loaded.
    pub async fn alert_rules(&self) -> Option<usize> {
        let data = self.ask("rules", &[("type", "alert")]).await?;
        Some(data["groups"].as_array()?.iter().filter_map(|group| group["rules"].as_array()).map(Vec::len).sum())
    }
}

/// Text as it stands in a query.
fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'.' | b'-' => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect()
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            let lines: Vec<&str> = log.lines().filter(|line| !line.contains("level=info")).collect();
            eprintln!("--- Prometheus said: {}", lines[lines.len().saturating_sub(10)..].join("\n"));
        }
    }
}
