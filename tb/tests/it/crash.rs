//! A validator that dies at each step of writing: it comes back, signs nothing twice, and the chain goes on.

use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use nix::sys::signal::Signal;
use testkit::Seed;

use crate::cluster::{Cluster, START_TIME};
use crate::pay::Payer;

/// Every step at which a node can be told to die. After `guard_after_sync` a signature is durable and nobody has it.
const POINTS: [&str; 11] = [
    "commit_before_write",
    "commit_after_write",
    "commit_after_sync",
    "commit_after_head",
    "candidate_before_write",
    "candidate_after_sync",
    "wal_before_sync",
    "wal_after_sync",
    "guard_before_write",
    "guard_after_write",
    "guard_after_sync",
];
/// Longest time until a running node reaches its point: each validator proposes every few heights.
const REACHED: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_between_any_two_steps_loses_nothing_and_signs_nothing_twice() {
    let mut random = Seed::new();
    let mut cluster = Cluster::of_four().await;
    let mut payer = Payer::funded(&cluster.network, 1);
    let to = Payer::funded(&cluster.network, 2).address;
    let mut paid = Vec::new();
    for point in POINTS {
        let victim = random.index(4);
        let other = (victim + 1) % 4;
        cluster.nodes[victim].kill();
        cluster.nodes[victim].start_with(&["--crash-at", point], &[]);
        let transaction = payer.pay(to, 1);
        cluster.nodes[other].client().submit(&payer.request(&transaction)).await.expect("admitted");
        let status = cluster.nodes[victim].ended(REACHED);
        let signal = status.signal().and_then(|number| Signal::try_from(number).ok());
        assert_eq!(signal, Some(Signal::SIGABRT), "{point}: {status}");
        cluster.nodes[victim].start();
        cluster.nodes[other].finalized(transaction.id()).await;
        paid.push(transaction.id());
        let height = cluster.level(START_TIME).await;
        cluster.nodes[victim].reaches(height + 2, START_TIME).await;
    }
    cluster.level(START_TIME).await;
    for node in &cluster.nodes {
        for id in &paid {
            node.finalized(*id).await;
        }
        let refusals = node.metric("consensus_guard_refusals_total").await;
        testkit::safety!(refusals == 0.0, "the guard was asked to sign twice, {refusals} times");
    }
    cluster.check_one_history().await;
}
