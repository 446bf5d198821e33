//! Running a drill.
//!
//! ```text
//! prepare: check, homes, relays, disks ─► start ─► every node has a block: time 0
//!    ─► faults begin and end, payments, readings ─► calm: heights after the last fault ─► judge ─► stop
//! ```
//!
//! Rule: whatever happens, the processes are stopped, and what was seen is handed back for the artefact.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use primitives::Height;
use rpc::{Client, ClientConfig, ExitCode};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::devnet::children::Children;
use crate::devnet::datagrams::{DatagramRelay, Traffic};
use crate::devnet::drill::Drill;
use crate::devnet::drill::disk::SmallDisk;
use crate::devnet::drill::faults::Machines;
use crate::devnet::drill::history::{History, Recovery};
use crate::devnet::drill::judge;
use crate::devnet::drill::payers::Payers;
use crate::devnet::drill::reader::{POLL, Reader};
use crate::devnet::drill::summary::{Findings, Verdict};
use crate::devnet::layout::Network;
use crate::devnet::relay::{Line, Relay, Weather};
use crate::exit::Failure;
use crate::stop;

/// Longest time from the start until every node has a block.
const START_TIME: Duration = Duration::from_secs(60);
/// Longest calm phase, without what its heights take.
const CALM_TIME: Duration = Duration::from_secs(90);
/// The calm phase is longer by this for each height.
const CALM_TIME_PER_HEIGHT: Duration = Duration::from_secs(5);
/// Longest wait for one answer of one node.
const ANSWER_TIME: Duration = Duration::from_secs(2);
/// Times at which all series of all nodes are kept.
const SNAPSHOTS_MAX: usize = 64;
/// Longest wait for the series of a node.
const SNAPSHOT_TIME: Duration = Duration::from_millis(500);
/// Payments that are sent in one step.
const SENDS_MAX: usize = 32;
/// Pause between two lines of status.
const STATUS_EVERY: Duration = Duration::from_millis(500);

/// What is told while a drill runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News<'a> {
    /// Every node has a block; the times of the scenario count from here.
    Begun,
    /// A fault begins.
    Begins {
        /// Which.
        number: usize,
        /// What, for people.
        what: &'a str,
    },
    /// A fault has ended.
    Ends {
        /// Which.
        number: usize,
        /// What, for people.
        what: &'a str,
    },
    /// The last fault is over.
    Calm,
    /// How it stands.
    Status {
        /// What is in effect, for people; empty when nothing is.
        active: &'a [String],
        /// The finalized height of each node, if it answers.
        heights: &'a [Option<u64>],
    },
}

/// Hears news with the time of the scenario, milliseconds.
pub type Teller<'a> = &'a mut (dyn FnMut(u64, News<'_>) + Send);

/// What a drill leaves.
pub struct Outcome {
    /// How it ended.
    pub verdict: Verdict,
    /// What was seen of the chain.
    pub history: History,
    /// What the end showed.
    pub findings: Findings,
    /// All series: name of the entry, and text.
    pub metrics: Vec<(String, String)>,
}

/// A drill that runs.
pub(super) struct Run<'a> {
    pub(super) drill: &'a Drill,
    pub(super) clients: Vec<Client>,
    pub(super) machines: Machines,
    pub(super) payers: Payers,
    pub(super) history: History,
    pub(super) readers: Vec<Reader>,
    pub(super) properties: BTreeMap<String, u64>,
    relays: Relays,
    started: Instant,
    active: BTreeMap<usize, u64>,
    metrics: Vec<(String, String)>,
    snapshots: usize,
    told_at: Option<Instant>,
    sent: usize,
    calm_from: Height,
}

/// Runs a drill on a network whose folders are there.
///
/// # Errors
/// [`Failure`] when it cannot be run: the system refuses something, no block is made at the start, or it is
/// interrupted. A property that does not hold is no failure but a verdict.
pub async fn run(
    drill: &Drill,
    network: &Network,
    stopping: &mut watch::Receiver<bool>,
    tell: Teller<'_>,
) -> Result<Outcome, Failure> {
    let mut run = Run::start(drill, network).await?;
    let done = tokio::select! {
        done = run.finish(tell) => done,
        () = stop::wait(stopping) => Err(interrupted()),
    };
    let (started, metrics, history) = (run.started, run.metrics, run.history);
    run.machines.children.stop().await;
    let (verdict, findings) = done?;
    let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(Outcome { verdict, history, findings: Findings { duration_ms, ..findings }, metrics })
}

fn interrupted() -> Failure {
    let what = "the drill was interrupted before its end, so there is no verdict";
    Failure::new(ExitCode::Unexpected, "interrupted", what, "run it again")
}

/// The variables that put a node behind the relays.
type Environment = Vec<(&'static str, String)>;

/// The relays of a drill. They are held, since their connections end with them.
#[derive(Debug, Default)]
struct Relays {
    _streams: Vec<Relay>,
    _datagrams: Vec<DatagramRelay>,
    traffic: Arc<Traffic>,
}

impl Relays {
    /// Starts one more; the address at which it is dialled.
    async fn add(
        &mut self,
        loses_packets: bool,
        line: Line,
        target: SocketAddr,
        weather: watch::Receiver<Weather>,
        seed: u64,
    ) -> std::io::Result<String> {
        if loses_packets {
            let relay = DatagramRelay::start(line, target, weather, seed, Arc::clone(&self.traffic)).await?;
            let address = quic(relay.address.port());
            self._datagrams.push(relay);
            return Ok(address);
        }
        let relay = Relay::start(line, target, weather, seed).await?;
        let address = tcp(relay.address.port());
        self._streams.push(relay);
        Ok(address)
    }
}

fn tcp(port: u16) -> String {
    format!("/ip4/127.0.0.1/tcp/{port}")
}

fn quic(port: u16) -> String {
    format!("/ip4/127.0.0.1/udp/{port}/quic-v1")
}

/// Starts the relays in front of every node, and says where each node finds its peers.
async fn wire(
    drill: &Drill,
    network: &Network,
    weather: &watch::Receiver<Weather>,
) -> Result<(Vec<Environment>, Relays), Failure> {
    let refused = |cause: std::io::Error| {
        let what = format!("a relay could not be started: {cause}");
        Failure::new(ExitCode::Unexpected, "relay", what, "allow more open files (ulimit -n), or use fewer nodes")
    };
    let mut relays = Relays::default();
    let mut peers: Vec<(Vec<String>, Vec<String>)> = vec![Default::default(); network.nodes.len()];
    for (index, line) in drill.lines.iter().enumerate() {
        let Line { from, to, .. } = *line;
        let (Some(target), Some(own)) = (network.nodes.get(usize::from(to)), peers.get_mut(usize::from(from))) else {
            continue;
        };
        let seed = drill.seed.wrapping_add(u64::try_from(index).unwrap_or(0));
        for (port, list) in [(target.ports.consensus, &mut own.0), (target.ports.p2p, &mut own.1)] {
            let target = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            let relay = relays.add(drill.loses_packets, *line, target, weather.clone(), seed);
            list.push(relay.await.map_err(refused)?);
        }
    }
    let environment = |(node, (consensus, p2p)): (usize, (Vec<String>, Vec<String>))| {
        let ports = network.nodes.get(node).map_or((0, 0), |node| (node.ports.consensus, node.ports.p2p));
        let address = if drill.loses_packets { quic } else { tcp };
        vec![
            ("TB_CONSENSUS_LISTEN", address(ports.0)),
            ("TB_CONSENSUS_PEERS", consensus.join(",")),
            ("TB_P2P_PEERS", p2p.join(",")),
            ("TB_P2P_LISTEN", address(ports.1)),
            // A node that told where it listens would be dialled past its relays.
            ("TB_P2P_ANNOUNCE", "false".to_owned()),
        ]
    };
    Ok((peers.into_iter().enumerate().map(environment).collect(), relays))
}

impl<'a> Run<'a> {
    async fn start(drill: &'a Drill, network: &Network) -> Result<Self, Failure> {
        let mut disks = BTreeMap::new();
        for node in drill.small_disks() {
            if let Some(home) = network.nodes.get(usize::from(node)) {
                disks.insert(usize::from(node), SmallDisk::mount(&home.home.root().join("data"))?);
            }
        }
        let (weather, seen) = watch::channel(Weather::default());
        let (environments, relays) = wire(drill, network, &seen).await?;
        let children = Children::new(&network.nodes)?;
        let mut machines = Machines::new(children, weather, network.nodes.clone(), environments, disks);
        machines.start_all()?;
        let config = |url| ClientConfig { request_timeout: ANSWER_TIME, ..ClientConfig::new(url) };
        let urls = network.nodes.iter().map(|node| node.ports.rpc_url());
        let clients: Vec<Client> = urls.map(|url| Client::new(&config(url))).collect::<Result<_, _>>()?;
        Ok(Self {
            drill,
            payers: Payers::of(network, clients.clone())?,
            readers: clients.iter().cloned().map(Reader::start).collect(),
            history: History::of(clients.len()),
            clients,
            machines,
            properties: BTreeMap::new(),
            relays,
            started: Instant::now(),
            active: BTreeMap::new(),
            metrics: Vec::new(),
            snapshots: 0,
            told_at: None,
            sent: 0,
            calm_from: Height::GENESIS,
        })
    }

    async fn finish(&mut self, tell: Teller<'_>) -> Result<(Verdict, Findings), Failure> {
        self.first_blocks().await?;
        self.started = Instant::now();
        tell(0, News::Begun);
        self.snapshot("before").await;
        self.faults(tell).await?;
        self.calm_from = self.history.highest();
        tell(self.now_ms(), News::Calm);
        let is_calm = self.calm(tell).await;
        self.snapshot("after").await;
        let calm_heights = self.history.lowest().0.saturating_sub(self.calm_from.0);
        let (verdict, findings) = judge::judge(self, is_calm, calm_heights).await;
        let packets = self.drill.loses_packets.then(|| self.relays.traffic.packets());
        Ok((verdict, Findings { packets, ..findings }))
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Waits until every node has a block.
    async fn first_blocks(&mut self) -> Result<(), Failure> {
        while self.history.lowest() == Height::GENESIS {
            self.read();
            if self.started.elapsed() > START_TIME || !self.machines.unexpected.is_empty() {
                let detail = self.machines.unexpected.join("; ");
                let what = format!("not every node had a block within {} s {detail}", START_TIME.as_secs());
                let hint = "look into nodeI/node.log in the folder of the network, or try fewer nodes";
                return Err(Failure::new(ExitCode::Timeout, "no_block", what.trim_end(), hint));
            }
            self.rest(POLL).await;
        }
        Ok(())
    }

    /// Begins and ends every fault at its time.
    async fn faults(&mut self, tell: Teller<'_>) -> Result<(), Failure> {
        let drill = self.drill;
        let planned = drill.faults.iter().enumerate();
        let mut moments: Vec<(u64, bool, usize)> = planned
            .flat_map(|(number, planned)| {
                let end_ms = planned.at_ms.saturating_add(planned.for_ms);
                [(planned.at_ms, true, number), (end_ms, false, number)]
            })
            .collect();
        // At one moment, what ends comes before what begins.
        moments.sort_unstable();
        for (at_ms, begins, number) in moments {
            self.until(at_ms, tell).await;
            let Some(planned) = drill.faults.get(number) else { continue };
            let what = planned.in_words();
            if begins {
                self.active.insert(number, self.now_ms());
                tell(self.now_ms(), News::Begins { number, what: &what });
                self.machines.begin(number, planned).await?;
                continue;
            }
            self.snapshot(&format!("during-{number}-{}", planned.kind)).await;
            self.read();
            self.machines.end(number, planned).await?;
            let began_ms = self.active.remove(&number).unwrap_or(at_ms);
            let ended_ms = self.now_ms();
            self.history.ended(Recovery {
                fault: planned.kind.clone(),
                what: what.clone(),
                began_ms,
                ended_ms,
                alone: self.active.is_empty(),
                height: Height::GENESIS,
                somebody_ms: None,
                everybody_ms: None,
                missed: self.missed(),
                redialled_ms: None,
            });
            tell(ended_ms, News::Ends { number, what: &what });
        }
        Ok(())
    }

    /// Goes on until this time of the scenario.
    async fn until(&mut self, at_ms: u64, tell: Teller<'_>) {
        loop {
            self.step(tell);
            let left_ms = at_ms.saturating_sub(self.now_ms());
            if left_ms == 0 {
                return;
            }
            self.rest(Duration::from_millis(left_ms).min(POLL)).await;
        }
    }

    /// Waits for the heights after the last fault, and for every node to be well; false when they do not come.
    async fn calm(&mut self, tell: Teller<'_>) -> bool {
        let heights = u32::try_from(self.drill.calm_heights).unwrap_or(u32::MAX);
        let deadline = Instant::now() + CALM_TIME + CALM_TIME_PER_HEIGHT.saturating_mul(heights);
        let goal = self.calm_from.0.saturating_add(self.drill.calm_heights);
        while Instant::now() < deadline {
            self.step(tell);
            let is_well = self.readers.iter().map(Reader::view).all(|view| view.ready && view.affected == 0);
            if self.history.lowest().0 >= goal && is_well {
                return true;
            }
            // A node that ended by itself does not come back, and is the verdict.
            if !self.machines.unexpected.is_empty() {
                return false;
            }
            self.rest(POLL).await;
        }
        false
    }

    /// Pays what is due, takes up what the nodes say, and tells how it stands.
    fn step(&mut self, tell: Teller<'_>) {
        let now_ms = self.now_ms();
        let due = self.drill.sends_ms.get(self.sent).copied();
        // After a pause of ours, what is overdue is not sent all at once.
        if due.is_some_and(|due| due <= now_ms) {
            let overdue = self.drill.sends_ms.iter().skip(self.sent).take_while(|at| **at <= now_ms).count();
            self.sent = self.sent.saturating_add(overdue);
            for _ in 0..overdue.min(SENDS_MAX) {
                self.payers.send(self.history.highest());
            }
        }
        self.payers.collect();
        self.read();
        if self.told_at.is_none_or(|at| at.elapsed() >= STATUS_EVERY) {
            self.told_at = Some(Instant::now());
            let planned = |number: &usize| self.drill.faults.get(*number).map(|planned| planned.in_words());
            let active: Vec<String> = self.active.keys().filter_map(planned).collect();
            let head = |reader: &Reader| reader.view().head.map(|(height, _)| height.0);
            let heights: Vec<Option<u64>> = self.readers.iter().map(head).collect();
            tell(now_ms, News::Status { active: &active, heights: &heights });
        }
    }

    fn read(&mut self) {
        let readings: Vec<_> = self.readers.iter().map(|reader| reader.view().head).collect();
        let now_ms = self.now_ms();
        self.history.look(now_ms, &readings);
        self.history.miss(now_ms, self.missed());
    }

    /// The most peers that some node misses.
    fn missed(&self) -> u64 {
        self.readers.iter().map(|reader| reader.view().affected).max().unwrap_or(0)
    }

    /// Lets time pass, and takes up processes that end.
    async fn rest(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while let Ok(exit) = tokio::time::timeout_at(end, self.machines.children.next_exit()).await {
            self.machines.exited(&exit);
        }
    }

    /// Keeps all series of all nodes that answer.
    async fn snapshot(&mut self, moment: &str) {
        if self.snapshots >= SNAPSHOTS_MAX {
            return;
        }
        self.snapshots += 1;
        // One that stands still must not hold the schedule up.
        let asked = self.clients.iter().map(|client| tokio::time::timeout(SNAPSHOT_TIME, client.metrics()));
        let texts = futures::future::join_all(asked).await;
        for (node, text) in texts.into_iter().enumerate() {
            let Ok(Ok(text)) = text else { continue };
            let number = self.snapshots;
            self.metrics.push((format!("metrics/{number:02}-{moment}-node{}.prom", node + 1), text));
        }
    }
}
