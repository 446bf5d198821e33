//! `config set`: the one place that writes a configuration file.
//!
//! ```text
//! file ─► edited text ─► the loader, with all other sources ─┬─ refused: the file is as it was
//!                                                            └─ accepted ─► beside, sync, rename
//! ```
//!
//! Rules
//! - The text is edited, not written anew: comments, order and spelling stay. A key that stands there under another
//!   name keeps that name.
//! - What a start would refuse never replaces a file. Several keys are set at once or not at all, because some
//!   only make sense together.
//! - Secrets are not taken.

use std::path::PathBuf;

use toml_edit::{DocumentMut, Item, Table, TableLike};

use crate::error::{ConfigError, ConfigErrors};
use crate::files::{FILE_BYTES_MAX, read_text, replace};
use crate::home::Home;
use crate::keys::{self, Key};
use crate::node::NodeConfig;
use crate::print::{plain, toml_value};
use crate::sources::{Source, toml_error};
use crate::value::{Value, shortened};

/// One key that was set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The key.
    pub key: &'static Key,
    /// What was in force before; `None` when the file could not be loaded.
    pub before: Option<Value>,
    /// What is in force at the next start.
    pub after: Value,
    /// Where that comes from, if it is not the file: what was set has no effect then.
    pub hidden_by: Option<Source>,
}

/// What [`set`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edited {
    /// The configuration file.
    pub path: PathBuf,
    /// Whether it was written; false when it said all this already.
    pub written: bool,
    /// The keys, in the order in which they were given.
    pub changes: Vec<Change>,
    /// What works but deserves a look.
    pub warnings: Vec<String>,
}

/// Sets keys in the configuration file of `home`, which is made when it is missing and was not named. `values` are
/// keys and values in the form that flags take.
///
/// # Errors
/// Every problem that was found; the file is as it was.
pub fn set(
    home: &Home,
    values: &[(String, String)],
    environment: impl Fn(&str) -> Option<String>,
) -> Result<Edited, ConfigErrors> {
    let path = home.node_toml();
    let old = match read_text(&path, FILE_BYTES_MAX)? {
        Some(text) => text,
        None if home.is_config_named() => return Err(ConfigError::Missing { path }.into()),
        None => String::new(),
    };
    let wanted = wanted(home, values)?;
    let new = edited(home, &old, &wanted)?;
    let before = NodeConfig::load(home, &[], &environment).ok();
    let loaded = NodeConfig::load_text(home, &new, &[], &environment)?;
    let changes = wanted.iter().map(|(key, _)| {
        let setting = &loaded.settings[key.name];
        let from_file = matches!(setting.source, Source::File { .. });
        Change {
            key,
            before: before.as_ref().map(|before| before.settings[key.name].value.clone()),
            after: setting.value.clone(),
            hidden_by: (!from_file).then(|| setting.source.clone()),
        }
    });
    let (changes, written) = (changes.collect(), new != old || !path.exists());
    if written {
        replace(&path, &new).map_err(|cause| ConfigError::Write { path: path.clone(), cause })?;
    }
    Ok(Edited { path, written, changes, warnings: loaded.warnings })
}

/// The keys with their values as TOML writes them.
fn wanted(home: &Home, values: &[(String, String)]) -> Result<Vec<(&'static Key, String)>, ConfigErrors> {
    let (mut wanted, mut errors): (Vec<(&'static Key, String)>, Vec<ConfigError>) = Default::default();
    for (name, text) in values {
        let origin = Source::Flag;
        match keys::find(name) {
            None => {
                let key = shortened(name);
                errors.push(match keys::later(name) {
                    Some(reason) => ConfigError::Later { key, origin, reason },
                    None => ConfigError::UnknownKey { key, origin, nearest: keys::nearest(name) },
                });
            }
            Some(key) if key.is_secret() => {
                errors.push(ConfigError::SecretGiven { key: key.name, path: home.node_toml() });
            }
            Some(key) if wanted.iter().any(|(other, _)| other.name == key.name) => {
                errors.push(ConfigError::Twice { key: key.name, origin });
            }
            Some(key) => match key.kind.parse(text) {
                Ok(value) => wanted.push((key, toml_value(key, &plain(&value, text)))),
                Err(reason) => {
                    errors.push(ConfigError::Value { key, given: format!(" = {}", shortened(text)), origin, reason });
                }
            },
        }
    }
    if errors.is_empty() { Ok(wanted) } else { Err(ConfigErrors(errors)) }
}

/// `old` with the wanted values.
fn edited(home: &Home, old: &str, wanted: &[(&'static Key, String)]) -> Result<String, ConfigErrors> {
    let path = home.node_toml();
    // The loader's parser goes first: its refusals do not quote lines, which may hold secrets.
    if let Err(error) = old.parse::<toml::Table>() {
        return Err(toml_error(path, old, &error).into());
    }
    let mut document: DocumentMut = old.parse().map_err(|_| {
        let reason = "it is not TOML that can be edited".to_owned();
        ConfigError::Toml { path: path.clone(), line: 1, reason }
    })?;
    for (key, value) in wanted {
        let present = |name: &&&str| find(&document, name).is_some();
        let name = std::iter::once(&key.name).chain(key.aliases).find(present).unwrap_or(&key.name);
        put(&mut document, name, value).map_err(|table| ConfigError::NoTable {
            key: key.name,
            table,
            path: path.clone(),
        })?;
    }
    Ok(document.to_string())
}

fn find<'d>(document: &'d DocumentMut, name: &str) -> Option<&'d Item> {
    name.split('.').try_fold(document.as_item(), |item, part| item.as_table_like()?.get(part))
}

/// Puts `value` at `name`. What stands around an old value, such as a comment behind it, stays.
fn put(document: &mut DocumentMut, name: &str, value: &str) -> Result<(), String> {
    let (above, leaf) = name.rsplit_once('.').unwrap_or(("", name));
    let mut table: &mut dyn TableLike = document.as_table_mut();
    for part in above.split('.').filter(|part| !part.is_empty()) {
        let inner = table.entry(part).or_insert_with(|| {
            let mut made = Table::new();
            // Only the table that holds the value gets a line of its own.
            made.set_implicit(true);
            Item::Table(made)
        });
        table = inner.as_table_like_mut().ok_or_else(|| part.to_owned())?;
    }
    let mut new: toml_edit::Value = value.parse().expect("what the loader writes is TOML");
    match table.get_mut(leaf) {
        Some(Item::Value(old)) => {
            *new.decor_mut() = old.decor().clone();
            *old = new;
        }
        Some(_) => return Err(leaf.to_owned()),
        None => {
            table.insert(leaf, Item::Value(new));
        }
    }
    Ok(())
}
