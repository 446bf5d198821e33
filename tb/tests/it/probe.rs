//! `tb probe` against running networks: what passes, what fails, and how a script can tell.

use std::time::{Duration, Instant};

use crate::cluster::{Cluster, Node};
use crate::command::{Ended, run, tb, tb_as};

/// A probe of `node` with the wallet of its network.
fn probe(cluster: &Cluster, node: &Node, words: &[&str]) -> Ended {
    let url = node.ports.rpc_url();
    run(tb().arg("probe").args(words).args(["--rpc", &url, "--home"]).arg(&cluster.network.root))
}

/// The samples of a probe with `--prom`, and whether it passed.
fn samples(node: &Node, words: &[&str]) -> (bool, Vec<(String, f64)>) {
    let ended = tb().arg("probe").args(words).args(["--prom", "--rpc", &node.ports.rpc_url()]).output();
    let ended = ended.expect("it runs");
    let text = String::from_utf8(ended.stdout).expect("text");
    let samples = text.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let (name, value) = line.rsplit_once(' ').expect("name and value");
        (name.to_owned(), value.parse().expect("a number"))
    });
    let samples: Vec<(String, f64)> = samples.collect();
    for (name, _) in &samples {
        let series = name.split('{').next().expect("a name");
        assert!(
            text.contains(&format!("# HELP {series} ")) && text.contains(&format!("# TYPE {series} gauge")),
            "{text}"
        );
    }
    (ended.status.success(), samples)
}

fn value(samples: &[(String, f64)], name: &str) -> Option<f64> {
    samples.iter().find(|(series, _)| series == name).map(|(_, value)| *value)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn probes_tell_a_running_network_from_one_that_stands_still_and_one_that_is_gone() {
    let (_ping, _gossip) = (testkit::contract!("S003-115"), testkit::contract!("S003-116"));
    let (_mine, _tip) = (testkit::contract!("S003-117"), testkit::contract!("S003-118"));
    let (_timeout, _expect) = (testkit::contract!("S003-119"), testkit::contract!("S003-120"));
    let _prom = testkit::contract!("S003-121");
    let mut cluster = Cluster::of_four().await;
    let node = &cluster.nodes[0];
    let chain_id = cluster.network.genesis.chain_id.clone();

    let ping = probe(&cluster, node, &["ping-rpc"]).ok();
    assert_eq!((ping["check"].as_str(), ping["value"].as_str()), (Some("ping-rpc"), Some(chain_id.as_str())));
    assert_eq!(probe(&cluster, node, &["ping-rpc", "--expect", &chain_id]).code, Some(0));
    let other = probe(&cluster, node, &["ping-rpc", "--expect", "another-chain"]).refused();
    assert_eq!((other.exit, other.code.as_str()), (4, "unexpected_value"));

    // One more block, and the tip is at least there.
    let mined = probe(&cluster, node, &["mine-one", "--timeout", "10s"]).ok()["height"].as_u64().expect("a height");
    let tip = probe(&cluster, node, &["tip"]).ok();
    let height = tip["height"].as_u64().expect("a height");
    assert!(height >= mined && mined >= 2, "{mined}, {tip}");
    let block = node.client().block_at(primitives::Height(height)).await.expect("it has the block");
    assert_eq!(tip["value"].as_str(), Some(block.hash.to_string().as_str()));
    let older = probe(&cluster, node, &["tip", "--expect", "1"]).refused();
    assert_eq!(older.code, "unexpected_value");
    assert!(
        older.error.starts_with("expected height 1, found height "),
        "heights are compared with heights: {older:?}"
    );
    let zeros = "0".repeat(64);
    let forked = probe(&cluster, node, &["tip", "--expect", &zeros]).refused();
    assert!(forked.error.starts_with(&format!("expected block hash {zeros}, found block hash ")), "{forked:?}");
    for words in [["tip", "--expect", "newest"], ["mine-one", "--expect", "soon"]] {
        let neither = probe(&cluster, node, &words).refused();
        assert_eq!((neither.exit, neither.code.as_str()), (2, "usage"), "{neither:?}");
    }

    // What is handed to the first node waits at the third before any block brings it there.
    let third = cluster.nodes[2].ports.rpc_url();
    // A node is not its own peer, also under another name of the machine.
    let itself = format!("http://localhost:{}", node.ports.rpc);
    let alone = probe(&cluster, node, &["gossip-check", "--from", "account-1", "--peer", &itself]).refused();
    let key = node.client().node_status().await.expect("it answers").node_key.expect("its key").to_string();
    assert_eq!((alone.exit, alone.code.as_str()), (2, "same_node"), "{alone:?}");
    assert!(alone.error.contains(&key), "{alone:?}");
    let words = ["gossip-check", "--from", "account-1", "--peer", &third, "--timeout", "20s"];
    assert_eq!(probe(&cluster, node, &words).ok()["value"].as_str(), Some(chain_id.as_str()));

    let (passed, found) = samples(node, &["tip"]);
    assert!(passed && value(&found, "probe_success{check=\"tip\"}") == Some(1.0), "{found:?}");
    assert!(value(&found, "probe_height{check=\"tip\"}") >= Some(2.0), "{found:?}");
    assert!(value(&found, "probe_duration_seconds{check=\"tip\"}").is_some_and(|taken| taken < 5.0), "{found:?}");

    // Without two of four no block comes: the time runs out, and the height that everybody has is still told.
    cluster.nodes[2].kill();
    cluster.nodes[3].kill();
    let level = cluster.nodes[0].client().node_status().await.expect("it answers").finalized_height;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let started = Instant::now();
    let node = &cluster.nodes[0];
    let late = probe(&cluster, node, &["mine-one", "--timeout", "1500ms"]).refused();
    assert_eq!((late.exit, late.code.as_str()), (6, "timeout"), "{late:?}");
    assert!(started.elapsed() >= Duration::from_millis(1_500) && started.elapsed() < Duration::from_secs(10));
    let stands = probe(&cluster, node, &["tip"]).ok();
    assert!(stands["height"].as_u64() >= Some(level.0), "{stands}");
    assert_eq!(probe(&cluster, node, &["tip", "--expect", &stands["height"].to_string()]).code, Some(0));
    let hash = stands["value"].as_str().expect("a hash").to_owned();
    assert_eq!(probe(&cluster, node, &["tip", "--expect", &hash]).code, Some(0));
    let gone = probe(&cluster, node, &["gossip-check", "--from", "account-1", "--peer", &third]).refused();
    assert_eq!(gone.exit, 3, "nobody answers at the peer: {gone:?}");

    // Nobody there at all: a number of its own, also for scripts that read samples or use the program's other name.
    cluster.nodes[0].stop();
    let node = &cluster.nodes[0];
    assert_eq!(probe(&cluster, node, &["ping-rpc"]).refused().exit, 3);
    let (passed, found) = samples(node, &["ping-rpc"]);
    assert!(!passed && value(&found, "probe_success{check=\"ping-rpc\"}") == Some(0.0), "{found:?}");
    let url = node.ports.rpc_url();
    assert_eq!(run(tb_as("probe", cluster.folder()).args(["tip", "--rpc", &url])).refused().exit, 3);
}
