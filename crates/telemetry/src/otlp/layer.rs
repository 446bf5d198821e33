//! Spans that the program makes with `tracing`, as spans for collectors.
//!
//! Rules
//! - Only spans of our own targets ([`TARGETS`]) at level info and above; those of libraries stay in the process.
//! - Without an exporter nothing is kept of a span.
//! - Fields become attributes; those whose name says that they are secret are left out.

use std::fmt;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{DynFilterFn, LevelFilter, dynamic_filter_fn};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::span::{self, Attribute, Span, SpanId, TraceId};
use super::{Exporter, installed};
use crate::logging::is_secret;

/// Beginnings of the targets whose spans are exported.
pub const TARGETS: [&str; 2] = ["node", "trace"];

/// Whether the layer looks at this.
fn is_wanted(metadata: &Metadata<'_>) -> bool {
    metadata.is_span()
        && *metadata.level() <= Level::INFO
        && TARGETS.iter().any(|target| metadata.target().starts_with(target))
}

/// Who takes the spans of a layer.
type Taker = fn() -> Option<&'static Exporter>;
/// The filter of a layer.
pub type Wanted<S> = DynFilterFn<S, fn(&Metadata<'_>, &Context<'_, S>) -> bool>;

/// The layer.
#[derive(Debug, Clone, Copy)]
pub struct SpanLayer {
    taker: Taker,
}

/// The layer of this process and its filter: what the program makes goes to the exporter that is installed.
pub fn layer<S: Subscriber + for<'a> LookupSpan<'a>>() -> (SpanLayer, Wanted<S>) {
    let wanted: fn(&Metadata<'_>, &Context<'_, S>) -> bool = |metadata, _| is_wanted(metadata) && installed().is_some();
    // The answer changes once an exporter is installed, so it must not be remembered for a place in the program.
    (SpanLayer { taker: installed }, dynamic_filter_fn(wanted).with_max_level_hint(LevelFilter::INFO))
}

/// A span that has begun.
struct Open {
    trace: TraceId,
    id: SpanId,
    parent: Option<SpanId>,
    start_ns: u64,
    attributes: Vec<(&'static str, Attribute)>,
    is_sampled: bool,
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for SpanLayer {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(exporter) = (self.taker)() else { return };
        let Some(span) = context.span(id) else { return };
        let above = span
            .parent()
            .and_then(|parent| parent.extensions().get::<Open>().map(|open| (open.trace, open.id, open.is_sampled)));
        let (trace, parent, is_sampled) = match above {
            Some((trace, parent, is_sampled)) => (trace, Some(parent), is_sampled),
            None => {
                let trace = span::new_trace();
                (trace, None, exporter.is_sampled(&trace))
            }
        };
        let id = if is_sampled { span::new_id() } else { SpanId::default() };
        let mut open = Open { trace, id, parent, start_ns: span::now_ns(), attributes: Vec::new(), is_sampled };
        if is_sampled {
            attributes.record(&mut Fields(&mut open.attributes));
        }
        span.extensions_mut().insert(open);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(open) = span.extensions_mut().get_mut::<Open>().filter(|open| open.is_sampled) {
            values.record(&mut Fields(&mut open.attributes));
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let (Some(exporter), Some(span)) = ((self.taker)(), context.span(&id)) else { return };
        let open = span.extensions_mut().remove::<Open>();
        let Some(open) = open.filter(|open| open.is_sampled) else { return };
        exporter.record(Span {
            name: span.name(),
            trace: open.trace,
            id: open.id,
            parent: open.parent,
            start_ns: open.start_ns,
            end_ns: span::now_ns(),
            attributes: open.attributes,
        });
    }
}

struct Fields<'o>(&'o mut Vec<(&'static str, Attribute)>);

impl Fields<'_> {
    fn put(&mut self, field: &Field, value: Attribute) {
        if !is_secret(field.name()) && self.0.len() < span::ATTRIBUTES_MAX {
            self.0.push((field.name(), value));
        }
    }
}

impl Visit for Fields<'_> {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, Attribute::Number(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, Attribute::Flag(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, Attribute::Text(format!("{value:?}")));
    }
}
