//! `grafana/*.json`: boards as Grafana imports them.

use serde_json::{Value, json};

use crate::alerts::JOB;
use crate::board::{Board, Panel, Query};

/// The version of Grafana's board format that this writes.
const SCHEMA: u64 = 39;
/// Columns of Grafana's grid.
const COLUMNS: u64 = 24;
/// Letters that name the queries of a panel; no panel has more queries.
pub(crate) const LETTERS: &str = "ABCDEFGH";

/// The matchers that `@` stands for in a panel's expression.
const CHOSEN: &str = "instance=~\"$instance\",job=~\"$job\"";

/// The expression as Grafana gets it.
pub(crate) fn chosen(expr: &str) -> String {
    expr.replace('@', CHOSEN)
}

/// The text of a board.
pub(crate) fn file(board: &Board) -> String {
    let (mut left, mut top, mut lowest) = (0, 0, 0);
    let panels = (1_u64..).zip(board.panels).map(|(id, panel)| {
        let (width, height) = panel.shape.size();
        if left + width > COLUMNS {
            (left, top) = (0, lowest);
        }
        let place = json!({"x": left, "y": top, "w": width, "h": height});
        left += width;
        lowest = lowest.max(top + height);
        self::panel(id, panel, &place)
    });
    let board = json!({
        "uid": format!("the-block-{}", board.name),
        "title": format!("The Block: {}", board.title),
        "description": board.about,
        "tags": ["the-block"],
        "schemaVersion": SCHEMA,
        "version": 1,
        "editable": false,
        "refresh": "15s",
        "timezone": "utc",
        "time": {"from": "now-1h", "to": "now"},
        "links": [{"type": "dashboards", "tags": ["the-block"], "title": "The Block", "asDropdown": true}],
        "templating": {"list": [
            {"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus"},
            variable("job", "label_values(node_info, job)"),
            variable("instance", "label_values(node_info{job=~\"$job\"}, instance)"),
        ]},
        "annotations": {"list": [{
            "name": "Alerts",
            "enable": true,
            "iconColor": "red",
            "datasource": source(),
            "expr": format!("ALERTS{{alertstate=\"firing\",job=\"{JOB}\"}}"),
            "titleFormat": "{{alertname}} {{instance}}",
        }]},
        "panels": panels.collect::<Vec<Value>>(),
    });
    format!("{board:#}\n")
}

fn source() -> Value {
    json!({"type": "prometheus", "uid": "${source}"})
}

fn variable(name: &str, query: &str) -> Value {
    json!({
        "name": name, "type": "query", "datasource": source(), "query": query, "definition": query, "refresh": 2,
        "multi": true, "includeAll": true, "allValue": ".*", "current": {"text": "All", "value": "$__all"},
    })
}

fn panel(id: u64, panel: &Panel, place: &Value) -> Value {
    let is_table = panel.shape == crate::Shape::Table;
    let targets = LETTERS.chars().zip(panel.queries).map(|(letter, Query { expr, legend })| {
        json!({
            "refId": letter.to_string(), "datasource": source(), "expr": chosen(expr), "legendFormat": legend,
            "instant": is_table, "range": !is_table, "format": if is_table { "table" } else { "time_series" },
        })
    });
    let mut drawn = json!({
        "id": id,
        "type": panel.shape.name(),
        "title": panel.title,
        "description": panel.about,
        "datasource": source(),
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": panel.unit.name(), "min": 0}, "overrides": []},
        "targets": targets.collect::<Vec<Value>>(),
    });
    if panel.shape == crate::Shape::Row {
        // The panels below belong to it, and are shown.
        drawn["panels"] = json!([]);
        drawn["collapsed"] = json!(false);
    }
    drawn
}
