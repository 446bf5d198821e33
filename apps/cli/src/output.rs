//! What a command prints: results on stdout, talk on stderr.
//!
//! Rules
//! - With `--json` stdout holds JSON and nothing else: one object for a command that ends, one object per line for
//!   a command that keeps running.
//! - Progress, warnings and questions go to stderr, so that a pipe never sees them.
//! - A reader that goes away (`tb … | head`) is no error.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

pub use rpc::display::{blocks, count, duration_ms, time};
use serde::Serialize;

use crate::exit::Failure;

/// Where and how a command prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Output {
    json: bool,
}

impl Output {
    /// For people, or with `json` for programs.
    pub const fn new(json: bool) -> Self {
        Self { json }
    }

    /// True when stdout is for programs.
    pub const fn is_json(self) -> bool {
        self.json
    }

    /// Prints the result of the command: `value` as JSON, or what `human` makes of it.
    pub fn result<T: Serialize>(self, value: &T, human: impl FnOnce() -> String) {
        let text = if self.json {
            serde_json::to_string_pretty(value).expect("results hold only text, numbers and string keys")
        } else {
            human()
        };
        print_line(&text);
    }

    /// Prints one event of a command that keeps running: one line of JSON, or what `human` makes of it.
    pub fn event<T: Serialize>(self, value: &T, human: impl FnOnce() -> String) {
        let text = if self.json {
            serde_json::to_string(value).expect("events hold only text, numbers and string keys")
        } else {
            human()
        };
        print_line(&text);
    }

    /// Prints text as it is, also with `--json`: for results that are files themselves.
    pub fn raw(self, text: &str) {
        print_line(text.trim_end_matches('\n'));
    }

    /// Says something to a person.
    pub fn talk(self, text: impl Display) {
        // Nobody to talk to is fine.
        let _ = writeln!(io::stderr().lock(), "{text}");
    }

    /// Says how the command failed.
    pub fn failure(self, failure: &Failure) {
        if self.json {
            print_line(&failure.to_json());
        } else {
            self.talk(failure.to_text());
        }
    }

    /// True when a person watches stderr and a line may be drawn over.
    pub fn is_watched(self) -> bool {
        !self.json && io::stderr().is_terminal()
    }
}

fn print_line(text: &str) {
    // A closed pipe is the reader's choice.
    let _ = writeln!(io::stdout().lock(), "{text}");
}

/// Rows of `(label, value)` with the values in one column.
pub fn fields(rows: &[(&str, String)]) -> String {
    let width = rows.iter().map(|(label, _)| label.chars().count()).max().unwrap_or(0);
    rows.iter().map(|(label, value)| format!("{label:<width$}  {value}")).collect::<Vec<_>>().join("\n")
}

/// A table with one line per row and columns as wide as their widest cell; the last one is not padded.
pub fn table<const N: usize>(header: [&str; N], rows: &[[String; N]]) -> String {
    let mut widths = header.map(|cell| cell.chars().count());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: [&str; N]| {
        let padded = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let mut lines = vec![line(header)];
    lines.extend(rows.iter().map(|row| line(row.each_ref().map(String::as_str))));
    lines.join("\n")
}
