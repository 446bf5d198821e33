//! Reading every source and merging them: one [`Setting`] per key.
//!
//! ```text
//! default ─► node.toml ─► other .env ─► <home>/.env ─► environment ─► flags        a later one replaces
//! ```
//!
//! Every problem is noted and reading goes on, so that one start shows all of them. A value that does not
//! hold leaves the weaker one in place, which nobody sees: a configuration with a problem is never returned.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::dotenv;
use crate::error::ConfigError;
use crate::files::{FILE_BYTES_MAX, read_text};
use crate::home::Home;
use crate::keys::{self, KEYS, Key};
use crate::value::{Kind, Value, shortened};

/// What every variable of this project starts with.
const PREFIX: &str = "TB_";
/// Tables within tables that are looked into; more than any key has.
const DEPTH_MAX: usize = 4;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The table.
    Default,
    /// A TOML file.
    File {
        /// The file.
        path: PathBuf,
    },
    /// An `.env` file.
    EnvFile {
        /// The file.
        path: PathBuf,
        /// The variable.
        name: &'static str,
    },
    /// The environment.
    Environment {
        /// The variable.
        name: &'static str,
    },
    /// The command line.
    Flag,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path } => path.display().fmt(f),
            Self::EnvFile { path, name } => write!(f, "{name} in {}", path.display()),
            Self::Environment { name } => write!(f, "environment {name}"),
            Self::Flag => f.write_str("flag"),
        }
    }
}

/// The value in force of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The value.
    pub value: Value,
    /// Where it came from.
    pub source: Source,
}

/// What was read so far.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    /// The value in force of every key of the table.
    pub(crate) settings: BTreeMap<&'static str, Setting>,
    /// What works but deserves a look.
    pub(crate) warnings: Vec<String>,
    /// What does not work.
    pub(crate) errors: Vec<ConfigError>,
}

impl Sources {
    /// Reads all sources. `text` stands for what the configuration file would hold; without it the file is read.
    pub(crate) fn read(
        home: &Home,
        text: Option<&str>,
        flags: &[(String, String)],
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Self {
        let mut sources = Self::defaults_alone();
        match text {
            Some(text) => sources.toml(home.node_toml(), text),
            None => sources.file(home),
        }
        for path in home.env_files().iter().rev() {
            sources.env_file(path);
        }
        sources.environment(|name| Source::Environment { name }, environment);
        sources.flags(flags);
        sources.clamp();
        sources
    }

    /// The defaults.
    pub(crate) fn defaults_alone() -> Self {
        let mut sources = Self::default();
        sources.defaults();
        sources
    }

    /// The defaults and the TOML file.
    pub(crate) fn file_alone(home: &Home) -> Self {
        let mut sources = Self::defaults_alone();
        sources.file(home);
        sources.clamp();
        sources
    }

    /// The defaults and a table of a TOML file.
    pub(crate) fn table_alone(path: &Path, table: &toml::Table) -> Self {
        let mut sources = Self::defaults_alone();
        sources.keys_of(path, table);
        sources.clamp();
        sources
    }

    fn defaults(&mut self) {
        for key in KEYS {
            let value =
                key.default.map_or(Value::Unset, |text| key.kind.parse(text).expect("a test reads every default"));
            self.settings.insert(key.name, Setting { value, source: Source::Default });
        }
    }

    fn file(&mut self, home: &Home) {
        let path = home.node_toml();
        let text = match read_text(&path, FILE_BYTES_MAX) {
            Ok(Some(text)) => text,
            Ok(None) if home.is_config_named() => return self.errors.push(ConfigError::Missing { path }),
            Ok(None) => return,
            Err(error) => return self.errors.push(error),
        };
        self.toml(path, &text);
    }

    fn toml(&mut self, path: PathBuf, text: &str) {
        let table = match text.parse::<toml::Table>() {
            Ok(table) => table,
            Err(error) => return self.errors.push(toml_error(path, text, &error)),
        };
        self.keys_of(&path, &table);
    }

    fn keys_of(&mut self, path: &Path, table: &toml::Table) {
        let mut leaves = Vec::new();
        flatten("", 1, table, &mut leaves);
        let mut seen = Vec::new();
        for (name, value) in leaves {
            let source = Source::File { path: path.to_owned() };
            let Some(key) = self.known(&name, &source) else { continue };
            if seen.contains(&key.name) {
                self.errors.push(ConfigError::Twice { key: key.name, origin: source });
                continue;
            }
            seen.push(key.name);
            self.set(key, key.kind.parse_toml(value), &value.to_string(), source);
        }
    }

    fn env_file(&mut self, path: &Path) {
        let variables = match read_text(path, FILE_BYTES_MAX) {
            Ok(Some(text)) => dotenv::parse(path, &text),
            Ok(None) => return,
            Err(error) => Err(error),
        };
        match variables {
            Ok(variables) => {
                self.warnings.extend(unknown_variables(variables.keys().map(String::as_str), &path.display()));
                self.environment(|name| Source::EnvFile { path: path.to_owned(), name }, &|name| {
                    variables.get(name).cloned()
                });
            }
            Err(error) => self.errors.push(error),
        }
    }

    fn environment(&mut self, source: impl Fn(&'static str) -> Source, environment: &dyn Fn(&str) -> Option<String>) {
        for key in KEYS {
            let mut set = key.environment.iter().filter_map(|name| environment(name).map(|text| (*name, text)));
            let Some((name, text)) = set.next() else { continue };
            for (other, other_text) in set.filter(|(_, other_text)| *other_text != text) {
                let other_text = if key.is_secret() { String::new() } else { format!(" = {}", shortened(&other_text)) };
                self.warnings.push(format!("{other}{other_text} is not used, because {name} is set too; remove one"));
            }
            self.set(key, key.kind.parse(&text), &text, source(name));
        }
    }

    fn flags(&mut self, flags: &[(String, String)]) {
        let mut seen = Vec::new();
        for (name, text) in flags {
            let Some(key) = self.known(name, &Source::Flag) else { continue };
            if seen.contains(&key.name) {
                self.errors.push(ConfigError::Twice { key: key.name, origin: Source::Flag });
                continue;
            }
            seen.push(key.name);
            self.set(key, key.kind.parse(text), text, Source::Flag);
        }
    }

    /// The key of this name, or a problem.
    fn known(&mut self, name: &str, source: &Source) -> Option<&'static Key> {
        let key = keys::find(name);
        if key.is_none() {
            let (key, origin) = (shortened(name), source.clone());
            self.errors.push(match keys::later(name) {
                Some(reason) => ConfigError::Later { key, origin, reason },
                None => ConfigError::UnknownKey { key, origin, nearest: keys::nearest(name) },
            });
        }
        key
    }

    fn set(&mut self, key: &'static Key, value: Result<Value, String>, given: &str, source: Source) {
        match value {
            Ok(value) => {
                self.settings.insert(key.name, Setting { value, source });
            }
            Err(reason) => {
                let given = if key.is_secret() { String::new() } else { format!(" = {}", shortened(given)) };
                self.errors.push(ConfigError::Value { key, given, origin: source, reason });
            }
        }
    }

    /// Moves the numbers in force that are out of range to the nearest bound, where the key says so.
    fn clamp(&mut self) {
        for key in KEYS {
            let Kind::Number { min, max, clamped: true } = key.kind else { continue };
            let Some(Setting { value: Value::Number(number), source }) = self.settings.get_mut(key.name) else {
                continue;
            };
            let effective = (*number).clamp(min, max);
            if effective != *number {
                self.warnings.push(format!(
                    "`{}` = {number} ({source}) is out of range; {effective} is in force. Give {}",
                    key.name,
                    key.expected()
                ));
                *number = effective;
            }
        }
    }
}

/// Notes every value of `table` with its full name. What stands below a table that no key names is noted too, so
/// that a misspelt table shows the nearest key of what is in it.
fn flatten<'t>(above: &str, depth: usize, table: &'t toml::Table, leaves: &mut Vec<(String, &'t toml::Value)>) {
    for (name, value) in table {
        let name = if above.is_empty() { name.clone() } else { format!("{above}.{name}") };
        let is_above = |known: &str| known.strip_prefix(name.as_str()).is_some_and(|rest| rest.starts_with('.'));
        match value {
            // An empty table is a mistake only where no key lies below it.
            toml::Value::Table(inner) if inner.is_empty() && KEYS.iter().any(|key| is_above(key.name)) => {}
            toml::Value::Table(inner) if !inner.is_empty() && depth < DEPTH_MAX && keys::find(&name).is_none() => {
                flatten(&name, depth.saturating_add(1), inner, leaves);
            }
            _ => leaves.push((name, value)),
        }
    }
}

/// The parser's error without the line it quotes, which may hold a secret.
pub(crate) fn toml_error(path: PathBuf, text: &str, error: &toml::de::Error) -> ConfigError {
    let start = error.span().map_or(0, |span| span.start);
    let before = text.get(..start).unwrap_or(text);
    let line = before.bytes().filter(|byte| *byte == b'\n').count().saturating_add(1);
    let reason = error.message().lines().next().unwrap_or("it is not TOML").to_owned();
    ConfigError::Toml { path, line, reason }
}

/// One warning for each variable that starts with `TB_` and that nothing reads: probably a misspelt one.
/// `names` are the names in the environment of the process.
pub fn unknown_environment<'n>(names: impl Iterator<Item = &'n str>) -> Vec<String> {
    unknown_variables(names, &"the environment")
}

fn unknown_variables<'n>(names: impl Iterator<Item = &'n str>, place: &dyn fmt::Display) -> Vec<String> {
    let is_known = |name: &str| keys::find_variable(name).is_some() || keys::OTHER_VARIABLES.contains(&name);
    names
        .filter(|name| name.starts_with(PREFIX) && !is_known(name))
        .map(|name| {
            let nearest = keys::nearest_variable(name);
            format!("{} in {place} is not used by the node; the nearest name is {nearest}", shortened(name))
        })
        .collect()
}
