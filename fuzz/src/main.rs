//! The one fuzzing program: libFuzzer gives bytes, a target reads them. `cargo xtask nightly fuzz` builds and runs it.
//!
//! Model: variables choose what a start does, because the arguments are libFuzzer's own.
//!
//! | variable | what it does |
//! |---|---|
//! | `FUZZ_LIST=1` | prints name and longest input of every target, and ends |
//! | `FUZZ_SEEDS=DIR` | writes inputs to begin with below `DIR/TARGET`, and ends |
//! | `FUZZ_TARGET=NAME` | fuzzes this target |
//! | `FUZZ_SCRATCH=DIR` | where targets that read files put them |
//!
//! Rule: a target may refuse bytes and must never panic; what it accepts it must write again to the same bytes.
//!
//! Read next: [`targets`], [`seeds`], `xtask/src/nightly/fuzz.rs`.

#![no_main]

// One value of each encoded type, those whose bytes are pinned, from the very file of that test.
#[path = "../../crates/primitives/tests/it/samples.rs"]
#[allow(dead_code, reason = "the test of the pins uses them all")]
mod samples;
mod seeds;
mod targets;

use std::path::Path;
use std::process::exit;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;

use targets::{TARGETS, Target};

static CHOSEN: OnceLock<&'static Target> = OnceLock::new();

/// Does what the variables say; comes back when there is a target to fuzz.
fn start() {
    if std::env::var_os("FUZZ_LIST").is_some() {
        TARGETS.iter().for_each(|target| println!("{}\t{}", target.name, target.bytes_max));
        exit(0);
    }
    if let Some(folder) = std::env::var_os("FUZZ_SEEDS") {
        for target in TARGETS {
            seeds::write(Path::new(&folder), target)
                .unwrap_or_else(|error| panic!("seeds of {}: {error}", target.name));
        }
        exit(0);
    }
    let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
    let Some(target) = TARGETS.iter().find(|target| target.name == name) else {
        eprintln!("FUZZ_TARGET={name} is no target; FUZZ_LIST=1 names them");
        exit(2);
    };
    CHOSEN.get_or_init(|| target);
}

fuzz_target!(init: start(), |bytes: &[u8]| {
    if let Some(target) = CHOSEN.get() {
        (target.run)(bytes);
    }
});
