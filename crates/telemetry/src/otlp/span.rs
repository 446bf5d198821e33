//! One span: a name, a time from and to, and the trace it belongs to.
//!
//! Rule: ids of traces that several nodes know, such as that of a transaction, are made from what it is and not at random,
//! so that the spans of all nodes meet in one trace.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1 as wire;

/// Names a trace; not all zero.
pub type TraceId = [u8; 16];
/// Names a span within its trace; not all zero.
pub type SpanId = [u8; 8];

/// Most attributes of one span; further ones are left out.
pub const ATTRIBUTES_MAX: usize = 32;
/// Longest text of an attribute, characters; a longer one is cut.
pub const TEXT_CHARS_MAX: usize = 256;
/// Parts of a ratio.
const PPM: u64 = 1_000_000;

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq)]
pub enum Attribute {
    /// Text.
    Text(String),
    /// A whole number.
    Number(i64),
    /// Yes or no.
    Flag(bool),
}

impl From<&str> for Attribute {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<u64> for Attribute {
    fn from(number: u64) -> Self {
        Self::Number(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

/// One span that has ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// What was done.
    pub name: &'static str,
    /// The trace.
    pub trace: TraceId,
    /// The span.
    pub id: SpanId,
    /// The span within which it was done; none for the first of a trace.
    pub parent: Option<SpanId>,
    /// When it began, nanoseconds since the Unix epoch.
    pub start_ns: u64,
    /// When it ended, nanoseconds since the Unix epoch.
    pub end_ns: u64,
    /// What is known of it.
    pub attributes: Vec<(&'static str, Attribute)>,
}

/// Nanoseconds since the Unix epoch.
pub fn now_ns() -> u64 {
    nanoseconds(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// A time as nanoseconds.
pub fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// A new id of a span.
pub fn new_id() -> SpanId {
    let mut id = [0; 8];
    // Without randomness of the system the clock still tells spans of one process apart well enough.
    if getrandom::fill(&mut id).is_err() || id == [0; 8] {
        id = (now_ns() | 1).to_be_bytes();
    }
    id
}

/// A new id of a trace that only this node knows.
pub fn new_trace() -> TraceId {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&new_id());
    id[8..].copy_from_slice(&new_id());
    id
}

/// Whether a trace is among `ppm` of a million, by its id alone.
pub fn is_sampled(trace: &TraceId, ppm: u32) -> bool {
    let mut low = [0; 8];
    low.copy_from_slice(&trace[8..]);
    // Ids such as heights are not spread evenly: their bits are mixed first (SplitMix64).
    let mut mixed = u64::from_be_bytes(low).wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed ^ (mixed >> 31)) % PPM < u64::from(ppm)
}

pub(super) fn key_value(key: &str, value: &Attribute) -> KeyValue {
    let value = match value {
        Attribute::Text(text) => Value::StringValue(text.chars().take(TEXT_CHARS_MAX).collect()),
        Attribute::Number(number) => Value::IntValue(*number),
        Attribute::Flag(flag) => Value::BoolValue(*flag),
    };
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

impl From<Span> for wire::Span {
    fn from(span: Span) -> Self {
        Self {
            trace_id: span.trace.to_vec(),
            span_id: span.id.to_vec(),
            parent_span_id: span.parent.map(|parent| parent.to_vec()).unwrap_or_default(),
            name: span.name.to_owned(),
            kind: wire::span::SpanKind::Internal.into(),
            start_time_unix_nano: span.start_ns,
            end_time_unix_nano: span.end_ns.max(span.start_ns),
            attributes: span.attributes.iter().take(ATTRIBUTES_MAX).map(|(key, value)| key_value(key, value)).collect(),
            ..Self::default()
        }
    }
}
