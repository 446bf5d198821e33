//! Both formats, the filter, and that secrets stay hidden.

use std::io;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tracing::{debug, error, info, info_span};
use tracing_subscriber::fmt::MakeWriter;

use crate::logging::{Format, HIDDEN, LoggingError, Settings, subscriber};

/// Collects what is written.
#[derive(Clone, Default)]
pub(super) struct Sink(Arc<Mutex<Vec<u8>>>);

impl Sink {
    /// What was written so far.
    pub(super) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for Sink {
    type Writer = Self;
    fn make_writer(&'w self) -> Self {
        self.clone()
    }
}

fn logged(format: Format, filter: &str, work: impl FnOnce()) -> String {
    let sink = Sink::default();
    let settings = Settings { format, filter: filter.to_owned(), colour: false };
    let (subscriber, _) = subscriber(&settings, sink.clone()).unwrap();
    tracing::subscriber::with_default(subscriber, work);
    let bytes = sink.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

fn tell() {
    let span = info_span!("commit", height = 12, api_token = "t0p");
    let _entered = span.enter();
    info!(transaction = "ab12", count = 3, ready = true, ratio = 0.5, password = "hunter2", "block \"is\" durable");
    debug!("too quiet");
}

#[test]
fn a_json_line_is_one_object_with_typed_fields_and_spans() {
    let text = logged(Format::Json, "info", tell);
    assert_eq!(text.lines().count(), 1, "{text}");
    let line: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(line["level"], "INFO");
    assert_eq!(line["target"], "telemetry::tests::logging");
    assert_eq!(line["message"], "block \"is\" durable");
    assert_eq!(line["transaction"], "ab12");
    assert_eq!((&line["count"], &line["ready"], &line["ratio"]), (&3.into(), &true.into(), &0.5.into()));
    assert_eq!(line["spans"][0]["name"], "commit");
    assert_eq!(line["spans"][0]["fields"], format!("height=12 api_token={HIDDEN}"));
    assert_eq!(line["password"], HIDDEN);
    assert!(line["timestamp"].as_str().unwrap().ends_with('Z'), "{text}");
}

#[test]
fn a_field_cannot_overwrite_what_the_format_says_itself() {
    let text = logged(Format::Json, "info", || info!(level = "fatal", spans = 1, "x"));
    let line: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&line["level"], &line["field_level"]), (&"INFO".into(), &"fatal".into()));
    assert_eq!((line.get("spans"), &line["field_spans"]), (None, &1.into()));
}

#[test]
fn a_line_for_people_holds_level_span_message_and_fields() {
    let text = logged(Format::Human, "info", tell);
    assert_eq!(text.lines().count(), 1, "{text}");
    for piece in [" INFO ", "commit{height=12", "block \"is\" durable", "transaction=\"ab12\"", "count=3"] {
        assert!(text.contains(piece), "{piece} is missing in {text}");
    }
}

#[test]
fn secrets_are_hidden_in_both_formats_and_in_spans() {
    for format in [Format::Human, Format::Json] {
        let text = logged(format, "trace", || {
            tell();
            error!(Mnemonic_Words = ?["abandon", "ability"], auth_token = "tok123", private_key = 123_456_789, "no");
        });
        for secret in ["hunter2", "t0p", "abandon", "tok123", "123456789"] {
            assert!(!text.contains(secret), "{secret} is in {text}");
        }
        assert_eq!(text.matches(HIDDEN).count(), 6, "{text}");
    }
}

#[test]
fn the_filter_works_by_level_and_by_module() {
    assert_eq!(logged(Format::Human, "warn", tell), "");
    assert_eq!(logged(Format::Human, "debug", tell).lines().count(), 2);
    assert_eq!(logged(Format::Human, "info,telemetry=error", tell), "");
    assert_eq!(logged(Format::Human, "error,telemetry::tests=debug", tell).lines().count(), 2);
}

#[test]
fn a_filter_that_cannot_be_read_is_refused_with_an_example() {
    for filter in ["info,consensus=loud", "=", "a=b=c"] {
        let settings = Settings { filter: filter.to_owned(), ..Settings::default() };
        let error = subscriber(&settings, io::sink).err().unwrap_or_else(|| panic!("{filter} was taken"));
        assert!(matches!(error, LoggingError::Filter { .. }));
        let text = error.to_string();
        assert!(text.contains(filter) && text.contains("info,consensus=debug"), "{text}");
    }
}

#[test]
fn text_from_outside_cannot_forge_a_line_or_steer_a_terminal() {
    let hostile = "ok\n2026-01-01 ERROR forged\u{1b}[2J\u{9b}2J";
    for format in [Format::Human, Format::Json] {
        let text = logged(format, "info", || info!(agent = %hostile, named = hostile, "{hostile}"));
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(!text.contains('\u{1b}') && text.contains("forged"), "{text}");
        assert!(format == Format::Json || !text.contains('\u{9b}'), "{text}");
    }
}

#[test]
fn a_filter_is_changed_while_lines_are_written_and_a_bad_one_leaves_it() {
    let sink = Sink::default();
    let settings = Settings { filter: "warn".to_owned(), ..Settings::default() };
    let (subscriber, filter) = subscriber(&settings, sink.clone()).unwrap();
    let lines = || sink.0.lock().unwrap().iter().filter(|byte| **byte == b'\n').count();
    tracing::subscriber::with_default(subscriber, || {
        tell();
        assert_eq!(lines(), 0);
        filter.set("debug").unwrap();
        tell();
        assert_eq!(lines(), 2);
        assert!(matches!(filter.set("info,consensus=loud"), Err(LoggingError::Filter { .. })));
        tell();
        assert_eq!(lines(), 4, "the old filter stays");
        filter.set("error").unwrap();
        tell();
        assert_eq!(lines(), 4);
    });
    assert!(matches!(filter.set("info"), Err(LoggingError::NotSet)), "its subscriber is gone");
}
