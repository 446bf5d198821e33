//! The figures of a run, made of what was counted.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::output::{count, duration_ms, fields};

/// What a run showed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Nodes that transfers were sent to.
    pub targets: Vec<String>,
    /// Accounts that sent.
    pub senders: u64,
    /// Transfers per second that were asked for; 0: as many as fit in flight.
    pub rate: u64,
    /// Time from the first request to the last block that counted, milliseconds.
    pub elapsed_ms: u64,
    /// Transfers that a node admitted.
    pub admitted: u64,
    /// Transfers found in finalized blocks.
    pub finalized: u64,
    /// Finalized transfers per second.
    pub finalized_per_second: u64,
    /// Blocks that were finalized meanwhile.
    pub blocks: u64,
    /// Bytes of these blocks.
    pub block_bytes: u64,
    /// Bytes of blocks per second.
    pub bytes_per_second: u64,
    /// From submission to the block being seen.
    pub finality_ms: Percentiles,
    /// Answers that were refusals, by code; a retried transfer counts each time.
    pub rejected: BTreeMap<String, u64>,
    /// Requests that got no answer, by code.
    pub failed_requests: BTreeMap<String, u64>,
    /// Transfers that were admitted and not seen in a block by the end.
    pub missing: u64,
}

/// Percentiles in milliseconds; none of nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Percentiles {
    /// Half are quicker.
    pub p50: Option<u64>,
    /// 95 of 100 are quicker.
    pub p95: Option<u64>,
    /// 99 of 100 are quicker.
    pub p99: Option<u64>,
}

impl Percentiles {
    /// The percentiles of these values, by the nearest rank.
    pub fn of(mut values: Vec<u64>) -> Self {
        values.sort_unstable();
        let rank = |percent: usize| {
            let position = values.len().saturating_mul(percent).div_ceil(100).saturating_sub(1);
            values.get(position).copied()
        };
        Self { p50: rank(50), p95: rank(95), p99: rank(99) }
    }
}

/// `amount` in `elapsed_ms`, per second; 0 for no time.
pub fn per_second(amount: u64, elapsed_ms: u64) -> u64 {
    let rate = u128::from(amount).saturating_mul(1_000).checked_div(u128::from(elapsed_ms)).unwrap_or(0);
    u64::try_from(rate).unwrap_or(u64::MAX)
}

impl Report {
    /// The figures for people.
    pub fn describe(&self) -> String {
        let time = |value: Option<u64>| value.map_or_else(|| "-".to_owned(), duration_ms);
        let by_code = |counts: &BTreeMap<String, u64>| {
            let list: Vec<String> = counts.iter().map(|(code, number)| format!("{code} {}", count(*number))).collect();
            if list.is_empty() { "none".to_owned() } else { list.join(", ") }
        };
        let Percentiles { p50, p95, p99 } = self.finality_ms;
        let megabytes = self.bytes_per_second / 10_000;
        fields(&[
            ("finalized", format!("{} transfers in {}", count(self.finalized), duration_ms(self.elapsed_ms))),
            (
                "rate",
                format!(
                    "{} tx/s, {}.{:02} MB/s of blocks",
                    count(self.finalized_per_second),
                    megabytes / 100,
                    megabytes % 100
                ),
            ),
            ("finality", format!("p50 {}  p95 {}  p99 {}", time(p50), time(p95), time(p99))),
            ("blocks", format!("{}, {} bytes", count(self.blocks), count(self.block_bytes))),
            ("admitted", count(self.admitted)),
            ("missing", count(self.missing)),
            ("rejected", by_code(&self.rejected)),
            ("failed requests", by_code(&self.failed_requests)),
            ("senders", count(self.senders)),
            ("targets", self.targets.join(", ")),
        ])
    }
}
