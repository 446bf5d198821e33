//! All chunks of the highest snapshot that is to be had.
//!
//! ```text
//!   ask ──► offers, the highest first ──► header counts? ──► its chunks ──► all there
//!    ▲             ▲                           │ no              │ nobody gives them
//!    │             └───────────────────────────┴─────────────────┘
//!    └── once more, of those who only did not answer: their newest snapshot may be another one now
//! ```
//!
//! Rules
//! - A snapshot that nobody gives ends no sync while another is offered: who has the highest may lie, go away, or prune.
//! - At most [`ROUNDS_MAX`] times sources are asked for what they have, and each snapshot is tried once.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use primitives::{Hash, Height};
use proof::light::ChainRules;
use snapshots::Collection;
use storage::system_files;

use super::find::{self, Counts, Found, Trust};
use super::job::Job;
use super::source::Source;
use super::{StateSyncError, fetch};

/// Times that sources are asked for their newest snapshot.
const ROUNDS_MAX: usize = 2;

/// What is wanted, and by which rules it counts.
pub struct Wanted<'a> {
    /// From what on headers count.
    pub trust: Trust,
    /// The chain's rules.
    pub rules: ChainRules,
    /// The chain.
    pub genesis: Hash,
    /// Where chunks are kept.
    pub folder: &'a Path,
    /// A snapshot at or below this height is not worth its chunks.
    pub above: Option<Height>,
}

/// A snapshot whose chunks are all here.
pub struct Gathered {
    /// Its chunks.
    pub collection: Arc<Collection>,
    /// Chunks that were here at the beginning.
    pub resumed: usize,
    /// Who had it.
    pub sources: Vec<String>,
    /// What shows that its header counts.
    pub counts: Counts,
}

/// Fetches the highest snapshot whose header counts and whose chunks somebody gives; `None` when nobody has one above the wanted height.
///
/// # Errors
/// [`StateSyncError`] by name; the chunks that came are kept.
pub async fn gather(
    wanted: &Wanted<'_>,
    sources: Vec<Source>,
    job: &Arc<Job>,
) -> Result<Option<Gathered>, StateSyncError> {
    let (mut asked, mut tried, mut failure) = (sources, BTreeSet::new(), None);
    for _ in 0..ROUNDS_MAX {
        let mut offers = find::ask(std::mem::take(&mut asked), &wanted.genesis, job).await;
        while let Some(found) = offers.next(&wanted.trust, &wanted.rules, job).await? {
            if !tried.insert(found.manifest.state_id()) {
                continue;
            }
            let height = found.manifest.height();
            if wanted.above.is_some_and(|above| height <= above) {
                return failure.map_or(Ok(None), Err);
            }
            match take(wanted, found, job).await? {
                Ok(gathered) => return Ok(Some(gathered)),
                Err(nobody) => {
                    tracing::warn!(target: "telemetry.state_sync", %height, error = %nobody.error, "nobody gives this snapshot");
                    failure = Some(nobody.error);
                    asked.extend(nobody.silent);
                }
            }
        }
        if asked.is_empty() {
            break;
        }
    }
    Err(failure.unwrap_or_else(|| StateSyncError::NoSnapshot { dropped: job.dropped() }))
}

/// Nobody gives the chunks of a snapshot.
struct Nobody {
    error: StateSyncError,
    /// Who gave nothing wrong.
    silent: Vec<Source>,
}

async fn take(wanted: &Wanted<'_>, found: Found, job: &Arc<Job>) -> Result<Result<Gathered, Nobody>, StateSyncError> {
    let sources: Vec<String> = found.sources.iter().map(Source::name).collect();
    let (count, height) = (found.manifest.chunks().len(), found.manifest.height());
    tracing::info!(
        %height, chunks = count, bytes = found.manifest.packed_bytes(), sources = sources.len(), "state sync: fetching a snapshot"
    );
    let collection = Arc::new(Collection::open(system_files(), wanted.folder, Arc::new(found.manifest))?);
    let resumed = collection.resumed();
    job.found(height, sources.clone(), count, resumed);
    let silent = fetch::all(&collection, found.sources, job).await?;
    let missing = collection.left();
    if missing > 0 {
        let error = StateSyncError::NoSource { missing, count, dropped: job.dropped() };
        return Ok(Err(Nobody { error, silent }));
    }
    Ok(Ok(Gathered { collection, resumed, sources, counts: found.counts }))
}
