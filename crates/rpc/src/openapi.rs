//! Writes `docs/openapi.json` from the table of routes and the types.
//!
//! The file is committed; a test compares it with what this module makes. `cargo xtask codegen` writes it.
//! Components come from the types' own schemas, paths from [`ROUTES`], error responses from the error table:
//! nothing is described twice.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;

use crate::error::{ApiError, ErrorCode};
use crate::routes::{Access, BodyOf, Method, Operation, Parameter, Place, ROUTES, Reply, Route, Shape};
use crate::schema::TypeSchema;
use crate::types::Ready;

/// The description of the HTTP API, OpenAPI 3.1, pretty, with a final line break.
pub fn openapi_json() -> String {
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for route in &ROUTES {
        let method = match route.method {
            Method::Get => "get",
            Method::Post => "post",
        };
        paths.entry(route.path).or_default().insert(method.to_owned(), operation(route));
    }
    let document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "The Block: node API",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "Apache-2.0 OR MIT" },
            "description": description(),
        },
        "servers": [{ "url": "http://127.0.0.1:26658", "description": "a node with its default port" }],
        "paths": paths,
        "components": {
            "schemas": components(),
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer", "description": "the node's TB_RPC_AUTH_TOKEN, which has every scope, or one of rpc.tokens_file with the scope that the route names" },
            },
        },
    });
    pretty(&document)
}

/// Pretty JSON with sorted keys and a final line break.
///
/// Keys are sorted here because a crate elsewhere in the build may switch `serde_json` to keep insertion order.
pub(crate) fn pretty(document: &Value) -> String {
    let mut text = serde_json::to_string_pretty(&sorted(document)).expect("JSON values have string keys");
    text.push('\n');
    text
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields: BTreeMap<&String, Value> = fields.iter().map(|(key, value)| (key, sorted(value))).collect();
            Value::Object(fields.into_iter().map(|(key, value)| (key.clone(), value)).collect())
        }
        Value::Array(entries) => Value::Array(entries.iter().map(sorted).collect()),
        plain => plain.clone(),
    }
}

/// Every named schema of the API, by name.
pub(crate) fn components() -> BTreeMap<String, Value> {
    let mut all: Vec<(String, RefOr<Schema>)> = Vec::new();
    let mut add = |schema: &TypeSchema| {
        all.push(((schema.name)().into_owned(), (schema.schema)()));
        (schema.nested)(&mut all);
    };
    add(&TypeSchema::of::<ApiError>());
    for route in &ROUTES {
        add(&route.params);
        if let Some(BodyOf::Json(body)) = &route.body {
            add(body);
        }
        match &route.reply {
            Reply::Json(schema) | Reply::Events { data: schema, .. } => add(schema),
            Reply::Text(_) | Reply::Bytes | Reply::JsonRpc => {}
        }
        for parameter in route.parameters {
            if let Shape::Named(schema) = &parameter.shape {
                add(schema);
            }
        }
    }
    all.into_iter()
        .map(|(name, schema)| (name, serde_json::to_value(schema).expect("a schema is plain data")))
        .collect()
}

pub(crate) fn reference(schema: &TypeSchema) -> Value {
    json!({ "$ref": format!("#/components/schemas/{}", (schema.name)()) })
}

/// The schema of one parameter.
pub(crate) fn shape(shape: &Shape) -> Value {
    match shape {
        Shape::Integer { min, max } => json!({ "type": "integer", "format": "int64", "minimum": min, "maximum": max }),
        Shape::Named(schema) => reference(schema),
    }
}

/// Content type of bytes as they are.
const BYTES: &str = "application/octet-stream";

fn bytes() -> Value {
    json!({ "type": "string", "format": "binary" })
}

fn description() -> String {
    let mut text = String::from(
        "Amounts are integers in µBLOCK, times are milliseconds since the Unix epoch, hashes and keys are \
         hexadecimal, addresses are bech32m. Every error is `{error, code, hint}`. Codes:\n\n\
         | code | HTTP | JSON-RPC | exit code | what to do |\n|---|---|---|---|---|\n",
    );
    for code in ErrorCode::all() {
        let row = code.row();
        text.push_str(&format!(
            "| `{}` | {} | {} | {} | {} |\n",
            row.name,
            row.http,
            row.number,
            row.exit.number(),
            row.hint.replace('|', "\\|")
        ));
    }
    text
}

fn operation(route: &Route) -> Value {
    let parameters: Vec<Value> = route.parameters.iter().map(parameter).collect();
    let mut operation = json!({
        "operationId": route.operation_id,
        "summary": route.summary,
        "parameters": parameters,
        "responses": responses(route),
    });
    if let Some((media, body)) = request_body(route) {
        operation["requestBody"] = json!({ "required": true, "content": { (media): { "schema": body } } });
    }
    let scope = route.scope().name();
    match route.access {
        _ if route.is_probe() => {}
        // The empty alternative: a node without tokens asks for none, and most nodes let everybody read.
        Access::Open => operation["security"] = json!([{}, { "token": [scope] }]),
        Access::Write => operation["security"] = json!([{ "token": [scope] }, {}]),
        Access::Token => operation["security"] = json!([{ "token": [scope] }]),
    }
    operation
}

/// Content type and schema of the body.
fn request_body(route: &Route) -> Option<(&'static str, Value)> {
    match (&route.reply, &route.body) {
        (Reply::JsonRpc, _) => {
            let calls = json!({ "type": ["object", "array"], "description": "one call, or 1 to 100 of them" });
            Some(("application/json", calls))
        }
        (_, Some(BodyOf::Json(body))) => Some(("application/json", reference(body))),
        (_, Some(BodyOf::Bytes)) => Some((BYTES, bytes())),
        (_, None) => None,
    }
}

fn parameter(parameter: &Parameter) -> Value {
    let place = match parameter.place {
        Place::Path => "path",
        Place::Query => "query",
    };
    json!({
        "name": parameter.name,
        "in": place,
        "required": parameter.place == Place::Path,
        "description": parameter.description,
        "schema": shape(&parameter.shape),
    })
}

fn responses(route: &Route) -> Value {
    let good = match &route.reply {
        Reply::Json(schema) => json!({ "application/json": { "schema": reference(schema) } }),
        Reply::Text(content_type) => json!({ (*content_type): { "schema": { "type": "string" } } }),
        Reply::Bytes => json!({ (BYTES): { "schema": bytes() } }),
        Reply::Events { event, data } => json!({
            "text/event-stream": {
                "schema": { "type": "string" },
                "x-event": event,
                "x-event-data": reference(data),
            },
        }),
        Reply::JsonRpc => json!({ "application/json": { "schema": { "type": ["object", "array"] } } }),
    };
    let mut responses = Map::new();
    responses.insert("200".to_owned(), json!({ "description": route.summary, "content": good }));
    let mut codes: BTreeMap<u16, Vec<&str>> = BTreeMap::new();
    for code in route.all_errors() {
        codes.entry(code.row().http).or_default().push(code.name());
    }
    for (status, names) in codes {
        let mut schema = reference(&TypeSchema::of::<ApiError>());
        if route.operation == Operation::HealthReady && status == 503 {
            schema = json!({ "anyOf": [reference(&TypeSchema::of::<Ready>()), schema] });
        }
        responses.insert(
            status.to_string(),
            json!({
                "description": format!("refused: {}", names.join(", ")),
                "content": { "application/json": { "schema": schema } },
            }),
        );
    }
    Value::Object(responses)
}
