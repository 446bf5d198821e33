//! Which snapshot is taken: the highest whose header counts, and who has it.
//!
//! Rule: a header counts by its certificate, judged as every light client does (`proof::light`), from genesis, from a checkpoint, or from
//! the blocks that this node has executed itself.

use std::sync::Arc;

use futures::{StreamExt, stream};
use primitives::{Hash, Height, Timestamp};
use proof::light::{CertifiedHeader, ChainRules, LightError, Walk};
use snapshots::Manifest;
use storage::Store;

use super::StateSyncError;
use super::job::Job;
use super::source::{Source, Unanswered};
use crate::clock;

/// Sources that are asked for their manifest at once.
const ASKED_MAX: usize = 8;
/// Times that a busy source is asked for its manifest or for a header.
const BUSY_ASKED_MAX: u32 = 5;

/// What a header is judged from.
pub enum Trust {
    /// The genesis file.
    Genesis,
    /// A block that was learned elsewhere.
    Block(Height, Hash),
    /// The blocks of this store.
    Own(Arc<Store>),
}

/// A snapshot whose header counts, and who has it.
pub struct Found {
    /// The snapshot.
    pub manifest: Manifest,
    /// Who has it; not empty.
    pub sources: Vec<Source>,
    /// Certificates that were checked for it.
    pub certificates: u64,
}

/// The highest snapshot that the light client takes.
///
/// # Errors
/// [`StateSyncError::CheckpointTooOld`] and [`StateSyncError::NoSnapshot`].
pub async fn find(
    sources: Vec<Source>,
    trust: &Trust,
    rules: &ChainRules,
    genesis: &Hash,
    job: &Job,
) -> Result<Found, StateSyncError> {
    let asked = stream::iter(sources).map(async |source| (manifest(&source, genesis).await, source));
    let answers: Vec<_> = asked.buffered(ASKED_MAX).collect().await;
    let mut offers: Vec<(Manifest, Source)> = Vec::new();
    for (answer, source) in answers {
        match answer {
            Ok(manifest) => offers.push((manifest, source)),
            // A peer without a snapshot is no fault, and is not named as one.
            Err(Unfit::Nothing) => tracing::debug!(source = source.name(), "no snapshot there"),
            Err(Unfit::Silent(reason)) => job.drop_source(source.name(), reason),
            Err(Unfit::Wrong(reason)) => {
                source.report();
                job.drop_source(source.name(), reason);
            }
        }
    }
    offers.sort_by_key(|(manifest, _)| std::cmp::Reverse((manifest.height(), manifest.state_id())));
    while let Some((manifest, _)) = offers.first() {
        let (manifest, id) = (manifest.clone(), manifest.state_id());
        let (same, others): (Vec<_>, Vec<_>) = offers.into_iter().partition(|(manifest, _)| manifest.state_id() == id);
        offers = others;
        let mut sources: Vec<Source> = same.into_iter().map(|(_, source)| source).collect();
        while let Some(source) = sources.first() {
            match attest(source, rules, &manifest, trust, clock::now()).await {
                Ok(certificates) => return Ok(Found { manifest, sources, certificates }),
                Err(Judgement::Old(error)) => return Err(StateSyncError::CheckpointTooOld(error)),
                Err(Judgement::Source(reason)) => {
                    job.drop_source(source.name(), reason);
                    sources.remove(0);
                }
            }
        }
    }
    Err(StateSyncError::NoSnapshot { dropped: job.dropped() })
}

/// Why a manifest is not looked at further.
enum Unfit {
    Nothing,
    Silent(String),
    Wrong(String),
}

async fn manifest(source: &Source, genesis: &Hash) -> Result<Manifest, Unfit> {
    let mut asked = 0;
    let bytes = loop {
        asked += 1;
        match source.manifest().await {
            Ok(bytes) => break bytes,
            Err(Unanswered::Nothing) => return Err(Unfit::Nothing),
            Err(Unanswered::Failed(reason)) => return Err(Unfit::Silent(reason)),
            Err(Unanswered::Busy(_)) if asked >= BUSY_ASKED_MAX => return Err(Unfit::Silent("it is busy".to_owned())),
            Err(Unanswered::Busy(wait)) => tokio::time::sleep(wait).await,
        }
    };
    let wrong = |error: snapshots::SnapshotError| Unfit::Wrong(error.to_string());
    let manifest = Manifest::from_bytes(&bytes).map_err(wrong)?;
    manifest.check_chain(genesis).map_err(wrong)?;
    Ok(manifest)
}

/// Why a header does not count.
enum Judgement {
    /// What is trusted is too old, whoever is asked.
    Old(LightError),
    /// What this source said does not hold.
    Source(String),
}

impl From<LightError> for Judgement {
    fn from(error: LightError) -> Self {
        match error {
            LightError::CheckpointTooOld { .. } => Self::Old(error),
            error => Self::Source(error.to_string()),
        }
    }
}

/// Leads from what is trusted to the header of the snapshot; gives how many certificates that took.
async fn attest(
    source: &Source,
    rules: &ChainRules,
    manifest: &Manifest,
    trust: &Trust,
    now: Timestamp,
) -> Result<u64, Judgement> {
    let content = &manifest.content;
    let wrong = |reason: &str| Judgement::Source(reason.to_owned());
    let trusted = match trust {
        Trust::Genesis => None,
        Trust::Block(height, hash) => Some((*height, *hash)),
        Trust::Own(store) => match store.head() {
            Some(head) if manifest.height() <= head.height => {
                let own = store.header(manifest.height()).map_err(|error| Judgement::Source(error.to_string()))?;
                let own = own.ok_or_else(|| wrong("this node no longer has the header of that height"))?;
                let is_same = own.0.hash() == content.header.hash();
                return if is_same { Ok(0) } else { Err(wrong("its header is not that of this chain")) };
            }
            Some(head) => Some((head.height, head.block)),
            None => None,
        },
    };
    let certificate = content.certificate.clone().ok_or_else(|| wrong("its manifest has no certificate"))?;
    let goal = CertifiedHeader { header: content.header.clone(), certificate, validators: content.validators.clone() };
    let mut walk = Walk::new(rules.clone(), trusted, goal, now)?;
    while let Some(height) = walk.wanted() {
        walk.give(header(source, height).await?)?;
    }
    Ok(walk.certificates())
}

async fn header(source: &Source, height: Height) -> Result<CertifiedHeader, Judgement> {
    for _ in 0..BUSY_ASKED_MAX {
        match source.header(height).await {
            Ok(header) => return Ok(header),
            Err(Unanswered::Nothing) => return Err(Judgement::Source(format!("it has no header of height {height}"))),
            Err(Unanswered::Failed(reason)) => return Err(Judgement::Source(reason)),
            Err(Unanswered::Busy(wait)) => tokio::time::sleep(wait).await,
        }
    }
    Err(Judgement::Source("it is busy".to_owned()))
}
