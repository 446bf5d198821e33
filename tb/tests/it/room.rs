//! A disk with less free room than the floor: no work is taken, everything is read, and work goes on once there is room.

use primitives::Engine;

use crate::cluster::{Cluster, INTERVAL_MS, START_TIME, until};
use crate::pay::Payer;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_below_its_floor_takes_no_work_and_stays_readable() {
    let mut cluster = Cluster::new(Engine::Solo, 1, INTERVAL_MS);
    // No disk has as much room as this.
    cluster.nodes[0].start_with(&["--set", "disk_free_min_bytes=9007199254740991"], &[]);
    let height = cluster.nodes[0].reaches(1, START_TIME).await;
    let client = cluster.nodes[0].client();
    let ready = until("the reason", START_TIME, async || {
        client.health_ready().await.ok().filter(|ready| ready.reasons.iter().any(|reason| reason.code == "disk_low"))
    })
    .await;
    assert!(!ready.ready, "{ready:?}");
    let mut payer = Payer::funded(&cluster.network, 1);
    let to = payer.stranger(5).address;
    let transaction = payer.pay(to, 3);
    let refused = client.submit(&payer.request(&transaction)).await.expect_err("no work is taken");
    assert!(refused.to_string().contains("not_ready") || refused.to_string().contains("ready"), "{refused}");
    assert!(client.account(&payer.address).await.is_ok(), "it stays readable");
    cluster.nodes[0].reaches(height + 1, START_TIME).await;
    assert!(cluster.nodes[0].metric("storage_disk_low").await > 0.5);
    cluster.nodes[0].stop();

    // With room again the same transaction is taken.
    cluster.nodes[0].start_with(&["--set", "disk_free_min_bytes=1"], &[]);
    cluster.nodes[0].ready(START_TIME).await;
    cluster.nodes[0].client().submit(&payer.request(&transaction)).await.expect("admitted");
    cluster.nodes[0].finalized(transaction.id()).await;
    assert!(cluster.nodes[0].metric("storage_disk_low").await < 0.5);
}
