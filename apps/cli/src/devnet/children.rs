//! The processes of a throw-away network: started, watched, stopped.
//!
//! ```text
//! spawn ──► running ──SIGTERM──► stopping ──(STOP_TIME)──► SIGKILL
//!              └── exits by itself: reported with its last log lines; the others go on
//! ```

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rpc::ExitCode;
use tokio::process::{ChildStdin, Command};
use tokio::sync::mpsc;

use crate::devnet::layout::{NodeHome, ProverHome};
use crate::exit::Failure;

/// How long a node may take to stop after it was asked to.
pub const STOP_TIME: Duration = Duration::from_secs(10);
/// Lines of its log that are shown of a node that ended by itself.
const LOG_LINES: usize = 12;
/// Bytes of the log that are read for them.
const LOG_BYTES: u64 = 16 * 1024;

/// Whether the key may be the same at every node: what is logged, and which collector is told.
fn is_of_all(key: &str) -> bool {
    key == "telemetry_auth_token" || ["log.", "rollout.telemetry."].iter().any(|all| key.starts_with(all))
}

/// One node of the network and its process, if it has one.
#[derive(Debug)]
struct Child {
    log: PathBuf,
    /// What follows the name of this program on its command line.
    words: Vec<OsString>,
    /// Its newest process.
    pid: u32,
    running: bool,
    /// Its standard input: when this closes, the node stops.
    stdin: Option<ChildStdin>,
}

/// A process that ended.
#[derive(Debug)]
pub struct Exit {
    /// Which node, counted from 0; the prover comes after the last.
    pub index: usize,
    /// Its process.
    pub pid: u32,
    /// How; `None` when the system does not tell.
    pub status: Option<ExitStatus>,
}

/// All processes of a network.
pub struct Children {
    program: PathBuf,
    children: Vec<Child>,
    sender: mpsc::UnboundedSender<Exit>,
    exits: mpsc::UnboundedReceiver<Exit>,
    /// The first so many are nodes.
    nodes: usize,
}

impl Children {
    /// The nodes of a network, none of which runs yet.
    ///
    /// # Errors
    /// [`Failure`] when the system does not tell which program this is.
    pub fn new(nodes: &[NodeHome]) -> Result<Self, Failure> {
        let program = std::env::current_exe().map_err(|cause| cannot_start("this program", &cause))?;
        // As many messages as processes: each ends once.
        let (sender, exits) = mpsc::unbounded_channel();
        let child = |node: &NodeHome| {
            let words = ["node", "start", "--stop-with-stdin", "--home"].map(OsString::from).to_vec();
            Child::new(node.home.root().join("node.log"), [words, vec![node.home.root().into()]].concat())
        };
        Ok(Self { program, children: nodes.iter().map(child).collect(), sender, exits, nodes: nodes.len() })
    }

    /// Starts one process of this program for each node, and with `prover` one more that proves what they make.
    ///
    /// # Errors
    /// [`Failure`] when a process cannot be started; those before it stop again.
    pub fn start(nodes: &[NodeHome], prover: Option<&ProverHome>) -> Result<Self, Failure> {
        let mut children = Self::new(nodes)?;
        children.children.extend(prover.map(|prover| Child::new(prover.home.join("prover.log"), prover.words())));
        for index in 0..children.children.len() {
            children.start_one(index, &[])?;
        }
        Ok(children)
    }

    /// Starts process `index` with these variables in its environment. One that runs goes on.
    ///
    /// # Errors
    /// [`Failure`] when it cannot be started.
    pub fn start_one(&mut self, index: usize, environment: &[(&str, String)]) -> Result<(), Failure> {
        let Some(child) = self.children.get_mut(index).filter(|child| !child.running) else { return Ok(()) };
        let log = &child.log;
        let output =
            OpenOptions::new().create(true).append(true).open(log).map_err(|cause| Failure::disk(log, &cause))?;
        let errors = output.try_clone().map_err(|cause| Failure::disk(log, &cause))?;
        let mut command = Command::new(&self.program);
        command.args(&child.words);
        // A configuration in the environment would be that of every node at once: same ports, same data.
        for name in config::KEYS.iter().filter(|key| !is_of_all(key.name)).flat_map(|key| key.environment) {
            command.env_remove(name);
        }
        command.envs(environment.iter().map(|(name, value)| (*name, value)));
        // A group of its own: Ctrl-C in the terminal reaches us alone, and we stop the nodes.
        command.stdin(Stdio::piped()).stdout(output).stderr(errors).process_group(0);
        let mut process = command.spawn().map_err(|cause| cannot_start(&self.program.display().to_string(), &cause))?;
        (child.stdin, child.pid, child.running) = (process.stdin.take(), process.id().unwrap_or_default(), true);
        let (sender, pid) = (self.sender.clone(), child.pid);
        tokio::spawn(async move {
            let status = process.wait().await.ok();
            // Nobody listens any more once all are told to stop.
            let _ = sender.send(Exit { index, pid, status });
        });
        Ok(())
    }

    /// Whether the process of node `index` runs.
    pub fn is_running(&self, index: usize) -> bool {
        self.children.get(index).is_some_and(|child| child.running)
    }

    /// Sends a signal to the process of node `index`, if it runs.
    pub fn signal_one(&self, index: usize, signal: Signal) {
        if let Some(child) = self.children.get(index) {
            child.signal(signal);
        }
    }

    /// The process ids, in the order of the nodes.
    pub fn pids(&self) -> Vec<u32> {
        self.children.iter().map(|child| child.pid).collect()
    }

    /// How many nodes still run.
    pub fn running_nodes(&self) -> usize {
        self.children.iter().take(self.nodes).filter(|child| child.running).count()
    }

    /// How many still run, the prover counted.
    fn running(&self) -> usize {
        self.children.iter().filter(|child| child.running).count()
    }

    /// The next process that ends. Waits for ever when none is left.
    pub async fn next_exit(&mut self) -> Exit {
        match self.exits.recv().await {
            Some(exit) => {
                if let Some(child) = self.children.get_mut(exit.index).filter(|child| child.pid == exit.pid) {
                    (child.running, child.stdin) = (false, None);
                }
                exit
            }
            None => std::future::pending().await,
        }
    }

    /// The last lines that node `index` said.
    pub fn last_words(&self, index: usize) -> Vec<String> {
        self.children.get(index).map(|child| tail(&child.log)).unwrap_or_default()
    }

    /// Where node `index` writes its log.
    pub fn log(&self, index: usize) -> Option<&Path> {
        self.children.get(index).map(|child| child.log.as_path())
    }

    /// Asks all to stop, waits [`STOP_TIME`], and kills what is left. Gives the nodes that had to be killed.
    pub async fn stop(mut self) -> Vec<usize> {
        self.signal(Signal::SIGTERM);
        // One that stands still hears it only when it goes on.
        self.signal(Signal::SIGCONT);
        let deadline = tokio::time::Instant::now() + STOP_TIME;
        while self.running() > 0 {
            if tokio::time::timeout_at(deadline, self.next_exit()).await.is_err() {
                break;
            }
        }
        let left: Vec<usize> =
            self.children.iter().enumerate().filter(|(_, child)| child.running).map(|(index, _)| index).collect();
        self.signal(Signal::SIGKILL);
        while self.running() > 0 {
            self.next_exit().await;
        }
        left
    }

    /// Sends a signal to each process.
    fn signal(&self, signal: Signal) {
        self.children.iter().for_each(|child| child.signal(signal));
    }
}

impl Child {
    fn new(log: PathBuf, words: Vec<OsString>) -> Self {
        Self { log, words, pid: 0, running: false, stdin: None }
    }

    /// Sends a signal to the process, if it has not been seen to end, so that its id is still its own.
    fn signal(&self, signal: Signal) {
        if let Ok(pid) = i32::try_from(self.pid)
            && self.running
            && pid > 0
        {
            // It may have ended this moment; then there is nothing to stop.
            let _ = kill(Pid::from_raw(pid), signal);
        }
    }
}

fn cannot_start(what: &str, cause: &std::io::Error) -> Failure {
    Failure::new(
        ExitCode::Unexpected,
        "spawn",
        format!("{what} could not be started: {cause}"),
        "check that the program file is still there and that the system allows more processes",
    )
}

/// The last lines of a file; none when it cannot be read.
fn tail(path: &Path) -> Vec<String> {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(LOG_BYTES)))?;
        let mut bytes = Vec::new();
        file.take(LOG_BYTES).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    lines.iter().skip(lines.len().saturating_sub(LOG_LINES)).map(|line| (*line).to_owned()).collect()
}
