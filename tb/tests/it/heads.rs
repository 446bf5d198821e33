//! The stream of heads: only with the token, the newest head first, a beat every ten seconds, and a client that comes back.

use std::time::{Duration, Instant};

use primitives::{Engine, Height};
use proof::light::{Attested, CertifiedHeader, ChainRules};
use rpc::{Client, ClientConfig, ClientError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::cluster::{Cluster, INTERVAL_MS, START_TIME};

const TOKEN: &str = "correct-horse-battery-staple";
const PATH: &str = "/state-sync/head/stream";

fn client(url: &str, token: Option<&str>) -> Client {
    let mut config = ClientConfig::new(url.to_owned());
    config.token = token.map(str::to_owned);
    Client::new(&config).expect("a good URL")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heads_come_with_the_token_and_survive_a_broken_line() {
    let _stream = testkit::contract!("S000-121");
    let _unauthorized = testkit::contract!("S000-122");
    let _beat = testkit::contract!("S000-123");
    let mut cluster = Cluster::new(Engine::Bft, 2, INTERVAL_MS);
    cluster.nodes[0].start_with(&[], &[("TB_RPC_AUTH_TOKEN", TOKEN)]);
    cluster.nodes[1].start();
    cluster.all_ready().await;
    let (url, without) = (cluster.nodes[0].ports.rpc_url(), cluster.nodes[1].ports.rpc_url());
    refuses_without_the_token(&url, &without).await;
    follows(&cluster, &url).await;
    comes_back(&url).await;
    beats(&url).await;
    cluster.check_no_panic();
}

async fn refuses_without_the_token(url: &str, without: &str) {
    let http = reqwest::Client::new();
    for (url, authorization) in [(url, None), (url, Some("Bearer wrong")), (without, Some("Bearer wrong"))] {
        let mut request = http.get(format!("{url}{PATH}"));
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status().as_u16(), 401, "{authorization:?}");
        let refusal: serde_json::Value = answer.json().await.expect("a refusal");
        assert_eq!(refusal["code"], "unauthorized");
    }
    let refused = client(url, None).heads().next().await;
    assert!(matches!(&refused, Err(ClientError::Api(error)) if error.code == "unauthorized"), "{refused:?}");
}

/// The newest head comes at once, each later one as it is finalized, and each holds under the genesis file.
async fn follows(cluster: &Cluster, url: &str) {
    let rules = ChainRules::of(&cluster.network.genesis).expect("it starts a chain");
    let mut attested = Attested::genesis(&rules);
    let before = cluster.nodes[0].height().await.expect("it answers");
    let mut heads = client(url, Some(TOKEN)).heads();
    let mut last = None;
    for _ in 0..4 {
        let head = heads.next().await.expect("a head");
        let (header, certificate, validators) = head.certified.decode().expect("it decodes");
        let (height, now) = (header.height, header.time);
        assert_eq!(head.block, header.hash());
        attested.advance(&rules, &CertifiedHeader { header, certificate, validators }, now).expect("it is certified");
        match last {
            None => assert!(height.0 >= before, "the first is the newest: {height}, the node was at {before}"),
            Some(last) => assert_eq!(height, Height::next(last), "each head once and in order"),
        }
        last = Some(height);
    }
}

/// A line that breaks after a few heads, and then says nothing at all.
async fn comes_back(url: &str) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let line = format!("http://{}", listener.local_addr().expect("it listens"));
    let target = url.trim_start_matches("http://").to_owned();
    let broken = tokio::spawn(async move {
        let mut opened = 0_u32;
        while let Ok((stream, _)) = listener.accept().await {
            opened += 1;
            tokio::spawn(pass(stream, target.clone(), opened));
        }
    });
    let pauses = (Duration::from_millis(20), Duration::from_millis(200));
    let mut heads = client(&line, Some(TOKEN)).heads_within(Duration::from_secs(2), pauses);
    let mut last = Height::GENESIS;
    for _ in 0..8 {
        let height = heads.next().await.expect("a head").certified.height;
        assert!(height > last, "no head comes twice");
        last = height;
    }
    broken.abort();
}

/// Passes bytes on: the first line breaks, the second one falls silent, later ones are good.
async fn pass(mut stream: TcpStream, target: String, opened: u32) {
    let Ok(mut node) = TcpStream::connect(target).await else { return };
    let limit = match opened {
        1 => Duration::from_millis(600),
        2 => Duration::from_millis(1_200),
        _ => Duration::from_secs(60),
    };
    let _ = tokio::time::timeout(limit, tokio::io::copy_bidirectional(&mut stream, &mut node)).await;
    if opened == 2 {
        // Nothing comes any more, and nobody closes it.
        tokio::time::sleep(Duration::from_secs(30)).await;
    }
}

/// `:hb` comes every ten seconds although heads come all the time.
async fn beats(url: &str) {
    let mut stream = TcpStream::connect(url.trim_start_matches("http://")).await.expect("it listens");
    let request = format!("GET {PATH} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("it listens");
    let (started, mut text) = (Instant::now(), String::new());
    let mut bytes = [0; 65_536];
    while !text.lines().any(|line| line == ":hb") {
        let read = tokio::time::timeout(START_TIME, stream.read(&mut bytes)).await.expect("heads come").expect("open");
        assert!(read > 0, "the node closed it");
        text.push_str(&String::from_utf8_lossy(&bytes[..read]));
    }
    let elapsed = started.elapsed();
    assert!(elapsed > Duration::from_secs(9) && elapsed < Duration::from_secs(15), "{elapsed:?}");
    assert!(text.matches("event: head").count() > 5, "heads came in between");
}
