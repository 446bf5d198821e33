//! JSON-RPC envelopes: what is a call, what is refused, and with which id.

use serde_json::{Value, json};

use crate::error::{ApiError, ErrorCode};
use crate::jsonrpc::{BadCall, Call, Incoming, Response, parse};
use crate::limits::BATCH_MAX;
use crate::routes::Operation;
use crate::types::{BlockId, BlockRequest, Empty};

fn body(value: &Value) -> Vec<u8> {
    serde_json::to_vec(value).unwrap()
}

fn single(value: &Value) -> Result<Call, BadCall> {
    let Incoming { batch, mut calls } = parse(&body(value)).unwrap();
    assert!(!batch);
    assert_eq!(calls.len(), 1);
    calls.remove(0)
}

#[test]
fn a_good_call_names_its_route_and_keeps_its_id() {
    let call = single(&json!({"jsonrpc": "2.0", "id": "a", "method": "block.get", "params": {"block": 3}})).unwrap();
    assert_eq!(call.operation(), Operation::BlockGet);
    assert_eq!(call.id, Some(json!("a")));
    assert!(!call.needs_token());
    assert_eq!(call.params::<BlockRequest>().unwrap().block, BlockId::Height(primitives::Height(3)));

    let bare = single(&json!({"jsonrpc": "2.0", "id": 7, "method": "chain.status"})).unwrap();
    assert_eq!(bare.params::<Empty>().unwrap(), Empty {});
    let submit = single(&json!({"jsonrpc": "2.0", "method": "transaction.submit"})).unwrap();
    assert!(submit.needs_token());
    assert_eq!(submit.id, None, "a notification");
    assert_eq!(submit.params::<BlockRequest>().unwrap_err().known(), Some(ErrorCode::BadRequest));
}

#[test]
fn each_bad_call_has_its_number_and_the_id_when_it_is_known() {
    let table = [
        (json!(1), -32_600, json!(null)),
        (json!({"id": 1, "method": "chain.status"}), -32_600, json!(1)),
        (json!({"jsonrpc": "1.0", "id": 1, "method": "chain.status"}), -32_600, json!(1)),
        (json!({"jsonrpc": "2.0", "id": 1}), -32_600, json!(1)),
        (json!({"jsonrpc": "2.0", "id": 1, "method": 5}), -32_600, json!(1)),
        (json!({"jsonrpc": "2.0", "id": {"a": 1}, "method": "chain.status"}), -32_600, json!(null)),
        (json!({"jsonrpc": "2.0", "id": "x".repeat(129), "method": "chain.status"}), -32_600, json!(null)),
        (json!({"jsonrpc": "2.0", "id": 1, "method": "chain.status", "more": 1}), -32_600, json!(1)),
        (json!({"jsonrpc": "2.0", "id": 1, "method": "chain.destroy"}), -32_601, json!(1)),
        (json!({"jsonrpc": "2.0", "id": 1, "method": "block.get", "params": [3]}), -32_602, json!(1)),
    ];
    for (value, number, id) in table {
        let response = Response::from(single(&value).unwrap_err());
        let error = response.error.unwrap();
        assert_eq!((error.code, response.id), (number, id), "{value}");
        assert!(!error.message.is_empty() && !error.data.hint.is_empty() && !error.data.code.is_empty());
    }
}

#[test]
fn a_batch_answers_bad_calls_one_by_one_and_is_bounded() {
    let good = json!({"jsonrpc": "2.0", "id": 1, "method": "chain.status"});
    let incoming = parse(&body(&json!([good, 5, good]))).unwrap();
    assert!(incoming.batch);
    assert_eq!(incoming.calls.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);

    assert_eq!(parse(&body(&json!(vec![good.clone(); BATCH_MAX]))).unwrap().calls.len(), BATCH_MAX);
    let number = |bytes: &[u8]| parse(bytes).unwrap_err().rpc_number();
    assert_eq!(number(&body(&json!(vec![good; BATCH_MAX + 1]))), -32_600);
    assert_eq!(number(b"[]"), -32_600);
    assert_eq!(number(b"{"), -32_700);
    assert_eq!(number("[".repeat(10_000).as_bytes()), ErrorCode::JsonTooDeep.row().number);
}

#[test]
fn errors_carry_message_number_code_and_hint_and_read_back() {
    for code in ErrorCode::all() {
        let error = ApiError::new(code);
        let response = Response::new::<Value>(json!(3), Err(error.clone()));
        let wire = serde_json::to_value(&response).unwrap();
        assert_eq!(
            wire,
            json!({"jsonrpc": "2.0", "id": 3, "error": {
                "code": code.row().number, "message": error.error,
                "data": {"code": code.name(), "hint": error.hint},
            }})
        );
        let back: Response = serde_json::from_value(wire).unwrap();
        assert_eq!(ApiError::from(back.error.unwrap()), error);
    }
    let good = serde_json::to_value(Response::new(json!(null), Ok(5))).unwrap();
    assert_eq!(good, json!({"jsonrpc": "2.0", "id": null, "result": 5}));
}
