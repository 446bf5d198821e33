//! Every relative link in a Markdown file leads to a file or folder of the project.
//!
//! A link is `](target)`. Links to other sites and to a heading of the same file are not looked at; of a link to a
//! heading of another file, the file is. Fenced code blocks hold no links.

use std::collections::BTreeSet;

use crate::snapshot::Snapshot;
use crate::tidy::Finding;

/// All findings.
pub(crate) fn check(snapshot: &Snapshot) -> Vec<Finding> {
    let known = with_folders(snapshot);
    let mut findings = Vec::new();
    for (path, text) in snapshot.texts().filter(|(path, _)| path.ends_with(".md")) {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let mut in_code = false;
        for (number, line) in (1..).zip(text.lines()) {
            if line.trim_start().starts_with("```") {
                in_code = !in_code;
            }
            for target in targets(line).filter(|_| !in_code) {
                if !resolve(folder, target).is_some_and(|target| known.contains(&target)) {
                    let message = format!("the link to `{target}` leads nowhere");
                    findings.push(Finding::at(path, number, message));
                }
            }
        }
    }
    findings
}

/// Every path of the project and every folder above one, the root being the empty path.
fn with_folders(snapshot: &Snapshot) -> BTreeSet<String> {
    let mut known = BTreeSet::from([String::new()]);
    for path in snapshot.paths() {
        known.insert(path.to_owned());
        let ends = path.match_indices('/').map(|(end, _)| path[..end].to_owned());
        known.extend(ends);
    }
    known
}

/// The relative targets of the links on `line`, without the heading.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| {
        let target = rest.split([')', ' ', '#']).next()?;
        let is_elsewhere = target.is_empty() || target.contains(':');
        (!is_elsewhere).then_some(target)
    })
}

/// The path that `target` names when it stands in a file of `folder`; nothing when it leaves the project.
fn resolve(folder: &str, target: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::snapshot::Snapshot;

    fn found(text: &str) -> Vec<String> {
        let snapshot = Snapshot::of(&[("docs/adr/a.md", text), ("docs/b.md", ""), ("src/c.rs", "")]);
        check(&snapshot).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn links_to_files_folders_headings_and_other_sites_are_fine() {
        let text = "[b](../b.md) [c](../../src/c.rs) [src](../../src/) [h](../b.md#one) [i](#here)\n\
            [site](https://example.org/x) [mail](mailto:a@example.org) [root](../..)\n";
        assert_eq!(found(text), Vec::<String>::new());
    }

    #[test]
    fn a_link_that_leads_nowhere_is_found() {
        for target in ["b.md", "../c.md", "../../../b.md", "../b.md/x"] {
            let found = found(&format!("one\n[x]({target})\n"));
            assert_eq!(found.len(), 1, "{target}");
            assert!(found[0].starts_with("docs/adr/a.md:2: the link to"), "{found:?}");
        }
    }

    #[test]
    fn code_blocks_hold_no_links() {
        assert_eq!(found("```\n[x](nowhere)\n```\n"), Vec::<String>::new());
        assert_eq!(found("```\n```\n[x](nowhere)\n").len(), 1);
    }
}
