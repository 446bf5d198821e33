//! Proofs of windows and of the chain, from peers and to them.
//!
//! ```text
//!   peer ─► size ─► head ─┬─ here already ─► ignored
//!                         ├─ too early ────► waits, at most EARLY_TIME ─► again
//!                         └─ in turn ──────► accept, accept_chain ─┬─► kept ─► relayed
//!                                                                  └─► does not verify ─► the peer loses points
//! ```
//! Rules
//! - What is passed on was verified here, against this node's own headers, and is kept here.
//! - What was missed is asked for ([`Missing`]). What a peer answers is judged like any other proof.
//! - What comes before its turn waits here, bounded in number, bytes and time, and is announced once it was taken. The network is told that it was
//!   ignored, so that it holds nothing up there; what is wrong with it costs nobody points then.
//!
//! Read next: `mod.rs` (how a proof is judged), `p2p/src/handlers/proofs.rs` (how it travels).

use std::sync::Arc;
use std::time::{Duration, Instant};

use p2p::{BatchId, P2pHandle, PeerKey, ProofKind, QuestionId, Verdict};
use primitives::Height;
use proof::light::{SealedChain, SealedWindow};

use super::missing::Missing;
use super::{Refused, accept, accept_chain};
use crate::shared::Shared;

/// Most proofs that wait for their turn.
pub const EARLY_MAX: usize = 16;
/// Most bytes of all that wait.
pub const EARLY_BYTES_MAX: usize = 16 * 1024 * 1024;
/// How long one waits for its turn.
pub const EARLY_TIME: Duration = Duration::from_secs(30);
/// Most windows ahead of the next one that a proof may be of, to wait.
pub const EARLY_WINDOWS_MAX: u64 = 16;
/// Most windows after the chain proof that a new peer is told of.
pub const RETOLD_WINDOWS_MAX: u64 = 8;
/// In metrics: a question of this node.
const ASKED: &str = "asked";
/// In metrics: a question of a peer that got a proof.
const ANSWERED: &str = "answered";
/// In metrics: a question of a peer that got none.
const NOTHING: &str = "nothing";

/// A proof from a peer.
#[derive(Debug, Clone)]
pub struct Travelling {
    /// Its name in the verdict.
    pub batch: BatchId,
    /// What it is of.
    pub kind: ProofKind,
    /// Its bytes, unchecked.
    pub bytes: Arc<[u8]>,
}

/// Where a proof stands before anything is verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// It is judged now.
    InTurn,
    /// It may wait.
    Early,
    /// Here already, far away, or longer than this node looks at: no fault of the peer.
    Useless,
    /// No proof at all.
    Malformed,
}

/// Proofs that wait for their turn.
#[derive(Debug, Default)]
pub struct Early(Vec<(Travelling, Instant)>);

impl Early {
    /// Judges a proof, or keeps it for a while when it comes too early.
    pub async fn receive(&mut self, shared: &Arc<Shared>, p2p: &P2pHandle, proof: Travelling) {
        match place(shared, &proof) {
            Place::Malformed => tell(shared, p2p, &proof, Verdict::Reject),
            Place::Useless => tell(shared, p2p, &proof, Verdict::Ignore),
            Place::Early => {
                tell(shared, p2p, &proof, Verdict::Ignore);
                self.keep(proof);
            }
            Place::InTurn => {
                let verdict = judge(shared, &proof).await;
                tell(shared, p2p, &proof, verdict);
                self.again(shared).await;
            }
        }
    }

    /// Keeps a proof, if there is room.
    pub fn keep(&mut self, proof: Travelling) -> bool {
        let bytes: usize = self.0.iter().map(|(proof, _)| proof.bytes.len()).sum();
        let has_room = self.0.len() < EARLY_MAX && bytes.saturating_add(proof.bytes.len()) <= EARLY_BYTES_MAX;
        if has_room {
            self.0.push((proof, Instant::now()));
        }
        has_room
    }

    /// Looks again at those that wait: blocks and other proofs may have made it their turn.
    pub async fn again(&mut self, shared: &Arc<Shared>) {
        // Each look takes one away, so there are few.
        while let Some(at) = self
            .0
            .iter()
            .position(|(proof, since)| since.elapsed() >= EARLY_TIME || place(shared, proof) != Place::Early)
        {
            let (proof, _) = self.0.swap_remove(at);
            if place(shared, &proof) == Place::InTurn && judge(shared, &proof).await == Verdict::Accept {
                shared.metrics.proofs.gossip.with([name(proof.kind), verdict_name(Verdict::Accept)]).inc();
                publish(shared, proof.kind, &proof.bytes);
            }
        }
    }
}

fn place(shared: &Shared, proof: &Travelling) -> Place {
    if proof.bytes.len() > shared.config.max_proof_size_bytes {
        return Place::Useless;
    }
    let finalized = shared.store.head().map_or(Height::GENESIS, |head| head.height);
    let rules = shared.proofs.rules(&shared.genesis);
    match proof.kind {
        ProofKind::Window => match SealedWindow::from_bytes(&proof.bytes) {
            Ok(sealed) => window_place(shared.proofs.windows(), sealed.window, rules.windows_until(finalized)),
            Err(_) => Place::Malformed,
        },
        ProofKind::Chain => match SealedChain::from_bytes(&proof.bytes) {
            Ok(sealed) => {
                let ahead = rules.window_start(EARLY_WINDOWS_MAX);
                chain_place(super::chain_height(shared), sealed.height, finalized, ahead)
            }
            Err(_) => Place::Malformed,
        },
    }
}

/// Of a window, when `next` is the one that is taken next and those below `closed` are closed.
pub fn window_place(next: u64, window: u64, closed: u64) -> Place {
    if window < next || window > next.saturating_add(EARLY_WINDOWS_MAX) {
        Place::Useless
    } else if window == next && window < closed {
        Place::InTurn
    } else {
        Place::Early
    }
}

/// Of a chain proof to `height`, when one to `kept` is here; it may wait when it ends at most `ahead` above the last block.
pub fn chain_place(kept: Height, height: Height, finalized: Height, ahead: Height) -> Place {
    if height <= kept || height.0 > finalized.0.saturating_add(ahead.0) {
        Place::Useless
    } else if height <= finalized {
        Place::InTurn
    } else {
        Place::Early
    }
}

/// Verifies and keeps a proof away from the network's thread.
async fn judge(shared: &Arc<Shared>, proof: &Travelling) -> Verdict {
    let (node, judged) = (Arc::clone(shared), proof.clone());
    let done = tokio::task::spawn_blocking(move || match judged.kind {
        ProofKind::Window => accept(&node, &judged.bytes, None).map(drop),
        ProofKind::Chain => accept_chain(&node, &judged.bytes, None).map(drop),
    });
    // A panic in there is our fault, not the peer's.
    done.await.map_or(Verdict::Ignore, |done| verdict(&done))
}

/// What the network is told. Only what no honest node can have passed on costs points.
pub fn verdict(done: &Result<(), Refused>) -> Verdict {
    match done {
        Ok(()) => Verdict::Accept,
        Err(Refused::Bytes(_) | Refused::Chain(_) | Refused::Proof(_) | Refused::NotAnEnd { .. }) => Verdict::Reject,
        Err(
            Refused::Exists { .. }
            | Refused::NotNext { .. }
            | Refused::TailFull
            | Refused::NoRoom
            | Refused::ChainExists { .. }
            | Refused::NotFinalized { .. }
            | Refused::NotClosed { .. }
            | Refused::Key(_)
            | Refused::Storage(_),
        ) => Verdict::Ignore,
    }
}

fn tell(shared: &Shared, p2p: &P2pHandle, proof: &Travelling, verdict: Verdict) {
    let (kind, name) = (name(proof.kind), verdict_name(verdict));
    shared.metrics.proofs.gossip.with([kind, name]).inc();
    tracing::debug!(target: "plonky3", kind, verdict = name, bytes = proof.bytes.len(), "a proof came from a peer");
    p2p.report(proof.batch, verdict);
}

const fn name(kind: ProofKind) -> &'static str {
    match kind {
        ProofKind::Window => super::WINDOW,
        ProofKind::Chain => super::CHAIN,
    }
}

/// A verdict's name in metrics.
pub const fn verdict_name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Accept => "accepted",
        Verdict::Ignore => "ignored",
        Verdict::Reject => "rejected",
    }
}

/// Asks a peer for the next window, when it is time to: one that is as high as the window's end.
pub fn ask(shared: &Shared, p2p: &P2pHandle, missing: &mut Missing) {
    let rules = shared.proofs.rules(&shared.genesis);
    let finalized = shared.store.head().map_or(Height::GENESIS, |head| head.height);
    let (next, closed) = (shared.proofs.windows(), rules.windows_until(finalized));
    let end = rules.window_end(next);
    let peers: Vec<PeerKey> = p2p.peers().into_iter().filter(|one| one.height >= end).map(|one| one.peer).collect();
    let asked = missing.look(next, closed, peers.len(), Instant::now()).and_then(|at| peers.get(at));
    if let Some(peer) = asked
        && p2p.ask_proof(*peer, next)
    {
        shared.metrics.proofs.questions.with([ASKED]).inc();
        tracing::debug!(target: "plonky3", window = next, %peer, "a peer is asked for a missing proof");
    }
}

/// Answers a peer that misses a window: with its proof, with the chain proof that covers it, or with nothing.
pub fn answer(shared: &Shared, p2p: &P2pHandle, question: QuestionId, window: u64) {
    let kept = match shared.store.window_proof(window) {
        Ok(Some(bytes)) => Some((ProofKind::Window, bytes)),
        Ok(None) if window < shared.proofs.folded() => {
            shared.store.chain_proof().ok().flatten().map(|(_, bytes)| (ProofKind::Chain, bytes))
        }
        // A damaged store says so where it is read for ourselves; the peer asks somebody else.
        Ok(None) | Err(_) => None,
    };
    shared.metrics.proofs.questions.with([if kept.is_some() { ANSWERED } else { NOTHING }]).inc();
    // A full queue means that the network is busy; the peer asks again.
    let told = p2p.answer_proof(question, kept);
    tracing::debug!(target: "plonky3", window, told, "a peer asked for a missing proof");
}

/// Announces a proof that was taken here to the peers.
pub fn publish(shared: &Shared, kind: ProofKind, bytes: &[u8]) {
    let Some(p2p) = shared.p2p.get() else { return };
    // A full queue means that the network is busy; who connects later is told again.
    let queued = p2p.publish_proof(kind, bytes);
    tracing::debug!(target: "plonky3", kind = name(kind), queued, "a proof is announced to the peers");
}

/// Announces what is kept, for a peer that has just come.
pub fn retell(shared: &Shared) {
    let chain = shared.store.chain_proof();
    if let Ok(Some((_, bytes))) = &chain {
        publish(shared, ProofKind::Chain, bytes);
    }
    let (first, end) = (shared.proofs.folded(), shared.proofs.windows());
    for window in first..end.min(first.saturating_add(RETOLD_WINDOWS_MAX)) {
        // What was folded meanwhile is gone, and covered.
        if let Ok(Some(bytes)) = shared.store.window_proof(window) {
            publish(shared, ProofKind::Window, &bytes);
        }
    }
}
