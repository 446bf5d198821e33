//! Chunks from several sources at once: one task for each source, one list of what is missing.
//!
//! Rules
//! - Checks and files are those of [`snapshots::Collection`]; who is asked, and who no more, is said here.
//! - What a dropped source had in hand goes back on the list.
//! - Who is busy is asked again after a pause, and dropped when it gives nothing for [`BUSY_TIME`].

use std::sync::Arc;
use std::time::Duration;

use snapshots::{ChunkEntry, Collection, SnapshotError};
use tokio::task::JoinSet;

use super::job::Job;
use super::source::{Source, Unanswered};
use super::{FAILURES_MAX, StateSyncError};

/// Pause after a request that failed.
const PAUSE: Duration = Duration::from_millis(200);
/// Longest time that a source may be busy before it gives the next chunk.
pub const BUSY_TIME: Duration = Duration::from_secs(60);

/// Why a source is not asked any more.
enum Ended {
    /// Nothing is left to ask for.
    Done(Source),
    /// This source did not answer.
    Silent(Source, String),
    /// This source gave a wrong chunk.
    Liar(Source, String),
    /// This disk failed.
    Disk(SnapshotError),
}

/// Fetches every chunk that the collection misses, or until nobody is left to ask; `left` tells which. Gives back who did not answer and gave
/// nothing wrong. Whoever drops the future ends it; what was kept stays.
///
/// # Errors
/// A disk that fails.
pub async fn all(
    collection: &Arc<Collection>,
    mut sources: Vec<Source>,
    job: &Arc<Job>,
) -> Result<Vec<Source>, StateSyncError> {
    let mut silent = Vec::new();
    // A source that fails late puts its chunk back when the others are done: then they are asked again.
    while collection.left() > 0 && !sources.is_empty() {
        let mut tasks = JoinSet::new();
        for source in std::mem::take(&mut sources) {
            let (collection, job) = (Arc::clone(collection), Arc::clone(job));
            tasks.spawn(async move { ask(source, &collection, &job).await });
        }
        while let Some(ended) = tasks.join_next().await {
            match ended {
                Ok(Ended::Done(source)) => sources.push(source),
                Ok(Ended::Silent(source, reason)) => {
                    job.drop_source(source.name(), reason);
                    silent.push(source);
                }
                Ok(Ended::Liar(source, reason)) => {
                    source.report();
                    job.drop_source(source.name(), reason);
                }
                Ok(Ended::Disk(error)) => return Err(error.into()),
                Err(error) => tracing::error!(%error, "a task of the state sync failed"),
            }
        }
    }
    Ok(silent)
}

/// Asks one source until nothing is left or it fails.
async fn ask(source: Source, collection: &Arc<Collection>, job: &Arc<Job>) -> Ended {
    let (mut failures, mut busy) = (0, Duration::ZERO);
    loop {
        let Some(entry) = collection.next() else { return Ended::Done(source) };
        let refused = match take(&source, collection, job, &entry).await {
            Ok(()) => {
                (failures, busy) = (0, Duration::ZERO);
                continue;
            }
            Err(refused) => refused,
        };
        collection.put_back(entry);
        match refused {
            Refused::Disk(error) => return Ended::Disk(error),
            Refused::Wrong(reason) => return Ended::Liar(source, reason),
            Refused::Busy(wait) if busy >= BUSY_TIME => {
                let waited = busy.saturating_add(wait).as_secs();
                return Ended::Silent(source, format!("it was busy for {waited} s"));
            }
            Refused::Busy(wait) => {
                busy = busy.saturating_add(wait);
                tokio::time::sleep(wait).await;
            }
            Refused::Silent(reason) => {
                failures += 1;
                if failures >= FAILURES_MAX {
                    return Ended::Silent(source, reason);
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
    /// It will come later.
    Busy(Duration),
    /// It came and is not what the header says.
    Wrong(String),
    /// It could not be written.
    Disk(SnapshotError),
}

async fn take(source: &Source, collection: &Arc<Collection>, job: &Job, entry: &ChunkEntry) -> Result<(), Refused> {
    // What is asked for is what will come: a chunk of another size is refused.
    job.pace(entry.packed).await;
    let file = source.chunk(&entry.id).await.map_err(|unanswered| match unanswered {
        Unanswered::Nothing => Refused::Silent("it does not have the chunk".to_owned()),
        Unanswered::Busy(wait) => Refused::Busy(wait),
        Unanswered::Failed(reason) => Refused::Silent(reason),
    })?;
    let (bytes, collection, entry) = (file.len(), Arc::clone(collection), *entry);
    // Hashing and syncing take a thread for a while.
    let taken = tokio::task::spawn_blocking(move || collection.take(&entry, &file));
    match taken.await {
        Ok(Ok(())) => {
            job.took(bytes);
            Ok(())
        }
        Ok(Err(error)) if error.is_of_the_disk() => Err(Refused::Disk(error)),
        Ok(Err(error)) => Err(Refused::Wrong(error.to_string())),
        Err(error) => Err(Refused::Silent(error.to_string())),
    }
}
