//! The loop: hand in what is proven, extend the chain proof, take a window, prove it.
//!
//! ```text
//!   ┌─► deliver: each node gets the chain proof and every window that is next for it and lies in the cache
//!   │      ├─► extend: windows wait to be folded, and none to be proven, or as many as one extension takes ──┐
//!   │      └─► claim: the first node names a window that nobody else works on ── none ─► wait
//!   │             └─► follow to its start ─► prove it or its next part, renewing the claim ─► keep ─────────┤
//!   └────────────────────────────────────────────────────────────────────────────────────────────────────────┘
//! ```
//! Delivering first means that a restart, a second node and a node that lost its proofs are the same case.

mod chain;
mod submit;
mod windows;

pub use submit::Submitter;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use primitives::{Address, Genesis, Height, LedgerDigest, PartLimits};
use proof::light::SealedChain;
use prover::fold::EXTENSION_WINDOWS_MAX;
use rpc::types::{Claim, ClaimRequest, ProofStatus};
use rpc::{Client, ClientError, ErrorCode};
use serde::Serialize;
use tokio::sync::watch;

use crate::cache::{Cache, CacheError};
use crate::circuits::CircuitFolder;
use crate::follow::{FollowError, Follower};
use crate::worker::{Answer, Ended, WorkError, Worker};

/// How often one window is tried before the service gives up.
pub const ATTEMPTS_MAX: u32 = 5;
/// Pause after the first failure; it doubles with each further one.
const BACKOFF: Duration = Duration::from_millis(500);
/// Longest pause after a failure.
const BACKOFF_MAX: Duration = Duration::from_secs(30);
/// How often a claim is renewed while its window is proven, and the node is asked whether it has the proof already.
const RENEW: Duration = Duration::from_secs(2);
/// Longest time that a stop waits for the node to hear of it.
const LEAVE_TIME: Duration = Duration::from_secs(2);
/// Shortest and longest pause between two looks for a closed window.
const POLL: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));
/// Most windows that are handed to one node before the next one is looked at.
const DELIVERED_MAX: u32 = 1_024;

/// What the service works with.
pub struct Options {
    /// The nodes: the first is followed, all get the proofs.
    pub nodes: Vec<Client>,
    /// The chain.
    pub genesis: Genesis,
    /// Where checkpoints and proofs are kept.
    pub cache_dir: PathBuf,
    /// Who is paid for the proofs: part of what is proven.
    pub payout: Address,
    /// Whether the windows are folded into the chain proof.
    pub fold: bool,
    /// How much is proven at once: a larger window is proven in parts.
    pub limits: PartLimits,
    /// Who brings the chain proof onto the chain; nobody when none.
    pub submit: Option<Submitter>,
    /// Stop once every closed window is proven, and with `fold` folded.
    pub once: bool,
    /// Threads that prove; 0 for one on each core.
    pub threads: usize,
    /// Steps below normal priority, 0 to 19.
    pub nice: i32,
    /// Turns true when the service should stop.
    pub stop: watch::Receiver<bool>,
    /// Is told what happens.
    pub news: Arc<dyn Fn(&News) + Send + Sync>,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum News {
    /// The service follows its chain.
    Started {
        /// Its name among provers.
        prover: String,
        /// The window that is next on the first node.
        next_window: u64,
    },
    /// A window, or a part of a large one, is being proven.
    Proving {
        /// Which.
        window: u64,
        /// Which part of it, from 1.
        part: usize,
        /// How many parts it has.
        parts: usize,
        /// Its first height.
        first_height: Height,
        /// Its last height.
        last_height: Height,
        /// Its ledger operations.
        operations: usize,
        /// Closed windows that wait, this one included.
        queue_depth: u64,
    },
    /// A window, or a part of a large one, is proven and its proof is on disk.
    Proven {
        /// Which.
        window: u64,
        /// Which part of it, from 1.
        part: usize,
        /// How many parts it has.
        parts: usize,
        /// How long it took, milliseconds.
        elapsed_ms: u64,
        /// Bytes of the proof.
        bytes: usize,
    },
    /// A window has several parts, which this prover does not fold: it is left to others.
    NeedsFold {
        /// Which.
        window: u64,
        /// How many parts it has.
        parts: usize,
    },
    /// Somebody else was quicker: work in hand was called off.
    CalledOff {
        /// The last height of what was being proven.
        last_height: Height,
        /// How long it was worked on, milliseconds.
        elapsed_ms: u64,
    },
    /// A node took a proof.
    Delivered {
        /// Which window.
        window: u64,
        /// The node.
        node: String,
        /// Its proven height.
        proven_height: Height,
    },
    /// The chain proof is being extended.
    Folding {
        /// By how many windows and parts of windows.
        windows: usize,
        /// The last height that it will cover.
        last_height: Height,
    },
    /// The chain proof is extended and on disk.
    Folded {
        /// The last height that it covers.
        last_height: Height,
        /// How long it took, milliseconds.
        elapsed_ms: u64,
        /// Bytes of the proof.
        bytes: usize,
    },
    /// A node took the chain proof.
    ChainDelivered {
        /// The node.
        node: String,
        /// The last height that it covers.
        chain_height: Height,
    },
    /// A node took a transaction with the chain proof, or with the bond that it needs.
    Submitted {
        /// The node.
        node: String,
        /// The last height that the proof covers; 0 for a bond.
        height: Height,
        /// The transaction.
        transaction: String,
    },
    /// The chain does not take the proof now. Nothing was paid.
    NotSubmitted {
        /// The last height that the proof covers; 0 for a bond.
        height: Height,
        /// Why.
        reason: String,
    },
    /// Something failed and will be tried again.
    Failed {
        /// What.
        reason: String,
        /// How often in a row.
        attempt: u32,
        /// When it is tried again, milliseconds.
        retry_in_ms: u64,
    },
}

/// Why the service ended.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// No node was named.
    #[error("no node is named")]
    NoNode,
    /// A node does not answer.
    #[error("{0}")]
    Node(#[from] ClientError),
    /// A node is on another chain.
    #[error("the node at {node} is on another chain than the genesis file")]
    OtherChain {
        /// The node.
        node: String,
    },
    /// A node verifies under another key.
    #[error("the node at {node} verifies under the key {theirs}, this program proves under {ours}")]
    OtherKey {
        /// The node.
        node: String,
        /// The node's key.
        theirs: LedgerDigest,
        /// This program's key.
        ours: LedgerDigest,
    },
    /// A node refused a proof that verifies here.
    #[error("the node at {node} refused the proof of window {window}: {reason}")]
    Refused {
        /// The node.
        node: String,
        /// Which window.
        window: u64,
        /// Its words.
        reason: String,
    },
    /// A node verifies chain proofs under another key.
    #[error("the node at {node} verifies chain proofs under the key {theirs}, this program folds under {ours}")]
    OtherChainKey {
        /// The node.
        node: String,
        /// The node's key.
        theirs: LedgerDigest,
        /// This program's key.
        ours: LedgerDigest,
    },
    /// A node refused a chain proof that verifies here.
    #[error("the node at {node} refused the chain proof to height {height}: {reason}")]
    ChainRefused {
        /// The node.
        node: String,
        /// The last height that it covers.
        height: Height,
        /// Its words.
        reason: String,
    },
    /// The chain proof cannot be extended.
    #[error("the chain proof was not extended to height {height}: {error}")]
    Fold {
        /// The last height that it would have covered.
        height: Height,
        /// Why.
        error: WorkError,
    },
    /// A window that only the fold can prove.
    #[error(
        "window {window} has {parts} parts, which have no proof but the folded one; start a prover without --windows-only"
    )]
    NeedsFold {
        /// Which window.
        window: u64,
        /// How many parts it has.
        parts: usize,
    },
    /// The ledger cannot follow.
    #[error("{0}")]
    Follow(#[from] FollowError),
    /// The folder cannot be used.
    #[error("{0}")]
    Cache(#[from] CacheError),
    /// A window cannot be proven.
    #[error("window {window} was not proven: {error}")]
    Work {
        /// Which window.
        window: u64,
        /// Why.
        error: WorkError,
    },
    /// The proving thread did not start.
    #[error("{0}")]
    Worker(WorkError),
}

impl ServiceError {
    /// Whether only a node or the network stood in the way: then it is waited for.
    pub fn is_outside(&self) -> bool {
        match self {
            Self::Node(_) => true,
            Self::Follow(error) => error.is_outside(),
            _ => false,
        }
    }
}

/// What one round did.
enum Round {
    /// A window was proven.
    Worked,
    /// Nothing to do now; this many closed windows wait for others.
    Idle(u64),
}

struct Service {
    options: Options,
    cache: Cache,
    name: String,
    key: LedgerDigest,
    chain_key: LedgerDigest,
    follower: Follower,
    worker: Worker,
    /// The last window that was proven here and how long it took, for the node's record.
    made: Option<(u64, u64)>,
    /// Windows that are proven here and wait for an earlier one.
    waiting: Vec<u64>,
    /// Windows of several parts that are left to provers that fold.
    left: Vec<u64>,
    /// The chain proof of the cache.
    chain: Option<SealedChain>,
    /// A longer one that ends inside a window.
    inside: Option<SealedChain>,
    /// Where the last extension made here ends and how long it took, for the node's record.
    folded: Option<(Height, u64)>,
    /// What was sent to the chain last.
    sent: Option<submit::Sent>,
}

/// Runs until it is told to stop, or with `once` until every closed window is proven.
///
/// # Errors
/// [`ServiceError`] when it cannot go on; nothing that was proven is lost.
pub async fn run(options: Options) -> Result<(), ServiceError> {
    let mut stop = options.stop.clone();
    let mut service = Service::start(options)?;
    let done = tokio::select! {
        biased;
        // A sender that is gone is a stop as well.
        _ = stop.wait_for(|stop| *stop) => Ok(()),
        done = service.work() => done,
    };
    service.leave().await;
    done
}

impl Service {
    fn start(options: Options) -> Result<Self, ServiceError> {
        if options.nodes.is_empty() {
            return Err(ServiceError::NoNode);
        }
        let (kind, files) = (options.genesis.proof_system, CircuitFolder::open(&options.cache_dir, false)?);
        let worker = Worker::start(kind, files, options.threads, options.nice).map_err(ServiceError::Worker)?;
        let keys = |error: proof::KeyError| ServiceError::Worker(WorkError(error.to_string()));
        let key = proof::verifying_key().map_err(keys)?.hash();
        let chain_key = proof::fold_key().map_err(keys)?.verifying().hash();
        let follower = Follower::genesis(options.genesis.clone(), options.limits)?;
        let cache = Cache::open(&options.cache_dir, &follower.rules().genesis)?;
        let name = cache.name()?;
        if let Some(before) = cache.note_key(&key)? {
            tracing::warn!(target: "plonky3", before, now = %key, "the key is another one than at the last start");
        }
        let chain = cache.chain_proof()?.and_then(|bytes| SealedChain::from_bytes(&bytes).ok());
        let inside = cache.inside_proof()?.and_then(|bytes| SealedChain::from_bytes(&bytes).ok());
        Ok(Self {
            options,
            cache,
            name,
            key,
            chain_key,
            follower,
            worker,
            made: None,
            waiting: Vec::new(),
            left: Vec::new(),
            chain,
            inside,
            folded: None,
            sent: None,
        })
    }

    async fn work(&mut self) -> Result<(), ServiceError> {
        let params = &self.options.genesis.params;
        let window_ms = params.window_blocks.saturating_mul(params.block_interval_ms);
        let poll = Duration::from_millis(window_ms / 10).clamp(POLL.0, POLL.1);
        let (mut attempt, mut is_known) = (0_u32, false);
        loop {
            let round = match is_known {
                true => self.round().await,
                false => self.introduce().await,
            };
            match round {
                Ok(Round::Idle(0)) if self.options.once && is_known => return Ok(()),
                Ok(Round::Idle(_)) if is_known => tokio::time::sleep(poll).await,
                Ok(_) => is_known = true,
                Err(error) => {
                    attempt = attempt.saturating_add(1);
                    self.fail(error, attempt).await?;
                    continue;
                }
            }
            attempt = 0;
        }
    }

    /// Tells everyone of a failure and waits; gives it back when it has happened too often.
    async fn fail(&mut self, error: ServiceError, attempt: u32) -> Result<(), ServiceError> {
        let waits_for_ever = error.is_outside() && !self.options.once;
        tracing::warn!(target: "plonky3", attempt, %error, "proving failed");
        if !error.is_outside() {
            let claim = ClaimRequest { failure: Some(error.to_string()), ..self.claim() };
            // The node may be the reason.
            if let Some(node) = self.options.nodes.first() {
                let _ = node.claim_window(&claim).await;
            }
        }
        if attempt >= ATTEMPTS_MAX && !waits_for_ever {
            return Err(error);
        }
        let pause = BACKOFF.saturating_mul(1_u32 << attempt.min(8).saturating_sub(1)).min(BACKOFF_MAX);
        let retry_in_ms = millis(pause);
        (self.options.news)(&News::Failed { reason: error.to_string(), attempt, retry_in_ms });
        tokio::time::sleep(pause).await;
        Ok(())
    }

    /// Gives back what it has claimed, so that others need not wait for the end of its claims.
    async fn leave(&self) {
        let claim = ClaimRequest { leaves: true, waiting: Vec::new(), ..self.claim() };
        let told = tokio::time::timeout(LEAVE_TIME, self.first().claim_window(&claim)).await;
        tracing::debug!(target: "plonky3", told = told.is_ok_and(|told| told.is_ok()), "the prover stops");
    }

    /// Checks that the first node is on this chain.
    async fn introduce(&mut self) -> Result<Round, ServiceError> {
        let node = self.first();
        if node.node_status().await?.genesis_hash != self.follower.rules().genesis {
            return Err(ServiceError::OtherChain { node: node.base_url().to_owned() });
        }
        let next_window = node.proof_status().await?.next_window;
        tracing::info!(target: "plonky3", prover = self.name, next_window, "the prover starts");
        (self.options.news)(&News::Started { prover: self.name.clone(), next_window });
        Ok(Round::Idle(0))
    }

    fn first(&self) -> Client {
        self.options.nodes.first().expect("a service has a node").clone()
    }

    async fn round(&mut self) -> Result<Round, ServiceError> {
        let mut first = None;
        for (index, node) in self.options.nodes.clone().iter().enumerate() {
            match (self.deliver(node).await, index) {
                (Ok(status), 0) => first = Some(status),
                (Err(error), 0) => return Err(error),
                (Ok(_), _) => {}
                // The others get it when they are back.
                (Err(error), _) => {
                    tracing::warn!(target: "plonky3", node = node.base_url(), %error, "a node took no proof");
                }
            }
        }
        let Some(status) = first else { return Ok(Round::Idle(0)) };
        self.bring().await?;
        let queue_depth = status.queue_depth;
        let enough = if queue_depth == 0 { 1 } else { EXTENSION_WINDOWS_MAX };
        if self.options.fold && self.extend(&status, enough).await? {
            return Ok(Round::Worked);
        }
        if queue_depth == 0 {
            return Ok(Round::Idle(0));
        }
        match self.take_window().await? {
            Some(window) => self.prove(window, queue_depth).await.map(|()| Round::Worked),
            None => Ok(Round::Idle(queue_depth)),
        }
    }

    /// Hands a node everything that is next for it and lies in the cache. Gives its state after that.
    async fn deliver(&mut self, node: &Client) -> Result<ProofStatus, ServiceError> {
        let mut status = node.proof_status().await?;
        if status.key != self.key {
            let node = node.base_url().to_owned();
            return Err(ServiceError::OtherKey { node, theirs: status.key, ours: self.key });
        }
        if status.chain_key != self.chain_key {
            let node = node.base_url().to_owned();
            return Err(ServiceError::OtherChainKey { node, theirs: status.chain_key, ours: self.chain_key });
        }
        if self.deliver_chain(node, &status).await? {
            status = node.proof_status().await?;
        }
        for _ in 0..DELIVERED_MAX {
            let window = status.next_window;
            if status.queue_depth == 0 {
                break;
            }
            let Some(bytes) = self.cache.proof(window)? else { break };
            let elapsed_ms = self.made.filter(|(made, _)| *made == window).map(|(_, elapsed_ms)| elapsed_ms);
            match node.submit_window(bytes, elapsed_ms).await {
                Ok(accepted) => {
                    let (node, proven_height) = (node.base_url().to_owned(), accepted.proven_height);
                    tracing::info!(target: "plonky3", window, node, height = proven_height.0, "a node took a proof");
                    (self.options.news)(&News::Delivered { window, node, proven_height });
                }
                // Somebody else was quicker; the next look shows it.
                Err(ClientError::Api(error)) if error.code == ErrorCode::ProofExists.name() => {}
                Err(ClientError::Api(error)) if error.code == ErrorCode::ProofRejected.name() => {
                    self.cache.drop_proof(window)?;
                    let node = node.base_url().to_owned();
                    return Err(ServiceError::Refused { node, window, reason: error.error });
                }
                Err(error) => return Err(error.into()),
            }
            status = node.proof_status().await?;
        }
        Ok(status)
    }

    /// A claim of any window.
    fn claim(&self) -> ClaimRequest {
        ClaimRequest { prover: self.name.clone(), waiting: self.waiting.clone(), ..ClaimRequest::default() }
    }

    /// Waits for the proving thread, and renews the claim meanwhile. Calls the work off once the node has it from somebody else, as
    /// `is_done` tells from its answer; then there is nothing.
    async fn await_answer(
        &self,
        mut answer: Answer,
        claim: &ClaimRequest,
        is_done: impl Fn(&Claim) -> bool,
        last_height: Height,
    ) -> Ended {
        let (node, started) = (self.first(), Instant::now());
        loop {
            tokio::select! {
                ended = answer.ended() => return ended,
                () = tokio::time::sleep(RENEW) => match node.claim_window(claim).await {
                    Ok(there) if is_done(&there) => break,
                    Ok(_) => {}
                    Err(error) => tracing::debug!(target: "plonky3", %error, "a claim was not renewed"),
                }
            }
        }
        answer.call_off();
        // It may have been done at the last moment, and is then as good as the other.
        let ended = answer.ended().await?;
        if ended.is_none() {
            let elapsed_ms = millis(started.elapsed());
            tracing::info!(target: "plonky3", height = last_height.0, elapsed_ms, "somebody else was quicker");
            (self.options.news)(&News::CalledOff { last_height, elapsed_ms });
        }
        Ok(ended)
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
