//! The remedies of alerts: the commands below **Fix** of a section of a runbook, run as they stand there.
//!
//! ```text
//! docs/runbooks/AREA.md ─ ## ALERT ─ ```sh fix ──► home, ports and URL of a broken node for those of node1 ──► bash
//! ```
//! Rules
//! - Like every block of a runbook, this one is about the first node of a devnet.
//! - A block that starts a node or a prover does so in its last line, and what it has started is given to the caller.
//! - A block that waits for something is a check: what was broken lies where no command of ours reaches, such as a cable.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use cli::devnet::layout::{BASE_PORT_DEFAULT, Ports};

use crate::cluster::Node;
use crate::command::without_ours;

/// Longest time for a block.
const BLOCK_TIME: Duration = Duration::from_secs(90);
/// Pause between two looks.
const POLL: Duration = Duration::from_millis(20);
/// Lines of the log that are shown of a block that failed.
const LOG_LINES: usize = 20;
/// How the block of a remedy begins.
const FENCE: &str = "```sh fix\n";
/// Words before every block. Who starts a node or a prover becomes it, and it ends with the test.
const PRELUDE: &str = r#"set -euo pipefail
tb() {
    case "${1:-} ${2:-}" in
        "node start") exec tb "$@" --json --stop-with-stdin ;;
        "prover --"*) exec tb "$@" --json --stop-with-stdin ;;
        *) command tb "$@" ;;
    esac
}
"#;
/// Lines that leave a process behind.
const STARTS: [&str; 2] = ["tb node start ", "tb prover --"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The block of the section of an alert.
pub fn script(alert: &str) -> String {
    let area = monitoring::AREAS.iter().find(|area| area.alerts.iter().any(|one| one.name == alert));
    let page = format!("docs/runbooks/{}.md", area.unwrap_or_else(|| panic!("{alert} is no alert")).name);
    let text = std::fs::read_to_string(root().join(&page)).expect("a runbook");
    let section = text.split("\n## ").find(|section| section.starts_with(&format!("{alert}\n")));
    let (_, fix) = section.and_then(|section| section.split_once("**Fix.**")).expect("what to do");
    let blocks: Vec<&str> = fix.split(FENCE).skip(1).filter_map(|rest| Some(rest.split_once("```")?.0)).collect();
    assert_eq!(blocks.len(), 1, "{page}: {alert} has one block `sh fix` below **Fix**");
    blocks[0].to_owned()
}

/// The alerts whose sections have a block.
pub fn with_a_block() -> Vec<String> {
    let pages = monitoring::AREAS.iter().map(|area| format!("docs/runbooks/{}.md", area.name));
    let mut found = Vec::new();
    for page in pages {
        let text = std::fs::read_to_string(root().join(&page)).expect("a runbook");
        let sections = text.split("\n## ").filter(|section| section.contains(FENCE));
        found.extend(sections.filter_map(|section| section.lines().next().map(str::to_owned)));
    }
    found.sort_unstable();
    found
}

/// Whom a block is about.
#[derive(Debug, Clone)]
pub struct Patient {
    /// The home of the node.
    pub home: PathBuf,
    /// Its ports.
    pub ports: Ports,
    /// The folder of its network.
    pub network: PathBuf,
    /// Another node of the network, where a block needs one.
    pub other: Ports,
    /// Where Prometheus answers.
    pub prometheus: String,
}

impl Patient {
    /// The block with what is its own in place of what the page says.
    fn script(&self, alert: &str) -> String {
        let text = |path: &Path| path.to_str().expect("a path of text").to_owned();
        let mut script = script(alert);
        for (written, meant) in
            [("~/.the_block/devnet/node1", text(&self.home)), ("~/.the_block/devnet", text(&self.network))]
        {
            script = script.replace(written, &meant);
        }
        assert!(!script.contains("~/"), "{alert}: a block of a runbook is about a devnet: {script}");
        let written = [0, 1].map(|index| Ports::of(BASE_PORT_DEFAULT, index).expect("ports"));
        let pairs: Vec<(u16, u16)> = written
            .into_iter()
            .zip([self.ports, self.other])
            .flat_map(|(from, to)| [(from.consensus, to.consensus), (from.p2p, to.p2p), (from.rpc, to.rpc)])
            .collect();
        // In two steps, because a port of ours may be the written one of another node.
        for (place, (from, _)) in pairs.iter().enumerate() {
            script = script.replace(&from.to_string(), &format!("@port{place}@"));
        }
        for (place, (_, to)) in pairs.iter().enumerate() {
            script = script.replace(&format!("@port{place}@"), &to.to_string());
        }
        script
    }

    fn bash(&self, script: &str, log: &File) -> Child {
        let program = Path::new(env!("CARGO_BIN_EXE_tb")).parent().expect("its folder");
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new("bash");
        without_ours(&mut command);
        command
            .args(["-c", &format!("{PRELUDE}{script}")])
            .env("PATH", format!("{}:{path}", program.display()))
            .env("TB_RPC_URL", self.ports.rpc_url())
            .env("PROMETHEUS_URL", &self.prometheus)
            .current_dir(root())
            .stdin(Stdio::piped())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log.try_clone().expect("a second handle"));
        command.spawn().expect("bash is there")
    }

    /// Runs the block of an alert, which must succeed. `stopped` is the process that it may stop; what it starts is given back.
    pub async fn is_mended(&self, alert: &str, stopped: &mut Node, log: &Path) -> Option<Child> {
        let script = self.script(alert);
        let starts = script.lines().last().is_some_and(|line| STARTS.iter().any(|start| line.starts_with(start)));
        let file = OpenOptions::new().create(true).append(true).open(log).expect("a log");
        let mut child = self.bash(&script, &file);
        let deadline = Instant::now() + BLOCK_TIME;
        let said = || {
            let text = std::fs::read_to_string(log).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
        };
        loop {
            // Who waits for a process to be gone waits for its parent to have noticed.
            stopped.notices_its_end();
            if let Some(status) = child.try_wait().expect("it is our child") {
                assert!(status.success() && !starts, "the block of {alert} ended with {status}:\n{script}\n{}", said());
                return None;
            }
            if starts && is_the_program(child.id()) {
                return Some(child);
            }
            if Instant::now() > deadline {
                let _ = child.kill();
                let _ = child.wait();
                panic!("the block of {alert} did not end:\n{script}\n{}", said());
            }
            tokio::time::sleep(POLL).await;
        }
    }
}

/// Whether the shell with this id has become the program.
fn is_the_program(id: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{id}/comm")).is_ok_and(|name| name.trim() == "tb")
}
