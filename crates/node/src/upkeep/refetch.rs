//! Takes quarantined heights back from peers, and gives bodies to peers that have lost theirs.
//!
//! ```text
//!   highest quarantined height with a known hash ─► ask a peer ─┬─ hash, roots, operations are right ─► durable, next height
//!                                                               ├─ nothing ─► the next peer
//!                                                               └─ something else ─► blamed, not asked again ─► the next peer
//! ```
//! Model: one height at a time, from the highest down, because each names the one before. The operations of a height are judged by the digest of
//! the height before; where that is quarantined too, its body is asked for first and kept for its own turn.
//!
//! Rules
//! - One question is open at a time, and there is a pause between two.
//! - A round in which nobody had the height is tried again after [`RETRY`], for as long as it takes.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use p2p::{BODY_ASK_PAUSE_MS, P2pHandle, PeerKey, QuestionId};
use primitives::{Block, Hash, Height, decode, encode};
use replica::Fault;
use storage::{Body, Refused, StorageError, Store};

use crate::shared::Shared;

/// Pause before a question.
const PAUSE: Duration = Duration::from_millis(BODY_ASK_PAUSE_MS);
/// Pause after a round in which nobody had the height.
const RETRY: Duration = Duration::from_secs(2);

/// A body that has the hash it was asked for.
struct Given {
    height: Height,
    body: Body,
    block: Block,
    peer: PeerKey,
}

/// Whose answers were wrong, and what waits for its turn.
#[derive(Default)]
struct Round {
    blamed: BTreeSet<PeerKey>,
    held: Option<Given>,
}

/// Takes heights back until the process ends.
pub async fn run(shared: Arc<Shared>) {
    let mut round = Round::default();
    loop {
        let is_back = match shared.p2p.get() {
            Some(p2p) => step(&shared, p2p, &mut round).await,
            None => false,
        };
        tokio::time::sleep(if is_back { PAUSE } else { RETRY }).await;
    }
}

/// Takes the next height back, if there is one and somebody has it.
async fn step(shared: &Arc<Shared>, p2p: &P2pHandle, round: &mut Round) -> bool {
    let wanted = shared.store.quarantined().into_iter().rev().find_map(|one| Some((one.height, one.block?)));
    let Some((height, hash)) = wanted else { return false };
    let held = round.held.take().filter(|held| held.height == height && held.block.header.hash() == hash);
    let given = match held {
        Some(held) => held,
        None => match ask(shared, p2p, round, height, hash).await {
            Some(given) => given,
            None => return false,
        },
    };
    let mut before = None;
    if let Some(below) = height.previous().filter(|below| shared.store.is_quarantined(*below)) {
        tokio::time::sleep(PAUSE).await;
        let Some(below) = ask(shared, p2p, round, below, given.block.header.parent).await else {
            round.held = Some(given);
            return false;
        };
        before = Some(below.block.header.ops_digest);
        round.held = Some(below);
    }
    let (node, digest) = (Arc::clone(shared), snapshots::digest(&shared.genesis_hash));
    let Given { body, peer, .. } = given;
    let done = tokio::task::spawn_blocking(move || node.store.readmit(height, &body, &digest, before)).await;
    match done {
        Ok(Ok(Ok(()))) => {
            shared.metrics.storage.refetched.inc();
            shared.upkeep.refetched.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(event = "storage.refetched", %height, %peer, "a quarantined height is back");
            true
        }
        Ok(Ok(Err(Refused::Wrong | Refused::WrongOperations))) => {
            blame(shared, p2p, round, height, peer);
            false
        }
        Ok(Ok(Err(Refused::NotQuarantined | Refused::NotInTurn))) => false,
        Ok(Err(error)) => {
            failed(shared, &error);
            false
        }
        // The runtime ends.
        Err(_) => false,
    }
}

/// Asks one peer after another for the block with this hash.
async fn ask(shared: &Shared, p2p: &P2pHandle, round: &mut Round, height: Height, hash: Hash) -> Option<Given> {
    let peers = p2p.peers().into_iter().filter(|view| view.height >= height).map(|view| view.peer);
    for peer in peers.filter(|peer| !round.blamed.contains(peer)).collect::<Vec<PeerKey>>() {
        let Some(bytes) = p2p.ask_body(peer, height).await else { continue };
        let judged = decode::<Body>(&bytes).ok().and_then(|body| {
            let block = Store::is_body_of(&body, &hash)?;
            Some(Given { height, body, block, peer })
        });
        match judged {
            Some(given) => return Some(given),
            None => blame(shared, p2p, round, height, peer),
        }
    }
    None
}

fn blame(shared: &Shared, p2p: &P2pHandle, round: &mut Round, height: Height, peer: PeerKey) {
    round.blamed.insert(peer);
    shared.metrics.storage.refetch_refused.inc();
    shared.upkeep.refused.fetch_add(1, Ordering::Relaxed);
    // A full queue means that the network is busy; the peer is not asked again in any case.
    let _ = p2p.blame(peer);
    tracing::warn!(event = "storage.refetch_refused", %height, %peer, "a peer gave a body that does not lead to the head");
}

fn failed(shared: &Shared, error: &StorageError) {
    tracing::error!(%error, "a quarantined height could not be written");
    if matches!(shared.store.pruning(), Err(StorageError::Poisoned { .. })) {
        shared.report(&Fault(error.to_string()));
    }
}

/// Answers a peer that has lost a height: with its body, or with nothing where it is not whole here either.
pub fn answer(shared: &Shared, p2p: &P2pHandle, question: QuestionId, height: Height) {
    let mut body = shared.store.body(height).ok().flatten().map(|body| encode(&body));
    if shared.config.drill.wrong_bodies
        && let Some(byte) = body.as_mut().and_then(|bytes| bytes.last_mut())
    {
        *byte ^= 1;
    }
    // A full queue means that the network is busy; the peer asks somebody else.
    let told = p2p.answer_body(question, body);
    tracing::debug!(%height, told, "a peer asked for a body");
}
