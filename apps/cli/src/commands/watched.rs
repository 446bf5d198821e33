//! The next blocks of a node, each with the time since the one before: what an operator looks at after a remedy.
//!
//! Model: blocks are asked for until so many new ones are final. Their times are those of the headers, so that this machine's
//! clock and the way to the node do not matter. A block is late above [`LATE_FACTOR`] target times, as the alert `BlocksSlow` has it.
//!
//! Rule: a wait ends, with a failure, when no block comes for [`SILENT_FACTOR`] such limits.

use std::time::Duration;

use primitives::Height;
use rpc::types::HeaderView;
use rpc::{Client, ExitCode};
use serde::Serialize;
use tokio::time::Instant;

use crate::exit::Failure;
use crate::output::{duration_ms, table};

/// Most blocks that are watched in one call.
pub const BLOCKS_MAX: u64 = 1_000;
/// A block later than so many target times is late; the alert `BlocksSlow` has the same number.
const LATE_FACTOR: u64 = 3;
/// Nobody waits longer than so many limits for one block.
const SILENT_FACTOR: u64 = 20;
/// Pause between two questions to the node.
const POLL: Duration = Duration::from_millis(50);

/// One block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WatchedBlock {
    /// Its height.
    pub height: Height,
    /// From the block before it to this one, milliseconds.
    pub interval_ms: u64,
}

/// The blocks, and what they may take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Watched {
    /// What one block may take, milliseconds.
    pub limit_ms: u64,
    /// The blocks, oldest first.
    pub blocks: Vec<WatchedBlock>,
}

impl Watched {
    /// Every block, and which of them was late.
    pub fn describe(&self) -> String {
        let row = |block: &WatchedBlock| {
            let verdict = if block.interval_ms > self.limit_ms { "late" } else { "in time" };
            [block.height.to_string(), duration_ms(block.interval_ms), verdict.to_owned()]
        };
        let limit = duration_ms(self.limit_ms);
        format!("limit {limit}\n{}", table(["HEIGHT", "TOOK", ""], &self.blocks.iter().map(row).collect::<Vec<_>>()))
    }

    /// # Errors
    /// [`Failure`] when a block was late.
    pub fn judged(&self) -> Result<(), Failure> {
        let late: Vec<String> = self
            .blocks
            .iter()
            .filter(|block| block.interval_ms > self.limit_ms)
            .map(|block| block.height.to_string())
            .collect();
        if late.is_empty() {
            return Ok(());
        }
        Err(Failure::new(
            ExitCode::Unexpected,
            "blocks_slow",
            format!(
                "{} of {} blocks took longer than {}: {}",
                late.len(),
                self.blocks.len(),
                duration_ms(self.limit_ms),
                late.join(", ")
            ),
            "docs/runbooks/prover.md, \"Latency rises\", names what else to look at",
        ))
    }
}

/// Waits for the next `count` blocks, at most [`BLOCKS_MAX`]. Without a limit it is some target times of the chain.
///
/// # Errors
/// [`Failure`] when the node does not answer or no block comes.
pub async fn watch(client: &Client, count: u64, limit: Option<Duration>) -> Result<Watched, Failure> {
    let status = client.node_status().await?;
    let of_chain = status.block_interval_ms.saturating_mul(LATE_FACTOR);
    let limit_ms = limit.map_or(of_chain, |limit| u64::try_from(limit.as_millis()).unwrap_or(u64::MAX));
    let silence = Duration::from_millis(limit_ms.max(of_chain).saturating_mul(SILENT_FACTOR));
    let mut before = final_at(client, status.finalized_height.max(Height(1)), silence).await?;
    let mut blocks = Vec::new();
    for _ in 0..count.min(BLOCKS_MAX) {
        let header = final_at(client, before.height.next(), silence).await?;
        let interval_ms = header.time_ms.0.saturating_sub(before.time_ms.0);
        blocks.push(WatchedBlock { height: header.height, interval_ms });
        before = header;
    }
    Ok(Watched { limit_ms, blocks })
}

/// The header at a height, once it is final.
async fn final_at(client: &Client, height: Height, silence: Duration) -> Result<HeaderView, Failure> {
    let started = Instant::now();
    while client.health_live().await?.finalized_height < height {
        if started.elapsed() > silence {
            let what = format!("no block {height} came within {} s", silence.as_secs());
            let hint = "run: tb status, and see docs/runbooks/consensus.md";
            return Err(Failure::new(ExitCode::Timeout, "timeout", what, hint));
        }
        tokio::time::sleep(POLL).await;
    }
    Ok(client.block_at(height).await?.header)
}
