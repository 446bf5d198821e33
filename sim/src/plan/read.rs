//! Scenario files: TOML and RON of the same types.
//!
//! Rule: what is not known is refused, with the nearest word that is. Both readers list the words that they would
//! have taken; the nearest one is chosen by edit distance.

use std::path::Path;

use ron::Options;
use ron::extensions::Extensions;

use super::Plan;
use super::check::PlanError;

/// Words with more edits than this between them are not mistaken for each other.
const EDITS_MAX: usize = 3;

/// How a scenario file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// TOML.
    Toml,
    /// Rusty Object Notation.
    Ron,
}

impl Format {
    /// The format of a file, by the ending of its name.
    ///
    /// # Errors
    /// [`PlanError::Format`] for any other ending.
    pub fn of_path(path: &Path) -> Result<Self, PlanError> {
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("toml") => Ok(Self::Toml),
            Some("ron") => Ok(Self::Ron),
            _ => Err(PlanError::Format(path.display().to_string())),
        }
    }
}

impl Plan {
    /// Reads a scenario.
    ///
    /// # Errors
    /// [`PlanError`].
    pub fn read(text: &str, format: Format) -> Result<Self, PlanError> {
        match format {
            Format::Toml => Self::from_toml(text),
            Format::Ron => Self::from_ron(text),
        }
    }

    /// Reads a scenario in TOML.
    ///
    /// # Errors
    /// [`PlanError`].
    pub fn from_toml(text: &str) -> Result<Self, PlanError> {
        let plan: Self = toml::from_str(text).map_err(|error| {
            let line = error.span().map(|span| 1 + text[..span.start].matches('\n').count());
            refused(error.message(), line)
        })?;
        plan.check()?;
        Ok(plan)
    }

    /// The scenario file that is this plan.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("a plan has text keys and plain values")
    }

    /// Reads a scenario in RON. Values that may be absent are written without `Some`.
    ///
    /// # Errors
    /// [`PlanError`].
    pub fn from_ron(text: &str) -> Result<Self, PlanError> {
        let options = Options::default().with_default_extension(Extensions::IMPLICIT_SOME);
        let plan: Self = options.from_str(text).map_err(|error| {
            let line = Some(error.span.start.line);
            match error.code {
                ron::Error::NoSuchStructField { expected, found, .. }
                | ron::Error::NoSuchEnumVariant { expected, found, .. } => unknown(&found, expected, line),
                other => refused(&other.to_string(), line),
            }
        })?;
        plan.check()?;
        Ok(plan)
    }
}

fn place(line: Option<usize>) -> String {
    line.map_or_else(String::new, |line| format!(" in line {line}"))
}

/// The error of a reader. Those of serde put the unknown word first and the known ones after it, each in backticks.
fn refused(message: &str, line: Option<usize>) -> PlanError {
    let is_unknown = message.starts_with("unknown field") || message.starts_with("unknown variant");
    let mut words = message.split('`').skip(1).step_by(2);
    match words.next().filter(|_| is_unknown) {
        Some(word) => unknown(word, &words.collect::<Vec<_>>(), line),
        None => PlanError::Read(format!("{message}{}", place(line))),
    }
}

fn unknown(word: &str, known: &[&str], line: Option<usize>) -> PlanError {
    PlanError::Unknown { unknown: word.to_owned(), place: place(line), hint: nearest(word, known) }
}

/// What an unknown word may have meant.
pub(super) fn nearest(word: &str, known: &[&str]) -> String {
    let nearest = known
        .iter()
        .map(|known| (strsim::damerau_levenshtein(word, known), *known))
        .filter(|(edits, known)| *edits <= EDITS_MAX.min(known.len() / 2))
        .min();
    let all = known.join(", ");
    match nearest {
        Some((_, nearest)) => format!("did you mean {nearest}? Known here: {all}"),
        None => format!("use one of {all}"),
    }
}
