//! What one entry of the table of keys holds, and how entries are written.
//!
//! Read next: [`super::KEYS`].

use crate::value::Kind;

/// One key of the configuration.
#[derive(Debug, PartialEq, Eq)]
pub struct Key {
    /// Its name; the part before the last `.` is the table in TOML.
    pub name: &'static str,
    /// Other names that mean the same.
    pub aliases: &'static [&'static str],
    /// Its names in the environment, the strongest first.
    pub environment: &'static [&'static str],
    /// What it takes.
    pub kind: Kind,
    /// Its value when no source sets it, as text.
    pub default: Option<&'static str>,
    /// What the default means where there is none.
    pub unset: &'static str,
    /// A value other than the default.
    pub example: &'static str,
    /// Unit of the value; empty where it has none.
    pub unit: &'static str,
    /// What it does, in one or two sentences.
    pub help: &'static str,
    /// Whether a change takes effect in a running node; otherwise at its next start.
    pub live: bool,
}

impl Key {
    /// Whether the value is never shown.
    pub fn is_secret(&self) -> bool {
        self.kind == Kind::Secret
    }

    /// What the key takes, with its unit and its default, in words that end the sentence "give …".
    pub fn expected(&self) -> String {
        let unit = if self.unit.is_empty() { String::new() } else { format!(" {}", self.unit) };
        let default = self.default.map(|text| format!(" (default {text})")).unwrap_or_default();
        format!("{}{unit}{default}", self.kind.expected())
    }

    /// The table of the key in TOML; `None` at the top.
    pub fn table(&self) -> Option<&'static str> {
        self.name.rsplit_once('.').map(|(table, _)| table)
    }

    /// The name of the key within its table.
    pub fn leaf(&self) -> &'static str {
        self.name.rsplit_once('.').map_or(self.name, |(_, leaf)| leaf)
    }
}

/// A key with the entries that most keys share.
pub(super) const fn key(
    name: &'static str,
    environment: &'static [&'static str],
    kind: Kind,
    help: &'static str,
) -> Key {
    Key {
        name,
        aliases: &[],
        environment,
        kind,
        default: None,
        unset: "not set",
        example: "",
        unit: "",
        help,
        live: false,
    }
}

impl Key {
    pub(super) const fn default(self, default: &'static str, example: &'static str) -> Self {
        Self { default: Some(default), example, ..self }
    }

    pub(super) const fn unset(self, unset: &'static str, example: &'static str) -> Self {
        Self { unset, example, ..self }
    }

    pub(super) const fn unit(self, unit: &'static str) -> Self {
        Self { unit, ..self }
    }

    /// A running node takes a change of it.
    pub(super) const fn live(self) -> Self {
        Self { live: true, ..self }
    }

    pub(super) const fn alias(self, aliases: &'static [&'static str]) -> Self {
        Self { aliases, ..self }
    }
}

pub(super) const fn number(min: u64, max: u64) -> Kind {
    Kind::Number { min, max, clamped: false }
}

pub(super) const fn clamped(min: u64, max: u64) -> Kind {
    Kind::Number { min, max, clamped: true }
}

pub(super) const fn choice(words: &'static [&'static str]) -> Kind {
    Kind::Choice { words }
}
