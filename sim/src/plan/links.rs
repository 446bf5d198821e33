//! The links between validators, and how they differ between regions.
//!
//! Model: every link is like `links`, except between two regions with a `route`. A validator that no region names
//! is near everybody.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// The links between validators.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Links {
    /// Shortest way of a message, milliseconds.
    pub delay_ms: u64,
    /// Up to this much is added to each message, milliseconds; messages overtake each other.
    pub jitter_ms: u64,
    /// Messages that are lost, parts per million.
    pub loss_ppm: u32,
    /// Messages that arrive twice, parts per million.
    pub duplicate_ppm: u32,
}

impl Default for Links {
    fn default() -> Self {
        Self { delay_ms: 20, jitter_ms: 30, loss_ppm: 0, duplicate_ppm: 0 }
    }
}

/// Validators that are near each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Region {
    /// Its name.
    pub name: String,
    /// Who is there.
    pub validators: BTreeSet<u16>,
}

/// The links between two regions, both ways.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// The two regions; the same one twice for the links inside it.
    pub between: [String; 2],
    /// As in [`Links`].
    pub delay_ms: u64,
    /// As in [`Links`].
    #[serde(default)]
    pub jitter_ms: u64,
    /// As in [`Links`].
    #[serde(default)]
    pub loss_ppm: u32,
}

impl Route {
    /// What a link on this route is like, where all others are like `links`.
    pub fn links(&self, links: &Links) -> Links {
        Links { delay_ms: self.delay_ms, jitter_ms: self.jitter_ms, loss_ppm: self.loss_ppm, ..links.clone() }
    }

    /// True for a link between these two regions, in either direction.
    pub fn joins(&self, one: &str, other: &str) -> bool {
        let [left, right] = &self.between;
        (left == one && right == other) || (left == other && right == one)
    }
}
