//! What the scrub of a running node keeps from the store while it reads at its pace: nothing.

use std::path::Path;
use std::time::Duration;

use primitives::Engine;

use crate::cluster::{Cluster, INTERVAL_MS, START_TIME};
use crate::mend::to_tables;

/// Looks of the scrub, one each second, that reading the files takes about.
const FILE_LOOKS: u64 = 6;
/// Pause between two questions.
const POLL: Duration = Duration::from_millis(200);
/// Questions until the scrub has been through the store.
const POLLS_MAX: u32 = 600;

/// Bytes of the tables below a folder.
fn table_bytes(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).expect("a folder of the store");
    let sizes = entries.map(|entry| {
        let entry = entry.expect("an entry");
        match entry.file_type().expect("a type").is_dir() {
            true => table_bytes(&entry.path()),
            false if folder.ends_with("tables") => entry.metadata().expect("a length").len(),
            false => 0,
        }
    });
    sizes.sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_view_of_the_store_is_kept_while_the_scrub_reads_files_at_its_pace() {
    let mut cluster = Cluster::new(Engine::Solo, 1, INTERVAL_MS);
    cluster.start_all();
    let node = &mut cluster.nodes[0];
    node.reaches(4, START_TIME).await;
    node.stop();
    to_tables(node).await;
    std::fs::remove_file(node.home.join("data/scrub.json")).expect("the scrub was somewhere");
    let pace = table_bytes(&node.home.join("data/store")) / FILE_LOOKS;
    node.start_with(&["--set", &format!("storage.scrub_bytes_per_sec={pace}")], &[]);
    node.ready(START_TIME).await;
    let (mut before, mut looks) = (None, 0);
    for _ in 0..POLLS_MAX {
        let now = node.client().storage_status().await.expect("a status");
        if now.passes > 0 {
            break;
        }
        // The position moves with heights: bytes that are read without it are those of files, after the state was read.
        let is_at_files = before.is_some_and(|(next, bytes)| next == now.next_height && bytes < now.scrubbed_bytes);
        if is_at_files {
            looks += 1;
            assert_eq!(node.metric("storage_frozen_views").await, 0.0, "a view keeps the engine from giving room back");
        }
        before = Some((now.next_height, now.scrubbed_bytes));
        tokio::time::sleep(POLL).await;
    }
    let seen = node.client().storage_status().await.expect("a status");
    assert!(seen.passes == 1 && looks >= 2, "{looks} looks while files were read: {seen:?}");
    cluster.check_no_panic();
}
