//! A store that rots beyond what can be mended: the node moves it aside, takes the chain again by itself, and its validator signs above what it had signed.
//! Where a vote could be forgotten, the start is refused and everything is as it was.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use primitives::{Address, Engine, Hash, Height, encode};
use rpc::types::{BlockId, StorageStatus};
use serde_json::Value;
use storage::{Store, StoreConfig, Verify};

use crate::cluster::{Cluster, INTERVAL_MS, Node, START_TIME, until};
use crate::command::run_in;
use crate::mend::to_tables;
use crate::peer_sync::copy_folder;

/// Longest time for a rebuilt node to be where the others are, and to sign.
const TIME: Duration = Duration::from_secs(60);
/// The node whose disk lies.
pub const VICTIM: usize = 3;

/// Every file below a folder.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Every file below a folder with its bytes.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    files(folder).into_iter().map(|path| (path.clone(), fs::read(path).expect("a file"))).collect()
}

fn open(home: &Path, genesis: &Hash) -> Store {
    let path = home.join("data/store");
    Store::open(&StoreConfig::Disk { path, verify: Verify::Recent }, genesis).expect("whole")
}

/// Flips a bit of these bytes in the first file that holds them.
fn flip(home: &Path, wanted: &[u8], is_looked_at: impl Fn(&Path) -> bool) {
    for path in files(&home.join("data/store/store")).into_iter().filter(|path| is_looked_at(path)) {
        let mut bytes = fs::read(&path).expect("a file");
        if let Some(at) = bytes.windows(wanted.len()).position(|part| part == wanted) {
            bytes[at + wanted.len() / 2] ^= 4;
            fs::write(&path, bytes).expect("written");
            return;
        }
    }
    panic!("no file holds these {} bytes", wanted.len());
}

/// Flips a bit of a slot of the ledger in a table.
fn rot_state(home: &Path, genesis: &Hash) {
    let store = open(home, genesis);
    let slot = encode(&store.load_slots().expect("whole")[0]);
    drop(store);
    flip(home, &slot, |path| path.parent().is_some_and(|folder| folder.ends_with("tables")));
}

/// Flips a bit of the last block, which lies in a journal.
fn rot_last_block(home: &Path, genesis: &Hash) {
    let store = open(home, genesis);
    let head = store.head().expect("blocks").height;
    let block = store.block(head).expect("whole").expect("kept");
    drop(store);
    flip(home, &block[..96], |path| path.extension().is_some_and(|end| end == "jnl"));
}

/// Address and highest signed height of the validator in a home.
pub fn signer(home: &Path) -> (Address, u64) {
    let key = wallet::ValidatorKey::load(&home.join("validator_key.json"), None).expect("the key").key;
    let guard = wallet::signer::look(&home.join("guard/guard.log")).expect("a guard");
    (Address::of_key(&key.consensus.public_key()), guard.highest.expect("it has signed").0.0)
}

/// Waits until the node has the blocks of its peers with the same roots, and its key signs above what it had signed.
async fn is_back(cluster: &Cluster, signed: (Address, u64), by: &str) -> StorageStatus {
    let (node, peer) = (&cluster.nodes[VICTIM], &cluster.nodes[0]);
    let goal = cluster.highest().await;
    node.reaches(goal, TIME).await;
    let height = BlockId::Height(Height(goal));
    let (mine, theirs) = (node.client().block(height).await, peer.client().block(height).await);
    let (mine, theirs) = (mine.expect("a block"), theirs.expect("a block"));
    // Each has its own certificate of the last block; the header has every root.
    assert_eq!((mine.hash, mine.header), (theirs.hash, theirs.header), "height {goal}");
    let status = node.client().storage_status().await.expect("a status");
    assert_eq!(status.rebuilt_by.as_deref(), Some(by), "{status:?}");
    let aside = PathBuf::from(status.rebuilt_from.as_deref().expect("a path"));
    assert!(aside.join("store/head").exists(), "the damaged store is kept: {}", aside.display());
    assert_eq!(node.metric("storage_rebuilds_total").await, 1.0);
    let mut next = signed.1.max(goal) + 1;
    until("a signature of the rebuilt validator", TIME, async || {
        while let Ok(block) = peer.client().certified_block(BlockId::Height(Height(next))).await {
            let (_, certificate, _) = block.decode().expect("a block");
            if certificate.signatures.iter().any(|one| one.address == signed.0) {
                return Some(());
            }
            next += 1;
        }
        None
    })
    .await;
    assert!(signer(&node.home).1 > signed.1, "it signs above what it had signed");
    for node in &cluster.nodes {
        testkit::safety!(node.metric("consensus_equivocations_total").await < 0.5, "somebody signed twice");
    }
    cluster.check_no_panic();
    status
}

/// A start that must be refused with the damage, for a reason that the log names; nothing has changed.
fn is_refused_as_it_was(node: &Node, reason: &str) {
    let before = contents(&node.home.join("data/store"));
    let wal = contents(&node.home.join("data/wal"));
    let refused = node.start_refused(&[], &[]);
    let (log, refused) = (refused.stderr.clone(), refused.refused());
    assert!(refused.error.contains("damaged") || refused.error.contains("missing"), "{refused:?}");
    assert!(log.contains("storage.rebuild_refused") && log.contains(reason), "{reason}: {log}");
    assert!(contents(&node.home.join("data/store")) == before, "the store is as it was");
    assert!(contents(&node.home.join("data/wal")) == wal, "the log is as it was");
    assert!(!node.home.join("data/store.rebuilding").exists() && !node.home.join("data/store.rebuilt").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_beyond_mending_is_moved_aside_and_the_chain_is_taken_again() {
    let mut cluster = Cluster::new(Engine::Bft, 4, INTERVAL_MS);
    cluster.start_all();
    cluster.nodes[VICTIM].reaches(6, START_TIME).await;
    cluster.nodes[VICTIM].stop();
    let (home, genesis) = (cluster.nodes[VICTIM].home.clone(), cluster.network.genesis.hash());

    // The state, and nobody has a snapshot: all blocks from genesis on.
    to_tables(&mut cluster.nodes[VICTIM]).await;
    rot_state(&home, &genesis);
    guard_and_log_come_first(&cluster.nodes[VICTIM], &home);
    let signed = signer(&home);
    cluster.nodes[VICTIM].start();
    is_back(&cluster, signed, "genesis").await;
    cluster.check_one_history().await;

    // A journal. Two peers have a snapshot, and one of them alters what it gives. The process dies after each move.
    let made = cluster.nodes[0].client().make_snapshot().await.expect("a snapshot");
    cluster.nodes[1].stop();
    copy_folder(&cluster.nodes[0].home.join("snapshots"), &cluster.nodes[1].home.join("snapshots"));
    cluster.nodes[1].start_with(&["--set", "drill.wrong_chunks=true"], &[]);
    cluster.nodes[1].ready(START_TIME).await;
    cluster.nodes[VICTIM].stop();
    rot_last_block(&home, &genesis);
    let signed = signer(&home);
    for point in ["rebuild_filled", "rebuild_log_aside", "rebuild_store_aside"] {
        cluster.nodes[VICTIM].start_with(&["--crash-at", point], &[]);
        assert_eq!(cluster.nodes[VICTIM].ended(TIME).code(), None, "it died at {point}");
    }
    assert!(!home.join("data/store").exists(), "no store is in place");
    cluster.nodes[VICTIM].start();
    let node = &cluster.nodes[VICTIM];
    let goal = cluster.highest().await;
    node.reaches(goal, TIME).await;
    let refused = node.client().block(BlockId::Height(Height(1))).await.expect_err("it began with a snapshot");
    assert!(refused.to_string().contains(&format!("begin at height {}", made.height.0 + 1)), "{refused}");
    let told = fs::read_to_string(home.join("data/state_sync.json")).expect("a report");
    let told: Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!(told["height"], made.height.0, "{told}");
    let log = node.log();
    let dropped = log.lines().find(|line| line.contains("this source is not asked any more"));
    assert!(dropped.is_some_and(|line| line.contains("does not have the bytes")), "the liar is named: {dropped:?}");
    assert!(signer(&home).1 >= signed.1, "the guard is where it was");

    // The last block, and an own snapshot.
    let own = cluster.nodes[VICTIM].client().make_snapshot().await.expect("a snapshot");
    cluster.nodes[VICTIM].reaches(own.height.0 + 2, TIME).await;
    cluster.nodes[VICTIM].stop();
    rot_last_block(&home, &genesis);
    let signed = signer(&home);
    cluster.nodes[VICTIM].start_with(&["--crash-at", "rebuild_in_place"], &[]);
    assert_eq!(cluster.nodes[VICTIM].ended(TIME).code(), None, "it died with everything in place");
    cluster.nodes[VICTIM].start();
    let goal = cluster.highest().await;
    let node = &cluster.nodes[VICTIM];
    node.reaches(goal.max(signed.1 + 2), TIME).await;
    let refused = node.client().block(BlockId::Height(Height(1))).await.expect_err("it began with a snapshot");
    assert!(refused.to_string().contains(&format!("begin at height {}", own.height.0 + 1)), "{refused}");
    cluster.nodes[VICTIM].stop();
    let verified = run_in(&home, &["storage", "verify"]).ok();
    assert_eq!(verified["whole"], true, "{verified}");

    // Three lie aside: now somebody must look.
    rot_last_block(&home, &genesis);
    is_refused_as_it_was(&cluster.nodes[VICTIM], "3 damaged stores lie aside");
    cluster.check_no_panic();
}

/// Where a vote could be forgotten, nothing is moved.
fn guard_and_log_come_first(node: &Node, home: &Path) {
    for (file, at, reason) in [("guard/guard.log", 150, "guard.log"), ("data/wal/consensus.wal", 0, "consensus.wal")] {
        let path = home.join(file);
        let good = fs::read(&path).expect("a file");
        let mut bad = good.clone();
        bad[at] ^= 64;
        fs::write(&path, bad).expect("written");
        is_refused_as_it_was(node, reason);
        fs::write(&path, good).expect("written");
    }
    // An older guard than the log knows is seen only where the log holds a message; a missing one always is.
    let guard = home.join("guard/guard.log");
    let good = fs::read(&guard).expect("a guard");
    fs::remove_file(&guard).expect("removed");
    is_refused_as_it_was(node, "guard.log");
    assert!(!guard.exists(), "a start never makes a guard");
    fs::write(&guard, good).expect("written");
}
