//! Everything that a stranger can send: each wrong thing gets its named refusal with a hint, and the chain goes on.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use primitives::{Amount, Height, Lane, Nonce, Outcome, Signature, Transaction, TransactionBody, encode};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use testkit::Seed;

use crate::cluster::{Cluster, Node};
use crate::pay::{Payer, VALID_UNTIL, micro};

/// Where the action's tag lies in a transaction: after version, payer, nonce, lane, tip, max_fee and valid_until.
const ACTION_TAG_OFFSET: usize = 1 + 30 + 8 + 1 + 8 + 8 + 8;
/// The order of the Ed25519 base point, little-endian: S + ℓ satisfies the same equation as S.
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/// The wrong things, sent to one node.
struct Sender {
    http: Client,
    url: String,
}

/// What came back.
struct Reply {
    status: u16,
    body: Value,
}

impl Sender {
    fn new(node: &Node) -> Self {
        Self { http: Client::new(), url: node.ports.rpc_url() }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url)).timeout(Duration::from_secs(20))
    }

    async fn send(&self, what: &str, request: RequestBuilder) -> Reply {
        let response = request.send().await.unwrap_or_else(|error| panic!("{what}: no answer: {error:?}"));
        let status = response.status().as_u16();
        let text = response.text().await.unwrap_or_else(|error| panic!("{what}: no body: {error:?}"));
        let body = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{what}: status {status}, not JSON: {text}"));
        Reply { status, body }
    }

    /// Sends it and checks the three fields of the refusal.
    async fn refused(&self, what: &str, request: RequestBuilder, code: &str) {
        let reply = self.send(what, request).await;
        let full = reply.status != 503 || ["queue_full", "not_ready"].contains(&code);
        assert!((400..=503).contains(&reply.status) && reply.status != 500 && full, "{what}: {}", reply.status);
        check_refusal(what, &reply.body["code"], &reply.body["error"], &reply.body["hint"], code);
    }

    /// Sends a submission over HTTP and over JSON-RPC: the same refusal.
    async fn submission_refused(&self, what: &str, submission: &Value, code: &str) {
        let http = self.request(Method::POST, "/transactions").json(submission);
        self.refused(what, http, code).await;
        self.call_refused(what, &call("transaction.submit", submission), code).await;
    }

    /// Sends a JSON-RPC call and checks its error.
    async fn call_refused(&self, what: &str, call: &Value, code: &str) {
        let reply = self.send(what, self.request(Method::POST, "/rpc").json(call)).await;
        assert!(reply.status < 500, "{what}: {}", reply.status);
        let error = &reply.body["error"];
        assert!(error["code"].as_i64().is_some_and(|number| number < 0), "{what}: {}", reply.body);
        check_refusal(what, &error["data"]["code"], &error["message"], &error["data"]["hint"], code);
    }
}

fn check_refusal(what: &str, code: &Value, error: &Value, hint: &Value, expected: &str) {
    assert_eq!(code, expected, "{what}: {error}");
    let is_text = |value: &Value| value.as_str().is_some_and(|text| text.len() > 5);
    assert!(is_text(error) && is_text(hint), "{what}: {error}, {hint}");
}

fn call(method: &str, params: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params })
}

fn submission(bytes: &[u8]) -> Value {
    json!({ "transaction": hex::encode(bytes) })
}

/// The same signature with ℓ added to its scalar.
fn malleable(signature: Signature) -> Signature {
    let mut bytes = signature.0;
    let mut carry = 0_u16;
    for (byte, add) in bytes[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        *byte = u8::try_from(sum & 0xff).expect("one byte");
        carry = sum >> 8;
    }
    assert_eq!(carry, 0, "the scalar is below ℓ");
    Signature(bytes)
}

/// Wrong transactions of an account whose nonce is 1, with the code of each refusal.
fn wrong_transactions(
    payer: &Payer,
    other: &Payer,
    poor: &Payer,
    height: u64,
) -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let body = || payer.body(other.address, 5);
    let good = payer.sign(body());
    let signed = |change: &dyn Fn(&mut TransactionBody)| {
        let mut body = body();
        change(&mut body);
        encode(&payer.sign(body))
    };
    let resigned = |signature: Signature| encode(&Transaction { signature, ..good.clone() });
    let mut flipped = good.signature;
    flipped.0[3] ^= 4;
    let mut tag = encode(&good);
    tag[ACTION_TAG_OFFSET] = 200;
    let mut version = encode(&good);
    version[0] = 2;
    let bytes = encode(&good);
    let nobody = payer.stranger(9);
    vec![
        ("signed for another chain", encode(&payer.elsewhere().sign(body())), "bad_signature"),
        ("flipped bit in the signature", resigned(flipped), "bad_signature"),
        ("malleable signature", resigned(malleable(good.signature)), "bad_signature"),
        ("all-zero signature", resigned(Signature([0; 64])), "bad_signature"),
        ("key of somebody else", encode(&other.sign(body())), "wrong_key"),
        ("payer without account", encode(&nobody.sign(nobody.body(other.address, 1))), "unknown_payer"),
        ("used nonce", signed(&|body| body.nonce = Nonce::default()), "nonce_too_low"),
        ("nonce far ahead", signed(&|body| body.nonce = Nonce::new(1_000).expect("small")), "nonce_too_high"),
        ("nonce at the end of its range", signed(&|body| body.nonce = Nonce::MAX), "nonce_too_high"),
        ("fee below the price", signed(&|body| body.max_fee = micro(1)), "fee_too_low"),
        ("fee that the account has not got", encode(&poor.sign(poor.body(other.address, 1))), "balance_below_fee"),
        ("expired", signed(&|body| body.valid_until = Height(1)), "expired"),
        ("expired before the chain began", signed(&|body| body.valid_until = Height(0)), "expired"),
        ("valid for too long", signed(&|body| body.valid_until = Height(height + 5_000)), "valid_until_too_far"),
        ("valid for ever", signed(&|body| body.valid_until = Height(u64::MAX)), "valid_until_too_far"),
        ("lane of another action", signed(&|body| body.lane = Lane::Industrial), "wrong_lane"),
        ("payment of nothing", encode(&payer.sign(payer.body(other.address, 0))), "empty_payment"),
        ("unknown action", tag, "malformed"),
        ("unknown version", version, "malformed"),
        ("truncated", bytes[..bytes.len() - 1].to_vec(), "malformed"),
        ("cut in the middle", bytes[..70].to_vec(), "malformed"),
        ("one byte too many", [bytes.as_slice(), &[0]].concat(), "malformed"),
        ("nothing", Vec::new(), "malformed"),
        ("amounts beyond their range", vec![0xff; 200], "malformed"),
        ("oversize", vec![0; 16_385], "oversize"),
    ]
}

async fn wrong_submissions(sender: &Sender, transaction: &Transaction) {
    let good = hex::encode(encode(transaction));
    let other_chain = json!({ "transaction": good, "genesis_hash": "11".repeat(32) });
    for (what, value, code) in [
        ("another chain named", other_chain, "wrong_chain"),
        ("not hexadecimal", json!({ "transaction": "zz" }), "bad_request"),
        ("odd number of digits", json!({ "transaction": "0" }), "bad_request"),
        ("number for bytes", json!({ "transaction": 5 }), "bad_request"),
        ("nothing for bytes", json!({ "transaction": null }), "bad_request"),
        ("missing field", json!({}), "bad_request"),
        ("unknown field", json!({ "transaction": good, "fee": 1 }), "bad_request"),
        ("bad chain", json!({ "transaction": good, "genesis_hash": "x" }), "bad_request"),
        ("list for an object", json!([1, 2]), "bad_request"),
    ] {
        sender.submission_refused(what, &value, code).await;
    }
    let post = |body: Vec<u8>| {
        let request = sender.request(Method::POST, "/transactions");
        request.header("content-type", "application/json").body(body)
    };
    let deep = |open: &str, close: &str| [open.repeat(10_000), close.repeat(10_000)].concat().into_bytes();
    for (what, body, code) in [
        ("not JSON", b"transaction=5".to_vec(), "parse_error"),
        ("empty body", Vec::new(), "parse_error"),
        ("not UTF-8", vec![b'"', 0xff, 0xfe, b'"'], "parse_error"),
        ("10,000 lists in each other", deep("[", "]"), "json_too_deep"),
        ("10,000 objects in each other", deep("{\"a\":", "}"), "json_too_deep"),
        ("10,000 lists never closed", deep("[", ""), "json_too_deep"),
        ("10 MB", vec![b' '; 10 * 1024 * 1024], "body_too_large"),
    ] {
        sender.refused(what, post(body.clone()), code).await;
        let rpc = sender.request(Method::POST, "/rpc").header("content-type", "application/json").body(body);
        sender.refused_anywhere(what, rpc, code).await;
    }
    let form = sender.request(Method::POST, "/transactions").header("content-type", "text/plain").body("{}");
    sender.refused("another content type", form, "unsupported_media").await;
}

impl Sender {
    /// A refusal in either of the two shapes: a JSON-RPC body that is none has no envelope to answer in.
    async fn refused_anywhere(&self, what: &str, request: RequestBuilder, code: &str) {
        let reply = self.send(what, request).await;
        assert!(reply.status < 500, "{what}: {}", reply.status);
        let error = &reply.body["error"];
        let told = if error.is_object() { &error["data"]["code"] } else { &reply.body["code"] };
        assert_eq!(told, code, "{what}: {}", reply.body);
    }
}

async fn wrong_calls(sender: &Sender) {
    for (what, value, code) in [
        ("a number", json!(5), "invalid_request"),
        ("an empty batch", json!([]), "invalid_request"),
        ("101 calls", json!(vec![call("chain.status", &json!({})); 101]), "invalid_request"),
        ("another version", json!({ "jsonrpc": "1.0", "id": 1, "method": "chain.status" }), "invalid_request"),
        ("no method", json!({ "jsonrpc": "2.0", "id": 1 }), "invalid_request"),
        ("unknown method", call("eth_sendRawTransaction", &json!({})), "method_not_found"),
        ("method with another case", call("Chain.Status", &json!({})), "method_not_found"),
        ("unknown parameter", call("chain.status", &json!({ "verbose": true })), "bad_request"),
        ("bad address", call("account.get", &json!({ "address": "tb1nonsense" })), "bad_request"),
        ("negative limit", call("block.list", &json!({ "limit": -1 })), "bad_request"),
        ("fraction for a limit", call("block.list", &json!({ "limit": 1.5 })), "bad_request"),
        ("huge limit", call("block.list", &json!({ "limit": 1e300 })), "bad_request"),
        ("unknown transaction", call("transaction.status", &json!({ "id": "00".repeat(32) })), "not_found"),
    ] {
        sender.call_refused(what, &value, code).await;
    }
}

async fn wrong_paths(sender: &Sender, payer: &Payer) {
    let account = format!("/accounts/{}", payer.address);
    let unknown = "00".repeat(32);
    let mut paths = vec![
        ("/nowhere".to_owned(), "not_found"),
        ("/../../etc/passwd".to_owned(), "not_found"),
        (format!("/{}", "a".repeat(5_000)), "not_found"),
        ("/transactions/xyz".to_owned(), "bad_request"),
        (format!("/transactions/{unknown}"), "not_found"),
        (format!("/transactions/{unknown}/wait?timeout_ms=1"), "not_found"),
        (format!("/transactions/{unknown}/stream"), "not_found"),
        (format!("/transactions/{unknown}/proof"), "not_found"),
        (format!("/transactions/{unknown}/wait?timeout_ms=999999999"), "bad_request"),
        (format!("/transactions/{unknown}/wait?stage=rejected"), "bad_request"),
        (format!("/transactions/{unknown}/wait?stage=done"), "bad_request"),
        (format!("/receipts/{unknown}"), "not_found"),
        ("/receipts/-".to_owned(), "bad_request"),
        ("/blocks/-1".to_owned(), "bad_request"),
        ("/blocks/+1".to_owned(), "bad_request"),
        ("/blocks/99999999999999999999999".to_owned(), "bad_request"),
        ("/blocks/18446744073709551615".to_owned(), "not_found"),
        (format!("/blocks/{unknown}"), "not_found"),
        ("/blocks/%00".to_owned(), "bad_request"),
        ("/blocks/%ff%fe".to_owned(), "bad_request"),
        ("/accounts/tb1nonsense".to_owned(), "bad_request"),
        ("/accounts/0x52908400098527886E0F7030069857D2E4169EE7".to_owned(), "bad_request"),
        (format!("{account}/history?before=1"), "bad_request"),
        (format!("{account}/history?before=1.2.3.4"), "bad_request"),
        (format!("{account}/history?before=-1.0.0"), "bad_request"),
    ];
    for list in ["/blocks".to_owned(), format!("{account}/history")] {
        for query in ["limit=-1", "limit=0", "limit=101", "limit=99999999999999999999", "limit=ten", "limit=1&limit=2"]
        {
            paths.push((format!("{list}?{query}"), "bad_request"));
        }
        paths.push((format!("{list}?offset=5"), "bad_request"));
        paths.push((format!("{list}?before=abc"), "bad_request"));
    }
    paths.push(("/blocks?before=-1".to_owned(), "bad_request"));
    for (path, code) in paths {
        sender.refused(&path, sender.request(Method::GET, &path), code).await;
    }
    for (method, path) in [
        (Method::GET, "/transactions"),
        (Method::DELETE, "/transactions"),
        (Method::POST, "/blocks/latest"),
        (Method::PUT, "/health"),
        (Method::GET, "/rpc"),
    ] {
        let what = format!("{method} {path}");
        sender.refused(&what, sender.request(method, path), "method_not_allowed").await;
    }
}

/// Bytes that are no HTTP: whatever comes back, the node stays.
fn wrong_bytes(node: &Node) {
    let mut random = Seed::new();
    for length in [0, 1, 100, 20_000] {
        let mut stream = TcpStream::connect(("127.0.0.1", node.ports.rpc)).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(2))).expect("a socket");
        // The node may hang up in the middle of it.
        let _ = stream.write_all(&random.bytes(length));
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_wrong_request_is_refused_by_name_and_the_chain_goes_on() {
    let cluster = Cluster::of_four().await;
    let node = &cluster.nodes[1];
    let (mut payer, other) = (Payer::funded(&cluster.network, 1), Payer::funded(&cluster.network, 2));
    let sender = Sender::new(node);
    let poor = payer.stranger(3);

    // A good one, which also opens an account that has next to nothing.
    let first = payer.pay(poor.address, 1);
    node.client().submit(&payer.request(&first)).await.expect("a good transfer");
    let again = json!({ "transaction": hex::encode(encode(&first)) });
    sender.submission_refused("handed in twice", &again, "duplicate").await;
    assert_eq!(node.finalized(first.id()).await.receipt.map(|receipt| receipt.outcome), Some(Outcome::Success));
    sender.submission_refused("handed in again after it was finalized", &again, "duplicate").await;

    let height = cluster.level(Duration::from_secs(10)).await;
    for (what, bytes, code) in wrong_transactions(&payer, &other, &poor, height) {
        sender.submission_refused(what, &submission(&bytes), code).await;
    }
    wrong_submissions(&sender, &payer.sign(payer.body(other.address, 5))).await;
    wrong_calls(&sender).await;
    wrong_paths(&sender, &payer).await;
    wrong_bytes(node);

    // More than there is: the fee is paid, the payment fails, and everybody agrees on it.
    let before = node.client().account(&payer.address).await.expect("an account");
    let overdraft = payer.pay(other.address, before.balance.micro() + 1);
    node.client().submit(&payer.request(&overdraft)).await.expect("it can pay its fee");
    let receipt = node.finalized(overdraft.id()).await.receipt.expect("a receipt");
    assert_eq!(receipt.outcome, Outcome::InsufficientBalance);
    assert!(receipt.hint.is_some_and(|hint| hint.contains("read the balance")), "a refusal says what to do");
    assert_eq!(receipt.tip, Amount::ZERO);
    let height = cluster.level(Duration::from_secs(10)).await;
    for node in &cluster.nodes {
        let after = node.client().account(&payer.address).await.expect("an account");
        assert_eq!(before.balance.micro() - after.balance.micro(), receipt.fee_burned.micro());
        assert_eq!((after.nonce.get(), VALID_UNTIL > after.height), (payer.nonce, true));
        node.reaches(height + 2, Duration::from_secs(10)).await;
    }
    cluster.check_one_history().await;
}
