//! Who asks, what they may ask, and how often.
//!
//! ```text
//! connection ─► Peer (address) ┐
//! authorization header ────────┴─► Caller ─► allow: bucket of the caller ─► check: access and scope of the route
//! ```
//! Rules
//! - Before a caller is known, nothing is done but to compare the header with each token, in constant time.
//! - A token is asked for on routes that write, where the node has one; on the stream for light clients always; on
//!   everything but the health probes where `rpc.open_reads` is off. A token without the scope of the route is
//!   refused as `forbidden`, with the scope in the error.
//! - Each address and each token has its own buckets ([`rpc::rate`]). Callers on this machine are not limited, unless
//!   `rpc.rate_limit.loopback` says so: wallets, provers and benches of the operator run there. Health probes are
//!   never limited, metrics and chunks of a state sync are not for those who may ask for them: a token cannot be guessed there.
//! - A token that is not known counts as none, and the address pays for it.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use ::config::{RateLimitConfig, Token};
use axum::http::header::{AUTHORIZATION, HeaderName, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use rpc::rate::{Caller as Owner, Class, Rate, Rates, Verdict};
use rpc::routes::{Access, Route};
use rpc::{ApiError, ErrorCode};

use super::door::Door;
use super::server::lock;

/// What stands before the token, in any case of letters.
const SCHEME: &[u8] = b"bearer ";
/// What remains of the caller's bucket.
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
/// How large the bucket is and how fast it fills.
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Where a connection comes from; every request of it carries this.
#[derive(Debug, Clone, Copy)]
pub struct Peer {
    /// Its address.
    pub address: SocketAddr,
    /// Whether there is no room for it but to answer a health probe.
    pub probes_only: bool,
}

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub struct Caller {
    address: IpAddr,
    /// The number of their token.
    token: Option<usize>,
}

impl Caller {
    /// The caller of a request with these headers from this address.
    pub fn of(door: &Door, peer: SocketAddr, headers: &HeaderMap) -> Self {
        let given = headers.get(AUTHORIZATION).map(|value| value.as_bytes());
        let given = given.and_then(|value| value.split_at_checked(SCHEME.len()));
        let given = given.filter(|(scheme, _)| scheme.eq_ignore_ascii_case(SCHEME)).map(|(_, given)| given);
        let tokens = &door.config.tokens;
        // Every token is compared, so that the time says nothing about which one is near.
        let token = given.and_then(|given| {
            let matches = |(number, token): (usize, &Token)| token.secret.matches(given).then_some(number);
            tokens.iter().enumerate().map(matches).fold(None, Option::or)
        });
        Self { address: peer.ip().to_canonical(), token }
    }
}

/// The rates of this configuration.
pub fn rates(config: &RateLimitConfig) -> Rates {
    let rate = |burst, per_minute| (burst > 0).then_some(Rate { burst, per_minute });
    Rates {
        read: rate(config.read_burst, config.read_per_minute),
        write: rate(config.write_burst, config.write_per_minute),
    }
}

/// Takes a request of this route from the caller's bucket; `None` where nothing is limited.
pub fn take(door: &Door, route: &Route, caller: Caller) -> Option<Verdict> {
    let config = *door.rate_limit.borrow();
    let is_free = route.is_unlimited() && (!is_token_asked_for(door, route) || has_scope(door, route, caller));
    if is_free || (caller.address.is_loopback() && !config.loopback) {
        return None;
    }
    let owner = caller.token.map_or(Owner::Address(caller.address), Owner::Token);
    let class = Class::of(route);
    let mut buckets = lock(&door.buckets);
    if buckets.rates() != rates(&config) {
        buckets.set_rates(rates(&config));
    }
    let verdict = buckets.take(owner, class, Instant::now())?;
    if !verdict.is_allowed {
        door.metrics.rate_limited.with([class.name()]).inc();
    }
    Some(verdict)
}

/// Refuses what there is no room for.
///
/// # Errors
/// `overloaded`.
pub fn admit(route: &Route, peer: Peer) -> Result<(), ApiError> {
    if peer.probes_only && !route.is_probe() {
        return Err(ApiError::new(ErrorCode::Overloaded)
            .because("the node, or this address, has as many connections at work as it may")
            .with_hint("try again in a few seconds, or close connections that wait or stream"));
    }
    Ok(())
}

/// Refuses what is over the rate.
///
/// # Errors
/// `rate_limited`.
pub fn allow(verdict: Option<&Verdict>) -> Result<(), ApiError> {
    match verdict {
        Some(verdict) if !verdict.is_allowed => {
            let (class, rate) = (verdict.class.name(), verdict.rate);
            Err(ApiError::new(ErrorCode::RateLimited).because(format!(
                "more than {} {class} requests at once and {} a minute; the next is allowed in {} s",
                rate.burst,
                rate.per_minute,
                verdict.wait_seconds()
            )))
        }
        _ => Ok(()),
    }
}

/// Tells the caller what remains, and with a refusal how long to wait.
pub fn tell(response: &mut Response, verdict: &Verdict) {
    let value = |text: String| HeaderValue::from_str(&text).ok();
    let headers = response.headers_mut();
    if let (Some(policy), Some(remainder)) = (value(verdict.policy()), value(verdict.remainder())) {
        headers.insert(RATE_LIMIT_POLICY, policy);
        headers.insert(RATE_LIMIT, remainder);
    }
    if !verdict.is_allowed {
        headers.insert(RETRY_AFTER, verdict.wait_seconds().into());
    }
}

/// Whether the route is for bearers of a token alone.
fn is_token_asked_for(door: &Door, route: &Route) -> bool {
    let config = &door.config;
    match route.access {
        Access::Open => !config.open_reads && !route.is_probe(),
        Access::Write => !config.tokens.is_empty() || !config.open_reads,
        Access::Token => true,
    }
}

/// Whether the caller has shown a token with the scope of the route.
fn has_scope(door: &Door, route: &Route, caller: Caller) -> bool {
    let token = caller.token.and_then(|number| door.config.tokens.get(number));
    token.is_some_and(|token| token.scopes.iter().any(|has| has == route.scope().name()))
}

/// Refuses a caller without the token or the scope that the route needs.
///
/// # Errors
/// `unauthorized`, `forbidden`.
pub fn check(door: &Door, route: &Route, caller: Caller) -> Result<(), ApiError> {
    if !is_token_asked_for(door, route) || has_scope(door, route, caller) {
        return Ok(());
    }
    let (config, scope) = (&door.config, route.scope().name());
    let has_tokens = !config.tokens.is_empty();
    let refused = match caller.token.and_then(|number| config.tokens.get(number)) {
        Some(token) => {
            let has = token.scopes.join(", ");
            tracing::debug!(bearer = %token.name, route = route.path, "a token was used beyond its scopes");
            ApiError::new(ErrorCode::Forbidden)
                .because(format!("{} needs a token with the scope {scope}; this one has {has}", route.path))
        }
        None if has_tokens => ApiError::new(ErrorCode::Unauthorized),
        None => ApiError::new(ErrorCode::Unauthorized)
            .because("this node has no token, and the route is open only to who has it")
            .with_hint("start the node with TB_RPC_AUTH_TOKEN and send it as Authorization: Bearer"),
    };
    door.metrics.unauthorized.inc();
    Err(refused)
}
