//! Dashboards and alerts as code: what Prometheus and Grafana load is made here and committed next to it.
//!
//! Model
//! - An [`Alert`] is data: expression, severity, how long it must hold, one sentence for the person who is woken, and a
//!   drill that makes it fire and clear. A [`Recording`] gives a long expression a short name. A [`Board`] is a page of
//!   panels.
//! - [`files`] turns the data into `alert.rules.yml`, `tests/*.yml` for promtool and `grafana/*.json`. Two boards have a
//!   second path, below `docs/`, where the guides name them ([`COPIES`]).
//! - [`query`] reads every expression with the metric catalogue of `telemetry` at hand: a name, a label or a label value
//!   that no node can serve is a fault, and so is `rate` of a gauge.
//!
//! Rules
//! - A file that is generated is never edited. `cargo xtask monitoring` writes them all, the tests of this crate refuse
//!   a committed file that differs.
//! - An alert is only for what somebody has to act on, and every alert has a section in a runbook below
//!   `docs/runbooks/`.
//! - Only series that a node serves today: a panel for a later feature comes with that feature.
//!
//! Read next: `alerts/consensus.rs` for how an alert is written, `boards/consensus.rs` for a page, `query.rs` for what
//! is refused. `docs/adr/0015-dashboards-and-alerts-as-code.md` has the reasons.

mod alert;
mod alerts;
mod board;
mod boards;
mod drill;
mod grafana;
pub mod idle;
mod pace;
pub mod query;
mod rules;
mod scenes;

use std::collections::{BTreeMap, BTreeSet};

pub use alert::{Alert, Drill, Recording, Severity};
pub use alerts::{AREAS, RECORDINGS, all as alerts};
pub use board::{Board, Panel, Query, Shape, Unit};
pub use boards::{BOARDS, COPIES};
pub use pace::Pace;

/// The folder of the generated files, relative to the root of the project.
pub const FOLDER: &str = "monitoring";

/// Every generated file: path relative to [`FOLDER`], and text.
pub fn files() -> BTreeMap<String, String> {
    let mut files = BTreeMap::from([("alert.rules.yml".to_owned(), Pace::REAL.rules())]);
    for area in AREAS {
        files.insert(format!("tests/{}.yml", area.name), drill::file(area));
    }
    files.insert("tests/idle.yml".to_owned(), drill::idle_file());
    files.insert("tests/idle_slow.yml".to_owned(), drill::idle_slow_file());
    files.insert("tests/scenes.yml".to_owned(), drill::scenes_file());
    for board in BOARDS {
        files.insert(format!("grafana/{}.json", board.name), grafana::file(board));
    }
    for (path, board) in COPIES {
        files.insert((*path).to_owned(), grafana::file(board));
    }
    files
}

/// `alert.rules.yml` with the runbooks below `base`: a folder, or a URL; a `/` at its end counts for nothing.
pub fn rules_with_runbooks(base: &str) -> String {
    rules::file(Pace::REAL, base.trim_end_matches('/'))
}

/// An expression that is asked of Prometheus, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// `recording NAME`, `alert NAME` or `panel BOARD: TITLE`.
    pub place: String,
    /// What is asked, for all nodes of the job.
    pub expr: String,
    /// The series that it reads, each with the labels that it asks for.
    pub selectors: BTreeSet<String>,
}

impl Asked {
    /// One line of JSON, as `scripts/dashboards_live.py` reads it.
    pub fn line(&self) -> String {
        serde_json::json!({"place": self.place, "expr": self.expr, "selectors": self.selectors}).to_string()
    }
}

/// Every expression of every recording rule, alert and panel.
///
/// # Errors
/// [`query::QueryError`] for one that does not parse, which the tests of this crate refuse.
pub fn expressions() -> Result<Vec<Asked>, query::QueryError> {
    let recordings =
        RECORDINGS.iter().map(|recording| (format!("recording {}", recording.name), recording.expr.to_owned()));
    let alerts = alerts().map(|alert| (format!("alert {}", alert.name), alert.expr.to_owned()));
    let panels = BOARDS.iter().flat_map(|board| board.panels.iter().map(move |panel| (board, panel)));
    let panels = panels.flat_map(|(board, panel)| {
        let job = format!("job=\"{}\"", alerts::JOB);
        let asked =
            move |query: &Query| (format!("panel {}: {}", board.name, panel.title), query.expr.replace('@', &job));
        panel.queries.iter().map(asked)
    });
    let all = recordings.chain(alerts).chain(panels);
    all.map(|(place, expr)| Ok(Asked { selectors: query::selectors(&expr)?, place, expr })).collect()
}

#[cfg(test)]
mod tests;
