//! The committed descriptions: up to date, and every reference leads somewhere.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::error::ErrorCode;
use crate::routes::ROUTES;

const HOW: &str =
    "run `cargo xtask codegen` (or `cargo run --release -p rpc --example rpc_codegen`) and commit the result";

fn committed(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}; {HOW}", path.display()))
}

fn references<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                match value {
                    Value::String(target) if key == "$ref" => {
                        found.insert(target);
                    }
                    _ => references(value, found),
                }
            }
        }
        Value::Array(entries) => entries.iter().for_each(|entry| references(entry, found)),
        _ => {}
    }
}

fn assert_references_lead_somewhere(text: &str) -> Value {
    let document: Value = serde_json::from_str(text).unwrap();
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    assert!(!found.is_empty());
    for target in found {
        let pointer = target.strip_prefix('#').unwrap_or_else(|| panic!("{target} leaves the document"));
        assert!(document.pointer(pointer).is_some(), "{target} leads nowhere");
    }
    document
}

#[test]
fn the_committed_openapi_file_is_up_to_date() {
    assert!(committed("openapi.json") == crate::openapi_json(), "docs/openapi.json differs from the contract: {HOW}");
}

#[test]
fn the_committed_openrpc_file_is_up_to_date() {
    assert!(committed("openrpc.json") == crate::openrpc_json(), "docs/openrpc.json differs from the contract: {HOW}");
}

#[test]
fn openapi_describes_every_route_and_every_reference_resolves() {
    let document = assert_references_lead_somewhere(&crate::openapi_json());
    assert_eq!(document["openapi"], "3.1.0");
    let mut ids = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for operation in methods.as_object().unwrap().values() {
            ids.insert(operation["operationId"].as_str().unwrap().to_owned());
            assert!(operation["responses"]["200"].is_object(), "{path}");
            for response in operation["responses"].as_object().unwrap().values() {
                assert!(response["description"].is_string(), "{path}");
            }
        }
    }
    assert_eq!(ids, ROUTES.iter().map(|route| route.operation_id.to_owned()).collect());
    let description = document["info"]["description"].as_str().unwrap();
    for code in ErrorCode::all() {
        assert!(description.contains(&format!("| `{code}` |")), "{code} is not in the table");
    }
}

#[test]
fn openrpc_describes_every_method_with_its_parameters_and_every_reference_resolves() {
    let document = assert_references_lead_somewhere(&crate::openrpc_json());
    let methods = document["methods"].as_array().unwrap();
    let names: Vec<_> = methods.iter().map(|method| method["name"].as_str().unwrap()).collect();
    assert_eq!(names, ROUTES.iter().filter_map(|route| route.method_name).collect::<Vec<_>>());
    let parameters = |name: &str| -> Vec<(String, bool)> {
        let method = methods.iter().find(|method| method["name"] == name).unwrap();
        let list = method["params"].as_array().unwrap();
        list.iter()
            .map(|entry| (entry["name"].as_str().unwrap().to_owned(), entry["required"].as_bool().unwrap()))
            .collect()
    };
    let named = |list: &[(&str, bool)]| list.iter().map(|(name, must)| ((*name).to_owned(), *must)).collect::<Vec<_>>();
    assert_eq!(parameters("chain.status"), []);
    assert_eq!(parameters("block.get"), named(&[("block", true)]));
    assert_eq!(parameters("transaction.submit"), named(&[("genesis_hash", false), ("transaction", true)]));
    assert_eq!(parameters("account.history"), named(&[("address", true), ("before", false), ("limit", false)]));
}
