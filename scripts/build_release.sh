#!/usr/bin/env bash
# Builds a release of the commit that is checked out, for machines other than this one.
#
#   scripts/build_release.sh [--out DIR] [--tests FILE] [--deb]
#
# It is built with the features prod (nothing in it is made for tests) and backend-plonky3 (the proofs of the network).
#
# DIR (default: target/release-portable/out) receives tb, tb.cdx.json (its parts, CycloneDX 1.6), SHA256SUMS and
# provenance.json. With TB_RELEASE_KEY naming a key of `tb release key`, the provenance is signed; without one the
# release is said to be unsigned, and `tb release verify` refuses it. What is changed and not committed is not built.
#
# The provenance says whether the tests passed: `cargo xtask test` leaves a record of the commit in target/tests.json when it ran
# all its steps, so run it first. With no record of this commit the script says `tests: none`, and `tb rollout check` holds the
# step up. A record that is named with --tests must be of this commit.
#
# With --deb the release has a Debian package too, packed from the files of the commit and listed with the sums of the others.
#
# Flags: .cargo/config.toml tunes every local build to the machine that it runs on, and such a program ends with an
# illegal instruction on an older one. A release is built for x86-64-v2 (SSE4.2 and POPCNT: servers since 2009), on
# other architectures for the baseline of the target, into a folder of its own, so that neither build spoils the other.
# Most of an hour of one core; the logic is in xtask/src/release.rs.
set -euo pipefail
cd "$(dirname "$0")/.."
exec cargo xtask release "$@"
