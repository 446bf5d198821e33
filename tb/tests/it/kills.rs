//! `kill -9` of validators that write: at every named step and at random moments, under a load, again and again.
//!
//! ```text
//!   four validators ◄── 10 accounts, a transfer every 160 ms each ──► a node says `finalized`: acknowledged
//!        │ the victim: kill -9 at a random moment ─► start, dies at a named step ─► start: recovered? ─► the next victim
//!        └─ after each recovery: its height is what it said before, every acknowledged transfer is in its block, its guard refused nothing
//! ```
//! Model: a transfer is acknowledged when any node, also one that dies a moment later, answers that it is finalized at a height. One that was
//! not acknowledged is handed in again. One time in four the victim is killed again before it has recovered.
//!
//! Thirty kills run on every change; `cargo xtask nightly kills` runs the ignored test below, thousands of them, in batches that a journal counts.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use primitives::{Address, Engine, Hash, Height, Transaction, TransactionId};
use rpc::Client;
use rpc::types::{BlockId, Stage, SubmitTransaction, WaitQuery};
use serde_json::{Value, json};
use testkit::Seed;
use tokio::task::JoinSet;

use crate::cluster::{Cluster, INTERVAL_MS, Node, START_TIME};
use crate::pay::Payer;

/// Every step at which a running validator can be told to die. After `guard_after_sync` a signature is durable and nobody has it.
const POINTS: [&str; 18] = [
    "commit_before_write",
    "commit_after_write",
    "commit_after_sync",
    "commit_after_head",
    "candidate_before_write",
    "candidate_after_sync",
    "wal_before_sync",
    "wal_after_sync",
    "guard_before_write",
    "guard_after_write",
    "guard_after_sync",
    "snapshot_before_write",
    "snapshot_half",
    "snapshot_before_sync",
    "snapshot_before_rename",
    "snapshot_after_rename",
    "snapshot_after_sync",
    "snapshot_removed",
];
/// Those that only a node reaches that makes snapshots.
const OF_SNAPSHOTS: &str = "snapshot_";
/// Settings with which a node makes a snapshot every few blocks and removes the one before.
const SNAPSHOTS: [&str; 4] = ["--set", "snapshots.interval_blocks=3", "--set", "snapshots.keep=1"];
/// Kills on every change: half at named steps, half at random moments.
const KILLS: u64 = 30;
/// Kills of one network of the nightly task.
const BATCH: u64 = 100;
/// Pause between two transfers of an account: with ten accounts 62 a second.
const PAUSE: Duration = Duration::from_millis(160);
/// Fewest transfers a second that count as a load.
const TRANSFERS_MIN: u64 = 50;
/// Longest time until a running node reaches its step: each validator proposes every few heights.
const REACHED: Duration = Duration::from_secs(60);
/// Longest time for a transfer to be acknowledged.
const SETTLED: Duration = Duration::from_secs(90);
/// How long one node is asked whether a transfer is finalized, milliseconds.
const ASKED_MS: u64 = 2_000;
/// A transfer is good for so many more heights.
const GOOD_FOR: u64 = 400;
/// Longest random moment before a kill, milliseconds.
const MOMENT_MS: u64 = 400;
/// Where the nightly test keeps its journal, and how many kills there shall be in it.
const FOLDER: &str = "NIGHTLY_FOLDER";
const WANTED: &str = "NIGHTLY_KILLS";

/// What the wallets know.
struct Load {
    clients: Vec<Client>,
    /// Who said of which transfer that it is final, and where.
    acknowledged: Mutex<Vec<(TransactionId, Height)>>,
    sent: AtomicU64,
    ends: AtomicBool,
}

impl Load {
    fn acknowledged(&self) -> Vec<(TransactionId, Height)> {
        self.acknowledged.lock().expect("nobody panicked with it").clone()
    }

    /// Hands a transfer in, to one node after another, until some node says that it is final.
    async fn settle(self: Arc<Self>, transaction: Transaction, request: SubmitTransaction, first: usize) {
        let deadline = Instant::now() + SETTLED;
        let id = transaction.id();
        for round in 0.. {
            assert!(Instant::now() < deadline, "nobody finalizes {id}");
            let at = |offset: usize| &self.clients[(first + round + offset) % self.clients.len()];
            // A node that is down, or has the transfer already, refuses; the next one is asked then.
            let _ = at(0).submit(&request).await;
            let wait = WaitQuery { stage: Some(Stage::Finalized), timeout_ms: Some(ASKED_MS) };
            match at(round % 2).transaction_wait(id, wait).await {
                Ok(status) if status.stage == Stage::Finalized || status.stage == Stage::Proven => {
                    let height = status.height.expect("a final transfer has a height");
                    self.acknowledged.lock().expect("nobody panicked with it").push((id, height));
                    return;
                }
                Ok(status) => assert!(!status.stage.is_failure() || status.stage == Stage::Dropped, "{status:?}"),
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    /// One account pays until the end; then everything it sent is settled.
    async fn pays(self: Arc<Self>, mut payer: Payer, to: Address, first: usize) {
        let mut pace = tokio::time::interval(PAUSE);
        let mut open = JoinSet::new();
        let mut height = 0;
        while !self.ends.load(Ordering::Relaxed) {
            pace.tick().await;
            while let Some(done) = open.try_join_next() {
                done.expect("it was settled");
            }
            let sent = self.sent.fetch_add(1, Ordering::Relaxed);
            let at = first + usize::try_from(sent % 64).expect("a small number");
            if sent.is_multiple_of(16) || height == 0 {
                let live = self.clients[at % self.clients.len()].health_live().await;
                height = live.map_or(height, |live| live.finalized_height.0.max(height));
            }
            let mut body = payer.body(to, 1);
            body.valid_until = Height(height + GOOD_FOR);
            let transaction = payer.pay_body(body);
            let request = payer.request(&transaction);
            open.spawn(Arc::clone(&self).settle(transaction, request, at));
        }
        while let Some(done) = open.join_next().await {
            done.expect("it was settled");
        }
    }
}

/// What a batch of kills showed.
#[derive(Default)]
struct Shown {
    named: BTreeMap<&'static str, u64>,
    random: u64,
    recoveries_ms: Vec<u64>,
}

impl Shown {
    fn kills(&self) -> u64 {
        self.random + self.named.values().sum::<u64>()
    }
}

/// Four validators that make snapshots, with wallets that pay.
struct Ground {
    cluster: Cluster,
    load: Arc<Load>,
    wallets: JoinSet<()>,
    started: Instant,
}

impl Ground {
    async fn begin() -> Self {
        let mut cluster = Cluster::new(Engine::Bft, 4, INTERVAL_MS);
        cluster.nodes.iter_mut().for_each(|node| node.start_with(&SNAPSHOTS, &[]));
        cluster.all_ready().await;
        let clients = cluster.nodes.iter().map(Node::client).collect();
        let load = Arc::new(Load { clients, acknowledged: Mutex::default(), sent: 0.into(), ends: false.into() });
        let mut wallets = JoinSet::new();
        let payers = Payer::all(&cluster.network);
        let to = payers[0].stranger(7).address;
        for (first, payer) in payers.into_iter().enumerate() {
            wallets.spawn(Arc::clone(&load).pays(payer, to, first));
        }
        Self { cluster, load, wallets, started: Instant::now() }
    }

    /// Kills `victim` at a random moment and at this step, and starts it again; gives what it had said is final and when it was started.
    async fn kill(
        &mut self,
        victim: usize,
        point: &'static str,
        random: &mut Seed,
        shown: &mut Shown,
    ) -> (u64, Instant) {
        tokio::time::sleep(Duration::from_millis(random.below(MOMENT_MS))).await;
        let node = &mut self.cluster.nodes[victim];
        let told = node.height().await;
        if told.is_some() {
            guard_is_quiet(node).await;
        }
        node.kill();
        shown.random += 1;
        node.start_with(&[&SNAPSHOTS[..], &["--crash-at", point]].concat(), &[]);
        let status = node.ended(REACHED);
        let signal = status.signal().and_then(|number| Signal::try_from(number).ok());
        assert_eq!(signal, Some(Signal::SIGABRT), "{point}: {status}");
        *shown.named.entry(point).or_default() += 1;
        node.start_with(&SNAPSHOTS, &[]);
        (told.unwrap_or_default(), Instant::now())
    }

    /// Waits until `victim` answers: it has what it had said, and what others acknowledged.
    async fn recovered(&self, victim: usize, told: u64, started: Instant, shown: &mut Shown) {
        let node = &self.cluster.nodes[victim];
        let first = loop {
            if let Some(height) = node.height().await {
                break height;
            }
            assert!(started.elapsed() < START_TIME, "validator {victim} does not come back");
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        shown.recoveries_ms.push(u64::try_from(started.elapsed().as_millis()).expect("a short time"));
        testkit::safety!(first >= told, "validator {victim} said height {told} is final, now it has {first}");
        let goal = self.cluster.highest().await;
        node.reaches(goal, START_TIME).await;
        self.has_all(victim, told.saturating_sub(10), goal).await;
    }

    /// A node has every acknowledged transfer of these heights where it was said to be.
    async fn has_all(&self, index: usize, from: u64, to: u64) {
        let mut acknowledged = self.load.acknowledged();
        acknowledged.retain(|(_, height)| (from..=to).contains(&height.0));
        let heights: BTreeSet<Height> = acknowledged.iter().map(|(_, height)| *height).collect();
        let client = self.cluster.nodes[index].client();
        for height in heights {
            let block = client.block(BlockId::Height(height)).await.expect("a block that was acknowledged");
            let lost = lost(&acknowledged, height, &block.transactions);
            testkit::safety!(lost.is_empty(), "acknowledged at height {height}, validator {index} lost {lost:?}");
        }
    }

    /// The wallets stop; everything that was sent is final, everywhere and once.
    async fn ends(mut self) -> Value {
        self.load.ends.store(true, Ordering::Relaxed);
        let seconds = self.started.elapsed().as_secs().max(1);
        while let Some(done) = self.wallets.join_next().await {
            done.expect("a wallet");
        }
        let height = self.cluster.level(START_TIME).await;
        let acknowledged = self.load.acknowledged();
        let count = u64::try_from(acknowledged.len()).expect("a small number");
        let sent = self.load.sent.load(Ordering::Relaxed);
        assert_eq!(count, sent, "every transfer was acknowledged");
        assert!(sent / seconds >= TRANSFERS_MIN, "{sent} transfers in {seconds} s are no load");
        for index in 0..self.cluster.nodes.len() {
            self.has_all(index, 0, height).await;
            guard_is_quiet(&self.cluster.nodes[index]).await;
        }
        let to = Payer::funded(&self.cluster.network, 1).stranger(7).address;
        let paid = self.cluster.nodes[0].client().account(&to).await.expect("an account").balance.micro();
        testkit::safety!(paid == sent, "{sent} payments of 1 µBLOCK gave {paid}");
        self.cluster.check_one_history().await;
        json!({ "seconds": seconds, "acknowledged": count, "heights": height })
    }
}

/// What was acknowledged at a height and is not in the block there.
fn lost(acknowledged: &[(TransactionId, Height)], at: Height, there: &[TransactionId]) -> Vec<TransactionId> {
    let here = acknowledged.iter().filter(|(_, height)| *height == at).map(|(id, _)| *id);
    here.filter(|id| !there.contains(id)).collect()
}

/// The guard of a node was never asked for a second signature, and nobody it heard signed twice.
async fn guard_is_quiet(node: &Node) {
    let Ok(text) = node.client().metrics().await else { return };
    for name in ["consensus_guard_refusals_total", "consensus_equivocations_total"] {
        let lines = text.lines().filter(|line| line.starts_with(name) && !line.ends_with(" 0"));
        let lines: Vec<&str> = lines.collect();
        testkit::safety!(lines.is_empty(), "{}: {lines:?}", node.home.display());
    }
}

/// So many kills of one network.
async fn batch(kills: u64, random: &mut Seed) -> Value {
    let mut ground = Ground::begin().await;
    let mut shown = Shown::default();
    let mut next = random.index(POINTS.len());
    let mut victim = random.index(4);
    while shown.kills() < kills {
        let point = POINTS[next % POINTS.len()];
        next += 1;
        let (told, started) = ground.kill(victim, point, random, &mut shown).await;
        // One in four is killed again before it is back.
        if shown.kills() < kills && random.below(4) == 0 {
            continue;
        }
        ground.recovered(victim, told, started, &mut shown).await;
        victim = random.index(4);
    }
    let mut numbers = ground.ends().await;
    numbers["named"] = json!(shown.named);
    numbers["random"] = json!(shown.random);
    numbers["recoveries_ms"] = json!(shown.recoveries_ms);
    numbers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thirty_kills_under_load_lose_nothing_and_sign_nothing_twice() {
    let mut random = Seed::new();
    let shown = batch(KILLS, &mut random).await;
    println!("{shown}");
    let named: u64 = shown["named"].as_object().expect("steps").values().filter_map(Value::as_u64).sum();
    assert_eq!((named, shown["random"].as_u64()), (KILLS / 2, Some(KILLS / 2)));
    assert!(shown["named"].as_object().is_some_and(|steps| steps.keys().any(|step| step.starts_with(OF_SNAPSHOTS))));
}

/// Of so many in the middle, and the longest.
fn spread(mut times: Vec<u64>) -> Value {
    times.sort_unstable();
    let at = |percent: usize| times.get((times.len() * percent / 100).min(times.len().saturating_sub(1)));
    json!({ "count": times.len(), "p50": at(50), "p99": at(99), "max": times.last() })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "hours of kills; cargo xtask nightly kills runs it"]
async fn nightly_kills() {
    let folder = PathBuf::from(std::env::var_os(FOLDER).expect("where the journal goes"));
    let wanted: u64 = std::env::var(WANTED).expect("how many").parse().expect("a number");
    let journal = folder.join("kills.journal");
    let rows = || -> Vec<Value> {
        let text = std::fs::read_to_string(&journal).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    };
    let sum = |rows: &[Value], of: &dyn Fn(&Value) -> u64| rows.iter().map(of).sum::<u64>();
    let number = |key: &'static str| move |row: &Value| row[key].as_u64().unwrap_or(0);
    let of_steps = |row: &Value| row["named"].as_object().map_or(0, |all| all.values().filter_map(Value::as_u64).sum());
    loop {
        let done = rows();
        let kills = sum(&done, &number("random")) + sum(&done, &of_steps);
        if kills >= wanted {
            break;
        }
        let mut random = Seed::new();
        let mut row = batch(BATCH.min(wanted - kills), &mut random).await;
        row["seed"] = json!(random.value());
        let mut file = OpenOptions::new().create(true).append(true).open(&journal).expect("the journal");
        writeln!(file, "{row}").expect("written");
        println!("{kills} of {wanted} kills");
    }
    let rows = rows();
    let mut steps: BTreeMap<String, u64> = BTreeMap::new();
    for (step, count) in rows.iter().filter_map(|row| row["named"].as_object()).flatten() {
        *steps.entry(step.clone()).or_default() += count.as_u64().unwrap_or(0);
    }
    let times = rows.iter().filter_map(|row| row["recoveries_ms"].as_array()).flatten().filter_map(Value::as_u64);
    let (acknowledged, seconds) = (sum(&rows, &number("acknowledged")), sum(&rows, &number("seconds")));
    let named: u64 = steps.values().sum();
    let summary = json!({
        "kills": named + sum(&rows, &number("random")), "named": named, "random": sum(&rows, &number("random")), "steps": steps,
        "acknowledged": acknowledged, "transfers_per_second": acknowledged / seconds.max(1), "seconds": seconds,
        "heights": sum(&rows, &number("heights")), "lost": 0, "conflicting_signatures": 0,
        "recovery_ms": spread(times.collect()),
    });
    println!("{summary}");
}

#[test]
fn a_lost_transfer_would_be_seen() {
    let id = |byte: u8| TransactionId(Hash([byte; 32]));
    let acknowledged = [(id(1), Height(3)), (id(2), Height(3)), (id(3), Height(4))];
    assert_eq!(lost(&acknowledged, Height(3), &[id(2), id(9), id(1)]), []);
    assert_eq!(lost(&acknowledged, Height(3), &[id(2)]), [id(1)]);
    assert_eq!(lost(&acknowledged, Height(4), &[id(1), id(2)]), [id(3)], "it is looked for where it was said to be");
}
