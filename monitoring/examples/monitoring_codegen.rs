//! Writes `monitoring/alert.rules.yml`, `monitoring/tests/*.yml` and `monitoring/grafana/*.json` from the code.
//!
//! `cargo run --release -p monitoring --example monitoring_codegen`, or `cargo xtask monitoring`. With `--check` it
//! writes nothing and fails where a file differs. With `--expressions` it prints every expression as JSON lines, for
//! `scripts/check_dashboards_live.sh`. With `--runbook-base BASE` it prints the rules with the runbooks at that place.

use std::io::{Error, Result, Write};
use std::path::Path;

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] => write(),
        ["--check"] => check(),
        ["--expressions"] => expressions(),
        ["--runbook-base", base] => std::io::stdout().write_all(monitoring::rules_with_runbooks(base).as_bytes()),
        _ => {
            let found = words.join(" ");
            Err(Error::other(format!("{found} is neither --check, nor --expressions, nor --runbook-base BASE")))
        }
    }
}

fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn write() -> Result<()> {
    let files = monitoring::files();
    for (path, text) in &files {
        let full = folder().join(path);
        if let Some(parent) = full.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(full, text)?;
    }
    eprintln!("wrote {} files to {}", files.len(), monitoring::FOLDER);
    Ok(())
}

fn check() -> Result<()> {
    for (path, text) in monitoring::files() {
        let committed = std::fs::read_to_string(folder().join(&path)).unwrap_or_default();
        if committed != text {
            return Err(Error::other(format!("monitoring/{path} differs; run `cargo xtask monitoring`")));
        }
    }
    Ok(())
}

fn expressions() -> Result<()> {
    let mut out = std::io::stdout().lock();
    for asked in monitoring::expressions().map_err(Error::other)? {
        writeln!(out, "{}", asked.line())?;
    }
    Ok(())
}
