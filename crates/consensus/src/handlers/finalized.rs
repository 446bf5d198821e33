//! The height is done: report who signed twice, then start the next height when its time has come and
//! there is room for it.

use arc_malachitebft_app_channel::Reply;
use arc_malachitebft_app_channel::app::engine::host::Next;
use arc_malachitebft_app_channel::app::types::MisbehaviorEvidence;
use arc_malachitebft_app_channel::app::types::core::{
    CommitCertificate as EngineCertificate, DoubleProposal, DoubleVote, SignedMessage,
};
use primitives::actions::evidence::{SignedProposal, SignedVote};
use primitives::{Address, Evidence, Height, PublicKey};
use replica::application::Fault;

use crate::context::ChainContext;
use crate::events::{ConsensusEvent, EquivocationKind};
use crate::pacing;
use crate::state::State;
use crate::types::{ChainHeight, ProposalMessage, VoteMessage};

pub(crate) async fn handle(
    state: &mut State,
    certificate: EngineCertificate<ChainContext>,
    evidence: MisbehaviorEvidence<ChainContext>,
    reply: Reply<Next<ChainContext>>,
) -> Result<(), Fault> {
    let height = certificate.height.0;
    report(state, height, &evidence);
    let (finalized, parent) = state.with_app(|app| Ok((app.finalized(), app.finalized_time()))).await?;
    if finalized != height {
        return Err(Fault(format!("the engine finished height {height}, the chain is at {finalized}")));
    }
    let next = height.next();
    let params = state.enter(next).await?;
    let wait = pacing::wait(state.host.now(), parent, state.params.block_interval_ms);
    state.after(wait, move || {
        let _ = reply.send(Next::Start(ChainHeight(next), params));
    });
    Ok(())
}

fn report(state: &State, height: Height, evidence: &MisbehaviorEvidence<ChainContext>) {
    let key = |address: &Address| {
        let (_, set) = state.voting.as_ref()?;
        set.validators().get(address).map(|validator| validator.public_key)
    };
    let votes = evidence.votes.iter().map(|(address, list)| {
        let proof = key(&address.0).zip(list.first()).and_then(|(key, pair)| of_votes(key, pair));
        (address.0, list.len(), EquivocationKind::Vote, proof)
    });
    let proposals = evidence.proposals.iter().map(|(address, list)| {
        let proof = key(&address.0).zip(list.first()).and_then(|(key, pair)| of_proposals(key, pair));
        (address.0, list.len(), EquivocationKind::Proposal, proof)
    });
    for (validator, count, kind, proof) in votes.chain(proposals) {
        tracing::warn!(%height, %validator, ?kind, count, "a validator signed twice in one step");
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        state.status.send_modify(|status| status.equivocations = status.equivocations.saturating_add(count));
        state.tell(ConsensusEvent::Equivocation { height, validator, kind, evidence: proof.map(Box::new) });
    }
}

/// Two votes as evidence, when both have a signed form.
fn of_votes(key: PublicKey, (left, right): &DoubleVote<ChainContext>) -> Option<Evidence> {
    let one = |signed: &SignedMessage<ChainContext, VoteMessage>| {
        Some(SignedVote { vote: signed.message.signed()?, signature: signed.signature })
    };
    Some(Evidence::of_votes(key, one(left)?, one(right)?))
}

/// Two proposals as evidence, when both have a signed form.
fn of_proposals(key: PublicKey, (left, right): &DoubleProposal<ChainContext>) -> Option<Evidence> {
    let one = |signed: &SignedMessage<ChainContext, ProposalMessage>| {
        Some(SignedProposal { proposal: signed.message.signed()?, signature: signed.signature })
    };
    Some(Evidence::of_proposals(key, one(left)?, one(right)?))
}
