//! Judging proposals that arrive, and streaming ours.

use arc_malachitebft_app_channel::NetworkMsg;
use arc_malachitebft_app_channel::app::streaming::StreamId;
use arc_malachitebft_app_channel::app::types::ProposedValue;
use arc_malachitebft_app_channel::app::types::core::Validity;
use bytes::Bytes;
use primitives::merkle;
use primitives::{Block, CommitCertificate, Hash, Proposal};
use replica::application::{Candidate, Fault, Freshness, Verdict};

use crate::context::ChainContext;
use crate::events::ConsensusEvent;
use crate::signer::WITHHELD;
use crate::state::State;
use crate::streaming::{Assembled, parts_of};
use crate::types::{BlockId, ChainHeight, ProposalInit, ProposalMessage, ValidatorAddress, engine_round};

/// Executes an assembled proposal of the running height and says what consensus should think of it.
/// `None` when the bytes are not the block that the proposer signed: then the stream was another's junk,
/// and says nothing about the proposal.
pub(crate) async fn judge(state: &mut State, offer: Assembled) -> Result<Option<ProposedValue<ChainContext>>, Fault> {
    let proposal = offer.init.proposal;
    let key = (proposal.height, proposal.round, proposal.value);
    let known = state.offers.get(&key).map(|known| known.valid);
    let is_new = known.is_none();
    let valid = match known {
        Some(valid) => Some(valid),
        // A block that is judged is made durable.
        None if !state.room.is_there().await => None,
        None => verify(state, proposal, offer.bytes.clone()).await?,
    };
    let Some(valid) = valid else { return Ok(None) };
    state.remember(offer.init, valid);
    if valid {
        state.blocks.insert(proposal.height, proposal.value, offer.bytes);
    }
    let Proposal { height, round, value: block, .. } = proposal;
    // One that came again is no news.
    if is_new {
        state.tell(ConsensusEvent::ProposalReceived { height, round, block, valid });
    }
    Ok(Some(proposed_value(&proposal, valid)))
}

async fn verify(state: &State, proposal: Proposal, bytes: Bytes) -> Result<Option<bool>, Fault> {
    let freshness = match proposal.pol_round {
        None => Freshness::Live { now: state.host.now(), round: proposal.round, proposer: proposal.proposer },
        Some(_) => Freshness::Replayed,
    };
    state
        .with_app(move |app| {
            if app.finalized().next() != proposal.height {
                return Ok(None);
            }
            match app.verify(&bytes, freshness)? {
                Verdict::Valid(candidate) => Ok((candidate.hash == proposal.value).then_some(true)),
                Verdict::Invalid { reason, .. } => {
                    let ours = is_block(&bytes, &proposal.value);
                    tracing::warn!(
                        height = %proposal.height, round = %proposal.round, proposer = %proposal.proposer,
                        block = %proposal.value, whole = ours, reason, "proposed block refused"
                    );
                    Ok(ours.then_some(false))
                }
            }
        })
        .await
}

/// True when `bytes` are the one encoding of the block with this hash, so that a verdict on them is a
/// verdict on the block. The header commits to the transactions and to the certificate.
pub(crate) fn is_block(bytes: &[u8], hash: &Hash) -> bool {
    let Ok(block) = Block::from_bytes(bytes) else { return false };
    block.hash() == *hash
        && block.header.transactions_root == merkle::root(&block.transaction_leaves())
        && block.header.last_commit == block.last_commit.as_ref().map(CommitCertificate::hash).unwrap_or_default()
}

pub(crate) fn proposed_value(proposal: &Proposal, valid: bool) -> ProposedValue<ChainContext> {
    ProposedValue {
        height: ChainHeight(proposal.height),
        round: engine_round(Some(proposal.round)),
        valid_round: engine_round(proposal.pol_round),
        proposer: ValidatorAddress(proposal.proposer),
        value: BlockId(proposal.value),
        validity: Validity::from_bool(valid),
    }
}

/// Signs `proposal` and streams its block; says nothing when the signer refuses.
pub(crate) async fn publish(state: &mut State, proposal: Proposal, block: Bytes) {
    let Some(signer) = &state.signer else { return };
    let signature = signer.sign_offer(&ProposalMessage::from(proposal)).await;
    let Ok(length) = u32::try_from(block.len()) else { return };
    if signature == WITHHELD {
        return;
    }
    let init = ProposalInit { proposal, signature, bytes: length };
    state.remember(init, true);
    stream(state, init, block).await;
}

/// Streams a block whose proposal is signed already, by us or by another.
pub(crate) async fn stream(state: &mut State, init: ProposalInit, block: Bytes) {
    for message in parts_of(&next_stream(state, &init), init, &block) {
        if state.network.send(NetworkMsg::PublishProposalPart(message)).await.is_err() {
            tracing::debug!("the network stopped while parts were sent");
            return;
        }
    }
}

/// A stream id that no other stream of this node had: peers drop what they have seen before, also across
/// a restart.
fn next_stream(state: &mut State, init: &ProposalInit) -> StreamId {
    state.streams_opened = state.streams_opened.saturating_add(1);
    let id = [
        init.proposal.height.0.to_le_bytes(),
        u64::from(init.proposal.round.0).to_le_bytes(),
        state.host.now().0.to_le_bytes(),
        state.streams_opened.to_le_bytes(),
    ];
    StreamId::new(Bytes::from(id.concat()))
}

/// The candidate with this hash: as the chain holds it, or replayed from the log and executed again.
///
/// # Errors
/// [`Fault`] also when the block is nowhere, or is not valid any more.
pub(crate) async fn candidate(state: &State, hash: Hash) -> Result<Candidate, Fault> {
    let logged = state.blocks.get(&hash);
    state
        .with_app(move |app| {
            if let Some(candidate) = app.candidate(&hash) {
                return Ok(candidate);
            }
            let bytes = logged.ok_or_else(|| Fault(format!("the decided block {hash} is not here")))?;
            match app.verify(&bytes, Freshness::Replayed)? {
                Verdict::Valid(candidate) if candidate.hash == hash => Ok(candidate),
                Verdict::Valid(_) => Err(Fault(format!("the log holds another block under the hash {hash}"))),
                Verdict::Invalid { reason, .. } => Err(Fault(format!("the decided block {hash} is invalid: {reason}"))),
            }
        })
        .await
}
