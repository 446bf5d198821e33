//! The only list of exceptions from the rules of `tidy`. Each says why it is one.
//!
//! An exception names a file and the subject of the finding it excuses: `file length`, `fn name`,
//! `identifier name`. One that excuses nothing any more is itself a finding, so the list does not rot.

use crate::tidy::Finding;

/// One excused subject in one file.
#[derive(Debug)]
pub(crate) struct Exception {
    /// The path of the file relative to the root.
    pub(crate) path: &'static str,
    /// What is excused there.
    pub(crate) subject: &'static str,
    /// Why, for the reader of this list.
    pub(crate) reason: &'static str,
}

/// All exceptions.
pub(crate) const EXCEPTIONS: &[Exception] = &[];

/// The findings that no exception excuses, and one for each exception that excuses nothing or has no reason.
pub(crate) fn apply(findings: Vec<Finding>, exceptions: &[Exception]) -> Vec<Finding> {
    let excuses = |exception: &Exception, finding: &Finding| {
        finding.path == exception.path && finding.subject.as_deref() == Some(exception.subject)
    };
    let mut left: Vec<Finding> = Vec::new();
    for exception in exceptions {
        let needed = findings.iter().any(|finding| excuses(exception, finding));
        if !needed || exception.reason.is_empty() {
            left.push(Finding::in_file(
                exception.path,
                format!(
                    "the exception for `{}` in xtask/src/tidy/exceptions.rs excuses nothing or has no reason; remove it",
                    exception.subject
                ),
            ));
        }
    }
    left.extend(findings.into_iter().filter(|finding| !exceptions.iter().any(|exception| excuses(exception, finding))));
    left
}

#[cfg(test)]
mod tests {
    use super::{Exception, apply};
    use crate::tidy::Finding;

    fn exception(subject: &'static str) -> Exception {
        Exception { path: "a.rs", subject, reason: "the name is another project's" }
    }

    #[test]
    fn an_exception_excuses_its_subject_in_its_file_only() {
        let findings = || {
            vec![
                Finding::at("a.rs", 1, "x").about("fn long"),
                Finding::at("b.rs", 1, "x").about("fn long"),
                Finding::at("a.rs", 2, "x"),
            ]
        };
        let left = apply(findings(), &[exception("fn long")]);
        assert_eq!(left, findings()[1..]);
    }

    #[test]
    fn an_exception_that_nothing_needs_is_a_finding() {
        let left = apply(Vec::new(), &[exception("fn gone")]);
        assert!(left[0].to_string().contains("`fn gone`"), "{left:?}");
    }
}
