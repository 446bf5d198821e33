//! A network of real node processes in a temporary folder.
//!
//! ```text
//! Cluster::new ── homes, keys, genesis (as `tb devnet` makes them) ──► start(i) ⇄ kill(i), stop(i) ──► Drop
//! ```

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::net::{TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use cli::devnet::layout::{Network, PORT_STEP, Ports, Wanted, prepare};
use nix::sys::signal::{Signal, kill};
use primitives::{Engine, Hash, Height, Params, TransactionId};
use rpc::types::{PageQuery, Stage, TransactionStatus, WaitQuery};
use rpc::{Client, ClientConfig};
use tempfile::TempDir;
use testkit::Seed;

use crate::command::{Ended, pid, run, tb, without_ours};

/// Target time between blocks of most tests, milliseconds.
pub const INTERVAL_MS: u64 = 200;
/// Longest time for a node to answer, and for a chain to make its first blocks.
pub const START_TIME: Duration = Duration::from_secs(40);
/// Pause between two looks.
const POLL: Duration = Duration::from_millis(25);
/// Ports below those that the system hands out by itself.
const PORTS: std::ops::Range<u16> = 12_000..32_000;
/// Ports that go with one base.
const PORTS_OF_BASE: u16 = 100;
/// Tests that run processes at the same time. What needs all cores stands in `.config/nextest.toml`.
const TURNS: usize = 2;
/// The bases of this process, locked until it ends.
static RESERVED: Mutex<Vec<File>> = Mutex::new(Vec::new());
/// Lines of each log that are printed when a test fails.
const LOG_LINES: usize = 40;

/// The right to start processes on this machine. Each test may be a process of its own, so it is a lock on a file.
pub struct Turn(#[expect(dead_code, reason = "held, never read: closing it gives the lock back")] File);

impl Turn {
    /// Waits for one of the [`TURNS`].
    pub fn take() -> Self {
        let mut files: Vec<File> = (0..TURNS).map(|turn| lock_file(&format!("turn-{turn}.lock"))).collect();
        loop {
            if let Some(turn) = files.iter().position(|file| file.try_lock().is_ok()) {
                return Self(files.swap_remove(turn));
            }
            std::thread::sleep(POLL);
        }
    }
}

fn lock_file(name: &str) -> File {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    OpenOptions::new().create(true).write(true).truncate(false).open(&path).expect("a lock file")
}

/// A base whose ports for `nodes` nodes are free at this moment, and are given to no other test while this process
/// lives: what a test stops and starts again finds its ports free.
pub fn free_base(nodes: u16) -> u16 {
    assert!(nodes * PORT_STEP <= PORTS_OF_BASE, "{nodes} nodes need more ports than a base has");
    let mut random = Seed::new();
    let bases = u64::from((PORTS.end - PORTS.start) / PORTS_OF_BASE);
    for _ in 0..200 {
        let chosen = u16::try_from(random.below(bases)).expect("there are few");
        let base = PORTS.start + chosen * PORTS_OF_BASE;
        let lock = lock_file(&format!("ports-{base}.lock"));
        if lock.try_lock().is_err() {
            continue;
        }
        let free = |ports: Ports| {
            let tcp = [ports.consensus, ports.p2p, ports.rpc];
            tcp.iter().all(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
                && UdpSocket::bind(("127.0.0.1", ports.p2p)).is_ok()
        };
        if (0..nodes).all(|index| Ports::of(base, index).is_some_and(free)) {
            RESERVED.lock().expect("nobody panics with it").push(lock);
            return base;
        }
    }
    panic!("no free ports were found");
}

/// Looks again and again until there is an answer.
pub async fn until<T>(what: &str, limit: Duration, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "not within {limit:?}: {what}");
        tokio::time::sleep(POLL).await;
    }
}

/// One home and, while it runs, its process.
pub struct Node {
    /// Its home directory.
    pub home: PathBuf,
    /// Its ports.
    pub ports: Ports,
    child: Option<Child>,
}

impl Node {
    /// A home whose process is not started.
    pub fn new(home: PathBuf, ports: Ports) -> Self {
        Self { home, ports, child: None }
    }

    /// Where it writes its log.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.home.join("node.log")).unwrap_or_default()
    }

    /// A client of it.
    pub fn client(&self) -> Client {
        Client::new(&ClientConfig::new(self.ports.rpc_url())).expect("a good URL")
    }

    /// The last finalized height; `None` while it does not answer.
    pub async fn height(&self) -> Option<u64> {
        self.client().health_live().await.ok().map(|live| live.finalized_height.0)
    }

    /// Starts the process with these words and variables.
    pub fn start_with(&mut self, words: &[&str], environment: &[(&str, &str)]) {
        self.start_command(tb(), words, environment);
    }

    /// Starts the process of another file of the program with these variables.
    pub fn start_program(&mut self, program: &Path, environment: &[(&str, &str)]) {
        let mut command = Command::new(program);
        without_ours(&mut command);
        self.start_command(command, &[], environment);
    }

    /// Starts the process by a command that takes the words of the program at its end.
    pub fn start_command(&mut self, mut command: Command, words: &[&str], environment: &[(&str, &str)]) {
        assert!(self.child.is_none(), "it runs already");
        let log = OpenOptions::new().create(true).append(true).open(self.home.join("node.log")).expect("a log");
        let errors = log.try_clone().expect("a second handle");
        command.args(["node", "start", "--json", "--stop-with-stdin", "--home"]).arg(&self.home).args(words);
        command.envs(environment.iter().copied()).stdin(Stdio::piped()).stdout(log).stderr(errors);
        self.child = Some(command.spawn().expect("the program was built"));
    }

    /// Starts the process.
    pub fn start(&mut self) {
        self.start_with(&[], &[]);
    }

    /// Runs `tb node start`, which must end by itself.
    pub fn start_refused(&self, words: &[&str], environment: &[(&str, &str)]) -> Ended {
        let mut command = tb();
        command.args(["node", "start", "--home"]).arg(&self.home).args(words).envs(environment.iter().copied());
        run(&mut command)
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().expect("it is our child");
        child.wait().expect("it is our child");
    }

    /// Asks it to stop.
    pub fn ask_to_stop(&self) {
        let child = self.child.as_ref().expect("it runs");
        kill(pid(child.id()), Signal::SIGTERM).expect("it runs");
    }

    /// Asks it to stop, and waits.
    pub fn stop(&mut self) {
        self.ask_to_stop();
        let status = self.ended(Duration::from_secs(15));
        assert!(status.success(), "it stopped with {status}");
    }

    /// Waits for the process to end.
    pub fn ended(&mut self, limit: Duration) -> ExitStatus {
        let mut child = self.child.take().expect("it runs");
        let deadline = Instant::now() + limit;
        loop {
            if let Some(status) = child.try_wait().expect("it is our child") {
                return status;
            }
            if Instant::now() > deadline {
                let _ = child.kill();
                let _ = child.wait();
                panic!("{} did not end within {limit:?}", self.home.display());
            }
            std::thread::sleep(POLL);
        }
    }

    /// Takes note of a process that somebody else has stopped.
    pub fn notices_its_end(&mut self) {
        if self.child.as_mut().is_some_and(|child| child.try_wait().expect("it is our child").is_some()) {
            self.child = None;
        }
    }

    /// This process, which somebody else has started with its home, is it from now on.
    pub fn goes_on_as(&mut self, child: Child) {
        assert!(self.child.is_none(), "it runs already");
        self.child = Some(child);
    }

    /// The number of the running process.
    pub fn process(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    /// Whether the process was started and has not been stopped by the test.
    pub fn is_started(&self) -> bool {
        self.child.is_some()
    }

    /// Waits for this height; gives the height it is then at.
    pub async fn reaches(&self, height: u64, limit: Duration) -> u64 {
        let what = format!("height {height} on {}", self.home.display());
        until(&what, limit, async || self.height().await.filter(|now| *now >= height)).await
    }

    /// Waits until `/health/ready` is good.
    pub async fn ready(&self, limit: Duration) {
        let client = self.client();
        let what = format!("readiness of {}", self.home.display());
        until(&what, limit, async || client.health_ready().await.ok().filter(|ready| ready.ready)).await;
    }

    /// Waits until the transaction is finalized here, also when gossip has yet to bring it.
    pub async fn finalized(&self, id: TransactionId) -> TransactionStatus {
        let client = self.client();
        let wait = WaitQuery { stage: Some(Stage::Finalized), timeout_ms: Some(30_000) };
        let status = client.transaction_wait(id, wait).await.expect("it is finalized in time");
        assert!(!status.stage.is_failure(), "{status:?}");
        status
    }

    /// The hash of every finalized block.
    pub async fn blocks(&self) -> BTreeMap<Height, Hash> {
        let client = self.client();
        let mut blocks = BTreeMap::new();
        let mut before = None;
        loop {
            let page = client.blocks(PageQuery { before, limit: Some(100) }).await.expect("a page of blocks");
            blocks.extend(page.blocks.iter().map(|block| (block.height, block.hash)));
            before = page.next_before;
            if before.is_none() {
                return blocks;
            }
        }
    }

    /// The sum of the samples of a metric.
    pub async fn metric(&self, name: &str) -> f64 {
        let text = self.client().metrics().await.expect("metrics");
        let samples = text
            .lines()
            .filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with('{') || rest.starts_with(' ')));
        samples.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            let tail = lines.iter().skip(lines.len().saturating_sub(LOG_LINES));
            eprintln!("--- last lines of {}", self.home.display());
            tail.for_each(|line| eprintln!("{line}"));
        }
    }
}

/// Validators of one chain.
pub struct Cluster {
    /// Its processes; dropped first.
    pub nodes: Vec<Node>,
    /// Its genesis, accounts and folders.
    pub network: Network,
    folder: TempDir,
    _turn: Turn,
}

impl Cluster {
    /// Homes of `nodes` validators; nothing runs yet.
    pub fn new(engine: Engine, nodes: u16, interval_ms: u64) -> Self {
        Self::with_params(engine, nodes, interval_ms, None)
    }

    /// The same with parameters of its own, as `tb devnet --params` reads them.
    pub fn with_params(engine: Engine, nodes: u16, interval_ms: u64, params: Option<Params>) -> Self {
        Self::with_gates(engine, nodes, interval_ms, params, &[])
    }

    /// The same with gates, as `tb devnet --gate` takes them.
    pub fn with_gates(engine: Engine, nodes: u16, interval_ms: u64, params: Option<Params>, gates: &[&str]) -> Self {
        let turn = Turn::take();
        let folder = tempfile::tempdir().expect("a folder");
        let wanted = Wanted {
            engine,
            nodes: Some(nodes),
            base_port: Some(free_base(nodes)),
            block_interval_ms: Some(interval_ms),
            params,
            gates: gates.iter().map(|gate| gate.parse().expect("a gate")).collect(),
        };
        let network = prepare(&folder.path().join("net"), &wanted, false).expect("a network");
        let nodes = network.nodes.iter().map(|node| Node::new(node.home.root().to_owned(), node.ports)).collect();
        Self { nodes, network, folder, _turn: turn }
    }

    /// Four validators that have made a block.
    pub async fn of_four() -> Self {
        let mut cluster = Self::new(Engine::Bft, 4, INTERVAL_MS);
        cluster.start_all();
        cluster.all_ready().await;
        cluster
    }

    /// A chain of one process.
    pub async fn solo() -> Self {
        let mut cluster = Self::new(Engine::Solo, 1, INTERVAL_MS);
        cluster.start_all();
        cluster.nodes[0].ready(START_TIME).await;
        cluster
    }

    /// A folder for anything else; it goes away with the cluster.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts what does not run.
    pub fn start_all(&mut self) {
        self.nodes.iter_mut().filter(|node| !node.is_started()).for_each(Node::start);
    }

    /// Waits until all have blocks and are ready.
    pub async fn all_ready(&self) {
        for node in &self.nodes {
            node.reaches(2, START_TIME).await;
            node.ready(START_TIME).await;
        }
    }

    /// The highest height of any running node.
    pub async fn highest(&self) -> u64 {
        let mut highest = 0;
        for node in self.nodes.iter().filter(|node| node.is_started()) {
            highest = highest.max(node.height().await.unwrap_or_default());
        }
        highest
    }

    /// Waits until every running node has what the highest one has now.
    pub async fn level(&self, limit: Duration) -> u64 {
        let highest = self.highest().await;
        for node in self.nodes.iter().filter(|node| node.is_started()) {
            node.reaches(highest, limit).await;
        }
        highest
    }

    /// Checks that all running nodes have the same block at every height, and that nobody signed twice or panicked.
    pub async fn check_one_history(&self) {
        let running = || self.nodes.iter().filter(|node| node.is_started());
        let mut all: BTreeMap<Height, Hash> = BTreeMap::new();
        for node in running() {
            let blocks = node.blocks().await;
            let length = u64::try_from(blocks.len()).expect("a short chain");
            assert_eq!(blocks.keys().next_back().map(|height| height.0), Some(length), "a height is missing");
            for (height, hash) in blocks {
                testkit::safety!(*all.entry(height).or_insert(hash) == hash, "two blocks at height {height}");
            }
            testkit::safety!(node.metric("consensus_equivocations_total").await < 0.5, "somebody signed twice");
        }
        self.check_no_panic();
    }

    /// Checks that no process has panicked.
    pub fn check_no_panic(&self) {
        for node in &self.nodes {
            let log = node.log();
            let line = log.lines().find(|line| line.contains("panicked"));
            testkit::safety!(line.is_none(), "{}: {line:?}", node.home.display());
        }
    }
}
