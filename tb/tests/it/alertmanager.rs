//! A real Alertmanager with a receiver of our own: the test alert of `tb rollout check` reaches it, or the check says why it did not.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cli::devnet::layout::Ports;
use serde_json::json;

use crate::cluster::{START_TIME, free_base, until};
use crate::rollout::Canned;

/// Names of the program: that of the Debian package, and that of its makers.
const PROGRAMS: [&str; 2] = ["prometheus-alertmanager", "alertmanager"];

/// The program of this machine, if it has one.
fn program() -> Option<&'static str> {
    PROGRAMS
        .into_iter()
        .find(|name| Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success()))
}

/// An Alertmanager that runs; it ends with this.
struct Alertmanager {
    child: Child,
    log: PathBuf,
    http: reqwest::Client,
    url: String,
}

impl Alertmanager {
    /// Starts one in a new folder that tells everything to the receiver `pager` at this URL, and waits until it is ready.
    async fn start(program: &str, folder: &Path, receiver: &str) -> Self {
        std::fs::create_dir_all(folder).expect("a folder");
        let config = format!(
            "route:\n  receiver: pager\n  group_by: ['...']\n  group_wait: 100ms\n  group_interval: 1s\n  repeat_interval: 1h\n\
             receivers:\n  - name: pager\n    webhook_configs:\n      - url: {receiver}/page\n        send_resolved: false\n"
        );
        std::fs::write(folder.join("alertmanager.yml"), config).expect("written");
        let address = format!("127.0.0.1:{}", Ports::of(free_base(1), 0).expect("free ports").rpc);
        let log = folder.join("log");
        let mut command = Command::new(program);
        command.arg(format!("--config.file={}", folder.join("alertmanager.yml").display()));
        command.arg(format!("--storage.path={}", folder.join("data").display()));
        // Alone: it looks for no others.
        command.arg(format!("--web.listen-address={address}")).arg("--cluster.listen-address=");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(std::fs::File::create(&log).expect("a log"));
        let http = reqwest::Client::builder().timeout(Duration::from_secs(5)).build().expect("a client");
        let child = command.current_dir(folder).spawn().expect("it is installed");
        let this = Self { child, log, http, url: format!("http://{address}") };
        until("Alertmanager", START_TIME, async || {
            let answer = this.http.get(format!("{}/-/ready", this.url)).send().await.ok()?;
            answer.status().is_success().then_some(())
        })
        .await;
        this
    }

    /// Silences every alert.
    async fn silence(&self) {
        let body = json!({
            "matchers": [{ "name": "alertname", "value": ".+", "isRegex": true, "isEqual": true }],
            "startsAt": "2020-01-01T00:00:00Z", "endsAt": "2099-01-01T00:00:00Z",
            "createdBy": "the test", "comment": "nobody is to be told",
        });
        let answer = self.http.post(format!("{}/api/v2/silences", self.url)).json(&body).send().await;
        assert!(answer.expect("an answer").status().is_success(), "the silence is taken");
    }
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- Alertmanager said: {}", std::fs::read_to_string(&self.log).unwrap_or_default());
        }
    }
}

/// A receiver is told once; a silence, and a receiver that is not there, are failures by name. `check` gives the verdict and the
/// words of the check with the Alertmanager at a URL.
pub async fn tells_its_receiver(folder: &Path, check: &dyn Fn(&str) -> (String, String)) {
    let Some(program) = program() else {
        return testkit::lacks!("S001-010", PROGRAMS[0]);
    };
    let pages = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&pages);
    let pager = Canned::start(move |line| {
        if line.starts_with("POST /page ") {
            counted.fetch_add(1, Ordering::Relaxed);
        }
        "{}".to_owned()
    });
    let good = Alertmanager::start(program, &folder.join("alertmanager"), &pager.url).await;
    let (verdict, words) = check(&good.url);
    assert!(verdict == "ok" && words.starts_with("pager took it after "), "{verdict}: {words}");
    assert_eq!(pages.load(Ordering::Relaxed), 1, "it was told once");
    good.silence().await;
    let (verdict, words) = check(&good.url);
    assert!(verdict == "failed" && words.contains("silenced or inhibited"), "{verdict}: {words}");
    let bad = Alertmanager::start(program, &folder.join("alertmanager-alone"), "http://127.0.0.1:1").await;
    let (verdict, words) = check(&bad.url);
    assert!(verdict == "failed" && words.contains("no receiver took it within"), "{verdict}: {words}");
    assert_eq!(pages.load(Ordering::Relaxed), 1, "nobody else was told");
}
