//! Transactions from and to peers, and the loop that hands on everything else they send.
//!
//! Rules
//! - Verify before relay: a batch is relayed only when every transaction of it is well formed and
//!   signed for this chain and at least one was new here. A transaction that brings a chain proof is relayed only when the proof
//!   verifies; the verdict is kept, so the block that holds it costs nothing more.
//! - A batch with a transaction that can never be valid costs its sender points; stale ones do not.
//! - What its publisher's tier does not allow ([`topics`]) is neither taken nor relayed, and costs nobody points.
//! - A new peer is told what waits here, because what was published before reached nobody.
//! - Each completed handshake is one record of the log, with the peer's software, identity and tier.
//! - Every second the watch looks at who is there, see `partition_watch.rs`.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mempool::{CheckedTransaction, ReadTransaction};
use p2p::{BatchId, P2pEvent, P2pHandle, PeerKey, Verdict};
use primitives::actions::identity::KeyKindProven;
use primitives::{Height, Rejection, Transaction};
use state::reputation::Tier;
use state::{identity, lottery, view};
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use crate::partition_watch::{Change, Watch};
use crate::proofs::missing::Missing;
use crate::proofs::travel::{self, Early, Travelling, verdict_name};
use crate::shared::Shared;
use crate::state_sync::serve;
use crate::{submit, topics};

/// Events of the network that may wait.
pub const EVENTS_MAX: usize = 1_024;
/// Pause between two looks at who is there.
const LOOK: Duration = Duration::from_secs(1);
/// Most waiting transactions that a new peer is told of.
const RETELL_MAX: usize = 8_192;

/// Handles events until the network is gone.
pub async fn run(shared: Arc<Shared>, p2p: P2pHandle, mut events: mpsc::Receiver<P2pEvent>) {
    let mut watch = Watch::new(shared.config.p2p.peers.len(), Instant::now());
    let mut look = tokio::time::interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut early = Early::default();
    let mut missing = Missing::default();
    loop {
        let event = tokio::select! {
            event = events.recv() => event,
            _ = look.tick() => {
                look_at_peers(&shared, &p2p, &mut watch);
                early.again(&shared).await;
                travel::ask(&shared, &p2p, &mut missing);
                crate::announcements::publish(&shared, &p2p);
                continue;
            }
        };
        let Some(event) = event else { return };
        match event {
            P2pEvent::TransactionsReceived { peer: _, batch, transactions } => {
                received(&shared, &p2p, batch, transactions).await;
            }
            P2pEvent::TopicReceived { peer: _, batch, message } => {
                crate::meta::received(&shared, &p2p, batch, message).await;
            }
            P2pEvent::ProofReceived { peer: _, batch, kind, proof } => {
                early.receive(&shared, &p2p, Travelling { batch, kind, bytes: proof.into() }).await;
            }
            P2pEvent::ProofAsked { peer: _, question, window } => {
                let (shared, p2p) = (Arc::clone(&shared), p2p.clone());
                tokio::task::spawn_blocking(move || travel::answer(&shared, &p2p, question, window));
            }
            P2pEvent::BodyAsked { peer: _, question, height } => {
                let (shared, p2p) = (Arc::clone(&shared), p2p.clone());
                tokio::task::spawn_blocking(move || crate::upkeep::answer(&shared, &p2p, question, height));
            }
            P2pEvent::SnapshotAsked { peer: _, question, request } => {
                tokio::spawn(serve::answer(Arc::clone(&shared), p2p.clone(), question, request));
            }
            P2pEvent::PeerConnected { peer, agent, mode, channel, gates, height } => {
                record(&shared, &Greeting { peer, agent, mode, channel, gates, height });
                retell(&shared, &p2p);
                let shared = Arc::clone(&shared);
                tokio::task::spawn_blocking(move || travel::retell(&shared));
            }
            P2pEvent::PeerDisconnected { peer } => tracing::info!(%peer, "peer disconnected"),
            P2pEvent::PeerRefused { peer, reason } => {
                let peer = peer.map(|peer| peer.to_string());
                tracing::warn!(peer, %reason, "peer refused at the handshake");
            }
            P2pEvent::PeerBanned { peer } => tracing::warn!(%peer, "peer banned"),
        }
    }
}

/// What a peer says of itself in a handshake. Its genesis is ours, or there would be none.
struct Greeting {
    peer: PeerKey,
    agent: String,
    mode: String,
    channel: String,
    gates: String,
    height: Height,
}

/// Writes the record of a completed handshake: what the peer says of itself, and whose node it is by our own state. The
/// transport has proven that it holds its node key, and an identity has proven that the key is its own (IDN-3).
fn record(shared: &Shared, greeting: &Greeting) {
    let Greeting { peer, agent, mode, channel, gates, height } = greeting;
    let standing = shared.chain().ok().and_then(|chain| {
        let (state, head) = (chain.state(), chain.head());
        let identity = identity::holder(state, KeyKindProven::Peer, peer.as_bytes(), head.height).ok()?;
        let Some(address) = identity else { return Some((None, Tier::New)) };
        let params = view::params(state).ok()?;
        Some((Some(address), lottery::tier(state, &params, &address, head.height, head.time).ok()?))
    });
    // A chain with a fault says so elsewhere.
    let (tier, identity) = match standing {
        Some((Some(address), tier)) => (tier.name(), address.to_string()),
        Some((None, tier)) => (tier.name(), "none".to_owned()),
        None => ("unknown", "unknown".to_owned()),
    };
    tracing::info!(
        target: "telemetry.handshake",
        %peer, agent, mode, release_channel = channel, gates, genesis = %shared.genesis_hash, %height, tier, identity,
        "handshake completed"
    );
}

/// What the watch sees now, into the metrics and, when it changes its mind, into the log.
fn look_at_peers(shared: &Shared, p2p: &P2pHandle, watch: &mut Watch) {
    let connected: BTreeSet<PeerKey> = p2p.peers().into_iter().map(|peer| peer.peer).collect();
    let seen = watch.look(&connected, Instant::now());
    let metrics = &shared.metrics.partition_watch;
    metrics.suspected.set_bool(seen.suspected_for.is_some());
    metrics.affected_peers.set_len(seen.affected);
    metrics.duration.set(seen.suspected_for.unwrap_or_default());
    match seen.change {
        Some(Change::Suspected) => {
            metrics.suspicions.inc();
            tracing::warn!(
                affected = seen.affected,
                expected = seen.expected,
                "a partition is suspected: peers are missing"
            );
        }
        Some(Change::Recovered { after }) => {
            metrics.recoveries.inc();
            let after_ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
            tracing::info!(after_ms, "the suspected partition is over: enough peers are back");
        }
        None => {}
    }
}

/// Checks a batch away from the network's thread, admits what is new, and answers.
async fn received(shared: &Arc<Shared>, p2p: &P2pHandle, batch: BatchId, transactions: Vec<Vec<u8>>) {
    let (shared, counted) = (Arc::clone(shared), Arc::clone(shared));
    let span = tracing::info_span!(
        target: "trace::gossip", "gossip.transactions", count = transactions.len(), verdict = tracing::field::Empty
    );
    let judging = span.clone();
    let judged = tokio::task::spawn_blocking(move || judging.in_scope(|| judge(&shared, &transactions))).await;
    // A panic in there is our fault, not the peer's: the batch is not relayed and costs nobody anything.
    let verdict = judged.unwrap_or(Verdict::Ignore);
    span.record("verdict", verdict_name(verdict));
    counted.metrics.pipeline.gossip_events.with([verdict_name(verdict)]).inc();
    p2p.report(batch, verdict);
}

fn judge(shared: &Shared, encoded: &[Vec<u8>]) -> Verdict {
    let mut transactions: Vec<ReadTransaction> = Vec::with_capacity(encoded.len());
    for bytes in encoded {
        match ReadTransaction::from_bytes(bytes) {
            Ok(transaction) => transactions.push(transaction),
            Err(_) => return Verdict::Reject,
        }
    }
    let known = transactions.len();
    let (unknown, all_pass) = match shared.chain() {
        Ok(chain) => {
            transactions.retain(|transaction| topics::may_pass(shared, &chain, transaction.transaction()));
            let all_pass = transactions.len() == known;
            transactions.retain(|transaction| !chain.mempool().contains(&transaction.id()));
            (transactions, all_pass)
        }
        Err(_) => return Verdict::Ignore,
    };
    if unknown.iter().any(|transaction| brings_bad_proof(shared, transaction)) {
        return Verdict::Reject;
    }
    let verdicts = submit::enter(shared, &unknown);
    if verdicts.iter().any(|verdict| matches!(verdict, Err(refused) if is_forever(refused.rejection))) {
        Verdict::Reject
    } else if all_pass && verdicts.iter().any(Result::is_ok) {
        Verdict::Accept
    } else {
        Verdict::Ignore
    }
}

/// Whether a transaction brings a chain proof that the chain would ask about now, and that does not verify. Signature, bond and all
/// else that is cheaper are looked at first: what fails there is refused with its own name later.
fn brings_bad_proof(shared: &Shared, read: &ReadTransaction) -> bool {
    let body = &read.transaction().body;
    let Some(submission) = body.action.submission() else { return false };
    if submission.proof.len() > shared.config.max_proof_size_bytes
        || CheckedTransaction::check_all(std::slice::from_ref(read), &shared.genesis_hash).iter().any(Result::is_err)
    {
        return false;
    }
    let question = match shared.chain() {
        Ok(chain) => chain.proof_question(&body.payer, submission),
        Err(_) => return false,
    };
    // The chain is not held while the proof is verified.
    question.is_ok_and(|(claim, verifier)| !verifier.verify(&claim, &submission.proof))
}

/// Whether no honest node could ever have admitted it.
fn is_forever(rejection: Rejection) -> bool {
    match rejection {
        Rejection::Malformed
        | Rejection::Oversize
        | Rejection::WrongChain
        | Rejection::WrongKey
        | Rejection::BadSignature
        | Rejection::WrongLane
        | Rejection::EmptyPayment
        | Rejection::AmountOutOfRange
        | Rejection::WeakKey
        | Rejection::BadPossessionProof
        | Rejection::BadCommission
        | Rejection::SameValidator
        | Rejection::EvidenceNotConflicting
        | Rejection::EvidenceBadSignature
        | Rejection::SelfAttestation
        | Rejection::HeartbeatEmpty
        | Rejection::HeartbeatOrder
        | Rejection::BadHeartbeatSignature
        | Rejection::AttestationEmpty
        | Rejection::AttestationOrder
        | Rejection::BadAttestationSignature => true,
        Rejection::Expired
        | Rejection::ValidUntilTooFar
        | Rejection::UnknownPayer
        | Rejection::NonceTooLow
        | Rejection::NonceTooHigh
        | Rejection::FeeTooLow
        | Rejection::BalanceBelowFee
        | Rejection::Duplicate
        | Rejection::ReplacementUnderpriced
        | Rejection::QueueFull
        | Rejection::SenderLimit
        | Rejection::BlockFull
        | Rejection::EvidenceStale
        | Rejection::EvidenceDuplicate
        | Rejection::EvidenceUnknownOffender
        | Rejection::EvidenceNoIdentity
        | Rejection::ProofOversize
        | Rejection::WrongProofSystem
        | Rejection::ProofGateOff
        | Rejection::NoProverBond
        | Rejection::ProofNotAdvancing
        | Rejection::WindowNotRecorded
        | Rejection::WrongEndRecord
        | Rejection::ProofNotYourTurn
        | Rejection::ProofTaken
        | Rejection::UnknownPayout
        | Rejection::NotReady => false,
    }
}

/// Publishes what waits here again.
fn retell(shared: &Shared, p2p: &P2pHandle) {
    let Ok(chain) = shared.chain() else { return };
    let waiting = chain.mempool().transactions().take(RETELL_MAX);
    // A chain proof is longer than a message of gossip may be.
    let short = waiting.filter(|transaction| transaction.body.action.submission().is_none());
    let waiting = short.filter(|transaction| topics::may_pass(shared, &chain, transaction));
    let waiting: Vec<Arc<Transaction>> = waiting.cloned().collect();
    drop(chain);
    for transaction in waiting {
        // A full queue means that the network is busy; who asks again will be told again.
        if !p2p.publish(submit::bytes_of(&transaction)) {
            return;
        }
    }
}
