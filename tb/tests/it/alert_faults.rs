//! Faults that make critical alerts fire on a running network, and the remedies of their runbooks.
//!
//! ```text
//! Ground: four validators, Prometheus ── begin(fault) ──► its alerts fire ── end(fault): the runbook ──► they clear
//! ```

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use cli::devnet::drill::disk::SmallDisk;
use cli::devnet::layout::{Ports, Wanted, prepare};
use primitives::{Engine, Params};
use rpc::types::ClaimRequest;
use serde_json::{Value, json};

use crate::cluster::{Cluster, INTERVAL_MS, Node, START_TIME, free_base, until};
use crate::command::Running;
use crate::faults::twin_of_last;
use crate::join;
use crate::prometheus::Prometheus;
use crate::proofs::prover_in;
use crate::validators::shrunk;

/// Heights of a window of proofs.
pub const WINDOW: u64 = 16;
/// Heights of an epoch: a validator that is killed for a moment keeps its place.
const EPOCH: u64 = 40;
/// Longest time from a fault until each of its alerts fires: a silent connection is given up after some ten seconds.
const FIRES: Duration = Duration::from_secs(60);
/// Longest time from the remedy until each has cleared. A window of an hour takes a minute at a drill's pace.
const CLEARS: Duration = Duration::from_secs(150);
/// Longest time for a window to be proven.
const PROVES: Duration = Duration::from_secs(90);
/// Halts until the first of four validators proposes.
const TRIES: usize = 24;
/// Longest time for a node to be back.
const BACK: Duration = Duration::from_secs(60);

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// One validator gets SIGKILL.
    Killed,
    /// Two validators are cut off, each for itself: nobody has a quorum.
    Partition,
    /// The disk of a validator has less room than its floor.
    DiskFull,
    /// Every validator gets SIGKILL.
    AllKilled,
    /// A node with another genesis file is watched under the same job.
    OtherGenesis,
    /// A prover reports that it failed.
    ProverFails,
    /// While the chain stands still, a validator loses its data and keeps its guard.
    LostData,
    /// A second process signs with the key of a validator.
    SignsTwice,
}

impl Fault {
    /// All, in the order in which one network bears them: who signed twice does not come back.
    pub const ALL: [Self; 8] = [
        Self::Killed,
        Self::Partition,
        Self::DiskFull,
        Self::AllKilled,
        Self::OtherGenesis,
        Self::ProverFails,
        Self::LostData,
        Self::SignsTwice,
    ];

    /// The critical alerts that it must make fire.
    pub fn alerts(self) -> &'static [&'static str] {
        match self {
            Self::Killed => &["NodeDown"],
            Self::Partition => &["ChainHalted", "HeightStalled", "PartitionSuspected", "NoPeers", "ConsensusAlone"],
            Self::DiskFull => &["DiskRoomLow"],
            Self::AllKilled => &["TelemetryStalled"],
            Self::OtherGenesis => &["GenesisDiffers"],
            Self::ProverFails => &["ProverFailing"],
            Self::LostData => &["SigningRefused"],
            Self::SignsTwice => &["DoubleSign"],
        }
    }

    /// What it is, for people.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Killed => "kill -9 of one validator",
            Self::Partition => "two of four validators are cut off from everybody",
            Self::DiskFull => "the disk of a validator has less free room than disk_free_min_bytes",
            Self::AllKilled => "kill -9 of all validators",
            Self::OtherGenesis => "a node with another genesis file under the same job",
            Self::ProverFails => "a prover reports that it ran out of memory",
            Self::LostData => "the chain stands still, and a validator loses its data folder",
            Self::SignsTwice => "a second process with the key and an old guard of a validator",
        }
    }

    /// The remedy, as the runbook of each of its alerts says it; the words stand there.
    pub fn remedy(self, alert: &str) -> &'static str {
        match (self, alert) {
            (Self::Killed, _) => "No answer and no process: read the end of the log and start it",
            (Self::Partition, "PartitionSuspected") => "it connects again by itself",
            (Self::Partition, "ChainHalted") => "consensus goes on by itself with the next round",
            (Self::Partition, "HeightStalled") => "With the reason `no_peers`: see [NoPeers](network.md#nopeers)",
            (Self::Partition, "NoPeers") => "Check `p2p.listen` (UDP for QUIC) and the firewall",
            (Self::Partition, _) => "Check `consensus.listen` (TCP) and the firewall",
            (Self::DiskFull, _) => "Remove what is not the node's",
            (Self::AllKilled, _) => "If no node answers, see [NodeDown](#nodedown)",
            (Self::OtherGenesis, _) => "Stop the node with the wrong hash, move its home away",
            (Self::ProverFails, _) => "it begins with the oldest window that waits",
            (Self::LostData, _) => "Let the chain pass the height of the guard; then it signs again",
            (Self::SignsTwice, _) => "stop every process that holds this key now",
        }
    }
}

/// A network that is watched.
pub struct Ground {
    pub cluster: Cluster,
    pub prometheus: Prometheus,
    twin: (Node, Vec<String>),
    other: Option<Node>,
    prover: Option<Running>,
    /// Where the data of the second validator lie, if on a disk of its own.
    disk: Option<(PathBuf, SmallDisk)>,
}

impl Ground {
    /// Four validators that make blocks, and a Prometheus that has asked each. With `with_disk` the second validator's data lie on
    /// a small disk of their own, for which this process needs the right to mount.
    pub async fn prepare(with_disk: bool) -> Self {
        let mut params = Params { window_blocks: WINDOW, epoch_blocks: EPOCH, ..shrunk() };
        params.identity.bond_delay_blocks = 2 * EPOCH + 1;
        params.validate().expect("within their bounds");
        let gates = ["timetoke_rewards", "witness_network"];
        let mut cluster = Cluster::with_gates(Engine::Bft, 4, INTERVAL_MS, Some(params), &gates);
        let twin = twin_of_last(&cluster);
        let disk = with_disk.then(|| {
            let place = cluster.nodes[1].home.join("data");
            let disk = SmallDisk::mount(&place).expect("this machine lets root mount");
            (place, disk)
        });
        for index in 0..cluster.nodes.len() {
            start(&mut cluster, index, disk.is_some());
        }
        cluster.all_ready().await;
        let ports: Vec<Ports> = cluster.nodes.iter().map(|node| node.ports).collect();
        let prometheus = Prometheus::start(cluster.folder(), &ports).await;
        Self { cluster, prometheus, twin, other: None, prover: None, disk }
    }

    /// Whether this machine lets us mount small disks.
    pub fn can_mount() -> bool {
        let folder = tempfile::tempdir().expect("a folder");
        SmallDisk::check(folder.path()).is_ok()
    }

    fn start(&mut self, index: usize) {
        start(&mut self.cluster, index, self.disk.is_some());
    }

    fn ports(&self) -> Vec<Ports> {
        self.cluster.nodes.iter().map(|node| node.ports).collect()
    }

    /// Brings a fault, waits until its alerts fire, applies the remedy, waits until they have cleared and the chain moves.
    /// One line of JSON for each alert.
    pub async fn drill(&mut self, fault: Fault) -> Vec<Value> {
        let alerts = fault.alerts();
        self.all_clear(alerts, "no alert before the fault").await;
        self.begin(fault).await;
        let begun = Instant::now();
        let fired = self.times(alerts, begun, FIRES, true).await;
        let healed = Instant::now();
        self.end(fault).await;
        let cleared = self.times(alerts, healed, CLEARS, false).await;
        self.moves().await;
        let tenths = |time: Duration| u64::try_from(time.as_millis() / 100).expect("a short time");
        let row = |place: usize| {
            let (alert, seconds) = (alerts[place], |time: Duration| json!(tenths(time) / 10));
            json!({
                "alert": alert, "fault": fault.in_words(), "remedy": fault.remedy(alert),
                "seconds_to_fire": seconds(fired[place]), "seconds_to_clear": seconds(cleared[place]),
            })
        };
        let rows: Vec<Value> = (0..alerts.len()).map(row).collect();
        rows.iter().for_each(|row| println!("{row}"));
        rows
    }

    async fn all_clear(&self, alerts: &[&str], what: &str) {
        until(what, CLEARS, async || {
            let firing = self.prometheus.firing().await?;
            alerts.iter().all(|alert| !firing.contains(*alert)).then_some(())
        })
        .await;
    }

    /// When each alert fires, or does not fire any more, counted from `from`.
    async fn times(&self, alerts: &[&str], from: Instant, limit: Duration, fires: bool) -> Vec<Duration> {
        let mut times: Vec<Option<Duration>> = vec![None; alerts.len()];
        loop {
            if let Some(firing) = self.prometheus.firing().await {
                for (time, alert) in times.iter_mut().zip(alerts) {
                    if time.is_none() && firing.contains(*alert) == fires {
                        *time = Some(from.elapsed());
                    }
                }
            }
            if let Some(times) = times.iter().copied().collect() {
                return times;
            }
            assert!(from.elapsed() < limit, "not within {limit:?}, fires = {fires}: {alerts:?} {times:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Everybody who runs finalizes more.
    async fn moves(&self) {
        let goal = self.cluster.highest().await + 3;
        for node in self.cluster.nodes.iter().filter(|node| node.is_started()) {
            node.reaches(goal, BACK).await;
        }
    }

    async fn begin(&mut self, fault: Fault) {
        match fault {
            Fault::Killed => self.cluster.nodes[3].kill(),
            Fault::Partition => {
                for (index, tag) in [(2, "left"), (3, "right")] {
                    self.cluster.nodes[index].stop();
                    self.cluster.nodes[index].start_with(&[], &[("TB_PARTITION_TAG", tag)]);
                }
            }
            Fault::DiskFull => self.fill_room(),
            Fault::AllKilled => self.cluster.nodes.iter_mut().for_each(Node::kill),
            Fault::OtherGenesis => self.start_other(),
            Fault::ProverFails => self.fail_prover().await,
            Fault::LostData => self.lose_data().await,
            Fault::SignsTwice => {
                let (twin, words) = &mut self.twin;
                join::start(twin, words);
            }
        }
    }

    async fn end(&mut self, fault: Fault) {
        match fault {
            Fault::Killed => self.start(3),
            Fault::Partition => {
                for index in [2, 3] {
                    self.cluster.nodes[index].stop();
                    self.start(index);
                }
            }
            Fault::DiskFull => self.make_room(),
            Fault::AllKilled => (0..4).for_each(|index| self.start(index)),
            Fault::OtherGenesis => {
                self.other.take().expect("it was started").stop();
                self.prometheus.watch(&self.ports());
            }
            Fault::ProverFails => {
                self.prover = Some(prover_in(&self.cluster, "prover"));
                let node = &self.cluster.nodes[0];
                until("the recovery", PROVES, async || {
                    (node.metric("proof_backend_recoveries_total").await > 0.5).then_some(())
                })
                .await;
            }
            Fault::LostData => [2, 3].into_iter().for_each(|index| self.start(index)),
            Fault::SignsTwice => {
                self.twin.0.kill();
                self.cluster.nodes[3].stop();
                self.prometheus.watch(&self.ports()[..3]);
            }
        }
    }

    /// Stops two validators while the first one proposes, and takes away what it has written except its guard: it comes back to a height in which it
    /// has signed, and has another block for it.
    async fn lose_data(&mut self) {
        let address = self.cluster.network.nodes[0].address;
        for tries in 0.. {
            assert!(tries < TRIES, "the first validator never proposes");
            self.cluster.nodes[2].stop();
            self.cluster.nodes[3].stop();
            until("the chain to stand still", FIRES, async || {
                self.prometheus.firing().await?.contains("ChainHalted").then_some(())
            })
            .await;
            let status = self.cluster.nodes[0].client().consensus_status().await.expect("it answers");
            if status.proposer == Some(address) {
                break;
            }
            self.start(2);
            self.start(3);
            self.moves().await;
            self.all_clear(&["ChainHalted"], "the chain to go on").await;
        }
        self.cluster.nodes[0].kill();
        std::fs::remove_dir_all(self.cluster.nodes[0].home.join("data")).expect("it was there");
        self.start(0);
    }

    /// Leaves less room than the floor: with what is not the node's, or where nothing can be mounted with a floor that no disk reaches.
    fn fill_room(&mut self) {
        if let Some((place, _)) = &self.disk {
            let found = nix::sys::statvfs::statvfs(place).expect("it is mounted");
            let free = found.blocks_available() * found.fragment_size();
            let bytes = vec![0; usize::try_from(free - FLOOR_BYTES / 2).expect("it fits")];
            std::fs::write(place.join(FOREIGN), bytes).expect("there is room for it");
            return;
        }
        self.cluster.nodes[1].stop();
        self.cluster.nodes[1].start_with(&["--set", "disk_free_min_bytes=9007199254740991"], &[]);
    }

    fn make_room(&mut self) {
        if let Some((place, _)) = &self.disk {
            std::fs::remove_file(place.join(FOREIGN)).expect("it was there");
            return;
        }
        self.cluster.nodes[1].stop();
        self.start(1);
    }

    /// A chain of one process with a genesis file of its own.
    fn start_other(&mut self) {
        let wanted = Wanted {
            engine: Engine::Solo,
            nodes: Some(1),
            base_port: Some(free_base(1)),
            block_interval_ms: Some(INTERVAL_MS),
            params: None,
            gates: Vec::new(),
        };
        let network = prepare(&self.cluster.folder().join("other"), &wanted, false).expect("a network");
        let mut node = Node::new(network.nodes[0].home.root().to_owned(), network.nodes[0].ports);
        node.start();
        let ports: Vec<Ports> = self.ports().into_iter().chain([node.ports]).collect();
        self.prometheus.watch(&ports);
        self.other = Some(node);
    }

    /// What a prover says when it could not prove the window that it has claimed.
    async fn fail_prover(&mut self) {
        if let Some(mut prover) = self.prover.take() {
            prover.kill();
        }
        let client = self.cluster.nodes[0].client();
        let claim = ClaimRequest { prover: "short-of-memory".to_owned(), ..ClaimRequest::default() };
        until("a window to prove", BACK, async || {
            client.claim_window(&claim).await.ok()?;
            let failed = ClaimRequest { failure: Some("no memory".to_owned()), ..claim.clone() };
            client.claim_window(&failed).await.ok()?;
            (self.cluster.nodes[0].metric("rpp_runtime_proof_generation_failures_total").await > 0.5).then_some(())
        })
        .await;
        let leaves = ClaimRequest { leaves: true, ..claim };
        client.claim_window(&leaves).await.expect("it is answered");
    }

    /// Sends proofs of the next window that are not its proofs, more than the alert asks for.
    pub async fn send_tampered_proofs(&self) {
        let client = self.cluster.nodes[0].client();
        let good = client.window_proof(0).await.expect("window 0 is proven");
        let next = client.proof_status().await.expect("it answers").next_window;
        self.cluster.nodes[0].reaches((next + 1) * WINDOW + 1, START_TIME).await;
        for _ in 0..4 {
            let forged = [next.to_le_bytes().as_slice(), &good[8..]].concat();
            client.submit_window(forged, None).await.expect_err("it is another window's");
        }
    }
}

/// Free bytes below which the second validator takes no more work, where it has a disk of its own.
const FLOOR_BYTES: u64 = 64 * 1024 * 1024;
/// A file that is not the node's.
const FOREIGN: &str = "somebody-elses";

fn start(cluster: &mut Cluster, index: usize, has_disk: bool) {
    let floor = format!("disk_free_min_bytes={FLOOR_BYTES}");
    if has_disk && index == 1 {
        cluster.nodes[index].start_with(&["--set", &floor], &[]);
    } else {
        cluster.nodes[index].start();
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        // The disk is given back when nobody is on it, and before its folder goes away.
        self.cluster.nodes.clear();
        self.disk = None;
    }
}

/// Asks Prometheus every expression of every rule and panel; prints what the script says. `minutes` is how far back it looks.
pub fn every_expression_resolves(ground: &Ground, minutes: u64) {
    let file = ground.cluster.folder().join("expressions.jsonl");
    let lines: Vec<String> =
        monitoring::expressions().expect("they parse").iter().map(monitoring::Asked::line).collect();
    std::fs::write(&file, lines.join("\n")).expect("written");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut command = Command::new("python3");
    command.arg("scripts/dashboards_live.py").arg(&file).current_dir(root).stdin(Stdio::null());
    command.env("PROMETHEUS_URL", &ground.prometheus.url).env("MINUTES", minutes.to_string()).env("STRICT", "1");
    command.env("METRICS_URL", format!("{}/metrics", ground.cluster.nodes[0].ports.rpc_url()));
    let done = command.output().expect("python3");
    let said = String::from_utf8_lossy(&done.stdout);
    println!("{said}");
    assert!(done.status.success(), "{said}\n{}", String::from_utf8_lossy(&done.stderr));
}
