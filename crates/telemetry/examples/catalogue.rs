//! Prints `docs/metrics.md` from the declarations: `cargo run --release -p telemetry --example catalogue > docs/metrics.md`.

fn main() {
    print!("{}", telemetry::catalogue::markdown());
}
