//! A store for tests that takes what S3 takes of an archive: whole objects, by path, in one bucket.
//!
//! ```text
//!   PUT, GET /<bucket>/<name> ─► signature made again from the request and the known secret ─ other: 403 ─► Manner ─► objects in memory
//! ```
//! Rule: a signature is checked as AWS documents Signature Version 4, from the bytes that arrived; nothing is shared with the code that signs.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use ring::{digest, hmac};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// Id of the key that may do everything.
pub const KEY_ID: &str = "AKIDTESTS";
/// Its secret.
pub const SECRET: &str = "a-secret-that-nobody-may-see";
/// The region that requests are signed for.
pub const REGION: &str = "eu-test-1";
/// The one bucket.
pub const BUCKET: &str = "blocks";
/// Largest request that is taken, bytes.
const REQUEST_BYTES_MAX: usize = 80 * 1024 * 1024;
/// What a store that swells says that its objects have, bytes.
const SWOLLEN_BYTES: u64 = 1 << 40;
/// How long a store that is silent says nothing.
const SILENCE: Duration = Duration::from_secs(600);

/// How the store answers requests for objects that are signed as they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Manner {
    /// As it should.
    #[default]
    Serves,
    /// Not at all.
    Silent,
    /// With an error of its own, and endless words.
    Broken,
    /// With one bit of an object flipped.
    Flips,
    /// With more bytes than anybody should take.
    Swells,
    /// With the object of another name.
    Swaps,
}

#[derive(Debug, Default)]
struct Kept {
    objects: BTreeMap<String, Bytes>,
    manner: Manner,
    requests: Vec<String>,
    refused: usize,
}

/// A running store. It ends when it is dropped.
#[derive(Debug)]
pub struct Bucket {
    /// Where it listens.
    pub url: String,
    kept: Arc<Mutex<Kept>>,
    runtime: Option<Runtime>,
}

impl Bucket {
    /// Starts an empty one.
    pub fn start() -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let kept: Arc<Mutex<Kept>> = Arc::default();
        let app = axum::Router::new().fallback(answer).with_state(Arc::clone(&kept));
        let (told, address) = std::sync::mpsc::channel::<SocketAddr>();
        runtime.spawn(async move {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            told.send(listener.local_addr().expect("it listens")).expect("somebody waits");
            axum::serve(listener, app).await.expect("it serves");
        });
        let url = format!("http://{}", address.recv().expect("it listens"));
        Self { url, kept, runtime: Some(runtime) }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How it answers from here on.
    pub fn behave(&self, manner: Manner) {
        self.kept().manner = manner;
    }

    /// Its objects by name, without the bucket.
    pub fn objects(&self) -> BTreeMap<String, Bytes> {
        self.kept().objects.clone()
    }

    /// Puts an object in the place of another one.
    pub fn replace(&self, name: &str, bytes: Vec<u8>) {
        self.kept().objects.insert(name.to_owned(), bytes.into());
    }

    /// Method and path of every request, in order.
    pub fn requests(&self) -> Vec<String> {
        self.kept().requests.clone()
    }

    /// How many requests had another signature than they should.
    pub fn refused(&self) -> usize {
        self.kept().refused
    }

    /// Ends it with all its connections.
    pub fn stop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn answer(State(kept): State<Arc<Mutex<Kept>>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, REQUEST_BYTES_MAX).await else { return refusal(StatusCode::BAD_REQUEST, "Body") };
    let path = parts.uri.path().to_owned();
    let is_signed = signature(&parts.method, &path, parts.uri.query().unwrap_or_default(), &parts.headers, &body);
    let manner = {
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.requests.push(format!("{} {path}", parts.method));
        kept.refused += usize::from(is_signed.is_none());
        kept.manner
    };
    if is_signed.is_none() {
        // As real stores do: the request is repeated in the refusal.
        return refusal(StatusCode::FORBIDDEN, &format!("SignatureDoesNotMatch {:?}", parts.headers));
    }
    match manner {
        Manner::Silent => tokio::time::sleep(SILENCE).await,
        Manner::Broken => {
            return (StatusCode::INTERNAL_SERVER_ERROR, "broken\n".repeat(10_000)).into_response();
        }
        Manner::Serves | Manner::Flips | Manner::Swells | Manner::Swaps => {}
    }
    let Some(name) = path.strip_prefix(&format!("/{BUCKET}/")) else {
        return refusal(StatusCode::NOT_FOUND, "NoSuchBucket");
    };
    match parts.method {
        Method::PUT => {
            kept.lock().unwrap_or_else(PoisonError::into_inner).objects.insert(name.to_owned(), body);
            ([("etag", "\"1\"")], "").into_response()
        }
        Method::GET => object(&kept.lock().unwrap_or_else(PoisonError::into_inner), manner, name),
        _ => refusal(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed"),
    }
}

fn object(kept: &Kept, manner: Manner, name: &str) -> Response {
    let other = || kept.objects.iter().find(|(other, _)| *other != name).map(|(_, bytes)| bytes.clone());
    let found = if manner == Manner::Swaps { other() } else { kept.objects.get(name).cloned() };
    let Some(bytes) = found else { return refusal(StatusCode::NOT_FOUND, "NoSuchKey") };
    let mut bytes = bytes.to_vec();
    if manner == Manner::Flips {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
    }
    let answer = Response::builder().header("etag", "\"1\"");
    let answer = match manner {
        // It never ends: whoever reads all of it has no bound.
        Manner::Swells => {
            let piece = || Ok::<_, std::io::Error>(Bytes::from_static(&[0; 4_096]));
            let endless = tokio_stream::iter(std::iter::repeat_with(piece));
            answer.header("content-length", SWOLLEN_BYTES.to_string()).body(Body::from_stream(endless))
        }
        _ => answer.body(Body::from(bytes)),
    };
    answer.expect("an answer")
}

fn refusal(status: StatusCode, code: &str) -> Response {
    (status, format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code></Error>")).into_response()
}

/// Something when the request was signed with the known key for the known region, over the body that came.
fn signature(method: &Method, path: &str, query: &str, headers: &HeaderMap, body: &[u8]) -> Option<()> {
    let text = |name: &str| headers.get(name)?.to_str().ok();
    let authorization = text("authorization")?.strip_prefix("AWS4-HMAC-SHA256 ")?;
    let part = |name: &str| authorization.split(',').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='));
    let (credential, signed, given) = (part("Credential")?, part("SignedHeaders")?, part("Signature")?);
    let (id, scope) = credential.split_once('/')?;
    let (date, rest) = scope.split_once('/')?;
    let (time, hash) = (text("x-amz-date")?, text("x-amz-content-sha256")?);
    let has_names =
        ["host", "x-amz-content-sha256", "x-amz-date"].iter().all(|name| signed.split(';').any(|one| one == *name));
    if id != KEY_ID || rest != format!("{REGION}/s3/aws4_request") || !time.starts_with(date) || !has_names {
        return None;
    }
    if hash != sha256(body) {
        return None;
    }
    let mut canonical = format!("{method}\n{path}\n{query}\n");
    for name in signed.split(';') {
        canonical.push_str(&format!("{name}:{}\n", text(name)?.trim()));
    }
    canonical.push_str(&format!("\n{signed}\n{hash}"));
    let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", sha256(canonical.as_bytes()));
    let mut key = format!("AWS4{SECRET}").into_bytes();
    for word in [date, REGION, "s3", "aws4_request"] {
        key = hmac_of(&key, word);
    }
    (hex::encode(hmac_of(&key, &to_sign)) == given).then_some(())
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(digest::digest(&digest::SHA256, bytes))
}

fn hmac_of(key: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
}
