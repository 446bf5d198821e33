//! Which connections there are, which of them wait and which are at work, so that a full server knows whom to send away.
//!
//! ```text
//! accepted ─► waiting ─ request read to its end ─► at work ─ answer handed over ─► waiting ─► …
//!                │ there is no room, and nobody waits longer
//!                └─► has to leave
//! ```
//! Rules
//! - There is no room where all places are taken, or all that one address may have ([`Bounds`]). The one who leaves has
//!   then waited longest of all, or longest of that address.
//! - A connection waits from its first moment: half a handshake, half a head and half a body are waiting.
//! - It is at work until the last piece of the answer is handed to the connection; an open stream is at work.
//! - Tickets are given in order, so the smallest one waits longest. A head that was read gives a new ticket.
//! - An address of IPv6 counts as its /64 ([`holder`]).

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::response::Response;
use hyper::body::{Frame, SizeHint};
use rpc::rate::holder;
use telemetry::Counter;
use tokio::sync::Notify;

/// Longest wait for one that has to leave before the next one is told to.
const LEAVE_PAUSE: Duration = Duration::from_millis(20);

/// How many connections there may be.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Of all addresses.
    pub most: usize,
    /// Of one address.
    pub of_address: usize,
}

#[derive(Default)]
struct Open {
    next_ticket: u64,
    waiting: BTreeMap<u64, (IpAddr, Arc<Notify>)>,
    by_address: BTreeMap<IpAddr, usize>,
    count: usize,
}

/// Who takes the room that somebody wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Crowd {
    All,
    Of(IpAddr),
}

impl Open {
    fn crowd(&self, address: IpAddr, bounds: Bounds) -> Option<Crowd> {
        let own = self.by_address.get(&address).copied().unwrap_or_default();
        if own >= bounds.of_address {
            return Some(Crowd::Of(address));
        }
        (self.count >= bounds.most).then_some(Crowd::All)
    }
}

/// All connections of a server.
pub struct Places {
    open: Mutex<Open>,
    bounds: Bounds,
    freed: Notify,
    shed: Counter,
}

impl Places {
    /// None yet; `shed` counts who was sent away.
    pub fn new(bounds: Bounds, shed: Counter) -> Self {
        Self { open: Mutex::default(), bounds, freed: Notify::new(), shed }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a connection from `address`, at the price of the one that waits longest where there is no room; `None`
    /// where all who could make room are at work.
    pub async fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Arc<Place>> {
        let address = holder(address);
        loop {
            let mut freed = std::pin::pin!(self.freed.notified());
            // From here on no room that comes free is missed.
            freed.as_mut().enable();
            let crowd = match self.try_enter(address) {
                Ok(place) => return Some(place),
                Err(crowd) => crowd,
            };
            if !self.end_longest_wait(crowd) {
                return None;
            }
            let _ = tokio::time::timeout(LEAVE_PAUSE, freed).await;
        }
    }

    fn try_enter(self: &Arc<Self>, address: IpAddr) -> Result<Arc<Place>, Crowd> {
        let mut open = self.open();
        if let Some(crowd) = open.crowd(address, self.bounds) {
            return Err(crowd);
        }
        open.count = open.count.saturating_add(1);
        let own = open.by_address.entry(address).or_default();
        *own = own.saturating_add(1);
        drop(open);
        let place = Place { places: Arc::clone(self), address, leave: Arc::default(), ticket: Mutex::default() };
        place.wait();
        Ok(Arc::new(place))
    }

    /// Sends the connection away that has waited longest; false where all are at work.
    fn end_longest_wait(&self, crowd: Crowd) -> bool {
        let mut open = self.open();
        let is_of = |address: &IpAddr| crowd == Crowd::All || crowd == Crowd::Of(*address);
        let longest = open.waiting.iter().find(|(_, (address, _))| is_of(address)).map(|(ticket, _)| *ticket);
        let Some((_, leave)) = longest.and_then(|ticket| open.waiting.remove(&ticket)) else { return false };
        drop(open);
        self.shed.inc();
        leave.notify_one();
        true
    }

    fn leave(&self, address: IpAddr) {
        let mut open = self.open();
        open.count = open.count.saturating_sub(1);
        if let Some(own) = open.by_address.get_mut(&address) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                open.by_address.remove(&address);
            }
        }
        drop(open);
        self.freed.notify_waiters();
    }
}

/// One connection.
pub struct Place {
    places: Arc<Places>,
    address: IpAddr,
    leave: Arc<Notify>,
    ticket: Mutex<Option<u64>>,
}

impl Place {
    fn ticket(&self) -> MutexGuard<'_, Option<u64>> {
        self.ticket.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits from now on.
    fn wait(&self) {
        self.stop_waiting();
        let mut open = self.places.open();
        let ticket = open.next_ticket;
        open.next_ticket = ticket.wrapping_add(1);
        open.waiting.insert(ticket, (self.address, Arc::clone(&self.leave)));
        drop(open);
        *self.ticket() = Some(ticket);
    }

    fn stop_waiting(&self) {
        // Taken in a statement of its own: the other lock is never asked for while this one is held.
        let ticket = self.ticket().take();
        if let Some(ticket) = ticket {
            self.places.open().waiting.remove(&ticket);
        }
    }

    /// The head of a request was read: its body, and what is held until the answer was handed over. The connection is at
    /// work once the body was read to its end.
    pub fn begin<B: HttpBody<Data = Bytes>>(self: &Arc<Self>, body: B) -> (Receiving<B>, AtWork) {
        self.wait();
        let mut body = Receiving { body, place: Some(Arc::clone(self)) };
        body.look();
        (body, AtWork(Arc::clone(self)))
    }

    /// Comes back when this connection has to leave.
    pub async fn has_to_leave(&self) {
        self.leave.notified().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.stop_waiting();
        self.places.leave(self.address);
    }
}

/// The body of a request, whose connection waits until it was read to its end.
pub struct Receiving<B> {
    body: B,
    place: Option<Arc<Place>>,
}

impl<B: HttpBody<Data = Bytes>> Receiving<B> {
    fn look(&mut self) {
        if self.body.is_end_stream() {
            self.end();
        }
    }

    fn end(&mut self) {
        if let Some(place) = self.place.take() {
            place.stop_waiting();
        }
    }
}

impl<B: HttpBody<Data = Bytes> + Unpin> HttpBody for Receiving<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        match &polled {
            Poll::Ready(None) => self.end(),
            Poll::Ready(Some(Ok(_))) => self.look(),
            Poll::Ready(Some(Err(_))) | Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
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
