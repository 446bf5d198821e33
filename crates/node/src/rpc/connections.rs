//! Connections: accepted up to a bound, served as HTTP/1.1 or https, and ended in order when the node stops.
//!
//! Rules
//! - At most `rpc.connections_max` are served, and of one address `rpc.connections_per_address_max`. One more takes the place of
//!   the one that has waited longest without a whole request: sockets that say nothing, speak slowly, keep half a handshake or half a
//!   body cannot lock others out ([`super::places`]).
//! - While all of them are at work, one more gets one of [`PROBE_PLACES`] for one request: a health probe is answered, everything
//!   else is refused as `overloaded`.
//! - A head over [`HEAD_BYTES_MAX`] is refused with 431: with a body that says so, or without one where it is so long that
//!   it is not read at all.
//! - A connection that sends no request, or half of one, for [`HEADER_WAIT`] is closed; a TLS handshake has
//!   `rpc.tls_handshake_timeout_ms`.
//! - A connection whose other side reads nothing for [`WRITE_WAIT`], while there is something to write, is ended: an answer and an event stream that
//!   nobody reads keep no place ([`super::writes`]).
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
use rpc::limits::HEAD_BYTES_MAX;
use rpc::routes::Route;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use super::auth::Peer;
use super::door::Door;
use super::http::Counted;
use super::places::{Bounds, Place, Places};
use super::server::{Server, stopped};
use super::writes::{WRITE_WAIT, Writes};
use super::{http, hub};
use crate::shared::Shared;

/// Longest wait for the next request's head on an open connection.
pub const HEADER_WAIT: Duration = Duration::from_secs(60);
/// Places beside those of the configuration, for health probes while all of them are at work.
pub const PROBE_PLACES: usize = 32;
/// How many of them one address may have.
pub const PROBE_PLACES_OF_ADDRESS: usize = 16;
/// How long the port stays open once the node stops, for probes.
pub const PROBE_WAIT: Duration = Duration::from_millis(500);
/// How long requests in hand may take after that.
pub const END_WAIT: Duration = Duration::from_secs(2);
/// Pause after the system refused a connection, for example for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

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
    /// Longest wait until the other side reads something: [`WRITE_WAIT`].
    pub write_wait: Duration,
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
    let (router, door) = (http::router(Arc::clone(&server)), Arc::clone(&server.door));
    let serving = Serving { router, tls, door, write_wait: WRITE_WAIT, stop: stop.clone() };
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
    let config = &serving.door.config;
    let bounds = Bounds { most: config.connections_max, of_address: config.connections_per_address_max };
    let connections_max = bounds.most;
    let scheme = if serving.tls.is_some() { "https" } else { "http" };
    tracing::info!(%address, scheme, connections_max, "the {what} server listens");
    accept(&listener, serving, bounds).await;
    tracing::info!(%address, "the {what} server has stopped");
    Ok(())
}

async fn accept(listener: &TcpListener, mut serving: Serving, bounds: Bounds) {
    let house = House::new(bounds, &serving.door);
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
                let guest = tokio::select! {
                    biased;
                    () = ended.as_mut() => break,
                    guest = house.enter(peer) => guest,
                };
                match guest {
                    Some(guest) => {
                        open.spawn(connection(stream, guest, for_connections.clone()));
                    }
                    // The connection is closed here.
                    None => for_connections.door.metrics.shed.inc(),
                }
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

/// All places of a listener.
struct House {
    ordinary: Arc<Places>,
    for_probes: Arc<Places>,
}

/// A connection that has a place.
struct Guest {
    peer: Peer,
    place: Arc<Place>,
}

impl House {
    fn new(bounds: Bounds, door: &Door) -> Self {
        let places = |bounds| Arc::new(Places::new(bounds, door.metrics.shed.clone()));
        let for_probes = Bounds { most: PROBE_PLACES, of_address: PROBE_PLACES_OF_ADDRESS };
        Self { ordinary: places(bounds), for_probes: places(for_probes) }
    }

    /// A place for one more connection, at the price of the one that waits longest; `None` where all are at work, those for probes too.
    async fn enter(&self, address: SocketAddr) -> Option<Guest> {
        if let Some(place) = self.ordinary.enter(address.ip()).await {
            return Some(Guest { peer: Peer { address, probes_only: false }, place });
        }
        let place = self.for_probes.enter(address.ip()).await?;
        Some(Guest { peer: Peer { address, probes_only: true }, place })
    }
}

async fn connection(stream: TcpStream, guest: Guest, serving: Serving) {
    // Given back after the connection is no longer counted.
    let _place = Arc::clone(&guest.place);
    let _open = Counted::new(&serving.door.metrics.connections);
    // Answers are small and somebody waits for them; without the option they only come later.
    let _ = stream.set_nodelay(true);
    let stream = Writes::new(stream, serving.write_wait);
    let Some(Tls { acceptor, timeout }) = serving.tls.clone() else {
        return requests(stream, guest, serving).await;
    };
    let handshake = tokio::time::timeout(timeout, acceptor.accept(stream));
    let shaken = tokio::select! {
        shaken = handshake => shaken,
        () = guest.place.has_to_leave() => return,
    };
    match shaken {
        Ok(Ok(stream)) => requests(stream, guest, serving).await,
        failed => {
            let peer = guest.peer.address;
            serving.door.metrics.tls_failures.inc();
            match failed {
                Ok(Err(error)) => tracing::debug!(%peer, %error, "a TLS handshake failed"),
                _ => tracing::debug!(%peer, "a TLS handshake took too long"),
            }
        }
    }
}

async fn requests<S>(stream: S, guest: Guest, serving: Serving)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let Serving { router, door, mut stop, .. } = serving;
    let Guest { peer, place } = guest;
    // One that comes while the node stops gets one answer; the others are told to end after the request in hand.
    let is_late = *stop.borrow();
    let own = Arc::clone(&place);
    let service = service_fn(move |request: Request<Incoming>| {
        let (mut head, body) = request.into_parts();
        let (body, work) = own.begin(body);
        let refusal = http::long_head(&door, &head);
        head.extensions.insert(peer);
        let router = router.clone();
        async move {
            let answer = match refusal {
                Some(refusal) => refusal,
                None => router.oneshot(Request::from_parts(head, Body::new(body))).await?,
            };
            Ok::<_, Infallible>(work.until_sent(answer))
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(if is_late { PROBE_WAIT } else { HEADER_WAIT })
        .keep_alive(!is_late && !peer.probes_only)
        // What is read of a head, so that one which is a little too long gets a refusal that says so.
        .max_buf_size(HEAD_BYTES_MAX.saturating_mul(2))
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
