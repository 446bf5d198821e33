//! TLS between a server and a client of this crate: who is trusted, and how each refusal is named.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use testkit::certificates::{Authority, Pair, Use};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::tls::{self, ClientFiles, TlsError};
use crate::{Client, ClientConfig, ClientError, ExitCode};

const LIVE: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 36\r\nconnection: close\r\n\r\n{\"live\":true,\"finalized_height\":  1}";

struct Place {
    folder: TempDir,
    ours: Authority,
    foreign: Authority,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [ours, foreign] = ["ours", "foreign"].map(|name| Authority::new(folder.path(), name));
        Self { folder, ours, foreign }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// The URL of a server with this certificate, which answers every request that gets through the handshake.
async fn serving(pair: &Pair, client_ca: Option<&Path>) -> String {
    let acceptor = TlsAcceptor::from(tls::server(&pair.cert, &pair.key, client_ca).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(socket).await else { return };
                let mut head = [0; 4_096];
                let _ = stream.read(&mut head).await;
                let _ = stream.write_all(LIVE).await;
                let _ = stream.shutdown().await;
            });
        }
    });
    url
}

async fn ask(url: &str, ca: Option<&Path>, identity: Option<&Pair>) -> Result<(), ClientError> {
    let identity = identity.map(|pair| (pair.cert.clone(), pair.key.clone()));
    let tls = ClientFiles { ca: ca.map(Path::to_owned), identity };
    Client::new(&ClientConfig { tls, ..ClientConfig::new(url) })?.health_live().await.map(|_| ())
}

#[track_caller]
fn named(answer: Result<(), ClientError>, words: &str) {
    match answer {
        Err(ClientError::Tls { cause, .. }) if cause.contains(words) => {}
        other => panic!("wanted {words:?}, found {other:?}"),
    }
}

#[tokio::test]
async fn a_server_of_a_trusted_authority_is_asked_and_any_other_is_refused_by_name() {
    let place = Place::new();
    let ca = Some(place.ours.ca.as_path());
    let good = serving(&place.ours.issue("server", Use::Server), None).await;
    ask(&good, ca, None).await.unwrap();
    named(ask(&good, None, None).await, "an authority that is not trusted here");
    named(ask(&good, Some(&place.foreign.ca), None).await, "an authority that is not trusted here");
    let expired = serving(&place.ours.issue("expired", Use::ExpiredServer), None).await;
    named(ask(&expired, ca, None).await, "its certificate has expired");
    let other = serving(&place.ours.issue("other", Use::OtherServer), None).await;
    named(ask(&other, ca, None).await, "for another name");
    let error = ask(&expired, ca, None).await.unwrap_err();
    assert_eq!((error.code(), error.exit_code()), ("tls", ExitCode::Unauthorized));
    assert!(error.hint().contains("--ca-cert"));
}

#[tokio::test]
async fn a_server_with_authorities_of_clients_lets_only_their_clients_in() {
    let place = Place::new();
    let ca = Some(place.ours.ca.as_path());
    let url = serving(&place.ours.issue("server", Use::Server), ca).await;
    ask(&url, ca, Some(&place.ours.issue("client", Use::Client))).await.unwrap();
    named(ask(&url, ca, None).await, "asks for a client certificate");
    named(ask(&url, ca, Some(&place.foreign.issue("stranger", Use::Client))).await, "does not trust the client");
    named(
        ask(&url, ca, Some(&place.ours.issue("late", Use::ExpiredClient))).await,
        "the client certificate has expired",
    );
}

#[tokio::test]
async fn a_server_that_never_ends_its_handshake_is_given_up() {
    let _shown = testkit::contract!("S004-079");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let silent = tokio::spawn(async move {
        let mut sockets = Vec::new();
        while let Ok((socket, _)) = listener.accept().await {
            sockets.push(socket);
        }
    });
    let time = Duration::from_millis(300);
    let client = Client::new(&ClientConfig { tls_handshake_timeout: time, ..ClientConfig::new(url) }).unwrap();
    let start = Instant::now();
    let error = client.health_live().await.unwrap_err();
    assert!(matches!(error, ClientError::Connection { .. }), "{error:?}");
    assert!(start.elapsed() >= time && start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    silent.abort();
}

#[test]
fn files_that_cannot_serve_are_named() {
    let place = Place::new();
    let pair = place.ours.issue("server", Use::Server);
    let other = place.ours.issue("another", Use::Server);
    let empty = place.path().join("empty.pem");
    fs::write(&empty, "").unwrap();
    let torn = place.path().join("torn.pem");
    let text = fs::read_to_string(&pair.cert).unwrap();
    fs::write(&torn, &text[..text.len() / 2]).unwrap();
    let missing = place.path().join("missing.pem");
    assert!(tls::server(&pair.cert, &pair.key, Some(&place.ours.ca)).is_ok());
    let refused = [
        (tls::server(&missing, &pair.key, None), "missing.pem"),
        (tls::server(&empty, &pair.key, None), "empty.pem holds 0 certificates"),
        (tls::server(&torn, &pair.key, None), "torn.pem"),
        (tls::server(&pair.cert, &empty, None), "empty.pem: no private key"),
        (tls::server(&pair.cert, &other.key, None), "do not serve together"),
        (tls::server(&pair.cert, &pair.key, Some(&missing)), "missing.pem"),
    ];
    for (answer, words) in refused {
        let error = answer.expect_err(words).to_string();
        assert!(error.contains(words), "{words}: {error}");
    }
    let files = ClientFiles { ca: Some(empty.clone()), identity: None };
    assert_eq!(tls::client(&files).err(), Some(TlsError::Certificates { path: empty, count: 0 }));
    let files = ClientFiles { ca: None, identity: Some((pair.cert, other.key)) };
    assert!(matches!(tls::client(&files), Err(TlsError::Pair { .. })));
}
