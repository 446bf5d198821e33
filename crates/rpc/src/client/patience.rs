//! Waiting out a limit: a node that is asked too often says when to come back, and has done nothing until then.
//!
//! Rules
//! - Only status 429 with a `Retry-After` in seconds is waited out, for as long as the node says and at most
//!   [`RETRY_AFTER_MAX`]; a longer one stays a refusal, and so does the one after [`WAITS_MAX`] waits for the same request.
//! - Only answers that are read as a whole: a stream that is refused stays refused.
//! - How often it came to that is counted, so that a caller can ask more rarely and say so.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use reqwest::header::RETRY_AFTER;
use reqwest::{RequestBuilder, Response};

use super::{Client, ClientError};

/// Longest wait that a patient client lets a node impose.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(60);
/// Most waits for one request.
pub const WAITS_MAX: u32 = 20;

/// How often a patient client was told to come back; clones count together.
#[derive(Debug, Clone, Default)]
pub(super) struct Patience(Arc<AtomicU64>);

impl Patience {
    pub(super) async fn wait_out(&self, wait: Duration) {
        self.0.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(wait).await;
    }
}

impl Client {
    /// The same client, asking again where a node says that it was asked too often: for commands that look again and again.
    /// Such a wait is not part of the request's time limit.
    #[must_use]
    pub fn patient(self) -> Self {
        Self { patience: Some(Patience::default()), ..self }
    }

    /// How often this client, or a clone of it, has waited because it had asked too often.
    pub fn waited(&self) -> u64 {
        self.patience.as_ref().map_or(0, |patience| patience.0.load(Ordering::Relaxed))
    }

    /// Sends and reads the whole body, within both limits; a patient client again, while it is told to come back.
    pub(super) async fn send(
        &self,
        mut request: RequestBuilder,
        time: Duration,
        bytes_max: usize,
    ) -> Result<(String, u16, Vec<u8>), ClientError> {
        let mut waits = 0;
        loop {
            let patience = self.patience.as_ref().filter(|_| waits < WAITS_MAX);
            let again = patience.and_then(|patience| Some((patience, request.try_clone()?)));
            let (response, body) = self.send_once(request, time, bytes_max).await?;
            match (again, retry_after(&response)) {
                (Some((patience, next)), Some(wait)) => {
                    patience.wait_out(wait).await;
                    waits += 1;
                    request = next;
                }
                _ => return Ok((response.url().to_string(), response.status().as_u16(), body)),
            }
        }
    }
}

/// When a node that was asked too often wants to be asked again.
fn retry_after(response: &Response) -> Option<Duration> {
    let is_limited = response.status().as_u16() == 429;
    let header = response.headers().get(RETRY_AFTER).filter(|_| is_limited)?;
    let wait = Duration::from_secs(header.to_str().ok()?.parse().ok()?);
    (wait <= RETRY_AFTER_MAX).then_some(wait)
}
