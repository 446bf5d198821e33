//! The bearer token: asked for by what writes, and by nothing else; and what is refused whoever asks: pages of others, and long heads.

use std::path::Path;

use primitives::Engine;
use rpc::types::SubmitResult;
use rpc::{Client, ClientConfig, ClientError};
use serde_json::json;

use crate::cluster::{Cluster, INTERVAL_MS, START_TIME};
use crate::command::{run, tb};
use crate::pay::Payer;

const TOKEN: &str = "correct-horse-battery-staple";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_guards_what_writes_and_leaves_the_rest_open() {
    let _shown = testkit::contract!("S003-079");
    let mut cluster = Cluster::new(Engine::Solo, 1, INTERVAL_MS);
    cluster.nodes[0].start_with(&[], &[("TB_RPC_AUTH_TOKEN", TOKEN)]);
    let node = &cluster.nodes[0];
    node.ready(START_TIME).await;
    let url = node.ports.rpc_url();
    let mut payer = Payer::funded(&cluster.network, 1);
    let to = Payer::funded(&cluster.network, 2).address;
    let transaction = payer.pay(to, 5);
    let request = payer.request(&transaction);

    let http = reqwest::Client::new();
    for authorization in [None, Some("Bearer wrong".to_owned()), Some(format!("Basic {TOKEN}")), Some(TOKEN.to_owned())]
    {
        let mut post = http.post(format!("{url}/transactions")).json(&request);
        let mut call = http.post(format!("{url}/rpc")).json(&json!({
            "jsonrpc": "2.0", "id": 1, "method": "transaction.submit", "params": request,
        }));
        if let Some(authorization) = &authorization {
            post = post.header("authorization", authorization);
            call = call.header("authorization", authorization);
        }
        let answer = post.send().await.expect("an answer");
        assert_eq!(answer.status().as_u16(), 401, "{authorization:?}");
        let body: serde_json::Value = answer.json().await.expect("JSON");
        assert_eq!(body["code"], "unauthorized");
        assert!(body["hint"].as_str().is_some_and(|hint| hint.contains("TB_RPC_AUTH_TOKEN")), "{body}");
        let body: serde_json::Value = call.send().await.expect("an answer").json().await.expect("JSON");
        assert_eq!(body["error"]["data"]["code"], "unauthorized", "{body}");
    }
    for path in ["/health", "/health/live", "/health/ready", "/status/node", "/metrics", "/blocks", "/genesis"] {
        assert_eq!(http.get(format!("{url}{path}")).send().await.expect("an answer").status().as_u16(), 200, "{path}");
    }
    // Reading over JSON-RPC is open as well.
    let read = json!({ "jsonrpc": "2.0", "id": 1, "method": "chain.status", "params": {} });
    let body: serde_json::Value =
        http.post(format!("{url}/rpc")).json(&read).send().await.expect("an answer").json().await.expect("JSON");
    assert!(body["result"].is_object(), "{body}");

    let transfer = |token: Option<&str>| {
        let words = ["tx", "transfer", "--from", "account-2", "--to", "account-1", "--amount", "1", "--rpc", &url];
        let mut command = tb();
        command.args(words).arg("--home").arg(&cluster.network.root);
        if let Some(token) = token {
            command.env("TB_RPC_AUTH_TOKEN", token);
        }
        run(&mut command)
    };
    let refusal = transfer(None).refused();
    assert_eq!((refusal.exit, refusal.code.as_str()), (7, "unauthorized"));
    assert_eq!(transfer(Some(TOKEN)).ok()["stage"], "finalized");

    let config = ClientConfig { token: Some(TOKEN.to_owned()), ..ClientConfig::new(&url) };
    Client::new(&config).expect("a good URL").submit(&request).await.expect("the right token");
    node.finalized(transaction.id()).await;
    assert!(node.metric("rpc_unauthorized_total").await >= 8.0);
    assert!(!node.log().contains(TOKEN), "the token is never logged");
    cluster.check_no_panic();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_of_operators_are_authenticated_throttled_and_recovered_as_the_guide_says() {
    let _shown = testkit::contract!("S000-003");
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/rpc_cli_operator_guide.md");
    let guide = std::fs::read_to_string(guide).expect("the guide");
    for section in ["## A node with a token", "## Limits", "## Recovery", "`sender_limit` | 429", "`duplicate` means"] {
        assert!(guide.contains(section), "the guide lacks {section}");
    }
    let mut cluster = Cluster::new(Engine::Solo, 1, INTERVAL_MS);
    cluster.nodes[0].start_with(&["--set", "mempool_per_sender=2"], &[("TB_RPC_AUTH_TOKEN", TOKEN)]);
    let node = &cluster.nodes[0];
    node.ready(START_TIME).await;
    let config = |token: Option<&str>| ClientConfig {
        token: token.map(str::to_owned),
        ..ClientConfig::new(node.ports.rpc_url())
    };
    let (with, without) = (config(Some(TOKEN)), config(None));
    let (with, without) = (Client::new(&with).expect("a good URL"), Client::new(&without).expect("a good URL"));
    let mut payer = Payer::funded(&cluster.network, 1);
    let to = Payer::funded(&cluster.network, 2).address;
    let [first, second, third] = [1, 2, 3].map(|amount| payer.pay(to, amount));
    let code = |answer: Result<_, ClientError>| match answer {
        Err(ClientError::Api(refusal)) => refusal.code,
        other => panic!("it must be refused: {:?}", other.map(|_: SubmitResult| ())),
    };
    // Authenticated: the same call without the token is refused.
    assert_eq!(code(without.submit(&payer.request(&third)).await), "unauthorized");
    with.submit(&payer.request(&third)).await.expect("it waits for the two before it");
    // Throttled: one more that cannot go yet is over what one payer may have waiting.
    assert_eq!(code(with.submit(&payer.request(&second)).await), "sender_limit");
    // Recovered: submit what is missing, then again what was refused, and once more where an answer may be lost.
    with.submit(&payer.request(&first)).await.expect("its place was kept");
    node.finalized(first.id()).await;
    with.submit(&payer.request(&second)).await.expect("there is room again");
    assert_eq!(code(with.submit(&payer.request(&first)).await), "duplicate");
    for transaction in [second, third] {
        node.finalized(transaction.id()).await;
    }
    cluster.check_no_panic();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_web_page_of_somebody_else_neither_steers_a_node_nor_reads_it_under_its_own_name() {
    let mut cluster = Cluster::new(Engine::Solo, 1, INTERVAL_MS);
    cluster.nodes[0].start_with(&["--set", "rpc.hosts=node.example.org"], &[]);
    let node = &cluster.nodes[0];
    node.ready(START_TIME).await;
    let (url, own) = (node.ports.rpc_url(), format!("127.0.0.1:{}", node.ports.rpc));
    let http = reqwest::Client::new();
    // Path, whether it posts, host, origin, status, code.
    let evil = "evil.example";
    let (own_page, evil_page) = (format!("http://{own}"), format!("https://{evil}"));
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "chain.status", "params": {} }).to_string();
    for (path, posts, host, origin, status, code) in [
        ("/snapshots", true, evil, Some(evil_page.as_str()), 403, "unknown_host"),
        ("/snapshots", true, evil, None, 403, "unknown_host"),
        ("/snapshots", true, &own, Some(&evil_page), 403, "foreign_origin"),
        ("/snapshots", true, &own, Some("null"), 403, "foreign_origin"),
        ("/snapshots", true, &own, Some("http://127.0.0.1:1"), 403, "foreign_origin"),
        ("/rpc", true, &own, Some(&evil_page), 403, "foreign_origin"),
        ("/rpc", true, &own, Some(&own_page), 200, ""),
        ("/rpc", true, &own, Some("https://node.example.org"), 200, ""),
        ("/rpc", true, &own, None, 200, ""),
        ("/status/node", false, evil, None, 403, "unknown_host"),
        ("/status/node", false, "node.example.org.evil.example:26658", None, 403, "unknown_host"),
        ("/blocks/stream", false, "127.0.0.1.evil.example", None, 403, "unknown_host"),
        ("/ui", false, evil, None, 403, "unknown_host"),
        ("/ui", false, &own, Some(&evil_page), 200, ""),
        ("/status/node", false, "localhost", None, 200, ""),
        ("/status/node", false, "Node.example.org:26658", None, 200, ""),
        ("/status/node", false, "[::1]:26658", None, 200, ""),
        ("/health/ready", false, evil, None, 200, ""),
        ("/metrics", false, evil, None, 200, ""),
    ] {
        let target = format!("{url}{path}");
        let mut request = if posts { http.post(target).body(call.clone()) } else { http.get(target) };
        let media = if path == "/rpc" { "application/json" } else { "text/plain" };
        request = request.header("host", host).header("content-type", media);
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        let answer = request.send().await.expect("an answer");
        let (given, body) = (answer.status().as_u16(), answer.text().await.expect("a body"));
        assert_eq!(given, status, "{path} at {host} from {origin:?}: {body}");
        assert!(body.contains(&format!("\"code\":\"{code}\"")) || status == 200, "{path} at {host}: {body}");
    }
    long_heads_are_refused(node.ports.rpc);
    cluster.check_no_panic();
}

/// The longest head there may be is read, and one byte more is refused by name.
fn long_heads_are_refused(port: u16) {
    use std::io::{Read, Write};
    use std::net::TcpStream;
    let answer = |length: usize| {
        let [before, after] = ["GET /health/live HTTP/1.1\r\nhost: a\r\nconnection: close\r\nx-pad: ", "\r\n\r\n"];
        let pad = "x".repeat(length - before.len() - after.len());
        let mut socket = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
        socket.write_all(format!("{before}{pad}{after}").as_bytes()).expect("sent");
        let mut answer = String::new();
        socket.read_to_string(&mut answer).expect("an answer");
        answer
    };
    let longest = rpc::limits::HEAD_BYTES_MAX;
    assert!(answer(longest).starts_with("HTTP/1.1 200"));
    for length in [longest + 1, 66_000, 100_000] {
        let refused = answer(length);
        assert!(refused.starts_with("HTTP/1.1 431") && refused.contains("head_too_large"), "{length}: {refused}");
    }
}
