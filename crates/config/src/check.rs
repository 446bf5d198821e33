//! `config check`: everything that can be said about a home directory without starting the node.

use std::fmt;

use primitives::Genesis;

use crate::error::ConfigErrors;
use crate::files::{open_to_others, read_text};
use crate::home::Home;
use crate::node::{Loaded, Mode, NodeConfig};

/// Largest genesis file that is read, bytes: the most accounts, written out.
pub const GENESIS_BYTES_MAX: u64 = 1 << 30;

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The node would refuse to start.
    Error,
    /// The node would start; somebody should look.
    Warning,
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, why, and what to do.
    pub text: String,
}

/// Everything that was found; nothing when all is well.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// The problems, errors first.
    pub problems: Vec<Problem>,
}

impl Report {
    /// True when nothing was found.
    pub fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }

    /// True when the node would refuse to start. `config check` fails exactly then.
    pub fn has_errors(&self) -> bool {
        self.problems.iter().any(|problem| problem.severity == Severity::Error)
    }

    fn error(&mut self, text: impl fmt::Display) {
        self.problems.push(Problem { severity: Severity::Error, text: text.to_string() });
    }

    fn warning(&mut self, text: impl fmt::Display) {
        self.problems.push(Problem { severity: Severity::Warning, text: text.to_string() });
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_clean() {
            return f.write_str("the configuration has no problems\n");
        }
        self.problems.iter().try_for_each(|problem| {
            let severity = match problem.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            };
            writeln!(f, "{severity}: {}", problem.text)
        })
    }
}

/// Loads the configuration as a start would, and looks at the genesis file and at the key files that the mode
/// needs. Nothing is written and nothing is started.
pub fn check(home: &Home, flags: &[(String, String)], environment: impl Fn(&str) -> Option<String>) -> Report {
    let mut report = Report::default();
    match NodeConfig::load(home, flags, environment) {
        Ok(loaded) => files(&mut report, home, &loaded),
        Err(ConfigErrors(errors)) => errors.iter().for_each(|error| report.error(error)),
    }
    report.problems.sort_by_key(|problem| problem.severity == Severity::Warning);
    report
}

fn files(report: &mut Report, home: &Home, loaded: &Loaded) {
    loaded.warnings.iter().for_each(|warning| report.warning(warning));
    let path = home.genesis_json();
    match read_text(&path, GENESIS_BYTES_MAX) {
        Ok(Some(text)) => match Genesis::from_json(&text) {
            Ok(genesis) => {
                if let Err(ConfigErrors(errors)) = loaded.config.check_gates(&genesis) {
                    errors.iter().for_each(|error| report.error(error));
                }
            }
            Err(error) => report.error(format!("{}: {error}; fetch it again", path.display())),
        },
        Ok(None) => report.error(format!(
            "{} is missing, and no node starts without it; copy the genesis file of the chain there",
            path.display()
        )),
        Err(error) => report.error(error),
    }
    let own = if loaded.config.signer.is_some() { home.vrf_key() } else { home.validator_key() };
    let validator = (loaded.config.mode == Mode::Validator).then_some(own);
    let node = loaded.config.mode.has_chain().then(|| home.node_key());
    for key in validator.into_iter().chain(node) {
        if !key.exists() {
            report.error(format!(
                "{} is missing; copy it here, restore a backup made with --with-keys, or make a new one in another home with: tb init --home DIR",
                key.display()
            ));
        } else if let Some(mode) = open_to_others(&key) {
            let shown = key.display();
            report.warning(format!("{shown} can be used by others (mode {mode:o}); run: chmod 600 {shown}"));
        }
    }
}
