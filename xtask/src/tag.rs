//! `cargo xtask tag`: gives the commit that is checked out a name, when everything that a release rests on is in order.
//!
//! ```text
//! clean tree ─► just dependency-audit (deny, tidy) ─► vendored crates are not stale ─► git tag -a NAME
//! ```
//! Rules
//! - Every gate is asked, and every failure is told; one is enough and no tag is made.
//! - The gates are those of `just dependency-audit`, and the snapshot of `cargo xtask vendor`.
//! - Nothing is pushed.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use crate::process::{Workspace, output_of, succeed};
use crate::{deny, tidy, vendor};

/// Longest name of a tag, bytes.
const NAME_MAX: usize = 64;

/// A question with its answer.
type Gate<'g> = (&'static str, Box<dyn Fn() -> Result<()> + 'g>);

/// Makes the tag, if every gate is open.
///
/// # Errors
/// Every gate that is shut, a name that cannot be, and git.
pub(crate) fn run(workspace: &Workspace, name: &str, vendored: Option<&Path>) -> Result<()> {
    let folder = vendored.map_or_else(|| vendor::place(workspace), Path::to_owned);
    let gates: Vec<Gate<'_>> = vec![
        ("clean tree", Box::new(|| clean(workspace))),
        ("licences, bans and sources", Box::new(|| deny::check(workspace))),
        ("house rules and dependency policies", Box::new(|| tidy::run(workspace, false))),
        ("vendored crates", Box::new(|| vendor::judge(workspace, &folder))),
    ];
    through(workspace, name, &gates)
}

fn through(workspace: &Workspace, name: &str, gates: &[Gate<'_>]) -> Result<()> {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    ensure!(
        !name.is_empty() && name.len() <= NAME_MAX && name.bytes().all(good),
        "{name:?} is no name of a tag: letters, digits, `.`, `_` and `-`, at most {NAME_MAX}"
    );
    let mut shut = Vec::new();
    for (gate, ask) in gates {
        if let Err(error) = ask() {
            shut.push(format!("{gate}: {error:#}"));
        }
    }
    if !shut.is_empty() {
        bail!("{name} is not tagged\n{}", shut.join("\n"));
    }
    succeed(workspace.program("git").args(["tag", "-a", name, "-m", name]))
}

fn clean(workspace: &Workspace) -> Result<()> {
    let changed = output_of(workspace.program("git").args(["status", "--porcelain"]))?;
    let text = String::from_utf8(changed).context("a file name is not UTF-8")?;
    ensure!(text.is_empty(), "there are changes that are not committed:\n{text}");
    Ok(())
}

#[cfg(test)]
mod tests;
