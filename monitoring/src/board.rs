//! What a dashboard is.

/// A page of panels.
#[derive(Debug, Clone, Copy)]
pub struct Board {
    /// The file name below `grafana/`, and the end of Grafana's id of the board.
    pub name: &'static str,
    /// The title.
    pub title: &'static str,
    /// What the reader finds here.
    pub about: &'static str,
    /// The panels, left to right, then down.
    pub panels: &'static [Panel],
}

/// One panel.
#[derive(Debug, Clone, Copy)]
pub struct Panel {
    /// The title.
    pub title: &'static str,
    /// What the panel says and what is normal; shown when the reader asks.
    pub about: &'static str,
    /// How it is drawn.
    pub shape: Shape,
    /// The unit of the values.
    pub unit: Unit,
    /// What is drawn.
    pub queries: &'static [Query],
}

/// One expression of a panel. `@` stands for the instances and the job that the reader chose.
#[derive(Debug, Clone, Copy)]
pub struct Query {
    /// The expression.
    pub expr: &'static str,
    /// The name of a line, with `{{label}}`.
    pub legend: &'static str,
}

/// How a panel is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Lines over time.
    Lines,
    /// The newest value as a number.
    Number,
    /// The newest values as a table of labels.
    Table,
    /// The heading of the panels below it; it draws nothing itself.
    Row,
}

impl Shape {
    /// Grafana's name of the panel.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lines => "timeseries",
            Self::Number => "stat",
            Self::Table => "table",
            Self::Row => "row",
        }
    }

    /// Width and height on Grafana's grid, which is 24 wide.
    pub const fn size(self) -> (u64, u64) {
        match self {
            Self::Lines => (12, 8),
            Self::Number => (6, 4),
            Self::Table => (24, 6),
            Self::Row => (24, 1),
        }
    }
}

/// The unit of a panel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A number of things.
    Count,
    /// Things per second.
    PerSecond,
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
    /// Bytes per second.
    BytesPerSecond,
    /// A share between 0 and 1.
    Share,
}

impl Unit {
    /// Grafana's name of the unit.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Count => "short",
            Self::PerSecond => "cps",
            Self::Seconds => "s",
            Self::Bytes => "bytes",
            Self::BytesPerSecond => "Bps",
            Self::Share => "percentunit",
        }
    }
}
