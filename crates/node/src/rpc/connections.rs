//! Connections: accepted up to a bound, served as HTTP/1.1, and ended in order when the node stops.
//!
//! Rules
//! - At most `rpc.connections_max` are open; further ones wait in the system's queue.
//! - A connection that sends no request, or half of one, for [`HEADER_WAIT`] is closed.
//! - At a stop, waits and streams end by themselves. For [`PROBE_WAIT`] new connections still get one answer each,
//!   so that probes read why the node is not live instead of guessing from a closed port. Then nothing more is
//!   accepted, requests in hand are finished within [`END_WAIT`], and what is left is cut off.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::server::{Server, stopped};
use super::{http, hub};
use crate::shared::Shared;

/// Longest wait for the next request's head on an open connection.
pub const HEADER_WAIT: Duration = Duration::from_secs(60);
/// Longest head of a request, bytes.
pub const HEAD_BYTES_MAX: usize = 64 * 1024;
/// How long the port stays open once the node stops, for probes.
pub const PROBE_WAIT: Duration = Duration::from_millis(500);
/// How long requests in hand may take after that.
pub const END_WAIT: Duration = Duration::from_secs(2);
/// Pause after the system refused a connection, for example for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Serves until `stop` turns true or its sender is gone.
///
/// # Errors
/// The listener's own failure, before anything is served. What happens to single connections is no error.
pub async fn serve(shared: Arc<Shared>, listener: TcpListener, stop: watch::Receiver<bool>) -> std::io::Result<()> {
    let address = listener.local_addr()?;
    let connections_max = shared.config.rpc.connections_max;
    // Subscribed before the first request, so that no wait can miss what it waits for.
    let notices = shared.stages.subscribe();
    let server = Arc::new(Server::new(shared, address, stop.clone()));
    let follower = tokio::spawn(hub::follow(Arc::clone(&server), notices));
    let router = http::router(server);
    tracing::info!(%address, connections_max, "the RPC server listens");
    accept(&listener, router, connections_max, stop).await;
    follower.abort();
    tracing::info!(%address, "the RPC server has stopped");
    Ok(())
}

async fn accept(listener: &TcpListener, router: Router, connections_max: usize, mut stop: watch::Receiver<bool>) {
    let room = Arc::new(Semaphore::new(connections_max));
    let mut open: JoinSet<()> = JoinSet::new();
    let for_connections = stop.clone();
    let ended = async {
        stopped(&mut stop).await;
        tokio::time::sleep(PROBE_WAIT).await;
    };
    let mut ended = std::pin::pin!(ended);
    loop {
        let next = async {
            let place = Arc::clone(&room).acquire_owned().await.expect("the semaphore is never closed");
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            biased;
            () = ended.as_mut() => break,
            Some(_) = open.join_next() => continue,
            next = next => next,
        };
        match accepted {
            Ok((stream, _peer)) => {
                let connection = connection(stream, router.clone(), for_connections.clone());
                open.spawn(async move {
                    let _place = place;
                    connection.await;
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    let all_ended = async { while open.join_next().await.is_some() {} };
    if tokio::time::timeout(END_WAIT, all_ended).await.is_err() {
        tracing::warn!("connections were cut off because they did not end in time");
    }
    open.shutdown().await;
}

async fn connection(stream: TcpStream, router: Router, mut stop: watch::Receiver<bool>) {
    // Answers are small and somebody waits for them; without the option they only come later.
    let _ = stream.set_nodelay(true);
    // One that comes while the node stops gets one answer; the others are told to end after the request in hand.
    let is_late = *stop.borrow();
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(if is_late { PROBE_WAIT } else { HEADER_WAIT })
        .keep_alive(!is_late)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopped(&mut stop), if !is_late => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        // Clients go away all the time; that is worth a line only to somebody who looks for it.
        tracing::debug!(%error, "a connection ended early");
    }
}
