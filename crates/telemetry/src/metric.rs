//! One row of the metric catalogue, as data.

/// What a metric counts. The kind decides how queries may use it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// Only grows until the process ends. Its names end in `_total`.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts observations up to each of these bounds (ascending, in the metric's unit).
    Histogram(&'static [f64]),
    /// A gauge that is always 1; its labels are the information.
    Info,
}

impl Kind {
    /// The name in the catalogue.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram(_) => "histogram",
            Self::Info => "info",
        }
    }
}

/// The base unit of a metric's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A number of things.
    Count,
    /// Seconds; names end in `_seconds`.
    Seconds,
    /// Milliseconds, for names of the contract alone; they end in `_ms`.
    Milliseconds,
    /// Bytes; names end in `_bytes`.
    Bytes,
}

impl Unit {
    /// The name in the catalogue.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Seconds => "seconds",
            Self::Milliseconds => "milliseconds",
            Self::Bytes => "bytes",
        }
    }

    /// How names end that carry this unit, before a counter's `_total`; empty for numbers of things.
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Count => "",
            Self::Seconds => "_seconds",
            Self::Milliseconds => "_ms",
            Self::Bytes => "_bytes",
        }
    }

    /// The name that collectors know, which is that of the Unified Code for Units of Measure.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Count => "1",
            Self::Seconds => "s",
            Self::Milliseconds => "ms",
            Self::Bytes => "By",
        }
    }
}

/// A metric as it is declared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Metric {
    /// The name that is exposed, with every suffix.
    pub name: &'static str,
    /// What it counts.
    pub kind: Kind,
    /// Its unit.
    pub unit: Unit,
    /// Names of its labels, in the order of their values.
    pub labels: &'static [&'static str],
    /// The values of each label where they are a closed list, in the order of the labels; empty where they are not.
    /// The counters of a closed list are there from the start, at zero, so that the first event is a rise.
    pub values: &'static [&'static [&'static str]],
    /// What it says, as one sentence without its full stop.
    pub help: &'static str,
    /// Further names of the same cell.
    pub aliases: &'static [&'static str],
}

impl Metric {
    /// A counter of things.
    pub const fn counter(name: &'static str) -> Self {
        Self::of(name, Kind::Counter)
    }

    /// A gauge of things.
    pub const fn gauge(name: &'static str) -> Self {
        Self::of(name, Kind::Gauge)
    }

    /// A histogram with these upper bounds.
    pub const fn histogram(name: &'static str, bounds: &'static [f64]) -> Self {
        Self::of(name, Kind::Histogram(bounds))
    }

    /// Labels that describe the process.
    pub const fn info(name: &'static str) -> Self {
        Self::of(name, Kind::Info)
    }

    /// With a unit other than things.
    pub const fn unit(self, unit: Unit) -> Self {
        Self { unit, ..self }
    }

    /// With labels.
    pub const fn labels(self, labels: &'static [&'static str]) -> Self {
        Self { labels, ..self }
    }

    /// With the closed list of values of each label.
    pub const fn values(self, values: &'static [&'static [&'static str]]) -> Self {
        Self { values, ..self }
    }

    /// With further names.
    pub const fn aliases(self, aliases: &'static [&'static str]) -> Self {
        Self { aliases, ..self }
    }

    /// With its sentence.
    pub const fn help(self, help: &'static str) -> Self {
        Self { help, ..self }
    }

    /// The name and all aliases.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name).chain(self.aliases.iter().copied())
    }

    const fn of(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, unit: Unit::Count, labels: &[], values: &[], help: "", aliases: &[] }
    }
}
