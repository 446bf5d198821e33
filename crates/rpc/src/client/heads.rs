//! The stream of heads, followed across failures.
//!
//! ```text
//!   open ──► head, head, … ──► closed, broken, or no beat for HEAD_SILENCE_MAX ──► pause, twice as long each time ──► open
//! ```
//!
//! Rules
//! - A head is given once: one that is not above the last is read over, so a new stream does not repeat the old one.
//! - What trying again cannot heal, a missing token or an answer that cannot be read, is given to the caller.
//! - Nothing here is checked: `proof::light` judges heads.

use std::time::Duration;

use futures::StreamExt;
use primitives::Height;

use super::{Client, ClientError, EventStream};
use crate::error::ErrorCode;
use crate::limits::{HEAD_PAUSE, HEAD_SILENCE_MAX};
use crate::routes::Operation;
use crate::types::LightHead;

/// A node's heads, for as long as somebody asks.
pub struct Heads {
    client: Client,
    stream: Option<EventStream<LightHead>>,
    last: Option<Height>,
    silence: Duration,
    pauses: (Duration, Duration),
    pause: Duration,
}

impl Client {
    /// `GET /state-sync/head/stream`, opened again when it breaks or a beat is missing.
    pub fn heads(&self) -> Heads {
        self.heads_within(HEAD_SILENCE_MAX, HEAD_PAUSE)
    }

    /// The same for a link that needs another longest silence, and another shortest and longest pause.
    pub fn heads_within(&self, silence: Duration, pauses: (Duration, Duration)) -> Heads {
        Heads { client: self.clone(), stream: None, last: None, silence, pauses, pause: pauses.0 }
    }
}

/// Whether opening the stream again may help.
fn may_pass(error: &ClientError) -> bool {
    match error {
        ClientError::Connection { .. } | ClientError::Timeout { .. } => true,
        ClientError::Api(error) => {
            ![ErrorCode::Unauthorized, ErrorCode::Forbidden].iter().any(|code| error.code == code.name())
        }
        _ => false,
    }
}

impl Heads {
    /// The next head. Waits for it as long as it takes.
    ///
    /// # Errors
    /// [`ClientError`] that trying again cannot heal.
    pub async fn next(&mut self) -> Result<LightHead, ClientError> {
        loop {
            let told = match self.stream.as_mut() {
                Some(stream) => stream.next().await,
                None => match self.client.stream_within(Operation::HeadStream, &[], self.silence).await {
                    Ok(stream) => {
                        self.stream = Some(stream);
                        continue;
                    }
                    Err(error) => Some(Err(error)),
                },
            };
            match told {
                Some(Ok(head)) => {
                    self.pause = self.pauses.0;
                    let height = head.certified.height;
                    if self.last.is_none_or(|last| height > last) {
                        self.last = Some(height);
                        return Ok(head);
                    }
                }
                Some(Err(error)) if !may_pass(&error) => return Err(error),
                Some(Err(_)) | None => {
                    self.stream = None;
                    tokio::time::sleep(self.pause).await;
                    self.pause = self.pause.saturating_mul(2).min(self.pauses.1);
                }
            }
        }
    }
}
