//! One request and its answer: again with the token where a node asks for it, and again where nothing was sent.

use std::error::Error;

use reqwest::header::AUTHORIZATION;
use reqwest::{RequestBuilder, Response};

use super::Client;

/// Further tries of a request that was not sent.
const CLOSED_TRIES: u32 = 4;

impl Client {
    /// Sends, and again where the connection was closed before anything was sent: a server that refuses a certificate closes it, and
    /// its reason may come too late to be seen.
    pub(super) async fn exchange(&self, request: RequestBuilder) -> Result<Response, reqwest::Error> {
        let mut again = request.try_clone();
        let mut answer = self.exchange_once(request).await;
        for _ in 0..CLOSED_TRIES {
            let was_closed = answer.as_ref().is_err_and(was_not_sent);
            let Some(request) = again.take().filter(|_| was_closed) else { break };
            again = request.try_clone();
            answer = self.exchange_once(request).await;
        }
        answer
    }

    /// Sends; where a node asks for the token of a request that came without it, once more with it.
    async fn exchange_once(&self, request: RequestBuilder) -> Result<Response, reqwest::Error> {
        let Some(token) = &self.authorization else { return request.send().await };
        let Some(again) = request.try_clone() else { return request.send().await };
        let request = request.build()?;
        let had_token = request.headers().contains_key(AUTHORIZATION);
        let response = self.http.execute(request).await?;
        if had_token || response.status().as_u16() != 401 {
            return Ok(response);
        }
        again.header(AUTHORIZATION, token.clone()).send().await
    }
}

/// Whether the HTTP library gave the request up before it reached a connection.
fn was_not_sent(error: &reqwest::Error) -> bool {
    let mut cause = error.source();
    while let Some(this) = cause {
        if this.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_canceled) {
            return true;
        }
        cause = this.source();
    }
    false
}
