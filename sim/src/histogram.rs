//! Times of many runs, counted in buckets, so that runs can be summed up without keeping every time.
//!
//! Model: buckets of 5 ms below a second, of 50 ms below ten, of 500 ms above; a time counts as the end of its
//! bucket, so that a percentile is never shown too low.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How many times fell into each bucket, by the end of the bucket in milliseconds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Histogram(BTreeMap<u64, u64>);

impl Histogram {
    /// Counts one time, milliseconds.
    pub fn add(&mut self, ms: u64) {
        let width = match ms {
            0..=999 => 5,
            1_000..=9_999 => 50,
            _ => 500,
        };
        let end = (ms / width).saturating_add(1).saturating_mul(width);
        *self.0.entry(end).or_default() += 1;
    }

    /// Counts what another one counted.
    pub fn merge(&mut self, other: &Self) {
        for (end, count) in &other.0 {
            *self.0.entry(*end).or_default() += count;
        }
    }

    /// The time that this many of a hundred do not pass, milliseconds; nothing when nothing was counted.
    pub fn percentile(&self, hundredths: u64) -> Option<u64> {
        let total: u64 = self.0.values().sum();
        let wanted = total.saturating_mul(hundredths).div_ceil(100).max(1);
        let mut seen = 0;
        self.0.iter().find_map(|(end, count)| {
            seen += count;
            (seen >= wanted).then_some(*end)
        })
    }

    /// How many times were counted.
    pub fn count(&self) -> u64 {
        self.0.values().sum()
    }
}
