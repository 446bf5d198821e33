//! Which connections wait and which are at work, so that a full server knows whom to send away.
//!
//! ```text
//! accepted ─► waiting ─ request's head read ─► at work ─ answer handed over ─► waiting ─► …
//!                │ the server is full, and nobody waits longer
//!                └─► has to leave
//! ```
//! Rules
//! - A connection waits from its first moment: half a handshake or half a head is waiting.
//! - It is at work until the last piece of the answer is handed to the connection; an open stream is at work.
//! - Tickets are given in order, so the smallest one waits longest.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::response::Response;
use hyper::body::{Frame, SizeHint};
use telemetry::Counter;
use tokio::sync::Notify;

#[derive(Default)]
struct Waiting {
    next: u64,
    by_ticket: BTreeMap<u64, Arc<Notify>>,
}

/// All connections of a server.
pub struct Places {
    waiting: Mutex<Waiting>,
    shed: Counter,
}

impl Places {
    /// None yet; `shed` counts who was sent away.
    pub fn new(shed: Counter) -> Self {
        Self { waiting: Mutex::default(), shed }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends the connection away that has waited longest; nobody where all are at work.
    pub fn end_longest_wait(&self) {
        let longest = self.waiting().by_ticket.pop_first();
        if let Some((_, leave)) = longest {
            self.shed.inc();
            leave.notify_one();
        }
    }
}

/// One connection.
pub struct Place {
    places: Arc<Places>,
    leave: Arc<Notify>,
    ticket: Mutex<Option<u64>>,
}

impl Place {
    /// A connection that waits for its first request.
    pub fn new(places: &Arc<Places>) -> Arc<Self> {
        let place = Self { places: Arc::clone(places), leave: Arc::default(), ticket: Mutex::default() };
        place.wait();
        Arc::new(place)
    }

    fn ticket(&self) -> MutexGuard<'_, Option<u64>> {
        self.ticket.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait(&self) {
        let mut waiting = self.places.waiting();
        let ticket = waiting.next;
        waiting.next = ticket.wrapping_add(1);
        waiting.by_ticket.insert(ticket, Arc::clone(&self.leave));
        drop(waiting);
        *self.ticket() = Some(ticket);
    }

    fn stop_waiting(&self) {
        // Taken in a statement of its own: the other lock is never asked for while this one is held.
        let ticket = self.ticket().take();
        if let Some(ticket) = ticket {
            self.places.waiting().by_ticket.remove(&ticket);
        }
    }

    /// A request is in hand until what this gives is dropped.
    pub fn begin(self: &Arc<Self>) -> AtWork {
        self.stop_waiting();
        AtWork(Arc::clone(self))
    }

    /// Comes back when this connection has to leave.
    pub async fn has_to_leave(&self) {
        self.leave.notified().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.stop_waiting();
    }
}

/// A request in hand.
pub struct AtWork(Arc<Place>);

impl AtWork {
    /// The answer, which is at work until its last piece is handed over.
    pub fn until_sent(self, response: Response) -> Response {
        response.map(|body| Body::new(Sending { body, _work: self }))
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.wait();
    }
}

/// The body of an answer.
struct Sending {
    body: Body,
    _work: AtWork,
}

impl HttpBody for Sending {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
