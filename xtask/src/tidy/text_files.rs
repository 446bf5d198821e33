//! Rules for all files: words that must not stand in any of them, and nothing stray in the root.

use crate::snapshot::Snapshot;
use crate::tidy::Finding;

/// Pieces of text that no file may hold, with the reason. Each is written in two halves, so that this file
/// does not hold it either. They are compared in lower case.
const FORBIDDEN: &[(&str, &str)] = &[
    (concat!("/wo", "rk/"), "a path of one machine"),
    (concat!("../sha", "red"), "a path outside the project"),
    (concat!("helper ", "agent"), "how the project is made does not belong into it"),
    (concat!("crates.io", "-index"), REGISTRY),
    (concat!("index.", "crates.io"), REGISTRY),
    (concat!("static.", "crates.io"), REGISTRY),
    (concat!("registry", "+http"), REGISTRY),
    (concat!("sparse", "+http"), REGISTRY),
    (concat!("replace", "-with"), REGISTRY),
];

const REGISTRY: &str = "the registry is the one of the reader's cargo; only Cargo.lock names it";

/// The files that may name the registry, because cargo writes them: of the workspace, and of the one for fuzzing.
const LOCKS: [&str; 2] = ["Cargo.lock", "fuzz/Cargo.lock"];

/// Everything that may stand in the root. A new entry is a decision: say in ARCHITECTURE.md what it is.
const ROOT: &[&str] = &[
    ".cargo",
    ".config",
    ".ci",
    ".env.example",
    ".gitattributes",
    ".github",
    ".gitignore",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "Makefile",
    "README.md",
    "SECURITY.md",
    "STYLE.md",
    "apps",
    "clippy.toml",
    "config",
    "crates",
    "deny.toml",
    "deploy",
    "docs",
    "fixtures",
    "fuzz",
    "justfile",
    "monitoring",
    "rust-toolchain.toml",
    "rustfmt.toml",
    "scenarios",
    "scripts",
    "sim",
    "spec",
    "tb",
    "tests",
    "tools",
    "xtask",
];

/// All findings.
pub(crate) fn check(snapshot: &Snapshot) -> Vec<Finding> {
    let mut findings = forbidden(snapshot);
    findings.extend(strays(snapshot));
    findings
}

fn forbidden(snapshot: &Snapshot) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in snapshot.texts().filter(|(path, _)| !LOCKS.contains(path)) {
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.to_lowercase();
            for (piece, reason) in FORBIDDEN.iter().filter(|(piece, _)| line.contains(piece)) {
                findings.push(Finding::at(path, number, format!("holds `{piece}`: {reason}")));
            }
        }
    }
    findings
}

fn strays(snapshot: &Snapshot) -> Vec<Finding> {
    let mut found: Vec<&str> =
        snapshot.paths().filter_map(|path| path.split('/').next()).filter(|entry| !ROOT.contains(entry)).collect();
    found.dedup();
    found
        .into_iter()
        .map(|entry| {
            Finding::in_file(
                entry,
                "does not belong into the root; move it, or add it to ROOT in xtask/src/tidy/text_files.rs",
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{FORBIDDEN, check};
    use crate::snapshot::Snapshot;

    #[test]
    fn every_forbidden_piece_is_found_in_any_text_file() {
        for (piece, _) in FORBIDDEN {
            let text = format!("fine\nsee {} there\n", piece.to_uppercase());
            let found = check(&Snapshot::of(&[("docs/a.md", &text)]));
            assert!(!found.is_empty(), "{piece}");
            assert!(found[0].to_string().starts_with("docs/a.md:2: holds"), "{found:?}");
        }
        assert!(check(&Snapshot::of(&[("docs/a.md", "the framework/ and its workings\n")])).is_empty());
    }

    #[test]
    fn the_lock_files_may_name_the_registry() {
        for lock in super::LOCKS {
            assert!(check(&Snapshot::of(&[(lock, FORBIDDEN[3].0)])).is_empty());
        }
        assert!(!check(&Snapshot::of(&[("docs/Cargo.lock", FORBIDDEN[3].0)])).is_empty());
    }

    #[test]
    fn this_file_does_not_hold_what_it_forbids() {
        let path = "xtask/src/tidy/text_files.rs";
        assert_eq!(check(&Snapshot::of(&[(path, include_str!("text_files.rs"))])), []);
    }

    #[test]
    fn a_stray_file_or_folder_in_the_root_is_found_once() {
        let found = check(&Snapshot::of(&[("out/a", ""), ("out/b", ""), ("nohup.out", ""), ("docs/a", "")]));
        let paths: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(paths.len(), 2, "{paths:?}");
        assert!(paths[0].starts_with("nohup.out:") && paths[1].starts_with("out:"), "{paths:?}");
    }
}
