//! The height is done: report who signed twice, then start the next height when its time has come.

use arc_malachitebft_app_channel::Reply;
use arc_malachitebft_app_channel::app::engine::host::Next;
use arc_malachitebft_app_channel::app::types::MisbehaviorEvidence;
use arc_malachitebft_app_channel::app::types::core::CommitCertificate as EngineCertificate;
use primitives::{Address, Height};
use replica::application::Fault;

use crate::context::ChainContext;
use crate::events::{ConsensusEvent, EquivocationKind};
use crate::pacing;
use crate::state::State;
use crate::types::ChainHeight;

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
    let votes = evidence.votes.iter().map(|(address, list)| (address, list.len(), EquivocationKind::Vote));
    let proposals = evidence.proposals.iter().map(|(address, list)| (address, list.len(), EquivocationKind::Proposal));
    for (address, count, kind) in votes.chain(proposals) {
        let validator: Address = address.0;
        tracing::warn!(%height, %validator, ?kind, count, "a validator signed twice in one step");
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        state.status.send_modify(|status| status.equivocations = status.equivocations.saturating_add(count));
        state.tell(ConsensusEvent::Equivocation { height, validator, kind });
    }
}
