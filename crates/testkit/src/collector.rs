//! A collector for tests: takes OTLP over gRPC or HTTP, with or without TLS, and keeps what arrived.
//!
//! Rule: what it keeps was decoded from the bytes on the wire; nothing is shared with the code that sent it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{ExportMetricsServiceRequest, ExportMetricsServiceResponse};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::metrics::v1::Metric;
pub use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::{Identity, Server, ServerTlsConfig};
use tonic::{Request, Response, Status};

use crate::certificates::Pair;

/// What arrived.
#[derive(Debug, Default)]
pub struct Received {
    /// Requests with spans.
    pub traces: Vec<ExportTraceServiceRequest>,
    /// Requests with metrics.
    pub metrics: Vec<ExportMetricsServiceRequest>,
    /// The `authorization` of each request, in order.
    pub tokens: Vec<Option<String>>,
}

/// How the collector answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Manner {
    /// Takes everything.
    #[default]
    Takes,
    /// Says that it rejected so many spans of each request.
    Rejects(i64),
    /// Never answers.
    Sleeps,
    /// Refuses every request.
    Refuses,
}

/// A running collector. It ends with the runtime of the test.
#[derive(Debug, Clone)]
pub struct Collector {
    /// Where it listens.
    pub url: String,
    received: Arc<Mutex<Received>>,
    manner: Manner,
}

impl Collector {
    fn at(address: SocketAddr, is_tls: bool, manner: Manner) -> Self {
        let scheme = if is_tls { "https" } else { "http" };
        // Certificates of tests are for the name and not for the address.
        let url = format!("{scheme}://localhost:{}", address.port());
        Self { url, received: Arc::default(), manner }
    }

    /// Starts one that speaks gRPC, with TLS where it is given a certificate.
    pub async fn grpc(tls: Option<&Pair>, manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let collector = Self::at(listener.local_addr().expect("it listens"), tls.is_some(), manner);
        let mut server = Server::builder();
        if let Some(pair) = tls {
            let read = |path: &std::path::Path| std::fs::read(path).expect("a file of the certificate");
            let identity = Identity::from_pem(read(&pair.cert), read(&pair.key));
            server = server.tls_config(ServerTlsConfig::new().identity(identity)).expect("a certificate that serves");
        }
        let metrics = MetricsServiceServer::new(collector.clone());
        let serving = server.add_service(TraceServiceServer::new(collector.clone())).add_service(metrics);
        tokio::spawn(serving.serve_with_incoming(TcpListenerStream::new(listener)));
        collector
    }

    /// Starts one that speaks HTTP.
    pub async fn http(manner: Manner) -> Self {
        Self::over_http(None, manner).await
    }

    /// Starts one that speaks HTTP over TLS, with this certificate.
    pub async fn https(pair: &Pair, manner: Manner) -> Self {
        Self::over_http(Some(pair), manner).await
    }

    async fn over_http(tls: Option<&Pair>, manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let collector = Self::at(listener.local_addr().expect("it listens"), tls.is_some(), manner);
        let (serving, acceptor) = (collector.clone(), tls.map(acceptor));
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (collector, acceptor) = (serving.clone(), acceptor.clone());
                tokio::spawn(async move {
                    match acceptor {
                        None => collector.answer(socket).await,
                        Some(acceptor) => {
                            // A client that does not trust the certificate ends the handshake.
                            if let Ok(socket) = acceptor.accept(socket).await {
                                collector.answer(socket).await;
                            }
                        }
                    }
                });
            }
        });
        collector
    }

    /// Answers the requests of one connection.
    async fn answer(&self, mut socket: impl AsyncRead + AsyncWrite + Unpin) {
        while let Some((head, body)) = read_request(&mut socket).await {
            let answer = self.take(&head, &body).await;
            if socket.write_all(answer.as_bytes()).await.is_err() || socket.flush().await.is_err() {
                return;
            }
        }
    }

    /// What arrived so far.
    pub fn received(&self) -> MutexGuard<'_, Received> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every span that arrived.
    pub fn spans(&self) -> Vec<Span> {
        let requests = self.received();
        let resources = requests.traces.iter().flat_map(|request| &request.resource_spans);
        resources.flat_map(|resource| &resource.scope_spans).flat_map(|scope| scope.spans.clone()).collect()
    }

    /// The metrics of the newest request.
    pub fn metrics(&self) -> Vec<Metric> {
        let requests = self.received();
        let resources = requests.metrics.last().into_iter().flat_map(|request| &request.resource_metrics);
        resources.flat_map(|resource| &resource.scope_metrics).flat_map(|scope| scope.metrics.clone()).collect()
    }

    /// The text attribute of this name of the resource of the first request with spans.
    pub fn resource(&self, name: &str) -> Option<String> {
        let requests = self.received();
        let resource = requests.traces.first()?.resource_spans.first()?.resource.clone()?;
        text(&resource.attributes, name)
    }

    /// Meets a call over gRPC in the manner of this collector; gives its token.
    async fn called<T>(&self, request: &Request<T>) -> Result<Option<String>, Status> {
        match self.manner {
            Manner::Sleeps => tokio::time::sleep(Duration::from_secs(3_600)).await,
            Manner::Refuses => return Err(Status::invalid_argument("not here")),
            Manner::Takes | Manner::Rejects(_) => {}
        }
        let token = request.metadata().get("authorization").and_then(|value| value.to_str().ok());
        Ok(token.map(str::to_owned))
    }

    async fn take(&self, head: &str, body: &[u8]) -> String {
        match self.manner {
            Manner::Sleeps => tokio::time::sleep(Duration::from_secs(3_600)).await,
            Manner::Refuses => return "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n".to_owned(),
            Manner::Takes | Manner::Rejects(_) => {}
        }
        let token = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("authorization").then(|| value.to_owned())
        });
        let mut received = self.received();
        received.tokens.push(token);
        if head.starts_with("POST /v1/traces ") {
            received.traces.push(ExportTraceServiceRequest::decode(body).expect("spans"));
        } else if head.starts_with("POST /v1/metrics ") {
            received.metrics.push(ExportMetricsServiceRequest::decode(body).expect("metrics"));
        }
        "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_owned()
    }
}

/// The text attribute of this name.
pub fn text(attributes: &[opentelemetry_proto::tonic::common::v1::KeyValue], name: &str) -> Option<String> {
    let found = attributes.iter().find(|attribute| attribute.key == name)?;
    match found.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        Value::IntValue(number) => Some(number.to_string()),
        Value::BoolValue(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// Makes handshakes with this certificate.
fn acceptor(pair: &Pair) -> TlsAcceptor {
    let chain = CertificateDer::pem_file_iter(&pair.cert).expect("a certificate").collect::<Result<Vec<_>, _>>();
    let key = PrivateKeyDer::from_pem_file(&pair.key).expect("a key");
    let config =
        ServerConfig::builder_with_provider(Arc::new(default_provider())).with_safe_default_protocol_versions();
    let config = config.expect("the provider has both versions").with_no_client_auth();
    let config = config.with_single_cert(chain.expect("certificates"), key).expect("a certificate that serves");
    TlsAcceptor::from(Arc::new(config))
}

/// Head and body of the next request; `None` at the end.
async fn read_request(socket: &mut (impl AsyncRead + Unpin)) -> Option<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if socket.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("content-length").then(|| value.parse::<usize>().ok())?
    });
    let length = length.unwrap_or(0);
    let mut body = bytes.split_off(end);
    while body.len() < length {
        if socket.read_buf(&mut body).await.ok()? == 0 {
            return None;
        }
    }
    Some((head, body))
}

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let token = self.called(&request).await?;
        let mut received = self.received();
        received.tokens.push(token);
        received.traces.push(request.into_inner());
        let partial_success = match self.manner {
            Manner::Rejects(rejected_spans) => {
                Some(ExportTracePartialSuccess { rejected_spans, error_message: "some".to_owned() })
            }
            _ => None,
        };
        Ok(Response::new(ExportTraceServiceResponse { partial_success }))
    }
}

#[tonic::async_trait]
impl MetricsService for Collector {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        let token = self.called(&request).await?;
        let mut received = self.received();
        received.tokens.push(token);
        received.metrics.push(request.into_inner());
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}
