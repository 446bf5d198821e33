//! Sockets that say nothing, speak slowly, wait or do not read cannot lock others out.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

use primitives::Engine;

use crate::cluster::{Cluster, INTERVAL_MS, START_TIME, until};
use crate::pay::Payer;

/// Places of the server.
const PLACES: usize = 16;
/// Of which so many may wait for transactions, and so many may be event streams.
const SHARE: usize = PLACES / 4;
/// Longest time for an answer while the flood goes on.
const PATIENCE: Duration = Duration::from_secs(2);
/// Longest time for a body that does not come, and for an answer after it.
const BODY_WAIT: Duration = Duration::from_secs(8);

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

    // Bodies that never come wait as well, also where the answer may take a minute.
    for path in ["/transactions", "/rpc", "/wallet/pipeline/wait"] {
        let slow = format!(
            "POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{{"
        );
        flood.extend((0..PLACES * 2).map(|_| socket(port, &slow)));
        answered(&url, &format!("while bodies of {path} do not come")).await;
    }
    // What was not sent away is refused when the body has had its time.
    let newest = flood.last_mut().expect("there are many");
    newest.set_read_timeout(Some(BODY_WAIT)).expect("a time limit");
    let mut answer = [0; 12];
    newest.read_exact(&mut answer).expect("an answer");
    assert_eq!(String::from_utf8_lossy(&answer), "HTTP/1.1 504");
    drop(flood);

    waits_and_streams_have_their_share(&cluster).await;
    let node = &cluster.nodes[0];
    // The chain went on all the time.
    let height = node.height().await.expect("it answers");
    node.reaches(height + 2, START_TIME).await;
    cluster.check_no_panic();
}

/// The head of a GET.
fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
}

/// Waits for what does not come and streams that nobody reads: as many as may be are taken, and the rest is refused.
async fn waits_and_streams_have_their_share(cluster: &Cluster) {
    let node = &cluster.nodes[0];
    let (url, port) = (node.ports.rpc_url(), node.ports.rpc);
    let mut payer = Payer::funded(&cluster.network, 1);
    let transaction = payer.pay(Payer::funded(&cluster.network, 2).address, 5);
    node.client().submit(&payer.request(&transaction)).await.expect("admitted");
    node.finalized(transaction.id()).await;
    // Nobody proves this chain.
    let id = transaction.id();
    let wait = get(&format!("/transactions/{id}/wait?stage=proven&timeout_ms=60000"));
    let mut held = Vec::new();
    for (what, request) in [("waits", &wait), ("streams", &get("/blocks/stream"))] {
        held.extend((0..PLACES * 3).map(|_| socket(port, request)));
        answered(&url, &format!("while {what} are held")).await;
    }
    let streams = node.metric("rpc_streams").await;
    assert!(streams > 0.0 && streams <= f64::from(u8::try_from(SHARE).expect("small")), "{streams} streams");
    let refused = reqwest::get(format!("{url}/blocks/stream")).await.expect("an answer");
    assert_eq!(refused.status().as_u16(), 503);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_address_cannot_take_all_places_and_probes_have_their_own() {
    let mut cluster = Cluster::new(Engine::Solo, 1, INTERVAL_MS);
    let words = [format!("rpc.connections_max={PLACES}"), "rpc.connections_per_address_max=2".to_owned()];
    cluster.nodes[0].start_with(&["--set", &words[0], "--set", &words[1]], &[]);
    let node = &cluster.nodes[0];
    node.ready(START_TIME).await;
    let (url, port) = (node.ports.rpc_url(), node.ports.rpc);
    // A stream whose head was not read yet may have to leave for the next, so there are as many as it takes.
    let held = std::cell::RefCell::new(Vec::new());
    let status = async |path: &str, from: u8| {
        let from = IpAddr::from(Ipv4Addr::new(127, 0, 0, from));
        let client = reqwest::Client::builder().local_address(from).build().expect("a client");
        let answer = client.get(format!("{url}{path}")).timeout(PATIENCE).send().await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("a body"))
    };
    until("both streams", START_TIME, async || {
        held.borrow_mut().push(socket(port, &get("/blocks/stream")));
        let (status, _) = status("/status/node", 1).await;
        (status == 503).then_some(())
    })
    .await;
    let (refused, body) = status("/status/node", 1).await;
    assert!(refused == 503 && body.contains("overloaded") && body.contains("this address"), "{body}");
    for _ in 0..3 {
        assert_eq!(status("/health/live", 1).await.0, 200, "a probe is always answered");
    }
    assert_eq!(status("/status/node", 2).await.0, 200, "another address has places of its own");
    drop(held);
    until("room", START_TIME, async || {
        let (status, _) = status("/status/node", 1).await;
        (status == 200).then_some(())
    })
    .await;
    cluster.check_no_panic();
}
