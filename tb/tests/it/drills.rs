//! Drills on real processes: faults on a schedule, the partition watch, the artefact and its replay, refusals.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use primitives::Engine;
use serde_json::Value;

use crate::cluster::{Cluster, INTERVAL_MS, START_TIME, Turn, free_base, until};
use crate::command::{Running, entries, run, tb, without_ours};

/// Longest time for a drill; the machine may be busy.
const DRILL_TIME: Duration = Duration::from_secs(150);
/// Longest time for processes to stop.
const STOP_TIME: Duration = Duration::from_secs(20);
/// Longest time for a watch to see a cut, and to see it healed: peers are dialled again after growing pauses.
const WATCH_TIME: Duration = Duration::from_secs(60);

/// Runs a drill with four quick nodes to its end; gives the summary event.
fn drill(folder: &Path, scenario: &Path) -> Value {
    drill_by(tb(), folder, scenario)
}

/// The same by this command, which starts the program.
fn drill_by(mut command: Command, folder: &Path, scenario: &Path) -> Value {
    let (base, interval) = (free_base(4).to_string(), "300");
    command.args(["devnet", "--json", "--base-port", &base, "--block-interval-ms", interval, "--scenario"]);
    command.arg(scenario).arg("--home").arg(folder.join("drill"));
    command.env("TB_CHAOS_ARTIFACT_ROOT", folder.join("artefacts"));
    let mut running = Running::start(&mut command);
    let event = running.event("summary", DRILL_TIME);
    assert_eq!(running.ended(STOP_TIME), Some(0), "{event:#}");
    assert_eq!(event["summary"]["verdict"], "pass", "{event:#}");
    event
}

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).expect("a folder of the test");
    path
}

/// A file of the monitoring that operators install.
fn monitoring(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../monitoring").join(name))
        .expect("it is there")
}

const DOWN: &str = "
seed = 3
validators = 4
traffic_per_second = 6
faults_ms = 6000
calm_heights = 4
links = { delay_ms = 1, jitter_ms = 2 }

[[faults]]
at_ms = 500
for_ms = 1500
fault = { kind = \"crash\", node = 1, effects = 0 }

[[faults]]
at_ms = 3000
for_ms = 1500
fault = { kind = \"pause\", node = 2 }

[[faults]]
at_ms = 6000
for_ms = 500
fault = { kind = \"restart\", node = 3 }
";

#[test]
fn killed_paused_and_restarted_nodes_come_back_and_the_artefact_runs_again() {
    let _root = testkit::contract!("S004-175");
    let _replay = testkit::contract!("S004-177");
    let _bundle = testkit::contract!("S004-176");
    let _turn = Turn::take();
    let folder = tempfile::tempdir().unwrap();
    let event = drill(folder.path(), &write(folder.path(), "down.toml", DOWN));
    let summary = &event["summary"];
    for (kind, ms) in [("crash", 1_500), ("pause", 1_500), ("restart", 500)] {
        assert_eq!(summary["faults"][kind], 1, "{summary:#}");
        assert!(summary["fault_ms"][kind].as_u64().unwrap() >= ms, "{summary:#}");
    }
    let recoveries = summary["recoveries"].as_array().unwrap();
    assert_eq!(recoveries.len(), 3);
    assert!(recoveries.iter().all(|recovery| recovery["everybody_ms"].is_u64()), "{summary:#}");
    assert!(summary["acknowledged"].as_u64().unwrap() > 0, "{summary:#}");
    assert!(summary["properties"]["no_acknowledged_transaction_lost"].as_u64().unwrap() > 0, "{summary:#}");
    assert!(summary["calm_heights"].as_u64().unwrap() >= 4, "{summary:#}");

    let artefact = PathBuf::from(event["artefact"].as_str().expect("a path"));
    assert!(artefact.starts_with(folder.path().join("artefacts")), "{}", artefact.display());
    let entries = entries(&artefact);
    for name in ["scenario.toml", "metadata.json", "summary.json", "log.txt", "events.jsonl", "genesis.json"] {
        assert!(entries.contains_key(name), "{name} is missing in {:?}", entries.keys());
    }
    assert!(entries["log.txt"].contains("crash node2 begins"), "{}", entries["log.txt"]);
    assert!(entries["logs/node1.log"].contains("node starts"));
    assert!(entries.iter().any(|(name, text)| name.starts_with("metrics/") && text.contains("partition_watch_")));
    let key = std::fs::read_to_string(folder.path().join("drill/node1/validator_key.json")).unwrap();
    let key: Value = serde_json::from_str(&key).unwrap();
    let seeds = key["protection"]["plain"]["seeds"].as_str().unwrap().to_owned();
    let password = std::fs::read_to_string(folder.path().join("drill/password")).unwrap();
    for (name, text) in &entries {
        assert!(!text.contains(&seeds[..64]) && !text.contains(password.trim()), "{name} holds a secret");
        assert!(!name.contains("key") && !name.contains("password"), "{name}");
    }

    let again = drill(folder.path(), &artefact);
    let replayed = &again["summary"]["replay_of"];
    assert_eq!(replayed["blake3"], event["artefact_blake3"], "{replayed}");
    assert_eq!(again["summary"]["faults"], summary["faults"]);
    let second = entries_of(&again);
    assert_eq!(second["scenario.toml"], entries["scenario.toml"]);
    assert!(second["log.txt"].contains(replayed["blake3"].as_str().unwrap()), "the hash is cited");
}

fn entries_of(event: &Value) -> BTreeMap<String, String> {
    entries(Path::new(event["artefact"].as_str().expect("a path")))
}

const SPLIT: &str = "
seed = 1
validators = 4
traffic_per_second = 4
faults_ms = 1000
calm_heights = 3
links = { delay_ms = 1, jitter_ms = 2 }

[[faults]]
at_ms = 1000
for_ms = 7000
fault = { kind = \"partition\", side = [0, 1] }
";

#[test]
fn a_partition_halts_the_chain_shows_in_the_series_and_heals() {
    let _shown = testkit::contract!("S003-107");
    let _turn = Turn::take();
    let folder = tempfile::tempdir().unwrap();
    let event = drill(folder.path(), &write(folder.path(), "split.toml", SPLIT));
    let summary = &event["summary"];
    for node in summary["nodes"].as_array().unwrap() {
        // At the very start a node may miss more for a moment.
        assert!(node["partition_watch_affected_peers_max"].as_u64() >= Some(2), "{node}");
        assert!(node["partition_watch_recoveries"].as_u64() >= Some(1), "{node}");
        assert_eq!(node["partition_watch_affected_peers"], 0, "{node}");
        assert_eq!(node["partition_watch_suspected"], false, "{node}");
    }
    // Everybody found everybody again, and it was measured from the heal on.
    let healed = &summary["recoveries"][0];
    assert_eq!(healed["missed"], 2, "{healed}");
    assert!(healed["redialled_ms"].is_u64() && summary["redialled_ms"] == healed["redialled_ms"], "{summary:#}");
    // No side had a quorum: in the seconds between a look and the heal no height was added.
    let entries = entries_of(&event);
    let heights = |event: &Value| event["heights"].as_array().unwrap().iter().filter_map(Value::as_u64).max();
    let events: Vec<Value> = entries["events.jsonl"].lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let during: Vec<u64> = events
        .iter()
        .filter(|event| event["event"] == "status" && event["active"][0].is_string())
        .filter_map(heights)
        .collect();
    let halted = summary["recoveries"][0]["height"].as_u64();
    assert!(during.last().copied().is_some() && during.last().copied() == halted, "{during:?} {halted:?}");
    assert!(summary["height"].as_u64() > halted, "{summary:#}");
    let cut = entries.iter().find(|(name, _)| name.contains("during-0-partition-node1")).unwrap().1;
    assert!(cut.contains("partition_watch_affected_peers 2") && cut.contains("partition_watch_suspected 1"));
    // What the alert asks was true in the drill and is not any more.
    assert!(monitoring("alert.rules.yml").contains("expr: \"partition_watch_suspected == 1\""));
    let healed = entries.iter().filter(|(name, _)| name.contains("-after-node"));
    let healed: Vec<&String> = healed.map(|(_, text)| text).collect();
    assert_eq!(healed.len(), 4, "{:?}", entries.keys());
    for text in healed {
        assert!(text.contains("partition_watch_affected_peers 0") && text.contains("partition_watch_suspected 0"));
    }
}

const LOSSY: &str = "
seed = 2
validators = 4
traffic_per_second = 4
faults_ms = 4000
calm_heights = 3
links = { delay_ms = 1, jitter_ms = 2, loss_ppm = 10000, duplicate_ppm = 10000 }

[[faults]]
at_ms = 500
for_ms = 4000
fault = { kind = \"loss\", ppm = 50000 }
";

#[test]
fn lost_and_doubled_packets_between_processes_stop_nobody() {
    let _shown = testkit::contract!("S003-106");
    let _turn = Turn::take();
    let folder = tempfile::tempdir().unwrap();
    let event = drill(folder.path(), &write(folder.path(), "lossy.toml", LOSSY));
    let summary = &event["summary"];
    let packets = |name: &str| summary["packets"][name].as_u64().unwrap_or(0);
    let (carried, lost, doubled) = (packets("carried"), packets("lost"), packets("doubled"));
    // Some 6 of 100 while the fault lasts, 1 of 100 otherwise.
    assert!(carried > 1_000 && lost * 200 > carried && lost * 8 < carried, "{summary:#}");
    assert!(doubled * 400 > carried, "{summary:#}");
    assert_eq!(summary["faults"]["loss"], 1, "{summary:#}");
    assert!(summary["acknowledged"].as_u64().unwrap() > 0, "{summary:#}");
    // One history on all nodes at the end, and nobody took back a height to get there.
    for property in ["agreement", "finalized_survives_restart", "progress"] {
        assert!(summary["properties"][property].as_u64() > Some(0), "{property}: {summary:#}");
    }
    let entries = entries_of(&event);
    assert!(entries["metadata.json"].contains("10000 ppm lost"), "{}", entries["metadata.json"]);
    assert!(entries["log.txt"].contains("loss of 50 packets in 1000 begins"), "{}", entries["log.txt"]);
    assert!(entries["logs/node1.log"].contains("quic-v1"), "the nodes speak QUIC");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_with_another_partition_tag_exchange_no_messages_until_it_is_cleared() {
    let _shown = testkit::contract!("S003-113");
    let _drill = testkit::contract!("S003-191");
    let mut cluster = Cluster::of_four().await;
    for node in [2, 3] {
        cluster.nodes[node].stop();
        cluster.nodes[node].start_with(&[], &[("TB_PARTITION_TAG", "right")]);
    }
    // Each side of two sees its own and misses the other two.
    for node in &cluster.nodes {
        let what = format!("the cut on {}", node.home.display());
        until(&what, WATCH_TIME, async || {
            node.height().await?;
            let missed = node.metric("partition_watch_affected_peers").await;
            let peers = node.client().node_status().await.ok()?.peers;
            let suspected = node.metric("partition_watch_suspected").await;
            (missed > 1.5 && suspected > 0.5 && peers == 1).then_some(())
        })
        .await;
    }
    let before = cluster.highest().await;
    tokio::time::sleep(Duration::from_millis(INTERVAL_MS * 15)).await;
    assert_eq!(cluster.highest().await, before, "no side has a quorum");
    assert!(cluster.nodes[2].log().contains("DRILL"), "the tag is said loudly");

    for node in [2, 3] {
        cluster.nodes[node].stop();
        cluster.nodes[node].start();
    }
    for node in &cluster.nodes {
        node.reaches(before + 2, START_TIME).await;
        let what = format!("the heal on {}", node.home.display());
        until(&what, WATCH_TIME, async || {
            let missed = node.metric("partition_watch_affected_peers").await;
            (missed < 0.5 && node.metric("partition_watch_suspected").await < 0.5).then_some(())
        })
        .await;
    }
    cluster.check_one_history().await;
    // The same series raise the alert and are drawn on the board of the network, where the remedy shows.
    assert!(monitoring("alert.rules.yml").contains("expr: \"partition_watch_suspected == 1\""));
    let board = monitoring("grafana/network.json");
    for series in ["partition_watch_suspected", "partition_watch_affected_peers", "partition_watch_duration_seconds"] {
        assert!(board.contains(series), "{series} is on no board");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_off_shows_in_the_blocks_and_only_development_chains_take_it() {
    let mut cluster = Cluster::new(Engine::Solo, 1, INTERVAL_MS);
    let hour_ms = 3_600_000;
    cluster.nodes[0].start_with(&[], &[("TB_CLOCK_OFFSET_MS", &hour_ms.to_string())]);
    cluster.nodes[0].ready(START_TIME).await;
    let mut payer = crate::pay::Payer::funded(&cluster.network, 1);
    let to = crate::pay::Payer::funded(&cluster.network, 2).address;
    let paid = payer.pay(to, 1);
    cluster.nodes[0].client().submit(&payer.request(&paid)).await.expect("it is taken");
    cluster.nodes[0].finalized(paid.id()).await;
    let block = cluster.nodes[0].client().node_status().await.expect("an answer").finalized_time_ms;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_millis();
    let ahead = u128::from(block.0).saturating_sub(now);
    assert!((hour_ms - 60_000..=hour_ms).contains(&ahead), "the block is {ahead} ms ahead");
    cluster.nodes[0].stop();

    let path = cluster.nodes[0].home.join("genesis.json");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("\"chain_id\": \"dev\"", "\"chain_id\": \"main\"")).unwrap();
    for (name, value) in [("TB_CLOCK_OFFSET_MS", "1"), ("TB_PARTITION_TAG", "left")] {
        let refusal = cluster.nodes[0].start_refused(&[], &[(name, value)]).refused();
        assert_eq!((refusal.code.as_str(), refusal.exit), ("drill", 8), "{refusal:?}");
        assert!(refusal.error.contains("chain main") && refusal.hint.contains("chains named dev"), "{refusal:?}");
    }
}

/// The scenario that the page about drills names.
const FULL: &str = include_str!("../../../scenarios/devnet/full-disk.toml");

#[test]
fn a_node_waits_on_a_full_disk_and_goes_on_and_a_clock_that_is_off_stops_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let own_mounts = || {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount"]);
        command
    };
    let probe = own_mounts().args(["mount", "-t", "tmpfs", "tmpfs"]).arg(folder.path()).output();
    if !probe.is_ok_and(|output| output.status.success()) {
        return testkit::lacks!("unshare with mounts of one's own");
    }
    let _turn = Turn::take();
    let mut command = own_mounts();
    command.arg(env!("CARGO_BIN_EXE_tb"));
    without_ours(&mut command);
    let event = drill_by(command, folder.path(), &write(folder.path(), "full.toml", FULL));
    let summary = &event["summary"];
    assert_eq!((&summary["faults"]["disk"], &summary["faults"]["clock"]), (&1.into(), &1.into()), "{summary:#}");
    let recoveries = summary["recoveries"].as_array().unwrap();
    assert!(recoveries.iter().all(|recovery| recovery["everybody_ms"].is_u64()), "{summary:#}");
    let entries = entries_of(&event);
    let log = &entries["logs/node2.log"];
    for event in ["storage.disk_full", "storage.disk_room"] {
        assert!(log.contains(event), "{event}: {log}");
    }
    assert!(entries["logs/node3.log"].contains("DRILL"), "an offset is said loudly");
}

#[test]
fn what_processes_cannot_show_is_refused_by_name_and_nothing_starts() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("drill");
    let refused = |arguments: &[&str]| run(tb().args(["devnet"]).args(arguments).arg("--home").arg(&home)).refused();
    let scenario = write(
        folder.path(),
        "dishonest.toml",
        "seed = 1\nvalidators = 4\nfaults_ms = 9000\nbeyond_bound = true\n[dishonest]\n2 = \"garbage\"\n[[faults]]\n\
         at_ms = 1\nfor_ms = 1\nfault = { kind = \"bit_flip\", node = 2 }\n",
    );
    let refusal = refused(&["--scenario", scenario.to_str().unwrap()]);
    assert_eq!((refusal.code.as_str(), refusal.exit), ("not_for_processes", 4), "{refusal:?}");
    for word in ["dishonest", "beyond_bound", "bit_flip"] {
        assert!(refusal.error.contains(word), "{word} is not named in {refusal:?}");
    }
    let wrong = write(folder.path(), "wrong.toml", "seed = 1\nvalidator = 4\nfaults_ms = 1\n");
    let refusal = refused(&["--scenario", wrong.to_str().unwrap()]);
    assert!(refusal.code == "scenario" && refusal.hint.contains("did you mean validators?"), "{refusal:?}");
    let refusal = refused(&["--profile", "snapshot-guard"]);
    assert!(refusal.code == "not_for_processes" && refusal.hint.contains("tb sim"), "{refusal:?}");
    let snapshots = write(
        folder.path(),
        "snapshots.toml",
        "seed = 1\nvalidators = 4\nfaults_ms = 9000\n[snapshots]\nevery_heights = 5\n[[faults]]\nat_ms = 1\nfor_ms = 1\n\
         fault = { kind = \"snapshot_crash\", node = 2, at = \"half\" }\n[expect]\neffects = [\"snapshot_made\"]\n",
    );
    let refusal = refused(&["--scenario", snapshots.to_str().unwrap()]);
    for word in ["snapshots (", "snapshot_crash", "expect.effects"] {
        assert!(refusal.error.contains(word), "{word} is not named in {refusal:?}");
    }
    let refusal = refused(&["--profile", "nothing"]);
    for name in ["small-world", "partition", "flood", "quorum-stress", "canary-rolling", "churn"] {
        assert!(refusal.hint.contains(name), "{name} is not named in {refusal:?}");
    }
    let broken = write(folder.path(), "broken.zip", "PK no zip");
    assert_eq!(refused(&["--scenario", broken.to_str().unwrap()]).code, "artefact");
    assert!(!home.exists(), "nothing was made");
}
