//! The error table: unique, complete, and the same on both ways out.

use std::collections::BTreeSet;

use primitives::Rejection;

use crate::error::{ApiError, ErrorCode, REJECTION_NUMBER_FIRST};
use crate::exit_codes::ExitCode;

#[test]
fn names_and_numbers_are_unique_and_every_row_says_something() {
    let rows: Vec<_> = ErrorCode::all().map(ErrorCode::row).collect();
    let names: BTreeSet<_> = rows.iter().map(|row| row.name).collect();
    let numbers: BTreeSet<_> = rows.iter().map(|row| row.number).collect();
    assert_eq!(names.len(), rows.len());
    assert_eq!(numbers.len(), rows.len());
    for row in rows {
        assert!((400..600).contains(&row.http), "{} has HTTP status {}", row.name, row.http);
        assert!(!row.message.is_empty() && !row.hint.is_empty(), "{} says nothing", row.name);
        assert!(row.number < 0);
        assert_ne!(row.exit, ExitCode::Ok, "{} is not a success", row.name);
        assert!(row.name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{}", row.name);
    }
}

#[test]
fn rejections_are_numbered_by_their_position_and_keep_their_own_words() {
    for (position, rejection) in Rejection::ALL.into_iter().enumerate() {
        let row = ErrorCode::Rejected(rejection).row();
        assert_eq!(row.number, REJECTION_NUMBER_FIRST - i32::try_from(position).unwrap(), "{rejection:?}");
        assert_eq!(row.name, rejection.code());
        assert_eq!(row.hint, rejection.hint());
        assert!([409, 413, 422, 429, 503].contains(&row.http), "{rejection:?} has {}", row.http);
        assert_eq!(ApiError::from(rejection).error, rejection.to_string());
    }
}

#[test]
fn a_refusal_that_may_pass_unchanged_later_is_told_apart() {
    // (rejection, HTTP status, exit code)
    let table = [
        (Rejection::BadSignature, 422, ExitCode::Refused),
        (Rejection::WrongChain, 422, ExitCode::Refused),
        (Rejection::NonceTooLow, 409, ExitCode::Refused),
        (Rejection::Duplicate, 409, ExitCode::Refused),
        (Rejection::SenderLimit, 429, ExitCode::NotReady),
        (Rejection::QueueFull, 503, ExitCode::NotReady),
        (Rejection::NotReady, 503, ExitCode::NotReady),
    ];
    for (rejection, http, exit) in table {
        let error = ApiError::from(rejection);
        assert_eq!((error.http_status(), error.exit_code()), (http, exit), "{rejection:?}");
    }
}

#[test]
fn every_code_is_found_by_its_name_and_unknown_ones_are_not() {
    for code in ErrorCode::all() {
        assert_eq!(ErrorCode::from_name(code.name()), Some(code));
        let error = ApiError::new(code);
        assert_eq!(error.known(), Some(code));
        assert_eq!(error.http_status(), code.row().http);
        assert_eq!(error.rpc_number(), code.row().number);
    }
    let newer = ApiError { error: "x".into(), code: "made_up_later".into(), hint: "y".into() };
    assert_eq!(newer.known(), None);
    assert_eq!((newer.http_status(), newer.rpc_number(), newer.exit_code()), (500, -32_603, ExitCode::Refused));
}

#[test]
fn an_error_is_exactly_three_fields() {
    let error = ApiError::not_found("block 7").with_hint("look elsewhere");
    let json = serde_json::to_value(&error).unwrap();
    assert_eq!(
        json,
        serde_json::json!({"error": "block 7 is not known to this node", "code": "not_found", "hint": "look elsewhere"})
    );
    assert_eq!(serde_json::from_value::<ApiError>(json).unwrap(), error);
}

#[test]
fn exit_codes_are_numbered_by_their_position_and_named_once() {
    let names: BTreeSet<_> = ExitCode::ALL.iter().map(|code| code.name()).collect();
    assert_eq!(names.len(), ExitCode::ALL.len());
    for (position, code) in ExitCode::ALL.into_iter().enumerate() {
        assert_eq!(usize::from(code.number()), position);
        assert!(!code.meaning().is_empty());
    }
}
