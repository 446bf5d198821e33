//! `tb dev`: a chain of one process for people who build on the RPC.

use std::time::Duration;

use crate::cluster::{Turn, free_base};
use crate::command::{Running, run, tb};

#[test]
fn a_chain_of_one_process_finalizes_a_payment_at_once() {
    let _turn = Turn::take();
    let folder = tempfile::tempdir().expect("a folder");
    let home = folder.path().join("dev");
    let base = free_base(1).to_string();
    // A block a minute while nothing happens: the payment must not have to wait for it.
    let words = ["dev", "--json", "--base-port", &base, "--block-interval-ms", "60000", "--home"];
    for expected in [1_000_001_000_000_u64, 1_000_002_000_000] {
        let mut dev = Running::start(tb().args(words).arg(&home));
        let started = dev.event("started", Duration::from_secs(30));
        let rpc = started["rpc"].as_str().expect("a URL").to_owned();
        let transfer = ["tx", "transfer", "--from", "account-1", "--to", "account-2", "--amount", "1", "--rpc", &rpc];
        let status = run(tb().args(transfer).arg("--home").arg(&home)).ok();
        assert_eq!(status["stage"], "finalized", "{status}");
        let reached = status["reached"].as_array().expect("the stages");
        let time = |index: usize| reached[index]["time_ms"].as_u64().expect("a time");
        assert!(time(reached.len() - 1) - time(0) < 1_000, "{status}");
        let shown = run(tb().args(["account", "show", "account-2", "--rpc", &rpc, "--home"]).arg(&home)).ok();
        assert_eq!(shown["balance"], expected);
        let status = run(tb().args(["status", "--rpc", &rpc])).ok();
        assert!(!status.to_string().is_empty());
        let load = ["bench", "load", "--rate", "40", "--duration", "1s", "--senders", "5", "--rpc", &rpc, "--home"];
        let report = run(tb().args(load).arg(&home)).ok();
        let counted = |name: &str| report[name].as_u64().expect("a number");
        assert!(counted("finalized") > 10 && counted("blocks") > 0, "{report}");
        assert_eq!((counted("finalized"), counted("missing")), (counted("admitted"), 0), "{report}");
        // The second time round the same chain is there.
        assert_eq!(dev.interrupt(Duration::from_secs(15)), Some(0));
    }
}

#[test]
fn a_long_chain_is_made_without_a_pause_and_only_once() {
    let _turn = Turn::take();
    let folder = tempfile::tempdir().expect("a folder");
    let home = folder.path().join("dev");
    let base = free_base(1).to_string();
    // A minute between two blocks: two hundred come only because they are asked for.
    let words = ["dev", "--json", "--base-port", &base, "--block-interval-ms", "60000", "--blocks", "200", "--home"];
    for _ in 0..2 {
        let mut dev = Running::start(tb().args(words).arg(&home));
        dev.event("started", Duration::from_secs(30));
        let made = dev.event("blocks_made", Duration::from_secs(30));
        let height = made["height"].as_u64().expect("a height");
        assert!((200..=202).contains(&height), "{made}");
        assert_eq!(dev.interrupt(Duration::from_secs(15)), Some(0));
    }
}
