//! A disk that lies: the store is refused by name, built anew from a running node, and the node goes on. And the marks of a signer between homes.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use primitives::params::{EvidenceParams, StakingParams};
use primitives::{Engine, Height, Params};
use storage::{Store, StoreConfig, Verify};
use testkit::bucket::{BUCKET, Bucket};

use crate::bucket;
use crate::cluster::{Cluster, INTERVAL_MS, START_TIME, free_base, until};
use crate::command::run_in;

/// Longest time for a few dozen blocks.
const TIME: Duration = Duration::from_secs(30);
/// Flags of a node whose older blocks are in tables soon, because it prunes and takes the room back.
const TABLES: [&str; 7] = [
    "--pruning",
    "--pruning-retention-depth",
    "16",
    "--set",
    "pruning.compact_bytes=16384",
    "--set",
    "pruning.open_windows_max=1",
];

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn copy(from: &Path, to: &Path) {
    for file in files(from) {
        let target = to.join(file.strip_prefix(from).expect("below it"));
        fs::create_dir_all(target.parent().expect("a folder")).expect("a folder");
        fs::copy(&file, &target).expect("copied");
    }
}

/// The tables of the store of a home.
pub fn tables(home: &Path) -> Vec<PathBuf> {
    let mut found = files(&home.join("data/store"));
    found.retain(|path| path.parent().is_some_and(|folder| folder.ends_with("tables")));
    found
}

/// A decided block that lies in a table of the store.
pub struct Victim {
    table: PathBuf,
    at: usize,
    /// Its height.
    pub height: Height,
}

impl Victim {
    /// Flips one bit of it.
    pub fn rots(&self) {
        let mut bytes = fs::read(&self.table).expect("a table");
        bytes[self.at + 100] ^= 4;
        fs::write(&self.table, bytes).expect("written");
    }
}

/// Flips one bit of a decided block that lies in a table of the store of a stopped node; gives its height.
pub fn rot(home: &Path, genesis: &primitives::Hash) -> Height {
    let victim = victim(home, genesis);
    victim.rots();
    victim.height
}

/// Finds a decided block that lies in a table of the store of a stopped node.
pub fn victim(home: &Path, genesis: &primitives::Hash) -> Victim {
    let path = home.join("data/store");
    let store = Store::open(&StoreConfig::Disk { path, verify: Verify::Recent }, genesis).expect("whole");
    let head = store.head().expect("blocks").height;
    let blocks: Vec<(Height, Vec<u8>)> = (store.oldest().0..=head.0)
        .map(|height| (Height(height), store.block(Height(height)).expect("whole").expect("kept")))
        .collect();
    drop(store);
    // Candidates, in a space of the engine before that of decided blocks, may hold a block too; hurt there, no store is built anew (RCV-30).
    let space = |table: &Path| table.parent().map(Path::to_owned);
    let mut found: Option<(PathBuf, usize, Height)> = None;
    for table in tables(home) {
        let bytes = fs::read(&table).expect("a table");
        let holds = |block: &[u8]| bytes.windows(96).position(|part| part == &block[..96]);
        let first = blocks.iter().find_map(|(height, block)| Some((holds(block)?, *height)));
        let is_later = found.as_ref().is_none_or(|(other, ..)| space(other) < space(&table));
        if let Some((at, height)) = first.filter(|_| is_later) {
            found = Some((table, at, height));
        }
    }
    let (table, at, height) = found.unwrap_or_else(|| panic!("no block of {} is in a table", blocks.len()));
    Victim { table, at, height }
}

/// How many damaged stores lie aside in a home.
fn aside(home: &Path) -> usize {
    let entries = fs::read_dir(home.join("data/store")).expect("a folder").map(|entry| entry.expect("an entry"));
    entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("store.damaged")).count()
}

/// An archive that is none is refused, and nothing is made in it.
fn refused_folders(home: &Path) {
    let folder = home.parent().expect("a folder of the test");
    let (empty, missing) = (folder.join("empty"), folder.join("missing"));
    fs::create_dir(&empty).expect("a folder");
    for place in [&empty, &missing] {
        let refused = run_in(home, &["storage", "repair", "--archive", place.to_str().expect("text")]).refused();
        assert_eq!((refused.code.as_str(), refused.exit), ("archive_missing", 5), "{refused:?}");
    }
    assert!(files(&empty).is_empty() && !missing.exists(), "nothing was made");
    let own = run_in(home, &["storage", "repair", "--archive", home.to_str().expect("text")]).refused();
    assert_eq!(own.exit, 2, "its own store: {own:?}");
}

/// What an archive node wrote serves as well as a running node, in a folder or in a bucket, and so does the home of a stopped node.
fn archives_serve_as_well(folder: &Path, whole: &Path, damaged: &Path, height: Height) {
    let export = folder.join("export");
    let bucket = Bucket::start();
    let (export, in_bucket) = (export.to_str().expect("text"), format!("s3://{BUCKET}/repair"));
    bucket::configure(whole, &bucket);
    for to in [export, &in_bucket] {
        run_in(whole, &["storage", "export", "--to", to]).ok();
    }
    for (name, archive) in [("third", export), ("fourth", whole.to_str().expect("text")), ("fifth", &in_bucket)] {
        let home = folder.join(name);
        copy(damaged, &home);
        bucket::configure(&home, &bucket);
        let repaired = run_in(&home, &["storage", "repair", "--archive", archive]).ok();
        let refetched = repaired["refetched_heights"].as_array().expect("a list");
        assert!(refetched.contains(&height.0.into()), "height {height} from {archive}: {repaired}");
        assert_eq!(run_in(&home, &["storage", "verify"]).ok()["whole"], true);
    }
    assert_eq!(bucket.refused(), 0, "every request was signed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_rotted_is_built_anew_from_a_running_node() {
    let staking = StakingParams { unbonding_epochs: 16, trusting_epochs: 10, ..StakingParams::default() };
    let evidence = EvidenceParams { age_epochs: 5, delay_epochs: 1, together_epochs: 5, ..EvidenceParams::default() };
    let params = Params { epoch_blocks: 4, window_blocks: 8, staking, evidence, ..Params::default() };
    let mut cluster = Cluster::with_params(Engine::Solo, 1, 40, Some(params));
    let [copied, second] = ["copied", "second"].map(|name| cluster.folder().join(name));
    let genesis = cluster.network.genesis.hash();
    let node = &mut cluster.nodes[0];
    node.start_with(&TABLES, &[]);
    node.ready(START_TIME).await;
    until("blocks to be in tables", TIME, async || {
        (node.metric("pruning_compactions_total").await >= 1.0).then_some(())
    })
    .await;
    node.stop();
    copy(&node.home, &copied);
    // The other node goes on, and deletes nothing more.
    node.start();
    node.ready(START_TIME).await;
    let height = rot(&copied, &genesis);
    copy(&copied, &second);

    let start = || {
        run_in(&copied, &["node", "start", "--set", "rpc.listen=127.0.0.1:0", "--set", "storage.mend=false"]).refused()
    };
    let refused = start();
    assert!(refused.error.contains("damaged"), "{refused:?}");
    let dead = format!("http://127.0.0.1:{}", free_base(1));
    let nobody = run_in(&copied, &["storage", "repair", "--peer-url", &dead]).refused();
    assert_eq!((nobody.code.as_str(), nobody.exit), ("no_source", 3), "{nobody:?}");
    assert!(nobody.error.contains(&format!("no source answers: no connection to {dead}")), "{nobody:?}");
    refused_folders(&copied);
    assert_eq!(start().error, refused.error, "the damaged store is as it was");
    let url = node.ports.rpc_url();
    let repaired = run_in(&copied, &["storage", "repair", "--peer-url", &dead, "--peer-url", &url]).ok();
    let refetched = repaired["refetched_heights"].as_array().expect("a list");
    assert!(refetched.contains(&height.0.into()), "height {height}: {repaired}");
    assert!(Path::new(repaired["aside"].as_str().expect("a path")).exists(), "the damaged store is kept: {repaired}");
    let verified = run_in(&copied, &["storage", "verify"]).ok();
    assert_eq!((&verified["whole"], &verified["height"]), (&true.into(), &repaired["height"]), "{verified}");
    let again = run_in(&copied, &["storage", "repair", "--peer-url", &url]).ok();
    assert_eq!(
        (&again["aside"], &again["refetched"]),
        (&serde_json::Value::Null, &0.into()),
        "nothing to repair: {again}"
    );
    assert_eq!(aside(&copied), 1, "a whole store is not moved aside");
    archives_serve_as_well(cluster.folder(), &copied, &second, height);
    let none = run_in(&cluster.folder().join("nowhere"), &["storage", "repair"]).refused();
    assert_ne!(none.exit, 0, "{none:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn marks_of_a_signer_are_taken_along_while_its_node_is_stopped() {
    let mut cluster = Cluster::new(Engine::Solo, 1, INTERVAL_MS);
    let file = cluster.folder().join("protection.json");
    let path = file.to_str().expect("text");
    let node = &mut cluster.nodes[0];
    node.start();
    node.reaches(3, START_TIME).await;
    let home = node.home.clone();
    let export = || run_in(&home, &["validator", "slashing", "export", "--path", path]);
    let running = export().refused();
    assert_eq!(running.code, "guard", "a node that signs is not exported: {running:?}");
    node.stop();
    let exported = export().ok();
    assert!(exported["highest"]["height"].as_u64() >= Some(3), "{exported}");
    assert_eq!(export().refused().code, "file_exists", "a file that is there is not written over");
    let import = || run_in(&home, &["validator", "slashing", "import", "--from", path]);
    let same = import().ok();
    assert_eq!((&same["changed"], &same["after"]), (&false.into(), &exported["highest"]), "{same}");
    // A guard that was lost: nobody knows whether the key has signed after the export, so it takes a reason, which is kept.
    let (guard, notes) = (home.join("guard/guard.log"), home.join("guard/overrides.log"));
    fs::remove_file(&guard).expect("it was there");
    let missing = node.start_refused(&[], &[]).refused();
    assert!(missing.hint.contains("tb validator slashing import"), "{missing:?}");
    let refused = import().refused();
    assert_eq!((refused.code.as_str(), refused.exit), ("old_guard", 4), "{refused:?}");
    assert!(!guard.exists() && !notes.exists(), "nothing was made");
    let with =
        ["validator", "slashing", "import", "--from", path, "--override-guard", "the export is of the last stop"];
    let made = run_in(&home, &with).ok();
    assert_eq!((&made["changed"], &made["after"]), (&true.into(), &exported["highest"]), "{made}");
    let note: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(&notes).expect("it is kept")).expect("one line");
    assert_eq!((&note["reason"], &note["guard_height"]), (&with[6].into(), &exported["highest"]["height"]), "{note}");
    node.start();
    node.reaches(6, START_TIME).await;
    node.stop();
    let text = fs::read_to_string(&file).expect("the export");
    let other = text.replace(&exported["genesis"].as_str().expect("text")[..8], "00000000");
    fs::write(&file, other).expect("written");
    assert_eq!(import().refused().code, "guard", "another chain");
}
