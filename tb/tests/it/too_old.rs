//! A chain that is older than its trusting period: the genesis file alone shows nothing any more, to a light client, to a node that
//! takes its state from others, and to whoever restores a snapshot.

use std::path::Path;
use std::time::Duration;

use primitives::params::{EvidenceParams, StakingParams};
use primitives::{Engine, Height, Params};
use rpc::Client;
use rpc::types::BlockId;
use serde_json::Value;

use crate::cluster::{Cluster, START_TIME, until};
use crate::command::run_in;
use crate::join::connected_to;
use crate::proofs::verify_with;
use crate::snapshots::{empty, text};

/// Target time between blocks, milliseconds.
const INTERVAL_MS: u64 = 100;
/// Heights of an epoch. One epoch of six seconds is the trusting period.
const EPOCH: u64 = 60;

/// A block as somebody learns it elsewhere.
async fn checkpoint(client: &Client, height: Height) -> Option<String> {
    let block = client.certified_block(BlockId::Height(height)).await.ok()?;
    Some(format!("{height}:{}", block.decode().ok()?.0.hash()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_light_client_without_a_checkpoint_refuses_a_chain_that_is_older_than_its_trusting_period() {
    let staking = StakingParams { trusting_epochs: 1, unbonding_epochs: 3, ..StakingParams::default() };
    let evidence = EvidenceParams { age_epochs: 1, delay_epochs: 1, together_epochs: 1, ..EvidenceParams::default() };
    let params = Params { epoch_blocks: EPOCH, staking, evidence, ..Params::default() };
    let mut cluster = Cluster::with_params(Engine::Bft, 2, INTERVAL_MS, Some(params));
    cluster.start_all();
    cluster.all_ready().await;
    let client = cluster.nodes[0].client();
    let url = client.base_url().to_owned();
    let period = Duration::from_millis(EPOCH * INTERVAL_MS);
    let time = async |height| Some(client.certified_block(BlockId::Height(height)).await.ok()?.decode().ok()?.0.time);
    let first = time(Height(1)).await.expect("it is there");
    until("the first block is older than the period", START_TIME, async || {
        let head = client.node_status().await.ok()?.finalized_height;
        (time(head).await?.since(first) > u64::try_from(period.as_millis()).expect("short")).then_some(())
    })
    .await;

    let refused = verify_with(&cluster, &url, &[]).refused();
    assert_eq!((refused.code.as_str(), refused.exit), ("checkpoint_too_old", 4), "{refused:?}");
    assert!(refused.error.contains("the trusted height 0 is"), "{refused:?}");
    assert!(refused.hint.contains("--trust HEIGHT:HASH"), "it says what helps: {refused:?}");

    // A checkpoint of then is as old; one of now is taken, and what is missing is the proof.
    let then = checkpoint(&client, Height(1)).await.expect("it is there");
    let first = verify_with(&cluster, &url, &["--trust", &then]).refused();
    assert_eq!((first.code.as_str(), first.exit), ("checkpoint_too_old", 4), "{first:?}");
    let now = until("a checkpoint that is young enough on a busy machine", START_TIME, async || {
        let head = client.node_status().await.ok()?.finalized_height;
        let refused = verify_with(&cluster, &url, &["--trust", &checkpoint(&client, head).await?]).refused();
        (refused.code != "checkpoint_too_old").then_some(refused)
    })
    .await;
    assert_eq!((now.code.as_str(), now.exit), ("nothing_proven", 10), "{now:?}");
    restores_by_a_checkpoint_alone(&cluster, &client).await;
    syncs_by_a_checkpoint_alone(&cluster, &client, &then).await;
    cluster.check_no_panic();
}

/// A snapshot of the chain is restored by nobody who trusts genesis alone, and by whoever knows a block of it.
async fn restores_by_a_checkpoint_alone(cluster: &Cluster, client: &Client) {
    let made = client.make_snapshot().await.expect("a snapshot");
    let (home, shelf) = (&cluster.nodes[0].home, cluster.nodes[0].home.join("snapshots"));
    let restored = empty(cluster, "restored").0.home.clone();
    let from = |words: &[&str]| run_in(&restored, &[&["snapshots", "restore", "--from", text(&shelf)], words].concat());
    for refused in [from(&[]), run_in(&restored, &["snapshots", "verify", "--path", text(&shelf)])] {
        let refused = refused.refused();
        assert_eq!((refused.code.as_str(), refused.exit), ("not_attested", 4), "{refused:?}");
        assert!(refused.error.contains("the trusted height 0 is"), "{refused:?}");
        assert!(refused.hint.contains("--trust HEIGHT:HASH"), "it says what helps: {refused:?}");
    }
    assert!(!restored.join("data/store").exists(), "nothing was written");
    // Whoever made it knows it by its own key, although its store is in use and its genesis too old.
    let own = run_in(home, &["snapshots", "verify"]).ok();
    assert_eq!((&own["height"], &own["attested"]), (&made.height.0.into(), &true.into()), "{own}");
    // A block below the snapshot leads to it, with the header that a node gives.
    let answer = until("a restore by a block that is young enough", START_TIME, async || {
        let head = client.node_status().await.ok()?.finalized_height;
        let trusted = checkpoint(client, head).await?;
        cluster.nodes[0].reaches(head.0 + 1, START_TIME).await;
        client.make_snapshot().await.ok()?;
        let alone = from(&["--trust", &trusted]).refused();
        assert!(alone.code == "not_attested" && alone.error.contains("--peer-url"), "{alone:?}");
        let ended = from(&["--trust", &trusted, "--peer-url", client.base_url()]);
        (ended.code == Some(0)).then(|| ended.ok())
    })
    .await;
    assert!(answer["attested"] == true && answer["height"].as_u64() > Some(made.height.0), "{answer}");
}

/// A node with an empty store takes no snapshot by genesis or by a block of then, and one by a block of now.
async fn syncs_by_a_checkpoint_alone(cluster: &Cluster, client: &Client, then: &str) {
    let (mut late, _) = empty(cluster, "late");
    let all: Vec<_> = cluster.nodes.iter().map(|node| node.ports).collect();
    let mut words = connected_to(late.ports, &all, &[]);
    words.extend(["--state-sync", "--peer-url", client.base_url()].map(str::to_owned));
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    for (more, trusted) in [(&[][..], 0), (&["--trust", then][..], 1)] {
        let refused = late.start_refused(&[&words, more].concat(), &[]).refused();
        assert_eq!((refused.code.as_str(), refused.exit), ("checkpoint_too_old", 4), "{refused:?}");
        assert!(refused.error.contains(&format!("the trusted height {trusted} is")), "{refused:?}");
        assert!(refused.hint.contains("--trust HEIGHT:HASH"), "it says what helps: {refused:?}");
    }
    let report = late.home.join("data/state_sync.json");
    let read = |path: &Path| serde_json::from_str::<Value>(&std::fs::read_to_string(path).ok()?).ok();
    let (made, told) = until("a sync by a block that is young enough", START_TIME, async || {
        let made = client.make_snapshot().await.ok()?;
        let trusted = format!("{}:{}", made.height, made.block);
        let is_refused = |log: String| log.contains(&format!("the trusted height {} is", made.height));
        late.start_with(&[&words, &["--trust", &trusted][..]].concat(), &[]);
        let told = until("the end of the sync", START_TIME, async || match read(&report) {
            Some(told) => Some(Some(told)),
            None => is_refused(late.log()).then_some(None),
        })
        .await;
        if told.is_none() {
            late.ended(START_TIME);
        }
        Some((made, told?))
    })
    .await;
    assert_eq!(told["height"], made.height.0, "{told}");
    late.reaches(cluster.highest().await, START_TIME).await;
}
