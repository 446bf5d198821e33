//! Writes `config/node.toml`, `docs/configuration.md` and `.env.example` from the table of keys.
//!
//! `cargo run --release -p config --example config_codegen`, or `cargo xtask codegen`, which runs it with the rest.

use std::path::Path;

fn main() -> std::io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let files = [
        ("config/node.toml", config::template()),
        ("docs/configuration.md", config::markdown()),
        (".env.example", config::env_example()),
    ];
    for (name, text) in files {
        std::fs::write(root.join(name), text)?;
        eprintln!("wrote {name}");
    }
    Ok(())
}
