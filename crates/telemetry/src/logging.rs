//! Logs to standard error: lines for people, or one JSON object per line for machines.
//!
//! ```text
//! {"timestamp":"…","level":"INFO","target":"node::start","message":"…","height":12,"spans":[{"name":"…","fields":"…"}]}
//! ```
//!
//! Rules
//! - A field whose name says that it is a secret ([`SECRET_WORDS`]) is written as `[hidden]`, in both formats and in
//!   spans. It is a second net: secrets have types without a text form.
//! - Text from outside may be in a value: control characters are written as escapes, so it cannot start a line of its
//!   own or steer a terminal.
//! - Standard output stays free for the answers of commands.
//! - A filter is a level, or levels by module, such as `info,consensus=debug`. It can be changed while the process runs.

use std::fmt;
use std::io;
use std::sync::OnceLock;

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::field::{RecordFields, VisitOutput};
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormattedFields, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::reload;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use crate::otlp;

/// A field is hidden when its name holds one of these words.
pub const SECRET_WORDS: &[&str] =
    &["secret", "password", "passphrase", "mnemonic", "seed_phrase", "private_key", "token", "authorization"];

/// What stands in the place of a secret.
pub const HIDDEN: &str = "[hidden]";

/// Names the JSON format uses itself; a field with one of them is written with `field_` before it.
const RESERVED: &[&str] = &["timestamp", "level", "target", "spans"];

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// Lines for people.
    #[default]
    Human,
    /// One JSON object per line.
    Json,
}

/// What to log and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// How lines look.
    pub format: Format,
    /// A level, or levels by module.
    pub filter: String,
    /// Colours in lines for people; the caller knows whether standard error is a terminal.
    pub colour: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { format: Format::Human, filter: "info".to_owned(), colour: false }
    }
}

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    /// The filter cannot be read.
    #[error(
        "the log filter `{filter}` cannot be read ({reason}); use a level (error, warn, info, debug, trace) or levels by module such as `info,consensus=debug`"
    )]
    Filter {
        /// What was given.
        filter: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Logging was not set up, or it has ended.
    #[error("logging is not set up in this process; set it up before its filter is changed")]
    NotSet,
    /// Logging was set up before in this process.
    #[error("logging is already set up in this process; call it once, at the start")]
    AlreadySet,
}

/// Sets up logging of this process to standard error.
///
/// # Errors
/// [`LoggingError`]; nothing was set up then.
pub fn init(settings: &Settings) -> Result<(), LoggingError> {
    let (subscriber, filter) = subscriber(settings, io::stderr)?;
    tracing::subscriber::set_global_default(subscriber).map_err(|_| LoggingError::AlreadySet)?;
    FILTER.set(filter).map_err(|_| LoggingError::AlreadySet)
}

/// Changes what this process logs from now on.
///
/// # Errors
/// [`LoggingError`]; the old filter stays then.
pub fn set_filter(filter: &str) -> Result<(), LoggingError> {
    FILTER.get().ok_or(LoggingError::NotSet)?.set(filter)
}

/// The filter of this process.
static FILTER: OnceLock<Filter> = OnceLock::new();

/// The filter of a subscriber.
#[derive(Debug, Clone)]
pub struct Filter(reload::Handle<EnvFilter, Registry>);

impl Filter {
    /// Changes it.
    ///
    /// # Errors
    /// [`LoggingError`]; the old filter stays then.
    pub fn set(&self, filter: &str) -> Result<(), LoggingError> {
        self.0.reload(parse(filter)?).map_err(|_| LoggingError::NotSet)
    }
}

fn parse(filter: &str) -> Result<EnvFilter, LoggingError> {
    EnvFilter::builder()
        .parse(filter)
        .map_err(|error| LoggingError::Filter { filter: filter.to_owned(), reason: error.to_string() })
}

/// A subscriber and its filter.
pub type Subscribed = (Box<dyn Subscriber + Send + Sync>, Filter);

/// The subscriber that [`init`] sets, writing to `writer`.
///
/// # Errors
/// [`LoggingError::Filter`].
pub fn subscriber<W>(settings: &Settings, writer: W) -> Result<Subscribed, LoggingError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let (filter, handle) = reload::Layer::new(parse(&settings.filter)?);
    let layer = tracing_subscriber::fmt::layer().with_writer(writer).fmt_fields(HidingFields);
    // The filter is that of the log alone: what is exported has its own.
    let subscriber: Box<dyn Subscriber + Send + Sync> = match settings.format {
        Format::Human => {
            let layer = layer.with_ansi(settings.colour).with_filter(filter);
            let (spans, wanted) = otlp::layer::layer();
            Box::new(Registry::default().with(layer).with(spans.with_filter(wanted)))
        }
        Format::Json => {
            let layer = layer.with_ansi(false).event_format(JsonLines).with_filter(filter);
            let (spans, wanted) = otlp::layer::layer();
            Box::new(Registry::default().with(layer).with(spans.with_filter(wanted)))
        }
    };
    Ok((subscriber, Filter(handle)))
}

/// Whether a field's name says that its value is a secret.
pub(crate) fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_WORDS.iter().any(|word| name.contains(word))
}

/// The text of a value with its control characters escaped.
fn printable(value: fmt::Arguments<'_>) -> String {
    let text = value.to_string();
    if !text.contains(char::is_control) {
        return text;
    }
    text.chars().fold(String::with_capacity(text.len()), |mut line, character| {
        if character.is_control() {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
        line
    })
}

/// Writes `message name=value …` and hides secrets.
#[derive(Debug, Clone, Copy)]
struct HidingFields;

impl<'w> FormatFields<'w> for HidingFields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'w>, fields: R) -> fmt::Result {
        let mut visitor = TextVisitor { writer, is_first: true, result: Ok(()) };
        fields.record(&mut visitor);
        visitor.finish()
    }
}

struct TextVisitor<'w> {
    writer: Writer<'w>,
    is_first: bool,
    result: fmt::Result,
}

impl TextVisitor<'_> {
    fn write(&mut self, name: &str, value: fmt::Arguments<'_>) {
        let space = if self.is_first { "" } else { " " };
        self.is_first = false;
        let written = if is_secret(name) {
            write!(self.writer, "{space}{name}={HIDDEN}")
        } else if name == "message" {
            write!(self.writer, "{space}{}", printable(value))
        } else {
            write!(self.writer, "{space}{name}={}", printable(value))
        };
        self.result = self.result.and(written);
    }
}

impl Visit for TextVisitor<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.write("message", format_args!("{value}"));
        } else {
            self.write(field.name(), format_args!("{value:?}"));
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.write(field.name(), format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.write(field.name(), format_args!("{value:?}"));
    }
}

impl VisitOutput<fmt::Result> for TextVisitor<'_> {
    fn finish(self) -> fmt::Result {
        self.result
    }
}

/// One JSON object per event.
#[derive(Debug, Clone, Copy)]
struct JsonLines;

impl<S> FormatEvent<S, HidingFields> for JsonLines
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, HidingFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut timestamp = String::new();
        SystemTime.format_time(&mut Writer::new(&mut timestamp))?;
        let mut line = Map::new();
        line.insert("timestamp".to_owned(), timestamp.into());
        line.insert("level".to_owned(), event.metadata().level().as_str().into());
        line.insert("target".to_owned(), event.metadata().target().into());
        event.record(&mut JsonVisitor(&mut line));
        let spans: Vec<Value> = context
            .event_scope()
            .into_iter()
            .flat_map(|scope| scope.from_root())
            .map(|span| {
                let extensions = span.extensions();
                let fields = extensions.get::<FormattedFields<HidingFields>>().map_or("", |fields| fields.as_str());
                serde_json::json!({ "name": span.name(), "fields": fields })
            })
            .collect();
        if !spans.is_empty() {
            line.insert("spans".to_owned(), spans.into());
        }
        writeln!(writer, "{}", Value::Object(line))
    }
}

struct JsonVisitor<'m>(&'m mut Map<String, Value>);

impl JsonVisitor<'_> {
    fn insert(&mut self, field: &Field, value: Value) {
        let name = field.name();
        let key = if RESERVED.contains(&name) { format!("field_{name}") } else { name.to_owned() };
        let value = if is_secret(name) { HIDDEN.into() } else { value };
        self.0.insert(key, value);
    }
}

impl Visit for JsonVisitor<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.insert(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.insert(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.insert(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.insert(field, value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.insert(field, value.into());
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.insert(field, value.to_string().into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.insert(field, format!("{value:?}").into());
    }
}
