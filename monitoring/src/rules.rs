//! `alert.rules.yml`: recording rules first, then one group of alerts per area.

use std::fmt::Write;

use crate::alert::Alert;
use crate::alerts::{AREAS, RECORDINGS};
use crate::drill::quoted;
use crate::pace::Pace;

/// Where the runbooks lie in this project; a section is `#` and the alert's name in lower case.
pub(crate) const RUNBOOKS: &str = "docs/runbooks";

/// The first lines of every generated YAML file.
pub(crate) const HEADER: &str = "# Generated from monitoring/src by `cargo xtask monitoring`; do not edit.\n";

/// The URL of an alert's section below the place of the runbooks.
pub(crate) fn runbook(base: &str, area: &str, alert: &Alert) -> String {
    format!("{base}/{area}.md#{}", alert.name.to_lowercase())
}

/// The text of the file at this pace, with the runbooks below `base`.
pub(crate) fn file(pace: Pace, base: &str) -> String {
    let mut text = format!("{HEADER}groups:\n  - name: recordings\n    rules:\n");
    for recording in RECORDINGS {
        // Writing to a string does not fail.
        let _ =
            write!(text, "      - record: {}\n        expr: {}\n", recording.name, quoted(&pace.expr(recording.expr)));
    }
    for area in AREAS {
        let _ = write!(text, "  - name: {}\n    rules:\n", area.name);
        for alert in area.alerts {
            let _ = write!(
                text,
                "      - alert: {}\n        expr: {}\n        for: {}\n        labels:\n          severity: {}\n          \
                 area: {}\n        annotations:\n          summary: {}\n          runbook_url: {}\n",
                alert.name,
                quoted(&pace.expr(alert.expr)),
                pace.lasting(alert.lasting),
                alert.severity.name(),
                area.name,
                quoted(alert.summary),
                quoted(&runbook(base, area.name, alert)),
            );
        }
    }
    text
}
