//! The page of a node in a real browser: what is drawn, in light and dark, on a narrow screen, and without JavaScript.
//!
//! Chromium runs without a window and is led by its driver over HTTP. Pictures of the page are left below `target/tmp`. The run names
//! this test where the two programs are missing (`testkit::lacks!`); `scripts/bootstrap.sh` installs them.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cli::devnet::layout::Ports;
use primitives::Engine;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::cluster::{Cluster, INTERVAL_MS, Node, START_TIME, free_base, until};
use crate::pay::Payer;

const BROWSER: &str = "chromium";
const DRIVER: &str = "chromedriver";
/// What a browser is told that must run as root, show nothing, and ask nobody anything.
const WORDS: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
];
/// Longest time for anything that the page does by itself.
const PATIENCE: Duration = Duration::from_secs(20);
/// A desk and the narrowest screen that a page must fit, CSS pixels.
const WIDTHS: [u32; 2] = [1_280, 320];

/// A browser that is led by its driver; both end with this.
struct Browser {
    driver: Child,
    http: reqwest::Client,
    session: String,
    _profile: TempDir,
}

impl Browser {
    fn is_here() -> bool {
        let answers =
            |program| Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success());
        answers(BROWSER) && answers(DRIVER)
    }

    async fn start() -> Self {
        let port = Ports::of(free_base(1), 0).expect("free ports").rpc;
        let profile = tempfile::tempdir().expect("a folder");
        let mut command = Command::new(DRIVER);
        command.arg(format!("--port={port}")).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let driver = command.spawn().expect("it is installed");
        let http = reqwest::Client::builder().timeout(Duration::from_secs(60)).build().expect("a client");
        let mut this = Self { driver, http, session: format!("http://127.0.0.1:{port}"), _profile: profile };
        until("the driver to answer", START_TIME, async || this.ask("status", None).await.ok()).await;
        let place = format!("--user-data-dir={}", this._profile.path().display());
        let words: Vec<&str> = WORDS.into_iter().chain([place.as_str()]).collect();
        let wanted = json!({ "capabilities": { "alwaysMatch": { "goog:chromeOptions": { "args": words } } } });
        let begun = this.ask("session", Some(wanted)).await.expect("a browser");
        this.session = format!("{}/session/{}", this.session, begun["sessionId"].as_str().expect("its name"));
        this
    }

    /// Sends a command of WebDriver; gives its value.
    async fn ask(&self, path: &str, body: Option<Value>) -> Result<Value, String> {
        let url = format!("{}/{path}", self.session);
        let request = match body {
            Some(body) => self.http.post(url).header("content-type", "application/json").body(body.to_string()),
            None => self.http.get(url),
        };
        let answer = request.send().await.map_err(|error| error.to_string())?;
        let is_good = answer.status().is_success();
        let value: Value = answer.json().await.map_err(|error| error.to_string())?;
        if is_good { Ok(value["value"].clone()) } else { Err(value["value"]["message"].to_string()) }
    }

    async fn told(&self, path: &str, body: Value) -> Value {
        self.ask(path, Some(body)).await.unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// A command of the browser's own protocol.
    async fn set(&self, command: &str, params: Value) -> Value {
        self.told("goog/cdp/execute", json!({ "cmd": command, "params": params })).await
    }

    async fn open(&self, url: &str) {
        self.told("url", json!({ "url": url })).await;
    }

    async fn run(&self, script: &str) -> Value {
        self.told("execute/sync", json!({ "script": script, "args": [] })).await
    }

    async fn width(&self, width: u32) {
        let params = json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false });
        self.set("Emulation.setDeviceMetricsOverride", params).await;
    }

    async fn scheme(&self, name: &str) {
        let features = json!([{ "name": "prefers-color-scheme", "value": name }]);
        self.set("Emulation.setEmulatedMedia", json!({ "features": features })).await;
    }

    /// The whole page as a picture.
    async fn picture(&self, name: &str) -> PathBuf {
        // A picture of the whole page has no place for them.
        self.set("Emulation.setScrollbarsHidden", json!({ "hidden": true })).await;
        let shot = self.set("Page.captureScreenshot", json!({ "captureBeyondViewport": true })).await;
        self.set("Emulation.setScrollbarsHidden", json!({ "hidden": false })).await;
        let bytes = STANDARD.decode(shot["data"].as_str().expect("a picture")).expect("base64");
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("ui-{name}.png"));
        assert!(bytes.starts_with(b"\x89PNG") && bytes.len() > 10_000, "{} bytes", bytes.len());
        std::fs::write(&path, bytes).expect("written");
        path
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver ends its browser when it is asked to, and leaves it behind when it is killed.
        let _ = nix::sys::signal::kill(crate::command::pid(self.driver.id()), nix::sys::signal::Signal::SIGTERM);
        std::thread::sleep(Duration::from_millis(500));
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// Two validators with a few payments.
async fn network() -> Cluster {
    let mut cluster = Cluster::new(Engine::Bft, 2, INTERVAL_MS);
    cluster.nodes.iter_mut().for_each(Node::start);
    cluster.all_ready().await;
    let mut payer = Payer::funded(&cluster.network, 1);
    let to = payer.stranger(5).address;
    let paid = payer.pay(to, 3);
    cluster.nodes[0].client().submit(&payer.request(&paid)).await.expect("admitted");
    cluster.nodes[0].finalized(paid.id()).await;
    cluster
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_draws_the_page_for_everybody_and_on_a_narrow_screen_too() {
    if !Browser::is_here() {
        return testkit::lacks!(&format!("{BROWSER} with its {DRIVER}"));
    }
    let cluster = network().await;
    let url = format!("{}/ui", cluster.nodes[0].ports.rpc_url());
    let browser = Browser::start().await;
    let mut grounds = Vec::new();
    for scheme in ["light", "dark"] {
        for width in WIDTHS {
            browser.width(width).await;
            browser.scheme(scheme).await;
            browser.open(&url).await;
            let seen = browser.run(include_str!("audit.js")).await;
            let picture = browser.picture(&format!("{scheme}-{width}")).await;
            println!("{}: {} texts", picture.display(), seen["judged"]);
            assert_eq!(seen["faults"], json!([]), "{scheme}, {width} px: {seen:#}");
            grounds.push(seen["ground"].clone());
        }
    }
    assert!(grounds[0] == grounds[1] && grounds[1] != grounds[2], "dark is dark: {grounds:?}");

    // With JavaScript the page follows the chain by itself.
    let height = "return document.title.match(/height ([0-9,]+)/)[1]";
    let before = browser.run(height).await;
    until("the page to follow the chain", PATIENCE, async || (browser.run(height).await != before).then_some(())).await;

    // Without it everything stands there too, with a link that reads it again.
    browser.set("Emulation.setScriptExecutionDisabled", json!({ "value": true })).await;
    browser.open(&url).await;
    let source = browser.ask("source", None).await.expect("the page");
    let source = source.as_str().expect("text");
    for word in ["READY", "validators", "peers", "Read it again", "As of when it was read."] {
        assert!(source.contains(word), "without JavaScript {word} is missing in\n{source}");
    }
    // Asked for it, the page reads itself again without a script.
    browser.open(&format!("{url}?refresh=2")).await;
    let source = browser.ask("source", None).await.expect("the page");
    until("a newer page by itself", PATIENCE, async || {
        let newer = browser.ask("source", None).await.ok()?;
        (newer.as_str()?.contains("READY") && newer != source).then_some(())
    })
    .await;
    browser.picture("without-javascript").await;
    cluster.check_no_panic();
}
