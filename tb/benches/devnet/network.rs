//! Real networks of `tb` processes, in folders that go away.

use std::net::{TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use cli::devnet::layout::{Ports, Wanted, prepare_crowded};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use primitives::Engine;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// Validators of every network here.
pub const NODES: u16 = 4;
/// Longest time for a network to start, and for it to stop.
pub const START_TIME: Duration = Duration::from_secs(60);
/// Ports below those that the system hands out by itself.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// The program without anything of this machine's environment; it ends with us.
pub fn tb() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tb"));
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("TB_") || name == "RUST_LOG") {
            command.env_remove(name);
        }
    }
    command.kill_on_drop(true).stdin(Stdio::null());
    command
}

/// A base whose ports are free at this moment.
///
/// # Errors
/// There is none.
pub fn free_base() -> Result<u16> {
    let free = |ports: Ports| {
        let tcp = [ports.consensus, ports.p2p, ports.rpc];
        tcp.iter().all(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
            && UdpSocket::bind(("127.0.0.1", ports.p2p)).is_ok()
    };
    PORTS
        .step_by(usize::from(NODES) * 10)
        .find(|base| (0..NODES).all(|index| Ports::of(*base, index).is_some_and(free)))
        .with_context(|| format!("no free ports in {PORTS:?}; stop other networks on this machine"))
}

/// `tb devnet`, running.
pub struct Devnet {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    started: Instant,
    /// Its folder.
    pub home: PathBuf,
    /// The processes of its nodes.
    pub pids: Vec<u32>,
    /// The RPC of its nodes.
    pub urls: Vec<String>,
    // Last: the folder goes away after the process has been told to end.
    folder: TempDir,
}

impl Devnet {
    /// Starts it in a fresh folder; its nodes run, and have no block yet.
    ///
    /// # Errors
    /// It did not start; it has said why on standard error.
    pub async fn start() -> Result<Self> {
        Self::crowded(0).await
    }

    /// The same with so many accounts more in its genesis, of which nobody has a key.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn crowded(accounts: u32) -> Result<Self> {
        let folder = tempfile::tempdir().context("no folder for temporary files")?;
        let home = folder.path().join("net");
        let base = free_base()?;
        if accounts > 0 {
            let wanted = Wanted {
                engine: Engine::Bft,
                nodes: Some(NODES),
                base_port: Some(base),
                block_interval_ms: None,
                params: None,
                gates: Vec::new(),
            };
            prepare_crowded(&home, &wanted, accounts, false).map_err(|failure| anyhow::anyhow!("{failure:?}"))?;
        }
        let started = Instant::now();
        let mut command = tb();
        command.args([
            "devnet",
            "--json",
            "--no-prover",
            "--nodes",
            &NODES.to_string(),
            "--base-port",
            &base.to_string(),
        ]);
        let mut child =
            command.arg("--home").arg(&home).stdout(Stdio::piped()).spawn().context("tb was not started")?;
        let lines = BufReader::new(child.stdout.take().context("the output was asked for")?).lines();
        let mut net = Self { child, lines, started, home, pids: Vec::new(), urls: Vec::new(), folder };
        let event = net.event("started").await?;
        for node in event["nodes"].as_array().context("tb devnet names no nodes")? {
            net.pids.push(node["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok()).context("no process id")?);
            net.urls.push(node["rpc"].as_str().context("no RPC")?.to_owned());
        }
        Ok(net)
    }

    /// When the command was started.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// Waits for the first finalized block; gives the time from the start of the command to it.
    ///
    /// # Errors
    /// There was none.
    pub async fn first_block(&mut self) -> Result<Duration> {
        self.event("first_block").await?;
        Ok(self.started.elapsed())
    }

    /// The next event with this name; others are skipped.
    async fn event(&mut self, name: &str) -> Result<Value> {
        let look = async {
            while let Some(line) = self.lines.next_line().await? {
                let value: Value = serde_json::from_str(&line).with_context(|| format!("no JSON: {line}"))?;
                if value["event"] == name {
                    return Ok(value);
                }
            }
            bail!("tb devnet ended before the event {name:?}")
        };
        tokio::time::timeout(START_TIME, look).await.with_context(|| format!("no event {name:?} in {START_TIME:?}"))?
    }

    /// Presses Ctrl-C and waits for all processes to end.
    ///
    /// # Errors
    /// They did not.
    pub async fn stop(mut self) -> Result<()> {
        let pid = i32::try_from(self.child.id().context("tb devnet has ended")?).context("process ids are small")?;
        kill(Pid::from_raw(pid), Signal::SIGINT).context("tb devnet has ended")?;
        let status = tokio::time::timeout(START_TIME, self.child.wait()).await.context("tb devnet did not stop")??;
        if !status.success() {
            bail!("tb devnet ended with {status}");
        }
        self.folder.close().context("its folder cannot be removed")
    }
}

/// One `tb node start`.
pub struct Node {
    child: Child,
    log: PathBuf,
}

impl Node {
    /// Starts the node of `home` with these peers of the consensus network.
    ///
    /// # Errors
    /// It was not started.
    pub fn start(home: &Path, consensus_peers: &str) -> Result<Self> {
        let log = home.join("node.log");
        let output = std::fs::File::create(&log).with_context(|| format!("{} cannot be written", log.display()))?;
        let errors = output.try_clone().context("no second handle")?;
        let mut command = tb();
        command.args(["node", "start", "--stop-with-stdin", "--home"]).arg(home);
        command.env("TB_CONSENSUS_PEERS", consensus_peers).stdin(Stdio::piped()).stdout(output).stderr(errors);
        Ok(Self { child: command.spawn().context("tb was not started")?, log })
    }

    /// Closes its input, which asks it to stop, and waits.
    ///
    /// # Errors
    /// It did not stop, or not well.
    pub async fn stop(mut self) -> Result<()> {
        drop(self.child.stdin.take());
        let status = tokio::time::timeout(START_TIME, self.child.wait()).await.context("a node did not stop")??;
        if !status.success() {
            bail!("a node ended with {status}; it said: {}", self.last_words());
        }
        Ok(())
    }

    /// The end of its log.
    pub fn last_words(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(10)..].join("\n")
    }
}
