//! Questions about pruned blocks, answered from bodies that are given again.
//!
//! Rules
//! - Where nothing was found the question is answered as always, so the refusal is the same with the gate and without it.
//! - Where the archive could not be asked that is the answer, because the block may be in it.
//!
//! Read next: `../reconstruction.rs`.

use std::sync::Arc;

use primitives::{Height, encode};
use rpc::types::{BlockEvents, BlockId, BlockView, KeptBody};
use rpc::{ApiError, ErrorCode};

use super::server::Server;
use super::{blocks, errors};
use crate::reconstruction::{self, Rebuilt, Wanted};

/// What is found of a pruned block; none with the gate off, for a block that is here, and where no source has it.
///
/// # Errors
/// `not_found` for a hash that no block here has, `overloaded` while others are looked for, `not_ready` while the archive does not answer and no peer
/// has the block, and a read that failed.
pub async fn find(server: &Arc<Server>, id: BlockId) -> Result<Option<Arc<Rebuilt>>, ApiError> {
    let shared = &server.shared;
    if !shared.reconstruction.is_on() {
        return Ok(None);
    }
    let looked = server.read(move |server| {
        let height = blocks::named(server, id)?;
        let (store, digest) = (&server.shared.store, server.shared.reconstruction.digest());
        let wanted = Wanted::of(store, height, digest).map_err(|error| errors::of_storage(&server.shared, &error))?;
        Ok((height, wanted))
    });
    let (height, Some(wanted)) = looked.await? else { return Ok(None) };
    if let Some(kept) = shared.reconstruction.kept(height) {
        return Ok(Some(kept));
    }
    let Some(_place) = shared.reconstruction.place() else {
        return Err(ApiError::new(ErrorCode::Overloaded).because("other pruned blocks are looked for at this moment"));
    };
    reconstruction::find(shared, wanted).await.map_err(|_| unanswered(height))
}

/// The log names the archive; who asks over the network need not know where it is.
fn unanswered(height: Height) -> ApiError {
    ApiError::new(ErrorCode::NOT_READY)
        .because(format!("block {height} is pruned here, no peer has it, and the archive of this node does not answer"))
        .with_hint(
            "ask again later, or another node; the operator finds the reason in the log (reconstruction.unanswered)",
        )
}

/// `/blocks/{block}`.
pub fn block(found: &Rebuilt) -> BlockView {
    let Rebuilt { hash, block, body } = found;
    let transactions = body.receipts.iter().map(|receipt| receipt.transaction).collect();
    BlockView::of_known(block, *hash, body.block.len(), transactions, body.certificate.as_ref())
}

/// `/blocks/{block}/events`.
pub fn events(found: &Rebuilt) -> BlockEvents {
    BlockEvents::new(&found.block.header, &found.body.receipts, &found.body.closing)
}

/// `/blocks/{block}/body`.
pub fn body(found: &Rebuilt) -> KeptBody {
    KeptBody::new(found.block.header.height, &encode(&found.body))
}
