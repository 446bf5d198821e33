//! Writes `docs/openapi.json` and `docs/openrpc.json` from the API contract.
//!
//! `cargo run --release -p rpc --example rpc_codegen`, or `cargo xtask codegen`, which runs it with the rest.

use std::path::Path;

fn main() -> std::io::Result<()> {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    for (name, text) in [("openapi.json", rpc::openapi_json()), ("openrpc.json", rpc::openrpc_json())] {
        std::fs::write(docs.join(name), text)?;
        eprintln!("wrote docs/{name}");
    }
    Ok(())
}
