//! The bearer token: asked for by what writes, and by nothing else.

use primitives::Engine;
use rpc::{Client, ClientConfig};
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
