//! Three series of a network as it was when all was well, and whether it is worse today.
//!
//! | series | metric | worse is |
//! |---|---|---|
//! | latency of consensus | mean of `consensus_finality_seconds` between two looks, milliseconds | more |
//! | queue depth of proofs | `proof_queue_depth` | more |
//! | participation in the lottery | `vrf_participation_ppm` | less |
//!
//! Rules
//! - The medians of both times are compared; [`WORSE_PERCENT`] and a small absolute step are not called worse.
//! - Stages are chains of their own, so a file of another chain is compared as well; the file says of which it is.

use std::path::Path;
use std::time::Duration;

use primitives::{Hash, Height};
use rpc::{Client, ExitCode};
use serde::{Deserialize, Serialize};

use super::evidence::read_text;
use crate::exit::Failure;

/// How much of a hundred a median may be worse.
pub const WORSE_PERCENT: u64 = 25;
/// Steps that are never called worse: milliseconds, windows, parts per million.
const STEPS: [u64; 3] = [100, 1, 50_000];
/// Most values of one series.
pub const SAMPLES_MAX: u32 = 3_600;

/// The three series.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// Name of the network.
    pub chain_id: String,
    /// Its genesis.
    pub genesis_hash: Hash,
    /// Version of the node.
    pub version: String,
    /// Height of the last value.
    pub height: Height,
    /// Mean time from the start of a height to its end, milliseconds; one value per look that saw a new height.
    pub consensus_latency_ms: Vec<u64>,
    /// Windows that wait for a proof.
    pub proof_queue_depth: Vec<u64>,
    /// Part of the candidates that took part in the last lottery, parts per million.
    pub vrf_participation_ppm: Vec<u64>,
}

/// One value of a scrape; `None` when the series is not there.
pub fn value(text: &str, name: &str) -> Option<f64> {
    let line = text.lines().find(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ')))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// A value as a whole number; what is negative or not a number is 0.
fn whole(value: f64) -> u64 {
    // Written without a fraction the number reads back exactly, and what is out of range does not read at all.
    format!("{:.0}", value.max(0.0)).parse().unwrap_or(0)
}

/// Looks `samples` times, `every` apart, and gives the series.
///
/// # Errors
/// [`Failure`] when the node does not answer.
pub async fn take(client: &Client, samples: u32, every: Duration) -> Result<Baseline, Failure> {
    let status = client.rollout_status().await?;
    let mut series = Baseline {
        chain_id: status.chain_id,
        genesis_hash: status.genesis_hash,
        version: status.version,
        height: status.finalized_height,
        consensus_latency_ms: Vec::new(),
        proof_queue_depth: Vec::new(),
        vrf_participation_ppm: Vec::new(),
    };
    let mut before: Option<(f64, f64)> = None;
    for sample in 0..samples.saturating_add(1) {
        if sample > 0 {
            tokio::time::sleep(every).await;
        }
        let text = client.metrics().await?;
        let finality = ["consensus_finality_seconds_sum", "consensus_finality_seconds_count"];
        let [sum, count] = finality.map(|name| value(&text, name).unwrap_or(0.0));
        if let Some((sum_before, count_before)) = before
            && count > count_before
        {
            series.consensus_latency_ms.push(whole((sum - sum_before) * 1_000.0 / (count - count_before)));
        }
        before = Some((sum, count));
        if sample > 0 {
            series.proof_queue_depth.extend(value(&text, "proof_queue_depth").map(whole));
            series.vrf_participation_ppm.extend(value(&text, "vrf_participation_ppm").map(whole));
        }
    }
    series.height = client.health_live().await?.finalized_height;
    if series.consensus_latency_ms.is_empty() {
        let hint = "wait until the chain makes blocks, or look longer with --samples and --every";
        let what = "no height was finalized while the node was watched, so there is no latency to note";
        return Err(Failure::new(ExitCode::NotReady, "no_blocks", what, hint));
    }
    Ok(series)
}

impl Baseline {
    /// Reads a file that `tb rollout baseline` wrote.
    ///
    /// # Errors
    /// [`Failure`] for a file that cannot be read or is none.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        serde_json::from_str(&read_text(path)?).map_err(|error| {
            let what = format!("{}: {error}", path.display());
            Failure::new(ExitCode::Config, "baseline", what, "make one with: tb rollout baseline --out baseline.json")
        })
    }

    fn medians(&self) -> [u64; 3] {
        [&self.consensus_latency_ms, &self.proof_queue_depth, &self.vrf_participation_ppm].map(|values| median(values))
    }

    /// What is worse in `today` than here, one line for each series; empty when nothing is.
    pub fn worse(&self, today: &Self) -> Vec<String> {
        let (then, now) = (self.medians(), today.medians());
        let names = ["consensus latency (ms)", "proof queue depth", "VRF participation (ppm)"];
        let mut lines = Vec::new();
        for (index, name) in names.into_iter().enumerate() {
            let (then, now, step) = (then[index], now[index], STEPS[index]);
            let slack = (then.saturating_mul(WORSE_PERCENT) / 100).max(step);
            let is_worse = match index {
                2 => now.saturating_add(slack) < then,
                _ => now > then.saturating_add(slack),
            };
            if is_worse {
                lines.push(format!("{name} was {then} and is {now}"));
            }
        }
        lines
    }
}

/// The middle of some values, the lower one of two; 0 without any.
fn median(values: &[u64]) -> u64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted.len().checked_sub(1).and_then(|last| sorted.get(last / 2)).copied().unwrap_or(0)
}
