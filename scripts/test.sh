#!/usr/bin/env bash
# Runs the tests of a proof system. Suites: --unit (its crates), --integration (real processes that prove, fold and verify).
# Without a suite both are run. --dry-run prints the commands.
set -euo pipefail
cd "$(dirname "$0")/.."

backend=plonky3 unit=false integration=false dry=false
usage() {
    echo "usage: scripts/test.sh [--backend plonky3] [--unit] [--integration] [--dry-run]" >&2
    exit 2
}
while [ $# -gt 0 ]; do
    case "$1" in
        --backend) [ $# -ge 2 ] || usage; backend=$2; shift ;;
        --unit) unit=true ;;
        --integration) integration=true ;;
        --dry-run) dry=true ;;
        *) echo "scripts/test.sh: $1 is unknown" >&2; usage ;;
    esac
    shift
done
if [ "$backend" != plonky3 ]; then
    echo "scripts/test.sh: this build has no backend $backend; it has plonky3" >&2
    exit 2
fi
if ! $unit && ! $integration; then unit=true integration=true; fi

run() {
    echo "\$ $*"
    if ! $dry; then "$@"; fi
}
if $unit; then run cargo test --release --locked -p proof -p prover -p prover-service --lib; fi
if $integration; then run cargo test --release --locked -p tb --test it -- chain_proof:: proof_gossip:: proofs::; fi
