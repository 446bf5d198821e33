//! How an export reaches a collector: gRPC or HTTP, with TLS and a token, within a time limit.

use std::time::Duration;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use prost::Message;
use tonic::Code;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};

use super::Settings;

/// What bodies are, over HTTP.
const PROTOBUF: &str = "application/x-protobuf";
/// Longest answer that is read, bytes.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Why an exporter cannot be started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OtlpError {
    /// An endpoint is no URL of a collector.
    #[error("the collector {endpoint} cannot be used ({cause}); give a URL such as http://127.0.0.1:4317")]
    Endpoint {
        /// As configured.
        endpoint: String,
        /// What is wrong.
        cause: String,
    },
    /// The token has signs that no header takes.
    #[error("the token for collectors has signs that cannot be sent; give visible ASCII characters")]
    Token,
}

/// Why an export did not arrive.
#[derive(Debug)]
pub(super) struct Failed {
    /// In words, without secrets.
    pub(super) reason: String,
    /// Whether the same may work in a moment.
    pub(super) may_retry: bool,
}

/// The way to one collector.
#[derive(Debug, Clone)]
pub(super) enum Transport {
    Grpc { channel: Channel, token: Option<MetadataValue<Ascii>>, timeout: Duration },
    Http(Http),
}

/// The way to a collector over HTTP.
#[derive(Debug, Clone)]
pub(super) struct Http {
    client: reqwest::Client,
    url: String,
    token: Option<reqwest::header::HeaderValue>,
    timeout: Duration,
}

/// The causes of an error in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        text.push_str(": ");
        text.push_str(&error.to_string());
        next = error.source();
    }
    text
}

impl Transport {
    /// Over gRPC. The connection is made when something is sent.
    pub(super) fn grpc(endpoint: &str, settings: &Settings) -> Result<Self, OtlpError> {
        let wrong = |cause: String| OtlpError::Endpoint { endpoint: endpoint.to_owned(), cause };
        let mut builder = Endpoint::from_shared(endpoint.to_owned()).map_err(|error| wrong(chain(&error)))?;
        builder = builder.connect_timeout(settings.timeout).timeout(settings.timeout);
        if endpoint.starts_with("https://") {
            let tls = match &settings.grpc_ca {
                Some(pem) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem)),
                None => ClientTlsConfig::new().with_webpki_roots(),
            };
            builder = builder.tls_config(tls).map_err(|error| wrong(chain(&error)))?;
        }
        let token = bearer(settings).map(|text| text.parse().map_err(|_| OtlpError::Token)).transpose()?;
        Ok(Self::Grpc { channel: builder.connect_lazy(), token, timeout: settings.timeout })
    }

    /// Over HTTP.
    pub(super) fn http(endpoint: &str, settings: &Settings) -> Result<Self, OtlpError> {
        let url = endpoint.trim_end_matches('/').to_owned();
        reqwest::Url::parse(&url)
            .map_err(|error| OtlpError::Endpoint { endpoint: url.clone(), cause: error.to_string() })?;
        let token = bearer(settings).map(|text| text.parse().map_err(|_| OtlpError::Token)).transpose()?;
        Ok(Self::Http(Http { client: settings.http.clone(), url, token, timeout: settings.timeout }))
    }

    /// Sends spans; gives how many of them the collector rejected.
    pub(super) async fn traces(&self, request: &ExportTraceServiceRequest) -> Result<u64, Failed> {
        let answer = match self {
            Self::Grpc { channel, token, timeout } => {
                let mut client = TraceServiceClient::new(channel.clone());
                called(*timeout, client.export(with_token(request.clone(), token.as_ref()))).await?
            }
            Self::Http(http) => {
                let bytes = http.post("/v1/traces", request.encode_to_vec()).await?;
                ExportTraceServiceResponse::decode(bytes.as_slice()).unwrap_or_default()
            }
        };
        let rejected = answer.partial_success.map_or(0, |partial| partial.rejected_spans);
        Ok(u64::try_from(rejected).unwrap_or(0))
    }

    /// Sends metrics.
    pub(super) async fn metrics(&self, request: ExportMetricsServiceRequest) -> Result<(), Failed> {
        match self {
            Self::Grpc { channel, token, timeout } => {
                let mut client = MetricsServiceClient::new(channel.clone());
                called(*timeout, client.export(with_token(request, token.as_ref()))).await.map(|_| ())
            }
            Self::Http(http) => http.post("/v1/metrics", request.encode_to_vec()).await.map(|_| ()),
        }
    }
}

impl Http {
    async fn post(&self, path: &str, body: Vec<u8>) -> Result<Vec<u8>, Failed> {
        let mut request = self.client.post(format!("{}{path}", self.url)).header("content-type", PROTOBUF).body(body);
        if let Some(token) = &self.token {
            request = request.header("authorization", token.clone());
        }
        let exchange = async {
            let mut answer = request.send().await?;
            let mut body = Vec::new();
            while let Some(chunk) = answer.chunk().await? {
                body.extend_from_slice(&chunk);
                if body.len() > ANSWER_BYTES_MAX {
                    break;
                }
            }
            Ok::<_, reqwest::Error>((answer.status().as_u16(), body))
        };
        match tokio::time::timeout(self.timeout, exchange).await {
            Err(_) => Err(too_late(self.timeout)),
            Ok(Err(error)) => Err(Failed { reason: chain(&error.without_url()), may_retry: true }),
            Ok(Ok((200..=299, body))) => Ok(body),
            Ok(Ok((status, _))) => Err(Failed {
                reason: format!("the collector answered with status {status}"),
                may_retry: matches!(status, 429 | 502..=504),
            }),
        }
    }
}

/// A message over gRPC with the token.
fn with_token<T>(message: T, token: Option<&MetadataValue<Ascii>>) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    if let Some(token) = token {
        request.metadata_mut().insert("authorization", token.clone());
    }
    request
}

/// The answer to a call over gRPC, within the time.
async fn called<T>(
    timeout: Duration,
    call: impl Future<Output = Result<tonic::Response<T>, tonic::Status>>,
) -> Result<T, Failed> {
    let answer = tokio::time::timeout(timeout, call).await.map_err(|_| too_late(timeout))?;
    answer.map(tonic::Response::into_inner).map_err(|status| refused(&status))
}

fn bearer(settings: &Settings) -> Option<String> {
    settings.token.as_ref().map(|token| format!("Bearer {token}"))
}

fn too_late(timeout: Duration) -> Failed {
    Failed { reason: format!("no answer within {} ms", timeout.as_millis()), may_retry: true }
}

fn refused(status: &tonic::Status) -> Failed {
    let may_retry = !matches!(
        status.code(),
        Code::InvalidArgument | Code::Unauthenticated | Code::PermissionDenied | Code::Unimplemented | Code::NotFound
    );
    Failed { reason: format!("{}: {}", status.code(), chain(status)), may_retry }
}
