//! The chain proof of a source, judged before its snapshot is taken: a quorum that made coins has no proof of its ledger.
//!
//! ```text
//!   header of the snapshot (counts) ──► header at the proof's last height, above or below it ──► its ledger ──► check_chain
//! ```
//!
//! Rules
//! - A source without a chain proof, or without the header at its end, is none the worse: nothing is shown then, and nothing is said.
//! - A chain proof that does not show the ledger of this chain is a lie, and its source is dropped.
//! - What is shown goes to the proof's last height. Later blocks are attested, as everywhere.

use primitives::{Height, Timestamp};
use proof::light::{Attested, CertifiedHeader, ChainRules, LightError, SealedChain, check_chain};
use proof::{LedgerPoint, fold_key};

use super::find::{Judgement, Patience, asked_header};
use super::source::{Source, Unanswered};

/// Up to which height the source's chain proof shows the chain that this header is of; `None` when it has none.
///
/// # Errors
/// [`Judgement::Source`] for a proof that shows something else or nothing.
pub async fn proven(
    source: &Source,
    rules: &ChainRules,
    counts: &CertifiedHeader,
    now: Timestamp,
) -> Result<Option<Height>, Judgement> {
    let mut patience = Patience::default();
    let answer = loop {
        match source.chain_proof().await {
            Err(Unanswered::Busy(wait)) if patience.is_left() => tokio::time::sleep(wait).await,
            answer => break answer,
        }
    };
    let bytes = match answer {
        Ok(bytes) => bytes,
        Err(Unanswered::Nothing) => return Ok(None),
        Err(unanswered) => {
            tracing::debug!(source = source.name(), ?unanswered, "no chain proof came");
            return Ok(None);
        }
    };
    let wrong = |reason: String| Judgement::Source(format!("its chain proof does not hold: {reason}"));
    let sealed = SealedChain::from_bytes(&bytes).map_err(|error| wrong(error.to_string()))?;
    let Some(end) = end_of(source, rules, counts, sealed.height, now).await? else { return Ok(None) };
    let key = fold_key().map_err(|error| Judgement::Source(error.to_string()))?;
    let (origin, height) = (rules.origin(), sealed.height);
    let judged = tokio::task::spawn_blocking(move || check_chain(key, &origin, end, &sealed)).await;
    match judged {
        Ok(Ok(())) => Ok(Some(height)),
        Ok(Err(error)) => Err(wrong(error.to_string())),
        Err(error) => Err(wrong(error.to_string())),
    }
}

/// The ledger at this height on the chain of a header that counts; `None` when the source cannot lead there.
async fn end_of(
    source: &Source,
    rules: &ChainRules,
    counts: &CertifiedHeader,
    height: Height,
    now: Timestamp,
) -> Result<Option<LedgerPoint>, Judgement> {
    let (header, validators) = (&counts.header, counts.validators.clone());
    if height == header.height {
        return Ok(Some(LedgerPoint::from(header)));
    }
    let Ok(end) = asked_header(source, height).await else { return Ok(None) };
    let mut attested = Attested::checkpoint(rules, header, validators)?;
    let led = match height < header.height {
        true => attested.below(rules, &end).map(|_| ()),
        false => attested.advance(rules, &end, now),
    };
    match led {
        Ok(()) => Ok(Some(LedgerPoint::from(&end.header))),
        // The validators changed too much in between: headers there would lead on, and what is shown is not worth them.
        Err(LightError::TooFar { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
