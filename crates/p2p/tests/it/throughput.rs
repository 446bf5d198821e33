//! A measurement, not a test: `cargo test --release -p p2p -- --ignored --nocapture throughput`.
//!
//! Four nodes in one process, a full mesh, every node publishes transactions of 250 bytes as fast as
//! its queue takes them; counted is what arrives and is accepted at all four.

use std::time::{Duration, Instant};

use p2p::{DropReason, P2pEvent, Verdict};

use crate::harness::{Node, QUIC, TCP, config, start};

const TRANSACTION_BYTES: usize = 250;
const RUN: Duration = Duration::from_secs(8);

async fn mesh(listen: &str) -> Vec<Node> {
    let mut nodes: Vec<Node> = Vec::new();
    for secret in 1..=4 {
        let known: Vec<&Node> = nodes.iter().collect();
        let node = start(secret, config(listen, &known)).await;
        nodes.push(node);
    }
    for node in &mut nodes {
        for _ in 0..3 {
            node.connected().await;
        }
    }
    nodes
}

async fn measure(listen: &str, offered_per_node: u64) {
    let nodes = mesh(listen).await;
    let cpu = cpu_ms();
    let start = Instant::now();
    let mut tasks = Vec::new();
    for (index, node) in nodes.into_iter().enumerate() {
        let Node { handle, mut events } = node;
        let publisher = handle.clone();
        let publish = tokio::spawn(async move {
            let mut sent = 0_u64;
            let mut interval = tokio::time::interval(Duration::from_millis(5));
            while start.elapsed() < RUN {
                interval.tick().await;
                for _ in 0..offered_per_node / 200 {
                    let mut bytes = vec![u8::try_from(index).unwrap(); TRANSACTION_BYTES];
                    bytes[..8].copy_from_slice(&sent.to_le_bytes());
                    sent += u64::from(publisher.publish(bytes.into()));
                }
            }
            sent
        });
        let read = tokio::spawn(async move {
            let mut received = 0_usize;
            let deadline = tokio::time::Instant::from_std(start + RUN + Duration::from_millis(500));
            while let Ok(Some(event)) = tokio::time::timeout_at(deadline, events.recv()).await {
                if let P2pEvent::TransactionsReceived { batch, transactions, .. } = event {
                    received += transactions.len();
                    handle.report(batch, Verdict::Accept);
                }
            }
            let counters = handle.counters();
            let drops: Vec<String> = DropReason::ALL
                .iter()
                .map(|reason| (reason.name(), counters.dropped(*reason).get()))
                .filter(|(_, count)| *count > 0)
                .map(|(name, count)| format!("{name} {count}"))
                .collect();
            (received, counters.messages_out.get(), counters.bytes_out.get(), drops)
        });
        tasks.push((publish, read));
    }
    let mut total_sent = 0;
    for (publish, read) in tasks {
        let sent = publish.await.unwrap();
        let (received, messages, bytes, drops) = read.await.unwrap();
        total_sent += sent;
        println!(
            "  node: published {sent}, received {received}, {messages} messages out, {bytes} bytes out, drops {drops:?}"
        );
    }
    let rate = total_sent / RUN.as_secs();
    let cpu = cpu_ms() - cpu;
    let each = cpu * 1_000 / total_sent;
    println!(
        "{listen}: offered {offered_per_node}/s per node, {rate} transactions/s in total, {cpu} ms CPU, {each} us per transaction at all four nodes together"
    );
}

/// CPU time of this process so far, milliseconds; the clock of the file ticks every 10.
fn cpu_ms() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    (fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()) * 10
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement of 8 seconds a line"]
async fn throughput_of_four_nodes() {
    for (listen, offered) in [(QUIC, 1_400), (TCP, 1_400), (QUIC, 20_000), (TCP, 20_000)] {
        measure(listen, offered).await;
    }
}
