//! A network that is watched by a real Prometheus, where faults are brought and mended by the commands of the runbooks.
//!
//! ```text
//! Ground: four validators, Prometheus ── begin(fault) ──► its alerts fire, and no others ── end(fault): the blocks of the runbooks ──► they clear
//! ```
//! Rules
//! - While a fault lasts, every critical alert that fires is one of [`Fault::alerts`] or of [`Fault::also`].
//! - What no command mends is mended by hand before the block is run: a cable, a clock, a list of targets.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use cli::devnet::drill::disk::SmallDisk;
use cli::devnet::layout::{Network, Ports, Wanted, prepare};
use monitoring::Severity;
use primitives::params::ProvingParams;
use primitives::{Engine, Height, Params};
use rpc::types::{BlockId, ClaimRequest};
use serde_json::{Value, json};

use crate::alert_faults::Fault;
use crate::alert_remedies::{Patient, script};
use crate::cluster::{Cluster, INTERVAL_MS, Node, START_TIME, free_base, until};
use crate::failing_disk::FailingDisk;
use crate::faults::twin_of_last;
use crate::join;
use crate::mend::to_tables;
use crate::prometheus::Prometheus;
use crate::repair::{rot, victim};
use crate::unsound;
use crate::validators::shrunk;

/// Heights of a window of proofs: one core proves it in much less time than they take.
const WINDOW: u64 = 32;
/// The same on a chain on which proofs lag.
const LAG_WINDOW: u64 = 16;
/// Heights of an epoch: a validator that is away for a while keeps its place.
const EPOCH: u64 = 80;
/// Time between blocks of a chain on which proofs lag, milliseconds.
const LAG_INTERVAL_MS: u64 = 400;
/// Longest time from a fault until each of its alerts fires. A pass of the scrub may begin only a minute later.
const FIRES: Duration = Duration::from_secs(120);
/// How long other alerts have to fire as well: ten minutes of the rules take ten seconds.
const SETTLES: Duration = Duration::from_secs(8);
/// Longest time from the remedy until each has cleared. A window of an hour takes a minute at a drill's pace.
const CLEARS: Duration = Duration::from_secs(150);
/// The same where windows are proven or folded first.
const CLEARS_PROVEN: Duration = Duration::from_secs(600);
/// Longest time for a window to be proven.
const PROVES: Duration = Duration::from_secs(90);
/// Of a chain with so many heights, the oldest blocks are not among those that a start brings into memory.
const READ_AT_START: u64 = 400;
/// Halts until the first of four validators proposes.
const TRIES: usize = 24;
/// Longest time for a node to be back.
const BACK: Duration = Duration::from_secs(60);
/// An hour, milliseconds.
const HOUR_MS: &str = "3600000";
/// Free bytes below which the second validator takes no more work, where it has a disk of its own.
const FLOOR_BYTES: u64 = 192 * 1024 * 1024;
/// Free bytes below which it begins no block.
const STOP_BYTES: u64 = 32 * 1024 * 1024;
/// What is missing to the first floor in the drill.
const MISSING_BYTES: u64 = 16 * 1024 * 1024;
/// A store that a start moved aside in its data folder; the runbook removes it.
const MOVED_ASIDE: &str = "store.damaged-1";
/// Flags of a node that reads the whole of a small store within seconds.
const QUICK_SCRUB: [&str; 2] = ["--set", "storage.scrub_bytes_per_sec=268435456"];
/// Time in which Prometheus has looked at a process that answers.
const SEEN: Duration = Duration::from_secs(5);
/// Flags of a node that gives wrong bodies of blocks to its peers.
const LIES: [&str; 2] = ["--set", "drill.wrong_bodies=true"];

/// A network that is watched.
pub struct Ground {
    pub cluster: Cluster,
    pub prometheus: Prometheus,
    twin: Option<(Node, Vec<String>)>,
    other: Option<(Node, Network)>,
    prover: Option<Child>,
    /// Where the data of the second validator lie, if on a disk of its own.
    disk: Option<(PathBuf, SmallDisk)>,
    /// The disk of the third validator while it fails.
    failing: Option<FailingDisk>,
}

impl Ground {
    /// Four validators that make blocks, and a Prometheus that has asked each. With `with_disk` the second validator's data lie on
    /// a small disk of their own, for which this process needs the right to mount.
    pub async fn prepare(with_disk: bool) -> Self {
        let mut params = Params { window_blocks: WINDOW, epoch_blocks: EPOCH, ..shrunk() };
        params.identity.bond_delay_blocks = 2 * EPOCH + 1;
        params.validate().expect("within their bounds");
        let gates = ["timetoke_rewards", "witness_network"];
        let cluster = Cluster::with_gates(Engine::Bft, 4, INTERVAL_MS, Some(params), &gates);
        let twin = twin_of_last(&cluster);
        let disk = with_disk.then(|| {
            let home = &cluster.nodes[1].home;
            let file = home.join("node.toml");
            let settings = std::fs::read_to_string(&file).expect("its settings");
            let floors = format!("disk_free_min_bytes = {FLOOR_BYTES}\ndisk_free_stop_bytes = {STOP_BYTES}\n");
            std::fs::write(file, floors + &settings).expect("written");
            let place = home.join("data");
            let disk = SmallDisk::mount(&place).expect("this machine lets root mount");
            (place, disk)
        });
        Self::start(cluster, Some(twin), disk).await
    }

    /// Two validators whose blocks get lighter when more than one window has no proof on the chain.
    pub async fn prepare_for_lag() -> Self {
        let proving = ProvingParams { lag_free_windows: 1, lag_floor_windows: 2, ..ProvingParams::default() };
        let params = Params { window_blocks: LAG_WINDOW, proving, ..Params::default() };
        let gates = ["recursive_proofs", "consensus_enforcement"];
        Self::start(Cluster::with_gates(Engine::Bft, 2, LAG_INTERVAL_MS, Some(params), &gates), None, None).await
    }

    async fn start(
        mut cluster: Cluster,
        twin: Option<(Node, Vec<String>)>,
        disk: Option<(PathBuf, SmallDisk)>,
    ) -> Self {
        cluster.start_all();
        cluster.all_ready().await;
        let ports: Vec<Ports> = cluster.nodes.iter().map(|node| node.ports).collect();
        let prometheus = Prometheus::start(cluster.folder(), &ports).await;
        Self { cluster, prometheus, twin, other: None, prover: None, disk, failing: None }
    }

    /// Whether this machine lets us mount small disks.
    pub fn can_mount() -> bool {
        let folder = tempfile::tempdir().expect("a folder");
        SmallDisk::check(folder.path()).is_ok()
    }

    fn ports(&self) -> Vec<Ports> {
        self.cluster.nodes.iter().map(|node| node.ports).collect()
    }

    /// Brings a fault, waits until its alerts fire, runs the commands of the runbooks, waits until the alerts have cleared and the
    /// chain moves. One line of JSON for each alert.
    pub async fn drill(&mut self, fault: Fault) -> Vec<Value> {
        let alerts = fault.alerts();
        self.all_clear(alerts).await;
        self.begin(fault).await;
        let begun = Instant::now();
        let mut seen = BTreeSet::new();
        let fired = self.times(alerts, begun, FIRES, true, &mut seen).await;
        let still = self.settles(&mut seen).await;
        let gone: Vec<&&str> = alerts.iter().filter(|alert| !still.contains(**alert) && !passes(alert)).collect();
        assert!(gone.is_empty(), "{}: {gone:?} cleared without a remedy", fault.in_words());
        let allowed = |alert: &&String| alerts.contains(&alert.as_str()) || fault.also().contains(&alert.as_str());
        let strangers: Vec<&String> = seen.iter().filter(|alert| !allowed(alert)).collect();
        assert!(strangers.is_empty(), "{}: {strangers:?} fire as well", fault.in_words());
        let others: Vec<&String> = seen.iter().filter(|alert| !alerts.contains(&alert.as_str())).collect();
        let others = json!(others);
        let healed = Instant::now();
        self.end(fault).await;
        let is_proven_first = [Fault::ProverStopped, Fault::ProofsLag].contains(&fault);
        let limit = if is_proven_first { CLEARS_PROVEN } else { CLEARS };
        let cleared = self.times(alerts, healed, limit, false, &mut seen).await;
        self.moves().await;
        let row = |place: usize| {
            let alert = alerts[place];
            json!({
                "alert": alert, "fault": fault.in_words(), "remedy": script(alert), "other_critical_alerts": others,
                "seconds_to_fire": fired[place].as_secs(), "seconds_to_clear": cleared[place].as_secs(),
            })
        };
        let rows: Vec<Value> = (0..alerts.len()).map(row).collect();
        rows.iter().for_each(|row| println!("{row}"));
        rows
    }

    /// Waits until no critical alert fires, and none of these.
    async fn all_clear(&self, alerts: &[&str]) {
        until("no alert before the fault", CLEARS, async || {
            let firing = self.prometheus.firing().await?;
            let quiet = critical(&firing).is_empty() && alerts.iter().all(|alert| !firing.contains(*alert));
            quiet.then_some(())
        })
        .await;
    }

    /// When each alert fires, or does not fire any more, counted from `from`. Critical ones that fire meanwhile go to `seen`.
    async fn times(
        &self,
        alerts: &[&str],
        from: Instant,
        limit: Duration,
        fires: bool,
        seen: &mut BTreeSet<String>,
    ) -> Vec<Duration> {
        let mut times: Vec<Option<Duration>> = vec![None; alerts.len()];
        loop {
            if let Some(firing) = self.prometheus.firing().await {
                seen.extend(critical(&firing));
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

    /// Looks for a while which critical alerts fire; gives all that fire in the end.
    async fn settles(&self, seen: &mut BTreeSet<String>) -> BTreeSet<String> {
        let from = Instant::now();
        loop {
            if let Some(firing) = self.prometheus.firing().await {
                seen.extend(critical(&firing));
                if from.elapsed() > SETTLES {
                    return firing;
                }
            }
            assert!(from.elapsed() < FIRES, "Prometheus does not answer");
            tokio::time::sleep(Duration::from_millis(200)).await;
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
                    self.restart_with(index, &[], &[("TB_PARTITION_TAG", tag)]);
                }
            }
            Fault::DiskFull => self.fill_room().await,
            Fault::AllKilled => self.cluster.nodes.iter_mut().for_each(Node::kill),
            Fault::OtherGenesis => self.start_other(),
            Fault::ProverFails => self.fail_prover().await,
            Fault::ProverStopped => self.stop_prover().await,
            Fault::TamperedProofs => self.send_tampered_proofs().await,
            Fault::VerifierUnsound => self.accept_every_proof().await,
            Fault::LogUnwritable => {
                let node = &self.cluster.nodes[2];
                self.failing = Some(FailingDisk::of_log(node.process(), &node.home).await);
            }
            Fault::TablesUnreadable => self.fail_reads().await,
            Fault::ClockAhead => self.restart_with(2, &[], &[("TB_CLOCK_OFFSET_MS", HOUR_MS)]),
            Fault::Quarantined => self.rot_and_lie().await,
            Fault::Rotten => self.rot_while_it_runs().await,
            Fault::LostData => self.lose_data().await,
            Fault::SignsTwice => {
                let (twin, words) = self.twin.as_mut().expect("four validators have one");
                join::start(twin, words);
            }
            Fault::ProofsLag => {
                // Without the other one the chain stands still, so there are two windows and no more.
                self.cluster.nodes[0].reaches(2 * LAG_WINDOW + 1, START_TIME).await;
                self.cluster.nodes[1].kill();
            }
        }
    }

    async fn end(&mut self, fault: Fault) {
        match fault {
            Fault::Killed => self.mend("NodeDown", 3).await,
            Fault::Partition => {
                // The cable.
                [2, 3].into_iter().for_each(|index| self.restart_with(index, &[], &[]));
                for alert in fault.alerts() {
                    self.mend(alert, 2).await;
                }
            }
            Fault::DiskFull => {
                if self.disk.is_none() {
                    self.restart_with(1, &[], &[]);
                    self.cluster.nodes[1].ready(BACK).await;
                }
                self.mend("DiskRoomLow", 1).await;
                let left = std::fs::read_dir(self.cluster.nodes[1].home.join("snapshots")).expect("it is there");
                let left = left.filter(|entry| entry.as_ref().expect("an entry").path().is_dir());
                assert_eq!(left.count(), 1, "older snapshots are gone");
                let aside = self.cluster.nodes[1].home.join("data").join(MOVED_ASIDE);
                assert!(!aside.exists(), "and so is what was moved aside");
            }
            Fault::AllKilled => {
                for index in 0..self.cluster.nodes.len() {
                    self.mend("NodeDown", index).await;
                }
                self.mend("TelemetryStalled", 0).await;
            }
            Fault::OtherGenesis => self.end_other().await,
            Fault::ProverFails => self.mend("ProverFailing", 0).await,
            Fault::ProverStopped => self.mend("ProofsBehind", 0).await,
            Fault::TamperedProofs => self.mend("ProofBackendFailing", 0).await,
            Fault::VerifierUnsound => self.mend("TamperedProofAccepted", 2).await,
            Fault::LogUnwritable | Fault::TablesUnreadable => {
                self.mend(fault.alerts()[0], 2).await;
                self.failing = None;
            }
            Fault::ClockAhead => {
                // The clock.
                self.restart_with(2, &[], &[]);
                for alert in fault.alerts() {
                    self.mend(alert, 2).await;
                }
            }
            Fault::Quarantined => {
                self.mend("StoreQuarantined", 3).await;
                for index in 0..3 {
                    self.restart_with(index, &[], &[]);
                    self.cluster.nodes[index].ready(BACK).await;
                }
            }
            Fault::Rotten => self.mend("ScrubFoundDamage", 3).await,
            Fault::LostData => {
                self.mend("NodeDown", 2).await;
                self.mend("NodeDown", 3).await;
                self.mend("SigningRefused", 0).await;
            }
            Fault::SignsTwice => self.end_twin().await,
            Fault::ProofsLag => {
                self.mend("BlocksHeldDownByProofs", 0).await;
                let node = &self.cluster.nodes[0];
                until("the chain proof", CLEARS_PROVEN, async || {
                    node.client().proof_status().await.ok()?.chain.map(drop)
                })
                .await;
                self.mend("NodeDown", 1).await;
            }
        }
    }

    fn restart_with(&mut self, index: usize, words: &[&str], environment: &[(&str, &str)]) {
        self.cluster.nodes[index].stop();
        self.cluster.nodes[index].start_with(words, environment);
    }

    fn patient(&self, node: &Node, network: &Path, other: Ports) -> Patient {
        Patient {
            home: node.home.clone(),
            ports: node.ports,
            network: network.to_owned(),
            other,
            prometheus: self.prometheus.url.clone(),
        }
    }

    /// Runs the commands of the runbook of an alert for the node with this index.
    async fn mend(&mut self, alert: &str, index: usize) {
        let (nodes, root) = (&self.cluster.nodes, &self.cluster.network.root);
        let patient = self.patient(&nodes[index], root, nodes[(index + 1) % nodes.len()].ports);
        let node = &mut self.cluster.nodes[index];
        let log = node.home.join("node.log");
        let Some(child) = patient.is_mended(alert, node, &log).await else { return };
        node.notices_its_end();
        if node.is_started() {
            self.prover = Some(child);
        } else {
            node.goes_on_as(child);
        }
    }

    fn end_prover(&mut self) {
        if let Some(mut prover) = self.prover.take() {
            prover.kill().expect("it is our child");
            prover.wait().expect("it is our child");
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
            self.cluster.nodes[2].start();
            self.cluster.nodes[3].start();
            self.moves().await;
            self.all_clear(&[]).await;
        }
        self.cluster.nodes[0].kill();
        std::fs::remove_dir_all(self.cluster.nodes[0].home.join("data")).expect("it was there");
        self.cluster.nodes[0].start();
    }

    /// Leaves less room than the floor, with what nodes leave: old snapshots and a store that was moved aside. Where nothing can be mounted the
    /// floor is one that no disk reaches.
    async fn fill_room(&mut self) {
        for _ in 0..2 {
            self.moves().await;
            self.cluster.nodes[1].client().make_snapshot().await.expect("there is room for it");
        }
        let aside = self.cluster.nodes[1].home.join("data").join(MOVED_ASIDE);
        std::fs::create_dir(&aside).expect("a folder");
        if let Some((place, _)) = &self.disk {
            let found = nix::sys::statvfs::statvfs(place).expect("it is mounted");
            let free = found.blocks_available() * found.fragment_size();
            let bytes = vec![0; usize::try_from(free + MISSING_BYTES - FLOOR_BYTES).expect("it fits")];
            std::fs::write(aside.join("0.jnl"), bytes).expect("there is room for it");
            return;
        }
        self.restart_with(1, &["--set", "disk_free_min_bytes=9007199254740991"], &[]);
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
        self.other = Some((node, network));
    }

    async fn end_other(&mut self) {
        let (mut node, network) = self.other.take().expect("it was started");
        let patient = self.patient(&node, &network.root, self.cluster.nodes[0].ports);
        let log = network.root.join("fix.log");
        assert!(patient.is_mended("GenesisDiffers", &mut node, &log).await.is_none());
        node.notices_its_end();
        assert!(!node.is_started() && !node.home.exists(), "it has stopped, and its home was moved away");
        self.watches_only(&self.ports()).await;
    }

    /// Takes every other node out of the list of targets. Prometheus looks at the list every few seconds.
    async fn watches_only(&self, nodes: &[Ports]) {
        self.prometheus.watch(nodes);
        until("Prometheus to forget the others", CLEARS, async || {
            let asked = format!("count(up) == {}", nodes.len());
            self.prometheus.value(&asked).await.map(drop)
        })
        .await;
    }

    /// The same key on what are two machines elsewhere: each process is stopped, and its key put away.
    async fn end_twin(&mut self) {
        let (mut twin, _) = self.twin.take().expect("it was started");
        let patient = self.patient(&twin, self.cluster.folder(), self.cluster.nodes[0].ports);
        let log = twin.home.join("node.log");
        assert!(patient.is_mended("DoubleSign", &mut twin, &log).await.is_none());
        self.mend("DoubleSign", 3).await;
        self.cluster.nodes[3].notices_its_end();
        twin.notices_its_end();
        for node in [&twin, &self.cluster.nodes[3]] {
            assert!(!node.is_started() && !node.home.join("validator_key.json").exists(), "{}", node.home.display());
        }
        self.watches_only(&self.ports()[..3]).await;
    }

    /// What a prover says when it could not prove the window that it has claimed.
    async fn fail_prover(&mut self) {
        self.end_prover();
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

    /// Kills the prover after it has proven something.
    async fn stop_prover(&mut self) {
        if self.prover.is_none() {
            self.mend("ProofsBehind", 0).await;
        }
        let node = &self.cluster.nodes[0];
        until("a proven window", PROVES, async || (node.metric("proven_height").await > 0.5).then_some(())).await;
        self.end_prover();
    }

    /// Sends proofs of the next window that are not its proofs, more than the alert asks for.
    async fn send_tampered_proofs(&mut self) {
        self.stop_prover().await;
        let node = &self.cluster.nodes[0];
        let client = node.client();
        let good = client.window_proof(0).await.expect("window 0 is proven");
        let next = client.proof_status().await.expect("it answers").next_window;
        node.reaches((next + 1) * WINDOW + 1, START_TIME).await;
        let before = node.metric("proof_tamper_rejections_total").await;
        for _ in 0..4 {
            let forged = [next.to_le_bytes().as_slice(), &good[8..]].concat();
            client.submit_window(forged, None).await.expect_err("it is another window's");
        }
        let refused = node.metric("proof_tamper_rejections_total").await - before;
        assert!(refused > 3.5, "{refused} are counted");
        assert_eq!(client.proof_status().await.expect("it answers").next_window, next, "none was taken");
    }

    /// Starts the third validator with a verifier that accepts everything, and waits until it has kept the proof of a window.
    async fn accept_every_proof(&mut self) {
        if self.prover.is_none() {
            self.mend("ProofsBehind", 0).await;
        }
        let node = &mut self.cluster.nodes[2];
        node.stop();
        unsound::start(node);
        until("the node to answer", START_TIME, async || node.height().await).await;
        until("a kept proof", PROVES, async || {
            (node.metric("proof_tampered_accepted_total").await > 0.5).then_some(())
        })
        .await;
    }

    /// Makes reads of the tables of the third validator fail, and asks for old blocks until one cannot be read.
    async fn fail_reads(&mut self) {
        let node = &mut self.cluster.nodes[2];
        node.reaches(READ_AT_START, CLEARS).await;
        node.stop();
        to_tables(node).await;
        // The scrub would bring blocks into memory.
        node.start_with(&["--set", "storage.scrub_bytes_per_sec=0"], &[]);
        until("the node to answer", START_TIME, async || node.height().await).await;
        self.failing = Some(FailingDisk::of_tables(node.process(), &node.home).await);
        let client = node.client();
        for height in (1..READ_AT_START).map(Height) {
            if client.block(BlockId::Height(height)).await.is_err() {
                return;
            }
        }
        panic!("every block is in memory");
    }

    /// Hurts a block of the last validator while it is stopped; who could give it back gives something else.
    async fn rot_and_lie(&mut self) {
        for liar in 0..3 {
            self.restart_with(liar, &LIES, &[]);
            self.cluster.nodes[liar].ready(BACK).await;
        }
        let genesis = self.cluster.network.genesis.hash();
        let node = &mut self.cluster.nodes[3];
        node.stop();
        to_tables(node).await;
        rot(&node.home, &genesis);
        node.start();
    }

    /// Flips a bit of a block of the last validator between two passes of its scrub.
    async fn rot_while_it_runs(&mut self) {
        let genesis = self.cluster.network.genesis.hash();
        let node = &mut self.cluster.nodes[3];
        node.stop();
        to_tables(node).await;
        // A pass begins at once where none was made, and ends soon at this pace; the next one begins a minute later.
        let position = node.home.join("data/scrub.json");
        if position.exists() {
            std::fs::remove_file(position).expect("it is there");
        }
        // Tables are joined after a start: what is hurt shall lie in one that stays.
        node.start_with(&QUICK_SCRUB, &[]);
        until("a pass", START_TIME, async || node.client().storage_status().await.ok().filter(|seen| seen.passes > 0))
            .await;
        node.stop();
        let victim = victim(&node.home, &genesis);
        node.start_with(&QUICK_SCRUB, &[]);
        until("the node to answer", START_TIME, async || node.height().await).await;
        // An increase is one over what Prometheus has seen of this process.
        tokio::time::sleep(SEEN).await;
        victim.rots();
    }
}

/// Whether an alert tells of something that has happened, and clears by itself some time after the last time.
fn passes(alert: &str) -> bool {
    ["ProofBackendFailing", "SigningRefused", "StorageFault", "TamperedProofAccepted"].contains(&alert)
}

/// Those of them that wake somebody.
fn critical(firing: &BTreeSet<String>) -> BTreeSet<String> {
    let critical = monitoring::alerts().filter(|alert| alert.severity == Severity::Critical);
    critical.filter(|alert| firing.contains(alert.name)).map(|alert| alert.name.to_owned()).collect()
}

impl Drop for Ground {
    fn drop(&mut self) {
        if let Some(mut prover) = self.prover.take() {
            let _ = prover.kill();
            let _ = prover.wait();
        }
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
