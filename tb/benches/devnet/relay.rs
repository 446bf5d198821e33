//! A TCP relay that delays what passes and limits nothing else.
//!
//! ```text
//! node ──► listener ──► read, stamp with now + delay ──► queue ──► wait until then, write ──► node behind
//!      ◄──────────────────────────── the same in the other direction ────────────────────────────
//! ```
//!
//! Each direction has a queue of its own, so the delay is one-way and what follows does not wait for an answer. The
//! timer rounds up to the next millisecond.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

/// Bytes that are read at a time.
const CHUNK_BYTES: usize = 16 * 1024;
/// Chunks on their way in one direction of one connection: 64 MiB, far more than passes within a delay.
const CHUNKS_MAX: usize = 4_096;

/// A relay in front of one address. It ends when it is dropped, with all its connections.
pub struct Relay {
    /// Where it listens.
    pub address: SocketAddr,
    passed: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl Relay {
    /// Starts it.
    ///
    /// # Errors
    /// No port is free.
    pub async fn start(target: SocketAddr, delay: Duration) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("no free port")?;
        let address = listener.local_addr().context("a bound listener has an address")?;
        let passed = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&passed);
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((near, _)) = listener.accept().await {
                let counter = Arc::clone(&counter);
                connections.spawn(connection(near, target, delay, counter));
                // Those that have ended are forgotten.
                while connections.try_join_next().is_some() {}
            }
        });
        Ok(Self { address, passed, task })
    }

    /// Bytes that have passed, in both directions.
    pub fn passed(&self) -> u64 {
        self.passed.load(Ordering::Relaxed)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// One connection, until both ends are closed. When the node behind does not listen yet, the near one is closed and
/// will dial again.
async fn connection(near: TcpStream, target: SocketAddr, delay: Duration, passed: Arc<AtomicU64>) {
    let Ok(far) = TcpStream::connect(target).await else { return };
    if near.set_nodelay(true).is_err() || far.set_nodelay(true).is_err() {
        return;
    }
    let (near_read, near_write) = near.into_split();
    let (far_read, far_write) = far.into_split();
    tokio::join!(
        direction(near_read, far_write, delay, Arc::clone(&passed)),
        direction(far_read, near_write, delay, passed)
    );
}

/// One direction, until one of its ends is closed.
async fn direction(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, delay: Duration, passed: Arc<AtomicU64>) {
    let (queue, mut due) = mpsc::channel::<(Instant, Vec<u8>)>(CHUNKS_MAX);
    let read = async move {
        let mut buffer = vec![0; CHUNK_BYTES];
        while let Ok(length @ 1..) = from.read(&mut buffer).await {
            let chunk = (Instant::now() + delay, buffer[..length].to_vec());
            if queue.send(chunk).await.is_err() {
                break;
            }
        }
    };
    let write = async move {
        while let Some((at, bytes)) = due.recv().await {
            tokio::time::sleep_until(at).await;
            if to.write_all(&bytes).await.is_err() {
                return;
            }
            passed.fetch_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
        // The other end may have closed first; then there is nobody to tell.
        let _ = to.shutdown().await;
    };
    tokio::join!(read, write);
}
