//! Under which name a node is asked, and from which web page.
//!
//! Why: a browser sends requests for any page that it shows. A page may post to a node on the same machine or in the same
//! house, and a page whose own name leads to the node's address reads its answers as well (DNS rebinding). Tokens stop
//! both where there are tokens; this stops them everywhere.
//!
//! Rules
//! - Over plain http a request names an IP address, `localhost` or a name of `rpc.hosts`; everything else is refused as
//!   `unknown_host`. Over https the certificate has said the name already.
//! - What watches a node asks under any name: health probes and `/metrics`.
//! - What is no GET and carries an `Origin` comes from the node's own page, or from a page of a name of `rpc.hosts`;
//!   everything else is refused as `foreign_origin`. Programs that are no browsers send no `Origin`.

use std::net::IpAddr;

use axum::http::header::{HOST, ORIGIN};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Uri};
use rpc::routes::{Method, Operation, Route};
use rpc::{ApiError, ErrorCode};

use super::door::Door;

/// Longest piece of a header that a refusal repeats, characters.
const SHOWN_CHARS_MAX: usize = 128;

/// Refuses a request for another name, or from a page of another origin.
///
/// # Errors
/// `unknown_host`, `foreign_origin`.
pub fn check(door: &Door, route: &Route, uri: &Uri, headers: &HeaderMap) -> Result<(), ApiError> {
    let (names, has_tls) = (&door.config.hosts, door.config.tls.is_some());
    let asked = uri.authority().map(|authority| authority.as_str().as_bytes());
    let asked = asked.or_else(|| headers.get(HOST).map(|host| host.as_bytes()));
    let is_watched = route.is_probe() || route.operation == Operation::Metrics;
    if let Some(asked) = asked
        && !has_tls
        && !is_watched
        && !authority(asked).is_some_and(|asked| is_own(asked.host(), names))
    {
        return Err(ApiError::new(ErrorCode::UnknownHost)
            .because(format!("the request is for the host {:?}, which is not this node's", shown(asked))));
    }
    let origin = headers.get(ORIGIN).map(|origin| origin.as_bytes());
    let Some(origin) = origin.filter(|_| route.method != Method::Get) else { return Ok(()) };
    let page = page(origin);
    let is_own_page = page.as_ref().zip(asked.and_then(authority)).is_some_and(|(page, asked)| *page == asked);
    if is_own_page || page.is_some_and(|page| is_listed(page.host(), names)) {
        return Ok(());
    }
    Err(ApiError::new(ErrorCode::ForeignOrigin).because(format!(
        "a web page of the origin {:?} may not post to {}",
        shown(origin),
        route.path
    )))
}

/// Length of the head of a request as it is written in HTTP/1.1, bytes.
pub fn head_bytes(head: &Parts) -> usize {
    const LINE: usize = "  HTTP/1.1\r\n".len();
    const FIELD: usize = ": \r\n".len();
    const END: usize = "\r\n".len();
    let uri = head.uri.path_and_query().map_or(0, |path| path.as_str().len());
    let authority = head.uri.authority().map_or(0, |authority| "http://".len() + authority.as_str().len());
    let fields = head.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + FIELD);
    head.method.as_str().len() + authority + uri + LINE + fields.sum::<usize>() + END
}

fn authority(text: &[u8]) -> Option<Authority> {
    Authority::try_from(text).ok()
}

/// Host and port of the page; `None` for the origin `null` and for what is none.
fn page(origin: &[u8]) -> Option<Authority> {
    Uri::try_from(origin).ok()?.into_parts().authority
}

fn is_listed(host: &str, names: &[String]) -> bool {
    names.iter().any(|name| name.eq_ignore_ascii_case(host))
}

fn is_own(host: &str, names: &[String]) -> bool {
    let plain = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    plain.parse::<IpAddr>().is_ok() || host.eq_ignore_ascii_case("localhost") || is_listed(host, names)
}

fn shown(text: &[u8]) -> String {
    String::from_utf8_lossy(text).chars().take(SHOWN_CHARS_MAX).collect()
}
