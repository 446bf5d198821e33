//! Which snapshot is taken: the highest whose header counts, and who has it.
//!
//! The list of chunks is attested by nobody, only the header is. So a snapshot that is found may be one that nobody can give, and the next one
//! is asked for (`gather.rs`).
//!
//! Rule: a header counts by its certificate, judged as every light client does (`proof::light`), from genesis, from a checkpoint, or from
//! the blocks that this node has executed itself. Where the source has a chain proof, that must hold too (`proven.rs`).

use std::sync::Arc;

use futures::{StreamExt, stream};
use primitives::{Hash, Height, Timestamp};
use proof::light::{CertifiedHeader, ChainRules, LightError, Walk};
use snapshots::Manifest;
use storage::Store;

use super::StateSyncError;
use super::job::Job;
use super::proven::proven;
use super::source::{Source, Unanswered};
use crate::clock;

/// Sources that are asked for their manifest at once.
const ASKED_MAX: usize = 8;
/// Times that a busy source is asked for its manifest, its chain proof or a header.
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
    /// What shows that its header counts.
    pub counts: Counts,
}

/// What shows that a header counts.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counts {
    /// Certificates that were checked for it.
    pub certificates: u64,
    /// Up to which height a chain proof showed its chain.
    pub proven_to: Option<Height>,
}

/// What sources offer and nobody has judged yet, the highest first.
pub struct Offers(Vec<(Manifest, Source)>);

/// Asks every source for the manifest of its newest snapshot.
pub async fn ask(sources: Vec<Source>, genesis: &Hash, job: &Job) -> Offers {
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
    Offers(offers)
}

impl Offers {
    /// The highest snapshot that the light client takes, with all who have it; the next call gives the next one.
    ///
    /// # Errors
    /// [`StateSyncError::CheckpointTooOld`].
    pub async fn next(
        &mut self,
        trust: &Trust,
        rules: &ChainRules,
        job: &Job,
    ) -> Result<Option<Found>, StateSyncError> {
        while let Some((manifest, _)) = self.0.first() {
            let (manifest, id) = (manifest.clone(), manifest.state_id());
            let offers = std::mem::take(&mut self.0);
            let (same, others): (Vec<_>, Vec<_>) =
                offers.into_iter().partition(|(manifest, _)| manifest.state_id() == id);
            self.0 = others;
            let mut sources: Vec<Source> = same.into_iter().map(|(_, source)| source).collect();
            while let Some(source) = sources.first() {
                match attest(source, rules, &manifest, trust, clock::now()).await {
                    Ok(counts) => return Ok(Some(Found { manifest, sources, counts })),
                    Err(Judgement::Old(error)) => return Err(StateSyncError::CheckpointTooOld(error)),
                    Err(Judgement::Source(reason)) => {
                        job.drop_source(source.name(), reason);
                        sources.remove(0);
                    }
                }
            }
        }
        Ok(None)
    }
}

/// Why a manifest is not looked at further.
enum Unfit {
    Nothing,
    Silent(String),
    Wrong(String),
}

/// How often a busy source is asked again.
#[derive(Debug, Default)]
pub struct Patience(u32);

impl Patience {
    /// Whether it is asked once more.
    pub const fn is_left(&mut self) -> bool {
        self.0 += 1;
        self.0 < BUSY_ASKED_MAX
    }
}

async fn manifest(source: &Source, genesis: &Hash) -> Result<Manifest, Unfit> {
    let mut patience = Patience::default();
    let answer = loop {
        match source.manifest().await {
            Err(Unanswered::Busy(wait)) if patience.is_left() => tokio::time::sleep(wait).await,
            answer => break answer,
        }
    };
    let bytes = answer.map_err(|unanswered| match unanswered {
        Unanswered::Nothing => Unfit::Nothing,
        Unanswered::Failed(reason) => Unfit::Silent(reason),
        Unanswered::Busy(_) => Unfit::Silent("it is busy".to_owned()),
    })?;
    let wrong = |error: snapshots::SnapshotError| Unfit::Wrong(error.to_string());
    let manifest = Manifest::from_bytes(&bytes).map_err(wrong)?;
    manifest.check_chain(genesis).map_err(wrong)?;
    Ok(manifest)
}

/// Why a header does not count.
pub enum Judgement {
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

/// Leads from what is trusted to the header of the snapshot, and looks at the chain proof that the source has.
async fn attest(
    source: &Source,
    rules: &ChainRules,
    manifest: &Manifest,
    trust: &Trust,
    now: Timestamp,
) -> Result<Counts, Judgement> {
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
                return if is_same {
                    Ok(Counts::default())
                } else {
                    Err(wrong("its header is not that of this chain"))
                };
            }
            Some(head) => Some((head.height, head.block)),
            None => None,
        },
    };
    let certificate = content.certificate.clone().ok_or_else(|| wrong("its manifest has no certificate"))?;
    let goal = CertifiedHeader { header: content.header.clone(), certificate, validators: content.validators.clone() };
    let mut walk = Walk::new(rules.clone(), trusted, goal.clone(), now)?;
    while let Some(height) = walk.wanted() {
        walk.give(header(source, height).await?)?;
    }
    let proven_to = proven(source, rules, &goal, now).await?;
    Ok(Counts { certificates: walk.certificates(), proven_to })
}

async fn header(source: &Source, height: Height) -> Result<CertifiedHeader, Judgement> {
    asked_header(source, height).await.map_err(|unanswered| {
        Judgement::Source(match unanswered {
            Unanswered::Nothing => format!("it has no header of height {height}"),
            Unanswered::Failed(reason) => reason,
            Unanswered::Busy(_) => "it is busy".to_owned(),
        })
    })
}

/// The header of a height, asked for again while the source is busy.
pub async fn asked_header(source: &Source, height: Height) -> Result<CertifiedHeader, Unanswered> {
    let mut patience = Patience::default();
    loop {
        match source.header(height).await {
            Err(Unanswered::Busy(wait)) if patience.is_left() => tokio::time::sleep(wait).await,
            answer => return answer,
        }
    }
}
