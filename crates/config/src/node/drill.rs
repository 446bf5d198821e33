//! What a drill does to a node.
//!
//! Read next: `docs/chaos.md`.

use super::Reader;
use crate::value::Value;

/// What a drill does to a node; only development chains take anything but the default.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DrillConfig {
    /// How far the node's clock is off, milliseconds.
    pub clock_offset_ms: i64,
    /// Nodes with different tags exchange no messages.
    pub partition_tag: Option<String>,
    /// Bodies that are given to peers are altered.
    pub wrong_bodies: bool,
    /// Every chunk that the node gives to others is altered.
    pub wrong_chunks: bool,
}

impl Reader<'_> {
    pub(super) fn drill(&self) -> DrillConfig {
        let clock_offset_ms = match self.value("drill.clock_offset_ms") {
            Value::Offset(offset_ms) => *offset_ms,
            _ => unreachable!("drill.clock_offset_ms is no offset"),
        };
        let partition_tag = match self.value("drill.partition_tag") {
            Value::Text(tag) => Some(tag.clone()),
            _ => None,
        };
        DrillConfig {
            clock_offset_ms,
            partition_tag,
            wrong_bodies: self.flag("drill.wrong_bodies"),
            wrong_chunks: self.flag("drill.wrong_chunks"),
        }
    }
}
