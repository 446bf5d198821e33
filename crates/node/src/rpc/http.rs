//! One HTTP request: from the route table to a reply.
//!
//! ```text
//! router ─► answer: count · span · time limit · panics · rate, origin, token ─► handle: match on the operation ─► reply
//! ```
//! The head of a stream is a request like any other; its events are not counted as part of it.

use std::panic::AssertUnwindSafe;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequestParts, MatchedPath, Query as UriQuery, RawPathParams, Request, State};
use axum::http::header::ALLOW;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Uri};
use axum::response::Response;
use axum::routing::{MethodFilter, on};
use futures::FutureExt;
use rpc::limits::{HEAD_BYTES_MAX, SNAPSHOT_TIME_MAX, WAIT_MAX_MS};
use rpc::routes::{Method, Operation, ROUTES, Reply, Route};
use rpc::types::{AuditStream, ChunkQuery, Empty, SubmitWindowQuery, WaitRequest};
use rpc::{ApiError, ErrorCode, json as request_json};
use serde::de::DeserializeOwned;
use telemetry::Gauge;
use tracing::{Instrument, field};

use super::auth::Caller;
use super::body::Bounds;
use super::door::Door;
use super::query::{self, Question};
use super::server::Server;
use super::{auth, body, errors, health, jsonrpc, metrics, origin, proving, streams, ui};

/// Longest piece of a request that a refusal repeats, characters.
const SHOWN_CHARS_MAX: usize = 128;
/// Content type of bytes as they are.
const BYTES: HeaderValue = HeaderValue::from_static("application/octet-stream");
/// A reply, or why there is none.
pub type Answered = Result<Response, ApiError>;
/// The route under which requests to no route are counted.
const NO_ROUTE: &str = "none";

/// The whole table of routes, and named refusals for everything else.
pub fn router(server: Arc<Server>) -> Router {
    router_of(server, |_| true)
}

/// The routes of the table that `is_served` takes, and named refusals for everything else.
pub fn router_of(server: Arc<Server>, is_served: fn(&Route) -> bool) -> Router {
    let router = ROUTES.iter().filter(|route| is_served(route)).fold(Router::new(), |router, route| {
        let filter = match route.method {
            Method::Get => MethodFilter::GET,
            Method::Post => MethodFilter::POST,
        };
        let handler = move |State(server): State<Arc<Server>>, request: Request| async move {
            answer(server, route, request).await
        };
        router.route(route.path, on(filter, handler))
    });
    router.fallback(no_route).method_not_allowed_fallback(wrong_method).with_state(server)
}

async fn no_route(State(server): State<Arc<Server>>, request: Request) -> Response {
    unknown(&server.door, &request, "docs/openapi.json lists the routes; JSON-RPC is at POST /rpc")
}

/// The refusal of a request to no route, counted.
pub fn unknown(door: &Door, request: &Request, hint: &str) -> Response {
    let path: String = request.uri().path().chars().take(SHOWN_CHARS_MAX).collect();
    let error = ApiError::not_found(format!("the route {} {path}", request.method())).with_hint(hint);
    let response = errors::response(&error);
    door.count(NO_ROUTE, &response);
    response
}

async fn wrong_method(State(server): State<Arc<Server>>, request: Request) -> Response {
    other_method(&server.door, &request)
}

/// The refusal of a method that a path does not take, counted.
pub fn other_method(door: &Door, request: &Request) -> Response {
    let matched = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    // A path with both methods never comes here but with a third one.
    let takes = |method| ROUTES.iter().any(|route| route.path == matched && route.method == method);
    let allowed = match (takes(Method::Get), takes(Method::Post)) {
        (true, true) => "GET, POST",
        (false, true) => "POST",
        (_, false) => "GET",
    };
    let route = ROUTES.iter().find(|route| route.path == matched);
    let error = ApiError::new(ErrorCode::MethodNotAllowed)
        .because(format!("{matched} takes {allowed}, not {}", request.method()));
    let mut response = errors::response(&error);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    door.count(route.map_or(NO_ROUTE, |route| route.path), &response);
    response
}

/// The refusal of a request whose head is longer than [`HEAD_BYTES_MAX`], counted; `None` for a shorter one.
pub fn long_head(door: &Door, head: &Parts) -> Option<Response> {
    let length = origin::head_bytes(head);
    (length > HEAD_BYTES_MAX).then(|| {
        let error = ApiError::new(ErrorCode::HeadTooLarge)
            .because(format!("request line and headers have {length} bytes, and may have {HEAD_BYTES_MAX}"));
        let response = errors::response(&error);
        door.count(NO_ROUTE, &response);
        response
    })
}

/// Counts one while it lives.
pub struct Counted(Gauge);

impl Counted {
    /// Adds one.
    pub fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

async fn answer(server: Arc<Server>, route: &'static Route, request: Request) -> Response {
    let door = Arc::clone(&server.door);
    guarded(&door, route, request, |caller, request| handle(server, route, caller, request)).await
}

/// One request of a route: its caller's rate and scope, then `work` within the time limit; a panic of it is status 500.
pub async fn guarded<W: Future<Output = Answered>>(
    door: &Door,
    route: &'static Route,
    request: Request,
    work: impl FnOnce(Caller, Request) -> W,
) -> Response {
    let started = Instant::now();
    let _in_flight = Counted::new(&door.metrics.in_flight);
    let span = tracing::info_span!("rpc", route = route.path, transaction = field::Empty);
    let limit = time_limit(door.config.request_timeout, route);
    let peer = *request.extensions().get::<auth::Peer>().expect("every connection has its peer");
    let caller = Caller::of(door, peer.address, request.headers());
    let verdict = auth::take(door, route, caller);
    let work = async {
        auth::admit(route, peer)?;
        auth::allow(verdict.as_ref())?;
        origin::check(door, route, request.uri(), request.headers())?;
        auth::check(door, route, caller)?;
        work(caller, request).await
    };
    let work = AssertUnwindSafe(work).catch_unwind().instrument(span);
    let handled = match tokio::time::timeout(limit, work).await {
        Ok(Ok(handled)) => handled,
        Ok(Err(_panic)) => {
            // The panic hook has logged where it was.
            tracing::error!(route = route.path, "a request failed by a fault of the program");
            Err(ErrorCode::Internal.into())
        }
        Err(_elapsed) => {
            let milliseconds = limit.as_millis();
            Err(ApiError::new(ErrorCode::Timeout).because(format!("the request took more than {milliseconds} ms")))
        }
    };
    let mut response = handled.unwrap_or_else(|error| errors::response(&error));
    if let Some(verdict) = &verdict {
        auth::tell(&mut response, verdict);
    }
    if !matches!(route.reply, Reply::Events { .. }) {
        door.metrics.latency.with([route.path]).observe(started.elapsed());
    }
    door.count(route.path, &response);
    response
}

/// The longest that a request of this route may take: waits add their own time.
fn time_limit(ordinary: Duration, route: &Route) -> Duration {
    match route.operation {
        Operation::TransactionWait | Operation::PipelineWait | Operation::JsonRpc => {
            ordinary.saturating_add(Duration::from_millis(WAIT_MAX_MS))
        }
        Operation::SnapshotMake => SNAPSHOT_TIME_MAX,
        _ => ordinary,
    }
}

async fn handle(server: Arc<Server>, route: &'static Route, caller: Caller, request: Request) -> Answered {
    let (mut parts, body) = request.into_parts();
    let part = path_part(&mut parts).await?;
    let question = match route.operation {
        Operation::Health | Operation::HealthLive | Operation::HealthReady => return health_reply(&server, route),
        Operation::Metrics => return metrics::reply(&server).await,
        Operation::JsonRpc => return json_rpc(&server, caller, &parts, body).await,
        Operation::BlockStream | Operation::HeadStream | Operation::PipelineStream => return stream(&server, route),
        Operation::StateSyncSessionStream | Operation::PruningStream => return stream(&server, route),
        Operation::UiPage | Operation::UiScript | Operation::UiStyle => return ui::reply(&server, route, &parts).await,
        Operation::TransactionStream => return streams::transaction(&server, named("id", &part)?).await,
        Operation::AccountStream => return streams::account(&server, named("address", &part)?).await,
        Operation::TransactionSubmit => return submit(&server, &parts, body).await,
        Operation::ProofWindow | Operation::ProofSubmit | Operation::ProofChain | Operation::ProofChainSubmit => {
            return proof_bytes(&server, route, &parts, &part, body).await;
        }
        Operation::ProofClaim => Question::Claim(in_body(&server, &parts, body).await?),
        Operation::PipelineWait => asked_wait(&read_body(&server, &parts, body).await?)?,
        Operation::PipelineTelemetry => Question::PipelineTelemetry,
        Operation::PipelineDashboard => Question::PipelineDashboard,
        Operation::SnapshotList | Operation::SnapshotMake | Operation::StateSyncPlan => of_snapshots(route),
        Operation::StateSyncSession | Operation::StateSyncSessionStart => of_snapshots(route),
        Operation::StateSyncSessionResume | Operation::StateSyncSessionCancel => of_snapshots(route),
        Operation::SnapshotBreaker | Operation::SnapshotBreakerReset | Operation::StorageStatus => of_snapshots(route),
        Operation::StateSyncChunk => Question::StateSyncChunk(named("id", &part)?),
        Operation::StateSyncChunkByIndex => Question::StateSyncChunkAt(in_query::<ChunkQuery>(&parts.uri)?.index),
        Operation::ProofStatus => Question::ProofStatus,
        Operation::Provers => Question::Provers,
        Operation::ProofBlock => Question::BlockProof(primitives::Height(named("height", &part)?)),
        Operation::ProofAccount => Question::ProvenAccount(named("address", &part)?),
        Operation::BlockOperations => Question::Operations(named("block", &part)?, in_query(&parts.uri)?),
        Operation::BlockEvents => Question::BlockEvents(named("block", &part)?),
        Operation::BlockBody => Question::BlockBody(named("block", &part)?),
        Operation::BlockCertified => Question::Certified(named("block", &part)?),
        Operation::NodeStatus => Question::Node,
        Operation::MempoolStatus => Question::Mempool,
        Operation::ConsensusStatus => Question::Consensus,
        Operation::RolloutStatus => Question::Rollout,
        Operation::PruningStatus => Question::Pruning,
        Operation::LimitsStatus => Question::Limits,
        Operation::BlockLatest => Question::BlockLatest,
        Operation::BlockGet => Question::Block(named("block", &part)?),
        Operation::BlockList => Question::Blocks(in_query(&parts.uri)?),
        Operation::TransactionStatus => Question::Transaction(named("id", &part)?),
        Operation::TransactionWait => Question::Wait(named("id", &part)?, in_query(&parts.uri)?),
        Operation::TransactionProof => Question::TransactionProof(named("id", &part)?),
        Operation::ReceiptGet => Question::Receipt(named("id", &part)?),
        Operation::AccountGet => Question::Account(named("address", &part)?),
        Operation::AccountHistory => Question::History(named("address", &part)?, in_query(&parts.uri)?),
        Operation::AccountProof => Question::AccountProof(named("address", &part)?),
        Operation::ValidatorList => Question::Validators,
        Operation::ValidatorGet => Question::Validator(named("address", &part)?),
        Operation::ValidatorStatistics => Question::Statistics(named("address", &part)?),
        Operation::ValidatorStatus => Question::OwnValidator,
        Operation::ValidatorPeers => Question::ValidatorPeers,
        Operation::ValidatorVrf => Question::OwnVrf,
        Operation::IdentityGet => Question::Identity(named("address", &part)?),
        Operation::IdentityProof => Question::IdentityProof(named("address", &part)?),
        Operation::ReputationGet => Question::Reputation(named("address", &part)?),
        Operation::ReputationBoard => Question::ReputationBoard,
        Operation::Timetoke => Question::Timetoke,
        Operation::VrfThreshold => Question::VrfThreshold,
        Operation::VrfGet => Question::Vrf(named("address", &part)?),
        Operation::AuditReputation => Question::Audits(AuditStream::Reputation, in_query(&parts.uri)?),
        Operation::AuditSlashing => Question::Audits(AuditStream::Slashing, in_query(&parts.uri)?),
        Operation::StakerGet => Question::Staker(named("address", &part)?),
        Operation::Genesis => Question::Genesis,
    };
    ask(&server, &parts, question).await
}

/// What comes with each finalized block (the block, its head for light clients, the numbers of the pipeline), and how far a
/// session of state sync or the pruner is.
fn stream(server: &Arc<Server>, route: &Route) -> Answered {
    match route.operation {
        Operation::HeadStream => streams::heads(server),
        Operation::PipelineStream => streams::pipeline(server),
        Operation::StateSyncSessionStream => streams::session(server),
        Operation::PruningStream => streams::pruning(server),
        _ => streams::blocks(server),
    }
}

/// The questions about snapshots and the store that have no parameters.
const fn of_snapshots(route: &Route) -> Question {
    match route.operation {
        Operation::StorageStatus => Question::Storage,
        Operation::SnapshotList => Question::Snapshots,
        Operation::SnapshotMake => Question::MakeSnapshot,
        Operation::StateSyncPlan => Question::StateSyncPlan,
        Operation::StateSyncSessionStart => Question::StartSession { resume: false },
        Operation::StateSyncSessionResume => Question::StartSession { resume: true },
        Operation::StateSyncSessionCancel => Question::CancelSession,
        Operation::SnapshotBreaker => Question::SnapshotBreaker,
        Operation::SnapshotBreakerReset => Question::ResetSnapshotBreaker,
        _ => Question::StateSyncSession,
    }
}

async fn ask(server: &Arc<Server>, parts: &Parts, question: Question) -> Answered {
    check_query(&question, &parts.uri)?;
    Ok(errors::json(200, query::answer(server, question).await?))
}

/// Hands in one transaction: the one request that may be as long as the longest proof.
async fn submit(server: &Arc<Server>, parts: &Parts, body: Body) -> Result<Response, ApiError> {
    in_query::<Empty>(&parts.uri)?;
    let bounds = Bounds { ordinary: server.body_bytes_max(), most: server.submission_bytes_max() };
    // A long body keeps its place until it is answered.
    let (body, _place) = body::read_long(&parts.headers, body, bounds, || server.large_place()).await?;
    let question = Question::Submit(request_json::parse_submission(&body)?);
    Ok(errors::json(200, query::answer(server, question).await?))
}

async fn json_rpc(server: &Arc<Server>, caller: auth::Caller, parts: &Parts, body: Body) -> Result<Response, ApiError> {
    let body = read_body(server, parts, body).await?;
    Ok(jsonrpc::reply(server, caller, &body).await)
}

/// A wait that carries its question in the body.
fn asked_wait(body: &Bytes) -> Result<Question, ApiError> {
    let request: WaitRequest = request_json::parse(body)?;
    Ok(Question::Wait(request.id, request.into()))
}

/// Health has its own words and its own status.
fn health_reply(server: &Server, route: &Route) -> Result<Response, ApiError> {
    match route.operation {
        Operation::HealthLive => Ok(errors::json(200, errors::text(&health::live(server)?)?)),
        Operation::HealthReady => {
            let ready = health::ready(server);
            Ok(errors::json(ready.http_status(), errors::text(&ready)?))
        }
        _ => Ok(errors::json(200, errors::text(&health::report(server))?)),
    }
}

/// Proofs travel as bytes, not as JSON.
async fn proof_bytes(
    server: &Arc<Server>,
    route: &Route,
    parts: &Parts,
    part: &str,
    body: Body,
) -> Result<Response, ApiError> {
    match route.operation {
        Operation::ProofSubmit => submit_window(server, parts, body).await,
        Operation::ProofChainSubmit => submit_chain(server, parts, body).await,
        Operation::ProofChain => {
            in_query::<Empty>(&parts.uri)?;
            Ok(errors::reply(200, BYTES, server.read(proving::chain).await?))
        }
        _ => window_proof(server, parts, part).await,
    }
}

async fn window_proof(server: &Arc<Server>, parts: &Parts, part: &str) -> Result<Response, ApiError> {
    in_query::<Empty>(&parts.uri)?;
    let window = named("window", part)?;
    let bytes = server.read(move |server| proving::window(server, window)).await?;
    Ok(errors::reply(200, BYTES, bytes))
}

async fn submit_window(server: &Arc<Server>, parts: &Parts, body: Body) -> Result<Response, ApiError> {
    let query: SubmitWindowQuery = in_query(&parts.uri)?;
    let bytes = body::read_bytes(&parts.headers, body, proving::max_bytes(server)).await?;
    let accepted = proving::submit(server, bytes, query.generation_ms).await?;
    Ok(errors::json(200, errors::text(&accepted)?))
}

async fn submit_chain(server: &Arc<Server>, parts: &Parts, body: Body) -> Result<Response, ApiError> {
    let query: SubmitWindowQuery = in_query(&parts.uri)?;
    let bytes = body::read_bytes(&parts.headers, body, proving::max_bytes(server)).await?;
    let accepted = proving::submit_chain(server, bytes, query.generation_ms).await?;
    Ok(errors::json(200, errors::text(&accepted)?))
}

/// The one JSON value of the body.
async fn in_body<T: DeserializeOwned>(server: &Server, parts: &Parts, body: Body) -> Result<T, ApiError> {
    request_json::parse(&read_body(server, parts, body).await?)
}

/// Refuses every parameter of a question that takes none, so that a typing error never passes for a default.
fn check_query(question: &Question, uri: &Uri) -> Result<(), ApiError> {
    if question.takes_query() { Ok(()) } else { in_query::<Empty>(uri).map(|_| ()) }
}

async fn read_body(server: &Server, parts: &Parts, body: Body) -> Result<Bytes, ApiError> {
    body::read(&parts.headers, body, server.body_bytes_max()).await
}

/// The varying part of the path; empty when the route has none. No route has two.
async fn path_part(parts: &mut Parts) -> Result<String, ApiError> {
    let params = RawPathParams::from_request_parts(parts, &())
        .await
        .map_err(|_| ApiError::bad_request("the path is not UTF-8 text"))?;
    Ok(params.iter().next().map(|(_, value)| value.to_owned()).unwrap_or_default())
}

fn named<T: FromStr<Err: std::fmt::Display>>(name: &str, text: &str) -> Result<T, ApiError> {
    text.parse().map_err(|error| {
        let shown: String = text.chars().take(SHOWN_CHARS_MAX).collect();
        ApiError::bad_request(format!("{name} {shown:?} cannot be read: {error}"))
    })
}

/// The parameters of the query; every other one is refused.
///
/// # Errors
/// `bad_request`.
pub fn in_query<T: DeserializeOwned>(uri: &Uri) -> Result<T, ApiError> {
    UriQuery::<T>::try_from_uri(uri).map(|UriQuery(query)| query).map_err(|refused| {
        let text = refused.body_text();
        // The library says first that a query could not be read, then which parameter and why.
        let reason = text.split_once(": ").map_or(text.as_str(), |(_, reason)| reason);
        let shown: String = reason.chars().take(2 * SHOWN_CHARS_MAX).collect();
        ApiError::bad_request(format!("the query cannot be read: {shown}"))
    })
}
