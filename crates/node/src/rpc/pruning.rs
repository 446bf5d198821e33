//! What was deleted of old blocks and what is kept of one, over RPC.

use primitives::{Height, encode};
use rpc::ApiError;
use rpc::types::{BlockId, KeptBody, PruningCheckpoint, PruningStatus};

use super::server::Server;
use super::{blocks, errors};
use crate::pruning::{Activity, lag, plan_now};

/// `GET /blocks/{block}/body`.
///
/// # Errors
/// `not_found`, `pruned`, `damaged`.
pub fn body(server: &Server, id: BlockId) -> Result<KeptBody, ApiError> {
    let height = blocks::named(server, id)?;
    let body = server.shared.store.body(height).map_err(|error| errors::of_storage(&server.shared, &error))?;
    let body = body.ok_or_else(|| blocks::absent(server, height))?;
    Ok(KeptBody::new(height, &encode(&body)))
}

/// `GET /status/pruning`.
///
/// # Errors
/// `damaged` and the like, for a read that failed.
pub fn status(server: &Server) -> Result<PruningStatus, ApiError> {
    let shared = &server.shared;
    let pruned = shared.store.pruning().map_err(|error| errors::of_storage(shared, &error))?;
    let (plan, activity) = (plan_now(shared), shared.pruner.activity());
    let oldest = shared.store.oldest();
    Ok(PruningStatus {
        active: shared.config.pruning.is_on,
        state: activity.name().to_owned(),
        failure: match activity {
            Activity::Failed(reason) => Some(reason),
            _ => None,
        },
        emergency_pause: shared.pruner.is_paused(),
        retention_depth: shared.config.pruning.retention_depth,
        oldest_height: oldest,
        oldest_header: pruned.map_or(oldest, |pruned| pruned.first.max(Height(1))),
        prunable_to: plan.to.bodies,
        held_by: plan.held_by.name().to_owned(),
        lag_blocks: if shared.config.pruning.is_on { lag(shared, &plan) } else { 0 },
        removed_blocks: pruned.map_or(0, |pruned| pruned.removed),
        checkpoint: pruned.map(|pruned| PruningCheckpoint {
            height: pruned.checkpoint.height,
            block: pruned.checkpoint.block,
            ledger_root: pruned.checkpoint.ledger_root,
            ops_digest: pruned.checkpoint.ops_digest,
            state_root: pruned.checkpoint.state_root,
        }),
    })
}
