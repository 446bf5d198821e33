//! JSON-RPC 2.0 at `/rpc`: the same questions as over HTTP, by method name, one or many at a time.
//!
//! Rules
//! - Calls of a batch run one after the other, so that a payer's transactions keep their order. Neighbouring
//!   submissions go to the blocking thread together.
//! - Each call takes from the caller's bucket like a request of its own, and the request that carries them one more.
//! - Waits of one request share [`WAIT_MAX_MS`].
//! - Once the answers of a batch hold [`BATCH_REPLY_BYTES_MAX`] bytes, later calls are refused and do not run.
//! - Answers are JSON text already and are put into their envelope as they are.

use std::iter::Peekable;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use axum::response::Response;
use rpc::jsonrpc::{self, BadCall, Call};
use rpc::limits::WAIT_MAX_MS;
use rpc::routes::Operation;
use rpc::types::{
    AccountRequest, AuditStream, BlockRequest, BlocksRequest, Empty, HeightRequest, HistoryRequest, OperationsQuery,
    OperationsRequest, SubmitTransaction, TransactionRequest, WaitRequest,
};
use rpc::{ApiError, ErrorCode};
use serde_json::Value;

use super::auth::{self, Caller};
use super::query::{self, Question};
use super::server::Server;
use super::{errors, transactions};

/// Size of the answers to a batch after which no further call runs, bytes.
pub const BATCH_REPLY_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The answers so far.
struct Answers {
    text: Vec<u8>,
    count: usize,
}

/// Answers the body of a request to `/rpc`.
pub async fn reply(server: &Arc<Server>, caller: Caller, body: &[u8]) -> Response {
    let incoming = match jsonrpc::parse(body) {
        Ok(incoming) => incoming,
        Err(error) => {
            let mut answers = Answers { text: Vec::new(), count: 0 };
            answers.push(Value::Null, Err(error));
            return errors::json(200, answers.text.into());
        }
    };
    let mut answers = Answers { text: Vec::new(), count: 0 };
    let deadline = Instant::now() + Duration::from_millis(WAIT_MAX_MS);
    let mut calls = incoming.calls.into_iter().peekable();
    while let Some(call) = calls.next() {
        let call = match call {
            Ok(call) => call,
            Err(bad) => {
                answers.push(bad.id, Err(bad.error));
                continue;
            }
        };
        if answers.text.len() > BATCH_REPLY_BYTES_MAX {
            answers.answer(call, Err(too_much()));
        } else if call.operation() == Operation::TransactionSubmit {
            submissions(server, caller, call, &mut calls, &mut answers).await;
        } else {
            let result = one(server, caller, &call, deadline).await;
            answers.answer(call, result);
        }
    }
    match (answers.count, incoming.batch) {
        (0, _) => no_content(),
        (_, false) => errors::json(200, answers.text.into()),
        (_, true) => errors::json(200, [b"[".as_slice(), &answers.text, b"]"].concat().into()),
    }
}

fn no_content() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

fn too_much() -> ApiError {
    ApiError::new(ErrorCode::Overloaded)
        .because(format!(
            "the answers of this batch are larger than {BATCH_REPLY_BYTES_MAX} bytes; this call did not run"
        ))
        .with_hint("send the rest of the batch again, in smaller batches")
}

impl Answers {
    /// Adds the answer to a call, unless the call is a notification.
    fn answer(&mut self, call: Call, result: Result<Bytes, ApiError>) {
        if let Some(id) = call.id {
            self.push(id, result);
        }
    }

    fn push(&mut self, id: Value, result: Result<Bytes, ApiError>) {
        if self.count > 0 {
            self.text.push(b',');
        }
        self.count += 1;
        match result {
            Ok(result) => {
                let version = jsonrpc::VERSION;
                self.text.extend_from_slice(format!("{{\"jsonrpc\":\"{version}\",\"id\":{id},\"result\":").as_bytes());
                self.text.extend_from_slice(&result);
                self.text.push(b'}');
            }
            Err(error) => {
                let refusal = jsonrpc::Response::new::<Value>(id, Err(error));
                let text = serde_json::to_vec(&refusal).expect("an envelope of texts has a JSON form");
                self.text.extend_from_slice(&text);
            }
        }
    }
}

/// Runs `first` and the submissions that follow it directly.
async fn submissions(
    server: &Arc<Server>,
    caller: Caller,
    first: Call,
    calls: &mut Peekable<impl Iterator<Item = Result<Call, BadCall>>>,
    answers: &mut Answers,
) {
    let mut submitted = vec![first];
    let is_submission =
        |call: &Result<Call, BadCall>| call.as_ref().is_ok_and(|call| call.operation() == Operation::TransactionSubmit);
    while let Some(Ok(call)) = calls.next_if(is_submission) {
        submitted.push(call);
    }
    let read = |call: &Call| -> Result<SubmitTransaction, ApiError> {
        admit(server, call, caller)?;
        call.params()
    };
    let requests: Vec<Result<SubmitTransaction, ApiError>> = submitted.iter().map(read).collect();
    let good: Vec<SubmitTransaction> = requests.iter().flatten().cloned().collect();
    let done = if good.is_empty() { Ok(Vec::new()) } else { transactions::submit_all(server, good).await };
    let mut done = done.map(Vec::into_iter);
    for (call, request) in submitted.into_iter().zip(requests) {
        let result = match (request, &mut done) {
            (Err(refused), _) => Err(refused),
            (Ok(_), Err(refused)) => Err(refused.clone()),
            (Ok(_), Ok(results)) => results.next().unwrap_or_else(|| Err(ErrorCode::Internal.into())),
        };
        answers.answer(call, result.and_then(|result| errors::text(&result)));
    }
}

async fn one(server: &Arc<Server>, caller: Caller, call: &Call, deadline: Instant) -> Result<Bytes, ApiError> {
    admit(server, call, caller)?;
    let mut question = question(call)?;
    query::wait_at_most(&mut question, deadline.saturating_duration_since(Instant::now()));
    query::answer(server, question).await
}

fn waited(request: WaitRequest) -> Question {
    Question::Wait(request.id, request.into())
}

fn history(request: HistoryRequest) -> Question {
    Question::History(request.address, request.into())
}

fn operations(OperationsRequest { block, from, limit }: OperationsRequest) -> Question {
    Question::Operations(block, OperationsQuery { from, limit })
}

/// Each call of a batch is one request of its route: it takes from the caller's bucket and needs the route's scope.
fn admit(server: &Server, call: &Call, caller: Caller) -> Result<(), ApiError> {
    auth::allow(auth::take(&server.door, call.route, caller).as_ref())?;
    auth::check(&server.door, call.route, caller)
}

/// A question without parameters.
fn plain(call: &Call, question: Question) -> Result<Question, ApiError> {
    call.params::<Empty>().map(|_| question)
}

/// What a call asks. The last operations have no method name, so no call leads to them.
fn question(call: &Call) -> Result<Question, ApiError> {
    let no_method = Err(ErrorCode::MethodNotFound.into());
    match call.operation() {
        Operation::HealthReady => plain(call, Question::Ready),
        Operation::NodeStatus => plain(call, Question::Node),
        Operation::MempoolStatus => plain(call, Question::Mempool),
        Operation::ConsensusStatus => plain(call, Question::Consensus),
        Operation::RolloutStatus => plain(call, Question::Rollout),
        Operation::PruningStatus => plain(call, Question::Pruning),
        Operation::StorageStatus => plain(call, Question::Storage),
        Operation::LimitsStatus => plain(call, Question::Limits),
        Operation::BlockLatest => plain(call, Question::BlockLatest),
        Operation::Genesis => plain(call, Question::Genesis),
        Operation::PipelineTelemetry => plain(call, Question::PipelineTelemetry),
        Operation::PipelineDashboard => plain(call, Question::PipelineDashboard),
        Operation::SnapshotList => plain(call, Question::Snapshots),
        Operation::StateSyncSession => plain(call, Question::StateSyncSession),
        Operation::SnapshotBreaker => plain(call, Question::SnapshotBreaker),
        Operation::ProofStatus => plain(call, Question::ProofStatus),
        Operation::Provers => plain(call, Question::Provers),
        Operation::BlockGet => call.params().map(|BlockRequest { block }| Question::Block(block)),
        Operation::BlockList => call.params().map(|request: BlocksRequest| Question::Blocks(request.into())),
        Operation::TransactionSubmit => call.params().map(Question::Submit),
        Operation::TransactionStatus => call.params().map(|TransactionRequest { id }| Question::Transaction(id)),
        Operation::TransactionWait => call.params().map(waited),
        Operation::TransactionProof => call.params().map(|TransactionRequest { id }| Question::TransactionProof(id)),
        Operation::ReceiptGet => call.params().map(|TransactionRequest { id }| Question::Receipt(id)),
        Operation::AccountGet => call.params().map(|AccountRequest { address }| Question::Account(address)),
        Operation::AccountHistory => call.params().map(history),
        Operation::AccountProof => call.params().map(|AccountRequest { address }| Question::AccountProof(address)),
        Operation::ValidatorList => plain(call, Question::Validators),
        Operation::ValidatorStatus => plain(call, Question::OwnValidator),
        Operation::ValidatorPeers => plain(call, Question::ValidatorPeers),
        Operation::ValidatorVrf => plain(call, Question::OwnVrf),
        Operation::ValidatorStatistics => call.params().map(|AccountRequest { address }| Question::Statistics(address)),
        Operation::ValidatorGet => call.params().map(|AccountRequest { address }| Question::Validator(address)),
        Operation::IdentityGet => call.params().map(|AccountRequest { address }| Question::Identity(address)),
        Operation::IdentityProof => call.params().map(|AccountRequest { address }| Question::IdentityProof(address)),
        Operation::ReputationGet => call.params().map(|AccountRequest { address }| Question::Reputation(address)),
        Operation::ReputationBoard => plain(call, Question::ReputationBoard),
        Operation::Timetoke => plain(call, Question::Timetoke),
        Operation::VrfThreshold => plain(call, Question::VrfThreshold),
        Operation::VrfGet => call.params().map(|AccountRequest { address }| Question::Vrf(address)),
        Operation::AuditReputation => call.params().map(|query| Question::Audits(AuditStream::Reputation, query)),
        Operation::AuditSlashing => call.params().map(|query| Question::Audits(AuditStream::Slashing, query)),
        Operation::StakerGet => call.params().map(|AccountRequest { address }| Question::Staker(address)),
        Operation::BlockOperations => call.params().map(operations),
        Operation::BlockEvents => call.params().map(|BlockRequest { block }| Question::BlockEvents(block)),
        Operation::BlockCertified => call.params().map(|BlockRequest { block }| Question::Certified(block)),
        Operation::ProofClaim => call.params().map(Question::Claim),
        Operation::ProofBlock => call.params().map(|HeightRequest { height }| Question::BlockProof(height)),
        Operation::ProofAccount => call.params().map(|AccountRequest { address }| Question::ProvenAccount(address)),
        Operation::Health | Operation::SnapshotMake | Operation::PruningStream => no_method,
        Operation::UiPage | Operation::UiScript | Operation::UiStyle => no_method,
        Operation::SnapshotBreakerReset | Operation::TransactionStream => no_method,
        Operation::StateSyncSessionStream | Operation::StateSyncSessionStart => no_method,
        Operation::StateSyncSessionResume | Operation::StateSyncSessionCancel => no_method,
        Operation::BlockStream | Operation::JsonRpc | Operation::BlockBody | Operation::ProofWindow => no_method,
        Operation::HealthLive | Operation::HeadStream | Operation::Metrics => no_method,
        Operation::ProofSubmit
        | Operation::PipelineStream
        | Operation::StateSyncPlan
        | Operation::AccountStream
        | Operation::StateSyncChunk
        | Operation::StateSyncChunkByIndex
        | Operation::PipelineWait
        | Operation::ProofChain
        | Operation::ProofChainSubmit => no_method,
    }
}
