//! The live line of a throw-away network, from what node 1 says.

use std::collections::VecDeque;

use primitives::{Height, Timestamp};
use rpc::types::{BlockSummary, ConsensusStatus, MempoolStatus, PageQuery};
use rpc::{Client, ClientError};
use serde::Serialize;

use crate::output::{count, duration_ms};

/// Blocks that are asked for at a time.
const PAGE: u32 = 50;
/// Blocks that figures per time are taken over.
const WINDOW: usize = 20;

/// One reading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reading {
    /// The last finalized height.
    pub height: u64,
    /// The round of the height being decided.
    pub round: Option<u32>,
    /// Mean time between the last blocks, milliseconds.
    pub block_ms: Option<u64>,
    /// From the proposer's clock in the last block's header to its finality on node 1, milliseconds.
    pub finality_ms: Option<u64>,
    /// Transactions per second in the last blocks.
    pub transactions_per_second: u64,
    /// Transactions that wait.
    pub mempool: u64,
    /// The last height whose ledger is proven on node 1.
    pub proven_height: u64,
    /// What the prover failed at, until a proof is taken again.
    pub prover_failure: Option<String>,
}

/// What was seen of the chain so far.
#[derive(Debug, Default)]
pub struct Watch {
    since: Timestamp,
    blocks: VecDeque<(Height, Timestamp, u64)>,
}

impl Watch {
    /// Looks at blocks from `since` on: a chain that stood still in between would otherwise seem slow.
    pub fn since(since: Timestamp) -> Self {
        Self { since, ..Self::default() }
    }

    /// Asks the node once.
    ///
    /// # Errors
    /// [`ClientError`] when it does not answer.
    pub async fn read(&mut self, client: &Client, now: Timestamp) -> Result<Reading, ClientError> {
        let newest = |limit| client.blocks(PageQuery { before: None, limit: Some(limit) });
        self.add(&newest(PAGE).await?.blocks);
        let (consensus, mempool) = futures::try_join!(client.consensus_status(), client.mempool_status())?;
        // With the same newest block before and after, the age in between is that of this block.
        let after = newest(1).await?.blocks.first().map(|block| block.height);
        let settled = after == self.blocks.back().map(|(height, _, _)| *height);
        let node = client.node_status().await?;
        Ok(Reading {
            proven_height: node.proven_height.map_or(0, |height| height.0),
            prover_failure: node.backend_health.plonky3.last_failure,
            ..self.reading(&consensus, &mempool, settled, now)
        })
    }

    /// Takes up blocks, newest first.
    pub fn add(&mut self, blocks: &[BlockSummary]) {
        let known = self.blocks.back().map_or(Height(0), |(height, _, _)| *height);
        for block in blocks.iter().rev().filter(|block| block.height > known && block.time_ms >= self.since) {
            self.blocks.push_back((block.height, block.time_ms, block.transaction_count));
        }
        while self.blocks.len() > WINDOW {
            self.blocks.pop_front();
        }
    }

    /// The figures at this moment. `settled` says that the age of the last block is that of the newest one here.
    pub fn reading(
        &self,
        consensus: &ConsensusStatus,
        mempool: &MempoolStatus,
        settled: bool,
        now: Timestamp,
    ) -> Reading {
        let (first, last) = (self.blocks.front(), self.blocks.back());
        let span_ms = first.zip(last).map_or(0, |(first, last)| last.1.since(first.1));
        // The first block of the window only opens it: its transactions came before.
        let transactions: u64 = self.blocks.iter().skip(1).map(|(_, _, count)| count).sum();
        let intervals = u64::try_from(self.blocks.len().saturating_sub(1)).unwrap_or(u64::MAX);
        let finalized_at = Timestamp(now.0.saturating_sub(consensus.since_last_block_ms));
        Reading {
            height: last.map_or(0, |last| last.0.0),
            round: consensus.round.map(|round| round.0),
            block_ms: span_ms.checked_div(intervals),
            finality_ms: last.filter(|_| settled).map(|last| finalized_at.since(last.1)),
            transactions_per_second: transactions.saturating_mul(1_000).checked_div(span_ms).unwrap_or(0),
            mempool: mempool.transactions.size,
            proven_height: 0,
            prover_failure: None,
        }
    }
}

impl Reading {
    /// The line for people.
    pub fn line(&self) -> String {
        let or_dash = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
        let failure = self.prover_failure.as_ref().map(|reason| format!(" · PROVER FAILED: {reason}"));
        format!(
            "height {} · proven {} · round {} · block {} · finality {} · {} tx/s · mempool {}{}",
            count(self.height),
            count(self.proven_height),
            or_dash(self.round.map(|round| round.to_string())),
            or_dash(self.block_ms.map(duration_ms)),
            or_dash(self.finality_ms.map(duration_ms)),
            count(self.transactions_per_second),
            count(self.mempool),
            failure.unwrap_or_default()
        )
    }
}
