//! Who reads nothing keeps no place, and who reads slowly keeps it.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::config::{RateLimitConfig, RpcConfig};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::routing::get;
use node::rpc::writes::Writes;
use node::rpc::{Door, Serving, serve_at};
use telemetry::Metrics;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

const WAIT: Duration = Duration::from_millis(300);
const TIMEOUT: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_write_that_nobody_reads_ends_in_time() {
    let (near, _far) = duplex(64);
    let (mut near, start) = (Writes::new(near, WAIT), Instant::now());
    let error = timeout(TIMEOUT, near.write_all(&[7; 1_000])).await.expect("it ends").expect_err("nobody reads");
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
    assert!(error.to_string().contains("300 ms") && start.elapsed() >= WAIT, "{error} after {:?}", start.elapsed());
}

#[tokio::test]
async fn who_reads_slowly_is_not_ended_however_long_it_takes() {
    let (near, mut far) = duplex(64);
    let (mut near, start) = (Writes::new(near, WAIT), Instant::now());
    let writing = tokio::spawn(async move { near.write_all(&[7; 1_024]).await });
    let mut bytes = [0; 64];
    for _ in 0..16 {
        tokio::time::sleep(WAIT / 6).await;
        far.read_exact(&mut bytes).await.unwrap();
    }
    writing.await.unwrap().unwrap();
    assert!(start.elapsed() > WAIT * 2, "each pause is shorter than the wait, and all of them are longer");
}

#[tokio::test]
async fn an_endless_answer_that_nobody_reads_gives_its_place_back() {
    let places = Arc::new(Semaphore::new(1));
    let own = Arc::clone(&places);
    let endless = move || {
        let place = Arc::clone(&own).try_acquire_owned().expect("one asks at a time");
        let piece = Bytes::from_static(&[b'x'; 65_536]);
        std::future::ready(Body::from_stream(futures::stream::unfold(place, move |place| {
            std::future::ready(Some((Ok::<_, Infallible>(piece.clone()), place)))
        })))
    };
    let rates =
        RateLimitConfig { read_burst: 0, read_per_minute: 1, write_burst: 0, write_per_minute: 1, loopback: false };
    let config = RpcConfig {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        auth_token: None,
        tokens: Vec::new(),
        open_reads: true,
        tls: None,
        rate_limit: rates,
        body_bytes_max: 1_024,
        request_timeout: TIMEOUT,
        connections_max: 4,
        connections_per_address_max: 4,
        hosts: Vec::new(),
    };
    let listener = TcpListener::bind(config.listen).await.unwrap();
    let (_rates, rate_limit) = watch::channel(rates);
    let (stop, stopping) = watch::channel(false);
    let metrics = Metrics::new().rpc;
    let door = Arc::new(Door::new(config, rate_limit, metrics.clone()));
    let router = Router::new().route("/endless", get(endless));
    let serving = Serving { router, tls: None, door, write_wait: WAIT, stop: stopping };
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(serve_at(listener, serving, "test"));
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(b"GET /endless HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    // The answer has begun, and from here on nobody reads.
    client.read_exact(&mut [0; 16]).await.unwrap();
    assert_eq!((places.available_permits(), metrics.connections.get()), (0, 1));
    let place = timeout(TIMEOUT, places.acquire()).await.expect("the place is still taken").unwrap();
    drop((place, client));
    stop.send(true).unwrap();
    server.await.unwrap().unwrap();
}
