//! `tb diagnostics` at real nodes: what is packed, what never is, and a node that is gone.

use std::path::Path;

use primitives::Engine;

use crate::cluster::{Cluster, INTERVAL_MS, Node};
use crate::command::{entries, run, run_in, tb};

const TOKEN: &str = "a-token-that-nobody-else-may-see-0123456789";

fn bundle(node: &Node, out: &Path, words: &[&str]) -> crate::command::Ended {
    let (out, url) = (out.to_str().expect("text"), node.ports.rpc_url());
    let words = [&["diagnostics", "bundle", "--out", out, "--rpc", &url][..], words].concat();
    run_in(&node.home, &words)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bundle_has_what_a_helper_needs_and_no_secret() {
    let _gossip = testkit::contract!("S003-123");
    let _tls = testkit::contract!("S003-124");
    let mut cluster = Cluster::new(Engine::Bft, 2, INTERVAL_MS);
    let collector = [("TB_TELEMETRY_AUTH_TOKEN", TOKEN)];
    cluster.nodes.iter_mut().for_each(|node| node.start_with(&[], &collector));
    cluster.all_ready().await;
    let node = &mut cluster.nodes[0];
    let elsewhere = cluster.network.root.join("elsewhere");
    std::fs::create_dir(&elsewhere).expect("a folder");
    let log = elsewhere.join("node.log");
    // A proxy has written down what only it knows.
    let proxy = "GET /rpc Authorization: Bearer abc123def456 password=hunter2secret ok";
    std::fs::write(&log, format!("{}\nsomebody wrote {TOKEN} here\n{proxy}\n", node.log())).expect("written");
    // The secret of the configuration is in a file of the home, and stands in a log that is packed.
    std::fs::write(node.home.join(".env"), format!("TB_TELEMETRY_AUTH_TOKEN={TOKEN}\n")).expect("written");
    let out = cluster.network.root.join("report.zip");
    let packed = bundle(node, &out, &["--log", log.to_str().expect("text")]).ok();
    assert!(packed["missing"].as_array().is_some_and(Vec::is_empty), "{packed}");
    let entries_of = entries(&out);
    for name in ["versions.json", "config.json", "checks.json", "status/node.json", "status/peers.json", "metrics.txt"]
    {
        assert!(entries_of.get(name).is_some_and(|text| text.len() > 20), "{name}: {:?}", entries_of.keys());
    }
    assert!(entries_of["config.json"].contains("mempool_limit"));
    assert!(entries_of["metrics.txt"].contains("consensus_finalized_height"));
    // The named log, and the node's own without being named: two files of one name.
    let logs: Vec<&String> = entries_of.keys().filter(|name| name.starts_with("logs/")).collect();
    let named = &entries_of["logs/elsewhere/node.log"];
    assert!(logs.len() == 2 && named.contains("somebody wrote [secret] here"), "{logs:?}: {named}");
    assert!(named.contains("GET /rpc Authorization: Bearer [secret] password=[secret] ok"), "{named}");
    let own = logs.iter().find(|name| !name.contains("elsewhere")).expect("its own");
    let first = node.log().lines().next().expect("it has said something").to_owned();
    assert!(entries_of[*own].contains(&first), "{own}: {}", entries_of[*own]);
    let key = std::fs::read_to_string(node.home.join("node_key")).expect("the node's key");
    for (name, text) in &entries_of {
        assert!(!text.contains(TOKEN) && !text.contains(key.trim()), "{name} holds a secret");
    }

    // The same counts as a scrape, of one area.
    let url = node.ports.rpc_url();
    let gossip = run(tb().args(["diagnostics", "gossip", "--rpc", &url])).ok();
    let named = |name: &str| {
        gossip
            .as_array()
            .is_some_and(|all| all.iter().any(|one| one["name"].as_str().is_some_and(|found| found.starts_with(name))))
    };
    assert!(named("p2p_gossip_messages_total") && !named("consensus_"), "{gossip}");
    let tls = run(tb().args(["diagnostics", "tls", "--rpc", &url])).ok();
    assert_eq!(tls[0]["name"], "rpc_tls_handshake_failures_total", "{tls}");

    // A file that is there is neither written over nor added to.
    let before = std::fs::read(&out).expect("the report");
    let refused = bundle(node, &out, &[]).refused();
    assert_eq!((refused.exit, refused.code.as_str()), (4, "file_exists"), "{refused:?}");
    assert!(std::fs::read(&out).is_ok_and(|after| after == before));

    // A node that is gone is in the report, and does not end it.
    node.stop();
    std::fs::remove_file(&out).expect("ours");
    let packed = bundle(node, &out, &[]).ok();
    let missing = packed["missing"].as_array().expect("a list").len();
    assert!(missing > 5, "{packed}");
    assert!(entries(&out)["missing.txt"].contains("status/node.json"));
    let none = out.with_file_name("none.zip");
    let refused = bundle(node, &none, &["--log", "/nowhere/node.log"]).refused();
    assert_eq!((refused.exit, refused.code.as_str()), (2, "no_log"), "{refused:?}");
    assert!(!none.exists());
    cluster.check_no_panic();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bundle_is_made_where_there_is_no_node_and_no_home() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("report.zip");
    let words = ["diagnostics", "bundle", "--out", out.to_str().expect("text"), "--rpc", "http://127.0.0.1:1"];
    let packed = run_in(folder.path(), &words).ok();
    assert!(packed["entries"].as_array().is_some_and(|entries| entries.iter().any(|name| name == "versions.json")));
    assert!(entries(&out)["missing.txt"].contains("metrics.txt"));
    let nowhere = folder.path().join("missing/report.zip");
    let words = ["diagnostics", "bundle", "--out", nowhere.to_str().expect("text"), "--rpc", "http://127.0.0.1:1"];
    assert_ne!(run_in(folder.path(), &words).refused().exit, 0);
}
