//! Passing a request on to a node as it came, for a process that answers in its place.

use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Response, Url};

use super::{Client, ClientError};
use crate::error::ApiError;
use crate::routes::{Method, Reply, Route};

impl Client {
    /// Sends a request of `route` with this path and query and, where it posts, this JSON body. The answer comes unread,
    /// refusals as well; the caller bounds time and size. The token of this client is sent, never that of who asked.
    ///
    /// # Errors
    /// [`ClientError::Api`] for a path that would lead elsewhere, and [`ClientError`] where the node is not reached.
    pub async fn relay(
        &self,
        route: &Route,
        path_and_query: &str,
        body: impl Into<reqwest::Body>,
    ) -> Result<Response, ClientError> {
        let text = format!("{}{path_and_query}", self.base_url);
        let path = path_and_query.split('?').next().unwrap_or_default();
        // A path with `..` in it, in whatever spelling, is shortened where a URL is read.
        let url = Url::parse(&text).ok().filter(|url| url.path().ends_with(path));
        let url = url.ok_or_else(|| ApiError::bad_request("the path leads elsewhere"))?;
        let request = match route.method {
            Method::Get => self.http.get(url),
            Method::Post => self.http.post(url).header(CONTENT_TYPE, "application/json").body(body),
        };
        let accept = if matches!(route.reply, Reply::Events { .. }) { "text/event-stream" } else { "application/json" };
        self.exchange(self.authorized(request.header(ACCEPT, accept))).await.map_err(|error| self.broken(&error))
    }
}
