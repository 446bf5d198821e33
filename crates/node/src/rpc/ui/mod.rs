//! `/ui`: what `tb top` shows, as a page for a browser.
//!
//! ```text
//! GET /ui ─► view: each part as its own route answers it, or why not ─► page: HTML ─► browser
//!                                                                        ▲              │ page.js: after a block of
//!                                                                        └── GET /ui ◄──┘ /blocks/stream, and by the clock
//! ```
//! Rules
//! - The page is whole without scripts. With them, the same page is asked for again and its changed panels are replaced:
//!   nothing is drawn twice in two languages.
//! - Nothing in it can be changed and nothing is sent: a page of another origin gains nothing by leading somebody here.
//! - Style and script are files of their own, and the policy of the page allows nothing else ([`POLICY`]).
//! - Every list is cut at a named bound and says so.
//!
//! Read next: [`page`], [`view`], then `apps/cli/src/top`.

pub mod markup;
pub mod page;
mod table;
pub mod view;

use std::sync::Arc;

use axum::http::HeaderValue;
use axum::http::header::{
    CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::request::Parts;
use axum::response::Response;
use rpc::ApiError;
use rpc::routes::{Operation, Route};
use rpc::types::{Empty, UiQuery};

use super::errors;
use super::http::in_query;
use super::server::Server;

/// What the page may load: its own files, its own streams; nothing from elsewhere, nothing inline, no frames, no forms.
pub const POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self'; object-src 'none'; \
                          base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const SCRIPT: &str = include_str!("page.js");
const STYLE: &str = include_str!("page.css");
const HEADERS: [(HeaderName, HeaderValue); 4] = [
    (CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
];

/// The page, its style or its script.
///
/// # Errors
/// `bad_request` for the query, `overloaded`.
pub async fn reply(server: &Arc<Server>, route: &Route, parts: &Parts) -> Result<Response, ApiError> {
    let uri = &parts.uri;
    let (content_type, text) = match route.operation {
        Operation::UiScript | Operation::UiStyle => {
            in_query::<Empty>(uri)?;
            if route.operation == Operation::UiScript { ("text/javascript", SCRIPT) } else { ("text/css", STYLE) }
        }
        _ => {
            let seconds = in_query::<UiQuery>(uri)?.refresh_seconds()?;
            let text = page::draw(&view::gather(server, seconds).await?);
            return Ok(with_headers(errors::reply(200, HeaderValue::from_static("text/html; charset=utf-8"), text)));
        }
    };
    Ok(with_headers(errors::reply(200, HeaderValue::from_static(content_type), text)))
}

fn with_headers(mut response: Response) -> Response {
    response.headers_mut().extend(HEADERS);
    response
}
