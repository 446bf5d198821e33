//! Tokens with scopes, rates of callers, and other origins: who may ask what, and how often.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use primitives::Engine;
use reqwest::{Client, Response};
use serde_json::{Value, json};

use crate::cluster::{Cluster, INTERVAL_MS, START_TIME};
use crate::command::{run, tb};
use crate::pay::Payer;

const ALL: &str = "correct-horse-battery-staple";
const READER: &str = "a-token-for-reading-only";
const SUBMITTER: &str = "a-token-for-submitting-only";

/// A chain of one process with three tokens and these settings.
async fn started(settings: &[&str]) -> Cluster {
    let mut cluster = Cluster::new(Engine::Solo, 1, INTERVAL_MS);
    let file = cluster.nodes[0].home.join("rpc_tokens");
    std::fs::write(&file, format!("read reader {READER}\nsubmit submitter {SUBMITTER}\n")).expect("a file");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("its mode");
    let mut words = vec!["--set", "rpc.tokens_file=rpc_tokens"];
    words.extend(settings.iter().flat_map(|setting| ["--set", setting]));
    cluster.nodes[0].start_with(&words, &[("TB_RPC_AUTH_TOKEN", ALL)]);
    cluster.nodes[0].ready(START_TIME).await;
    cluster
}

async fn get(url: &str, path: &str, token: Option<&str>) -> Response {
    let mut request = Client::new().get(format!("{url}{path}"));
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    request.send().await.expect("an answer")
}

fn header(answer: &Response, name: &str) -> String {
    answer.headers().get(name).map(|value| value.to_str().expect("text").to_owned()).unwrap_or_default()
}

async fn body(answer: Response) -> Value {
    answer.json().await.expect("JSON")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_good_for_its_scopes_alone() {
    let cluster = started(&["rpc.open_reads=false", "rpc.rate_limit.loopback=true"]).await;
    let node = &cluster.nodes[0];
    let url = node.ports.rpc_url();
    let cases: [(&str, Option<&str>, u16, &str); 10] = [
        ("/health/live", None, 200, ""),
        ("/blocks", None, 401, "token"),
        ("/blocks", Some("not-a-token-of-this-node"), 401, "token"),
        ("/blocks", Some(READER), 200, ""),
        ("/blocks", Some(SUBMITTER), 403, "the scope read; this one has submit"),
        ("/metrics", Some(READER), 403, "the scope operate; this one has read"),
        ("/validator/peers", Some(READER), 403, "the scope operate"),
        ("/metrics", Some(ALL), 200, ""),
        ("/blocks", Some(ALL), 200, ""),
        ("/state-sync/head/stream", Some(SUBMITTER), 403, "the scope read"),
    ];
    for (path, token, status, words) in cases {
        let answer = get(&url, path, token).await;
        assert_eq!(answer.status().as_u16(), status, "{path} {token:?}");
        if status != 200 {
            let refusal = body(answer).await;
            let code = if status == 401 { "unauthorized" } else { "forbidden" };
            assert_eq!(refusal["code"], code, "{path}: {refusal}");
            assert!(refusal["error"].as_str().is_some_and(|error| error.contains(words)), "{path}: {refusal}");
        }
    }

    // What writes asks for the scope submit, over HTTP and over JSON-RPC alike.
    let mut payer = Payer::funded(&cluster.network, 1);
    let to = Payer::funded(&cluster.network, 2).address;
    let transaction = payer.pay(to, 5);
    let request = payer.request(&transaction);
    let submit = |token| Client::new().post(format!("{url}/transactions")).bearer_auth(token).json(&request);
    let refused = submit(READER).send().await.expect("an answer");
    assert_eq!(refused.status().as_u16(), 403);
    assert!(body(refused).await["error"].as_str().is_some_and(|error| error.contains("the scope submit")));
    let calls = json!([
        { "jsonrpc": "2.0", "id": 1, "method": "chain.status", "params": {} },
        { "jsonrpc": "2.0", "id": 2, "method": "transaction.submit", "params": request },
        { "jsonrpc": "2.0", "id": 3, "method": "validator.peers", "params": {} },
    ]);
    let batch = Client::new().post(format!("{url}/rpc")).bearer_auth(READER).json(&calls);
    let answers = body(batch.send().await.expect("an answer")).await;
    assert!(answers[0]["result"].is_object(), "{answers}");
    for refused in [&answers[1], &answers[2]] {
        assert_eq!(refused["error"]["data"]["code"], "forbidden", "{answers}");
    }
    assert_eq!(submit(SUBMITTER).send().await.expect("an answer").status().as_u16(), 200);

    // What steers the node asks for the scope operate.
    for path in ["/p2p/snapshots/breaker", "/state-sync/session/start", "/state-sync/session/cancel"] {
        let post = |token| Client::new().post(format!("{url}{path}")).bearer_auth(token);
        let refused = body(post(SUBMITTER).send().await.expect("an answer")).await;
        assert!(refused["error"].as_str().is_some_and(|error| error.contains("the scope operate")), "{refused}");
        let taken = post(ALL).send().await.expect("an answer").status().as_u16();
        assert_eq!(
            taken,
            if path.starts_with("/p2p") { 200 } else { 503 },
            "{path}: a chain of one process has no peers"
        );
    }

    // The command line sends its token to a node that asks for it, also for reads.
    let status = |token| run(tb().args(["status", "--rpc", &url]).env("TB_RPC_AUTH_TOKEN", token));
    assert!(status(ALL).ok()["finalized_height"].is_u64());
    assert_eq!(status(SUBMITTER).refused().exit, 7);
    for token in [ALL, READER, SUBMITTER] {
        assert!(!node.log().contains(token), "a token is never logged");
    }
    // Who has the scope for metrics is never limited, and who has not cannot try one token after the other.
    let mut told = Vec::new();
    while told.last() != Some(&429) {
        assert!(told.len() < 1_000, "a guess is never limited");
        told.push(get(&url, "/metrics", Some("a-guess-of-a-token")).await.status().as_u16());
        assert_eq!(get(&url, "/metrics", Some(ALL)).await.status().as_u16(), 200);
    }
    assert!(told.len() > 50 && told.iter().filter(|status| **status == 401).count() == told.len() - 1, "{told:?}");
    cluster.check_no_panic();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_asks_too_often_is_told_when_to_come_back() {
    let rates = ["read_burst=5", "read_per_minute=6", "write_burst=2", "write_per_minute=6", "loopback=true"]
        .map(|rate| format!("rpc.rate_limit.{rate}"));
    let cluster = started(&rates.each_ref().map(String::as_str)).await;
    let node = &cluster.nodes[0];
    let url = node.ports.rpc_url();
    for remaining in (0..5).rev() {
        let answer = get(&url, "/status/limits", None).await;
        assert_eq!((answer.status().as_u16(), header(&answer, "retry-after").as_str()), (200, ""));
        assert_eq!(header(&answer, "ratelimit-policy"), "\"read\";q=5;w=50");
        let told = header(&answer, "ratelimit");
        assert!(told.starts_with(&format!("\"read\";r={remaining};t=")), "{told}");
        if remaining == 4 {
            let limits = body(answer).await;
            assert_eq!((&limits["read_burst"], &limits["write_per_minute"]), (&5.into(), &6.into()), "{limits}");
        }
    }
    let refused = get(&url, "/status/limits", None).await;
    assert_eq!(refused.status().as_u16(), 429);
    let wait: u64 = header(&refused, "retry-after").parse().expect("seconds");
    assert!((1..=10).contains(&wait), "{wait}");
    let refusal = body(refused).await;
    assert_eq!(refusal["code"], "rate_limited");
    assert!(refusal["error"].as_str().is_some_and(|error| error.contains("5 read requests at once and 6 a minute")));
    // Probes and metrics are never limited; each token has its own bucket; writes have theirs.
    for _ in 0..20 {
        assert_eq!(get(&url, "/health/live", None).await.status().as_u16(), 200);
        let metrics = get(&url, "/metrics", None).await;
        assert_eq!((metrics.status().as_u16(), header(&metrics, "ratelimit").as_str()), (200, ""));
    }
    // Many at once are answered as well, one after the other, and others are not in their way.
    let flood = futures::future::join_all((0..100).map(|_| get(&url, "/metrics", None)));
    let probe = async { get(&url, "/health/ready", None).await.status().as_u16() };
    let (flood, probe) = futures::join!(flood, probe);
    assert!(probe == 200 && flood.iter().all(|answer| answer.status().as_u16() == 200), "{probe} {flood:?}");
    assert_eq!(get(&url, "/status/limits", Some(READER)).await.status().as_u16(), 200);
    let mut payer = Payer::funded(&cluster.network, 1);
    let to = Payer::funded(&cluster.network, 2).address;
    let submit = async |token: &str, request| {
        let post = Client::new().post(format!("{url}/transactions")).bearer_auth(token).json(&request);
        post.send().await.expect("an answer").status().as_u16()
    };
    let mut said = Vec::new();
    for amount in 1..=3 {
        let transaction = payer.pay(to, amount);
        said.push(submit(SUBMITTER, payer.request(&transaction)).await);
    }
    assert_eq!(said, [200, 200, 429]);
    // A batch costs one for each call and one for itself.
    let call = |id| json!({ "jsonrpc": "2.0", "id": id, "method": "chain.status", "params": {} });
    let calls: Vec<Value> = (0..5).map(call).collect();
    let batch = Client::new().post(format!("{url}/rpc")).bearer_auth(ALL).json(&calls);
    let answers = body(batch.send().await.expect("an answer")).await;
    let answered = answers.as_array().expect("a batch").iter().filter(|answer| answer["result"].is_object()).count();
    assert_eq!((answered, &answers[4]["error"]["data"]["code"]), (4, &"rate_limited".into()), "{answers}");
    let text = get(&url, "/metrics", Some(READER)).await.text().await.expect("text");
    for line in ["rpc_rate_limited_total{class=\"read\"} 2", "rpc_rate_limited_total{class=\"write\"} 1"] {
        assert!(text.contains(line), "{line} is not among\n{text}");
    }
    cluster.check_no_panic();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_that_look_again_and_again_come_back_when_the_node_says() {
    // From another machine a node limits them as it limits everybody.
    let rates = ["read_burst=6", "read_per_minute=60", "loopback=true"].map(|rate| format!("rpc.rate_limit.{rate}"));
    let cluster = started(&rates.each_ref().map(String::as_str)).await;
    let url = cluster.nodes[0].ports.rpc_url();
    let empty = async || while get(&url, "/status/limits", None).await.status().as_u16() != 429 {};
    for words in [&["probe", "mine-one", "--timeout", "20s"][..], &["rollout", "smoke", "--timeout", "20s"]] {
        empty().await;
        let found = run(tb().args(words).args(["--rpc", &url])).ok();
        assert!(found["height"].as_u64() > Some(0), "{found}");
    }
    // The screen goes on, and what was meant to be a look in 100 ms is rarer, and says so.
    empty().await;
    let mut top = tb();
    let top = top.args(["top", "--json", "--interval", "100ms", "--rpc", &url]);
    let mut running = top.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
    let looks = BufReader::new(running.stdout.take().expect("piped")).lines().take(3);
    let heights: Vec<u64> = looks
        .map(|look| serde_json::from_str::<Value>(&look.expect("a look")).expect("JSON"))
        .map(|look| look["node"]["finalized_height"].as_u64().unwrap_or_else(|| panic!("no view: {look}")))
        .collect();
    running.kill().expect("it is ours");
    let mut talk = String::new();
    running.stderr.take().expect("piped").read_to_string(&mut talk).expect("text");
    running.wait().expect("it is ours");
    assert!(heights.len() == 3 && heights.is_sorted(), "{heights:?} {talk}");
    assert!(talk.contains("the node limits how often it is asked: one look in "), "{talk}");
    cluster.check_no_panic();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_of_this_machine_are_not_limited_and_pages_of_others_get_no_permission() {
    let cluster = started(&["rpc.rate_limit.read_burst=5"]).await;
    let url = cluster.nodes[0].ports.rpc_url();
    for _ in 0..20 {
        let answer = get(&url, "/status/limits", None).await;
        assert_eq!((answer.status().as_u16(), header(&answer, "ratelimit").as_str()), (200, ""));
    }
    // A page of another origin may neither read an answer nor ask what it may do.
    let http = Client::new();
    for method in [reqwest::Method::GET, reqwest::Method::OPTIONS] {
        let request =
            http.request(method.clone(), format!("{url}/status/limits")).header("origin", "https://evil.example");
        let answer = request.header("access-control-request-method", "GET").send().await.expect("an answer");
        assert_eq!(answer.status().as_u16(), if method == reqwest::Method::GET { 200 } else { 405 });
        let named = answer.headers().keys().any(|name| name.as_str().starts_with("access-control"));
        assert!(!named, "{:?}", answer.headers());
    }
    cluster.check_no_panic();
}
