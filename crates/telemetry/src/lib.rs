//! What a node tells its operator: metrics from one catalogue, logs, readiness.
//!
//! Model
//! - A metric is declared once, in `areas/`, as a field with its name, kind, unit, labels and help. The
//!   declaration makes the field of [`Metrics`], the row of the [`catalogue`] and the row of `docs/metrics.md`;
//!   a metric outside the catalogue cannot be written down.
//! - Aliases are further names of the same cell. Names are never renamed, only added to.
//! - Label values are text of the program (`&'static str`), so nothing a peer or a client sends can add a series.
//! - [`health`] is a pure function from what was observed to ready or not, with reasons.
//! - [`logging`] writes to standard error, as lines for people or as JSON, and hides fields with secret names.
//!
//! - [`otlp`] sends spans and the same metrics to collectors that ask for them.
//!
//! Who fills the cells: `node` reads the other crates' counters and events. Those crates know no metrics.
//!
//! Read next: `areas/consensus.rs` for how a metric is declared, `registry.rs` for how the text is made.

pub mod areas;
pub mod catalogue;
pub mod engine;
mod handles;
pub mod health;
pub mod logging;
mod metric;
pub mod otlp;
pub mod process;
mod registry;

#[cfg(test)]
mod tests;

pub use handles::{
    Counter, CounterFamily, FloatCounter, FloatGauge, FloatGaugeFamily, Gauge, GaugeFamily, Histogram, HistogramFamily,
    InfoFamily,
};
pub use metric::{Kind, Metric, Unit};
pub use registry::{CONTENT_TYPE, Metrics};
