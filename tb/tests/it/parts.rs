//! A window that is too large for one proof: proven part by part, folded, taken by the node, shown by the light client.
//!
//! What is too large is said by the prover's `--part-operations`, so that blocks of a quiet chain are enough.

use std::process::Command;
use std::time::Duration;

use cli::devnet::layout::Network;
use primitives::{Engine, Height, Params};

use crate::cluster::{Cluster, START_TIME, until};
use crate::command::{Running, run, run_in, tb};
use crate::proofs::{code, verify_with};

/// Heights of one window.
const WINDOW: u64 = 4;
/// Longest time for parts to be proven and folded on a busy machine.
const FOLD_TIME: Duration = Duration::from_secs(600);

/// The prover that `tb devnet` starts, which has a key of its own where blocks take proofs; only not slowed down.
fn prover(network: &Network) -> Command {
    let words = network.prover().expect("a folder").expect("there is a node").words();
    let is_nice = |at: usize| at > 0 && words[at - 1] == "--nice";
    let mut command = tb();
    // Its standard input ends at once here.
    for (at, word) in words.iter().enumerate().filter(|(_, word)| *word != "--stop-with-stdin") {
        command.arg(if is_nice(at) { "0".as_ref() } else { word.as_os_str() });
    }
    command.args(["--part-operations", "2"]);
    command
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_window_is_proven_in_parts_and_known_by_the_chain_proof() {
    let params = Params { window_blocks: WINDOW, ..Params::default() };
    let mut cluster = Cluster::with_gates(Engine::Solo, 1, 500, Some(params), &["recursive_proofs"]);
    cluster.start_all();
    cluster.all_ready().await;
    cluster.nodes[0].reaches(WINDOW, START_TIME).await;
    let client = cluster.nodes[0].client();

    // Without the fold there is no proof of it, and the prover says so.
    let mut alone = tb();
    alone.args([
        "prover",
        "--windows-only",
        "--once",
        "--part-operations",
        "2",
        "--node",
        client.base_url(),
        "--genesis",
    ]);
    alone.arg(cluster.nodes[0].home.join("genesis.json")).arg("--home").arg(cluster.folder().join("alone"));
    let left = run(&mut alone);
    assert_eq!(left.code, Some(4), "{left:?}");
    assert!(left.stdout.contains("\"needs_fold\"") && left.stdout.contains("window 0 has 2 parts"), "{left:?}");

    // Killed after the first part, the prover goes on with the second.
    let mut first = Running::start(&mut prover(&cluster.network));
    let proving = first.event("proving", FOLD_TIME);
    assert_eq!([&proving["window"], &proving["part"], &proving["parts"]], [0, 1, 2]);
    assert_eq!([&proving["first_height"], &proving["last_height"], &proving["operations"]], [1, 2, 2]);
    first.event("proven", FOLD_TIME);
    first.kill();
    let mut second = Running::start(&mut prover(&cluster.network));
    let proving = second.event("proving", FOLD_TIME);
    assert_eq!([&proving["window"], &proving["part"], &proving["parts"]], [0, 2, 2]);
    let folding = second.event("folding", FOLD_TIME);
    assert_eq!([&folding["windows"], &folding["last_height"]], [2, WINDOW]);
    assert_eq!(client.proof_status().await.expect("it answers").next_window, 0, "no proof of the window was published");
    let taken = second.event("chain_delivered", FOLD_TIME);
    assert_eq!(taken["chain_height"], WINDOW);
    // The network's own prover bonds, and brings it onto the chain.
    let accepted = until("the chain proof in a block", FOLD_TIME, async || {
        client.provers().await.ok().filter(|status| status.proven_height == Height(WINDOW))
    })
    .await;
    assert_eq!(accepted.provers.len(), 1, "{accepted:?}");
    assert_eq!(second.interrupt(Duration::from_secs(10)), Some(0));

    let status = client.proof_status().await.expect("it answers");
    assert_eq!(status.next_window, 1);
    let chain = status.chain.expect("it was taken");
    assert_eq!((chain.windows, chain.last_height, status.proven_height), (1, Height(WINDOW), Height(WINDOW)));
    assert_eq!(code(client.window_proof(0).await), "not_found");
    let block = client.block_proof(Height(2)).await.expect("it is proven");
    assert_eq!((block.path.as_str(), block.window), ("/proofs/chain", 0));
    for words in [&[][..], &["--windows", "100"]] {
        let shown = verify_with(&cluster, client.base_url(), words).ok();
        assert_eq!(shown["proven_height"], WINDOW, "{shown}");
    }
    let files = run_in(&cluster.network.root.join("prover"), &["validator", "proofs", "cache", "check"]).ok();
    let paths: Vec<&str> = files.as_array().expect("a list").iter().filter_map(|file| file["path"].as_str()).collect();
    let has = |name: &str| paths.iter().any(|path| path.ends_with(name));
    assert!(has("/part-0-0") && has("/part-0-2") && has("/chain"), "{paths:?}");
    assert!(!has("/proof-0") && !has("/chain-inside"), "{paths:?}");
    cluster.check_no_panic();
}
