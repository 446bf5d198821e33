//! A node that is taken back: to the release, the configuration and the store of before, with an incident that holds promotions up.
//!
//! Two validators, so that the one that was taken back has somebody to catch up with. First everything is whole and the log is replayed; then the store and
//! the newest snapshot are damaged.

use std::fs;
use std::path::{Path, PathBuf};

use cli::release::sign;
use primitives::Engine;
use serde_json::Value;

use crate::cluster::{Cluster, INTERVAL_MS, START_TIME};
use crate::command::{Ended, run, run_in, tb};
use crate::signers::unsigned;

/// The release that runs, and the one that ran before it.
pub const COMMITS: [&str; 2] = ["89abcdef0123456789abcdef0123456789abcdef", "0123456789abcdef0123456789abcdef01234567"];
/// Blocks that the others make while a node is away, at least.
const AWAY: u64 = 5;

/// A path as an argument.
pub fn text(path: &Path) -> &str {
    path.to_str().expect("text")
}

/// Where releases are installed: the second one is current, the first one was before.
pub struct Machine {
    root: PathBuf,
    signers: PathBuf,
}

impl Machine {
    /// Both releases are made up and signed.
    pub fn new(folder: &Path) -> Self {
        let [root, signers, key] = ["machine", "signers", "key"].map(|name| folder.join(name));
        let signer = sign::text_of(&sign::make_key(&key).expect("a key"));
        fs::write(&signers, format!("{signer} ours\n")).expect("a list");
        let machine = Self { root, signers };
        for commit in COMMITS {
            let place = folder.join(commit);
            fs::create_dir(&place).expect("a folder");
            let release = unsigned(&place, commit);
            sign::sign(&release, &key).expect("signed");
            machine.ask(&["release", "use", text(&release)]).ok();
        }
        machine
    }

    fn ask(&self, words: &[&str]) -> Ended {
        run(tb().args(words).args(["--root", text(&self.root), "--signers", text(&self.signers)]))
    }

    /// The commit of the program that the service would start.
    pub fn current(&self) -> String {
        let target = fs::read_link(self.root.join("current")).expect("a release");
        target.file_name().and_then(|name| name.to_str()).expect("text").to_owned()
    }

    /// Runs `tb rollout recover`.
    pub fn recover(&self, home: &Path, stage: &str, words: &[&str]) -> Ended {
        let reason = format!("the rehearsal of {stage}");
        let all = ["rollout", "recover", "--stage", stage, "--reason", &reason, "--home", text(home)];
        self.ask(&[&all[..], words].concat())
    }
}

/// What an incident says of a step.
pub fn found<'i>(incident: &'i Value, step: &str) -> &'i str {
    let done = incident["done"].as_array().expect("steps").iter().find(|done| done["step"] == step);
    done.and_then(|done| done["found"].as_str()).unwrap_or_else(|| panic!("{step}: {incident}"))
}

/// What `tb rollout check` says of incidents.
fn holds_up(cluster: &Cluster) -> (String, String) {
    let node = &cluster.nodes[0];
    let words = ["rollout", "check", "--stage", "development", "--rpc", &node.ports.rpc_url()];
    let report = run_in(&node.home, &words).json();
    let checks = report["checks"].as_array().expect("checks");
    let one = checks.iter().find(|one| one["check"] == "incidents").expect("it is always asked");
    let word = |key: &str| one[key].as_str().expect("text").to_owned();
    (word("verdict"), word("found"))
}

/// Flips bytes of every file in a folder that is long enough to matter.
pub fn hurt(folder: &Path) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            hurt(&path);
            continue;
        }
        let mut bytes = fs::read(&path).expect("a file");
        let places: Vec<usize> = (100..bytes.len().min(200_000)).step_by(997).collect();
        for place in places {
            bytes[place] ^= 0x55;
        }
        fs::write(&path, bytes).expect("written");
    }
}

async fn away(cluster: &mut Cluster) -> u64 {
    let height = cluster.nodes[0].height().await.expect("it runs");
    cluster.nodes[0].reaches(height + AWAY, START_TIME).await;
    let last = cluster.nodes[0].height().await.expect("it runs");
    cluster.nodes[0].kill();
    last
}

/// The node runs again, has what was final before, and goes on with the other.
async fn is_back(cluster: &mut Cluster, last: u64) {
    cluster.nodes[0].start();
    cluster.nodes[0].ready(START_TIME).await;
    cluster.nodes[0].reaches(last + AWAY, START_TIME).await;
    let url = cluster.nodes[0].ports.rpc_url();
    run(tb().args(["rollout", "smoke", "--timeout", "30s", "--rpc", &url])).ok();
    let (ours, theirs) = (cluster.nodes[0].blocks().await, cluster.nodes[1].blocks().await);
    for (height, hash) in ours {
        testkit::safety!(theirs.get(&height).is_none_or(|other| *other == hash), "two blocks at height {height}");
    }
    assert!(cluster.nodes[0].metric("consensus_equivocations_total").await < 0.5, "nobody signed twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_is_taken_back_and_promotions_wait_until_somebody_says_that_it_is_over() {
    let mut cluster = Cluster::new(Engine::Bft, 2, INTERVAL_MS);
    let machine = Machine::new(cluster.folder());
    assert_eq!(machine.current(), COMMITS[1]);
    let home = cluster.nodes[0].home.clone();
    // What ran before the promotion: one key was otherwise.
    let (present, before) = (home.join("node.toml"), cluster.folder().join("node.toml.before"));
    let promoted = fs::read_to_string(&present).expect("a configuration");
    fs::write(&before, &promoted).expect("written");
    fs::write(&present, format!("mempool_limit = 4096\n{promoted}")).expect("written");
    cluster.start_all();
    cluster.all_ready().await;
    assert_eq!(holds_up(&cluster).0, "ok");
    let running = machine.recover(&home, "development", &[]).refused();
    assert_eq!(running.code, "store_in_use", "{running:?}");
    assert!(!home.join("incidents").exists(), "nothing was begun");

    whole(&mut cluster, &machine, &before).await;
    assert_eq!(fs::read_to_string(&present).expect("a configuration"), promoted);
    let old = fs::read_to_string(home.join("node.toml.incident-1")).expect("it is kept");
    assert!(old.starts_with("mempool_limit = 4096\n"));
    damaged(&mut cluster, &machine).await;
    cluster.check_no_panic();
}

/// Everything on the disk is whole: the program and the configuration of before come back, and the log is replayed.
async fn whole(cluster: &mut Cluster, machine: &Machine, before: &Path) {
    let _development = testkit::contract!("S001-028");
    let home = cluster.nodes[0].home.clone();
    let last = away(cluster).await;
    let incident = machine.recover(&home, "development", &["--config-before", text(before)]).ok();
    assert_eq!((&incident["number"], &incident["recovered"]), (&1.into(), &true.into()), "{incident}");
    assert_eq!(machine.current(), COMMITS[0]);
    assert_eq!((&incident["release"], &incident["release_before"]), (&COMMITS[1].into(), &COMMITS[0].into()));
    let gates = incident["gates"].as_array().expect("gates");
    assert_eq!(gates.len(), 7, "{incident}");
    let height = incident["height"].as_u64().expect("a height");
    assert!(height >= last, "what was final is there after kill -9: {height} of {last}");
    assert_eq!(found(&incident, "store"), format!("whole to height {height}, its log is replayed"));

    is_back(cluster, last).await;
    let (verdict, said) = holds_up(cluster);
    assert_eq!((verdict.as_str(), said.as_str()), ("failed", "open: 1 (the rehearsal of development)"));
    let early = run_in(&home, &["rollout", "incident", "resolve", "1", "--by", " "]).refused();
    assert_eq!(early.code, "usage", "{early:?}");
    run_in(&home, &["rollout", "incident", "resolve", "1", "--by", "the test: it runs again"]).ok();
    assert_eq!(holds_up(cluster), ("ok".to_owned(), "none is open, 1 are resolved".to_owned()));
    let twice = run_in(&home, &["rollout", "incident", "resolve", "1", "--by", "once more"]).refused();
    assert_eq!(twice.code, "incident_state", "{twice:?}");
}

/// Store and newest snapshot are damaged: the one before it is used, and the rest comes from the other validator.
async fn damaged(cluster: &mut Cluster, machine: &Machine) {
    let _testnet = testkit::contract!("S001-033");
    let home = cluster.nodes[0].home.clone();
    let url = cluster.nodes[0].ports.rpc_url();
    let snapshot = || run_in(&home, &["snapshots", "create", "--live", "--rpc", &url]).ok();
    let first = snapshot()["height"].as_u64().expect("a height");
    cluster.nodes[0].reaches(first + 3, START_TIME).await;
    let second = snapshot()["name"].as_str().expect("a name").to_owned();
    let last = away(cluster).await;
    hurt(&home.join("data/store"));
    hurt(&home.join("snapshots").join(&second));

    // Without a snapshot nothing of the store is touched, and what was done is not done again.
    let nowhere = cluster.folder().join("nowhere");
    let stopped = machine.recover(&home, "testnet", &["--snapshots", text(&nowhere)]).refused();
    assert_eq!(stopped.code, "no_snapshot", "{stopped:?}");
    let open = run_in(&home, &["rollout", "incident", "show", "2"]).ok();
    assert_eq!((&open["recovered"], &open["height"]), (&false.into(), &Value::Null), "{open}");
    assert_eq!(machine.current(), COMMITS[1], "the release before the present one");
    let early = run_in(&home, &["rollout", "incident", "resolve", "2", "--by", "me"]).refused();
    assert_eq!(early.code, "incident_state", "{early:?}");

    let incident = machine.recover(&home, "testnet", &[]).ok();
    assert_eq!((&incident["number"], &incident["recovered"]), (&2.into(), &true.into()), "it goes on: {incident}");
    assert_eq!(machine.current(), COMMITS[1], "it was not turned twice");
    let store = found(&incident, "store");
    assert!(store.starts_with("damaged (") && store.contains(&format!("restored to height {first} from ")), "{store}");
    assert!(store.contains("passed over: ") && store.contains(&second), "{store}");
    assert!(home.join("data/store.damaged-incident-2").is_dir(), "nothing is deleted");
    assert!(
        home.join("data/wal.damaged-incident-2").is_dir(),
        "the log of consensus is of heights that the snapshot does not have"
    );
    is_back(cluster, last).await;
    // The report for others: impact, gates, and what was done.
    let report = tb().args(["rollout", "incident", "show", "2", "--home", text(&home)]).output().expect("it was built");
    let report = String::from_utf8(report.stdout).expect("text");
    for words in ["the rehearsal of testnet", "Gates on: ", "Last block in the store: not known", "restored to height"]
    {
        assert!(report.contains(words), "{words}: {report}");
    }
    let listed = run_in(&home, &["rollout", "incident", "list"]).ok();
    assert_eq!(listed["incidents"].as_array().map(Vec::len), Some(2), "{listed}");
}
