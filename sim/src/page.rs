//! A report as a page: one HTML file with its picture inside, which opens without a server and without scripts.
//!
//! Model: text in, text out. Everything that comes from a plan or a report is escaped.
//!
//! Read next: `page/picture.rs` for the timeline.

mod picture;

use std::collections::BTreeMap;

use crate::report::Report;
use crate::summary::Summary;
use crate::timeline::Timeline;

const STYLE: &str = include_str!("page/style.css");

/// The page of one run.
pub fn of_run(name: &str, report: &Report, timeline: &Timeline) -> String {
    let mut body = head(name, &report.verdict.to_string(), report.is_expected(), &report.trace_hash);
    if let Some(detail) = &report.detail {
        body.push_str(&format!("<p class=\"detail\">{}</p>\n", escape(detail)));
    }
    let unmet: String = report.unmet.iter().map(|text| format!("<li>{}</li>", escape(text))).collect();
    if !unmet.is_empty() {
        body.push_str(&format!("<ul class=\"detail\">{unmet}</ul>\n"));
    }
    body.push_str(&cards(&[
        ("validators", report.validators.to_string(), report.topology.replace('_', " ")),
        ("heights", report.height.to_string(), format!("{} after the last fault", report.calm_heights)),
        ("virtual time", seconds(report.virtual_ms), format!("{} events", report.events)),
        ("resume", time(report.resume_ms), "last fault until all went on".to_owned()),
        (
            "propagation",
            time(report.propagation_p95_ms),
            format!("95 of 100; half {}", time(report.propagation_p50_ms)),
        ),
        ("highest round", report.round_max.to_string(), format!("{} transactions final", report.acknowledged)),
    ]));
    body.push_str("<h2>Timeline</h2>\n");
    body.push_str(&picture::timeline(timeline));
    body.push_str("<div class=\"columns\">\n");
    body.push_str(&faults(&report.faults, &report.fault_ms, &report.recovery_ms));
    body.push_str(&counts("Heights by round", ["round", "heights"], &by_round(&report.rounds)));
    body.push_str(&counts("Properties checked", ["property", "checks"], &report.properties));
    body.push_str(&counts("What else took effect", ["what", "count"], &report.effects));
    body.push_str(&dishonest(&report.dishonest, report.tamper_attempts, report.tamper_accepted, report.equivocations));
    body.push_str("</div>\n");
    shell(name, &body)
}

/// The page of a batch.
pub fn of_batch(name: &str, summary: &Summary) -> String {
    let passed = summary.passed == summary.seeds;
    let mut body = head(name, &summary.verdict, passed, &summary.trace_hash);
    let share = |count: u64| format!("{count} of {}", summary.seeds);
    body.push_str(&cards(&[
        ("runs as expected", share(summary.passed), format!("{} listed below", summary.failed.len())),
        ("virtual time", seconds(summary.virtual_ms), format!("{} runs of 60 s or more", summary.seeds_of_60_s)),
        ("heights", summary.heights.to_string(), format!("at least {} after a last fault", summary.calm_heights_min)),
        ("3 kinds of faults", share(summary.seeds_with_three_kinds), "runs in which they took effect".to_owned()),
        ("resume", time(summary.resume_ms), format!("the longest; 95 of 100 runs {}", time(summary.resume_p95_ms))),
        (
            "propagation",
            time(summary.propagation_p95_ms),
            format!("95 of 100; half {}", time(summary.propagation_p50_ms)),
        ),
    ]));
    if !summary.failed.is_empty() {
        let row = |report: &Report| {
            let detail = report.detail.clone().unwrap_or_else(|| report.unmet.join("; "));
            vec![report.seed.to_string(), report.verdict.to_string(), detail]
        };
        let rows: Vec<Vec<String>> = summary.failed.iter().map(row).collect();
        body.push_str(&table("Runs that are not as expected", &["seed", "verdict", "where"], &rows));
    }
    body.push_str("<div class=\"columns\">\n");
    body.push_str(&faults(&summary.faults, &summary.fault_ms, &summary.recovery_ms));
    body.push_str(&counts("Properties checked", ["property", "checks"], &summary.properties));
    body.push_str(&counts("Heights by round", ["round", "heights"], &by_round(&summary.rounds)));
    body.push_str(&dishonest(
        &summary.dishonest,
        summary.tamper_attempts,
        summary.tamper_accepted,
        summary.equivocations,
    ));
    body.push_str(&counts("What else took effect", ["what", "count"], &summary.effects));
    body.push_str(&counts("Networks", ["topology", "runs"], &summary.topologies));
    body.push_str("</div>\n");
    shell(name, &body)
}

fn shell(name: &str, body: &str) -> String {
    let title = escape(name);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
         content=\"width=device-width\">\n<title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n\
         {body}</main>\n</body>\n</html>\n"
    )
}

fn head(name: &str, verdict: &str, good: bool, hash: &str) -> String {
    let class = if good { "good" } else { "bad" };
    let (name, verdict) = (escape(name), escape(verdict));
    format!("<h1>{name} <span class=\"{class}\">{verdict}</span></h1>\n<p class=\"hash\">trace {}</p>\n", escape(hash))
}

fn cards(cards: &[(&str, String, String)]) -> String {
    let card = |(label, value, more): &(&str, String, String)| {
        format!("<div><b>{}</b><span>{}</span><small>{}</small></div>\n", escape(value), escape(label), escape(more))
    };
    format!("<div class=\"cards\">\n{}</div>\n", cards.iter().map(card).collect::<String>())
}

fn faults(count: &BTreeMap<String, u64>, ms: &BTreeMap<String, u64>, recovery: &BTreeMap<String, u64>) -> String {
    let row = |(kind, count): (&String, &u64)| {
        let ms = ms.get(kind).copied().unwrap_or(0);
        let recovery = recovery.get(kind).copied();
        vec![kind.replace('_', " "), count.to_string(), seconds(ms), time(recovery)]
    };
    let rows: Vec<Vec<String>> = count.iter().map(row).collect();
    table("Faults that took effect", &["kind", "count", "time in effect", "longest recovery"], &rows)
}

fn dishonest(kinds: &BTreeMap<String, u64>, attempts: u64, accepted: u64, equivocations: u64) -> String {
    let mut rows: Vec<Vec<String>> =
        kinds.iter().map(|(kind, count)| vec![kind.replace('_', " "), count.to_string()]).collect();
    rows.push(vec!["messages made up or damaged".to_owned(), attempts.to_string()]);
    rows.push(vec!["blocks made up and finalized".to_owned(), accepted.to_string()]);
    rows.push(vec!["double signatures reported".to_owned(), equivocations.to_string()]);
    table("Dishonest validators", &["what", "count"], &rows)
}

fn counts(title: &str, header: [&str; 2], map: &BTreeMap<String, u64>) -> String {
    let row = |(name, count): (&String, &u64)| vec![name.replace('_', " "), count.to_string()];
    table(title, &header, &map.iter().map(row).collect::<Vec<_>>())
}

fn by_round(rounds: &BTreeMap<u32, u64>) -> BTreeMap<String, u64> {
    // Two digits keep the order of numbers in a map of text.
    rounds.iter().map(|(round, count)| (format!("{round:>2}"), *count)).collect()
}

fn table(title: &str, header: &[&str], rows: &[Vec<String>]) -> String {
    let cells = |tag: &str, row: &[String]| {
        let cells: String = row.iter().map(|cell| format!("<{tag}>{}</{tag}>", escape(cell))).collect();
        format!("<tr>{cells}</tr>\n")
    };
    let header: Vec<String> = header.iter().map(|text| (*text).to_owned()).collect();
    let rows = if rows.is_empty() {
        format!("<tr><td colspan=\"{}\">none</td></tr>\n", header.len())
    } else {
        rows.iter().map(|row| cells("td", row)).collect()
    };
    format!("<section><h2>{}</h2>\n<table>\n{}{rows}</table></section>\n", escape(title), cells("th", &header))
}

/// Milliseconds for people.
fn time(ms: Option<u64>) -> String {
    match ms {
        None => "not known".to_owned(),
        Some(ms) if ms < 1_000 => format!("{ms} ms"),
        Some(ms) => seconds(ms),
    }
}

fn seconds(ms: u64) -> String {
    if ms < 120_000 {
        return format!("{}.{} s", ms / 1_000, ms % 1_000 / 100);
    }
    let minutes = ms / 60_000;
    if minutes < 120 {
        format!("{minutes} min {} s", ms / 1_000 % 60)
    } else {
        format!("{} h {} min", minutes / 60, minutes % 60)
    }
}

/// Text as it may stand in a page.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
    }
    escaped
}
