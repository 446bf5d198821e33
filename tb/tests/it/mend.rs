//! A block that rots on one node of a network: the node comes up by itself, serves nothing wrong, says what it misses, refuses wrong answers, and has
//! the block back once somebody tells the truth.

use std::time::Duration;

use primitives::{Engine, Height};
use rpc::types::{BlockId, PageQuery};

use crate::cluster::{Cluster, INTERVAL_MS, Node, START_TIME, until};
use crate::command::run_in;
use crate::repair::rot;

/// Longest time for a few questions between nodes.
const TIME: Duration = Duration::from_secs(30);
/// Flags of a node that writes to tables at once.
const TABLES: [&str; 2] = ["--set", "storage.journal_bytes_max=65536"];

/// Starts a node that writes what it has to tables, and stops it.
pub async fn to_tables(node: &mut Node) {
    node.start_with(&TABLES, &[]);
    until("a flush", START_TIME, async || {
        let text = node.client().metrics().await.ok()?;
        let flushed = text.lines().find_map(|line| line.strip_prefix("storage_journal_flushes_total "))?;
        (flushed != "0").then_some(())
    })
    .await;
    node.stop();
}

async fn is_unready_because(node: &Node, code: &str) {
    until(code, TIME, async || {
        let ready = node.client().health_ready().await.ok()?;
        ready.reasons.iter().any(|reason| reason.code == code).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotten_block_is_quarantined_and_taken_back_from_the_peer_that_tells_the_truth() {
    let mut cluster = Cluster::new(Engine::Bft, 4, INTERVAL_MS);
    cluster.start_all();
    cluster.nodes[3].reaches(8, START_TIME).await;
    cluster.nodes[3].stop();
    to_tables(&mut cluster.nodes[3]).await;
    let genesis = cluster.network.genesis.hash();
    let height = rot(&cluster.nodes[3].home, &genesis);
    // The two that are left to ask lie.
    for liar in 0..2 {
        cluster.nodes[liar].stop();
        cluster.nodes[liar].start_with(&["--set", "drill.wrong_bodies=true"], &[]);
    }
    cluster.nodes[2].stop();
    cluster.nodes[3].start();
    let node = &cluster.nodes[3];
    let seen = until("two refused answers", START_TIME, async || {
        node.client().storage_status().await.ok().filter(|seen| seen.refused >= 2)
    })
    .await;
    assert!(seen.quarantined.contains(&height) && seen.mended_from.is_some(), "height {height}: {seen:?}");
    assert_eq!((seen.refetched, seen.refused), (0, 2), "nothing wrong was taken: {seen:?}");
    is_unready_because(node, "quarantined").await;
    let refused = node.client().block(BlockId::Height(height)).await.expect_err("it is not here");
    assert!(refused.to_string().contains("damaged"), "{refused}");
    let head = node.height().await.expect("it answers");
    let page = PageQuery { before: Some(Height(head + 1)), limit: Some(100) };
    let page = node.client().blocks(page).await.expect("a page");
    assert!(page.damaged.contains(&height) && page.damaged.len() < page.blocks.len(), "{:?}", page.damaged);
    assert_eq!(
        page.blocks.len() + page.damaged.len(),
        usize::try_from(head.min(100)).expect("small"),
        "the others are given"
    );
    assert!(node.client().block(BlockId::Height(Height(head))).await.is_ok(), "what is whole is read");
    node.reaches(head + 2, START_TIME).await;

    cluster.nodes[2].start();
    let node = &cluster.nodes[3];
    let seen = until("everything to be back", START_TIME, async || {
        node.client().storage_status().await.ok().filter(|seen| seen.quarantined_total == 0)
    })
    .await;
    assert!(seen.refetched >= 1 && seen.refused == 2, "{seen:?}");
    node.ready(START_TIME).await;
    assert_eq!(node.metric("storage_mends_total").await, 1.0);
    assert_eq!(node.metric("storage_quarantined_heights").await, 0.0);
    let truth = cluster.nodes[2].client().block(BlockId::Height(height)).await.expect("a block");
    let back = node.client().block(BlockId::Height(height)).await.expect("it is back");
    // Its certificate is the one in the block after it; a peer may have kept another.
    assert_eq!((back.hash, back.header, back.transactions), (truth.hash, truth.header, truth.transactions));
    cluster.check_one_history().await;
    cluster.nodes[3].stop();
    let verified = run_in(&cluster.nodes[3].home, &["storage", "verify"]).ok();
    assert_eq!(verified["whole"], true, "{verified}");
}
