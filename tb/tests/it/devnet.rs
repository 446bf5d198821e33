//! The first promise: one command, four validators, a payment that is final within two seconds.

use std::time::{Duration, Instant};

use nix::sys::signal::kill;
use serde_json::Value;

use crate::cluster::{Turn, free_base, until};
use crate::command::{Running, pid, run, tb};

/// Longest time from the command to the first block; the machine may be busy.
const FIRST_BLOCK: Duration = Duration::from_secs(30);
/// Longest time from submission to `finalized` at the default interval of one second.
const FINALITY_MS: u64 = 2_000;
/// Payments that are timed. One may fall into a round that another process of the machine disturbed.
const PAYMENTS: usize = 4;

/// Time from the first to the last stage, milliseconds.
fn stages(status: &Value) -> (Vec<String>, u64) {
    let reached = status["reached"].as_array().expect("a list of stages");
    let time = |entry: &Value| entry["time_ms"].as_u64().expect("a time");
    let names = reached.iter().map(|entry| entry["stage"].as_str().expect("a name").to_owned()).collect();
    let (first, last) = (reached.first().expect("a stage"), reached.last().expect("a stage"));
    (names, time(last) - time(first))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_command_starts_four_validators_that_finalize_a_payment() {
    let _turn = Turn::take();
    let folder = tempfile::tempdir().expect("a folder");
    let home = folder.path().join("net");
    let base = free_base(4).to_string();
    let mut devnet = Running::start(tb().args(["devnet", "--json", "--base-port", &base, "--home"]).arg(&home));
    let started = devnet.event("started", FIRST_BLOCK);
    assert_eq!(started["accounts"].as_array().map(Vec::len), Some(10));
    let nodes = started["nodes"].as_array().expect("the nodes").clone();
    assert_eq!(nodes.len(), 4);
    let first = devnet.event("first_block", FIRST_BLOCK);
    assert!(first["height"].as_u64().is_some_and(|height| height >= 1), "{first}");
    let rpc = nodes[0]["rpc"].as_str().expect("a URL").to_owned();

    let mut quickest = u64::MAX;
    for _ in 0..PAYMENTS {
        let paid = run(tb()
            .args([
                "tx",
                "transfer",
                "--from",
                "account-1",
                "--to",
                "account-2",
                "--amount",
                "12.5",
                "--rpc",
                &rpc,
                "--home",
            ])
            .arg(&home));
        let status = paid.ok();
        assert_eq!(
            (&status["stage"], &status["receipt"]["outcome"]),
            (&"finalized".into(), &"success".into()),
            "{status}"
        );
        let (names, took_ms) = stages(&status);
        for name in ["received", "admitted", "gossiped", "decided", "finalized"] {
            assert!(names.iter().any(|reached| reached == name), "{name} is missing in {names:?}");
            assert!(paid.stderr.contains(name), "{name} was not shown: {}", paid.stderr);
        }
        quickest = quickest.min(took_ms);
    }
    assert!(quickest <= FINALITY_MS, "the quickest of {PAYMENTS} payments took {quickest} ms");

    // Everybody has it, whoever was asked.
    for node in &nodes {
        let url = node["rpc"].as_str().expect("a URL");
        until("the payments on every node", Duration::from_secs(10), async || {
            let shown = run(tb().args(["account", "show", "account-2", "--rpc", url, "--home"]).arg(&home)).ok();
            (shown["balance"] == 1_000_050_000_000_u64).then_some(())
        })
        .await;
        let metrics = reqwest::get(node["metrics"].as_str().expect("a URL")).await.expect("metrics");
        assert_eq!(metrics.status().as_u16(), 200);
    }

    let pids: Vec<u32> = nodes
        .iter()
        .map(|node| u32::try_from(node["pid"].as_u64().expect("a process id")).expect("it is small"))
        .collect();
    assert!(pids.iter().all(|id| kill(pid(*id), None).is_ok()), "four processes besides {}", devnet.pid());
    let asked = Instant::now();
    assert_eq!(devnet.interrupt(Duration::from_secs(15)), Some(0));
    assert!(pids.iter().all(|id| kill(pid(*id), None).is_err()), "no process is left after {:?}", asked.elapsed());
}
