//! The ids of the key spaces in `crates/state/src/columns.rs` are unique.
//!
//! The file holds one constant per key space (`pub const ACCOUNT: u8 = 1;`). An id that is used twice would make two
//! modules write over each other, and no compiler sees it. A file in which the rule finds no id at all is a
//! finding too: then either the file or the rule has lost its form.

use std::collections::BTreeMap;

use crate::snapshot::Snapshot;
use crate::tidy::Finding;
use crate::tidy::blank::blank;

const COLUMNS: &str = "crates/state/src/columns.rs";

/// All findings.
pub(crate) fn check(snapshot: &Snapshot) -> Vec<Finding> {
    let Some(text) = snapshot.text(COLUMNS) else {
        return Vec::new();
    };
    let blanked = blank(text);
    let mut seen: BTreeMap<u8, &str> = BTreeMap::new();
    let mut findings = Vec::new();
    for (number, line) in (1..).zip(blanked.lines()) {
        let Some((name, id)) = column(line) else {
            continue;
        };
        if let Some(first) = seen.insert(id, name) {
            findings.push(Finding::at(COLUMNS, number, format!("{name} has the id {id} of {first}")));
        }
    }
    if seen.is_empty() {
        findings.push(Finding::in_file(COLUMNS, "no column id of the form `pub const NAME: u8 = 1;` was found"));
    }
    findings
}

/// The name and id on a line of the form `pub const NAME: u8 = 1;`.
fn column(line: &str) -> Option<(&str, u8)> {
    let declaration = line.trim().strip_prefix("pub ")?.strip_prefix("const ")?;
    let (name, id) = declaration.strip_suffix(';')?.split_once(": u8 = ")?;
    let id = match id.strip_prefix("0x") {
        Some(digits) => u8::from_str_radix(digits, 16).ok()?,
        None => id.parse().ok()?,
    };
    Some((name, id))
}

#[cfg(test)]
mod tests {
    use super::{COLUMNS, check};
    use crate::snapshot::Snapshot;

    #[test]
    fn an_id_used_twice_is_found_in_either_notation() {
        let text = "pub const ACCOUNT: u8 = 0x10;\npub const PARAMS: u8 = 2;\npub const VOTES: u8 = 16;\n";
        let found = check(&Snapshot::of(&[(COLUMNS, text)]));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].to_string(), format!("{COLUMNS}:3: VOTES has the id 16 of ACCOUNT"));
    }

    #[test]
    fn unique_ids_and_a_missing_file_are_fine_and_an_empty_table_is_not() {
        let unique = "pub const A: u8 = 1;\npub const B: u8 = 2;\npub const BOUND: usize = 1;\n";
        assert!(check(&Snapshot::of(&[(COLUMNS, unique)])).is_empty());
        assert!(check(&Snapshot::default()).is_empty());
        let commented = "// pub const A: u8 = 1;\n";
        assert_eq!(check(&Snapshot::of(&[(COLUMNS, commented)])).len(), 1);
    }
}
