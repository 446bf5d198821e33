//! `cargo xtask codegen`: writes the committed files that are made from code.
//!
//! Each file is compared with the code by a test of the crate that makes it, so a stale one fails the tests; this
//! command is what that test tells its reader to run.
//!
//! | files | made by |
//! |---|---|
//! | `config/node.toml`, `docs/configuration.md`, `.env.example` | the example `config_codegen` |
//! | `docs/openapi.json`, `docs/openrpc.json` | the example `rpc_codegen` |

use anyhow::Result;

use crate::process::{Workspace, succeed};

/// The crates that have an example called `<crate>_codegen`.
const GENERATORS: [&str; 2] = ["config", "rpc"];

/// Runs every generator.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    for package in GENERATORS {
        let mut generate = workspace.cargo(&["run", "--release", "--locked", "--quiet"]);
        succeed(generate.args(["--package", package, "--example", &format!("{package}_codegen")]))?;
    }
    Ok(())
}
