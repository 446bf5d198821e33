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
    assert_eq!((overlay.len(), peers.len()), (3, 3), "all others are remembered");
    assert!(overlay.iter().all(|peer| peer["last_seen_unix_ms"].as_u64() > Some(1) && peer["addresses"].is_array()));
    assert!(peers.iter().all(|peer| peer["points"].is_i64() && peer["bans"].is_u64()));
    // Who was dialled answered over QUIC with its key.
    assert!(!quic.is_empty() && quic.iter().all(|peer| peer["address"].to_string().contains("quic")), "{quic:?}");
    assert!(!keys.is_empty() && keys.iter().all(|record| record["peer"].is_string()), "{keys:?}");
    // Without a list of peers it finds them again in its files.
    cluster.nodes[0].start_with(&["--set", "p2p.peers=", "--set", "p2p.exchange_peers=false"], &environment);
    let node = &cluster.nodes[0];
    until("the others again", START_TIME, async || {
        node.height().await?;
        (node.metric("p2p_peers").await >= 3.0).then_some(())
    })
    .await;
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
