//! What the scrub of a running node keeps from the store while it reads at its pace: nothing.

use std::time::Duration;

use primitives::{Engine, Height};

use crate::cluster::{Cluster, INTERVAL_MS, START_TIME};
use crate::mend::to_tables;
use crate::repair::tables;

/// Looks of the scrub, one each second, that reading the files takes about.
const FILE_LOOKS: u64 = 6;
/// More bytes than an empty block has.
const BLOCK_BYTES: u64 = 4_096;
/// Pause between two questions.
const POLL: Duration = Duration::from_millis(200);
/// Questions until the scrub has been through the store.
const POLLS_MAX: u32 = 600;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_view_of_the_store_is_kept_while_the_scrub_reads_files_at_its_pace() {
    let mut cluster = Cluster::new(Engine::Solo, 1, INTERVAL_MS);
    cluster.start_all();
    let node = &mut cluster.nodes[0];
    node.reaches(4, START_TIME).await;
    node.stop();
    to_tables(node).await;
    std::fs::remove_file(node.home.join("data/scrub.json")).expect("the scrub was somewhere");
    let sizes = tables(&node.home).into_iter().map(|table| std::fs::metadata(table).expect("a table").len());
    let pace = (sizes.sum::<u64>() / FILE_LOOKS).max(BLOCK_BYTES);
    node.start_with(&["--set", &format!("storage.scrub_bytes_per_sec={pace}")], &[]);
    node.ready(START_TIME).await;
    let (mut stands, mut looks) = ((Height::GENESIS, 0), 0);
    for _ in 0..POLLS_MAX {
        let now = node.client().storage_status().await.expect("a status");
        if now.passes > 0 {
            break;
        }
        if stands.0 != now.next_height {
            stands = (now.next_height, now.scrubbed_bytes);
        }
        // The position moves after each look at heights, which reads no more than the pace and a block. Whatever is beyond are files, after the state.
        if now.scrubbed_bytes - stands.1 > pace + BLOCK_BYTES {
            looks += 1;
            assert_eq!(node.metric("storage_frozen_views").await, 0.0, "a view keeps the engine from giving room back");
        }
        tokio::time::sleep(POLL).await;
    }
    let seen = node.client().storage_status().await.expect("a status");
    assert!(seen.passes == 1 && looks >= 2, "{looks} looks while files were read: {seen:?}");
    cluster.check_no_panic();
}
