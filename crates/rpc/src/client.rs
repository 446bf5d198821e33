//! The typed client: one method per route of [`crate::routes::ROUTES`].
//!
//! Rules
//! - Every request has a time limit and every reply a size limit; a stream has a limit on silence.
//! - A refusal keeps the node's `{error, code, hint}` ([`ClientError::Api`]).
//! - The token is sent only with requests that need it, or when a node asks for it, never logged, and never follows a
//!   redirect: there are none.
//! - A patient client ([`Client::patient`]) waits out a limit on how often it may ask. Nothing else is retried here: only the caller
//!   knows whether asking twice is right.
//! - https trusts the authorities of [`ClientFiles`]; what is wrong with a certificate is named ([`ClientError::Tls`]).

pub(crate) mod alertmanager;
mod error;
mod events;
mod exchange;
mod heads;
mod patience;
mod pipeline;
mod prometheus;
mod proofs;
mod relay;
mod reply;
mod rollout;
mod snapshots;
pub mod sse;
mod standing;

use std::fmt;
use std::time::Duration;

use futures::stream::BoxStream;
use primitives::{Address, Genesis, Height, TransactionId};
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderValue};
use reqwest::{RequestBuilder, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

pub use alertmanager::{HeldAlert, Integrations, Notifications};
pub use error::ClientError;
pub use heads::Heads;
pub use patience::{RETRY_AFTER_MAX, WAITS_MAX};
use reply::{bearer, chain, in_order, read, refusal, tls_cause};

use crate::error::ApiError;
use crate::jsonrpc;
use crate::limits::{EVENT_BYTES_MAX, GENESIS_REPLY_BYTES_MAX, REPLY_BYTES_MAX, STREAM_SILENCE_MAX, WAIT_DEFAULT_MS};
use crate::routes::{Access, Method, Operation, Reply, Route};
use crate::tls::{self, ClientFiles};
use crate::types::{
    AccountProof, AccountView, BlockEvents, BlockId, BlockPage, BlockSummary, BlockView, ConsensusStatus, HealthReport,
    HistoryEntry, HistoryPage, HistoryQuery, Limits, Liveness, MempoolStatus, NodeStatus, PageQuery, Ready,
    ReceiptView, StakerView, SubmitResult, SubmitTransaction, TransactionProof, TransactionStatus, ValidatorList,
    ValidatorView, WaitQuery,
};

/// How long a connection may take to be made, when nothing else is said.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection with its TLS handshake may take to be made, when nothing else is said.
pub const TLS_HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an answer may take, when nothing else is said; a wait request gets its own time on top.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);

/// Typed events of one stream. It ends when the node ends it; after an error nothing more comes.
pub type EventStream<T> = BoxStream<'static, Result<T, ClientError>>;

/// Where the node is and how long to wait for it.
#[derive(Clone)]
pub struct ClientConfig {
    /// Such as `http://127.0.0.1:26658`.
    pub base_url: String,
    /// The bearer token for requests that write.
    pub token: Option<String>,
    /// Whom to trust, and what to show, at https URLs.
    pub tls: ClientFiles,
    /// How long a connection with its TLS handshake may take to be made, at https URLs.
    pub tls_handshake_timeout: Duration,
    /// How long a connection may take to be made.
    pub connect_timeout: Duration,
    /// How long an answer may take.
    pub request_timeout: Duration,
}

impl ClientConfig {
    /// The node at this URL, without token, with the usual time limits.
    pub fn new(base_url: impl Into<String>) -> Self {
        Self {
            base_url: base_url.into(),
            token: None,
            tls: ClientFiles::default(),
            tls_handshake_timeout: TLS_HANDSHAKE_TIMEOUT,
            connect_timeout: CONNECT_TIMEOUT,
            request_timeout: REQUEST_TIMEOUT,
        }
    }
}

impl fmt::Debug for ClientConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let token = self.token.as_ref().map(|_| "hidden");
        f.debug_struct("ClientConfig").field("base_url", &self.base_url).field("token", &token).finish_non_exhaustive()
    }
}

/// A client of one node. Clones share their connections.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base_url: String,
    authorization: Option<HeaderValue>,
    request_timeout: Duration,
    patience: Option<patience::Patience>,
}

impl Client {
    /// A client of this node. Nothing is sent yet.
    ///
    /// # Errors
    /// [`ClientError::Url`] or [`ClientError::Token`].
    pub fn new(config: &ClientConfig) -> Result<Self, ClientError> {
        let url = |cause| ClientError::Url { url: config.base_url.clone(), cause };
        let parsed = reqwest::Url::parse(&config.base_url).map_err(|_| url("it does not parse"))?;
        let is_tls = match parsed.scheme() {
            "http" => false,
            "https" => true,
            _ => return Err(url("it must begin with http:// or https://")),
        };
        if parsed.query().is_some() || parsed.fragment().is_some() {
            return Err(url("it must end with host, port or path"));
        }
        let authorization = config.token.as_deref().map(bearer).transpose()?;
        let time = if is_tls { config.tls_handshake_timeout } else { config.connect_timeout };
        let http = reqwest::Client::builder()
            .connect_timeout(time)
            .tls_backend_preconfigured(tls::client(&config.tls)?)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(|error| ClientError::Connection { url: config.base_url.clone(), cause: chain(&error) })?;
        Ok(Self {
            http,
            base_url: config.base_url.trim_end_matches('/').to_owned(),
            authorization,
            request_timeout: config.request_timeout,
            patience: None,
        })
    }

    /// Where the node is.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// `GET /health`.
    ///
    /// # Errors
    /// [`ClientError`]; so for every method below.
    pub async fn health(&self) -> Result<HealthReport, ClientError> {
        self.get(Operation::Health, &[]).await
    }

    /// `GET /health/live`.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn health_live(&self) -> Result<Liveness, ClientError> {
        self.get(Operation::HealthLive, &[]).await
    }

    /// `GET /health/ready`. A node that is not ready is an answer, not an error.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn health_ready(&self) -> Result<Ready, ClientError> {
        let request = self.request(Operation::HealthReady.route(), &[]);
        let (url, status, body) = self.send(request, self.request_timeout, REPLY_BYTES_MAX).await?;
        if status == 503
            && let Ok(ready) = serde_json::from_slice(&body)
        {
            return Ok(ready);
        }
        read(&url, status, &body)
    }

    /// `GET /status/node`.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn node_status(&self) -> Result<NodeStatus, ClientError> {
        self.get(Operation::NodeStatus, &[]).await
    }

    /// `GET /status/mempool`.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn mempool_status(&self) -> Result<MempoolStatus, ClientError> {
        self.get(Operation::MempoolStatus, &[]).await
    }

    /// `GET /status/consensus`.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn consensus_status(&self) -> Result<ConsensusStatus, ClientError> {
        self.get(Operation::ConsensusStatus, &[]).await
    }

    /// `GET /status/limits`.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn limits(&self) -> Result<Limits, ClientError> {
        self.get(Operation::LimitsStatus, &[]).await
    }

    /// `GET /blocks/latest`.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn block_latest(&self) -> Result<BlockView, ClientError> {
        self.get(Operation::BlockLatest, &[]).await
    }

    /// `GET /blocks/{block}`.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn block(&self, block: BlockId) -> Result<BlockView, ClientError> {
        self.get(Operation::BlockGet, &[&block.to_string()]).await
    }

    /// `GET /blocks/{block}/events`.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn block_events(&self, block: BlockId) -> Result<BlockEvents, ClientError> {
        self.get(Operation::BlockEvents, &[&block.to_string()]).await
    }

    /// The block at this height.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn block_at(&self, height: Height) -> Result<BlockView, ClientError> {
        self.block(BlockId::Height(height)).await
    }

    /// `GET /blocks`.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn blocks(&self, page: PageQuery) -> Result<BlockPage, ClientError> {
        let request = self.request(Operation::BlockList.route(), &[]).query(&page);
        self.answer(request, self.request_timeout).await
    }

    /// `GET /blocks/stream`.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn block_stream(&self) -> Result<EventStream<BlockSummary>, ClientError> {
        self.stream(Operation::BlockStream, &[]).await
    }

    /// `POST /transactions`.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn submit(&self, transaction: &SubmitTransaction) -> Result<SubmitResult, ClientError> {
        let request = self.request(Operation::TransactionSubmit.route(), &[]).json(transaction);
        self.answer(request, self.request_timeout).await
    }

    /// Up to [`crate::limits::BATCH_MAX`] submissions in one JSON-RPC batch; one result for each, in order.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn submit_batch(
        &self,
        transactions: &[SubmitTransaction],
    ) -> Result<Vec<Result<SubmitResult, ApiError>>, ClientError> {
        let method = Operation::TransactionSubmit.route().method_name;
        let calls: Vec<Value> = transactions
            .iter()
            .enumerate()
            .map(|(id, params)| json!({"jsonrpc": jsonrpc::VERSION, "id": id, "method": method, "params": params}))
            .collect();
        let request = self.authorized(self.request(Operation::JsonRpc.route(), &[])).json(&calls);
        let (url, status, body) = self.send(request, self.request_timeout, REPLY_BYTES_MAX).await?;
        let responses: Vec<jsonrpc::Response> = match read(&url, status, &body) {
            Ok(responses) => responses,
            // A refusal of the whole batch is a single envelope.
            Err(error) => match serde_json::from_slice::<jsonrpc::Response>(&body) {
                Ok(jsonrpc::Response { error: Some(refusal), .. }) => return Err(ApiError::from(refusal).into()),
                _ => return Err(error),
            },
        };
        in_order(responses, transactions.len()).map_err(|cause| ClientError::BadReply { url, status, cause })
    }

    /// `GET /transactions/{id}`.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn transaction(&self, id: TransactionId) -> Result<TransactionStatus, ClientError> {
        self.get(Operation::TransactionStatus, &[&id.to_string()]).await
    }

    /// `GET /transactions/{id}/wait`: the request's time limit is the wait and the usual time on top.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn transaction_wait(&self, id: TransactionId, wait: WaitQuery) -> Result<TransactionStatus, ClientError> {
        let waits = Duration::from_millis(wait.timeout_ms.unwrap_or(WAIT_DEFAULT_MS));
        let request = self.request(Operation::TransactionWait.route(), &[&id.to_string()]).query(&wait);
        self.answer(request, self.request_timeout.saturating_add(waits)).await
    }

    /// `GET /transactions/{id}/stream`.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn transaction_stream(&self, id: TransactionId) -> Result<EventStream<TransactionStatus>, ClientError> {
        self.stream(Operation::TransactionStream, &[&id.to_string()]).await
    }

    /// `GET /transactions/{id}/proof`.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn transaction_proof(&self, id: TransactionId) -> Result<TransactionProof, ClientError> {
        self.get(Operation::TransactionProof, &[&id.to_string()]).await
    }

    /// `GET /receipts/{id}`.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn receipt(&self, id: TransactionId) -> Result<ReceiptView, ClientError> {
        self.get(Operation::ReceiptGet, &[&id.to_string()]).await
    }

    /// `GET /accounts/{address}`.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn account(&self, address: &Address) -> Result<AccountView, ClientError> {
        self.get(Operation::AccountGet, &[&address.to_string()]).await
    }

    /// `GET /accounts/{address}/history`.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn account_history(&self, address: &Address, page: HistoryQuery) -> Result<HistoryPage, ClientError> {
        let request = self.request(Operation::AccountHistory.route(), &[&address.to_string()]).query(&page);
        self.answer(request, self.request_timeout).await
    }

    /// `GET /accounts/{address}/proof`.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn account_proof(&self, address: &Address) -> Result<AccountProof, ClientError> {
        self.get(Operation::AccountProof, &[&address.to_string()]).await
    }

    /// `GET /accounts/{address}/stream`.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn account_stream(&self, address: &Address) -> Result<EventStream<HistoryEntry>, ClientError> {
        self.stream(Operation::AccountStream, &[&address.to_string()]).await
    }

    /// `GET /staking/validators`.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn validators(&self) -> Result<ValidatorList, ClientError> {
        self.get(Operation::ValidatorList, &[]).await
    }

    /// `GET /staking/validators/{address}`.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn validator(&self, address: &Address) -> Result<ValidatorView, ClientError> {
        self.get(Operation::ValidatorGet, &[&address.to_string()]).await
    }

    /// `GET /validator/status`.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn validator_status(&self) -> Result<ValidatorView, ClientError> {
        self.get(Operation::ValidatorStatus, &[]).await
    }

    /// `GET /staking/accounts/{address}`.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn staker(&self, address: &Address) -> Result<StakerView, ClientError> {
        self.get(Operation::StakerGet, &[&address.to_string()]).await
    }

    /// `GET /genesis`, checked: a file that breaks a rule of genesis is not returned.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn genesis(&self) -> Result<Genesis, ClientError> {
        let request = self.request(Operation::Genesis.route(), &[]);
        let (url, status, body) = self.send(request, self.request_timeout, GENESIS_REPLY_BYTES_MAX).await?;
        let genesis: Genesis = read(&url, status, &body)?;
        match genesis.validate() {
            Ok(()) => Ok(genesis),
            Err(error) => Err(ClientError::BadReply { url, status, cause: error.to_string() }),
        }
    }

    /// `GET /metrics`, the text of Prometheus.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn metrics(&self) -> Result<String, ClientError> {
        let request = self.request(Operation::Metrics.route(), &[]);
        let (url, status, body) = self.send(request, self.request_timeout, REPLY_BYTES_MAX).await?;
        if status != 200 {
            return Err(refusal(&url, status, &body));
        }
        String::from_utf8(body).map_err(|_| ClientError::BadReply {
            url,
            status,
            cause: "the text is not UTF-8".to_owned(),
        })
    }

    /// One JSON-RPC call of any operation that has a method.
    ///
    /// # Errors
    /// See [`Client::health`]; `method_not_found` for an operation without a method.
    pub async fn call<P: Serialize, T: DeserializeOwned>(
        &self,
        operation: Operation,
        params: &P,
    ) -> Result<T, ClientError> {
        let route = operation.route();
        let method = route.method_name.ok_or_else(|| {
            ApiError::new(crate::error::ErrorCode::MethodNotFound)
                .because(format!("{} has no JSON-RPC method", route.operation_id))
        })?;
        let call = json!({"jsonrpc": jsonrpc::VERSION, "id": 1, "method": method, "params": params});
        let mut request = self.request(Operation::JsonRpc.route(), &[]).json(&call);
        if route.access == Access::Write {
            request = self.authorized(request);
        }
        let (url, status, body) = self.send(request, self.request_timeout, REPLY_BYTES_MAX).await?;
        let bad = |cause: String| ClientError::BadReply { url: url.clone(), status, cause };
        let Ok(response) = serde_json::from_slice::<jsonrpc::Response>(&body) else {
            return Err(refusal(&url, status, &body));
        };
        match (response.result, response.error) {
            (_, Some(error)) => Err(ApiError::from(error).into()),
            (result, None) => {
                serde_json::from_value(result.unwrap_or(Value::Null)).map_err(|error| bad(error.to_string()))
            }
        }
    }

    async fn get<T: DeserializeOwned>(&self, operation: Operation, values: &[&str]) -> Result<T, ClientError> {
        self.answer(self.request(operation.route(), values), self.request_timeout).await
    }

    fn request(&self, route: &Route, values: &[&str]) -> RequestBuilder {
        let url = format!("{}{}", self.base_url, route.path_with(values));
        let request = match route.method {
            Method::Get => self.http.get(url),
            Method::Post => self.http.post(url),
        };
        let accept = match route.reply {
            Reply::Events { .. } => "text/event-stream",
            Reply::Text(content_type) => content_type,
            Reply::Bytes => "application/octet-stream",
            Reply::Json(_) | Reply::JsonRpc => "application/json",
        };
        let request = request.header(ACCEPT, accept);
        if route.access == Access::Open { request } else { self.authorized(request) }
    }

    fn authorized(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.authorization {
            Some(value) => request.header(AUTHORIZATION, value.clone()),
            None => request,
        }
    }

    async fn answer<T: DeserializeOwned>(&self, request: RequestBuilder, time: Duration) -> Result<T, ClientError> {
        let (url, status, body) = self.send(request, time, REPLY_BYTES_MAX).await?;
        read(&url, status, &body)
    }

    /// Sends and reads the whole body, within both limits.
    async fn send_once(
        &self,
        request: RequestBuilder,
        time: Duration,
        bytes_max: usize,
    ) -> Result<(Response, Vec<u8>), ClientError> {
        let exchange = async {
            let mut response = self.exchange(request).await?;
            let mut body = Vec::new();
            let mut fits = true;
            while let Some(chunk) = response.chunk().await? {
                fits = body.len().saturating_add(chunk.len()) <= bytes_max;
                if !fits {
                    break;
                }
                body.extend_from_slice(&chunk);
            }
            Ok((response, body, fits))
        };
        let url = || self.base_url.clone();
        match tokio::time::timeout(time, exchange).await {
            Err(_) => Err(ClientError::Timeout { url: url(), after: time }),
            Ok(Err(error)) => Err(self.broken(&error)),
            Ok(Ok((_, _, false))) => Err(ClientError::ReplyTooLarge { url: url(), bytes_max }),
            Ok(Ok((response, body, true))) => Ok((response, body)),
        }
    }

    fn broken(&self, error: &reqwest::Error) -> ClientError {
        let url = self.base_url.clone();
        match tls_cause(error) {
            Some(cause) => ClientError::Tls { url, cause },
            None => ClientError::Connection { url, cause: chain(error) },
        }
    }

    /// Opens a stream; events of other names are read over.
    async fn stream<T: DeserializeOwned + Send + 'static>(
        &self,
        operation: Operation,
        values: &[&str],
    ) -> Result<EventStream<T>, ClientError> {
        self.stream_within(operation, values, STREAM_SILENCE_MAX).await
    }

    /// The same for another longest silence.
    async fn stream_within<T: DeserializeOwned + Send + 'static>(
        &self,
        operation: Operation,
        values: &[&str],
        silence: Duration,
    ) -> Result<EventStream<T>, ClientError> {
        let route = operation.route();
        let request = self.request(route, values);
        let time = self.request_timeout;
        let response = tokio::time::timeout(time, self.exchange(request))
            .await
            .map_err(|_| ClientError::Timeout { url: self.base_url.clone(), after: time })?
            .map_err(|error| self.broken(&error))?;
        if response.status().as_u16() != 200 {
            return Err(self.stream_refusal(response).await);
        }
        let Reply::Events { event, .. } = route.reply else {
            return Err(ClientError::BadReply {
                url: response.url().to_string(),
                status: 200,
                cause: format!("{} is not a stream", route.operation_id),
            });
        };
        Ok(events::open(response, event, silence))
    }

    async fn stream_refusal(&self, mut response: Response) -> ClientError {
        let (url, status) = (response.url().to_string(), response.status().as_u16());
        let read = async {
            let mut body = Vec::new();
            while let Ok(Some(chunk)) = response.chunk().await {
                body.extend_from_slice(&chunk);
                if body.len() > EVENT_BYTES_MAX {
                    break;
                }
            }
            body
        };
        let body = tokio::time::timeout(self.request_timeout, read).await.unwrap_or_default();
        refusal(&url, status, &body)
    }
}
