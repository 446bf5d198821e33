#!/bin/sh
# Stands before rustc (RUSTC_WRAPPER): the crates of this project get a counter at every edge and a hook at every comparison, which is what
# libFuzzer steers by and reports. Crates of others are built as ever, so `cov:` counts edges of our own code and of what is generic in it.
#
# The flags are those of `cargo fuzz build --sanitizer none`; they work with the stable compiler, because no sanitizer is linked.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
case ${CARGO_MANIFEST_DIR:-} in
"$root"/target/*) exec "$@" ;;
"$root"/*)
    exec "$@" -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
        -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
        -Cllvm-args=-sanitizer-coverage-trace-compares
    ;;
*) exec "$@" ;;
esac
