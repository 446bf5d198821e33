//! A flipped byte or a missing file: the node refuses to start, names fault and file, and starts again once the
//! right file is back.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use primitives::Engine;
use testkit::Seed;

use crate::cluster::{Cluster, INTERVAL_MS, START_TIME, until};
use crate::failing_disk::FailingDisk;
use crate::pay::Payer;

/// Exit numbers of a start that finds damage: damaged, or refused by the guard or by consensus.
const EXITS: [i32; 2] = [4, 9];
/// Bytes of the header of the consensus log; without an entry it names a height and nothing else.
const WAL_HEADER_BYTES: usize = 12;
/// The last byte of the height in that header. Its lowest bit turns the height that is being decided into the one
/// before, which is what a crash between two heights leaves: there is nothing to lose in such a log.
const WAL_HEIGHT_LAST: usize = 11;
/// Where the two copies of the store's mark lie. One bad copy may be a write that a power cut tore: the node goes on
/// from the other one and says so. With both hurt it does not start.
const MARK_COPIES: [Range<usize>; 2] = [0..4_096, 4_096..8_192];
/// Bytes of the guard's header, and where the signature of its first record lies (GRD-8).
const GUARD_HEADER_BYTES: usize = 128;
const GUARD_SIGNATURE: Range<usize> = GUARD_HEADER_BYTES + 48..GUARD_HEADER_BYTES + 112;
/// Kills until the log holds an entry.
const KILLS_MAX: usize = 40;

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("copied");
        }
    }
}

fn restore(good: &Path, home: &Path) {
    fs::remove_dir_all(home).expect("removed");
    copy(good, home);
}

/// Every file below `folder`.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// The file of the store that is written to.
fn newest_journal(home: &Path) -> PathBuf {
    let journals = files(&home.join("data/store")).into_iter();
    journals.filter(|path| path.extension().is_some_and(|end| end == "jnl")).max().expect("a journal")
}

/// Flips one bit of a random byte in each of these places, as far as the file was written.
fn flip(path: &Path, places: &[Range<usize>], random: &mut Seed) -> Vec<usize> {
    let mut bytes = fs::read(path).expect("the file");
    let written = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let mut offsets = Vec::new();
    for place in places {
        let end = place.end.min(written);
        assert!(end > place.start, "{} holds nothing to damage", path.display());
        let offset = place.start + random.index(end - place.start);
        let kept = u64::from(path.ends_with("consensus.wal") && offset == WAL_HEIGHT_LAST);
        bytes[offset] ^= 1 << (kept + random.below(8 - kept));
        offsets.push(offset);
    }
    fs::write(path, bytes).expect("written");
    offsets
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damage_is_found_named_and_gone_with_the_right_file() {
    let mut random = Seed::new();
    // A chain of one validator with the real consensus engine.
    let mut cluster = Cluster::new(Engine::Bft, 1, INTERVAL_MS);
    let mut payer = Payer::funded(&cluster.network, 1);
    let to = Payer::funded(&cluster.network, 2).address;
    let wal = cluster.nodes[0].home.join("data/wal/consensus.wal");
    let transaction = payer.pay(to, 5);
    cluster.nodes[0].start();
    cluster.nodes[0].reaches(3, START_TIME).await;
    cluster.nodes[0].client().submit(&payer.request(&transaction)).await.expect("admitted");
    cluster.nodes[0].finalized(transaction.id()).await;
    cluster.nodes[0].kill();
    for kills in 0.. {
        assert!(kills < KILLS_MAX, "the consensus log is always empty");
        if fs::metadata(&wal).expect("the log").len() > 40 {
            break;
        }
        cluster.nodes[0].start();
        let height = cluster.nodes[0].reaches(1, START_TIME).await;
        cluster.nodes[0].reaches(height + 1, START_TIME).await;
        tokio::time::sleep(std::time::Duration::from_millis(random.below(2 * INTERVAL_MS))).await;
        cluster.nodes[0].kill();
    }

    let home = cluster.nodes[0].home.clone();
    let good = cluster.folder().join("good");
    copy(&home, &good);
    let store = files(&home.join("data/store"));
    let mark = store.iter().find(|path| path.ends_with("head"));
    let guard = home.join("guard/guard.log");
    let from = |first: usize| Vec::from([Range { start: first, end: usize::MAX }]);
    let victims = [
        (newest_journal(&home), from(0)),
        (mark.expect("a mark").clone(), MARK_COPIES.to_vec()),
        (wal.clone(), Vec::from([Range { start: 0, end: WAL_HEADER_BYTES }])),
        (wal, from(WAL_HEADER_BYTES)),
        (guard.clone(), from(0)),
    ];
    for (victim, places) in victims {
        let offsets = flip(&victim, &places, &mut random);
        eprintln!("flipped bytes {offsets:?} of {}", victim.display());
        let refusal = cluster.nodes[0].start_refused(&[], &[]).refused();
        let context = format!("bytes {offsets:?} of {}: {refusal:?}", victim.display());
        assert!(EXITS.contains(&refusal.exit), "{context}");
        assert!(refusal.error.contains(&*victim.to_string_lossy()), "the file is named: {context}");
        assert!(refusal.error.contains("damaged"), "the fault is named: {context}");
        restore(&good, &home);
    }
    one_hurt_mark_is_named(&mut cluster, mark.expect("a mark"), &mut random).await;
    restore(&good, &home);
    // A guard that is gone is never made again by a start.
    fs::remove_file(&guard).expect("removed");
    let refusal = cluster.nodes[0].start_refused(&[], &[]).refused();
    assert_eq!(refusal.code, "key", "{refusal:?}");
    assert!(refusal.error.contains("guard.log") && refusal.error.contains("missing"), "{refusal:?}");
    assert!(!guard.exists());
    restore(&good, &home);
    // So is one that was made anew, or restored from before the last signature.
    let refusal = older_guard(&cluster, &guard);
    assert!(refusal.contains("old copy"), "{refusal}");
    restore(&good, &home);

    cluster.nodes[0].start();
    let height = cluster.nodes[0].reaches(1, START_TIME).await;
    cluster.nodes[0].reaches(height + 3, START_TIME).await;
    let status = cluster.nodes[0].client().transaction(transaction.id()).await.expect("it is still there");
    assert_eq!(status.height.map(|height| height.0 > 0), Some(true));
    cluster.check_one_history().await;
}

/// Hurts one of the two copies of the mark: the node starts, names the file, and both copies are good again.
async fn one_hurt_mark_is_named(cluster: &mut Cluster, mark: &Path, random: &mut Seed) {
    for place in MARK_COPIES {
        let before = cluster.nodes[0].log().len();
        flip(mark, &[place], random);
        cluster.nodes[0].start();
        let height = cluster.nodes[0].reaches(1, START_TIME).await;
        cluster.nodes[0].reaches(height + 1, START_TIME).await;
        assert_eq!(cluster.nodes[0].metric("storage_marks_mended_total").await, 1.0);
        cluster.nodes[0].kill();
        let log = cluster.nodes[0].log().split_off(before);
        let line = log.lines().find(|line| line.contains("copies of the store's mark is damaged"));
        assert!(line.is_some_and(|line| line.contains(&*mark.to_string_lossy())), "the file is named: {line:?}");
    }
    // Each was written again: the next start has nothing to say about it.
    let before = cluster.nodes[0].log().len();
    cluster.nodes[0].start();
    let height = cluster.nodes[0].reaches(1, START_TIME).await;
    cluster.nodes[0].reaches(height + 1, START_TIME).await;
    assert_eq!(cluster.nodes[0].metric("storage_marks_mended_total").await, 0.0);
    cluster.nodes[0].kill();
    let log = cluster.nodes[0].log().split_off(before);
    assert!(!log.contains("copies of the store's mark"), "both copies are good");
}

/// Puts a guard without any signature in the place of `guard` and starts.
fn older_guard(cluster: &Cluster, guard: &Path) -> String {
    let home = &cluster.nodes[0].home;
    fs::remove_file(guard).expect("removed");
    let key = wallet::ValidatorKey::load(&home.join("validator_key.json"), None).expect("the key").key;
    let made = wallet::ValidatorSigner::open(key.consensus, guard, &cluster.network.genesis.hash(), true);
    drop(made.expect("a guard without signatures"));
    let refusal = cluster.nodes[0].start_refused(&[], &[]).refused();
    assert_eq!(refusal.code, "key", "{refusal:?}");
    refusal.error
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guard_behind_the_consensus_log_is_refused_by_name() {
    // One of four: it votes alone, round after round, and no block and no certificate ever names its signature, so
    // only the log knows what it signed.
    let mut cluster = Cluster::new(Engine::Bft, 4, INTERVAL_MS);
    cluster.nodes[0].start();
    let (guard, wal) =
        (cluster.nodes[0].home.join("guard/guard.log"), cluster.nodes[0].home.join("data/wal/consensus.wal"));
    let read = |path: &Path| fs::read(path).unwrap_or_default();
    until("a signature in guard and log", START_TIME, async || {
        let (guard, wal) = (read(&guard), read(&wal));
        let signature = guard.get(GUARD_SIGNATURE)?;
        wal.windows(signature.len()).any(|bytes| bytes == signature).then_some(())
    })
    .await;
    cluster.nodes[0].kill();
    let good = read(&guard);
    // Its records are lost, and what is left is whole.
    fs::write(&guard, &good[..GUARD_HEADER_BYTES]).expect("written");
    let refusal = cluster.nodes[0].start_refused(&[], &[]).refused();
    assert_eq!((refusal.exit, refusal.code.as_str()), (EXITS[0], "key"), "{refusal:?}");
    assert!(refusal.error.contains("guard.log") && refusal.error.contains("consensus log"), "{refusal:?}");
    assert!(refusal.error.contains("old copy was restored"), "{refusal:?}");
    assert!(refusal.hint.contains("restore the newest one"), "{refusal:?}");
    fs::write(&guard, &good).expect("written");
    cluster.start_all();
    cluster.all_ready().await;
    cluster.check_one_history().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_of_four_go_on_while_the_damaged_one_does_not_start() {
    let mut random = Seed::new();
    let mut cluster = Cluster::of_four().await;
    let victim = random.index(4);
    let other = (victim + 1) % 4;
    cluster.nodes[victim].reaches(5, START_TIME).await;
    cluster.nodes[victim].kill();
    let home = cluster.nodes[victim].home.clone();
    let good = cluster.folder().join("good");
    copy(&home, &good);
    let journal = (newest_journal(&home), Range { start: 0, end: usize::MAX });
    let wal = (home.join("data/wal/consensus.wal"), Range { start: 0, end: WAL_HEADER_BYTES });
    for (file, place) in [journal, wal] {
        let offsets = flip(&file, &[place], &mut random);
        let refusal = cluster.nodes[victim].start_refused(&["--set", "storage.rebuild=false"], &[]).refused();
        let context = format!("bytes {offsets:?} of {}: {refusal:?}", file.display());
        assert!(EXITS.contains(&refusal.exit) && refusal.error.contains("damaged"), "{context}");
        assert!(refusal.error.contains(&*file.to_string_lossy()) && refusal.hint.len() > 10, "{context}");
        let height = cluster.highest().await;
        cluster.nodes[other].reaches(height + 2, START_TIME).await;
        restore(&good, &home);
    }
    cluster.nodes[victim].start();
    cluster.level(START_TIME).await;
    cluster.check_one_history().await;
    if !FailingDisk::is_possible() {
        return testkit::lacks!("strace");
    }
    a_log_that_cannot_be_written_ends_the_votes_and_not_the_process(&mut cluster, victim).await;
}

async fn a_log_that_cannot_be_written_ends_the_votes_and_not_the_process(cluster: &mut Cluster, victim: usize) {
    let other = (victim + 1) % 4;
    let node = &cluster.nodes[victim];
    let failing = FailingDisk::of_log(node.process(), &node.home).await;
    let stopped = until("the reason", START_TIME, async || {
        let ready = node.client().health_ready().await.ok()?;
        ready.reasons.into_iter().find(|reason| reason.code == "service_down")
    })
    .await;
    assert!(stopped.message.contains("consensus"), "{stopped:?}");
    assert_eq!(node.metric("malachitebft_core_consensus_node_safety_failure").await, 1.0);
    let (stood, height) = (node.height().await.expect("it answers"), cluster.highest().await);
    cluster.nodes[other].reaches(height + 2, START_TIME).await;
    assert_eq!(node.height().await, Some(stood), "it answers, and takes no part");
    // Nobody starts it before somebody has stopped it.
    cluster.nodes[victim].stop();
    drop(failing);
    cluster.nodes[victim].start();
    cluster.nodes[victim].ready(START_TIME).await;
    cluster.level(START_TIME).await;
    cluster.check_one_history().await;
}
