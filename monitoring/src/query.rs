//! Reads an expression of Prometheus with the metric catalogue at hand.
//!
//! What is refused, besides what does not parse:
//! - a series that no node serves, no recording rule makes, and Prometheus does not make itself;
//! - a label that the series does not have, in a matcher, in `by`, in `on`;
//! - a value that a label with a closed list never has;
//! - `rate` and its like of a gauge, `delta` and its like of a counter;
//! - `histogram_quantile` of something without the label `le`.
//!
//! [`labels`] also says which labels the result has, so that a summary or a drill names no other.

use std::collections::BTreeSet;

use promql_parser::label::{MatchOp, Matchers};
use promql_parser::parser::value::ValueType;
use promql_parser::parser::{
    AggregateExpr, BinaryExpr, Call, Expr, LabelModifier, VectorMatchCardinality, VectorSelector,
};
use telemetry::{Kind, catalogue};

use crate::alerts::{JOB, RECORDINGS};

/// Labels that Prometheus puts on every series of a target.
const TARGET: [&str; 2] = ["instance", "job"];
/// Functions that read rises of a counter.
const OF_COUNTERS: [&str; 3] = ["rate", "irate", "increase"];
/// Functions that read changes of a gauge.
const OF_GAUGES: [&str; 4] = ["delta", "idelta", "deriv", "predict_linear"];

/// Series that Prometheus makes itself, and their labels.
const OF_PROMETHEUS: &[(&str, &[&str])] =
    &[("up", &[]), ("ALERTS", &["alertname", "alertstate", "severity", "area", "queue", "reason"])];

/// Why an expression is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// It does not parse.
    #[error("it does not parse: {0}")]
    Syntax(String),
    /// A selector names no series.
    #[error("a selector without the name of a series")]
    Nameless,
    /// A series that does not exist.
    #[error("no node serves `{0}`; docs/metrics.md has the series")]
    UnknownSeries(String),
    /// A label that the operand does not have.
    #[error("`{place}` has no label `{label}`")]
    UnknownLabel {
        /// The series or operation.
        place: String,
        /// The label.
        label: String,
    },
    /// A value that the label never has.
    #[error("the label `{label}` of `{series}` is never `{value}`")]
    UnknownValue {
        /// The series.
        series: String,
        /// The label.
        label: String,
        /// The value.
        value: String,
    },
    /// A function of another kind of series.
    #[error("`{function}` of `{series}`, which is a {kind}")]
    WrongKind {
        /// The function.
        function: &'static str,
        /// The series.
        series: String,
        /// What the series is.
        kind: &'static str,
    },
}

/// Names of labels.
pub type LabelNames = BTreeSet<String>;

/// What is known about a series.
struct Known {
    labels: LabelNames,
    kind: Kind,
}

fn owned(names: &[&str]) -> LabelNames {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn known(name: &str) -> Result<Known, QueryError> {
    if let Some(series) = catalogue::find_series(name) {
        let mut labels = owned(series.metric.labels);
        labels.extend(owned(&TARGET));
        if series.has_bound {
            labels.insert("le".to_owned());
        }
        return Ok(Known { labels, kind: series.kind });
    }
    if let Some(recording) = RECORDINGS.iter().find(|recording| recording.name == name) {
        return Ok(Known { labels: labels(recording.expr)?, kind: Kind::Gauge });
    }
    let own = OF_PROMETHEUS.iter().find(|(own, _)| *own == name);
    let (_, more) = own.ok_or_else(|| QueryError::UnknownSeries(name.to_owned()))?;
    let mut labels = owned(more);
    labels.extend(owned(&TARGET));
    Ok(Known { labels, kind: Kind::Gauge })
}

/// Parses an expression.
///
/// # Errors
/// [`QueryError::Syntax`].
pub fn parse(expr: &str) -> Result<Expr, QueryError> {
    promql_parser::parser::parse(expr).map_err(QueryError::Syntax)
}

/// Checks an expression and returns the labels that its result can have.
///
/// # Errors
/// The first fault.
pub fn labels(expr: &str) -> Result<LabelNames, QueryError> {
    result(&parse(expr)?)
}

/// The names of all series that an expression reads.
///
/// # Errors
/// [`QueryError::Syntax`].
pub fn series(expr: &str) -> Result<BTreeSet<String>, QueryError> {
    Ok(read_by(&parse(expr)?).iter().filter_map(|selector| selector.name.clone()).collect())
}

/// The same with the labels that it asks for, as `name{label="value"}`; without those of the target, which say nothing about
/// what is read.
///
/// # Errors
/// [`QueryError::Syntax`].
pub fn selectors(expr: &str) -> Result<BTreeSet<String>, QueryError> {
    let parsed = parse(expr)?;
    let text = |selector: &&VectorSelector| {
        let own = selector.matchers.matchers.iter().filter(|matcher| !TARGET.contains(&matcher.name.as_str()));
        let mut labels: Vec<String> = own.map(ToString::to_string).collect();
        labels.sort();
        let name = selector.name.as_deref().unwrap_or_default();
        if labels.is_empty() { name.to_owned() } else { format!("{name}{{{}}}", labels.join(",")) }
    };
    Ok(read_by(&parsed).iter().map(text).collect())
}

/// Every selector of an expression.
fn read_by(expr: &Expr) -> Vec<&VectorSelector> {
    match expr {
        Expr::Aggregate(aggregate) => read_by(&aggregate.expr),
        Expr::Unary(unary) => read_by(&unary.expr),
        Expr::Binary(binary) => [read_by(&binary.lhs), read_by(&binary.rhs)].concat(),
        Expr::Paren(paren) => read_by(&paren.expr),
        Expr::Subquery(subquery) => read_by(&subquery.expr),
        Expr::VectorSelector(selector) => vec![selector],
        Expr::MatrixSelector(matrix) => vec![&matrix.vs],
        Expr::Call(call) => call.args.args.iter().flat_map(|argument| read_by(argument)).collect(),
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => Vec::new(),
    }
}

fn result(expr: &Expr) -> Result<LabelNames, QueryError> {
    match expr {
        Expr::Aggregate(aggregate) => of_aggregate(aggregate),
        Expr::Unary(unary) => result(&unary.expr),
        Expr::Binary(binary) => of_binary(binary),
        Expr::Paren(paren) => result(&paren.expr),
        Expr::Subquery(subquery) => result(&subquery.expr),
        Expr::VectorSelector(selector) => of_selector(selector).map(|(_, known)| known.labels),
        Expr::MatrixSelector(matrix) => of_selector(&matrix.vs).map(|(_, known)| known.labels),
        Expr::Call(call) => of_call(call),
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => Ok(LabelNames::new()),
    }
}

fn of_selector(selector: &VectorSelector) -> Result<(&str, Known), QueryError> {
    let name = selector.name.as_deref().ok_or(QueryError::Nameless)?;
    let known = known(name)?;
    matchers(name, &known, &selector.matchers)?;
    Ok((name, known))
}

fn matchers(name: &str, known: &Known, matchers: &Matchers) -> Result<(), QueryError> {
    for matcher in matchers.matchers.iter().chain(matchers.or_matchers.iter().flatten()) {
        must_have(name, &known.labels, &matcher.name)?;
        let exact = matches!(matcher.op, MatchOp::Equal | MatchOp::NotEqual);
        let values = catalogue::find_series(name).and_then(|series| {
            let place = series.metric.labels.iter().position(|label| *label == matcher.name)?;
            series.metric.values.get(place)
        });
        let never = match values {
            Some(values) => exact && !values.contains(&matcher.value.as_str()),
            None => exact && matcher.name == "job" && matcher.value != JOB,
        };
        if never {
            let (series, label, value) = (name.to_owned(), matcher.name.clone(), matcher.value.clone());
            return Err(QueryError::UnknownValue { series, label, value });
        }
    }
    Ok(())
}

fn must_have(place: &str, labels: &LabelNames, label: &str) -> Result<(), QueryError> {
    if labels.contains(label) {
        return Ok(());
    }
    Err(QueryError::UnknownLabel { place: place.to_owned(), label: label.to_owned() })
}

fn of_call(call: &Call) -> Result<LabelNames, QueryError> {
    let function = call.func.name;
    let mut labels = LabelNames::new();
    for argument in &call.args.args {
        labels.extend(result(argument)?);
        if let Expr::MatrixSelector(matrix) = argument.as_ref() {
            let (series, known) = of_selector(&matrix.vs)?;
            let counts = known.kind == Kind::Counter;
            let wrong = (OF_COUNTERS.contains(&function) && !counts) || (OF_GAUGES.contains(&function) && counts);
            if wrong {
                let (series, kind) = (series.to_owned(), known.kind.name());
                return Err(QueryError::WrongKind { function, series, kind });
            }
        }
    }
    if function == "histogram_quantile" {
        must_have(function, &labels, "le")?;
        labels.remove("le");
    }
    if function.starts_with("absent") {
        labels = owned(&["job"]);
    }
    Ok(labels)
}

fn of_aggregate(aggregate: &AggregateExpr) -> Result<LabelNames, QueryError> {
    let inner = result(&aggregate.expr)?;
    match &aggregate.modifier {
        None => Ok(LabelNames::new()),
        Some(LabelModifier::Include(by)) => {
            for label in &by.labels {
                must_have("by", &inner, label)?;
            }
            Ok(by.labels.iter().cloned().collect())
        }
        Some(LabelModifier::Exclude(without)) => {
            for label in &without.labels {
                must_have("without", &inner, label)?;
            }
            Ok(inner.into_iter().filter(|label| !without.labels.contains(label)).collect())
        }
    }
}

fn of_binary(binary: &BinaryExpr) -> Result<LabelNames, QueryError> {
    let (left, right) = (result(&binary.lhs)?, result(&binary.rhs)?);
    if binary.lhs.value_type() == ValueType::Scalar {
        return Ok(right);
    }
    let Some(modifier) = &binary.modifier else { return Ok(left) };
    if let Some(LabelModifier::Include(on)) = &modifier.matching {
        for label in &on.labels {
            must_have("on", &left, label)?;
            must_have("on", &right, label)?;
        }
    }
    Ok(match &modifier.card {
        VectorMatchCardinality::OneToMany(more) => right.into_iter().chain(more.labels.iter().cloned()).collect(),
        VectorMatchCardinality::ManyToOne(more) => left.into_iter().chain(more.labels.iter().cloned()).collect(),
        VectorMatchCardinality::OneToOne | VectorMatchCardinality::ManyToMany => left,
    })
}
