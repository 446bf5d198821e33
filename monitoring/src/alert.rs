//! What an alert is.

/// Who is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Somebody is woken: the chain stands still, money or keys are in danger, or will be within the hour.
    Critical,
    /// A ticket for the working day.
    Warning,
}

impl Severity {
    /// The value of the label `severity`, by which Alertmanager routes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Warning => "warning",
        }
    }
}

/// One alert of `alert.rules.yml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alert {
    /// Its name, which is also the heading of its section in the runbook of its area.
    pub name: &'static str,
    /// Who is told.
    pub severity: Severity,
    /// How long the expression must hold, as Prometheus writes durations.
    pub lasting: &'static str,
    /// The expression; every series that it returns is one firing alert.
    pub expr: &'static str,
    /// One sentence for the person who is told. `{{ $labels.x }}` stands for a label.
    pub summary: &'static str,
    /// What promtool shows about it.
    pub drill: Drill,
}

/// Series that make an alert fire and then let it clear. One sample is [`Drill::STEP_SECONDS`] long.
///
/// In the name of a series `@` stands for the labels of the first node, `@2` for those of the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drill {
    /// Series and values in promtool's notation.
    pub series: &'static [(&'static str, &'static str)],
    /// A time at which it must not fire yet.
    pub quiet_at: &'static str,
    /// A time at which it must fire.
    pub fires_at: &'static str,
    /// The labels it fires with, besides `severity` and `area`.
    pub labels: &'static [(&'static str, &'static str)],
    /// A time at which it must have cleared.
    pub clear_at: &'static str,
}

impl Drill {
    /// Time between two samples, and between two evaluations of the rules, seconds.
    pub const STEP_SECONDS: u64 = 15;

    /// The longest time between two scrapes that the rules bear, seconds: the default of Prometheus.
    pub const STEP_SECONDS_MAX: u64 = 60;
}

/// A short name for a long expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recording {
    /// The name: `level:metric:operation`.
    pub name: &'static str,
    /// The expression.
    pub expr: &'static str,
}

/// Alerts about one part of the system, which share a runbook.
#[derive(Debug, Clone, Copy)]
pub struct Area {
    /// The name of the rule group and of the runbook `docs/runbooks/NAME.md`.
    pub name: &'static str,
    /// The alerts.
    pub alerts: &'static [Alert],
}
