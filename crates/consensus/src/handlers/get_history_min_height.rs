//! The lowest height that peers can sync from here.

use arc_malachitebft_app_channel::Reply;
use primitives::Height;
use replica::application::Fault;

use crate::state::State;
use crate::types::ChainHeight;

pub(crate) async fn handle(state: &State, reply: Reply<ChainHeight>) -> Result<(), Fault> {
    // Genesis is no block: nobody syncs it.
    let oldest = state.with_app(|app| Ok(app.oldest().max(Height(1)))).await?;
    let _ = reply.send(ChainHeight(oldest));
    Ok(())
}
