//! Sockets that say nothing, or speak slowly, cannot lock others out.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use primitives::Engine;

use crate::cluster::{Cluster, INTERVAL_MS, START_TIME, until};

/// Places of the server.
const PLACES: usize = 16;
/// Longest time for an answer while the flood goes on.
const PATIENCE: Duration = Duration::from_secs(2);

/// A socket that has sent this much of a request.
fn socket(port: u16, sent: &str) -> TcpStream {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).expect("the system takes it");
    // The server may have sent it away already.
    let _ = socket.write_all(sent.as_bytes());
    socket
}

async fn answered(url: &str, what: &str) {
    let start = Instant::now();
    // A client of its own each time: a connection that is kept would have its place already.
    let answer = reqwest::Client::new().get(format!("{url}/health/live")).timeout(PATIENCE).send().await;
    let status = answer.unwrap_or_else(|error| panic!("{what}: no answer: {error:?}")).status().as_u16();
    assert_eq!(status, 200, "{what} after {:?}", start.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silent_and_slow_sockets_lock_nobody_out() {
    let mut cluster = Cluster::new(Engine::Solo, 1, INTERVAL_MS);
    let places = format!("rpc.connections_max={PLACES}");
    cluster.nodes[0].start_with(&["--set", &places, "--set", "rpc.request_timeout_ms=1500"], &[]);
    let node = &cluster.nodes[0];
    node.ready(START_TIME).await;
    let (url, port) = (node.ports.rpc_url(), node.ports.rpc);

    // Twenty times as many as there are places: silent, with half a head, with a request that was answered.
    let heads = [
        "",
        "GET /health/live HT",
        "GET /health/live HTTP/1.1\r\nhost: a\r\nx-slow: ",
        "GET /health/live HTTP/1.1\r\nhost: a\r\n\r\n",
    ];
    let mut flood: Vec<TcpStream> = Vec::new();
    for _ in 0..PLACES * 5 {
        flood.extend(heads.map(|sent| socket(port, sent)));
        if flood.len().is_multiple_of(PLACES * 4) {
            answered(&url, "while sockets wait").await;
        }
    }
    assert!(node.metric("rpc_connections_shed_total").await > 100.0);
    assert!(
        node.metric("rpc_connections").await <= f64::from(u8::try_from(PLACES).expect("small")),
        "no more than there are places"
    );
    // Those that were sent away are closed, the oldest first.
    let oldest = &mut flood[0];
    oldest.set_read_timeout(Some(PATIENCE)).expect("a time limit");
    assert!(matches!(oldest.read(&mut [0; 16]), Ok(0) | Err(_)), "the oldest was sent away");

    // Bodies that never come: all places are at work, and free again when the requests have had their time.
    let slow =
        "POST /transactions HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{";
    let bodies: Vec<TcpStream> = (0..PLACES).map(|_| socket(port, slow)).collect();
    until("an answer after slow bodies", Duration::from_secs(8), async || {
        let answer = reqwest::Client::new().get(format!("{url}/health/live")).timeout(PATIENCE).send().await;
        answer.ok().filter(|answer| answer.status().as_u16() == 200)
    })
    .await;
    drop((flood, bodies));
    // The chain went on all the time.
    let height = node.height().await.expect("it answers");
    node.reaches(height + 2, START_TIME).await;
    cluster.check_no_panic();
}
