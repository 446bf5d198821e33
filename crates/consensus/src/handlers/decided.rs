//! A height is decided: make it durable.
//!
//! The reply is the acknowledgement that peers may sync the height from here, so it follows the commit.

use arc_malachitebft_app_channel::Reply;
use arc_malachitebft_app_channel::app::types::core::CommitCertificate as EngineCertificate;
use primitives::CommitCertificate;
use replica::application::Fault;

use crate::certificate;
use crate::context::ChainContext;
use crate::events::ConsensusEvent;
use crate::offers;
use crate::state::State;

pub(crate) async fn handle(
    state: &mut State,
    certificate: EngineCertificate<ChainContext>,
    reply: Reply<()>,
) -> Result<(), Fault> {
    let certificate = certificate::from_engine(&certificate)
        .ok_or_else(|| Fault("the engine decided with a certificate that has no canonical form".to_owned()))?;
    let (height, block) = (certificate.height, certificate.block);
    state.tell(decided_event(state, &certificate));
    offers::candidate(state, block).await?;
    state.with_app(move |app| app.commit(certificate)).await?;
    state.prune(height);
    state.tell(ConsensusEvent::Finalized { height, block });
    tracing::info!(%height, %block, "finalized");
    let _ = reply.send(());
    Ok(())
}

fn decided_event(state: &State, certificate: &CommitCertificate) -> ConsensusEvent {
    let (mut power, mut total_power, mut missing) = (0_u64, 0, Vec::new());
    if let Some((_, set)) = &state.voting {
        total_power = set.validators().total_power();
        for validator in set.validators().validators() {
            if certificate.signatures.iter().any(|entry| entry.address == validator.address) {
                power = power.saturating_add(validator.power);
            } else {
                missing.push(validator.address);
            }
        }
    }
    let CommitCertificate { height, round, block, .. } = *certificate;
    let fetched = state.fetched == Some(height);
    ConsensusEvent::Decided { height, round, block, power, total_power, missing, fetched }
}
