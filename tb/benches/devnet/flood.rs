//! Malformed requests, a megabyte of them a second, beside a light load: what they cost in finality and in memory.
//!
//! The same load runs twice on one network, first alone. Each request of the flood has a connection of its own and is one of
//! [`requests`]: none of them can be answered with anything but a refusal. The pace counts bytes that were written.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::load;
use crate::network::Devnet;
use crate::process::peak_memory_kib;

/// Bytes of the flood in each second, to all nodes together.
const BYTES_PER_SECOND: u64 = 1_000_000;
/// Bytes of one request, about.
const REQUEST_BYTES: usize = 8 * 1_024;
/// Most requests that wait for their answer.
const WAITING_MAX: usize = 256;
/// Longest wait for an answer.
const ANSWER_TIME: Duration = Duration::from_secs(5);
/// How long each load is sent.
const DURATION: &str = "20s";
/// Transfers per second of the load.
const RATE: &str = "100";

/// What became of the flood.
#[derive(Debug, Default)]
struct Counts {
    bytes: AtomicU64,
    sent: AtomicU64,
    refused: AtomicU64,
    closed: AtomicU64,
}

/// Prints the figure.
///
/// # Errors
/// The network did not start, the command failed, or a node answered a malformed request with anything but a refusal.
pub async fn run() -> Result<()> {
    let mut net = Devnet::start().await?;
    net.first_block().await?;
    // The first load of a process makes what every later one finds there; it is no part of the comparison.
    load::measure(&net, "warm", RATE, "5s").await?;
    let alone = load::measure(&net, "flood_none", RATE, DURATION).await?;
    let before = peaks(&net)?;
    let counts = Arc::new(Counts::default());
    let stop = Arc::new(AtomicBool::new(false));
    let flood = tokio::spawn(flood(net.urls.clone(), Arc::clone(&counts), Arc::clone(&stop)));
    let started = Instant::now();
    let flooded = load::measure(&net, "flood_1mb", RATE, DURATION).await;
    let seconds = started.elapsed().as_secs_f64();
    stop.store(true, Ordering::Relaxed);
    flood.await.context("the flood is gone")??;
    let flooded = flooded?;
    let after = peaks(&net)?;
    println!("{alone}");
    println!("{flooded}");
    println!("{}", compare((&alone, before.as_slice()), (&flooded, after.as_slice()), &counts, seconds)?);
    net.stop().await
}

fn peaks(net: &Devnet) -> Result<Vec<u64>> {
    net.pids.iter().map(|pid| peak_memory_kib(*pid)).collect()
}

fn compare(alone: (&Value, &[u64]), flooded: (&Value, &[u64]), counts: &Counts, seconds: f64) -> Result<Value> {
    let p99 = |figure: &Value| figure["finality_ms"]["p99"].as_f64().context("no finality");
    let (without, with) = (p99(alone.0)?, p99(flooded.0)?);
    let grown = alone.1.iter().zip(flooded.1).map(|(before, after)| after.saturating_sub(*before)).max();
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let bytes = u32::try_from(count(&counts.bytes)).map_or(f64::INFINITY, f64::from);
    Ok(json!({
        "case": "flood",
        "bytes_per_second": bytes / seconds,
        "requests": count(&counts.sent),
        "refused": count(&counts.refused),
        "closed": count(&counts.closed),
        "finality_p99_ms_without": without,
        "finality_p99_ms_with": with,
        "finality_p99_ratio": with / without,
        "node_peak_memory_growth_kib_max": grown,
    }))
}

/// Requests that no node can answer with more than a refusal.
fn requests() -> [Vec<u8>; 5] {
    let filler = "x".repeat(REQUEST_BYTES);
    let post = |path: &str, kind: &str, body: &str| {
        let length = body.len();
        format!("POST {path} HTTP/1.1\r\nhost: a\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
            .into_bytes()
    };
    let json = "application/json";
    [
        format!("{filler}\r\n\r\n").into_bytes(),
        post("/transactions", json, &format!("{{\"transaction\":\"{filler}")),
        post("/transactions", json, &"[".repeat(REQUEST_BYTES)),
        post("/rpc", json, &format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"{filler}\"}}")),
        post("/proofs/windows", "application/octet-stream", &filler),
    ]
}

/// Sends until it is told to stop.
async fn flood(urls: Vec<String>, counts: Arc<Counts>, stop: Arc<AtomicBool>) -> Result<()> {
    let requests = requests().map(Arc::new);
    let places: Vec<String> = urls.iter().map(|url| url.trim_start_matches("http://").to_owned()).collect();
    let mut waiting: JoinSet<Result<()>> = JoinSet::new();
    let started = Instant::now();
    let (mut due, mut number) = (0_u64, 0_usize);
    while !stop.load(Ordering::Relaxed) {
        let request = Arc::clone(&requests[number % requests.len()]);
        let place = places[number / requests.len() % places.len()].clone();
        number += 1;
        while waiting.len() >= WAITING_MAX {
            waiting.join_next().await.context("there are some")???;
        }
        due += u64::try_from(request.len())?;
        waiting.spawn(one(place, request, Arc::clone(&counts)));
        let at = Duration::from_micros(due.saturating_mul(1_000_000) / BYTES_PER_SECOND);
        tokio::time::sleep(at.saturating_sub(started.elapsed())).await;
    }
    while let Some(ended) = waiting.join_next().await {
        ended??;
    }
    Ok(())
}

/// One request on a connection of its own.
async fn one(place: String, request: Arc<Vec<u8>>, counts: Arc<Counts>) -> Result<()> {
    let answer = async {
        let mut stream = TcpStream::connect(&place).await?;
        stream.write_all(&request).await?;
        counts.bytes.fetch_add(u64::try_from(request.len()).unwrap_or(u64::MAX), Ordering::Relaxed);
        let mut head = [0; 12];
        let length = stream.read(&mut head).await?;
        // The rest is read, so that the node is not made to see a broken connection.
        let mut rest = Vec::new();
        let _ = stream.take(1 << 16).read_to_end(&mut rest).await;
        std::io::Result::Ok((head, length, rest))
    };
    counts.sent.fetch_add(1, Ordering::Relaxed);
    match tokio::time::timeout(ANSWER_TIME, answer).await {
        Ok(Ok((head, 12, rest))) => {
            let status = String::from_utf8_lossy(&head[9..]).into_owned();
            let rest = String::from_utf8_lossy(&rest).into_owned();
            // JSON-RPC answers a refusal with status 200.
            ensure!(status.starts_with(['4', '5']) || rest.contains("\"error\""), "answered with {status}: {rest}");
            counts.refused.fetch_add(1, Ordering::Relaxed);
        }
        _ => {
            counts.closed.fetch_add(1, Ordering::Relaxed);
        }
    }
    Ok(())
}
