//! The engine listens: tell it which height to start.
//!
//! What is sent before the peers are connected is lost, and costs the first round. So the answer waits
//! for the persistent peers, but not longer than [`PEERS_WAIT`]. A chain without a block waits longer
//! ([`FIRST_PEERS_WAIT`]): all its nodes start at once, and the slowest may be the first proposer.

use std::time::Duration;

use arc_malachitebft_app_channel::app::types::core::HeightParams;
use arc_malachitebft_app_channel::{NetworkRequest, Reply};
use primitives::Height;
use replica::application::Fault;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use crate::context::ChainContext;
use crate::state::State;
use crate::types::ChainHeight;

/// Longest wait for persistent peers before the first height.
const PEERS_WAIT: Duration = Duration::from_secs(2);
/// The same before the first block of the chain.
const FIRST_PEERS_WAIT: Duration = Duration::from_secs(5);
/// How often the number of peers is read.
const PEERS_POLL: Duration = Duration::from_millis(50);
/// A connection carries messages only after both sides know the other's topics.
const TOPICS_WAIT: Duration = Duration::from_millis(150);

pub(crate) async fn handle(
    state: &mut State,
    reply: Reply<(ChainHeight, HeightParams<ChainContext>)>,
) -> Result<(), Fault> {
    let height = state.with_app(|app| Ok(app.finalized().next())).await?;
    let params = state.enter(height).await?;
    let (requests, wanted, room) = (state.net_requests.clone(), state.persistent_peers, state.room.clone());
    tokio::spawn(async move {
        if wanted > 0 {
            let longest = if height == Height::GENESIS.next() { FIRST_PEERS_WAIT } else { PEERS_WAIT };
            wait_for_peers(&requests, wanted, longest).await;
        }
        room.wait().await;
        tracing::info!(%height, "starting consensus");
        let _ = reply.send((ChainHeight(height), params));
    });
    Ok(())
}

async fn wait_for_peers(requests: &mpsc::Sender<NetworkRequest>, wanted: usize, longest: Duration) {
    let deadline = Instant::now() + longest;
    while Instant::now() < deadline {
        let connected = match NetworkRequest::dump_state(requests).await {
            Ok(Some(dump)) => dump.peers.len(),
            Ok(None) => 0,
            Err(_) => return,
        };
        if connected >= wanted {
            return sleep(TOPICS_WAIT).await;
        }
        sleep(PEERS_POLL).await;
    }
    tracing::info!(wanted, "starting without all persistent peers");
}
