//! What a node remembers of its peers, where it keeps it, and what it counts on the way.

use std::path::Path;

use primitives::Engine;
use serde_json::Value;

use crate::cluster::{Cluster, INTERVAL_MS, START_TIME, until};

/// Tries of one write of the peer store (`p2p::store::PERSIST_TRIES_MAX`).
const TRIES: f64 = 3.0;

/// The entries of one of the files.
fn entries(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn peer_files_lie_where_the_environment_says_and_outlive_a_restart() {
    let (_overlay, _peers) = (testkit::contract!("S003-151"), testkit::contract!("S003-153"));
    let (_quic, _history) = (testkit::contract!("S003-155"), testkit::contract!("S003-156"));
    let (_attempts, _successes) = (testkit::contract!("S004-170"), testkit::contract!("S004-171"));
    let _connections = testkit::contract!("S004-167");
    let mut cluster = Cluster::new(Engine::Bft, 4, INTERVAL_MS);
    let folder = cluster.folder().join("elsewhere");
    let names = ["overlay.json", "peers.json", "quic.json", "keys.json"];
    let paths = names.map(|name| folder.join(name));
    let variables = ["TB_OVERLAY_DB_PATH", "TB_PEER_DB_PATH", "TB_QUIC_PEER_DB_PATH", "TB_PEER_KEY_HISTORY_PATH"];
    let environment: Vec<(&str, &str)> =
        variables.iter().zip(&paths).map(|(name, path)| (*name, path.to_str().expect("text"))).collect();
    cluster.nodes[0].start_with(&[], &environment);
    cluster.start_all();
    cluster.all_ready().await;
    let node = &cluster.nodes[0];
    until("a written peer store", START_TIME, async || {
        (node.metric("overlay_persist_success_total").await >= 1.0).then_some(())
    })
    .await;
    assert!(node.metric("overlay_persist_attempts_total").await >= 1.0);
    assert!(node.metric("overlay_persist_failure_total").await < 0.5);
    assert!(node.metric("transport_provider_connect_total").await >= 3.0, "one connection for each of the others");
    cluster.nodes[0].stop();
    let home = cluster.nodes[0].home.clone();
    for usual in ["overlay", "peer_db", "peer_db_quic", "peer_key_history"] {
        assert!(!home.join(usual).exists(), "{usual} is not where it was told to be");
    }
    let [overlay, peers, quic, keys] = paths.each_ref().map(|path| entries(path));
    assert_eq!(overlay.len(), 3, "all others are remembered");
    assert!(overlay.iter().all(|peer| peer["last_seen_unix_ms"].as_u64() > Some(1) && peer["addresses"].is_array()));
    // Only who earned or lost points has a record, and only who was dialled an address that worked.
    assert!(peers.iter().all(|peer| peer["points"].is_i64() && peer["bans"].is_u64()));
    assert!(quic.iter().all(|peer| peer["address"].to_string().contains("quic")), "{quic:?}");
    assert!(keys.iter().all(|record| record["peer"].is_string()), "{keys:?}");
    // It starts again from these files, and no list of peers.
    cluster.nodes[0].start_with(&["--set", "p2p.peers=", "--set", "p2p.exchange_peers=false"], &environment);
    let node = &cluster.nodes[0];
    until("the others again", START_TIME, async || {
        node.height().await?;
        (node.metric("p2p_peers").await >= 3.0).then_some(())
    })
    .await;
    assert_eq!(entries(&paths[0]).len(), 3, "what it knew is still there");
    cluster.check_no_panic();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_store_that_cannot_be_written_is_counted_and_stops_nothing() {
    let _failures = testkit::contract!("S004-172");
    let mut cluster = Cluster::new(Engine::Bft, 2, INTERVAL_MS);
    // A file where a folder is needed: no try can succeed.
    let file = cluster.folder().join("file");
    std::fs::write(&file, b"").expect("written");
    let path = file.join("overlay.json");
    cluster.nodes[0].start_with(&[], &[("TB_OVERLAY_DB_PATH", path.to_str().expect("text"))]);
    cluster.start_all();
    cluster.all_ready().await;
    let node = &cluster.nodes[0];
    let failures = until("a write that is given up", START_TIME, async || {
        let failures = node.metric("overlay_persist_failure_total").await;
        (failures >= 1.0).then_some(failures)
    })
    .await;
    assert!((node.metric("overlay_persist_attempts_total").await - TRIES * failures).abs() < 0.5, "a bounded budget");
    assert!(node.metric("overlay_persist_success_total").await < 0.5);
    let height = node.height().await.expect("it answers");
    node.reaches(height + 2, START_TIME).await;
    cluster.check_one_history().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_peer_stores_were_purged_rejoins_from_one_bootstrap_peer() {
    let _recovery = testkit::contract!("S003-140");
    let mut cluster = Cluster::of_four().await;
    let home = cluster.nodes[0].home.clone();
    cluster.nodes[0].stop();
    let overlay = home.join("overlay/overlay_peers.json");
    assert_eq!(entries(&overlay).len(), 3, "it knew all others");
    std::fs::remove_file(&overlay).expect("the overlay store");
    for store in ["peer_db", "peer_db_quic", "peer_key_history"] {
        // Only who earned points or was dialled has a record in each of them.
        let _ = std::fs::remove_file(home.join(store));
    }
    until("the others to miss it", START_TIME, async || {
        let missed = cluster.nodes[1].metric("partition_watch_affected_peers").await;
        // One that is away is missed, and is no partition.
        let suspected = cluster.nodes[1].metric("partition_watch_suspected").await;
        (missed > 0.5 && suspected < 0.5).then_some(())
    })
    .await;
    let bootstrap = format!("p2p.peers=/ip4/127.0.0.1/udp/{}/quic-v1", cluster.nodes[1].ports.p2p);
    cluster.nodes[0].start_with(&["--set", &bootstrap], &[]);
    until("everybody to find everybody", START_TIME, async || {
        cluster.nodes[0].height().await?;
        let found = cluster.nodes[0].metric("p2p_peers").await;
        let mut missed = 0.0;
        for node in &cluster.nodes {
            missed += node.metric("partition_watch_affected_peers").await;
            missed += node.metric("partition_watch_suspected").await;
        }
        (found >= 3.0 && missed < 0.5).then_some(())
    })
    .await;
    let goal = cluster.highest().await + 2;
    cluster.nodes[0].reaches(goal, START_TIME).await;
    cluster.check_one_history().await;
    cluster.nodes[0].stop();
    assert!(!entries(&overlay).is_empty(), "a new overlay store was made from who was met");
}
