//! The same question over HTTP and over JSON-RPC gets the same answer.

use std::collections::BTreeSet;

use rpc::routes::{Method, Place, ROUTES, Route};
use serde_json::{Map, Value, json};

use crate::cluster::Cluster;
use crate::pay::Payer;

/// Every key of an answer with its path, so that answers that hold clocks can be compared.
fn shape(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                shape(field, &format!("{path}.{name}"), found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| shape(item, &format!("{path}[]"), found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            found.insert(path.to_owned());
        }
    }
}

fn shape_of(value: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    shape(value, "", &mut found);
    found
}

/// The value of a part of a path, as text and as JSON-RPC takes it.
fn part(name: &str, id: &str, address: &str) -> (String, Value) {
    match name {
        "id" => (id.to_owned(), json!(id)),
        "address" => (address.to_owned(), json!(address)),
        "block" => ("1".to_owned(), json!("1")),
        "height" => ("1".to_owned(), json!(1)),
        other => panic!("no value for {other}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_method_answers_what_its_route_answers() {
    let cluster = Cluster::solo().await;
    let node = &cluster.nodes[0];
    let mut payer = Payer::funded(&cluster.network, 1);
    let transaction = payer.pay(Payer::funded(&cluster.network, 2).address, 5);
    node.client().submit(&payer.request(&transaction)).await.expect("admitted");
    node.finalized(transaction.id()).await;
    let (id, address) = (transaction.id().to_string(), payer.address.to_string());
    let http = reqwest::Client::new();
    let url = node.ports.rpc_url();
    let asked = |route: &&Route| route.method == Method::Get && route.method_name.is_some();
    let mut good = 0;
    for route in ROUTES.iter().filter(asked) {
        let places = route.parameters.iter().filter(|parameter| parameter.place == Place::Path);
        let parts: Vec<_> = places.map(|place| (place.name, part(place.name, &id, &address))).collect();
        let texts: Vec<&str> = parts.iter().map(|(_, (text, _))| text.as_str()).collect();
        let params: Map<String, Value> =
            parts.iter().map(|(name, (_, value))| ((*name).to_owned(), value.clone())).collect();
        let plain = http.get(format!("{url}{}", route.path_with(&texts))).send().await.expect("an answer");
        let is_good = plain.status().is_success();
        let plain: Value = plain.json().await.expect("JSON");
        let call = json!({"jsonrpc": "2.0", "id": 7, "method": route.method_name, "params": params});
        let answer = http.post(format!("{url}/rpc")).json(&call).send().await.expect("an answer");
        let answer: Value = answer.json().await.expect("JSON");
        assert_eq!(answer["id"], 7, "{answer}");
        if is_good {
            good += 1;
            assert_eq!(shape_of(&answer["result"]), shape_of(&plain), "{}", route.path);
        } else {
            assert_eq!(answer["error"]["data"]["code"], plain["code"], "{}: {answer} and {plain}", route.path);
        }
    }
    assert!(good > 20, "{good} routes answered");
    let receipt = node.client().receipt(transaction.id()).await.expect("a receipt");
    assert_eq!((receipt.transaction, receipt.outcome.name(), receipt.hint), (transaction.id(), "success", None));
}
