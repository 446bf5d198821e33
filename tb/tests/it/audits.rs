//! Audit records as a node serves them: the newest of the file, as exported, never more than a thousand.

use std::path::Path;

use node::audits::StreamLog;
use primitives::{Address, Amount, Engine, Hash, Height, Timestamp};
use rpc::types::{AuditEvidence, AuditQuery, AuditRecord, AuditStanding, AuditStream, CountersView};
use serde_json::Value;
use wallet::NodeKey;

use crate::cluster::{Cluster, INTERVAL_MS, START_TIME};
use crate::command::{run, tb};
use crate::pay::Payer;

/// Records that an earlier run of the node left.
const EARLIER: u64 = 1_100;

/// What the node wrote on earlier days, with its own key.
fn write_earlier(home: &Path, stream: AuditStream, genesis: Hash) {
    let key = NodeKey::load(&home.join("node_key"), None).expect("the node key").key.identity;
    let mut log = StreamLog::open(&home.join("data/audits"), stream, key, genesis).expect("a stream");
    let evidence = (0..EARLIER).map(|index| {
        let address = Address::of_module(&format!("v{index}"));
        match stream {
            AuditStream::Slashing => AuditEvidence::Slashed {
                validator: address,
                amount: Amount::new(index).expect("small"),
                evidence: Hash([3; 32]),
            },
            AuditStream::Reputation => {
                AuditEvidence::ReputationChanged { address, before: standing(0), after: standing(index) }
            }
        }
    });
    log.append(Height(1), Hash([1; 32]), Timestamp(1), evidence.collect()).expect("written");
}

fn standing(validations: u64) -> AuditStanding {
    let counters = CountersView {
        validations: u32::try_from(validations).expect("small"),
        validation_failures: 0,
        successes: 0,
        failures: 0,
        vouches: 0,
        active_at_ms: None,
    };
    AuditStanding { tier: "tl0".to_owned(), score_ppm: 0, counters }
}

/// Every line of a stream's files, oldest first.
fn lines(home: &Path, stream: AuditStream) -> Vec<String> {
    let folder = std::fs::read_dir(home.join("data/audits").join(stream.name())).expect("a folder");
    let mut files: Vec<_> = folder.map(|entry| entry.expect("an entry").path()).collect();
    files.sort_by_key(|path| path.file_stem().and_then(|stem| stem.to_str()?.parse::<u64>().ok()));
    let texts = files.iter().map(|file| std::fs::read_to_string(file).expect("the audits"));
    texts.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_newest_records_are_served_as_the_files_hold_them() {
    let _reputation = testkit::contract!("S000-118");
    let _slashing = testkit::contract!("S000-119");
    let mut cluster = Cluster::new(Engine::Solo, 1, INTERVAL_MS);
    let home = cluster.nodes[0].home.clone();
    let genesis = cluster.network.genesis.hash();
    for stream in AuditStream::ALL {
        write_earlier(&home, stream, genesis);
    }
    cluster.start_all();
    let node = &cluster.nodes[0];
    node.ready(START_TIME).await;
    for stream in AuditStream::ALL {
        for (limit, expected) in
            [(None, 200), (Some(3), 3), (Some(1_000), 1_000), (Some(u64::MAX), 1_000), (Some(0), 0)]
        {
            let page = node.client().audits(stream, AuditQuery { limit }).await.expect("a page");
            assert_eq!((page.stream, page.records.len()), (stream, expected), "{limit:?}");
            let Some(last) = page.records.last() else { continue };
            // The node goes on writing: compare up to the last record of the page.
            let all = lines(&home, stream);
            let end = all.iter().position(|line| AuditRecord::check(line).is_ok_and(|one| one == *last));
            let end = end.expect("the last record is in the file") + 1;
            let served: Vec<String> = page.records.iter().map(|one| one.line().trim_end().to_owned()).collect();
            assert_eq!(served, all[end - expected..end], "as exported");
            assert!(last.sequence + 1 >= EARLIER, "the newest, not the oldest");
        }
    }
    let url = format!("{}/observability/audits/slashing?limit=many", node.ports.rpc_url());
    assert_eq!(reqwest::get(url).await.expect("an answer").status(), 400);
    // The whole of both streams verifies offline.
    cluster.nodes[0].stop();
    for stream in AuditStream::ALL {
        let folder = std::fs::read_dir(home.join("data/audits").join(stream.name())).expect("a folder");
        for entry in folder {
            let report = run(tb().args(["audit", "verify"]).arg(entry.expect("an entry").path())).ok();
            assert!(report["records"].as_u64() > Some(0), "{report}");
        }
    }
}

/// Changes one number or text of a record.
fn altered(record: &Value, path: &str, value: Value) -> String {
    let mut record = record.clone();
    *record.pointer_mut(path).expect("the record has this") = value;
    record.to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_settled_is_compared_before_and_after_an_upgrade() {
    let _checklist = testkit::contract!("S003-210");
    let mut cluster = Cluster::new(Engine::Solo, 1, INTERVAL_MS);
    cluster.start_all();
    cluster.nodes[0].ready(START_TIME).await;
    let folder = cluster.folder().to_owned();
    let url = cluster.nodes[0].ports.rpc_url();
    let audit =
        |words: &[&str]| run(tb().args(["audit", "settlement", "--rpc", &url]).args(words).current_dir(&folder));
    let mut payer = Payer::funded(&cluster.network, 1);
    let to = payer.stranger(5).address;
    let transaction = payer.pay(to, 5);
    cluster.nodes[0].client().submit(&payer.request(&transaction)).await.expect("admitted");
    cluster.nodes[0].finalized(transaction.id()).await;
    let before = audit(&["--out", "before.json"]).ok()["record"].clone();
    assert_eq!(before["pots"].as_object().map(serde_json::Map::len), Some(9), "{before}");
    let candidate = before["candidates"].as_object().and_then(|all| all.keys().next()).expect("one").clone();
    assert_eq!(audit(&["--out", "before.json"]).refused().code, "exists", "a record is never overwritten");

    // The upgrade: another process on the same data, and the chain goes on.
    cluster.nodes[0].stop();
    cluster.nodes[0].start();
    cluster.nodes[0].ready(START_TIME).await;
    let transaction = payer.pay(to, 7);
    cluster.nodes[0].client().submit(&payer.request(&transaction)).await.expect("admitted");
    cluster.nodes[0].finalized(transaction.id()).await;
    let after = audit(&["--since", "before.json"]).ok();
    assert_eq!(after["since"], before["height"]);
    let changed = after["differences"].as_array().expect("a list");
    assert!(changed.iter().any(|one| one["name"] == "height") && changed.iter().all(|one| one["verdict"] == "changed"));

    // A chain that lost, rewrote or forgave something does not pass.
    let one = format!("/candidates/{candidate}");
    let wrong: [(&str, Value, &str); 6] = [
        ("/genesis", Hash([1; 32]).to_string().into(), "genesis"),
        ("/height", 1_000_000.into(), "height"),
        ("/block", Hash([1; 32]).to_string().into(), "block"),
        ("/supply", 17.into(), "supply at"),
        (&format!("{one}/service/built"), 1_000_000.into(), "built"),
        (&format!("{one}/validator/state"), "tombstoned".into(), "state"),
    ];
    for (path, value, named) in wrong {
        std::fs::write(folder.join("other.json"), altered(&before, path, value)).expect("a file");
        let refused = audit(&["--since", "other.json"]).refused();
        assert_eq!((refused.exit, refused.code.as_str()), (4, "settlement_differs"), "{path}");
        assert!(refused.error.contains(named), "{path}: {}", refused.error);
    }
    for bad in ["", "{}", &altered(&before, "/version", 2.into()), &"[".repeat(100_000)] {
        std::fs::write(folder.join("other.json"), bad).expect("a file");
        assert_eq!(audit(&["--since", "other.json"]).refused().code, "settlement_record");
    }
}
