#!/usr/bin/env bash
# Builds a release of the commit that is checked out, for machines other than this one.
#
#   scripts/build_release.sh [--out DIR]
#
# It is built with the features prod (nothing in it is made for tests) and backend-plonky3 (the proofs of the network).
#
# DIR (default: target/release-portable/out) receives tb, tb.cdx.json (its parts, CycloneDX 1.6), SHA256SUMS and
# provenance.json. With TB_RELEASE_KEY naming a key of `tb release key`, the provenance is signed; without one the
# release is said to be unsigned, and `tb release verify` refuses it. What is changed and not committed is not built.
#
# Flags: .cargo/config.toml tunes every local build to the machine that it runs on, and such a program ends with an
# illegal instruction on an older one. A release is built for x86-64-v2 (SSE4.2 and POPCNT: servers since 2009), on
# other architectures for the baseline of the target, into a folder of its own, so that neither build spoils the other.
# Most of an hour of one core; the logic is in xtask/src/release.rs.
set -euo pipefail
cd "$(dirname "$0")/.."
exec cargo xtask release "$@"
