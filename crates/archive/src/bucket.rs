//! An archive in a bucket of an S3-compatible store.
//!
//! ```text
//!   https://<endpoint>/<bucket>/<prefix>/<file>           path style
//!   https://<bucket>.<endpoint host>/<prefix>/<file>      otherwise
//! ```
//! Rules
//! - Requests are signed with the key (AWS Signature Version 4) and never follow a redirect, which could lead elsewhere.
//! - A request is tried [`RETRIES_MAX`] times more when the store fails or the connection does; all of it ends after the named time.
//! - Every answer is bounded: a file by [`FILE_BYTES_MAX`], what comes with an error by [`ERROR_BYTES_MAX`].
//! - What the store says goes into messages shortened and without control characters; the text of a refusal of the key does not, since it repeats the
//!   request.
//!
//! Read next: `lib.rs`.

use std::fmt;
use std::time::Duration;

use ::config::{S3Config, S3Key};
use async_trait::async_trait;
use futures::StreamExt;
use http_body_util::{BodyExt, Limited};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody, HttpService,
};
use object_store::path::Path;
use object_store::{BackoffConfig, ClientOptions, Error, ObjectStoreExt, PutPayload, RetryConfig};
use primitives::Height;
use rpc::tls::ClientFiles;

use crate::{ArchiveError, FILE_BYTES_MAX};

/// Longest time to read one file, with retries: a person waits for the answer, and peers are still to be asked.
pub const GET_TIME_MAX: Duration = Duration::from_secs(5);
/// Longest time to write one file, with retries.
pub const PUT_TIME_MAX: Duration = Duration::from_secs(60);
/// Longest time to connect.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(2);
/// How often a request is tried again.
pub(crate) const RETRIES_MAX: usize = 2;
/// Pauses before that: the first and the longest.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_millis(500));
/// Most bytes that are read of an answer that is an error.
const ERROR_BYTES_MAX: usize = 16 * 1024;
/// Most characters of a store's words in a message.
const REASON_CHARS_MAX: usize = 300;
/// What a store says when the bucket itself is missing, which is not a missing file.
const NO_BUCKET: &str = "NoSuchBucket";

/// A part of a bucket.
pub(crate) struct Bucket {
    store: AmazonS3,
    prefix: String,
    name: String,
}

impl fmt::Debug for Bucket {
    // The client holds the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bucket").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Makes clients whose answers are bounded.
#[derive(Debug)]
struct Connector(reqwest::Client);

/// A client whose answers are bounded.
#[derive(Debug)]
struct Bounded(reqwest::Client);

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(Bounded(self.0.clone())))
    }
}

#[async_trait]
impl HttpService for Bounded {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let answer = HttpService::call(&self.0, request).await?;
        let bound = match answer.status().is_success() {
            true => usize::try_from(FILE_BYTES_MAX).unwrap_or(usize::MAX),
            false => ERROR_BYTES_MAX,
        };
        let too_long = |error| HttpError::new_boxed(HttpErrorKind::Decode, error);
        Ok(answer.map(|body| HttpResponseBody::new(Limited::new(body, bound).map_err(too_long))))
    }
}

impl Bucket {
    /// The bucket with what its files' names begin with. Nothing is asked yet.
    pub(crate) fn new(
        name: String,
        (bucket, prefix): (&str, &str),
        s3: &S3Config,
        key: &S3Key,
    ) -> Result<Self, ArchiveError> {
        let refused = |reason: String| ArchiveError::Settings { name: name.clone(), reason };
        let tls = rpc::tls::client(&ClientFiles { ca: s3.ca.clone(), identity: None });
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIME_MAX)
            .tls_backend_preconfigured(tls.map_err(|error| refused(error.to_string()))?)
            .redirect(reqwest::redirect::Policy::none())
            .https_only(!s3.allow_http)
            .no_proxy()
            .build()
            .map_err(|error| refused(error.to_string()))?;
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(bucket)
            .with_region(&s3.region)
            .with_access_key_id(&key.id)
            .with_secret_access_key(key.secret.expose())
            .with_virtual_hosted_style_request(!s3.path_style)
            .with_allow_http(s3.allow_http)
            .with_retry(retries())
            .with_http_connector(Connector(http));
        if let Some(token) = &key.token {
            builder = builder.with_token(token.expose());
        }
        if let Some(endpoint) = &s3.endpoint {
            let endpoint = if s3.path_style { Some(endpoint.clone()) } else { in_host(endpoint, bucket) };
            builder =
                builder.with_endpoint(endpoint.ok_or_else(|| refused("the endpoint has no host name".to_owned()))?);
        }
        let store = builder.build().map_err(|error| refused(shortened(&error.to_string())))?;
        Ok(Self { store, prefix: prefix.to_owned(), name })
    }

    /// The name of a height's file for people.
    pub(crate) fn name(&self, height: Height) -> String {
        format!("{}/{}", self.name, storage::archive::name(height))
    }

    fn path(&self, height: Height) -> Path {
        let file = storage::archive::name(height);
        Path::from(if self.prefix.is_empty() { file } else { format!("{}/{file}", self.prefix) })
    }

    /// The file of a height; none where the bucket says that it has none.
    pub(crate) async fn get(&self, height: Height) -> Result<Option<Vec<u8>>, ArchiveError> {
        match tokio::time::timeout(GET_TIME_MAX, self.read(height)).await {
            Ok(read) => read,
            Err(_) => Err(self.late(GET_TIME_MAX)),
        }
    }

    async fn read(&self, height: Height) -> Result<Option<Vec<u8>>, ArchiveError> {
        let found = match self.store.get(&self.path(height)).await {
            Ok(found) => found,
            Err(Error::NotFound { source, .. }) if !source.to_string().contains(NO_BUCKET) => return Ok(None),
            Err(error) => return Err(self.failed(&error)),
        };
        let wrong = |reason: &str| ArchiveError::Wrong { name: self.name(height), reason: reason.to_owned() };
        if found.meta.size > FILE_BYTES_MAX {
            return Err(wrong("it is larger than any body"));
        }
        let (mut bytes, mut pieces) = (Vec::new(), found.into_stream());
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(|error| self.failed(&error))?;
            bytes.extend_from_slice(&piece);
            if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > FILE_BYTES_MAX {
                return Err(wrong("it is larger than any body"));
            }
        }
        Ok(Some(bytes))
    }

    /// Writes the file of a height; a bucket has all of it or nothing.
    pub(crate) async fn put(&self, height: Height, bytes: Vec<u8>) -> Result<(), ArchiveError> {
        let path = self.path(height);
        match tokio::time::timeout(PUT_TIME_MAX, self.store.put(&path, PutPayload::from(bytes))).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(self.failed(&error)),
            Err(_) => Err(self.late(PUT_TIME_MAX)),
        }
    }

    fn late(&self, longest: Duration) -> ArchiveError {
        ArchiveError::Unanswered { name: self.name.clone(), reason: format!("nothing for {} s", longest.as_secs()) }
    }

    fn failed(&self, error: &Error) -> ArchiveError {
        let name = self.name.clone();
        match error {
            Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => ArchiveError::KeyRefused { name },
            error => ArchiveError::Unanswered { name, reason: shortened(&error.to_string()) },
        }
    }
}

fn retries() -> RetryConfig {
    let backoff = BackoffConfig { init_backoff: BACKOFF.0, max_backoff: BACKOFF.1, base: 2.0 };
    RetryConfig { backoff, max_retries: RETRIES_MAX, retry_timeout: PUT_TIME_MAX }
}

/// The endpoint with the bucket's name in front of its host.
fn in_host(endpoint: &str, bucket: &str) -> Option<String> {
    let mut url = reqwest::Url::parse(endpoint).ok()?;
    let host = format!("{bucket}.{}", url.domain()?);
    url.set_host(Some(&host)).ok()?;
    Some(url.as_str().trim_end_matches('/').to_owned())
}

/// What a store said, for a line of a log.
fn shortened(text: &str) -> String {
    let shown = |sign: char| if sign.is_control() { ' ' } else { sign };
    text.chars().take(REASON_CHARS_MAX).map(shown).collect()
}
