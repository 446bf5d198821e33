#!/usr/bin/env bash
# Fuzzes everything that reads bytes of others, and reports how much of it the inputs reached.
#
#   scripts/fuzz_coverage.sh
#
# Builds fuzz/ with a counter at every edge, runs each target for 20 seconds from the pinned samples and what earlier runs
# found, and prints runs, edges and inputs of each. It is the task `fuzz` of `cargo xtask nightly`: docs/nightly/fuzz.json keeps the
# numbers, and the checks of every change ask for that file, for every target, and for least numbers. Needs a C++ compiler.
# Exit: 0 all targets came back from every input, 1 one did not, and its input is named.
set -euo pipefail
cd "$(dirname "$0")/.."
exec cargo xtask nightly fuzz
