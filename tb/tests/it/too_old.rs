//! A chain that is older than its trusting period: the genesis file alone shows nothing any more.

use std::time::Duration;

use primitives::params::{EvidenceParams, StakingParams};
use primitives::{Engine, Height, Params};
use rpc::types::BlockId;

use crate::cluster::{Cluster, START_TIME, until};
use crate::proofs::verify_with;

/// Target time between blocks, milliseconds.
const INTERVAL_MS: u64 = 100;
/// Heights of an epoch. One epoch of three seconds is the trusting period.
const EPOCH: u64 = 30;

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
    let genesis = cluster.network.genesis.genesis_time;
    until("the chain is older than the period", START_TIME, async || {
        let head = client.node_status().await.ok()?.finalized_height;
        let header = client.certified_block(BlockId::Height(head)).await.ok()?.decode().ok()?.0;
        (header.time.since(genesis) > 2 * u64::try_from(period.as_millis()).expect("short")).then_some(())
    })
    .await;

    let refused = verify_with(&cluster, &url, &[]).refused();
    assert_eq!((refused.code.as_str(), refused.exit), ("checkpoint_too_old", 4), "{refused:?}");
    assert!(refused.error.contains("the trusted height 0 is"), "{refused:?}");
    assert!(refused.hint.contains("--trust HEIGHT:HASH"), "it says what helps: {refused:?}");

    // A checkpoint of then is as old; one of now is taken, and what is missing is the proof.
    let checkpoint = async |height| {
        let block = client.certified_block(BlockId::Height(height)).await.ok()?;
        Some(format!("{height}:{}", block.decode().ok()?.0.hash()))
    };
    let then = checkpoint(Height(1)).await.expect("it is there");
    let first = verify_with(&cluster, &url, &["--trust", &then]).refused();
    assert_eq!((first.code.as_str(), first.exit), ("checkpoint_too_old", 4), "{first:?}");
    let now = until("a checkpoint that is young enough on a busy machine", START_TIME, async || {
        let head = client.node_status().await.ok()?.finalized_height;
        let refused = verify_with(&cluster, &url, &["--trust", &checkpoint(head).await?]).refused();
        (refused.code != "checkpoint_too_old").then_some(refused)
    })
    .await;
    assert_eq!((now.code.as_str(), now.exit), ("nothing_proven", 10), "{now:?}");
    cluster.check_no_panic();
}
