//! Transfers against four nodes: first none, then few, then as many as fit.
//!
//! `tb bench load` sends, and counts in finalized blocks. Time on the cores is taken from the moment it begins to send
//! (paying and signing come before) to its end.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, ChildStdout};

use crate::network::{Devnet, tb};
use crate::process::{Usage, peak_memory_kib};

/// How long the nodes are watched without load.
const IDLE: Duration = Duration::from_secs(5);
/// How long each load is sent.
const DURATION: &str = "20s";
/// Transfers per second of the light load.
const LIGHT_RATE: &str = "100";
/// Pause between two looks at the processes.
const LOOK: Duration = Duration::from_millis(100);
/// What the command says when it begins to send.
const SENDING: &str = "sending";

/// Prints the figures.
///
/// # Errors
/// The network did not start, or the command failed.
pub async fn run() -> Result<()> {
    let mut net = Devnet::start().await?;
    net.first_block().await?;
    println!("{}", idle(&net).await?);
    println!("{}", measure(&net, "load_light", LIGHT_RATE, DURATION).await?);
    // A rate of 0 is no pace: as many as may be in flight.
    println!("{}", measure(&net, "load_saturating", "0", DURATION).await?);
    net.stop().await
}

/// What the nodes cost while they make empty blocks.
async fn idle(net: &Devnet) -> Result<Value> {
    let sender = std::process::id();
    let first = Usage::now(&net.pids, sender)?;
    tokio::time::sleep(IDLE).await;
    let last = Usage::now(&net.pids, sender)?;
    let seconds = last.at.duration_since(first.at).as_secs_f64();
    let cores = Duration::from_micros(last.nodes_us - first.nodes_us).as_secs_f64() / seconds;
    Ok(json!({ "case": "load_none", "cores_nodes": cores }))
}

/// One load of this many transfers per second for so long.
///
/// # Errors
/// The command failed, or nothing was finalized.
pub async fn measure(net: &Devnet, case: &str, rate: &str, duration: &str) -> Result<Value> {
    let mut command = tb();
    command.args(["bench", "load", "--json", "--duration", duration, "--rate", rate, "--targets"]);
    command.arg(net.urls.join(",")).arg("--home").arg(&net.home).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().context("tb was not started")?;
    let output = child.stdout.take().context("the output was asked for")?;
    let (report, (first, last)) = tokio::try_join!(read(output), watch(&mut child, &net.pids))?;
    let finalized = report["finalized"].as_u64().context("no count")?;
    ensure!(finalized > 0, "no transfer was finalized: {report}");
    let seconds = last.at.duration_since(first.at).as_secs_f64();
    let nodes_us = last.nodes_us - first.nodes_us;
    let sender_us = last.sender_us - first.sender_us;
    let other_us = (last.machine_us - first.machine_us).saturating_sub(nodes_us + sender_us);
    let cores = |microseconds: u64| Duration::from_micros(microseconds).as_secs_f64() / seconds;
    let peaks = net.pids.iter().map(|pid| peak_memory_kib(*pid)).collect::<Result<Vec<u64>>>()?;
    let interval_ms =
        rpc::Client::new(&rpc::ClientConfig::new(net.urls[0].clone()))?.node_status().await?.block_interval_ms;
    Ok(json!({
        "case": case,
        "block_interval_ms": interval_ms,
        "finalized": finalized,
        "finalized_per_second": report["finalized_per_second"],
        "block_bytes_per_second": report["bytes_per_second"],
        "blocks": report["blocks"],
        "finality_ms": report["finality_ms"],
        "node_cpu_us_per_transfer": nodes_us / finalized,
        "sender_cpu_us_per_transfer": sender_us / finalized,
        "cores_nodes": cores(nodes_us),
        "cores_sender": cores(sender_us),
        "cores_other": cores(other_us),
        "node_peak_memory_kib": peaks,
        "rejected": report["rejected"],
        "failed_requests": report["failed_requests"],
        "missing": report["missing"],
    }))
}

/// The one JSON value that the command prints.
async fn read(mut output: ChildStdout) -> Result<Value> {
    let mut text = String::new();
    output.read_to_string(&mut text).await?;
    serde_json::from_str(&text).with_context(|| format!("tb bench load printed no JSON: {text}"))
}

/// Time on the cores when the sending begins and, as the last look before it ended, at the end.
async fn watch(child: &mut Child, nodes: &[u32]) -> Result<(Usage, Usage)> {
    let sender = child.id().context("tb bench load has ended")?;
    let mut talk = BufReader::new(child.stderr.take().context("the output was asked for")?).lines();
    let mut said = Vec::new();
    let mut looks: Option<(Usage, Usage)> = None;
    loop {
        tokio::select! {
            line = talk.next_line() => match line? {
                Some(line) if line.starts_with(SENDING) => {
                    let now = Usage::now(nodes, sender)?;
                    looks = Some((now, now));
                }
                Some(line) => said.push(line),
                None => break,
            },
            () = tokio::time::sleep(LOOK) => {
                if let (Some((_, last)), Ok(now)) = (&mut looks, Usage::now(nodes, sender)) {
                    *last = now;
                }
            }
        }
    }
    let status = child.wait().await?;
    ensure!(status.success(), "tb bench load ended with {status}: {}", said.join("; "));
    looks.with_context(|| format!("tb bench load never said {SENDING:?}: {}", said.join("; ")))
}
