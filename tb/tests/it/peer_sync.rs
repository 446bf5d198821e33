//! Snapshots that travel between peers: a node joins from its peers alone although one of them lies, one that was killed goes on where it
//! was, and an operator steers the session in which a running node takes a snapshot.

use std::path::Path;
use std::time::Duration;

use futures::StreamExt;
use primitives::{Engine, Height};
use rpc::types::{BlockId, BreakerState, SyncPhase};
use serde_json::Value;

use crate::cluster::{Cluster, INTERVAL_MS, START_TIME, until};
use crate::command::{run, run_in, tb_as};
use crate::pay::Payer;
use crate::snapshots::{empty, text};

/// Longest time for a node to take a snapshot and catch up.
const SYNC_TIME: Duration = Duration::from_secs(30);
/// Longest time for a session on this machine.
const SESSION_TIME: Duration = Duration::from_secs(20);

pub fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &to)
        } else {
            std::fs::copy(entry.path(), to).map(drop).expect("a file")
        }
    }
}

fn report(home: &Path) -> Value {
    let report = std::fs::read_to_string(home.join("data/state_sync.json")).expect("a report");
    serde_json::from_str(&report).expect("JSON")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_joins_from_its_peers_alone_although_one_of_them_lies() {
    let mut cluster = Cluster::new(Engine::Bft, 2, 100);
    cluster.start_all();
    cluster.all_ready().await;
    let mut payer = Payer::funded(&cluster.network, 1);
    let to = payer.stranger(5).address;
    let transaction = payer.pay(to, 7);
    cluster.nodes[0].client().submit(&payer.request(&transaction)).await.expect("admitted");
    cluster.nodes[0].finalized(transaction.id()).await;
    let made = cluster.nodes[0].client().make_snapshot().await.expect("a snapshot");
    // Both have the same snapshot; the second one alters every chunk that it gives.
    cluster.nodes[1].stop();
    copy_folder(&cluster.nodes[0].home.join("snapshots"), &cluster.nodes[1].home.join("snapshots"));
    cluster.nodes[1].start_with(&["--set", "drill.wrong_chunks=true"], &[]);
    cluster.nodes[1].ready(START_TIME).await;
    announcements_are_heard(&cluster, made.height.0).await;

    let (mut late, mut words) = empty(&cluster, "late");
    words.push("--state-sync".to_owned());
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    late.start_with(&words, &[]);
    late.reaches(made.height.0 + 1, SYNC_TIME).await;
    let goal = cluster.highest().await;
    late.reaches(goal, SYNC_TIME).await;
    let told = report(&late.home);
    assert_eq!(told["height"], made.height.0, "{told}");
    assert_eq!(told["sources"].as_array().map(Vec::len), Some(2), "{told}");
    let dropped = told["dropped"].as_array().expect("a list");
    assert_eq!(dropped.len(), 1, "{told}");
    assert!(dropped[0]["reason"].as_str().expect("a reason").contains("does not have the bytes"), "{told}");
    assert!(late.log().contains("this source is not asked any more"), "it is named in the log");
    // It lost points, which the node that started after the sync still knows. The honest one lost none.
    let peers = until("both peers", START_TIME, async || {
        late.client().validator_peers().await.ok().filter(|peers| peers.peers.len() == 2)
    })
    .await;
    for peer in &peers.peers {
        let is_liar = peer.remote.contains(&format!("/{}", cluster.nodes[1].ports.p2p));
        assert_eq!(peer.points < 0, is_liar, "{peers:?}");
    }
    // The same chain from there on, with the same money.
    let (mine, theirs) = (late.client(), cluster.nodes[0].client());
    let height = BlockId::Height(Height(goal));
    let same = (mine.block(height).await.expect("a block"), theirs.block(height).await.expect("a block"));
    assert_eq!(same.0.hash, same.1.hash);
    assert_eq!(mine.account(&to).await.expect("an account").balance.micro(), 7);
    late.stop();
    goes_on_where_it_was_killed(&cluster).await;
    cluster.check_no_panic();
}

/// Each node hears on the channel of `meta_timetoke` which snapshot the other one has.
async fn announcements_are_heard(cluster: &Cluster, height: u64) {
    let _announced = testkit::contract!("S000-062");
    for node in &cluster.nodes {
        until("an announcement", START_TIME, async || {
            let text = node.client().metrics().await.ok()?;
            let line = |start: &str| text.lines().find(|line| line.starts_with(start)).map(str::to_owned);
            let taken = line("snapshot_announcements_total{result=\"taken\"}")?;
            let announced = line("snapshot_announced_height ")?;
            (!taken.ends_with(" 0") && announced.ends_with(&format!(" {height}"))).then_some(())
        })
        .await;
    }
}

/// A node that dies after its first chunk asks for the others only.
async fn goes_on_where_it_was_killed(cluster: &Cluster) {
    let (mut killed, mut words) = empty(cluster, "killed");
    words.push("--state-sync".to_owned());
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    killed.start_with(&[&words[..], &["--crash-at", "chunk_kept"]].concat(), &[]);
    assert_eq!(killed.ended(SYNC_TIME).code(), None, "it was killed");
    let kept = std::fs::read_dir(killed.home.join("chunk_db")).expect("a folder");
    let kept = kept.filter(|entry| {
        entry.as_ref().expect("an entry").path().extension().is_some_and(|extension| extension == "chunk")
    });
    let kept = u64::try_from(kept.count()).expect("a small number");
    assert!(kept >= 1, "what was checked is kept");
    let before = cluster.nodes[0].metric("state_sync_chunks_served_total").await;
    killed.start_with(&words, &[]);
    let goal = cluster.highest().await;
    killed.reaches(goal, SYNC_TIME).await;
    let told = report(&killed.home);
    let (chunks, resumed) = (told["chunks"].as_u64().expect("a count"), told["resumed"].as_u64().expect("a count"));
    assert!(resumed >= 1 && resumed <= chunks, "{told}");
    let asked = cluster.nodes[0].metric("state_sync_chunks_served_total").await - before;
    let most = f64::from(u32::try_from(chunks - resumed).expect("a handful of chunks"));
    assert!(asked <= most, "no chunk that was kept is asked for again: {asked} of {most}, {told}");
    killed.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_steers_the_session_and_the_breaker_holds_it_back() {
    let mut cluster = Cluster::new(Engine::Bft, 2, INTERVAL_MS);
    let home = cluster.nodes[1].home.clone();
    run_in(&home, &["config", "set", "snapshots.fetch_bytes_per_sec", "1"]).ok();
    cluster.start_all();
    cluster.all_ready().await;
    let url = cluster.nodes[1].ports.rpc_url();
    let client = cluster.nodes[1].client();
    let session = |words: &[&str]| run_in(&home, &[&["validator", "snapshot"], words, &["--rpc", &url]].concat());
    assert_eq!(session(&["status"]).ok()["phase"], "idle");
    // Nobody has a snapshot: that is nobody's fault.
    let nothing = session(&["start"]).ok();
    assert_eq!(
        (&nothing["phase"], &nothing["reason"]),
        (&"done".into(), &"no peer has a snapshot".into()),
        "{nothing}"
    );
    assert_eq!(nothing["breaker"]["failures"], 0, "{nothing}");
    // Nobody is there. Failures in a row open the breaker, and a reset closes it.
    cluster.nodes[0].stop();
    until("no peer", START_TIME, async || (cluster.nodes[1].metric("p2p_peers").await < 0.5).then_some(())).await;
    for failed in 1..=3 {
        assert_eq!(session(&["breaker"]).ok()["state"], "closed");
        let refused = session(&["start"]).refused();
        assert_eq!((refused.code.as_str(), refused.exit), ("session_failed", 10), "{refused:?}");
        assert_eq!(session(&["breaker"]).ok()["failures"], failed);
    }
    let refused = session(&["start"]).refused();
    assert_eq!(refused.code, "not_ready", "{refused:?}");
    assert!(refused.error.contains("the breaker is open"), "{refused:?}");
    let answer = reqwest::get(format!("{url}/p2p/snapshots/breaker")).await.expect("an answer");
    let status: Value = answer.json().await.expect("JSON");
    assert_eq!((&status["state"], &status["failures"]), (&"open".into(), &3.into()), "{status}");
    assert!(status["until"].is_u64(), "{status}");
    assert!(cluster.nodes[1].metric("state_sync_breaker_state").await > 1.5);
    assert_eq!(session(&["breaker", "--reset"]).ok()["state"], "closed");
    for (word, said) in [("cancel", "no session runs"), ("resume", "no chunks of an earlier session")] {
        let refused = session(&[word]).refused();
        assert!(refused.code == "not_ready" && refused.error.contains(said), "{refused:?}");
    }
    cluster.nodes[0].start();
    until("the peer again", START_TIME, async || (cluster.nodes[1].metric("p2p_peers").await > 0.5).then_some(()))
        .await;
    cluster.all_ready().await;

    // A byte per second: the first chunk comes, the second one would take a while. Whoever looks sees it, and ends it.
    let made = cluster.nodes[0].client().make_snapshot().await.expect("a snapshot");
    let mut stream = client.state_sync_session_stream().await.expect("a stream");
    assert_eq!(session(&["start", "--detach"]).ok()["phase"], "finding");
    let mut phases = Vec::new();
    let fetching = async {
        loop {
            let told = stream.next().await.expect("it is open").expect("progress");
            phases.push(told.phase);
            if told.phase == SyncPhase::Fetching && told.chunks_done == 1 {
                return told;
            }
        }
    };
    let told = tokio::time::timeout(SESSION_TIME, fetching).await.expect("the first chunk comes");
    assert_eq!((told.height, told.sources.len()), (Some(made.height), 1), "{told:?}");
    assert!(phases.contains(&SyncPhase::Finding) || phases.contains(&SyncPhase::Failed), "{phases:?}");
    let refused = session(&["start"]).refused();
    assert!(refused.error.contains("runs already"), "{refused:?}");
    let ended = session(&["cancel"]).ok();
    assert_eq!((&ended["phase"], &ended["chunks_done"]), (&"cancelled".into(), &1.into()), "{ended}");
    assert_eq!(ended["breaker"]["failures"], 0, "who cancels says nothing about the peers");

    // The limit is lifted while the node runs; the session goes on with what it had.
    run_in(&home, &["config", "set", "snapshots.fetch_bytes_per_sec", "0"]).ok();
    until("the limit is lifted", START_TIME, async || {
        cluster.nodes[1].log().contains("snapshots.fetch_bytes_per_sec").then_some(())
    })
    .await;
    let mut called = tb_as("rpp-node", cluster.folder());
    let done = run(called.args(["validator", "snapshot", "resume", "--rpc", &url, "--home", text(&home)])).ok();
    assert_eq!((&done["phase"], &done["chunks_resumed"]), (&"done".into(), &1.into()), "{done}");
    assert_eq!(done["height"], made.height.0);
    let verified = session(&["verify"]).ok();
    assert_eq!((&verified["whole"], &verified["block"]), (&true.into(), &made.block.to_string().into()), "{verified}");
    assert_eq!(client.snapshots().await.expect("a list").snapshots.first().map(|one| one.height), Some(made.height));
    let again = session(&["start"]).ok();
    assert!(again["reason"].as_str().is_some_and(|reason| reason.contains("nothing newer")), "{again}");
    assert_eq!(client.snapshot_breaker().await.expect("a breaker").state, BreakerState::Closed);
    a_list_says_what_it_looked_at(&home);
    cluster.check_no_panic();
}

/// A list looks at manifests and sizes and says so; only a verification finds a byte that is another one.
fn a_list_says_what_it_looked_at(home: &Path) {
    let listed = || run_in(home, &["snapshots", "list"]).ok();
    let first = listed();
    let one = &first["snapshots"][0];
    assert_eq!((&first["checked"], &one["chunks_missing"]), (&"sizes".into(), &0.into()), "{first}");
    let folder = Path::new(one["path"].as_str().expect("a path")).to_owned();
    let mut files: Vec<_> =
        std::fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "chunk"));
    let bytes = std::fs::read(&files[0]).expect("a file");
    let mut altered = bytes.clone();
    altered[bytes.len() / 2] ^= 1;
    std::fs::write(&files[0], &altered).expect("a file");
    assert_eq!(listed()["snapshots"][0]["chunks_of_other_size"], 0, "the size is the same");
    assert_eq!(run_in(home, &["snapshots", "verify"]).refused().code, "snapshot_refused");
    std::fs::write(&files[0], &bytes[1..]).expect("a file");
    assert_eq!(listed()["snapshots"][0]["chunks_of_other_size"], 1);
    std::fs::remove_file(&files[0]).expect("a file");
    assert_eq!(listed()["snapshots"][0]["chunks_missing"], 1);
}
