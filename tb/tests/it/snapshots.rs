//! Snapshots of real nodes: made on demand and at heights, checked, restored, and taken by an empty node from sources of
//! which one lies.

use std::path::{Path, PathBuf};
use std::time::Duration;

use cli::devnet::layout::Ports;
use primitives::{Engine, Hash, Height};
use rpc::types::{BlockId, StateSyncChunk};
use rpc::{Client, ClientConfig};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::cluster::{Cluster, INTERVAL_MS, Node, START_TIME, free_base, until};
use crate::command::{run_in, tb};
use crate::join::{connected, connected_to, start};
use crate::pay::Payer;

/// Longest time for a node to take a snapshot and catch up.
const SYNC_TIME: Duration = Duration::from_secs(30);

pub fn text(path: &Path) -> &str {
    path.to_str().expect("a temporary folder has a plain name")
}

/// An empty home of a node that does not vote.
pub fn empty(cluster: &Cluster, name: &str) -> (Node, Vec<String>) {
    let home: PathBuf = cluster.folder().join(name);
    let genesis = cluster.network.root.join("genesis.json");
    run_in(&home, &["init", "--mode", "node", "--moniker", name, "--genesis", text(&genesis)]).ok();
    let ports = Ports::of(free_base(1), 0).expect("free ports");
    let words = connected(cluster, ports);
    (Node::new(home, ports), words)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_of_a_running_node_is_checked_restored_and_gone_on_from() {
    let _restored = testkit::contract!("S000-110");
    let _kept = testkit::contract!("S000-015");
    let mut cluster = Cluster::new(Engine::Bft, 2, INTERVAL_MS);
    cluster.start_all();
    cluster.all_ready().await;
    let mut payer = Payer::funded(&cluster.network, 1);
    let to = payer.stranger(5).address;
    let transaction = payer.pay(to, 7);
    cluster.nodes[0].client().submit(&payer.request(&transaction)).await.expect("admitted");
    cluster.nodes[0].finalized(transaction.id()).await;
    let home = cluster.nodes[0].home.clone();
    let url = cluster.nodes[0].ports.rpc_url();

    // The store of a running node is refused; the node itself makes the copy while blocks go on.
    let refused = run_in(&home, &["snapshots", "create"]).refused();
    assert_eq!((refused.code.as_str(), refused.exit), ("store_in_use", 4), "{refused:?}");
    let made = run_in(&home, &["snapshots", "create", "--live", "--rpc", &url]).ok();
    let height = made["height"].as_u64().expect("a height");
    cluster.nodes[0].reaches(height + 2, START_TIME).await;
    let verified = run_in(&home, &["snapshots", "verify"]).ok();
    assert_eq!((&verified["whole"], &verified["attested"]), (&true.into(), &true.into()), "{verified}");
    assert_eq!(verified["block"], made["block"]);

    // It is still there after a restart, and the node gives it to others.
    cluster.nodes[0].stop();
    cluster.nodes[0].start();
    cluster.nodes[0].ready(START_TIME).await;
    let listed = cluster.nodes[0].client().snapshots().await.expect("a list");
    assert_eq!(listed.snapshots.first().map(|one| one.height.0), Some(height));
    session_answers(&cluster.nodes[0]).await;
    a_busy_source_is_waited_for(&cluster).await;

    // Restored into an empty home, it goes on from that height.
    let (mut restored, words) = empty(&cluster, "restored");
    let from = home.join("snapshots");
    let answer = run_in(&restored.home, &["snapshots", "restore", "--from", text(&from)]).ok();
    assert_eq!((&answer["height"], &answer["attested"]), (&height.into(), &true.into()), "{answer}");
    let again = run_in(&restored.home, &["snapshots", "restore", "--from", text(&from)]).refused();
    assert_eq!((again.code.as_str(), again.exit), ("store_not_empty", 4), "{again:?}");
    // Its store holds no block yet, and no command says that it does.
    let indexed = run_in(&restored.home, &["node", "rebuild-history"]).ok();
    assert_eq!((&indexed["oldest_height"], &indexed["indexed_height"]), (&(height + 1).into(), &height.into()));
    let exported = run_in(&restored.home, &["storage", "export", "--to", text(&cluster.folder().join("none"))]).ok();
    assert_eq!((&exported["first"], &exported["last"], &exported["written"]), (&Value::Null, &Value::Null, &0.into()));
    start(&mut restored, &words);
    restored.reaches(height + 2, START_TIME).await;
    let goal = cluster.highest().await;
    restored.reaches(goal, START_TIME).await;
    restored.ready(START_TIME).await;
    let mine = restored.client().account(&to).await.expect("an account");
    assert_eq!(mine.balance.micro(), 7);
    let early = restored.client().block(BlockId::Height(Height(1))).await.expect_err("it has no such block");
    assert!(early.to_string().contains("begin at height"), "{early}");
    what_rotted_is_given_to_nobody(&mut cluster.nodes[0]).await;
    cluster.check_no_panic();
}

/// Flips a byte of a chunk of a snapshot.
fn flip(folder: &Path, name: &str, chunk: &Hash) {
    let file = folder.join(name).join(format!("{chunk}.chunk"));
    let mut bytes = std::fs::read(&file).expect("a chunk");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).expect("written");
}

/// A chunk that rotted is refused when it is asked for, and found by the scrub when nobody asks; its snapshot is set aside, and the next good one
/// is given.
async fn what_rotted_is_given_to_nobody(node: &mut Node) {
    let folder = node.home.join("snapshots");
    let older = node.client().snapshots().await.expect("a list").snapshots.remove(0);
    node.reaches(older.height.0 + 1, START_TIME).await;
    let newest = node.client().make_snapshot().await.expect("another one");
    let plan = node.client().state_sync_plan().await.expect("a plan");
    assert_eq!(plan.snapshot.name, newest.name);
    flip(&folder, &newest.name, &plan.chunks[0].id);
    let url = format!("{}/state-sync/chunk/0", node.ports.rpc_url());
    let answer = reqwest::get(&url).await.expect("an answer");
    assert_eq!(answer.status().as_u16(), 404, "bytes that are not those of their name are not given");
    let plan = node.client().state_sync_plan().await.expect("a plan");
    assert_eq!(plan.snapshot.name, older.name, "the next good one is given");
    assert!(folder.join(format!("damaged-{}", newest.name)).join("manifest").exists(), "the other one is set aside");
    assert_eq!(node.metric("snapshots_damaged_total").await, 1.0);
    assert_eq!(reqwest::get(&url).await.expect("an answer").status().as_u16(), 200);

    // Nobody asks for the rotten chunk of this one.
    node.stop();
    flip(&folder, &older.name, &plan.chunks[0].id);
    std::fs::remove_file(node.home.join("data/scrub.json")).expect("the scrub was somewhere");
    node.start();
    let found = until("the finding", START_TIME, async || {
        let seen = node.client().storage_status().await.ok()?;
        seen.findings.into_iter().find(|finding| finding.column == "snapshots")
    })
    .await;
    assert!(found.height == older.height && found.reason.contains(&plan.chunks[0].id.to_string()), "{found:?}");
    assert!(!node.client().state_sync_session().await.expect("it answers").active, "there is nothing to give");
    assert!(node.metric("storage_scrub_findings_total").await >= 1.0);
    let made = node.client().make_snapshot().await.expect("a new copy");
    assert_eq!(node.client().state_sync_plan().await.expect("a plan").snapshot.name, made.name);

    // What somebody removes beside the node is offered until the first question for it, and is no damage.
    for one in node.client().snapshots().await.expect("a list").snapshots {
        std::fs::remove_dir_all(folder.join(&one.name)).expect("it was there");
    }
    assert_eq!(reqwest::get(&url).await.expect("an answer").status().as_u16(), 404);
    assert!(!node.client().state_sync_session().await.expect("it answers").active, "there is nothing to give");
    assert!(node.client().snapshots().await.expect("a list").snapshots.is_empty());
    assert_eq!(node.metric("snapshots_damaged_total").await, 1.0, "only the one that had rotted");
}

/// Every named answer of the routes that give a snapshot to others.
async fn session_answers(node: &Node) {
    let _chunk = testkit::contract!("S000-125");
    let _range = testkit::contract!("S000-126");
    let _missing = testkit::contract!("S000-127");
    let _legacy = testkit::contract!("S000-129");
    let http = reqwest::Client::new();
    let url = node.ports.rpc_url();
    let get = async |path: String| {
        let answer = http.get(format!("{url}/state-sync/{path}")).send().await.expect("an answer");
        let status = answer.status().as_u16();
        (status, answer.json::<Value>().await.expect("JSON"))
    };
    let (status, plan) = get("plan".to_owned()).await;
    assert_eq!(status, 200, "{plan}");
    let count = plan["chunks"].as_array().expect("a list").len();
    for index in 0..count {
        let (status, chunk) = get(format!("chunk/{index}")).await;
        assert_eq!((status, &chunk["chunk"]), (200, &plan["chunks"][index]));
        let id = chunk["chunk"]["id"].as_str().expect("a hash").to_owned();
        let typed: StateSyncChunk = serde_json::from_value(chunk.clone()).expect("a chunk");
        assert!(typed.file().is_ok(), "its SHA-256 is that of the payload");
        assert_eq!(get(format!("chunk/{id}")).await, (200, chunk.clone()));
        assert_eq!(get(format!("chunk?index={index}")).await, (200, chunk));
    }
    for path in [format!("chunk/{count}"), format!("chunk?index={count}"), "chunk/nonsense".to_owned()] {
        let (status, refused) = get(path.clone()).await;
        assert_eq!((status, &refused["code"]), (400, &"bad_request".into()), "{path}");
        let is_named = refused["error"].as_str().is_some_and(|text| text.contains("a chunk is named by its place"));
        assert_eq!(is_named, path == "chunk/nonsense", "{refused}");
    }
    let (status, refused) = get(format!("chunk/{}", Hash([7; 32]))).await;
    assert_eq!((status, &refused["code"]), (404, &"not_found".into()));
    let (_, session) = get("session".to_owned()).await;
    assert_eq!((&session["active"], &session["snapshot"]), (&true.into(), &plan["snapshot"]));
}

/// A node that gives no more says so, and whoever syncs waits for it: it is not dropped, and the sync ends once the limit is lifted.
async fn a_busy_source_is_waited_for(cluster: &Cluster) {
    let (node, url) = (&cluster.nodes[0], cluster.nodes[0].ports.rpc_url());
    let http = reqwest::Client::new();
    let chunk = async || http.get(format!("{url}/state-sync/chunk/0")).send().await.expect("an answer");
    run_in(&node.home, &["config", "set", "snapshots.serve_bytes_per_sec", "1"]).ok();
    let answer = until("a node that gives no more", START_TIME, async || {
        Some(chunk().await).filter(|answer| answer.status().as_u16() == 429)
    })
    .await;
    let refused: Value = answer.json().await.expect("JSON");
    assert_eq!(refused["code"], "rate_limited", "{refused}");
    assert!(refused["error"].as_str().expect("words").contains("gives no more of its snapshot"), "{refused}");
    let (mut patient, _) = empty(cluster, "patient");
    let all: Vec<Ports> = cluster.nodes.iter().map(|node| node.ports).collect();
    let mut words = connected_to(patient.ports, &all, &[]);
    words.extend(["--state-sync", "--peer-url", &url].map(str::to_owned));
    start(&mut patient, &words);
    // Longer than three failures would take, after which a source is dropped.
    for _ in 0..4 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(chunk().await.status().as_u16(), 429);
    }
    assert!(!patient.home.join("data/state_sync.json").exists(), "nothing came yet");
    run_in(&node.home, &["config", "set", "snapshots.serve_bytes_per_sec", "0"]).ok();
    let goal = cluster.highest().await;
    patient.reaches(goal, SYNC_TIME).await;
    let report = std::fs::read_to_string(patient.home.join("data/state_sync.json")).expect("a report");
    let report: Value = serde_json::from_str(&report).expect("JSON");
    assert_eq!((&report["sources"], &report["dropped"]), (&json!([url]), &json!([])), "{report}");
    patient.stop();
}

/// A server that gives what `behind` gives, but for the chunks: these are altered, with a checksum that fits. It has no chain proof.
pub async fn liar(behind: Client) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        loop {
            let Ok((mut stream, _)) = listener.accept().await else { return };
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let Ok(byte) = stream.read_u8().await else { break };
                head.push(byte);
            }
            let head = String::from_utf8_lossy(&head).into_owned();
            let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
            let body = match path.strip_prefix("/state-sync/chunk/") {
                Some(id) => {
                    let chunk = behind.state_sync_chunk(&id.parse().expect("a hash")).await.expect("a chunk");
                    let mut file = chunk.file().expect("it is whole");
                    let middle = file.len() / 2;
                    file[middle] ^= 1;
                    serde_json::to_string(&StateSyncChunk::new(chunk.chunk, &file)).expect("JSON")
                }
                None if path == "/state-sync/plan" => {
                    serde_json::to_string(&behind.state_sync_plan().await.expect("a plan")).expect("JSON")
                }
                None => {
                    r#"{"error": "there is no chain proof", "code": "proof_unavailable", "hint": "none"}"#.to_owned()
                }
            };
            let status = if path.starts_with("/state-sync/") { "200 OK" } else { "409 Conflict" };
            let reply = format!(
                "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
            let _ = stream.write_all(reply.as_bytes()).await;
        }
    });
    url
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_node_joins_from_a_snapshot_although_one_source_lies() {
    let _no_session = testkit::contract!("S000-128");
    let mut cluster = Cluster::new(Engine::Bft, 2, 50);
    let words = ["--set", "snapshots.interval_blocks=50"];
    cluster.nodes[0].start_with(&words, &[]);
    cluster.nodes[1].start();
    cluster.all_ready().await;
    let honest = cluster.nodes[0].ports.rpc_url();
    let none = cluster.nodes[1].ports.rpc_url();
    // Without a snapshot there is no session, and a node that asks for one says so and does not start.
    let refused = cluster.nodes[1].client().state_sync_plan().await.expect_err("no snapshot");
    assert!(refused.to_string().contains("no state-sync session is active"), "{refused}");
    let answer = reqwest::get(format!("{none}/state-sync/chunk/0")).await.expect("an answer");
    assert_eq!(answer.status().as_u16(), 503);
    // Without peers of gossip, so that the URLs are the only sources.
    let (mut late, _) = empty(&cluster, "late");
    let all: Vec<Ports> = cluster.nodes.iter().map(|node| node.ports).collect();
    let mut words = connected_to(late.ports, &all, &[]);
    let mut alone: Vec<&str> = words.iter().map(String::as_str).collect();
    alone.extend(["--state-sync", "--peer-url", &none]);
    let refused = late.start_refused(&alone, &[]).refused();
    assert_eq!((refused.code.as_str(), refused.exit), ("state_sync", 4), "{refused:?}");
    assert!(refused.error.contains(&none), "the source is named: {refused:?}");

    cluster.nodes[0].reaches(110, Duration::from_secs(60)).await;
    let made = until("a snapshot", START_TIME, async || {
        cluster.nodes[0].client().snapshots().await.ok().filter(|list| !list.snapshots.is_empty())
    })
    .await;
    assert_eq!(made.snapshots[0].height.0 % 50, 0, "{made:?}");
    // What SnapshotOld asks: at which heights, and how old the newest is; where there is none, since the start of the node.
    let (maker, other) = (&cluster.nodes[0], &cluster.nodes[1]);
    let intervals = (maker.metric("snapshot_interval_blocks").await, other.metric("snapshot_interval_blocks").await);
    assert_eq!(intervals, (50.0, 3_600.0), "as configured, and the default");
    let ages = (maker.metric("snapshot_age_seconds").await, other.metric("snapshot_age_seconds").await);
    assert!(ages.1 > ages.0 && other.metric("snapshots_kept").await < 0.5, "{ages:?}");
    let lies = liar(Client::new(&ClientConfig::new(honest.clone())).expect("a URL")).await;
    words.extend(["--state-sync", "--peer-url", &lies, "--peer-url", &honest].map(str::to_owned));
    start(&mut late, &words);
    let goal = cluster.highest().await;
    late.reaches(goal, SYNC_TIME).await;
    let report = std::fs::read_to_string(late.home.join("data/state_sync.json")).expect("a report");
    let report: Value = serde_json::from_str(&report).expect("JSON");
    let dropped = report["dropped"].as_array().expect("a list");
    assert_eq!(dropped.len(), 1, "{report}");
    assert_eq!(dropped[0]["source"].as_str(), Some(lies.as_str()));
    let reason = dropped[0]["reason"].as_str().expect("a reason");
    assert!(reason.contains("does not have the bytes") && !reason.contains("next:"), "{report}");
    let begun = report["height"].as_u64().expect("a height");
    assert!(begun >= 50 && begun.is_multiple_of(50), "{report}");
    // The same chain from there on, and the next start needs no state sync.
    late.stop();
    start(&mut late, &words);
    late.reaches(goal + 1, START_TIME).await;
    let (mine, theirs) = (late.client(), cluster.nodes[0].client());
    let height = BlockId::Height(Height(goal));
    let same = (mine.block(height).await.expect("a block"), theirs.block(height).await.expect("a block"));
    assert_eq!(same.0.hash, same.1.hash);
    fetches_no_chunk_twice(&mut cluster).await;
    goes_on_with_the_next_snapshot(&cluster).await;
    cluster.check_no_panic();
}

/// The list of chunks is attested by nobody: who has the highest snapshot and gives wrong chunks keeps no node from the next one.
async fn goes_on_with_the_next_snapshot(cluster: &Cluster) {
    let (honest, newest) = (&cluster.nodes[0], &cluster.nodes[1]);
    let (goal, url) = (cluster.highest().await, honest.ports.rpc_url());
    let below = honest.client().state_sync_plan().await.expect("a plan").snapshot.height;
    newest.reaches(below.0.max(goal) + 1, START_TIME).await;
    let above = newest.client().make_snapshot().await.expect("a snapshot").height;
    assert!(above > below, "the liar has the higher one: {above}, {below}");
    let lies = liar(newest.client()).await;
    let (mut lower, _) = empty(cluster, "lower");
    let all: Vec<Ports> = cluster.nodes.iter().map(|node| node.ports).collect();
    let mut words = connected_to(lower.ports, &all, &[]);
    words.extend(["--state-sync", "--peer-url", &lies, "--peer-url", &url].map(str::to_owned));
    start(&mut lower, &words);
    lower.reaches(goal, SYNC_TIME).await;
    let report = std::fs::read_to_string(lower.home.join("data/state_sync.json")).expect("a report");
    let report: Value = serde_json::from_str(&report).expect("JSON");
    assert_eq!((&report["height"], &report["sources"]), (&json!(below.0), &json!([url])), "{report}");
    assert_eq!(report["dropped"][0]["source"], lies, "{report}");
    lower.stop();
}

/// Chunks lie where the environment says, each under its hash: one that is there is not fetched, and no other file is touched.
async fn fetches_no_chunk_twice(cluster: &mut Cluster) {
    let _path = testkit::contract!("S003-157");
    // No further snapshot, so that it is known which one will be fetched.
    cluster.nodes[0].stop();
    cluster.nodes[0].start_with(&["--set", "snapshots.interval_blocks=0"], &[]);
    cluster.nodes[0].ready(START_TIME).await;
    let (honest, url) = (cluster.nodes[0].client(), cluster.nodes[0].ports.rpc_url());
    let plan = honest.state_sync_plan().await.expect("a plan");
    let first = honest.state_sync_chunk(&plan.chunks[0].id).await.expect("a chunk").file().expect("it is whole");
    let (mut later, mut words) = empty(cluster, "later");
    let store = later.home.join("elsewhere");
    std::fs::create_dir(&store).expect("a folder");
    let chunk = |hash: &str| store.join(format!("{hash}.chunk"));
    let (shared, foreign) = (chunk(&plan.chunks[0].id.to_string()), store.join("notes.txt"));
    std::fs::write(&shared, first).expect("a file");
    std::fs::write(chunk(&"ab".repeat(32)), b"of an earlier snapshot").expect("a file");
    std::fs::write(&foreign, b"not ours").expect("a file");
    words.extend(["--state-sync", "--peer-url", &url].map(str::to_owned));
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    later.start_with(&words, &[("TB_CHUNK_DB_PATH", store.to_str().expect("text"))]);
    later.reaches(plan.snapshot.height.0 + 1, SYNC_TIME).await;
    let report = std::fs::read_to_string(later.home.join("data/state_sync.json")).expect("a report");
    let report: Value = serde_json::from_str(&report).expect("JSON");
    assert_eq!((&report["resumed"], &report["height"]), (&1.into(), &plan.snapshot.height.0.into()), "{report}");
    let left: Vec<_> =
        std::fs::read_dir(&store).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    assert_eq!(left, [foreign], "the chunks have served, and nothing else was touched");
    assert!(!later.home.join("chunk_db").exists());
    later.stop();
}

#[test]
fn a_snapshot_that_is_interrupted_leaves_the_one_before() {
    let (_made, _kept) = (testkit::contract!("S003-144"), testkit::contract!("S003-145"));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut cluster = Cluster::new(Engine::Solo, 1, INTERVAL_MS);
    cluster.start_all();
    runtime.block_on(cluster.nodes[0].reaches(3, START_TIME));
    cluster.nodes[0].stop();
    let home = cluster.nodes[0].home.clone();
    let shelf = cluster.folder().join("shelf");
    let snapshots = |words: &[&str]| run_in(&home, &[&["snapshots"], words, &["--path", text(&shelf)]].concat());
    let first = snapshots(&["create"]).ok();
    cluster.nodes[0].start();
    runtime.block_on(cluster.nodes[0].reaches(first["height"].as_u64().expect("a height") + 2, START_TIME));
    cluster.nodes[0].stop();
    let listed = || snapshots(&["list"]).ok()["snapshots"].as_array().expect("a list").len();
    for (point, whole) in [
        ("snapshot_before_write", 1),
        ("snapshot_half", 1),
        ("snapshot_before_sync", 1),
        ("snapshot_before_rename", 1),
        ("snapshot_after_rename", 2),
    ] {
        let mut command = tb();
        command
            .args(["snapshots", "create", "--json", "--crash-at", point, "--path", text(&shelf), "--home"])
            .arg(&home);
        let ended = command.output().expect("it was built");
        assert_eq!(ended.status.code(), None, "{point}: it was killed");
        assert_eq!(listed(), whole, "{point}");
        let verified = run_in(&home, &["snapshots", "verify", "--path", first["path"].as_str().expect("a path")]).ok();
        assert_eq!(verified["whole"], true, "{point}");
    }
    let again = snapshots(&["create"]).ok();
    assert_eq!(listed(), 2, "{again}");
    let left = std::fs::read_dir(&shelf).expect("a folder");
    let left = left.filter(|entry| entry.as_ref().expect("an entry").file_name().to_string_lossy().starts_with(".new"));
    assert_eq!(left.count(), 0, "what the interrupted ones left is gone");
    snapshots(&["prune", "--keep", "1"]).ok();
    assert_eq!(listed(), 1);
}
