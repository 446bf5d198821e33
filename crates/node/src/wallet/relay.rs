//! The server of a wallet runtime: its own health, and everything else from the upstream node.
//!
//! ```text
//! request ─► door ─► health, genesis, metrics: here
//!                └─► place ─► body, bounded ─► upstream node ─► its answer, bounded; events piece by piece
//! ```
//! Rules
//! - Status, body and the time to come back are the upstream node's. Where it refuses this process itself, the caller is
//!   told `not_ready`: the fault is not theirs.
//! - Requests in hand, streams and the bytes of both ways are bounded by named constants.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use ::config::Mode;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::response::Response;
use axum::routing::{MethodFilter, on};
use futures::StreamExt;
use primitives::Genesis;
use rpc::limits::{REPLY_BYTES_MAX, STREAMS_MAX};
use rpc::routes::{Method, Operation, ROUTES, Reply, Route};
use rpc::types::{HealthReport, Liveness, Ready};
use rpc::{ApiError, ClientError, ErrorCode};
use telemetry::Metrics;
use telemetry::health::{Observation, Role, readiness};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::upstream::Upstream;
use crate::rpc::http::{Answered, Counted, guarded, other_method, unknown};
use crate::rpc::server::{WAITS_MAX, place, share, stopped};
use crate::rpc::{Door, body, errors, health};

/// Most requests that are passed on at once.
pub const RELAYED_MAX: usize = 1_024;
/// Beginnings of the names of metrics that this process fills; the others belong to processes that keep a chain.
const OWN_METRICS: [&str; 4] = ["rpc_", "node_", "process_", "config_"];
/// What the upstream node sends when it does not say.
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// What the server of a wallet runtime shares.
pub struct Relay {
    door: Arc<Door>,
    upstream: Arc<Upstream>,
    metrics: Arc<Metrics>,
    genesis: Bytes,
    info: [String; 4],
    address: SocketAddr,
    started: Instant,
    stop: watch::Receiver<bool>,
    relayed: Arc<Semaphore>,
    waits: Arc<Semaphore>,
    streams: Arc<Semaphore>,
}

impl Relay {
    /// A server at this address.
    pub fn new(
        door: Arc<Door>,
        upstream: Arc<Upstream>,
        metrics: Arc<Metrics>,
        genesis: &Genesis,
        address: SocketAddr,
        stop: watch::Receiver<bool>,
    ) -> Self {
        let (version, role) = (env!("CARGO_PKG_VERSION").to_owned(), Role::Wallet.name().to_owned());
        let connections_max = door.config.connections_max;
        let (waits, streams) = (share(connections_max, WAITS_MAX), share(connections_max, STREAMS_MAX));
        Self {
            door,
            upstream,
            metrics,
            genesis: Bytes::from(genesis.to_json()),
            info: [version, role, genesis.chain_id.clone(), genesis.hash().to_string()],
            address,
            started: Instant::now(),
            stop,
            relayed: Arc::new(Semaphore::new(RELAYED_MAX)),
            waits: Arc::new(Semaphore::new(waits)),
            streams: Arc::new(Semaphore::new(streams)),
        }
    }

    fn is_stopping(&self) -> bool {
        *self.stop.borrow()
    }

    fn live(&self) -> Result<Liveness, ApiError> {
        match self.is_stopping() {
            true => Err(ApiError::new(ErrorCode::NOT_READY).because("the wallet runtime is shutting down")),
            false => Ok(Liveness { live: true, finalized_height: self.upstream.height() }),
        }
    }

    fn ready(&self) -> Ready {
        let judged = readiness(&Observation {
            role: Role::Wallet,
            stopping: self.is_stopping(),
            services_down: &[],
            disk_low: None,
            disk_full: None,
            quarantined: 0,
            starting: false,
            finalized_age_ms: 0,
            block_interval_ms: 0,
            behind: 0,
            syncing: false,
            peers: 0,
            only_validator: false,
        });
        let own = judged.reasons.iter().map(health::view);
        Ready::judged(health::judged_for(Mode::Wallet), own.chain(self.upstream.reasons()).collect())
    }

    fn metrics(&self) -> Response {
        let node = &self.metrics.node;
        node.info.set(self.info.clone());
        node.ready.set_bool(self.ready().ready);
        node.uptime.set(self.started.elapsed());
        if let Some(usage) = telemetry::process::usage() {
            telemetry::process::record(node, &usage);
        }
        errors::reply(200, HeaderValue::from_static(telemetry::CONTENT_TYPE), own(&self.metrics.render()))
    }

    async fn pass_on(&self, route: &'static Route, request: Request) -> Answered {
        self.upstream.check()?;
        let is_stream = matches!(route.reply, Reply::Events { .. });
        let is_wait = matches!(route.operation, Operation::TransactionWait | Operation::PipelineWait);
        let held = match (is_stream, is_wait) {
            (true, _) => place(&self.streams, "event streams")?,
            (_, true) => place(&self.waits, "waits")?,
            _ => place(&self.relayed, "requests")?,
        };
        let (parts, body) = request.into_parts();
        let body = match route.method {
            Method::Post => body::read(&parts.headers, body, self.door.config.body_bytes_max).await?,
            Method::Get => Bytes::new(),
        };
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let answer = self.upstream.client.relay(route, path, body).await.map_err(refusal)?;
        match answer.status().as_u16() {
            401 | 403 => Err(ApiError::new(ErrorCode::NOT_READY)
                .because("the upstream node refuses this process")
                .with_hint("tell the operator of this service: wallet.upstream_token_file is missing or wrong")),
            200 if is_stream => Ok(self.stream(answer, held)),
            _ => whole(answer).await,
        }
    }

    /// Events as they come, until either side ends.
    fn stream(&self, answer: reqwest::Response, held: OwnedSemaphorePermit) -> Response {
        let (mut stop, held) = (self.stop.clone(), (held, Counted::new(&self.door.metrics.streams)));
        let ended = async move { stopped(&mut stop).await };
        let content_type = content_type(&answer);
        let pieces = answer.bytes_stream().take_until(ended).map(move |piece| {
            let _held = &held;
            piece
        });
        errors::reply(200, content_type, Body::from_stream(pieces))
    }
}

/// The lines of the metrics that this process fills.
pub fn own(text: &str) -> String {
    let is_own = |line: &&str| {
        let name = match line.strip_prefix("# ") {
            Some(comment) => comment.split(' ').nth(1).unwrap_or(comment),
            None => line,
        };
        name == "EOF" || *line == "# EOF" || OWN_METRICS.iter().any(|own| name.starts_with(own))
    };
    text.lines().filter(is_own).map(|line| format!("{line}\n")).collect()
}

fn content_type(answer: &reqwest::Response) -> HeaderValue {
    answer.headers().get(CONTENT_TYPE).cloned().unwrap_or(JSON)
}

/// An answer that is read as a whole before any of it is passed on.
async fn whole(mut answer: reqwest::Response) -> Answered {
    let mut bytes = Vec::new();
    while let Some(piece) = answer.chunk().await.map_err(|error| silent(&error))? {
        if bytes.len().saturating_add(piece.len()) > REPLY_BYTES_MAX {
            return Err(ApiError::new(ErrorCode::Internal)
                .because(format!("the answer of the upstream node is larger than {REPLY_BYTES_MAX} bytes")));
        }
        bytes.extend_from_slice(&piece);
    }
    let mut response = errors::reply(answer.status().as_u16(), content_type(&answer), bytes);
    if let Some(wait) = answer.headers().get(RETRY_AFTER) {
        response.headers_mut().insert(RETRY_AFTER, wait.clone());
    }
    Ok(response)
}

/// The refusal for a node that does not answer; where it is and why goes to the log.
fn silent(cause: &dyn std::fmt::Display) -> ApiError {
    tracing::debug!(%cause, "a request could not be passed on");
    ApiError::new(ErrorCode::NOT_READY)
        .because("the upstream node does not answer")
        .with_hint("try again; GET /health/ready says when this service can answer")
}

fn refusal(error: ClientError) -> ApiError {
    match error {
        ClientError::Api(refused) => refused,
        other => silent(&other),
    }
}

/// The wallet routes and `/metrics`, and named refusals for everything else.
pub fn router(relay: Arc<Relay>) -> Router {
    let is_served = |route: &&Route| route.is_wallet() || route.operation == Operation::Metrics;
    let router = ROUTES.iter().filter(is_served).fold(Router::new(), |router, route| {
        let filter = match route.method {
            Method::Get => MethodFilter::GET,
            Method::Post => MethodFilter::POST,
        };
        let handler = move |State(relay): State<Arc<Relay>>, request: Request| async move {
            let door = Arc::clone(&relay.door);
            guarded(&door, route, request, |_, request| handle(relay, route, request)).await
        };
        router.route(route.path, on(filter, handler))
    });
    let no_route = |State(relay): State<Arc<Relay>>, request: Request| async move {
        let hint = "this process serves the wallet routes alone; ask a node for the others";
        unknown(&relay.door, &request, hint)
    };
    let wrong_method =
        |State(relay): State<Arc<Relay>>, request: Request| async move { other_method(&relay.door, &request) };
    router.fallback(no_route).method_not_allowed_fallback(wrong_method).with_state(relay)
}

async fn handle(relay: Arc<Relay>, route: &'static Route, request: Request) -> Answered {
    match route.operation {
        Operation::Health => {
            let report = HealthReport { role: Role::Wallet.name().to_owned(), address: relay.address.to_string() };
            Ok(errors::json(200, errors::text(&report)?))
        }
        Operation::HealthLive => Ok(errors::json(200, errors::text(&relay.live()?)?)),
        Operation::HealthReady => {
            let ready = relay.ready();
            Ok(errors::json(ready.http_status(), errors::text(&ready)?))
        }
        Operation::Metrics => Ok(relay.metrics()),
        Operation::Genesis => Ok(errors::json(200, relay.genesis.clone())),
        _ => relay.pass_on(route, request).await,
    }
}
