//! An open stream of server-sent events as a typed stream of values.
//!
//! Rules: events of other names are read over, so a node may add some; the event `error` ends the stream with
//! the node's refusal; silence longer than the given time ends it with a timeout.

use std::collections::VecDeque;
use std::time::Duration;

use futures::stream::{self, StreamExt};
use reqwest::Response;
use serde::de::DeserializeOwned;

use super::reply::{chain, read, refusal};
use super::{ClientError, EventStream, sse};
use crate::limits::EVENT_BYTES_MAX;
use crate::routes::EVENT_ERROR;

/// The events named `event` of a response whose status was good.
pub(super) fn open<T: DeserializeOwned + Send + 'static>(
    response: Response,
    event: &'static str,
    silence: Duration,
) -> EventStream<T> {
    let url = response.url().to_string();
    let events = Events { url, response, parser: sse::Parser::default(), ready: VecDeque::new(), event, silence };
    stream::try_unfold(events, |mut events| async move { Ok(events.next().await?.map(|value| (value, events))) })
        .boxed()
}

/// An open stream.
struct Events {
    url: String,
    response: Response,
    parser: sse::Parser,
    ready: VecDeque<sse::ServerEvent>,
    event: &'static str,
    silence: Duration,
}

impl Events {
    /// The next event of the right name, or `None` at the end of the stream.
    async fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, ClientError> {
        loop {
            while let Some(event) = self.ready.pop_front() {
                if event.name == EVENT_ERROR {
                    return Err(refusal(&self.url, 200, event.data.as_bytes()));
                }
                if event.name == self.event {
                    return read(&self.url, 200, event.data.as_bytes()).map(Some);
                }
            }
            let chunk = tokio::time::timeout(self.silence, self.response.chunk())
                .await
                .map_err(|_| ClientError::Timeout { url: self.url.clone(), after: self.silence })?
                .map_err(|error| ClientError::Connection { url: self.url.clone(), cause: chain(&error) })?;
            let Some(bytes) = chunk else { return Ok(None) };
            let events = self.parser.push(&bytes).map_err(|sse::EventTooLarge| ClientError::ReplyTooLarge {
                url: self.url.clone(),
                bytes_max: EVENT_BYTES_MAX,
            })?;
            self.ready.extend(events);
        }
    }
}
