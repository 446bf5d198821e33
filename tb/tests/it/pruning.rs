//! A node that deletes old blocks, on a real disk, and stores of older programs that are brought forward.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::StreamExt;
use primitives::params::{EvidenceParams, StakingParams};
use primitives::{Engine, Height, Params};
use rpc::types::{BlockId, GateKind, PruningStatus};
use serde_json::Value;

use crate::cluster::{Cluster, Node, START_TIME, until};
use crate::command::{run_in, tb};

/// Heights of an epoch of these chains.
const EPOCH: u64 = 4;
/// Time between blocks, milliseconds.
const QUICK_MS: u64 = 40;
/// Longest time for a few dozen blocks.
const TIME: Duration = Duration::from_secs(30);
/// Flags of a node that prunes as soon as it may, and takes the room back often.
pub const PRUNES: [&str; 9] = [
    "--pruning",
    "--pruning-retention-depth",
    "16",
    "--set",
    "pruning.compact_bytes=16384",
    "--set",
    "pruning.pause_ms=10",
    "--set",
    "pruning.open_windows_max=2",
];

/// Values of genesis with which evidence counts for 24 heights, and headers are trusted for 40.
pub fn short() -> Params {
    let staking = StakingParams { unbonding_epochs: 16, trusting_epochs: 10, ..StakingParams::default() };
    let evidence = EvidenceParams { age_epochs: 5, delay_epochs: 1, together_epochs: 5, ..EvidenceParams::default() };
    Params { epoch_blocks: EPOCH, window_blocks: 8, staking, evidence, ..Params::default() }
}

async fn status(node: &Node) -> PruningStatus {
    until("the status of pruning", START_TIME, async || node.client().pruning_status().await.ok()).await
}

/// Waits until the oldest block that is kept is at least this high.
pub async fn oldest(node: &Node, height: u64) -> PruningStatus {
    until("blocks to be deleted", TIME, async || {
        let status = node.client().pruning_status().await.ok()?;
        (status.oldest_height >= Height(height)).then_some(status)
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_prunes_drops_old_blocks_keeps_their_headers_and_says_so() {
    let _verified = testkit::contract!("S000-111");
    let mut cluster = Cluster::with_params(Engine::Solo, 1, QUICK_MS, Some(short()));
    let node = &mut cluster.nodes[0];
    node.start_with(&PRUNES, &[]);
    let seen = oldest(node, 60).await;
    assert!(seen.active && seen.failure.is_none() && !seen.emergency_pause, "{seen:?}");
    assert_eq!((seen.held_by.as_str(), seen.retention_depth), ("evidence_window", 16), "{seen:?}");
    let head = node.client().node_status().await.expect("a status");
    assert!(head.finalized_height.0 - seen.oldest_height.0 >= 23, "the evidence window is kept: {seen:?}");
    let gate = head.gates.iter().find(|gate| gate.name == "pruning").expect("the gate is shown");
    assert_eq!((gate.active, gate.kind), (true, GateKind::Local));
    assert!(seen.oldest_header > Height(1) && seen.oldest_header < seen.oldest_height, "{seen:?}");
    let checkpoint = seen.checkpoint.expect("something was deleted");
    assert_eq!((checkpoint.height.next(), seen.removed_blocks), (seen.oldest_height, checkpoint.height.0));

    // A height without a block is refused by name, and its header is still given while it may be trusted.
    let refused = run_in(&node.home, &["block", "show", "1", "--rpc", &node.ports.rpc_url()]).refused();
    assert_eq!(refused.code, "pruned", "{refused:?}");
    let kept = Height(checkpoint.height.0 - 1);
    let gone = node.client().block_at(kept).await.expect_err("its block is gone");
    assert!(gone.to_string().contains("pruned"), "{gone}");
    node.client().certified_block(BlockId::Height(kept)).await.expect("its header and certificate are kept");
    assert!(node.metric("pruning_removed_blocks_total").await >= 59.0);
    assert!(node.metric("storage_oldest_height").await >= 60.0);
    until("the disk to have the room back", TIME, async || {
        (node.metric("pruning_compactions_total").await >= 1.0).then_some(())
    })
    .await;
    assert!(node.metric("pruning_compacted_bytes_total").await > 0.0);
    is_told_at_each_change(node).await;

    // The emergency pause is taken while the node runs, and blocks go on.
    run_in(&node.home, &["config", "set", "pruning.emergency_pause", "true"]).ok();
    let paused =
        until("the pause", TIME, async || Some(status(node).await).filter(|seen| seen.state == "paused")).await;
    let later = paused.prunable_to.0 + 40;
    node.reaches(later, TIME).await;
    assert_eq!(status(node).await.oldest_height, paused.oldest_height, "nothing goes meanwhile");
    assert!((node.metric("pruning_paused").await - 1.0).abs() < f64::EPSILON);
    run_in(&node.home, &["config", "set", "pruning.emergency_pause", "false"]).ok();
    oldest(node, paused.oldest_height.0 + 10).await;

    // What is left is whole, and the checkpoint is that of the header. Then the node goes on from there.
    node.stop();
    let verified = run_in(&node.home, &["storage", "verify"]).ok();
    assert_eq!((&verified["whole"], &verified["findings_total"]), (&true.into(), &0.into()), "{verified}");
    assert!(verified["checkpoint"].as_u64() >= Some(69), "{verified}");
    // Nobody has proven this chain, so nothing covers what is gone, and that is said.
    assert_eq!(
        (&verified["pruned_to"], &verified["covered_to"]),
        (&verified["checkpoint"], &Value::Null),
        "{verified}"
    );
    assert_eq!(verified["pruned_is_covered"], false, "{verified}");
    let told = tb().args(["storage", "verify", "--home"]).arg(&node.home).output().expect("it was built");
    let told = String::from_utf8(told.stdout).expect("text");
    assert!(told.contains("not covered: there is no chain proof"), "{told}");
    let height = verified["height"].as_u64().expect("a height");
    node.start_with(&PRUNES, &[]);
    node.reaches(height + 3, TIME).await;
    cluster.check_no_panic();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_dies_while_it_prunes_starts_again_with_a_whole_store() {
    let mut cluster = Cluster::with_params(Engine::Solo, 1, QUICK_MS, Some(short()));
    let node = &mut cluster.nodes[0];
    for point in ["prune_after_write", "prune_after_sync", "compact_before", "compact_after"] {
        node.start_with(&[&PRUNES[..], &["--crash-at", point]].concat(), &[]);
        let ended = node.ended(TIME);
        assert!(!ended.success(), "{point}: it died on purpose");
        let verified = run_in(&node.home, &["storage", "verify"]).ok();
        assert_eq!(verified["whole"], true, "{point}: {verified}");
    }
    node.start_with(&PRUNES, &[]);
    let before = status(node).await.oldest_height.0;
    oldest(node, before + 5).await;
}

/// The stream tells the status at once, and again when it has changed.
async fn is_told_at_each_change(node: &Node) {
    let mut stream = node.client().pruning_stream().await.expect("a stream");
    let first = stream.next().await.expect("it is open").expect("the status");
    assert!(first.active && first.oldest_height >= Height(60), "{first:?}");
    let changes = async {
        loop {
            let told = stream.next().await.expect("it is open").expect("the status");
            assert_ne!(told, first, "what is told has changed");
            if told.oldest_height > first.oldest_height {
                return;
            }
        }
    };
    tokio::time::timeout(TIME, changes).await.expect("more is deleted");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).expect("copied");
        }
    }
}

#[test]
fn a_home_of_the_shipped_schema_is_refused_until_it_is_migrated() {
    let _migrate = testkit::contract!("S000-022");
    let _refused = testkit::contract!("S000-023");
    let shipped = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fixtures/home_schema_4");
    let folder = tempfile::tempdir().expect("a folder");
    let home = folder.path().join("home");
    let genesis = shipped.join("genesis.json");
    let genesis = genesis.to_str().expect("text");
    run_in(&home, &["init", "--mode", "node", "--moniker", "old", "--genesis", genesis]).ok();
    copy(&shipped.join("store"), &home.join("data/store"));
    let start =
        |words: &[&str]| run_in(&home, &[&["node", "start", "--set", "rpc.listen=127.0.0.1:0"], words].concat());
    let refused = start(&[]).refused();
    assert!(refused.error.contains("schema 4") && refused.hint.contains("tb migrate"), "{refused:?}");

    let migrate = |words: &[&str]| run_in(&home, &[&["migrate"], words].concat());
    let planned = migrate(&["--dry-run"]).ok();
    assert_eq!((&planned["old_schema"], &planned["new_schema"]), (&4.into(), &5.into()), "{planned}");
    assert_eq!((&planned["done"], &planned["changed"]), (&false.into(), &false.into()), "{planned}");
    assert!(start(&[]).refused().error.contains("schema 4"), "nothing was written");
    for point in ["migrate_before_write", "migrate_after_write"] {
        let ended = tb().args(["migrate", "--crash-at", point, "--home"]).arg(&home).output().expect("it ran");
        assert!(!ended.status.success(), "{point}");
    }
    let done = migrate(&[]).ok();
    assert_eq!((&done["new_schema"], &done["done"]), (&5.into(), &true.into()), "{done}");
    let again = migrate(&[]).ok();
    assert_eq!((&again["old_schema"], &again["changed"]), (&5.into(), &false.into()), "{again}");
    let verified = run_in(&home, &["storage", "verify"]).ok();
    assert_eq!(verified["whole"], true, "{verified}");

    // Another chain, no store at all, and a point that does not exist.
    let other = folder.path().join("other");
    run_in(&other, &["init", "--mode", "node", "--moniker", "other", "--genesis", genesis]).ok();
    assert_eq!(run_in(&other, &["migrate"]).refused().code, "store_missing");
    assert_eq!(migrate(&["--crash-at", "nowhere"]).refused().code, "usage");
}
