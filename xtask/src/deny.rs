//! Licences, bans and sources of all dependencies, checked by cargo-deny at one pinned version.
//!
//! cargo-deny is built once into `target/tools`. Its advisory database lives on a host that a build machine may
//! not reach, so advisories are not part of the check; SECURITY.md says how they are looked at.

use std::path::PathBuf;

use anyhow::{Result, ensure};

use crate::process::{Workspace, output_of, succeed};

/// The version of cargo-deny that is used and nothing else, so that a check means the same everywhere.
const CARGO_DENY_VERSION: &str = "0.20.2";

/// Fetches the crates of the lock file and makes sure that the pinned cargo-deny is built.
pub(crate) fn install(workspace: &Workspace) -> Result<()> {
    // The offline check below reads the manifest of every locked crate, those of other systems too.
    succeed(&mut workspace.cargo(&["fetch", "--locked"]))?;
    if installed(workspace) {
        println!("cargo-deny {CARGO_DENY_VERSION} is installed");
        return Ok(());
    }
    let mut install = workspace.cargo(&["install", "cargo-deny", "--version", CARGO_DENY_VERSION]);
    install.args(["--locked", "--no-default-features", "--force", "--root"]);
    succeed(install.arg(folder(workspace)))?;
    ensure!(
        installed(workspace),
        "cargo-deny {CARGO_DENY_VERSION} was installed but does not answer; remove {} and try again",
        folder(workspace).display()
    );
    Ok(())
}

/// Checks licences, bans and sources against deny.toml.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    ensure!(installed(workspace), "cargo-deny {CARGO_DENY_VERSION} is missing; run `cargo xtask test --only tools`");
    let mut check = workspace.program(program(workspace));
    check.args(["--offline", "check", "--hide-inclusion-graph"]);
    succeed(check.args(["licenses", "bans", "sources"]))
}

fn folder(workspace: &Workspace) -> PathBuf {
    workspace.target().join("tools")
}

fn program(workspace: &Workspace) -> PathBuf {
    folder(workspace).join("bin").join("cargo-deny")
}

/// Whether the pinned version answers. Any failure counts as absent.
fn installed(workspace: &Workspace) -> bool {
    output_of(workspace.program(program(workspace)).arg("--version"))
        .is_ok_and(|said| said == format!("cargo-deny {CARGO_DENY_VERSION}\n").as_bytes())
}
