//! A validator whose store, journal or snapshot is hurt at a sampled place comes back by itself, from what is left and from its peers.
//!
//! ```text
//!   home as it was, newest guard ─► flip or cut ─► start ─┬─ up ───────────────────────────────► without effect
//!                                                         ├─ built anew, the rest from a peer ─► mended
//!                                                         └─ moved aside, taken again ─────────► rebuilt: own snapshot, peers, genesis
//! ```
//! Rules
//! - Nobody helps: a start that is refused fails the test. It must have the blocks and roots of the others, and every height that was quarantined.
//! - The guard is never put back and never lower. What it refuses to a node that catches up is right: it knows what the log has lost.
//! - Of the store's mark one copy is hurt, never both: it says what was acknowledged, and without it a start is refused (RCV-40).
//!
//! A sample runs with every push. The whole is `cargo xtask nightly damage`: it keeps a journal, a line for each network, so a run that is stopped goes on with the
//! next one.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use primitives::{Engine, Height};
use rpc::types::BlockId;
use serde_json::{Value, json};
use testkit::Seed;

use crate::cluster::{Cluster, INTERVAL_MS, START_TIME, until};
use crate::mend::to_tables;
use crate::peer_sync::copy_folder;
use crate::rebuild::{VICTIM, files, signer};

/// Longest time for a hurt validator to be where the others are.
const TIME: Duration = Duration::from_secs(60);
/// Trials of one network.
const BATCH: u64 = 12;
/// Trials of every push.
const SAMPLE: u64 = 4;
/// Of so many hurt files this many are cut, in a hundred.
const CUT_PERCENT: u64 = 40;
/// Where the nightly test keeps its journal, its seed, and how many trials there shall be.
const FOLDER: &str = "NIGHTLY_FOLDER";
const SEED: &str = "NIGHTLY_SEED";
const WANTED: &str = "NIGHTLY_TRIALS";
/// The file that says what the store has acknowledged, in two copies.
const MARK: &str = "head";

/// What is hurt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A journal, anywhere.
    Journal,
    /// Any file of the store.
    Store,
    /// The own snapshot, and the journal is cut, so that the snapshot is wanted.
    Snapshot,
}

const KINDS: [(Kind, &str); 3] = [(Kind::Journal, "journal"), (Kind::Store, "store"), (Kind::Snapshot, "snapshot")];

/// Three validators that go on, and the home of the fourth as it was when it stopped.
struct Ground {
    cluster: Cluster,
    good: PathBuf,
}

impl Ground {
    /// A network; with `is_given`, a peer has a snapshot to give.
    async fn begin(is_given: bool) -> Self {
        let mut cluster = Cluster::new(Engine::Bft, 4, INTERVAL_MS);
        cluster.start_all();
        cluster.nodes[VICTIM].reaches(6, START_TIME).await;
        if is_given {
            cluster.nodes[0].client().make_snapshot().await.expect("a snapshot");
        }
        cluster.nodes[VICTIM].client().make_snapshot().await.expect("a snapshot of its own");
        cluster.nodes[VICTIM].stop();
        to_tables(&mut cluster.nodes[VICTIM]).await;
        // Blocks in the journal as well.
        cluster.nodes[VICTIM].start();
        let goal = cluster.highest().await + 2;
        cluster.nodes[VICTIM].reaches(goal, START_TIME).await;
        cluster.nodes[VICTIM].stop();
        let good = cluster.folder().join("good");
        copy_folder(&cluster.nodes[VICTIM].home, &good);
        Self { cluster, good }
    }

    fn home(&self) -> &Path {
        &self.cluster.nodes[VICTIM].home
    }

    /// The home as it was, but for the guard: what a key has signed is never put back.
    fn put_back(&self) {
        let guard = self.cluster.folder().join("guard");
        fs::rename(self.home().join("guard"), &guard).expect("nobody uses it");
        fs::remove_dir_all(self.home()).expect("nobody uses it");
        copy_folder(&self.good, self.home());
        fs::remove_dir_all(self.home().join("guard")).expect("a copy");
        fs::rename(&guard, self.home().join("guard")).expect("back in its place");
    }

    /// Hurts what this kind is about; says what was done.
    fn hurt(&self, kind: Kind, random: &mut Seed) -> String {
        let (store, shelf) = (self.home().join("data/store"), self.home().join("snapshots"));
        let is_journal = |path: &Path| path.extension().is_some_and(|end| end == "jnl");
        // Half the time its own snapshot is there to begin with.
        if kind != Kind::Snapshot && random.chance(50) {
            fs::remove_dir_all(&shelf).expect("a shelf");
        }
        let is_cut = random.chance(CUT_PERCENT);
        match kind {
            Kind::Journal => hurt_file(&store, is_journal, is_cut, random),
            Kind::Store => hurt_file(&store, |_| true, is_cut, random),
            Kind::Snapshot => {
                let first = hurt_file(&shelf, |_| true, is_cut, random);
                format!("{first}; {}", hurt_file(&store, is_journal, true, random))
            }
        }
    }

    /// One trial: how it came back, and after how many milliseconds.
    async fn trial(&mut self, kind: Kind, random: &mut Seed) -> (String, u64) {
        self.put_back();
        let what = self.hurt(kind, random);
        let signed = signer(self.home());
        let started = Instant::now();
        self.cluster.nodes[VICTIM].start();
        let goal = self.cluster.highest().await;
        let node = &self.cluster.nodes[VICTIM];
        node.reaches(goal, TIME).await;
        let seen = until(&format!("every block after {what}"), TIME, async || {
            node.client().storage_status().await.ok().filter(|seen| seen.quarantined_total == 0)
        })
        .await;
        let took_ms = u64::try_from(started.elapsed().as_millis()).expect("a short time");
        let is_mended = seen.mended_from.is_some() || node.metric("storage_marks_mended_total").await > 0.5;
        let way = match (&seen.rebuilt_by, is_mended) {
            (Some(by), _) => format!("rebuilt_by_{by}"),
            (None, true) => "mended".to_owned(),
            (None, false) => "without_effect".to_owned(),
        };
        eprintln!("{what}: {way}, {took_ms} ms");
        self.is_one_of_them(goal, &what).await;
        assert!(signer(self.home()) >= signed, "{what}: the guard has forgotten a signature");
        if kind == Kind::Snapshot {
            assert!(way == "rebuilt_by_peers" || way == "rebuilt_by_genesis", "{what}: {way}");
            self.gives_a_new_one().await;
        }
        self.cluster.nodes[VICTIM].stop();
        self.cluster.check_no_panic();
        (way, took_ms)
    }

    /// It has the blocks of the others with the same roots, and nobody signed twice.
    async fn is_one_of_them(&self, goal: u64, what: &str) {
        let (node, peer) = (&self.cluster.nodes[VICTIM], &self.cluster.nodes[0]);
        let height = BlockId::Height(Height(goal));
        let (mine, theirs) = (node.client().block(height).await, peer.client().block(height).await);
        let (mine, theirs) = (mine.expect("a block"), theirs.expect("a block"));
        assert_eq!((mine.hash, mine.header), (theirs.hash, theirs.header), "{what}: height {goal}");
        let (mine, theirs) = (node.blocks().await, peer.blocks().await);
        for (height, hash) in mine.range(..=Height(goal)) {
            testkit::safety!(theirs.get(height) == Some(hash), "{what}: another block at height {height}");
        }
        for node in &self.cluster.nodes {
            testkit::safety!(node.metric("consensus_equivocations_total").await < 0.5, "{what}: somebody signed twice");
        }
    }

    /// Its own snapshot was hurt: it makes one that is whole, and gives it to others.
    async fn gives_a_new_one(&self) {
        let client = self.cluster.nodes[VICTIM].client();
        let made = client.make_snapshot().await.expect("a snapshot");
        let plan = client.state_sync_plan().await.expect("a plan");
        assert_eq!(plan.snapshot.name, made.name, "the whole one is given");
        for chunk in &plan.chunks {
            let given = client.state_sync_chunk(&chunk.id).await.expect("a chunk");
            assert!(given.file().is_ok(), "its bytes are those of its name");
        }
    }
}

/// Flips a bit or cuts at a sampled place of a sampled file; of a file that is allocated ahead only what was written is looked at.
fn hurt_file(folder: &Path, is_wanted: impl Fn(&Path) -> bool, is_cut: bool, random: &mut Seed) -> String {
    let written = |path: &Path| {
        let bytes = fs::read(path).expect("a file");
        bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)
    };
    let mut all: Vec<PathBuf> = files(folder).into_iter().filter(|path| is_wanted(path) && written(path) > 0).collect();
    all.sort();
    let path = random.pick(&all).clone();
    let (at, mask) = (random.index(written(&path)), 1 << random.below(8));
    let is_cut = is_cut && !path.ends_with(MARK);
    let mut bytes = fs::read(&path).expect("a file");
    if is_cut {
        bytes.truncate(at);
    } else {
        bytes[at] ^= mask;
    }
    fs::write(&path, bytes).expect("written");
    format!("{} at {at}, cut {is_cut}, mask {mask}", path.strip_prefix(folder).expect("below it").display())
}

/// So many trials of one network; a row of the journal.
async fn batch(number: u64, trials: u64, random: &mut Seed) -> Value {
    let mut ground = Ground::begin(number.is_multiple_of(2)).await;
    let first = random.index(KINDS.len());
    let mut rows = Vec::new();
    for (kind, name) in KINDS.into_iter().cycle().skip(first).take(usize::try_from(trials).expect("a small number")) {
        let (way, took_ms) = ground.trial(kind, random).await;
        rows.push(json!({ "kind": name, "way": way, "ms": took_ms }));
    }
    ground.cluster.level(START_TIME).await;
    json!(rows)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sample_of_hurt_homes_comes_back_by_itself() {
    let mut random = Seed::new();
    let rows = batch(0, SAMPLE, &mut random).await;
    let rebuilt = rows.as_array().expect("rows").iter().filter(|row| row["kind"] == "snapshot").count();
    assert!(rebuilt > 0, "one was taken again from the others: {rows}");
}

/// How many, of so many in the middle and the longest time, milliseconds.
fn spread(mut times: Vec<u64>) -> Value {
    times.sort_unstable();
    json!({ "trials": times.len(), "p50": times.get(times.len() / 2), "max": times.last() })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "minutes of damage; cargo xtask nightly damage runs it"]
async fn nightly_hurt_homes() {
    let number = |name: &str| -> u64 { std::env::var(name).expect("a number").parse().expect("a number") };
    let (seed, wanted) = (number(SEED), number(WANTED));
    eprintln!("seed {seed}");
    let journal = PathBuf::from(std::env::var_os(FOLDER).expect("where the journal goes")).join("hurt_homes.journal");
    let rows = || -> Vec<Value> {
        let text = fs::read_to_string(&journal).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    };
    for number in u64::try_from(rows().len()).expect("few")..wanted.div_ceil(BATCH) {
        let row = batch(number, BATCH, &mut Seed::of(seed.wrapping_add(number))).await;
        let mut file = OpenOptions::new().create(true).append(true).open(&journal).expect("the journal");
        writeln!(file, "{row}").expect("written");
        file.sync_all().expect("durable");
    }
    let (mut ways, mut kinds): (BTreeMap<String, Vec<u64>>, BTreeMap<String, u64>) = Default::default();
    let rows = rows();
    for trial in rows.iter().filter_map(Value::as_array).flatten() {
        let text = |key: &str| trial[key].as_str().expect("a word").to_owned();
        ways.entry(text("way")).or_default().push(trial["ms"].as_u64().expect("a time"));
        *kinds.entry(text("kind")).or_default() += 1;
    }
    let repair_ms = spread(ways.values().flatten().copied().collect());
    let ways: BTreeMap<String, Value> = ways.into_iter().map(|(way, times)| (way, spread(times))).collect();
    let summary =
        json!({ "seed": seed, "panics": 0, "wrong": 0, "kinds": kinds, "ways": ways, "repair_ms": repair_ms });
    println!("{summary}");
}
