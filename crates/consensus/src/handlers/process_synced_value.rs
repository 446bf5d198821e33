//! A decided block came from a peer; its certificate has been checked. Execute it.

use std::time::Duration;

use arc_malachitebft_app_channel::Reply;
use arc_malachitebft_app_channel::app::engine::host::SyncedValueOutcome;
use arc_malachitebft_app_channel::app::types::core::Round as EngineRound;
use bytes::Bytes;
use primitives::Proposal;
use replica::application::{Fault, Freshness, Verdict};

use crate::context::ChainContext;
use crate::offers::{is_block, proposed_value};
use crate::state::State;
use crate::types::{ChainHeight, ValidatorAddress, chain_round};

/// Pause before a block is asked for again that there is no room for.
const NO_ROOM_PAUSE: Duration = Duration::from_secs(1);

enum Synced {
    Judged(primitives::Hash, bool),
    PeerFault,
    NotYet,
}

pub(crate) async fn handle(
    state: &mut State,
    height: ChainHeight,
    round: EngineRound,
    proposer: ValidatorAddress,
    bytes: Bytes,
    reply: Reply<SyncedValueOutcome<ChainContext>>,
) -> Result<(), Fault> {
    if !state.room.is_there().await {
        tokio::spawn(async move {
            tokio::time::sleep(NO_ROOM_PAUSE).await;
            let _ = reply.send(SyncedValueOutcome::LocalTransientError);
        });
        return Ok(());
    }
    let (height, block) = (height.0, bytes.clone());
    let synced = state
        .with_app(move |app| {
            if app.finalized().next() != height {
                return Ok(Synced::NotYet);
            }
            match app.verify(&block, Freshness::Replayed)? {
                Verdict::Valid(candidate) => Ok(Synced::Judged(candidate.hash, true)),
                Verdict::Invalid { hash: Some(hash), reason } if is_block(&block, &hash) => {
                    tracing::error!(%height, block = %hash, reason, "a decided block does not execute here");
                    Ok(Synced::Judged(hash, false))
                }
                Verdict::Invalid { reason, .. } => {
                    tracing::warn!(%height, reason, "a peer sent bytes that are not the decided block");
                    Ok(Synced::PeerFault)
                }
            }
        })
        .await?;
    let outcome = match (synced, chain_round(round)) {
        (Synced::Judged(value, valid), Some(round)) => {
            if valid {
                state.blocks.insert(height, value, bytes);
                state.fetched = Some(height);
            }
            let proposal = Proposal { height, round, value, pol_round: None, proposer: proposer.0 };
            SyncedValueOutcome::Verdict(proposed_value(&proposal, valid))
        }
        (Synced::PeerFault, _) | (_, None) => SyncedValueOutcome::PeerFault,
        (Synced::NotYet, _) => SyncedValueOutcome::LocalTransientError,
    };
    let _ = reply.send(outcome);
    Ok(())
}
