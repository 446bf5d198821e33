//! What all handlers share, and the one door to blocking work.
//!
//! Rules
//! - [`Server::read`] runs a closure on a blocking thread. At most [`RUNNING_MAX`] run, at most [`QUEUED_MAX`]
//!   wait or run; one more is refused as `overloaded`.
//! - A request that was given up keeps its place until its closure ends, so the bounds hold.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use primitives::actions::proving::PROOF_BYTES_MAX;
use primitives::transaction::PROOF_TRANSACTION_BYTES_MAX;
use rpc::limits::{STREAMS_MAX, submission_bytes};
use rpc::{ApiError, ErrorCode};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tracing::Span;

use super::blocks::BlockCache;
use super::door::Door;
use super::hub::Hub;
use super::metrics::CachedSizes;
use super::status::Participation;
use crate::shared::Shared;

/// Most questions that are at work on blocking threads.
pub const RUNNING_MAX: usize = 32;
/// Most questions that are at work or wait for a thread.
pub const QUEUED_MAX: usize = 1_024;
/// What takes long has a share of the connections: one in so many may wait for transactions, and one in so many may be an
/// event stream. So half of them are left for what is answered at once.
pub const LONG_SHARE: usize = 4;
/// Most requests that wait for a transaction, however many connections there may be.
pub const WAITS_MAX: usize = 1_024;
/// Of those that wait, one in so many may wait for a transaction which this node has not seen: anybody can make up an id.
pub const UNSEEN_SHARE: usize = 2;
/// Most submissions that are read at once with a body above the ordinary bound: they carry proofs.
pub const LARGE_SUBMISSIONS_MAX: usize = 8;

/// The server's state.
pub struct Server {
    /// The node.
    pub shared: Arc<Shared>,
    /// Where it listens.
    pub address: SocketAddr,
    /// True once the node stops.
    pub stop: watch::Receiver<bool>,
    /// The genesis file.
    pub genesis: Bytes,
    /// Blocks read lately.
    pub blocks: BlockCache,
    /// Wakes waits and streams.
    pub hub: Arc<Hub>,
    /// What validators missed in this epoch.
    pub participation: Mutex<Participation>,
    /// Sizes of the store.
    pub sizes: Mutex<CachedSizes>,
    /// Held while the metrics are answered: one answer at a time.
    pub scraped: tokio::sync::Mutex<()>,
    /// Who may ask, and how often.
    pub door: Arc<Door>,
    running: Arc<Semaphore>,
    queued: Arc<Semaphore>,
    waits: Arc<Semaphore>,
    unseen_waits: Arc<Semaphore>,
    streams: Arc<Semaphore>,
    large: Arc<Semaphore>,
}

impl Server {
    /// A server of this node at this address.
    pub fn new(shared: Arc<Shared>, address: SocketAddr, stop: watch::Receiver<bool>) -> Self {
        let genesis = Bytes::from(shared.genesis.to_json());
        let (config, rate_limit) = (shared.config.rpc.clone(), shared.rate_limit.subscribe());
        let (waits, streams) = (share(config.connections_max, WAITS_MAX), share(config.connections_max, STREAMS_MAX));
        let door = Arc::new(Door::new(config, rate_limit, shared.metrics.rpc.clone()));
        Self {
            shared,
            address,
            stop,
            genesis,
            blocks: BlockCache::default(),
            hub: Arc::new(Hub::default()),
            participation: Mutex::default(),
            sizes: Mutex::default(),
            scraped: tokio::sync::Mutex::default(),
            door,
            running: Arc::new(Semaphore::new(RUNNING_MAX)),
            queued: Arc::new(Semaphore::new(QUEUED_MAX)),
            waits: Arc::new(Semaphore::new(waits)),
            unseen_waits: Arc::new(Semaphore::new((waits / UNSEEN_SHARE).max(1))),
            streams: Arc::new(Semaphore::new(streams)),
            large: Arc::new(Semaphore::new(LARGE_SUBMISSIONS_MAX)),
        }
    }

    /// Largest body of a request, bytes.
    pub fn body_bytes_max(&self) -> usize {
        self.shared.config.rpc.body_bytes_max
    }

    /// Largest body of a request that hands in a transaction, bytes: the longest proof that this node looks at, and what is
    /// around it, in hexadecimal.
    pub fn submission_bytes_max(&self) -> usize {
        let around = PROOF_TRANSACTION_BYTES_MAX - PROOF_BYTES_MAX;
        let proof = self.shared.config.max_proof_size_bytes.min(PROOF_BYTES_MAX);
        submission_bytes(proof.saturating_add(around)).max(self.body_bytes_max())
    }

    /// Most open event streams.
    pub fn streams_max(&self) -> usize {
        share(self.door.config.connections_max, STREAMS_MAX)
    }

    /// Longest ordinary request.
    pub fn request_timeout(&self) -> Duration {
        self.shared.config.rpc.request_timeout
    }

    /// Runs `job` on a blocking thread, within the span of the request.
    ///
    /// # Errors
    /// `overloaded`, `internal` when the job panics, and the job's own refusal.
    pub async fn read<T, F>(self: &Arc<Self>, job: F) -> Result<T, ApiError>
    where
        T: Send + 'static,
        F: FnOnce(&Self) -> Result<T, ApiError> + Send + 'static,
    {
        let queued = place(&self.queued, "questions")?;
        let running = Arc::clone(&self.running).acquire_owned().await;
        let running = running.expect("the semaphore is never closed");
        let (server, span) = (Arc::clone(self), Span::current());
        let done = tokio::task::spawn_blocking(move || {
            let _places = (queued, running);
            span.in_scope(|| job(&server))
        });
        done.await.unwrap_or_else(|error| {
            tracing::error!(%error, "a request failed by a fault of the program");
            Err(ErrorCode::Internal.into())
        })
    }

    /// A place for a request that waits.
    ///
    /// # Errors
    /// `overloaded`.
    pub fn wait_place(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        place(&self.waits, "waits")
    }

    /// A place for a request that waits for a transaction which was not seen here.
    ///
    /// # Errors
    /// `overloaded`.
    pub fn unseen_place(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        place(&self.unseen_waits, "waits for transactions that it has not seen")
    }

    /// A place for a submission whose body is above the ordinary bound.
    ///
    /// # Errors
    /// `overloaded`.
    pub fn large_place(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        place(&self.large, "proofs that are handed in")
    }

    /// A place for an event stream.
    ///
    /// # Errors
    /// `overloaded`.
    pub fn stream_place(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        place(&self.streams, "event streams")
    }
}

/// How many of the connections may be taken by one kind of what takes long: its share, at least one, never more than `most`.
pub fn share(connections_max: usize, most: usize) -> usize {
    (connections_max / LONG_SHARE).clamp(1, most)
}

/// One place of these.
///
/// # Errors
/// `overloaded`, when all are taken.
pub fn place(places: &Arc<Semaphore>, what: &str) -> Result<OwnedSemaphorePermit, ApiError> {
    Arc::clone(places).try_acquire_owned().map_err(|_| {
        ApiError::new(ErrorCode::Overloaded).because(format!("the node already serves as many {what} as it may"))
    })
}

/// Returns once the node stops. A sender that is gone is a stop as well.
pub async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Locks what is only a view or a cache: after a panic elsewhere it is still worth reading.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
