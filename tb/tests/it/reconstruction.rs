//! Pruned blocks that are given again: from a peer that has them and from a folder, never anything else than what the header commits to.

use primitives::{Engine, Height, decode, encode};
use rpc::types::{BlockId, KeptBody};
use storage::{Body, archive};

use crate::cluster::{Cluster, Node, START_TIME, until};
use crate::command::run_in;
use crate::pruning::{PRUNES, oldest, short};

/// Heights below the oldest body that are asked for.
const ASKED: u64 = 4;
/// Flags of a node that prunes nothing more and gives pruned blocks again.
const AGAIN: [&str; 2] = ["--set", "rollout.feature_gates.reconstruction=true"];

pub async fn body(node: &Node, height: Height) -> Result<Body, String> {
    let kept: KeptBody = node.client().block_body(height).await.map_err(|error| error.to_string())?;
    let body: Body = decode(&kept.bytes().expect("Base64")).expect("a body");
    Ok(Body { certificate: None, ..body })
}

pub async fn is_pruned(node: &Node, height: Height) {
    let refused = node.client().block(BlockId::Height(height)).await.expect_err("nobody has it");
    assert!(refused.to_string().contains("pruned"), "height {height}: {refused}");
}

async fn answers(node: &Node) {
    until("an answer", START_TIME, async || node.height().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pruned_blocks_are_given_again_from_peers_and_from_a_folder_and_forged_ones_are_refused() {
    let mut cluster = Cluster::with_params(Engine::Bft, 2, 40, Some(short()));
    let root = cluster.folder().join("archive");
    cluster.nodes[0].start();
    cluster.nodes[1].start_with(&PRUNES, &[]);
    // So many that the header of the first height is gone too: without one nobody gives a body again.
    let seen = oldest(&cluster.nodes[1], ASKED + 28).await;
    assert!(seen.oldest_header > Height(1), "{seen:?}");
    let (top, node) = (Height(seen.oldest_height.0 - 1), &cluster.nodes[1]);
    assert!(seen.oldest_header.0 + ASKED < top.0, "{seen:?}");
    // The gate is off.
    is_pruned(node, top).await;
    assert!(body(node, top).await.expect_err("it is gone").contains("pruned"));

    // From a peer.
    cluster.nodes[1].stop();
    cluster.nodes[1].start_with(&AGAIN, &[]);
    let (peer, node) = (&cluster.nodes[0], &cluster.nodes[1]);
    answers(node).await;
    let again = until("the block", START_TIME, async || node.client().block(BlockId::Height(top)).await.ok()).await;
    let truth = peer.client().block(BlockId::Height(top)).await.expect("it has every block");
    assert_eq!((again.hash, &again.header, &again.transactions), (truth.hash, &truth.header, &truth.transactions));
    assert_eq!(body(node, top).await, body(peer, top).await);
    let by_hash = node.client().block_events(BlockId::Hash(truth.hash)).await.expect("events");
    assert_eq!(by_hash, peer.client().block_events(BlockId::Height(top)).await.expect("events"));
    assert_eq!(node.metric("reconstruction_bodies_total").await, 1.0, "the others came out of memory");
    is_pruned(node, Height(1)).await;

    // From a folder, with the peer gone. One file is of another block, and one has rotted.
    let genesis = cluster.network.genesis.hash();
    cluster.nodes[1].stop();
    cluster.nodes[0].stop();
    let exported = run_in(&cluster.nodes[0].home, &["storage", "export", "--to", root.to_str().expect("text")]).ok();
    assert!(exported["written"].as_u64() > Some(top.0) && exported["missing"] == 0, "{exported}");
    let place = |height| root.join(archive::name(height));
    let (forged, rotten) = (Height(top.0 - 1), Height(top.0 - 2));
    let bytes = std::fs::read(place(forged)).expect("a file");
    let mut other = archive::open(&genesis, forged, &bytes).expect("whole");
    let mut block = primitives::Block::from_bytes(&other.block).expect("a block");
    block.header.supply = primitives::Amount::ZERO;
    other.block = primitives::BoundedBytes::new(encode(&block)).expect("as long");
    std::fs::write(place(forged), archive::seal(&genesis, forged, &other).expect("small")).expect("written");
    let mut bytes = std::fs::read(place(rotten)).expect("a file");
    bytes[100] ^= 1;
    std::fs::write(place(rotten), bytes).expect("written");
    let named = format!("reconstruction.archive={}", root.display());
    let flags = [&AGAIN[..], &["--set", &named]].concat();
    cluster.nodes[1].start_with(&flags, &[]);
    let node = &cluster.nodes[1];
    answers(node).await;
    let again = node.client().block(BlockId::Height(top)).await.expect("it is in the folder");
    assert_eq!(again.hash, truth.hash);
    is_pruned(node, forged).await;
    is_pruned(node, rotten).await;
    assert_eq!(node.metric("reconstruction_refused_total").await, 2.0);
    let log = node.log();
    for height in [forged, rotten] {
        assert!(log.contains(&*place(height).to_string_lossy()), "the file of height {height} is named");
    }

    // A peer that lies is refused as well.
    cluster.nodes[0].start_with(&["--set", "drill.wrong_bodies=true"], &[]);
    let node = &cluster.nodes[1];
    until("a refused answer", START_TIME, async || {
        is_pruned(node, forged).await;
        let peers = node.client().metrics().await.ok()?;
        peers.lines().any(|line| line == "reconstruction_refused_total{source=\"peer\"} 1").then_some(())
    })
    .await;
    cluster.check_no_panic();
}
