//! A disk with less free room than its floors: no work is taken and no block is begun, everything is read, and all of it goes on once there
//! is room.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use primitives::{Engine, Height};

use crate::cluster::{Cluster, INTERVAL_MS, Node, START_TIME, until};
use crate::command::without_ours;
use crate::pay::Payer;

/// Bytes of the small disk: several times what the store of a new chain takes.
const DISK_BYTES: u64 = 512 * 1024 * 1024;
/// Longest time until a node has seen what its disk has, or is where the others are again.
const TIME: Duration = Duration::from_secs(60);

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

/// A command in mounts of its own, which anybody may have where the machine allows it.
fn own_mounts() -> Command {
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount"]);
    without_ours(&mut command);
    command
}

/// Starts a node whose data folder is a small disk that nobody else sees.
fn start_on_small_disk(node: &mut Node) {
    let script =
        format!("mkdir -p \"$0\" && mount -t tmpfs -o size={DISK_BYTES},mode=700 tb-room \"$0\" && exec \"$@\"");
    let mut command = own_mounts();
    command.args(["sh", "-c", &script]).arg(node.home.join("data")).arg(env!("CARGO_BIN_EXE_tb"));
    node.start_command(command, &[], &[]);
}

/// The file that takes all that is left of the disk, seen through the process that has mounted it.
fn filler(node: &Node) -> PathBuf {
    let home = node.home.strip_prefix("/").expect("it is absolute");
    Path::new("/proc").join(node.process().to_string()).join("root").join(home).join("data/filler")
}

fn fill(node: &Node) {
    let mut file = File::create(filler(node)).expect("the disk of the node is seen");
    for bytes in [1024 * 1024, 512] {
        let piece = vec![0; bytes];
        while file.write_all(&piece).is_ok() {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_on_a_full_disk_begins_no_block_answers_and_goes_on_by_itself() {
    let mut cluster = Cluster::new(Engine::Bft, 4, INTERVAL_MS);
    let probe = own_mounts().args(["mount", "-t", "tmpfs", "tmpfs"]).arg(cluster.folder()).output();
    if !probe.is_ok_and(|output| output.status.success()) {
        return testkit::lacks!("unshare with mounts of one's own");
    }
    start_on_small_disk(&mut cluster.nodes[0]);
    cluster.start_all();
    cluster.all_ready().await;

    // Not one byte is left.
    fill(&cluster.nodes[0]);
    let full = &cluster.nodes[0];
    let client = full.client();
    until("the reason", TIME, async || {
        client.health_ready().await.ok().filter(|ready| ready.reasons.iter().any(|reason| reason.code == "disk_full"))
    })
    .await;
    let stood = full.height().await.expect("it answers");
    cluster.nodes[1].reaches(stood + 12, TIME).await;
    assert_eq!(full.height().await, Some(stood), "no block is begun");
    assert!(full.metric("storage_disk_full").await > 0.5);
    assert!(client.block_at(Height(stood)).await.is_ok(), "what is there is read");
    let mut payer = Payer::funded(&cluster.network, 1);
    assert!(client.account(&payer.address).await.is_ok(), "accounts are read");
    let to = payer.stranger(5).address;
    let transaction = payer.pay(to, 3);
    let refused = client.submit(&payer.request(&transaction)).await.expect_err("no work is taken");
    assert!(refused.to_string().contains("ready"), "{refused}");
    let refused = client.make_snapshot().await.expect_err("no snapshot is made");
    assert!(refused.to_string().contains("disk_free_min_bytes"), "{refused}");

    fs::remove_file(filler(full)).expect("it was there");
    full.ready(TIME).await;
    full.reaches(stood + 12, TIME).await;
    assert!(full.metric("storage_disk_full").await < 0.5);
    assert_eq!(full.metric("storage_mends_total").await, 0.0, "it is the process that was there before");
    client.submit(&payer.request(&transaction)).await.expect("admitted");
    full.finalized(transaction.id()).await;
    // It votes again: without it the three that are left are no quorum.
    cluster.nodes[3].stop();
    let height = cluster.highest().await;
    cluster.nodes[1].reaches(height + 3, TIME).await;
    cluster.check_one_history().await;
    cluster.check_no_panic();
    let starts = cluster.nodes[0].log().matches("node starts").count();
    assert_eq!(starts, 1, "it went on without a restart");
}
