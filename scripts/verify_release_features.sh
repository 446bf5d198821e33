#!/usr/bin/env bash
# Checks what a program was built with: a release has the features prod and backend-plonky3, nothing that is made for
# tests, and runs on processors other than the one it was built on.
#
#   scripts/verify_release_features.sh BINARY
#
# Asks the program itself (`BINARY release info --json`), so check its signature first: `tb release verify DIR`.
# Ends with 0 when all holds, 1 naming what does not, 2 for a wrong command line.
set -euo pipefail
if [ $# -ne 1 ] || [ ! -x "$1" ] || [ -d "$1" ]; then
    sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
binary=$(realpath "$1")
metadata=$("$binary" release info --json) || {
    echo "FAILED: $1 says nothing about its build" >&2
    exit 1
}
python3 - "$1" "$metadata" <<'PYTHON'
import json, re, sys

name, text = sys.argv[1:]
wrong = []
try:
    info = json.loads(text)
    features, needs, commit = info["features"], info["cpu_features"], info["commit"]
except (ValueError, KeyError, TypeError) as error:
    sys.exit(f"FAILED: {name}: the metadata of the build cannot be read: {error!r}")
for wanted in ["prod", "backend-plonky3"]:
    if wanted not in features:
        wrong.append(f"the feature {wanted} is absent")
for feature in features:
    if re.search(r"mock|fake|stub|test|seeded-bugs|dishonest|dev", feature):
        wrong.append(f"the feature {feature} is made for tests")
if not re.fullmatch(r"[0-9a-f]{40}", commit or ""):
    wrong.append("no commit is stamped into it")
for need in needs:
    if re.match(r"avx|bmi|fma|sve", need):
        wrong.append(f"it needs a processor with {need}; a release runs on x86-64-v2 or the baseline of its target")
if wrong:
    sys.exit("\n".join(f"FAILED: {name}: {what}" for what in wrong))
print(f"OK: {name} is built from {commit} with {', '.join(features)}")
PYTHON
