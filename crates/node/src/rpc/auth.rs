//! The bearer token: asked for on routes that write, where the node has one, and always on those that stream to light
//! clients.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use rpc::routes::{Access, Route};
use rpc::{ApiError, ErrorCode};

use super::server::Server;

/// What stands before the token, in any case of letters.
const SCHEME: &[u8] = b"bearer ";

/// Whether a request with these headers may write. The token is compared in constant time.
pub fn may_write(server: &Server, headers: &HeaderMap) -> bool {
    let Some(token) = &server.shared.config.rpc.auth_token else { return true };
    let given = headers.get(AUTHORIZATION).map(|value| value.as_bytes());
    let given = given.and_then(|value| value.split_at_checked(SCHEME.len()));
    given.is_some_and(|(scheme, given)| scheme.eq_ignore_ascii_case(SCHEME) && token.matches(given))
}

/// Refuses a request that needs the token and does not have it.
///
/// # Errors
/// `unauthorized`.
pub fn check(server: &Server, route: &Route, may_write: bool) -> Result<(), ApiError> {
    let has_token = server.shared.config.rpc.auth_token.is_some();
    match route.access {
        Access::Open => Ok(()),
        Access::Write if may_write => Ok(()),
        Access::Token if has_token && may_write => Ok(()),
        Access::Write | Access::Token => {
            server.shared.metrics.rpc.unauthorized.inc();
            let refused = ApiError::new(ErrorCode::Unauthorized);
            Err(if has_token {
                refused
            } else {
                refused
                    .because("this node has no token, and the route is open only to who has it")
                    .with_hint("start the node with TB_RPC_AUTH_TOKEN and send it as Authorization: Bearer")
            })
        }
    }
}
