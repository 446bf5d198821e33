//! Looking for a key: by its name, by its name in the environment, or by what somebody meant.
//!
//! Read next: [`super::KEYS`].

use super::{KEYS, Key, LATER};

/// The key that has this name or alias.
pub fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name || key.aliases.contains(&name))
}

/// The key that has this name in the environment.
pub fn find_variable(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.environment.contains(&name))
}

/// What is missing for a key that is refused by name; it may stand below a table of such keys.
pub fn later(name: &str) -> Option<&'static str> {
    let below = |table: &str| name.strip_prefix(table).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    LATER.iter().find(|(later, _)| below(later)).map(|(_, reason)| *reason)
}

/// The name of the key most similar to `name`. Only the first characters count.
pub fn nearest(name: &str) -> &'static str {
    nearest_of(name, KEYS.iter().map(|key| key.name))
}

/// The name in the environment most similar to `name`.
pub fn nearest_variable(name: &str) -> &'static str {
    nearest_of(name, KEYS.iter().flat_map(|key| key.environment.iter().copied()))
}

fn nearest_of(name: &str, names: impl Iterator<Item = &'static str>) -> &'static str {
    /// Longer than any name of the table; bounds the work that a file can cause.
    const COMPARED: usize = 64;
    let name: String = name.chars().take(COMPARED).collect::<String>().to_lowercase();
    let leaf_of = |name: &str| name.rsplit('.').next().unwrap_or_default().to_owned();
    // A key in the wrong table is nearer than one with other letters; of equals, the one that looks more alike.
    let distance = |known: &str| {
        let known = known.to_lowercase();
        let whole = strsim::damerau_levenshtein(&name, &known);
        let leaf = strsim::damerau_levenshtein(&leaf_of(&name), &leaf_of(&known)).saturating_add(1);
        (whole.min(leaf), whole)
    };
    names.min_by_key(|known| distance(known)).expect("the table is not empty")
}
