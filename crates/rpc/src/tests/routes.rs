//! The table of routes: one line per operation, nothing twice, every placeholder a parameter.

use std::collections::BTreeSet;

use crate::error::ErrorCode;
use crate::routes::{Access, Method, Operation, Place, ROUTES, Reply, Route, Scope};

#[test]
#[expect(clippy::as_conversions, reason = "the discriminant is the position")]
fn every_operation_has_its_line_in_order() {
    assert_eq!(ROUTES.len(), Operation::JsonRpc as usize + 1);
    for (position, route) in ROUTES.iter().enumerate() {
        assert_eq!(route.operation as usize, position, "{}", route.path);
        assert_eq!(route.operation.route().path, route.path);
        assert!(!route.summary.is_empty());
    }
}

#[test]
fn paths_methods_and_names_are_unique() {
    let ids: BTreeSet<_> = ROUTES.iter().map(|route| route.operation_id).collect();
    assert_eq!(ids.len(), ROUTES.len());
    let paths: BTreeSet<_> = ROUTES.iter().map(|route| (route.path, route.method == Method::Get)).collect();
    assert_eq!(paths.len(), ROUTES.len());
    let named: Vec<_> = ROUTES.iter().filter_map(|route| route.method_name).collect();
    assert_eq!(named.iter().collect::<BTreeSet<_>>().len(), named.len());
    for name in named {
        assert!(Route::of_method(name).is_some());
    }
    assert!(Route::of_method("").is_none());
}

#[test]
fn every_placeholder_is_a_parameter_and_every_path_parameter_a_placeholder() {
    for route in &ROUTES {
        let in_path: Vec<String> = route
            .path
            .split('/')
            .filter_map(|part| Some(part.strip_prefix('{')?.strip_suffix('}')?.to_owned()))
            .collect();
        let declared: Vec<_> =
            route.parameters.iter().filter(|parameter| parameter.place == Place::Path).map(|p| p.name).collect();
        assert_eq!(in_path, declared, "{}", route.path);
    }
}

#[test]
fn only_submissions_write_and_only_values_have_a_method() {
    for route in &ROUTES {
        let writes = [
            Operation::TransactionSubmit,
            Operation::ProofSubmit,
            Operation::ProofClaim,
            Operation::ProofChainSubmit,
            Operation::SnapshotMake,
            Operation::StateSyncSessionStart,
            Operation::StateSyncSessionResume,
            Operation::StateSyncSessionCancel,
            Operation::SnapshotBreakerReset,
        ]
        .contains(&route.operation);
        assert_eq!(route.access == Access::Write, writes, "{}", route.path);
        assert_eq!(route.access == Access::Token, route.operation == Operation::HeadStream, "{}", route.path);
        assert_eq!(route.access != Access::Open, route.errors.contains(&ErrorCode::Unauthorized));
        if route.method_name.is_some() {
            assert!(matches!(route.reply, Reply::Json(_)), "{}", route.path);
        }
    }
}

#[test]
fn paths_are_filled_in_order() {
    assert_eq!(Operation::TransactionWait.route().path_with(&["ab"]), "/transactions/ab/wait");
    assert_eq!(Operation::BlockList.route().path_with(&["ab"]), "/blocks");
    assert_eq!(Operation::AccountGet.route().path_with(&[]), "/accounts/{address}");
}

#[test]
fn every_route_has_the_scope_of_what_it_does_and_the_document_says_so() {
    let document: serde_json::Value = serde_json::from_str(&crate::openapi_json()).unwrap();
    for route in &ROUTES {
        assert!(route.scope() != Scope::Read || route.access != Access::Write, "{} writes", route.path);
        assert!(route.scope() != Scope::Submit || route.access == Access::Write, "{}", route.path);
        let method = if route.method == Method::Get { "get" } else { "post" };
        let security = &document["paths"][route.path][method]["security"];
        let named = security.as_array().into_iter().flatten().filter_map(|way| way.get("token")?.get(0)?.as_str());
        let named: Vec<&str> = named.collect();
        if route.is_probe() {
            assert!(security.is_null(), "{}", route.path);
        } else {
            assert_eq!(named, [route.scope().name()], "{}", route.path);
        }
    }
    let operate: Vec<_> =
        ROUTES.iter().filter(|route| route.scope() == Scope::Operate).map(|route| route.path).collect();
    assert!(operate.contains(&"/metrics") && operate.contains(&"/validator/peers"), "{operate:?}");
}
