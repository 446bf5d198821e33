//! Writes `docs/openrpc.json`: every JSON-RPC method, from the same table as OpenAPI.
//!
//! Parameters are the properties of the method's parameter object, each by name. The file is committed; a
//! test compares it with what this module makes. `cargo xtask codegen` writes it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::error::ErrorCode;
use crate::limits::BATCH_MAX;
use crate::openapi::{components, pretty, reference};
use crate::routes::{ROUTES, Reply, Route};

/// The description of the JSON-RPC API, OpenRPC 1.3, pretty, with a final line break.
pub fn openrpc_json() -> String {
    let schemas = components();
    let methods: Vec<Value> = ROUTES.iter().filter_map(|route| method(route, &schemas)).collect();
    let document = json!({
        "openrpc": "1.3.2",
        "info": {
            "title": "The Block: node API",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "Apache-2.0 OR MIT" },
            "description": format!(
                "JSON-RPC 2.0 over POST /rpc. Parameters are an object. A batch has 1 to {BATCH_MAX} calls. An error \
                 carries a number as code, what happened as message, and data with the code by name and a hint."
            ),
        },
        "servers": [{ "name": "default", "url": "http://127.0.0.1:26658/rpc" }],
        "methods": methods,
        "components": { "schemas": schemas, "errors": errors() },
    });
    pretty(&document)
}

fn method(route: &Route, schemas: &BTreeMap<String, Value>) -> Option<Value> {
    let name = route.method_name?;
    let Reply::Json(result) = &route.reply else { return None };
    let codes = route.all_errors().chain([ErrorCode::InvalidRequest, ErrorCode::ParseError]);
    let mut errors: Vec<&str> =
        codes.filter(|code| *code != ErrorCode::MethodNotAllowed).map(ErrorCode::name).collect();
    errors.sort_unstable();
    errors.dedup();
    let errors: Vec<Value> =
        errors.into_iter().map(|code| json!({ "$ref": format!("#/components/errors/{code}") })).collect();
    Some(json!({
        "name": name,
        "summary": route.summary,
        "paramStructure": "by-name",
        "params": parameters(schemas.get((route.params.name)().as_ref())),
        "result": { "name": "result", "schema": reference(result) },
        "errors": errors,
    }))
}

/// The properties of a parameter object as OpenRPC lists them.
fn parameters(object: Option<&Value>) -> Vec<Value> {
    let Some(properties) = object.and_then(|object| object.get("properties")?.as_object()) else {
        return Vec::new();
    };
    let required = |name: &str| {
        let list = object.and_then(|object| object.get("required")?.as_array());
        list.is_some_and(|list| list.iter().any(|entry| entry == name))
    };
    properties
        .iter()
        .map(|(name, schema)| json!({ "name": name, "required": required(name), "schema": schema }))
        .collect()
}

fn errors() -> BTreeMap<&'static str, Value> {
    ErrorCode::all()
        .map(|code| {
            let row = code.row();
            let error = json!({
                "code": row.number,
                "message": crate::ApiError::new(code).error,
                "data": { "code": row.name, "hint": row.hint },
            });
            (row.name, error)
        })
        .collect()
}
