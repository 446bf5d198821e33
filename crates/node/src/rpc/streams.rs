//! Server-sent events: new blocks, heads for light clients, one transaction's stages, one account's payments, a session of state sync,
//! what pruning does.
//!
//! ```text
//! source.step ─► events ─► reader      the reader takes them: step again
//!      └─────► idle ─► wait until the hub wakes the source, or the node stops
//! ```
//! Rules
//! - A stream reads the store from where it is, so a reader that falls behind for a while misses nothing.
//! - One that falls more than [`STREAM_QUEUE_MAX`] heights behind is told how much it missed with a `lagged`
//!   event, and its stream ends with an `error` event: it should ask for pages and open a new one.
//! - A node that stops ends its streams with an `error` event.
//! - An idle stream gets a comment every [`STREAM_KEEP_ALIVE`]. The streams of heads, of a session and of pruning get the comment `:hb` that often
//!   whether it is idle or not, so that its reader can tell a slow chain from a broken line.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::{Stream, StreamExt};
use primitives::{Address, Height, TransactionId};
use rpc::limits::{STREAM_KEEP_ALIVE, STREAM_QUEUE_MAX};
use rpc::routes::{
    EVENT_BLOCK, EVENT_ERROR, EVENT_HEAD, EVENT_PAYMENT, EVENT_PIPELINE, EVENT_PROGRESS, EVENT_PRUNING, EVENT_STATUS,
};
use rpc::types::{BlockId, LightHead, PruningStatus, Stage, SyncProgress};
use rpc::{ApiError, ErrorCode};
use serde::Serialize;
use serde_json::json;
use storage::HistoryKey;
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::http::Counted;
use super::hub::Watching;
use super::server::{Server, stopped};
use super::{accounts, blocks, errors, pipeline, proving, pruning as pruned, query, transactions};

/// Name of the event that says how many heights a slow reader has missed.
pub const EVENT_LAGGED: &str = "lagged";
/// Most payments that are read for a stream at once; an account with more of them must be paged.
pub const PAYMENTS_MAX: usize = 16_384;
/// What the streams of heads, of a session and of pruning say every [`STREAM_KEEP_ALIVE`].
const BEAT: Bytes = Bytes::from_static(b":hb\n\n");
/// Pause between two looks at what pruning does.
const PRUNING_LOOK: Duration = Duration::from_secs(1);
/// Payments that are read from the index at a time.
const PAYMENTS_PAGE: usize = 128;

/// What a source has to say.
enum Step {
    /// These events, perhaps more after them.
    Events(VecDeque<Event>),
    /// Nothing until it is woken.
    Idle,
    /// These events, and nothing after them.
    Last(VecDeque<Event>),
}

/// Where the events of a stream come from.
trait Source: Send + 'static {
    /// What is new since the last step.
    fn step(&mut self, server: &Arc<Server>) -> impl Future<Output = Result<Step, ApiError>> + Send;
    /// Returns once there may be something new.
    fn woken(&mut self) -> impl Future<Output = ()> + Send;
}

/// A stream that somebody reads.
struct Open<S> {
    server: Arc<Server>,
    source: S,
    stop: watch::Receiver<bool>,
    ready: VecDeque<Event>,
    ended: bool,
    _place: OwnedSemaphorePermit,
    _counted: Counted,
}

fn event<T: Serialize>(name: &str, data: &T) -> Result<Event, ApiError> {
    let text = errors::text(data)?;
    // JSON text has no line breaks, so it is one line of data.
    Ok(Event::default().event(name).data(String::from_utf8_lossy(&text)))
}

fn error_event(error: &ApiError) -> Event {
    event(EVENT_ERROR, error).unwrap_or_else(|_| Event::default().event(EVENT_ERROR).data("{}"))
}

fn open<S: Source>(server: &Arc<Server>, source: S) -> Result<Response, ApiError> {
    let keep_alive = KeepAlive::new().interval(STREAM_KEEP_ALIVE).text("hb");
    Ok(Sse::new(events(server, source)?).keep_alive(keep_alive).into_response())
}

/// The same with the beat as a line of its own, whatever else is sent.
fn open_with_beat<S: Source>(server: &Arc<Server>, source: S) -> Result<Response, ApiError> {
    let (parts, body) = Sse::new(events(server, source)?).into_response().into_parts();
    let first = tokio::time::Instant::now() + STREAM_KEEP_ALIVE;
    let open = (body.into_data_stream(), tokio::time::interval_at(first, STREAM_KEEP_ALIVE));
    let pieces = futures::stream::unfold(open, |(mut body, mut beats)| async move {
        let piece = tokio::select! {
            // Each piece is a whole event, so a beat is never inside one.
            piece = body.next() => piece?,
            _ = beats.tick() => Ok(BEAT),
        };
        Some((piece, (body, beats)))
    });
    Ok(Response::from_parts(parts, Body::from_stream(pieces)))
}

/// The events of a source as they come.
fn events<S: Source>(
    server: &Arc<Server>,
    source: S,
) -> Result<impl Stream<Item = Result<Event, Infallible>> + use<S>, ApiError> {
    let open = Open {
        server: Arc::clone(server),
        source,
        stop: server.stop.clone(),
        ready: VecDeque::new(),
        ended: false,
        _place: server.stream_place()?,
        _counted: Counted::new(&server.shared.metrics.rpc.streams),
    };
    Ok(futures::stream::unfold(open, |mut open| async move {
        let event = open.next().await?;
        Some((Ok::<_, Infallible>(event), open))
    }))
}

impl<S: Source> Open<S> {
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            if self.ended {
                return None;
            }
            match self.source.step(&self.server).await {
                Ok(Step::Events(events)) => self.ready = events,
                Ok(Step::Last(events)) => {
                    self.ready = events;
                    self.ended = true;
                }
                Ok(Step::Idle) => tokio::select! {
                    biased;
                    () = stopped(&mut self.stop) => self.end(&transactions::stopping()),
                    () = self.source.woken() => {}
                },
                Err(error) => self.end(&error),
            }
        }
    }

    fn end(&mut self, error: &ApiError) {
        self.ready.push_back(error_event(error));
        self.ended = true;
    }
}

/// The events that end the stream of a reader who missed `missed` of something.
fn lagged(missed: u64, what: &str, next: &str) -> Result<Step, ApiError> {
    let error = ApiError::new(ErrorCode::Overloaded)
        .because(format!("the reader was too slow and missed {missed} {what}"))
        .with_hint(next);
    let told = event(EVENT_LAGGED, &json!({ "missed": missed }))?;
    Ok(Step::Last(VecDeque::from([told, error_event(&error)])))
}

/// Heights that a stream has not spoken of, or how many when they are too many.
fn heights_behind(last: Height, head: Height) -> Result<u64, u64> {
    let behind = head.0.saturating_sub(last.0);
    if usize::try_from(behind).is_ok_and(|behind| behind <= STREAM_QUEUE_MAX) { Ok(behind) } else { Err(behind) }
}

/// `/blocks/stream`: each block as it is finalized.
///
/// # Errors
/// `overloaded`.
pub fn blocks(server: &Arc<Server>) -> Result<Response, ApiError> {
    open(server, Blocks { finalized: server.hub.finalized(), last: blocks::head(server) })
}

struct Blocks {
    finalized: watch::Receiver<Height>,
    last: Height,
}

impl Source for Blocks {
    async fn step(&mut self, server: &Arc<Server>) -> Result<Step, ApiError> {
        let head = *self.finalized.borrow_and_update();
        match heights_behind(self.last, head) {
            Ok(0) => return Ok(Step::Idle),
            Ok(_) => {}
            Err(missed) => return lagged(missed, "blocks", "read GET /blocks page by page, then open a new stream"),
        }
        let height = self.last.next();
        let summary = server.read(move |server| blocks::summary(server, height)).await?;
        self.last = height;
        Ok(Step::Events(VecDeque::from([event(EVENT_BLOCK, &summary)?])))
    }

    async fn woken(&mut self) {
        // The hub lives as long as the server, which the stream holds.
        let _ = self.finalized.changed().await;
    }
}

/// `/wallet/pipeline/stream`: the numbers of the pipeline now, then after each finalized height. A slow reader gets the
/// newest.
///
/// # Errors
/// `overloaded`.
pub fn pipeline(server: &Arc<Server>) -> Result<Response, ApiError> {
    open(server, Pipeline { finalized: server.hub.finalized(), told: None })
}

struct Pipeline {
    finalized: watch::Receiver<Height>,
    told: Option<Height>,
}

impl Source for Pipeline {
    async fn step(&mut self, server: &Arc<Server>) -> Result<Step, ApiError> {
        let head = *self.finalized.borrow_and_update();
        if self.told.replace(head) == Some(head) {
            return Ok(Step::Idle);
        }
        let told = server.read(pipeline::telemetry).await?;
        Ok(Step::Events(VecDeque::from([event(EVENT_PIPELINE, &told)?])))
    }

    async fn woken(&mut self) {
        let _ = self.finalized.changed().await;
    }
}

/// `/state-sync/head/stream`: the newest block with what certifies it, then each new one.
///
/// # Errors
/// `overloaded`.
pub fn heads(server: &Arc<Server>) -> Result<Response, ApiError> {
    let last = blocks::head(server).previous().unwrap_or_default();
    open_with_beat(server, Heads { finalized: server.hub.finalized(), last })
}

struct Heads {
    finalized: watch::Receiver<Height>,
    last: Height,
}

impl Source for Heads {
    async fn step(&mut self, server: &Arc<Server>) -> Result<Step, ApiError> {
        let head = *self.finalized.borrow_and_update();
        match heights_behind(self.last, head) {
            Ok(0) => return Ok(Step::Idle),
            Ok(_) => {}
            Err(missed) => return lagged(missed, "heads", "open a new stream: it starts with the newest head"),
        }
        let height = self.last.next();
        let told = server.read(move |server| light_head(server, height)).await?;
        self.last = height;
        Ok(Step::Events(VecDeque::from([event(EVENT_HEAD, &told)?])))
    }

    async fn woken(&mut self) {
        let _ = self.finalized.changed().await;
    }
}

fn light_head(server: &Server, height: Height) -> Result<LightHead, ApiError> {
    Ok(LightHead {
        block: blocks::expect(server, height)?.hash,
        certified: proving::certified(server, BlockId::Height(height))?,
        proven_height: crate::proofs::proven_height(&server.shared),
        chain_height: crate::proofs::chain_height(&server.shared),
    })
}

/// `/state-sync/session/stream`: how far the session is, at once and at each change. A slow reader gets the newest.
///
/// # Errors
/// `overloaded`.
pub fn session(server: &Arc<Server>) -> Result<Response, ApiError> {
    open_with_beat(server, Session { progress: server.shared.sync.watch(), told: None })
}

struct Session {
    progress: watch::Receiver<SyncProgress>,
    told: Option<SyncProgress>,
}

impl Source for Session {
    async fn step(&mut self, _: &Arc<Server>) -> Result<Step, ApiError> {
        let now = self.progress.borrow_and_update().clone();
        if self.told.as_ref() == Some(&now) {
            return Ok(Step::Idle);
        }
        let told = event(EVENT_PROGRESS, &now)?;
        self.told = Some(now);
        Ok(Step::Events(VecDeque::from([told])))
    }

    async fn woken(&mut self) {
        // The session's state lives as long as the server, which the stream holds.
        let _ = self.progress.changed().await;
    }
}

/// `/status/pruning/stream`: the status at once and at each change, looked at every [`PRUNING_LOOK`].
///
/// # Errors
/// `overloaded`.
pub fn pruning(server: &Arc<Server>) -> Result<Response, ApiError> {
    open_with_beat(server, Pruning { told: None })
}

struct Pruning {
    told: Option<PruningStatus>,
}

impl Source for Pruning {
    async fn step(&mut self, server: &Arc<Server>) -> Result<Step, ApiError> {
        let now = server.read(pruned::status).await?;
        if self.told.as_ref() == Some(&now) {
            return Ok(Step::Idle);
        }
        let told = event(EVENT_PRUNING, &now)?;
        self.told = Some(now);
        Ok(Step::Events(VecDeque::from([told])))
    }

    async fn woken(&mut self) {
        tokio::time::sleep(PRUNING_LOOK).await;
    }
}

/// `/transactions/{id}/stream`: the status at each stage, beginning with the present one.
///
/// # Errors
/// `not_found`, `overloaded`.
pub async fn transaction(server: &Arc<Server>, id: TransactionId) -> Result<Response, ApiError> {
    query::record(&id);
    let watching = server.hub.watch(id);
    server.read(move |server| transactions::find(server, &id)).await?;
    open(server, Transaction { id, watching, told: None })
}

struct Transaction {
    id: TransactionId,
    watching: Watching,
    told: Option<(Stage, usize)>,
}

impl Source for Transaction {
    async fn step(&mut self, server: &Arc<Server>) -> Result<Step, ApiError> {
        let id = self.id;
        let status = server.read(move |server| transactions::status(server, id)).await?;
        // The store has a block a moment before the tracker notes it. The notice that follows wakes this stream.
        let is_noted = status.reached.is_empty() || status.reached.iter().any(|one| one.stage == Stage::Finalized);
        if status.stage.ends_wait_for(Stage::Finalized) && !status.stage.is_failure() && !is_noted {
            return Ok(Step::Idle);
        }
        // A stage may be noted after a later one: gossip and proposals run side by side.
        let now = (status.stage, status.reached.len());
        if self.told.replace(now) == Some(now) {
            return Ok(Step::Idle);
        }
        let events = VecDeque::from([event(EVENT_STATUS, &status)?]);
        // A proof follows minutes later: who wants to hear of it waits for the stage `proven` at `/transactions/{id}/wait`.
        let is_last = status.stage.is_failure() || status.stage.ends_wait_for(Stage::Finalized);
        Ok(if is_last { Step::Last(events) } else { Step::Events(events) })
    }

    async fn woken(&mut self) {
        self.watching.moved().await;
    }
}

/// `/accounts/{address}/stream`: each change of the account's balance as it is finalized, oldest first.
///
/// # Errors
/// `overloaded`, or a failed read.
pub async fn account(server: &Arc<Server>, address: Address) -> Result<Response, ApiError> {
    let finalized = server.hub.finalized();
    let newest = server
        .read(move |server| {
            let newest = server.shared.store.history(&address, None, 1);
            newest.map_err(|error| errors::of_storage(&server.shared, &error))
        })
        .await?;
    let last = newest.first().map(|entry| entry.key);
    open(server, Account { address, finalized, last, read_at: None })
}

struct Account {
    address: Address,
    finalized: watch::Receiver<Height>,
    /// The last payment that was told.
    last: Option<HistoryKey>,
    /// The height up to which the index was read.
    read_at: Option<Height>,
}

impl Source for Account {
    async fn step(&mut self, server: &Arc<Server>) -> Result<Step, ApiError> {
        let head = *self.finalized.borrow_and_update();
        if self.read_at == Some(head) {
            return Ok(Step::Idle);
        }
        if let Some(Err(missed)) = self.read_at.map(|read_at| heights_behind(read_at, head)) {
            return lagged(
                missed,
                "blocks",
                "read GET /accounts/{address}/history page by page, then open a new stream",
            );
        }
        let (address, last) = (self.address, self.last);
        let payments = server.read(move |server| payments_after(server, address, last)).await?;
        self.read_at = Some(head);
        let Some((newest, events)) = payments else { return Ok(Step::Idle) };
        self.last = Some(newest);
        Ok(Step::Events(events))
    }

    async fn woken(&mut self) {
        let _ = self.finalized.changed().await;
    }
}

/// The payments after `last`, oldest first, with the key of the newest; none when there are none.
fn payments_after(
    server: &Server,
    address: Address,
    last: Option<HistoryKey>,
) -> Result<Option<(HistoryKey, VecDeque<Event>)>, ApiError> {
    let mut payments = Vec::new();
    let mut before = None;
    loop {
        let page = server
            .shared
            .store
            .history(&address, before, PAYMENTS_PAGE)
            .map_err(|error| errors::of_storage(&server.shared, &error))?;
        let is_full = page.len() >= PAYMENTS_PAGE;
        before = page.last().map(|entry| entry.key);
        let new = page.into_iter().take_while(|entry| last.is_none_or(|last| entry.key > last));
        let known = payments.len();
        payments.extend(new);
        let all_new = payments.len() - known >= PAYMENTS_PAGE;
        if !is_full || !all_new {
            break;
        }
        if payments.len() > PAYMENTS_MAX {
            return Err(ApiError::new(ErrorCode::Overloaded)
                .because(format!("the account has more than {PAYMENTS_MAX} new payments at once"))
                .with_hint("read GET /accounts/{address}/history page by page, then open a new stream"));
        }
    }
    let Some(newest) = payments.first().map(|entry| entry.key) else { return Ok(None) };
    let events = payments.iter().rev().map(|payment| event(EVENT_PAYMENT, &accounts::entry(server, payment)?));
    Ok(Some((newest, events.collect::<Result<_, ApiError>>()?)))
}
