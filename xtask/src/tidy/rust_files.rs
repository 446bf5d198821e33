//! Rules for Rust files: a header, short files and functions, the words of the glossary, nothing unfinished.
//!
//! Functions are found by their indentation, which is exact because the formatting is checked: a function ends
//! at the first `}` that stands as deep as its `fn`. Test code may be as long as it likes: a file below a `tests`
//! folder or called `tests.rs`, and a `#[cfg(test)]` module inside another file.

use crate::snapshot::Snapshot;
use crate::tidy::Finding;
use crate::tidy::blank::blank;

/// The longest file outside tests, in lines.
const FILE_LINES_MAX: usize = 600;

/// The longest function outside tests, in lines.
const FUNCTION_LINES_MAX: usize = 70;

/// Words that the glossary replaces, each as the parts of an identifier, with what to say instead.
const BANNED: &[(&[&str], &str)] = &[
    (&["block", "number"], "height"),
    (&["view", "change"], "round"),
    (&["gas"], "weight"),
    (&["app", "hash"], "state root"),
    (&["leader"], "proposer"),
    (&["manager"], "what it does: service, actor, handler"),
    (&["utils"], "the concept that the code belongs to"),
];

/// Calls that say that something is not written yet.
const UNFINISHED_CALLS: &[&str] = &["todo!", "unimplemented!"];

/// Marks in comments that say the same, in two pieces so that this file does not hold them.
const UNFINISHED_MARKS: &[&str] = &[concat!("FIX", "ME"), concat!("TO", "DO"), concat!("XX", "X")];

/// All findings in all Rust files.
pub(crate) fn check(snapshot: &Snapshot) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in snapshot.rust() {
        let blanked = blank(text);
        header(path, text, &mut findings);
        identifiers(path, &blanked, &mut findings);
        unfinished(path, text, &blanked, &mut findings);
        if !is_test_file(path) {
            let lines = without_test_modules(&blanked);
            file_length(path, &lines, &mut findings);
            function_lengths(path, &lines, &mut findings);
        }
    }
    findings
}

/// Whether the whole file is test code.
fn is_test_file(path: &str) -> bool {
    let mut parts = path.split('/').rev();
    let name = parts.next().unwrap_or(path);
    name == "tests.rs" || name.ends_with("_tests.rs") || parts.any(|folder| folder == "tests")
}

fn header(path: &str, text: &str, findings: &mut Vec<Finding>) {
    let words = text.lines().next().and_then(|first| first.strip_prefix("//!"));
    if words.is_none_or(|words| words.trim().is_empty()) {
        findings.push(Finding::at(
            path,
            1,
            "a file opens with `//!`: what it is for, its model and rules, where to read next",
        ));
    }
    if words.is_some_and(|words| words.trim().starts_with("Placeholder")) {
        findings.push(Finding::at(path, 1, "the header is a placeholder"));
    }
}

/// The numbered lines of `blanked` that are not inside a `#[cfg(test)]` module.
fn without_test_modules(blanked: &str) -> Vec<(usize, &str)> {
    let lines: Vec<(usize, &str)> = (1..).zip(blanked.lines()).collect();
    let mut kept = Vec::with_capacity(lines.len());
    let mut at = 0;
    while let Some((_, line)) = lines.get(at) {
        let opens_module = lines.get(at + 1).is_some_and(|(_, next)| {
            let next = next.trim();
            next.starts_with("mod ") && next.ends_with('{')
        });
        if line.trim() == "#[cfg(test)]" && opens_module {
            let close = format!("{}}}", indent(line));
            while lines.get(at).is_some_and(|(_, line)| *line != close) {
                at += 1;
            }
        } else {
            kept.push(lines[at]);
        }
        at += 1;
    }
    kept
}

fn indent(line: &str) -> &str {
    &line[..line.len() - line.trim_start().len()]
}

fn file_length(path: &str, lines: &[(usize, &str)], findings: &mut Vec<Finding>) {
    if lines.len() > FILE_LINES_MAX {
        let message = format!("{} lines outside tests; at most {FILE_LINES_MAX}: split it by concept", lines.len());
        findings.push(Finding::in_file(path, message).about("file length"));
    }
}

fn function_lengths(path: &str, lines: &[(usize, &str)], findings: &mut Vec<Finding>) {
    for (at, (number, line)) in lines.iter().enumerate() {
        let Some(name) = function_name(line) else {
            continue;
        };
        let length = function_length(&lines[at..]);
        if length > FUNCTION_LINES_MAX {
            let message = format!(
                "`{name}` has {length} lines; at most {FUNCTION_LINES_MAX}: let it decide and move work into leaves"
            );
            findings.push(Finding::at(path, *number, message).about(format!("fn {name}")));
        }
    }
}

/// The name of the function whose declaration starts on `line`.
fn function_name(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace();
    loop {
        let word = words.next()?;
        if word == "fn" {
            let end = |character: char| !(character == '_' || character.is_alphanumeric());
            return words.next()?.split(end).next().filter(|name| !name.is_empty());
        }
        // `pub(in path)` and `extern "C"` (its string is blanked) are made of such words too.
        let is_qualifier = matches!(word, "pub" | "const" | "async" | "unsafe" | "extern")
            || word.starts_with("pub(")
            || word.ends_with(')');
        if !is_qualifier {
            return None;
        }
    }
}

/// The number of lines of the function that starts on the first of `lines`.
fn function_length(lines: &[(usize, &str)]) -> usize {
    let Some((_, first)) = lines.first() else {
        return 0;
    };
    let depth = indent(first);
    for (at, (_, line)) in lines.iter().enumerate() {
        let as_deep = indent(line) == depth;
        let ends_here = if at == 0 {
            line.trim_end().ends_with(['}', ';'])
        } else {
            // A declaration without a body ends with `;` on the line of its closing parenthesis.
            as_deep
                && (line.trim_start().starts_with('}')
                    || (line.trim_start().starts_with([')', '>']) && line.trim_end().ends_with(';')))
        };
        if ends_here {
            return at + 1;
        }
    }
    lines.len()
}

fn identifiers(path: &str, blanked: &str, findings: &mut Vec<Finding>) {
    for part in path.split('/') {
        let name = part.strip_suffix(".rs").unwrap_or(part);
        if let Some(instead) = banned(name) {
            findings.push(Finding::in_file(path, format!("the name `{name}`: say {instead}")));
        }
    }
    for (number, line) in (1..).zip(blanked.lines()) {
        for word in line.split(|character: char| !(character == '_' || character.is_alphanumeric())) {
            if let Some(instead) = banned(word) {
                let message = format!("the identifier `{word}`: say {instead} (the glossary)");
                findings.push(Finding::at(path, number, message).about(format!("identifier {word}")));
            }
        }
    }
}

/// What to say instead of `identifier`, when it holds a banned word.
fn banned(identifier: &str) -> Option<&'static str> {
    let parts = parts_of(identifier);
    let holds = |word: &[&str]| parts.windows(word.len()).any(|window| window == word);
    BANNED.iter().find(|(word, _)| holds(word)).map(|(_, instead)| *instead)
}

/// The parts of an identifier in lower case, whichever way it is written: `BlockNumber`, `block_number`,
/// `BLOCK_NUMBER` all have the parts `block` and `number`.
fn parts_of(identifier: &str) -> Vec<String> {
    let mut parts = Vec::new();
    for piece in identifier.split('_') {
        let characters: Vec<char> = piece.chars().collect();
        let mut part = String::new();
        for (at, character) in characters.iter().enumerate() {
            let before_is_small = at > 0 && !characters[at - 1].is_uppercase();
            let after_is_small = characters.get(at + 1).is_some_and(|next| next.is_lowercase());
            let starts = character.is_uppercase() && (before_is_small || after_is_small);
            if starts && !part.is_empty() {
                parts.push(std::mem::take(&mut part));
            }
            part.extend(character.to_lowercase());
        }
        if !part.is_empty() {
            parts.push(part);
        }
    }
    parts
}

fn unfinished(path: &str, text: &str, blanked: &str, findings: &mut Vec<Finding>) {
    for (number, (line, code)) in (1..).zip(text.lines().zip(blanked.lines())) {
        for call in UNFINISHED_CALLS.iter().filter(|call| code.contains(**call)) {
            findings.push(Finding::at(path, number, format!("`{call}`: finish it or refuse by name")));
        }
        for mark in UNFINISHED_MARKS {
            let found = line.split(|character: char| !character.is_alphanumeric()).any(|word| word == *mark);
            if found {
                findings.push(Finding::at(path, number, format!("`{mark}`: do it or drop the comment")));
            }
        }
    }
}

#[cfg(test)]
mod tests;
