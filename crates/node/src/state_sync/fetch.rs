//! Chunks from several sources at once: one task for each source, one list of what is missing.
//!
//! Rules
//! - A chunk that was checked is written under another name, synced and renamed: a file with a chunk's name is whole.
//! - What a dropped source had in hand goes back on the list.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use primitives::Hash;
use rpc::Client;
use snapshots::shelf::{chunk_path, write_synced};
use snapshots::{ChunkEntry, Manifest, Snapshot, SnapshotError};

use super::{Dropped, FAILURES_MAX, StateSyncError, drop_source, list};

/// Pause after a request that failed.
const PAUSE: Duration = Duration::from_millis(200);

/// Who gives chunks.
pub struct Source {
    /// Its URL.
    pub url: String,
    /// A client of it.
    pub client: Client,
}

impl Source {
    /// This one.
    pub fn new(url: String, client: Client) -> Self {
        Self { url, client }
    }
}

/// What is still to be fetched.
type Missing = Arc<Mutex<VecDeque<ChunkEntry>>>;

fn lock(missing: &Missing) -> MutexGuard<'_, VecDeque<ChunkEntry>> {
    missing.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Why a source is not asked any more.
enum Ended {
    /// Nothing is left to ask for.
    Done(Source),
    /// This source failed.
    Source(Source, String),
    /// This disk failed.
    Disk(SnapshotError),
}

/// Fetches every chunk that is not in `folder` yet; gives how many were.
///
/// # Errors
/// [`StateSyncError::NoSource`], or a disk that fails.
pub async fn all(
    manifest: &Arc<Manifest>,
    folder: &Path,
    mut sources: Vec<Source>,
    dropped: &mut Vec<Dropped>,
) -> Result<usize, StateSyncError> {
    let count = manifest.chunks().len();
    let kept = Snapshot::open(folder)?;
    let mut missing = VecDeque::new();
    for entry in manifest.chunks() {
        let whole = kept.chunk_file(&entry.id).is_ok_and(|file| manifest.check_chunk(entry, &file).is_ok());
        if !whole {
            missing.push_back(*entry);
        }
    }
    let resumed = count.saturating_sub(missing.len());
    let missing: Missing = Arc::new(Mutex::new(missing));
    // A source that fails late puts its chunk back when the others are done: then they are asked again.
    while !lock(&missing).is_empty() {
        if sources.is_empty() {
            return Err(StateSyncError::NoSource { missing: lock(&missing).len(), count, dropped: list(dropped) });
        }
        let mut tasks = Vec::new();
        for source in std::mem::take(&mut sources) {
            let (manifest, missing, folder) = (Arc::clone(manifest), Arc::clone(&missing), folder.to_owned());
            tasks.push(tokio::spawn(async move { ask(source, &manifest, &missing, &folder, count).await }));
        }
        for task in tasks {
            match task.await {
                Ok(Ended::Done(source)) => sources.push(source),
                Ok(Ended::Source(source, reason)) => drop_source(dropped, &source.url, &reason),
                Ok(Ended::Disk(error)) => return Err(error.into()),
                Err(error) => tracing::error!(%error, "a task of the state sync failed"),
            }
        }
    }
    Ok(resumed)
}

/// Asks one source until nothing is left or it fails.
async fn ask(source: Source, manifest: &Arc<Manifest>, missing: &Missing, folder: &Path, count: usize) -> Ended {
    let mut failures = 0;
    loop {
        let Some(entry) = lock(missing).pop_front() else { return Ended::Done(source) };
        match take(&source.client, manifest, &entry).await {
            Ok(file) => {
                failures = 0;
                if let Err(error) = keep(folder, &entry.id, &file) {
                    lock(missing).push_front(entry);
                    return Ended::Disk(error);
                }
                let left = lock(missing).len();
                if left.is_multiple_of(count.div_ceil(10).max(1)) {
                    tracing::info!(left, count, "state sync");
                }
            }
            Err(Refused::Wrong(reason)) => {
                lock(missing).push_front(entry);
                return Ended::Source(source, reason);
            }
            Err(Refused::Silent(reason)) => {
                lock(missing).push_front(entry);
                failures += 1;
                if failures >= FAILURES_MAX {
                    return Ended::Source(source, reason);
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Why a chunk was not taken.
enum Refused {
    /// It did not come.
    Silent(String),
    /// It came and is not what the header says.
    Wrong(String),
}

async fn take(client: &Client, manifest: &Arc<Manifest>, entry: &ChunkEntry) -> Result<Vec<u8>, Refused> {
    let chunk = client.state_sync_chunk(&entry.id).await.map_err(|error| Refused::Silent(error.to_string()))?;
    let file = chunk.file().map_err(|error| Refused::Silent(error.to_string()))?;
    let (manifest, entry) = (Arc::clone(manifest), *entry);
    let checked = tokio::task::spawn_blocking(move || manifest.check_chunk(&entry, &file).map(|_| file));
    match checked.await {
        Ok(checked) => checked.map_err(|error| Refused::Wrong(error.to_string())),
        Err(error) => Err(Refused::Silent(error.to_string())),
    }
}

fn keep(folder: &Path, id: &Hash, file: &[u8]) -> Result<(), SnapshotError> {
    let path = chunk_path(folder, id);
    let new = path.with_extension("new");
    write_synced(&new, file)?;
    std::fs::rename(&new, &path).map_err(|source| SnapshotError::Io { action: "rename", path: new, source })
}
