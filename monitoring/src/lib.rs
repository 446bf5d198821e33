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
pub mod query;
mod rules;

use std::collections::BTreeMap;

pub use alert::{Alert, Drill, Recording, Severity};
pub use alerts::{AREAS, RECORDINGS, all as alerts};
pub use board::{Board, Panel, Query, Shape, Unit};
pub use boards::{BOARDS, COPIES};

/// The folder of the generated files, relative to the root of the project.
pub const FOLDER: &str = "monitoring";

/// Every generated file: path relative to [`FOLDER`], and text.
pub fn files() -> BTreeMap<String, String> {
    let mut files = BTreeMap::from([("alert.rules.yml".to_owned(), rules::file())]);
    for area in AREAS {
        files.insert(format!("tests/{}.yml", area.name), drill::file(area));
    }
    files.insert("tests/idle.yml".to_owned(), drill::idle_file());
    for board in BOARDS {
        files.insert(format!("grafana/{}.json", board.name), grafana::file(board));
    }
    for (path, board) in COPIES {
        files.insert((*path).to_owned(), grafana::file(board));
    }
    files
}

#[cfg(test)]
mod tests;
