//! Window proofs and the chain proof on this node: taken when they verify, kept in order, shown.
//!
//! ```text
//!   window: bytes ── size ── head ── is it the next one?  ── is it closed? ── statement of our own headers ── verify
//!   chain:  bytes ── size ── head ── is it a longer one?  ── is it closed? ── our own header at its end ──── verify
//!                                                                              │ durable in the store
//!                                       stages: proven ◄── metrics, health ◄───┘
//!
//!   kept:   chain proof of the windows below n │ window n │ window n + 1 │ …    at most TAIL_WINDOWS_MAX windows
//! ```
//!
//! Rules
//! - The statement is made of this node's own finalized headers; nothing that a proof says about itself counts.
//! - Proofs are verified one at a time: a flood of forged ones costs one core at most, and blocks go on.
//! - A proof is kept before anyone hears of it. What does not verify changes nothing.
//! - Proofs are no consensus: nodes may be at different windows, and a block never waits for one.
//! - A longer chain proof replaces the one before and the window proofs that it covers.
//! - A window that is too large for one proof has none of its own: it is proven by the chain proof that ends with it, or later.
//!
//! Read next: [`accept`] and [`accept_chain`], `claims.rs` (who works on what), `ledger.rs` (accounts at the proven height),
//! `travel.rs` (from and to peers), `missing.rs` (what is asked for), `rpc/proving.rs`.

pub mod canary;
pub mod circuits;
mod claims;
mod health;
mod ledger;
pub mod missing;
mod on_chain;
mod rotation;
pub mod travel;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use primitives::{Genesis, Header, Height, Timestamp, TransactionId};
use proof::light::{ChainRules, SealedChain, SealedChainError, SealedWindow, SealedWindowError, check_chain};
use proof::{KeyError, LedgerPoint, ProofError, ProofSystem, WindowError, fold_key};
use replica::stages::TRACKED_MAX;
use storage::{StorageError, Store};
use telemetry::Metrics;
use telemetry::areas::Proofs as ProofMetrics;

pub use claims::{CHAIN_PATIENCE_MS, CLAIM_TIME_MS, CLAIMS_MAX, ChainClaim, Claims, NameError, WINDOW_PATIENCE_MS};
pub use health::Health;
pub use ledger::{LedgerFault, ProvenLedger};
pub use on_chain::OnChain;
pub use rotation::note_keys;

use crate::shared::Shared;

/// The proof system of this version.
pub const BACKEND: &str = "plonky3";
/// What the window proofs are called in metrics.
pub const WINDOW: &str = "window";
/// What the chain proof is called in metrics.
pub const CHAIN: &str = "chain";
/// Most windows that are kept after the chain proof.
pub const TAIL_WINDOWS_MAX: u64 = 4_096;

/// Why a proof was not taken.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// Not the bytes of a window's proof.
    #[error("{0}")]
    Bytes(#[from] SealedWindowError),
    /// It is proven already.
    #[error("window {window} is proven already; window {next} is next")]
    Exists {
        /// Which window.
        window: u64,
        /// The next one.
        next: u64,
    },
    /// One before it is missing.
    #[error("window {window} cannot be taken before window {next}")]
    NotNext {
        /// Which window.
        window: u64,
        /// The next one.
        next: u64,
    },
    /// Too many windows wait to be folded.
    #[error("{TAIL_WINDOWS_MAX} windows wait to be folded into the chain proof; a longer chain proof is taken first")]
    TailFull,
    /// The disk is full.
    #[error("the disk is full, and this node keeps no more proofs until it has room")]
    NoRoom,
    /// As long a chain proof is here.
    #[error("the chain proof is to height {height}, this node has one to height {chain_height}")]
    ChainExists {
        /// Where the one that was handed in ends.
        height: Height,
        /// Where the one that is kept ends.
        chain_height: Height,
    },
    /// It ends within a window.
    #[error("the chain proof ends at height {height}, which is not the end of a window")]
    NotAnEnd {
        /// Where it ends.
        height: Height,
    },
    /// It ends above what is finalized here.
    #[error("the chain proof ends at height {height}, this node is at height {finalized}")]
    NotFinalized {
        /// Where it ends.
        height: Height,
        /// The last finalized height.
        finalized: Height,
    },
    /// Its last block is not finalized here.
    #[error("window {window} ends at height {end}, this node is at height {finalized}")]
    NotClosed {
        /// Which window.
        window: u64,
        /// Where it ends.
        end: Height,
        /// The last finalized height.
        finalized: Height,
    },
    /// It does not show the statement.
    #[error("{0}")]
    Proof(#[from] ProofError),
    /// Not the bytes of a chain proof, or it does not show that our ledger follows from genesis.
    #[error("{0}")]
    Chain(#[from] SealedChainError),
    /// This build has another key than the network.
    #[error("{0}")]
    Key(#[from] KeyError),
    /// The store failed.
    #[error("{0}")]
    Storage(#[from] StorageError),
}

impl Refused {
    /// The reason in metrics, for what was refused before it was verified.
    const fn reason(&self) -> Option<&'static str> {
        match self {
            Self::Bytes(_)
            | Self::NotAnEnd { .. }
            | Self::Chain(
                SealedChainError::TooLong { .. } | SealedChainError::TooShort { .. } | SealedChainError::Payout,
            ) => Some("malformed"),
            Self::Exists { .. } | Self::ChainExists { .. } => Some("exists"),
            Self::NotNext { .. } => Some("not_next"),
            Self::NotClosed { .. } | Self::NotFinalized { .. } => Some("not_closed"),
            Self::TailFull => Some("tail_full"),
            Self::Chain(_) | Self::Proof(_) | Self::Key(_) | Self::Storage(_) | Self::NoRoom => None,
        }
    }
}

/// What the verifier did since the start.
#[derive(Debug, Clone, Copy, Default)]
pub struct Verdicts {
    /// Proofs that verified.
    pub accepted: u64,
    /// Proofs that did not.
    pub rejected: u64,
    /// Time spent on both.
    pub time: Duration,
}

/// The proofs of one node.
pub struct Proofs {
    rules: OnceLock<ChainRules>,
    /// Judges window proofs.
    system: Box<dyn ProofSystem>,
    /// Windows proven, from 0 on: as the store has it, read without it.
    windows: AtomicU64,
    /// Windows that the chain proof covers: as the store has it, read without it.
    folded: AtomicU64,
    /// Held while a proof is taken, so that they come one after another.
    door: Mutex<()>,
    claims: Mutex<Claims>,
    chain_claim: Mutex<ChainClaim>,
    health: Mutex<Health>,
    verdicts: Mutex<Verdicts>,
    ledger: Mutex<Option<ProvenLedger>>,
    /// When the keys last changed, as noted at the start.
    rotated: OnceLock<Option<Timestamp>>,
}

/// Locks what stays right when a request fails in the middle: each of them is changed in one step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Proofs {
    /// With what the store keeps; `system` judges window proofs.
    ///
    /// # Errors
    /// A failed or damaged read.
    pub fn open(store: &Store, system: Box<dyn ProofSystem>) -> Result<Self, StorageError> {
        Ok(Self {
            rules: OnceLock::new(),
            system,
            windows: AtomicU64::new(store.proven_windows()?),
            folded: AtomicU64::new(store.folded_windows()?),
            door: Mutex::default(),
            claims: Mutex::default(),
            chain_claim: Mutex::default(),
            health: Mutex::default(),
            verdicts: Mutex::default(),
            ledger: Mutex::default(),
            rotated: OnceLock::new(),
        })
    }

    /// Compares the keys of this build with those of the last start, once.
    pub fn look_at_keys(&self, data_dir: &Path, keys: &str, now: Timestamp) {
        self.rotated.get_or_init(|| note_keys(data_dir, keys, now));
    }

    /// When the keys last changed; none if they never did on this node.
    pub fn rotated(&self) -> Option<Timestamp> {
        self.rotated.get().copied().flatten()
    }

    /// How many windows are proven, from 0 on without a gap.
    pub fn windows(&self) -> u64 {
        self.windows.load(Ordering::Acquire)
    }

    /// How many windows the chain proof covers; 0 without one.
    pub fn folded(&self) -> u64 {
        self.folded.load(Ordering::Acquire)
    }

    /// The constants of the chain; made at the first call, which hashes every genesis account.
    pub fn rules(&self, genesis: &Genesis) -> &ChainRules {
        self.rules.get_or_init(|| ChainRules::of(genesis).expect("the chain was opened from this genesis"))
    }

    /// Who works on what.
    pub fn claims(&self) -> MutexGuard<'_, Claims> {
        lock(&self.claims)
    }

    /// Who extends the chain proof.
    pub fn chain_claim(&self) -> MutexGuard<'_, ChainClaim> {
        lock(&self.chain_claim)
    }

    /// Whether proofs are made and taken.
    pub fn health(&self) -> Health {
        lock(&self.health).clone()
    }

    /// What the verifier did.
    pub fn verdicts(&self) -> Verdicts {
        *lock(&self.verdicts)
    }

    /// The ledger at the proven height, if somebody asked for it before.
    pub fn ledger(&self) -> MutexGuard<'_, Option<ProvenLedger>> {
        lock(&self.ledger)
    }

    /// Notes that a prover failed.
    pub fn failed(&self, metrics: &Metrics, prover: &str, reason: &str) {
        metrics.proofs.generation_failures.with([BACKEND]).inc();
        metrics.proofs.healthy.set(0);
        tracing::warn!(target: "plonky3", prover, reason, "a prover failed to prove a window");
        lock(&self.health).fail(reason);
    }
}

/// A finalized header.
///
/// # Errors
/// A failed or damaged read.
pub fn header(store: &Store, height: Height) -> Result<Option<Header>, Refused> {
    Ok(store.header(height)?.map(|(header, _)| header))
}

/// The ledger after a finalized height; none above the head.
fn point(rules: &ChainRules, store: &Store, height: Height) -> Result<Option<LedgerPoint>, Refused> {
    if height == Height::GENESIS {
        return Ok(Some(rules.start));
    }
    Ok(header(store, height)?.as_ref().map(LedgerPoint::from))
}

/// The last height that is proven, by the chain proof or by the windows after it.
pub fn proven_height(shared: &Shared) -> Height {
    Height(shared.proofs.windows().saturating_mul(shared.genesis.params.window_blocks))
}

/// The last height that the chain proof covers; 0 without one.
pub fn chain_height(shared: &Shared) -> Height {
    Height(shared.proofs.folded().saturating_mul(shared.genesis.params.window_blocks))
}

/// Takes the proof of the next window. Answers once it is durable; gives the proven height.
///
/// # Errors
/// The first of [`Refused`] in its order.
pub fn accept(shared: &Arc<Shared>, bytes: &[u8], generation: Option<Duration>) -> Result<(u64, Height), Refused> {
    let before = proven_height(shared);
    let done = traced(WINDOW, bytes, || judge(shared, bytes));
    record(shared, WINDOW, bytes, generation, &done);
    if done.is_ok() {
        reach_proven(shared, before)?;
    }
    done
}

/// Takes a longer chain proof. Answers once it is durable; gives how many windows it covers.
///
/// # Errors
/// The first of [`Refused`] in its order.
pub fn accept_chain(shared: &Arc<Shared>, bytes: &[u8], generation: Option<Duration>) -> Result<u64, Refused> {
    let before = proven_height(shared);
    let done = traced(CHAIN, bytes, || judge_chain(shared, bytes));
    record(shared, CHAIN, bytes, generation, &done);
    if done.is_ok() {
        shared.proofs.chain_claim().end();
        reach_proven(shared, before)?;
    }
    done
}

/// Judges a proof within a span for collectors.
fn traced<T>(kind: &'static str, bytes: &[u8], judge: impl FnOnce() -> Result<T, Refused>) -> Result<T, Refused> {
    let span = tracing::info_span!(
        target: "trace::proof", "proof.verify", kind, bytes = bytes.len(), refused = tracing::field::Empty
    );
    let done = span.in_scope(judge);
    if let Err(refused) = &done {
        span.record("refused", refused.reason().unwrap_or("unreadable"));
    }
    done
}

/// Counts what became of a proof.
fn record<T>(
    shared: &Shared,
    kind: &'static str,
    bytes: &[u8],
    generation: Option<Duration>,
    done: &Result<T, Refused>,
) {
    let metrics = &shared.metrics.proofs;
    match done {
        Ok(_) => {
            metrics.accepted.with([BACKEND]).inc();
            metrics.size.with([kind]).observe_count(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
            if let Some(generation) = generation {
                metrics.generation.with([BACKEND, kind]).observe_count(millis(generation));
            }
            recover(shared);
        }
        Err(refused) => {
            if let Some(reason) = refused.reason() {
                metrics.refused.with([reason]).inc();
            }
            tracing::warn!(target: "plonky3", kind, %refused, "a proof was refused");
        }
    }
}

fn judge_chain(shared: &Shared, bytes: &[u8]) -> Result<u64, Refused> {
    let sealed = SealedChain::from_bytes(bytes)?;
    let rules = shared.proofs.rules(&shared.genesis);
    let _door = lock(&shared.proofs.door);
    if shared.disk.is_full() {
        return Err(Refused::NoRoom);
    }
    let (height, chain_height) = (sealed.height, chain_height(shared));
    if height <= chain_height {
        return Err(Refused::ChainExists { height, chain_height });
    }
    let windows = rules.windows_until(height);
    if rules.window_start(windows) != height {
        return Err(Refused::NotAnEnd { height });
    }
    let finalized = shared.store.head().map_or(Height::GENESIS, |head| head.height);
    let after = point(rules, &shared.store, height)?.ok_or(Refused::NotFinalized { height, finalized })?;
    let key = fold_key()?;
    let started = Instant::now();
    let verdict = check_chain(key, &rules.origin(), after, &sealed);
    note(&shared.metrics.proofs, &shared.proofs, verdict.is_ok(), started.elapsed());
    verdict?;
    canary::try_altered(&shared.metrics.proofs, &sealed.proof, |proof| {
        check_chain(key, &rules.origin(), after, &SealedChain { proof, ..sealed.clone() }).is_ok()
    });
    shared.store.save_chain_proof(windows, bytes)?;
    shared.proofs.folded.store(windows, Ordering::Release);
    shared.proofs.windows.fetch_max(windows, Ordering::AcqRel);
    tracing::info!(target: "plonky3", windows, height = height.0, bytes = bytes.len(), "chain proven");
    Ok(windows)
}

fn judge(shared: &Shared, bytes: &[u8]) -> Result<(u64, Height), Refused> {
    let sealed = SealedWindow::from_bytes(bytes)?;
    let rules = shared.proofs.rules(&shared.genesis);
    let _door = lock(&shared.proofs.door);
    if shared.disk.is_full() {
        return Err(Refused::NoRoom);
    }
    let (window, next) = (sealed.window, shared.proofs.windows());
    if window < next {
        return Err(Refused::Exists { window, next });
    }
    if window > next {
        return Err(Refused::NotNext { window, next });
    }
    if next.saturating_sub(shared.proofs.folded()) >= TAIL_WINDOWS_MAX {
        return Err(Refused::TailFull);
    }
    let (start, end) = (rules.window_start(window), rules.window_end(window));
    let finalized = shared.store.head().map_or(Height::GENESIS, |head| head.height);
    let not_closed = || Refused::NotClosed { window, end, finalized };
    let before = point(rules, &shared.store, start)?.ok_or_else(not_closed)?;
    let after = point(rules, &shared.store, end)?.ok_or_else(not_closed)?;
    let system = &shared.proofs.system;
    let started = Instant::now();
    let statement = rules.statement(before, after, sealed.payout);
    let verdict = match system.verify_window(&statement, &sealed.proof) {
        Err(WindowError::Key(error)) => return Err(error.into()),
        Err(WindowError::Proof(error)) => Err(error),
        Ok(()) => Ok(()),
    };
    note(&shared.metrics.proofs, &shared.proofs, verdict.is_ok(), started.elapsed());
    verdict?;
    canary::try_altered(&shared.metrics.proofs, &sealed.proof, |proof| {
        system.verify_window(&statement, &proof).is_ok()
    });
    shared.store.save_window_proof(window, bytes)?;
    shared.proofs.windows.store(window.saturating_add(1), Ordering::Release);
    tracing::info!(target: "plonky3", window, height = end.0, bytes = bytes.len(), "window proven");
    Ok((window, end))
}

/// Counts one verdict.
fn note(metrics: &ProofMetrics, proofs: &Proofs, good: bool, time: Duration) {
    metrics.verification.with([BACKEND]).observe_count(millis(time));
    let mut verdicts = lock(&proofs.verdicts);
    verdicts.time = verdicts.time.saturating_add(time);
    if good {
        verdicts.accepted = verdicts.accepted.saturating_add(1);
    } else {
        verdicts.rejected = verdicts.rejected.saturating_add(1);
        metrics.verification_failures.with([BACKEND]).inc();
    }
}

/// A good proof ends a failure; that is the recovery event.
fn recover(shared: &Shared) {
    shared.metrics.proofs.healthy.set(1);
    let mut health = lock(&shared.proofs.health);
    if let Some(failure) = health.recover(crate::clock::now()) {
        shared.metrics.proofs.recoveries.inc();
        tracing::info!(
            target: "plonky3", event = "backend_health.plonky3.recovered", failure, "proofs are made again"
        );
    }
}

/// Tells who follows a transaction that its block is proven: the newest that are remembered at all, above `before`.
fn reach_proven(shared: &Shared, before: Height) -> Result<(), Refused> {
    let (first, end) = (before.next().0, proven_height(shared).0);
    let mut left = TRACKED_MAX;
    for height in (first..=end).rev().map(Height) {
        let receipts = shared.store.receipts(height)?.unwrap_or_default();
        let ids: Vec<TransactionId> = receipts.iter().map(|receipt| receipt.transaction).collect();
        left = left.saturating_sub(receipts.len());
        shared.stages.prove(&ids);
        if left == 0 {
            break;
        }
    }
    Ok(())
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
