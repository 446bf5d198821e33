//! Connections: accepted up to a bound, served as HTTP/1.1 or https, and ended in order when the node stops.
//!
//! Rules
//! - At most `rpc.connections_max` are served. One more takes the place of the one that has waited longest without a
//!   request in hand: sockets that say nothing, speak slowly or keep half a handshake open cannot lock others out
//!   ([`places`]). While all are at work it waits.
//! - A connection that sends no request, or half of one, for [`HEADER_WAIT`] is closed; a TLS handshake has
//!   `rpc.tls_handshake_timeout_ms`.
//! - At a stop, waits and streams end by themselves. For [`PROBE_WAIT`] new connections still get one answer each,
//!   so that probes read why the node is not live instead of guessing from a closed port. Then nothing more is
//!   accepted, requests in hand are finished within [`END_WAIT`], and what is left is cut off.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rpc::routes::Route;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use super::auth::Peer;
use super::door::Door;
use super::http::Counted;
use super::places::{Place, Places};
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
/// How often a new connection looks for a place while all are at work.
const PLACE_PAUSE: Duration = Duration::from_millis(20);

/// TLS of this server, and how long its handshakes may take.
#[derive(Clone)]
pub struct Tls {
    /// Makes a handshake.
    pub acceptor: TlsAcceptor,
    /// The longest one.
    pub timeout: Duration,
}

/// What every connection is served with.
#[derive(Clone)]
pub struct Serving {
    /// The routes.
    pub router: Router,
    /// https, where there is a certificate.
    pub tls: Option<Tls>,
    /// Bounds and counts.
    pub door: Arc<Door>,
    /// True once the process stops.
    pub stop: watch::Receiver<bool>,
}

/// Serves until `stop` turns true or its sender is gone: all routes, and the wallet routes at an address of their own
/// where there is a second listener.
///
/// # Errors
/// The listener's own failure, before anything is served. What happens to single connections is no error.
pub async fn serve(
    shared: Arc<Shared>,
    listener: TcpListener,
    wallet: Option<TcpListener>,
    tls: Option<Tls>,
    stop: watch::Receiver<bool>,
) -> std::io::Result<()> {
    let address = listener.local_addr()?;
    // Subscribed before the first request, so that no wait can miss what it waits for.
    let notices = shared.stages.subscribe();
    let server = Arc::new(Server::new(Arc::clone(&shared), address, stop.clone()));
    let follower = tokio::spawn(hub::follow(Arc::clone(&server), notices));
    let serving =
        Serving { router: http::router(Arc::clone(&server)), tls, door: Arc::clone(&server.door), stop: stop.clone() };
    let wallet = wallet.map(|listener| {
        let router = http::router_of(server, Route::is_wallet);
        shared.wallet_up.store(true, Ordering::Relaxed);
        tokio::spawn(serve_at(listener, Serving { router, ..serving.clone() }, "wallet"))
    });
    let served = serve_at(listener, serving, "RPC").await;
    if let Some(wallet) = wallet {
        let _ = wallet.await;
        shared.wallet_up.store(false, Ordering::Relaxed);
    }
    follower.abort();
    served
}

/// Serves one listener until the process stops; `what` is its name in the log.
///
/// # Errors
/// The listener's own failure, before anything is served.
pub async fn serve_at(listener: TcpListener, serving: Serving, what: &'static str) -> std::io::Result<()> {
    let address = listener.local_addr()?;
    let connections_max = serving.door.config.connections_max;
    let scheme = if serving.tls.is_some() { "https" } else { "http" };
    tracing::info!(%address, scheme, connections_max, "the {what} server listens");
    accept(&listener, serving, connections_max).await;
    tracing::info!(%address, "the {what} server has stopped");
    Ok(())
}

async fn accept(listener: &TcpListener, mut serving: Serving, connections_max: usize) {
    let room = Arc::new(Semaphore::new(connections_max));
    let places = Arc::new(Places::new(serving.door.metrics.shed.clone()));
    let mut open: JoinSet<()> = JoinSet::new();
    let for_connections = serving.clone();
    let ended = async {
        stopped(&mut serving.stop).await;
        tokio::time::sleep(PROBE_WAIT).await;
    };
    let mut ended = std::pin::pin!(ended);
    loop {
        let accepted = tokio::select! {
            biased;
            () = ended.as_mut() => break,
            Some(_) = open.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                // In a select of its own: that another connection ends must not drop this one.
                let room = tokio::select! {
                    biased;
                    () = ended.as_mut() => break,
                    room = make_room(&room, &places) => room,
                };
                let connection = connection(stream, peer, for_connections.clone(), Place::new(&places));
                open.spawn(async move {
                    let _room = room;
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

/// Room for one more connection, at the price of the one that waits longest.
async fn make_room(room: &Arc<Semaphore>, places: &Places) -> OwnedSemaphorePermit {
    loop {
        if let Ok(permit) = Arc::clone(room).try_acquire_owned() {
            return permit;
        }
        places.end_longest_wait();
        let permit = tokio::time::timeout(PLACE_PAUSE, Arc::clone(room).acquire_owned()).await;
        if let Ok(permit) = permit {
            return permit.expect("the semaphore is never closed");
        }
    }
}

async fn connection(stream: TcpStream, peer: SocketAddr, serving: Serving, place: Arc<Place>) {
    let _open = Counted::new(&serving.door.metrics.connections);
    // Answers are small and somebody waits for them; without the option they only come later.
    let _ = stream.set_nodelay(true);
    let Some(Tls { acceptor, timeout }) = serving.tls.clone() else {
        return requests(stream, peer, serving, place).await;
    };
    let handshake = tokio::time::timeout(timeout, acceptor.accept(stream));
    let shaken = tokio::select! {
        shaken = handshake => shaken,
        () = place.has_to_leave() => return,
    };
    match shaken {
        Ok(Ok(stream)) => requests(stream, peer, serving, place).await,
        failed => {
            serving.door.metrics.tls_failures.inc();
            match failed {
                Ok(Err(error)) => tracing::debug!(%peer, %error, "a TLS handshake failed"),
                _ => tracing::debug!(%peer, "a TLS handshake took too long"),
            }
        }
    }
}

async fn requests<S>(stream: S, peer: SocketAddr, serving: Serving, place: Arc<Place>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let Serving { router, mut stop, .. } = serving;
    // One that comes while the node stops gets one answer; the others are told to end after the request in hand.
    let is_late = *stop.borrow();
    let own = Arc::clone(&place);
    let service = service_fn(move |mut request: Request<Incoming>| {
        let work = own.begin();
        request.extensions_mut().insert(Peer(peer));
        let answer = router.clone().oneshot(request.map(Body::new));
        async move { Ok::<_, Infallible>(work.until_sent(answer.await?)) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(if is_late { PROBE_WAIT } else { HEADER_WAIT })
        .keep_alive(!is_late)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = place.has_to_leave() => return,
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
