//! The files of the circuits: filled by `preload`, read again, named when rotten, deleted, made again, shown in the node's status.

use std::fs;
use std::path::PathBuf;

use rpc::Client;
use serde_json::Value;

use crate::cluster::Cluster;
use crate::command::{Ended, run_in};

const NAMES: [&str; 3] = ["application", "leaf", "internal"];

/// Runs the command in the home of the first node.
fn proofs(cluster: &Cluster, words: &[&str]) -> Ended {
    run_in(&cluster.nodes[0].home, &[&["validator", "proofs"], words].concat())
}

fn preload(cluster: &Cluster) -> Value {
    proofs(cluster, &["preload", "--backend", "plonky3"]).ok()
}

/// What each circuit says of itself, in their order.
fn each(answer: &Value, field: &str) -> Vec<Value> {
    let circuits = answer["circuits"].as_array().expect("a list of circuits");
    circuits.iter().map(|one| one[field].clone()).collect()
}

/// The remedy for slow blocks: the cache is whole again, and the next five blocks are in time, or named.
fn watches_the_next_blocks(cluster: &Cluster) {
    let _shown = testkit::contract!("S002-034");
    let url = cluster.nodes[0].ports.rpc_url();
    let watch = |limit: &str| {
        proofs(cluster, &["preload", "--backend", "plonky3", "--watch", "5", "--limit", limit, "--rpc", &url])
    };
    let calm = watch("10m").ok();
    assert_eq!(each(&calm, "is_from_file"), [true; 3], "nothing is evicted");
    let blocks = calm["watched"]["blocks"].as_array().expect("blocks");
    let heights: Vec<u64> = blocks.iter().filter_map(|block| block["height"].as_u64()).collect();
    assert!(heights.len() == 5 && heights.windows(2).all(|two| two[1] == two[0] + 1), "{calm}");
    assert!(blocks.iter().all(|block| block["interval_ms"].as_u64().is_some_and(|taken| taken > 1)), "{calm}");
    let late = watch("1ms").refused();
    assert_eq!((late.code.as_str(), late.exit), ("blocks_slow", 1), "{late:?}");
    // What it is compared with when no limit is named stands in the alert.
    let alerts = include_str!("../../../monitoring/alert.rules.yml");
    assert!(alerts.contains("mean_5m > 3 * chain_block_interval_target_seconds"));
}

/// Keys for all circuit families are in files, and whoever loses them has them again.
pub async fn fills_and_heals(cluster: &Cluster, client: &Client) {
    let _preload = testkit::contract!("S002-010");
    let before = client.node_status().await.expect("it answers").backend_health.plonky3;
    assert_eq!((before.cached_circuits.len(), before.circuit_cache_bytes), (0, 0));
    let made = proofs(cluster, &["preload", "--backend", "plonky3", "--anew"]).ok();
    assert_eq!(each(&made, "name"), NAMES);
    assert_eq!(each(&made, "is_from_file"), [false; 3]);
    let read = preload(cluster);
    assert_eq!(each(&read, "is_from_file"), [true; 3]);
    assert_eq!(each(&read, "key"), each(&made, "key"));
    println!("made in {} ms, read in {} ms, {} bytes", made["elapsed_ms"], read["elapsed_ms"], read["bytes"]);
    let after = client.node_status().await.expect("it answers").backend_health.plonky3;
    assert_eq!(after.cached_circuits, ["application", "internal", "leaf"]);
    assert_eq!(Some(after.circuit_cache_bytes), read["bytes"].as_u64());

    // One byte of one file, one file of another circuit under its name, and one that is not there.
    let [application, leaf, internal] = NAMES.map(|name| {
        let path = each(&read, "path")[NAMES.iter().position(|one| *one == name).expect("one of them")].clone();
        PathBuf::from(path.as_str().expect("a path"))
    });
    let mut bytes = fs::read(&leaf).expect("it is there");
    fs::write(&internal, &bytes).expect("it is ours");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&leaf, bytes).expect("it is ours");
    fs::remove_file(&application).expect("it is there");
    let rotten = proofs(cluster, &["cache", "check"]);
    assert_eq!(rotten.code, Some(9), "{rotten:?}");
    for named in ["circuits/leaf (its checksum does not hold)", "circuits/internal (its key "] {
        assert!(rotten.stdout.contains(named), "{named}: {rotten:?}");
    }
    let cleared = proofs(cluster, &["cache", "clear"]).ok();
    assert_eq!(cleared.as_array().map(Vec::len), Some(2), "{cleared}");
    assert!(!leaf.exists() && !internal.exists());
    let healed = preload(cluster);
    assert_eq!(each(&healed, "is_from_file"), [false; 3]);
    assert_eq!(each(&healed, "key"), each(&made, "key"));
    proofs(cluster, &["cache", "check"]).ok();
    watches_the_next_blocks(cluster);

    // A family whose file cannot be written is missing, which is a failure.
    let folder = application.parent().expect("the folder of the circuits").to_owned();
    fs::remove_dir_all(&folder).expect("it is ours");
    fs::write(&folder, b"no folder").expect("it is ours");
    let missing = proofs(cluster, &["preload", "--backend", "plonky3"]);
    assert!(missing.code != Some(0) && missing.stdout.contains("circuits"), "{missing:?}");
    fs::remove_file(&folder).expect("it is ours");
}
