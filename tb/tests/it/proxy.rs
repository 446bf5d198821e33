//! A proxy in front of a node that alters answers.
//!
//! It speaks just enough HTTP for the client of the project: one request per connection, answers with their length.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Largest head of a request.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// What becomes of an answer with status 200: path with query, then the body; `None` leaves it as it is.
pub type Lie = Box<dyn FnMut(&str, &[u8]) -> Option<Vec<u8>> + Send>;

/// The proxy; it ends with the test's runtime.
pub struct Proxy {
    /// Where it listens.
    pub url: String,
    lie: Arc<Mutex<Lie>>,
}

impl Proxy {
    /// In front of the node at `target`; honest at first.
    pub async fn start(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("it listens"));
        let honest: Lie = Box::new(|_, _| None);
        let lie = Arc::new(Mutex::new(honest));
        let shared = Arc::clone(&lie);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, target.clone(), Arc::clone(&shared)));
            }
        });
        Self { url, lie }
    }

    /// Lies in this way from now on.
    pub fn lies(&self, lie: Lie) {
        *self.lie.lock().unwrap_or_else(PoisonError::into_inner) = lie;
    }
}

async fn serve(mut stream: TcpStream, target: String, lie: Arc<Mutex<Lie>>) {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") && head.len() < HEAD_BYTES_MAX {
        let mut bytes = [0; 4096];
        match stream.read(&mut bytes).await {
            Ok(read) if read > 0 => head.extend_from_slice(&bytes[..read]),
            _ => return,
        }
    }
    let text = String::from_utf8_lossy(&head).into_owned();
    let Some(path) = text.split_whitespace().nth(1) else { return };
    let Ok(answer) = reqwest::get(format!("{target}{path}")).await else { return };
    let status = answer.status();
    let Ok(body) = answer.bytes().await else { return };
    let altered = match status.as_u16() {
        200 => lie.lock().unwrap_or_else(PoisonError::into_inner)(path, &body),
        _ => None,
    };
    let body = altered.unwrap_or_else(|| body.to_vec());
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    let _ = stream.write_all(head.as_bytes()).await;
    let _ = stream.write_all(&body).await;
    let _ = stream.shutdown().await;
}
