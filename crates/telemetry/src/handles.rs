//! The cells behind the metrics, one type per kind and number of labels.
//!
//! Rules
//! - A clone is the same cell. All cells can be written from any thread.
//! - A family has one cell per combination of label values. Values are `&'static str`, so the number of series is
//!   bounded by the text of the program.
//! - Counters never fall. `set_total` takes over a number that is counted elsewhere and ignores a lower one.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::{counter, gauge, histogram};
use prometheus_client::registry::{Metric as Encoded, Registry};

use crate::metric::{Kind, Metric};

type Labels<const N: usize> = [(&'static str, &'static str); N];

/// A handle that the declaration of a metric can ask for.
pub(crate) trait Handle: Sized {
    /// Number of labels it takes a value for.
    const LABELS: usize;
    /// Whether it can hold this kind.
    fn fits(kind: Kind) -> bool;
    /// Makes the cells and registers them under every name.
    fn register(metric: &Metric, registry: &mut Registry) -> Self;
}

/// Registers `cells` under the name and the aliases. The encoder adds a counter's `_total` itself.
fn register_all<M: Encoded + Clone>(metric: &Metric, registry: &mut Registry, cells: &M) {
    for name in metric.names() {
        let bare = match metric.kind {
            Kind::Counter => name.strip_suffix("_total").unwrap_or(name),
            Kind::Gauge | Kind::Histogram(_) | Kind::Info => name,
        };
        registry.register(bare, metric.help, cells.clone());
    }
}

/// Pairs the declared label names with values.
fn pairs<const N: usize>(names: &'static [&'static str], values: [&'static str; N]) -> Labels<N> {
    let mut pairs = [("", ""); N];
    for (pair, (name, value)) in pairs.iter_mut().zip(names.iter().zip(values)) {
        *pair = (*name, value);
    }
    pairs
}

/// Every combination of one value per label; none where a label has no closed list.
fn combinations<const N: usize>(lists: &'static [&'static [&'static str]]) -> Vec<[&'static str; N]> {
    if lists.len() != N {
        return Vec::new();
    }
    let mut found = vec![[""; N]];
    for (place, list) in lists.iter().enumerate() {
        let extended = found.iter().flat_map(|before| {
            list.iter().map(move |value| {
                let mut values = *before;
                values[place] = *value;
                values
            })
        });
        found = extended.collect();
    }
    found
}

/// A counter of things.
#[derive(Debug, Clone, Default)]
pub struct Counter(counter::Counter);

impl Counter {
    /// Adds one.
    pub fn inc(&self) {
        self.0.inc();
    }

    /// Adds `more`.
    pub fn add(&self, more: u64) {
        self.0.inc_by(more);
    }

    /// Takes over a total that is counted elsewhere.
    pub fn set_total(&self, total: u64) {
        self.0.inner().fetch_max(total, Ordering::Relaxed);
    }

    /// The value.
    pub fn get(&self) -> u64 {
        self.0.get()
    }
}

/// A counter of seconds.
#[derive(Debug, Clone, Default)]
pub struct FloatCounter(counter::Counter<f64, AtomicU64>);

impl FloatCounter {
    /// Takes over a total that is counted elsewhere. One thread at a time calls this.
    pub fn set_total(&self, total: Duration) {
        let more = total.as_secs_f64() - self.0.get();
        if more > 0.0 {
            self.0.inc_by(more);
        }
    }

    /// The value, seconds.
    pub fn get(&self) -> f64 {
        self.0.get()
    }
}

/// A number of things that goes up and down.
#[derive(Debug, Clone, Default)]
pub struct Gauge(gauge::Gauge);

impl Gauge {
    /// Sets the value; from 2^63 on it stays at 2^63 − 1.
    pub fn set(&self, value: u64) {
        self.0.set(i64::try_from(value).unwrap_or(i64::MAX));
    }

    /// Sets the value to a length.
    pub fn set_len(&self, value: usize) {
        self.0.set(i64::try_from(value).unwrap_or(i64::MAX));
    }

    /// Adds a length.
    pub fn add_len(&self, more: usize) {
        self.0.inc_by(i64::try_from(more).unwrap_or(i64::MAX));
    }

    /// Sets 1 for true, 0 for false.
    pub fn set_bool(&self, value: bool) {
        self.0.set(i64::from(value));
    }

    /// Adds one.
    pub fn inc(&self) {
        self.0.inc();
    }

    /// Takes one away.
    pub fn dec(&self) {
        self.0.dec();
    }

    /// The value.
    pub fn get(&self) -> i64 {
        self.0.get()
    }
}

/// A measure in seconds that goes up and down.
#[derive(Debug, Clone, Default)]
pub struct FloatGauge(gauge::Gauge<f64, AtomicU64>);

impl FloatGauge {
    /// Sets the value.
    pub fn set(&self, value: Duration) {
        self.0.set(value.as_secs_f64());
    }

    /// Sets how much later `time` is than `other`; below 0 where it is earlier.
    pub fn set_ahead(&self, time: Duration, other: Duration) {
        let ahead = time.checked_sub(other).map(|ahead| ahead.as_secs_f64());
        self.0.set(ahead.unwrap_or_else(|| -other.saturating_sub(time).as_secs_f64()));
    }

    /// The value, seconds.
    pub fn get(&self) -> f64 {
        self.0.get()
    }
}

/// A distribution.
#[derive(Debug, Clone)]
pub struct Histogram(histogram::Histogram);

impl Histogram {
    /// Observes a time.
    pub fn observe(&self, time: Duration) {
        self.0.observe(time.as_secs_f64());
    }

    /// Observes a number of things or bytes; from 2^32 on it counts as 2^32 − 1.
    pub fn observe_count(&self, count: u64) {
        self.0.observe(f64::from(u32::try_from(count).unwrap_or(u32::MAX)));
    }
}

/// Counters by `N` labels.
#[derive(Debug, Clone)]
pub struct CounterFamily<const N: usize> {
    cells: Family<Labels<N>, counter::Counter>,
    names: &'static [&'static str],
}

impl<const N: usize> CounterFamily<N> {
    /// The counter for these label values.
    pub fn with(&self, values: [&'static str; N]) -> Counter {
        Counter(self.cells.get_or_create_owned(&pairs(self.names, values)))
    }
}

/// Gauges by `N` labels.
#[derive(Debug, Clone)]
pub struct GaugeFamily<const N: usize> {
    cells: Family<Labels<N>, gauge::Gauge<i64, AtomicI64>>,
    names: &'static [&'static str],
}

impl<const N: usize> GaugeFamily<N> {
    /// The gauge for these label values.
    pub fn with(&self, values: [&'static str; N]) -> Gauge {
        Gauge(self.cells.get_or_create_owned(&pairs(self.names, values)))
    }
}

/// Gauges in seconds by `N` labels.
#[derive(Debug, Clone)]
pub struct FloatGaugeFamily<const N: usize> {
    cells: Family<Labels<N>, gauge::Gauge<f64, AtomicU64>>,
    names: &'static [&'static str],
}

impl<const N: usize> FloatGaugeFamily<N> {
    /// The gauge for these label values.
    pub fn with(&self, values: [&'static str; N]) -> FloatGauge {
        FloatGauge(self.cells.get_or_create_owned(&pairs(self.names, values)))
    }
}

/// Makes the histograms of one family, all with the same bounds.
#[derive(Debug, Clone)]
struct Bounds(&'static [f64]);

impl MetricConstructor<histogram::Histogram> for Bounds {
    fn new_metric(&self) -> histogram::Histogram {
        histogram::Histogram::new(self.0.iter().copied())
    }
}

/// Histograms by `N` labels.
#[derive(Debug, Clone)]
pub struct HistogramFamily<const N: usize> {
    cells: Family<Labels<N>, histogram::Histogram, Bounds>,
    names: &'static [&'static str],
}

impl<const N: usize> HistogramFamily<N> {
    /// The histogram for these label values.
    pub fn with(&self, values: [&'static str; N]) -> Histogram {
        Histogram(self.cells.get_or_create_owned(&pairs(self.names, values)))
    }
}

/// `N` labels that describe the process, under a gauge that is 1.
#[derive(Debug, Clone)]
pub struct InfoFamily<const N: usize> {
    cells: Family<Vec<(&'static str, String)>, gauge::Gauge>,
    names: &'static [&'static str],
}

impl<const N: usize> InfoFamily<N> {
    /// Sets the values; those that were set before are gone.
    pub fn set(&self, values: [String; N]) {
        self.cells.clear();
        let values = values.iter().map(|value| escape(value));
        let labels: Vec<(&'static str, String)> = self.names.iter().copied().zip(values).collect();
        self.cells.get_or_create(&labels).set(1);
    }
}

/// A label value as the text format wants it; the encoder writes values as they are.
fn escape(value: &str) -> String {
    value.replace('\\', r"\\").replace('"', r#"\""#).replace('\n', r"\n")
}

impl Handle for Counter {
    const LABELS: usize = 0;
    fn fits(kind: Kind) -> bool {
        kind == Kind::Counter
    }
    fn register(metric: &Metric, registry: &mut Registry) -> Self {
        let handle = Self::default();
        register_all(metric, registry, &handle.0);
        handle
    }
}

impl Handle for FloatCounter {
    const LABELS: usize = 0;
    fn fits(kind: Kind) -> bool {
        kind == Kind::Counter
    }
    fn register(metric: &Metric, registry: &mut Registry) -> Self {
        let handle = Self::default();
        register_all(metric, registry, &handle.0);
        handle
    }
}

impl Handle for Gauge {
    const LABELS: usize = 0;
    fn fits(kind: Kind) -> bool {
        kind == Kind::Gauge
    }
    fn register(metric: &Metric, registry: &mut Registry) -> Self {
        let handle = Self::default();
        register_all(metric, registry, &handle.0);
        handle
    }
}

impl Handle for FloatGauge {
    const LABELS: usize = 0;
    fn fits(kind: Kind) -> bool {
        kind == Kind::Gauge
    }
    fn register(metric: &Metric, registry: &mut Registry) -> Self {
        let handle = Self::default();
        register_all(metric, registry, &handle.0);
        handle
    }
}

impl Handle for Histogram {
    const LABELS: usize = 0;
    fn fits(kind: Kind) -> bool {
        matches!(kind, Kind::Histogram(_))
    }
    fn register(metric: &Metric, registry: &mut Registry) -> Self {
        let handle = Self(bounds(metric).new_metric());
        register_all(metric, registry, &handle.0);
        handle
    }
}

impl<const N: usize> Handle for CounterFamily<N> {
    const LABELS: usize = N;
    fn fits(kind: Kind) -> bool {
        kind == Kind::Counter
    }
    fn register(metric: &Metric, registry: &mut Registry) -> Self {
        let handle = Self { cells: Family::default(), names: metric.labels };
        for values in combinations::<N>(metric.values) {
            let _at_zero = handle.with(values);
        }
        register_all(metric, registry, &handle.cells);
        handle
    }
}

impl<const N: usize> Handle for GaugeFamily<N> {
    const LABELS: usize = N;
    fn fits(kind: Kind) -> bool {
        kind == Kind::Gauge
    }
    fn register(metric: &Metric, registry: &mut Registry) -> Self {
        let handle = Self { cells: Family::default(), names: metric.labels };
        register_all(metric, registry, &handle.cells);
        handle
    }
}

impl<const N: usize> Handle for FloatGaugeFamily<N> {
    const LABELS: usize = N;
    fn fits(kind: Kind) -> bool {
        kind == Kind::Gauge
    }
    fn register(metric: &Metric, registry: &mut Registry) -> Self {
        let handle = Self { cells: Family::default(), names: metric.labels };
        register_all(metric, registry, &handle.cells);
        handle
    }
}

impl<const N: usize> Handle for HistogramFamily<N> {
    const LABELS: usize = N;
    fn fits(kind: Kind) -> bool {
        matches!(kind, Kind::Histogram(_))
    }
    fn register(metric: &Metric, registry: &mut Registry) -> Self {
        let handle = Self { cells: Family::new_with_constructor(bounds(metric)), names: metric.labels };
        register_all(metric, registry, &handle.cells);
        handle
    }
}

impl<const N: usize> Handle for InfoFamily<N> {
    const LABELS: usize = N;
    fn fits(kind: Kind) -> bool {
        kind == Kind::Info
    }
    fn register(metric: &Metric, registry: &mut Registry) -> Self {
        let handle = Self { cells: Family::default(), names: metric.labels };
        register_all(metric, registry, &handle.cells);
        handle
    }
}

/// The bounds of a declared histogram.
fn bounds(metric: &Metric) -> Bounds {
    match metric.kind {
        Kind::Histogram(bounds) => Bounds(bounds),
        Kind::Counter | Kind::Gauge | Kind::Info => Bounds(&[]),
    }
}
