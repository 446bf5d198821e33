//! The client against a server on a real socket that answers with prepared bytes.
//!
//! The server keeps what it was asked, so that the tests see the request line and headers on the wire.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::StreamExt;
use primitives::{Height, Rejection};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::sample::{GENESIS, address, block, transfer};
use crate::client::{Client, ClientConfig, ClientError, RETRY_AFTER_MAX, WAITS_MAX};
use crate::error::{ApiError, ErrorCode};
use crate::exit_codes::ExitCode;
use crate::limits::{EVENT_BYTES_MAX, REPLY_BYTES_MAX};
use crate::routes::Operation;
use crate::types::{
    AccountView, BlockId, BlockSummary, BlockView, HistoryQuery, Stage, SubmitResult, SubmitTransaction, WaitQuery,
};

const TOKEN: &str = "s3cret";

struct Server {
    client: Client,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Answers every connection with `reply`, then closes it.
    async fn answering(reply: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let request = read_request(&mut socket).await;
                seen.lock().unwrap().push(request);
                let _ = socket.write_all(&reply).await;
                let _ = socket.shutdown().await;
            }
        });
        let config = ClientConfig {
            token: Some(TOKEN.to_owned()),
            request_timeout: Duration::from_millis(2_000),
            ..ClientConfig::new(format!("{url}/"))
        };
        Self { client: Client::new(&config).unwrap(), requests }
    }

    async fn json(status: &str, body: &Value) -> Self {
        Self::answering(http(status, "application/json", &serde_json::to_vec(body).unwrap())).await
    }

    async fn events(body: &str) -> Self {
        Self::answering(http("200 OK", "text/event-stream", body.as_bytes())).await
    }

    fn request(&self) -> String {
        self.requests.lock().unwrap().last().unwrap().clone()
    }
}

fn http(status: &str, content_type: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

async fn read_request(socket: &mut tokio::net::TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let mut piece = [0_u8; 4096];
        let count = socket.read(&mut piece).await.unwrap_or(0);
        bytes.extend_from_slice(&piece[..count]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            if count == 0 {
                return text;
            }
            continue;
        };
        let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        if body.len() >= length.unwrap_or(0) || count == 0 {
            return text;
        }
    }
}

#[tokio::test]
async fn a_good_answer_is_a_typed_value() {
    let account = AccountView {
        address: address(2),
        balance: super::sample::amount(5),
        nonce: Default::default(),
        slot: Some(9),
        opened: true,
        height: Height(12),
    };
    let server = Server::json("200 OK", &serde_json::to_value(&account).unwrap()).await;
    assert_eq!(server.client.account(&address(2)).await.unwrap(), account);
    let request = server.request();
    assert!(request.starts_with(&format!("GET /accounts/{} HTTP/1.1\r\n", address(2))), "{request}");
    assert!(!request.contains(TOKEN), "reading needs no token");

    let view = BlockView::new(&block(), None);
    let server = Server::json("200 OK", &serde_json::to_value(&view).unwrap()).await;
    assert_eq!(server.client.block(BlockId::Hash(view.hash)).await.unwrap(), view);
    assert_eq!(server.client.block_at(Height(12)).await.unwrap(), view);
    assert!(server.request().starts_with("GET /blocks/12 "));
    assert_eq!(server.client.block_latest().await.unwrap(), view);
}

#[tokio::test]
async fn queries_are_on_the_wire_and_absent_ones_are_not() {
    let server = Server::json("404 Not Found", &serde_json::to_value(ApiError::not_found("it")).unwrap()).await;
    let id = transfer(1).id();
    let page = HistoryQuery { before: Some("9.1.2".parse().unwrap()), limit: Some(7) };
    let _ = server.client.account_history(&address(1), page).await;
    assert!(server.request().starts_with(&format!("GET /accounts/{}/history?before=9.1.2&limit=7 ", address(1))));
    let _ = server.client.blocks(Default::default()).await;
    assert!(server.request().starts_with("GET /blocks HTTP") || server.request().starts_with("GET /blocks? HTTP"));
    let wait = WaitQuery { stage: Some(Stage::Finalized), timeout_ms: Some(250) };
    let _ = server.client.transaction_wait(id, wait).await;
    assert!(server.request().starts_with(&format!("GET /transactions/{id}/wait?stage=finalized&timeout_ms=250 ")));
}

#[tokio::test]
async fn a_refusal_keeps_its_three_fields() {
    let refusal = ApiError::from(Rejection::NonceTooLow);
    let server = Server::json("409 Conflict", &serde_json::to_value(&refusal).unwrap()).await;
    let error = server.client.submit(&SubmitTransaction::new(&transfer(1), GENESIS)).await.unwrap_err();
    assert_eq!(error, ClientError::Api(refusal.clone()));
    assert_eq!(
        (error.code(), error.hint(), error.exit_code()),
        ("nonce_too_low", refusal.hint.as_str(), ExitCode::Refused)
    );
    let request = server.request();
    assert!(request.starts_with("POST /transactions HTTP/1.1\r\n"));
    assert!(request.to_lowercase().contains(&format!("authorization: bearer {TOKEN}\r\n")), "{request}");
    assert!(request.contains(&GENESIS.to_string()));
}

#[tokio::test]
async fn what_is_not_of_this_api_is_told_apart() {
    for (status, body) in [("200 OK", "<html>"), ("502 Bad Gateway", "<html>"), ("302 Found", ""), ("200 OK", "{}")] {
        let server = Server::answering(http(status, "text/html", body.as_bytes())).await;
        let error = server.client.node_status().await.unwrap_err();
        assert_eq!((error.code(), error.exit_code()), ("bad_reply", ExitCode::Connection), "{status} {body}: {error}");
    }
    let server = Server::answering(b"SSH-2.0-OpenSSH_9.6\r\n".to_vec()).await;
    assert_eq!(server.client.node_status().await.unwrap_err().code(), "connection");
    let cut = http("200 OK", "application/json", b"{\"ready\":true}");
    let server = Server::answering(cut[..cut.len() - 4].to_vec()).await;
    assert_eq!(server.client.health_ready().await.unwrap_err().code(), "connection");
}

#[tokio::test]
async fn replies_and_waits_are_bounded() {
    let server = Server::answering(http("200 OK", "application/json", &vec![b' '; REPLY_BYTES_MAX + 1])).await;
    let error = server.client.block_latest().await.unwrap_err();
    assert!(matches!(error, ClientError::ReplyTooLarge { bytes_max: REPLY_BYTES_MAX, .. }), "{error}");

    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = ClientConfig {
        request_timeout: Duration::from_millis(50),
        ..ClientConfig::new(format!("http://{}", silent.local_addr().unwrap()))
    };
    let client = Client::new(&config).unwrap();
    let error = client.health().await.unwrap_err();
    assert_eq!((error.code(), error.exit_code()), ("timeout", ExitCode::Timeout));
    assert_eq!(client.block_stream().await.err().unwrap().code(), "timeout");

    let address = silent.local_addr().unwrap();
    drop(silent);
    let closed = Client::new(&ClientConfig::new(format!("http://{address}"))).unwrap();
    let error = closed.health().await.unwrap_err();
    assert_eq!((error.code(), error.exit_code()), ("connection", ExitCode::Connection));
    assert!(error.to_string().contains(&address.to_string()), "{error}");
}

#[tokio::test]
async fn urls_and_tokens_that_cannot_work_are_refused_before_anything_is_sent() {
    for url in ["", "127.0.0.1:26658", "ftp://x", "http://x/?a=1", "http://"] {
        let error = Client::new(&ClientConfig::new(url)).unwrap_err();
        assert_eq!((error.code(), error.exit_code()), ("bad_url", ExitCode::Usage), "{url}");
    }
    let config = ClientConfig { token: Some("a\nb".to_owned()), ..ClientConfig::new("http://127.0.0.1:1") };
    assert_eq!(Client::new(&config).unwrap_err(), ClientError::Token);
    let hidden = ClientConfig { token: Some(TOKEN.to_owned()), ..ClientConfig::new("http://127.0.0.1:1") };
    let shown = format!("{hidden:?} {:?}", Client::new(&hidden).unwrap());
    assert!(!shown.contains(TOKEN), "{shown}");
}

#[tokio::test]
async fn a_node_that_is_not_ready_is_an_answer() {
    let not = json!({"ready": false, "mode": "node", "reasons": [{"code": "syncing", "message": "m", "hint": "h"}]});
    let server = Server::json("503 Service Unavailable", &not).await;
    let ready = server.client.health_ready().await.unwrap();
    assert_eq!((ready.ready, ready.reasons[0].code.as_str()), (false, "syncing"));
    let overloaded = serde_json::to_value(ApiError::new(ErrorCode::Overloaded)).unwrap();
    let server = Server::json("503 Service Unavailable", &overloaded).await;
    assert_eq!(server.client.health_ready().await.unwrap_err().code(), "overloaded");
}

#[tokio::test]
async fn a_patient_client_comes_back_when_it_is_told_and_not_for_ever() {
    let limited = serde_json::to_value(ApiError::new(ErrorCode::RateLimited)).unwrap();
    let told = |seconds: u64| {
        http(
            "429 Too Many Requests",
            &format!("application/json\r\nretry-after: {seconds}"),
            &serde_json::to_vec(&limited).unwrap(),
        )
    };
    let always = Server::answering(told(0)).await;
    let asked = |server: &Server| u32::try_from(server.requests.lock().unwrap().len()).unwrap();
    assert_eq!(always.client.node_status().await.unwrap_err().code(), "rate_limited");
    assert_eq!(asked(&always), 1, "who is not patient is refused at once");
    let patient = always.client.clone().patient();
    assert_eq!(patient.node_status().await.unwrap_err().code(), "rate_limited");
    assert_eq!((asked(&always), patient.waited()), (2 + WAITS_MAX, u64::from(WAITS_MAX)));

    let tomorrow = Server::answering(told(RETRY_AFTER_MAX.as_secs() + 1)).await;
    let patient = tomorrow.client.clone().patient();
    assert_eq!(patient.node_status().await.unwrap_err().code(), "rate_limited");
    assert_eq!((asked(&tomorrow), patient.waited()), (1, 0), "that long nobody waits");
}

#[tokio::test]
async fn a_stream_gives_typed_events_and_ends_with_the_nodes_error() {
    let summary = BlockSummary::from(&block());
    let data = serde_json::to_string(&summary).unwrap();
    let body =
        format!(": hello\n\nevent: block\ndata: {data}\n\nevent: later\ndata: x\n\nevent: block\ndata: {data}\n\n");
    let server = Server::events(&body).await;
    let events: Vec<_> = server.client.block_stream().await.unwrap().collect().await;
    assert_eq!(events, [Ok(summary.clone()), Ok(summary.clone())]);
    assert!(server.request().to_lowercase().contains("accept: text/event-stream"));

    let slow = serde_json::to_string(&ApiError::new(ErrorCode::Overloaded)).unwrap();
    let body = format!("event: block\ndata: {data}\n\nevent: error\ndata: {slow}\n\nevent: block\ndata: {data}\n\n");
    let events: Vec<_> = Server::events(&body).await.client.block_stream().await.unwrap().collect().await;
    assert_eq!(events, [Ok(summary), Err(ClientError::Api(ApiError::new(ErrorCode::Overloaded)))]);
}

#[tokio::test]
async fn bad_streams_end_in_an_error() {
    let server = Server::events("event: payment\ndata: {\"half\":\n\n").await;
    let events: Vec<_> = server.client.account_stream(&address(1)).await.unwrap().collect().await;
    assert_eq!(events.iter().map(|event| event.as_ref().unwrap_err().code()).collect::<Vec<_>>(), ["bad_reply"]);

    let server = Server::events(&"x".repeat(EVENT_BYTES_MAX + 10)).await;
    let events: Vec<_> = server.client.transaction_stream(transfer(1).id()).await.unwrap().collect().await;
    assert_eq!(events.iter().map(|event| event.as_ref().unwrap_err().code()).collect::<Vec<_>>(), ["reply_too_large"]);

    let refusal = serde_json::to_value(ApiError::new(ErrorCode::Overloaded)).unwrap();
    let server = Server::json("503 Service Unavailable", &refusal).await;
    assert_eq!(server.client.block_stream().await.err().unwrap().code(), "overloaded");
}

#[tokio::test]
async fn json_rpc_calls_give_values_or_the_nodes_refusal() {
    let server = Server::json("200 OK", &json!({"jsonrpc": "2.0", "id": 1, "result": {"live": true}})).await;
    let value: Value = server.client.call(Operation::NodeStatus, &json!({})).await.unwrap();
    assert_eq!(value, json!({"live": true}));
    let request = server.request();
    assert!(request.starts_with("POST /rpc ") && request.contains(r#""method":"chain.status""#), "{request}");
    assert!(!request.contains(TOKEN));
    let _ = server.client.call::<_, Value>(Operation::TransactionSubmit, &json!({})).await;
    assert!(server.request().contains(TOKEN), "a call that writes carries the token");

    let none = server.client.call::<_, Value>(Operation::Metrics, &json!({})).await.unwrap_err();
    assert_eq!(none.code(), "method_not_found");
    let refusal = ApiError::from(Rejection::QueueFull);
    let response = crate::jsonrpc::Response::new::<Value>(json!(1), Err(refusal.clone()));
    let server = Server::json("200 OK", &serde_json::to_value(response).unwrap()).await;
    let error = server.client.call::<_, Value>(Operation::TransactionSubmit, &json!({})).await.unwrap_err();
    assert_eq!(error, ClientError::Api(refusal));
}

#[tokio::test]
async fn a_batch_keeps_the_order_of_its_calls() {
    let good = SubmitResult { id: transfer(1).id(), stage: Stage::Admitted };
    let refusal = ApiError::from(Rejection::Duplicate);
    let answers = json!([
        crate::jsonrpc::Response::new::<Value>(json!(1), Err(refusal.clone())),
        crate::jsonrpc::Response::new(json!(0), Ok(good)),
    ]);
    let server = Server::json("200 OK", &answers).await;
    let two = [SubmitTransaction::new(&transfer(1), GENESIS), SubmitTransaction::new(&transfer(2), GENESIS)];
    assert_eq!(server.client.submit_batch(&two).await.unwrap(), [Ok(good), Err(refusal)]);
    assert!(server.request().contains(TOKEN));
    // One answer is missing, or has an id that nobody asked for.
    let one = server.client.submit_batch(&two[..1]).await.unwrap_err();
    assert_eq!(one.code(), "bad_reply");
    let three = [two[0].clone(), two[1].clone(), two[0].clone()];
    assert_eq!(server.client.submit_batch(&three).await.unwrap_err().code(), "bad_reply");

    let whole = crate::jsonrpc::Response::new::<Value>(Value::Null, Err(ApiError::new(ErrorCode::InvalidRequest)));
    let server = Server::json("200 OK", &serde_json::to_value(whole).unwrap()).await;
    assert_eq!(server.client.submit_batch(&two).await.unwrap_err().code(), "invalid_request");
}

#[tokio::test]
async fn a_stream_that_is_refused_by_name_is_not_asked_for_again() {
    for (status, code) in [("401 Unauthorized", ErrorCode::Unauthorized), ("403 Forbidden", ErrorCode::Forbidden)] {
        let server = Server::json(status, &serde_json::to_value(ApiError::new(code)).unwrap()).await;
        let mut heads = server.client.heads();
        let ended = tokio::time::timeout(Duration::from_secs(20), heads.next()).await.expect("it ends at once");
        assert_eq!(ended.unwrap_err().code(), code.name());
    }
}

/// A line that is open and says nothing is given up when a beat is missing, and opened again after pauses that double to their bound.
#[tokio::test]
async fn a_missing_beat_opens_the_stream_of_heads_again_after_growing_pauses() {
    let _shown = testkit::contract!("S000-124");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (silence, pauses) = (Duration::from_millis(150), (Duration::from_millis(40), Duration::from_millis(160)));
    let beating = Duration::from_millis(600);
    let opened = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&opened);
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let count = seen.lock().unwrap().len();
            seen.lock().unwrap().push(Instant::now());
            tokio::spawn(async move {
                read_request(&mut socket).await;
                let head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n: opened\n\n";
                let _ = socket.write_all(head).await;
                let started = Instant::now();
                // Only the first line beats, for a while.
                while count == 0 && started.elapsed() < beating {
                    let _ = socket.write_all(b":hb\n\n").await;
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                tokio::time::sleep(Duration::from_secs(60)).await;
            });
        }
    });
    let client = Client::new(&ClientConfig { token: Some(TOKEN.to_owned()), ..ClientConfig::new(url) }).unwrap();
    let mut heads = client.heads_within(silence, pauses);
    let waiting = tokio::spawn(async move { heads.next().await.is_ok() });
    let deadline = Instant::now() + Duration::from_secs(30);
    while opened.lock().unwrap().len() < 6 {
        assert!(Instant::now() < deadline && !waiting.is_finished(), "it was not opened again and again");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    waiting.abort();
    let opened = opened.lock().unwrap().clone();
    let gaps: Vec<Duration> = opened.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let least = |pause: u64| silence + Duration::from_millis(pause);
    // On a busy machine the last beat comes some time before the beating ends.
    let last_beat = beating / 2;
    let expected = [last_beat + least(40), least(80), least(160), least(160), least(160)];
    for (gap, least) in gaps.iter().zip(expected) {
        // The system's clock and ours may differ by a little.
        assert!(*gap + Duration::from_millis(15) >= least, "{gaps:?}");
    }
}
