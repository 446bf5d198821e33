//! Chunks from several sources at once: one task for each source, one list of what is missing.
//!
//! Rules
//! - Checks and files are those of [`snapshots::Collection`]; who is asked, and who no more, is said here.
//! - What a dropped source had in hand goes back on the list.

use std::sync::Arc;
use std::time::Duration;

use rpc::Client;
use snapshots::{ChunkEntry, Collection, SnapshotError};

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

/// Why a source is not asked any more.
enum Ended {
    /// Nothing is left to ask for.
    Done(Source),
    /// This source failed.
    Source(Source, String),
    /// This disk failed.
    Disk(SnapshotError),
}

/// Fetches every chunk that the collection misses.
///
/// # Errors
/// [`StateSyncError::NoSource`], or a disk that fails.
pub async fn all(
    collection: &Arc<Collection>,
    mut sources: Vec<Source>,
    dropped: &mut Vec<Dropped>,
) -> Result<(), StateSyncError> {
    let count = collection.manifest().chunks().len();
    // A source that fails late puts its chunk back when the others are done: then they are asked again.
    while collection.left() > 0 {
        if sources.is_empty() {
            return Err(StateSyncError::NoSource { missing: collection.left(), count, dropped: list(dropped) });
        }
        let mut tasks = Vec::new();
        for source in std::mem::take(&mut sources) {
            let collection = Arc::clone(collection);
            tasks.push(tokio::spawn(async move { ask(source, &collection, count).await }));
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
    Ok(())
}

/// Asks one source until nothing is left or it fails.
async fn ask(source: Source, collection: &Arc<Collection>, count: usize) -> Ended {
    let mut failures = 0;
    loop {
        let Some(entry) = collection.next() else { return Ended::Done(source) };
        match take(&source.client, collection, &entry).await {
            Ok(()) => {
                failures = 0;
                let left = collection.left();
                if left.is_multiple_of(count.div_ceil(10).max(1)) {
                    tracing::info!(left, count, "state sync");
                }
            }
            Err(refused) => {
                collection.put_back(entry);
                match refused {
                    Refused::Disk(error) => return Ended::Disk(error),
                    Refused::Wrong(reason) => return Ended::Source(source, reason),
                    Refused::Silent(reason) => {
                        failures += 1;
                        if failures >= FAILURES_MAX {
                            return Ended::Source(source, reason);
                        }
                        tokio::time::sleep(PAUSE).await;
                    }
                }
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
    /// It could not be written.
    Disk(SnapshotError),
}

async fn take(client: &Client, collection: &Arc<Collection>, entry: &ChunkEntry) -> Result<(), Refused> {
    let chunk = client.state_sync_chunk(&entry.id).await.map_err(|error| Refused::Silent(error.to_string()))?;
    let file = chunk.file().map_err(|error| Refused::Silent(error.to_string()))?;
    let (collection, entry) = (Arc::clone(collection), *entry);
    // Hashing and syncing take a thread for a while.
    let taken = tokio::task::spawn_blocking(move || collection.take(&entry, &file));
    match taken.await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) if error.is_of_the_disk() => Err(Refused::Disk(error)),
        Ok(Err(error)) => Err(Refused::Wrong(error.to_string())),
        Err(error) => Err(Refused::Silent(error.to_string())),
    }
}
