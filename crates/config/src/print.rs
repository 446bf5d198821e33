//! Everything that is made from the table: `config show`, the template, the manual page, the `.env` example.

use std::fmt::Write as _;

use serde_json::json;

use crate::error::{ConfigError, ConfigErrors};
use crate::keys::{self, KEYS, Key};
use crate::node::Loaded;
use crate::sources::Source;
use crate::value::{Kind, Value};

/// Column at which comments are filled.
const WIDTH: usize = 100;
/// What `write!` into a text promises.
const TEXT: &str = "a text takes every write";

/// Value and source of every key, in the order of the template: as lines, or as one JSON object by key.
/// Secrets are shown as `(set)`.
pub fn show(loaded: &Loaded, json: bool) -> String {
    if json { show_json(loaded) } else { show_lines(loaded) }
}

fn show_lines(loaded: &Loaded) -> String {
    let rows: Vec<(String, &Source)> = KEYS
        .iter()
        .filter_map(|key| loaded.settings.get(key.name).map(|setting| (key, setting)))
        .map(|(key, setting)| (format!("{} = {}", key.name, shown(key, &setting.value)), &setting.source))
        .collect();
    let width = rows.iter().map(|(text, _)| text.chars().count()).max().unwrap_or(0);
    let mut out = String::new();
    for (text, source) in rows {
        writeln!(out, "{text:width$}  # {source}").expect(TEXT);
    }
    out
}

/// A value for people, with what its absence means.
fn shown(key: &Key, value: &Value) -> String {
    match value {
        Value::Unset => format!("({})", key.unset),
        Value::List(entries) if entries.is_empty() => "(none)".to_owned(),
        value => value.to_string(),
    }
}

fn show_json(loaded: &Loaded) -> String {
    let entry = |key: &&Key| {
        let setting = loaded.settings.get(key.name)?;
        let value = match &setting.value {
            Value::Unset => serde_json::Value::Null,
            Value::Bool(flag) => json!(flag),
            Value::Number(number) => json!(number),
            Value::Offset(number) => json!(number),
            Value::List(entries) => json!(entries),
            // A weight stays text: its digits are exact.
            value @ (Value::Weight(_) | Value::Text(_) | Value::Secret(_)) => json!(value.to_string()),
        };
        Some((key.name.to_owned(), json!({ "value": value, "source": setting.source.to_string() })))
    };
    let object: serde_json::Map<String, serde_json::Value> = KEYS.iter().filter_map(|key| entry(&key)).collect();
    let mut text = serde_json::to_string_pretty(&object).expect("an object with text keys");
    text.push('\n');
    text
}

/// `value` of `key` as TOML, from the form that flags and the environment take.
pub(crate) fn toml_value(key: &Key, text: &str) -> String {
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    if key.kind.is_list() {
        let entries: Vec<String> =
            text.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(quoted).collect();
        format!("[{}]", entries.join(", "))
    } else if key.kind.is_quoted() {
        quoted(text)
    } else {
        text.to_owned()
    }
}

/// The `node.toml` template: every key as a comment with its default, so that a file shows what was changed.
pub fn template() -> String {
    template_with(&[]).expect("without values there is nothing to refuse")
}

/// The template with some keys set, in the form that flags take.
///
/// # Errors
/// Unknown keys and values that their key does not take.
pub fn template_with(values: &[(&str, &str)]) -> Result<String, ConfigErrors> {
    let mut set = Vec::new();
    let mut errors = Vec::new();
    for (name, text) in values {
        match keys::find(name) {
            Some(key) => match key.kind.parse(text) {
                Ok(value) => set.push((key.name, toml_value(key, &plain(&value, text)))),
                Err(reason) => {
                    let given = if key.is_secret() { String::new() } else { format!(" = {text}") };
                    errors.push(ConfigError::Value { key, given, origin: Source::Flag, reason });
                }
            },
            None => errors.push(ConfigError::UnknownKey {
                key: (*name).to_owned(),
                origin: Source::Flag,
                nearest: keys::nearest(name),
            }),
        }
    }
    if errors.is_empty() { Ok(write_template(&set)) } else { Err(ConfigErrors(errors)) }
}

/// The checked value in text form; of a secret, the secret itself, because the file must hold it.
pub(crate) fn plain(value: &Value, text: &str) -> String {
    match value {
        Value::Secret(_) => text.trim().to_owned(),
        value => value.to_string(),
    }
}

fn write_template(set: &[(&str, String)]) -> String {
    let mut out = String::from(
        "# Configuration of one node. A line that starts with `# ` and a key shows the default; remove the `# ` to\n\
         # change it. A flag, an environment variable and the file .env are stronger than this file.\n\
         # `tb config show` prints every value in force and where it comes from; `tb config check` finds mistakes.\n\
         # docs/configuration.md is the manual of all keys.\n",
    );
    let mut table = None;
    for key in KEYS {
        if key.table() != table {
            table = key.table();
            writeln!(out, "\n[{}]", table.unwrap_or_default()).expect(TEXT);
        } else {
            out.push('\n');
        }
        for line in filled(&summary(key), WIDTH) {
            writeln!(out, "# {line}").expect(TEXT);
        }
        let leaf = key.leaf();
        match set.iter().find(|(name, _)| *name == key.name) {
            Some((_, value)) => writeln!(out, "{leaf} = {value}").expect(TEXT),
            None => writeln!(out, "# {leaf} = {}", toml_value(key, key.default.unwrap_or(key.example))).expect(TEXT),
        }
    }
    out
}

/// The help of a key with unit and variable.
fn summary(key: &Key) -> String {
    let unit = if key.unit.is_empty() { String::new() } else { format!(" Unit: {}.", key.unit) };
    let unset =
        if key.default.is_none() { format!(" Default: {}; the line is an example.", key.unset) } else { String::new() };
    format!("{}{unit}{unset} {}", key.help, key.environment.join(", "))
}

/// `text` in lines of at most `width` characters where its words allow it.
fn filled(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// The `.env` example: every variable as a comment with the default of its key.
pub fn env_example() -> String {
    let mut out = String::from(
        "# Environment of one node. Copy this file to .env, in the home directory of the node or in the folder it is\n\
         # started from, and remove the `# ` before what should differ from the default. Real environment variables\n\
         # and flags are stronger, node.toml is weaker. A value with `$` must stand in single quotes.\n",
    );
    for key in KEYS {
        let name = key.environment.first().copied().unwrap_or_default();
        writeln!(out, "\n# {}\n# {name}={}", key.help, key.default.unwrap_or(key.example)).expect(TEXT);
    }
    out
}

/// The manual page of all keys.
pub fn markdown() -> String {
    let mut out = String::from(MANUAL_HEAD);
    for key in KEYS {
        let code = |text: &str| format!("`{text}`");
        let codes = |texts: &[&str]| texts.iter().map(|text| code(text)).collect::<Vec<_>>().join(", ");
        let default = match key.default {
            Some("") => "none".to_owned(),
            Some(text) => code(text),
            None => key.unset.to_owned(),
        };
        let mut kind = key.kind.name().to_owned();
        if key.is_secret() {
            kind.push_str(", never shown");
        }
        let unit = if key.unit.is_empty() { "none" } else { key.unit };
        let takes = match key.kind {
            Kind::Number { clamped: true, .. } => format!("{}; clamped with a warning", key.kind.expected()),
            kind => kind.expected(),
        };
        let change = if key.live { "at once" } else { "at the next start" };
        write!(out, "### `{}`\n\n{}\n\n| | |\n|---|---|\n", key.name, key.help).expect(TEXT);
        let rows = [("type", kind), ("takes", takes), ("unit", unit.to_owned()), ("default", default)];
        for (name, text) in rows {
            writeln!(out, "| {name} | {text} |").expect(TEXT);
        }
        writeln!(out, "| environment | {} |", codes(key.environment)).expect(TEXT);
        if !key.aliases.is_empty() {
            writeln!(out, "| also accepted as | {} |", codes(key.aliases)).expect(TEXT);
        }
        writeln!(out, "| a change counts | {change} |\n").expect(TEXT);
    }
    out.push_str(
        "## Not there yet\n\nThese keys are refused by name, because this version does not have what they set.\n\n",
    );
    out.push_str("| key | why |\n|---|---|\n");
    for (name, reason) in keys::LATER {
        writeln!(out, "| `{name}` | {reason} |").expect(TEXT);
    }
    out
}

/// What stands before the keys in the manual page.
const MANUAL_HEAD: &str = "\
# Configuration of a node

This page is written by `cargo xtask codegen` from the table in `crates/config/src/keys.rs`.

A value comes from the strongest source that sets it:

1. a flag of the command,
2. an environment variable,
3. `.env` in the home directory of the node, then `.env` in the folder the command was started from,
4. `node.toml` in the home directory, or the file given with `--config`,
5. the default.

`tb config show` prints every value in force and where it comes from. `tb config check` reports every problem and
starts nothing; it fails for what keeps a node from starting, and warnings are no failure. An unknown key is refused and
the nearest one is named; an unknown variable that starts with `TB_` is a warning. The node never writes to these files. `tb config set KEY VALUE` does: it keeps comments and order, and
replaces `node.toml` only by one that a start would take. In the environment and in flags, the entries of a list stand
between commas.

The home directory is the one given with `--home`, else `TB_HOME`, else `~/.the_block`. Relative paths lie below it.

## Keys

";
