//! `cargo xtask monitoring`: dashboards, alerts and their promtool tests, made from the code of the crate `monitoring`.
//!
//! The tests of that crate refuse a committed file that differs from the code; this command is what they tell their
//! reader to run. promtool is no part of `cargo xtask test`, because it is a package of the system and not a crate:
//! `--promtool` runs it here and in the nightly task.

use std::io::Write;

use anyhow::Result;

use crate::process::{Workspace, output_of, succeed};

/// What makes the files.
const GENERATOR: [&str; 8] =
    ["run", "--release", "--locked", "--quiet", "--package", "monitoring", "--example", "monitoring_codegen"];

/// Writes the files, or with `check` compares them; with `promtool` compares them and has their rules judged; with `runbook_base`
/// prints the rules with the runbooks there.
///
/// # Errors
/// A file that differs or cannot be written, or what promtool refuses.
pub(crate) fn run(workspace: &Workspace, check: bool, promtool: bool, runbook_base: Option<&str>) -> Result<()> {
    let mut generate = workspace.cargo(&GENERATOR);
    if let Some(base) = runbook_base {
        // What is printed is a file, so nothing else is.
        let rules = output_of(generate.args(["--", "--runbook-base", base]))?;
        return Ok(std::io::stdout().write_all(&rules)?);
    }
    if check || promtool {
        generate.args(["--", "--check"]);
    }
    succeed(&mut generate)?;
    if promtool {
        succeed(&mut workspace.program(workspace.root().join("scripts/check_monitoring.sh")))?;
    }
    Ok(())
}
