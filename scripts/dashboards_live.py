"""Asks Prometheus every expression that monitoring_codegen prints; called by check_dashboards_live.sh and by a test of `tb`.

What is judged is each selector of an expression: a series with the labels that are asked for, as `name{label="value"}`. It is quiet when
all its values in the window are alike; the sum over all nodes and its other labels counts. One that is quiet or missing must stand in
monitoring/quiet_series.tsv. With STRICT=1, as in the test, a line there that says `never` is a fault when its series moves.
Only the standard library is used; asking Prometheus is native_monitor's. `promtool check metrics` knows Prometheus' own text format, so a
node's OpenMetrics text is rewritten for it: counters get their `_total` back in HELP and TYPE.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request

# The import leaves no file beside the scripts.
sys.dont_write_bytecode = True
from native_monitor import TIMEOUT_SECONDS, Prometheus

PROMETHEUS = Prometheus(os.environ["PROMETHEUS_URL"], None, int(os.environ["MINUTES"]))
WINDOW = f"{PROMETHEUS.minutes}m"
STRICT = os.environ.get("STRICT") == "1"
QUIET = "monitoring/quiet_series.tsv"
LINT = "monitoring/lint_exceptions.txt"
# How often a listed series moves: in no drill, or in some.
HOW = ("never", "sometimes")


def ask(expression):
    try:
        return PROMETHEUS.answer("query", {"query": expression}), None
    except urllib.error.HTTPError as error:
        return [], json.load(error).get("error", str(error))


def state(selector):
    """missing, quiet or moved."""
    found, error = ask(f"last_over_time({selector}[{WINDOW}])")
    if error:
        sys.exit(f"{selector}: {error}")
    if not found:
        return "missing"
    changed, _ = ask(f"sum(changes({selector}[{WINDOW}])) > 0")
    return "moved" if changed else "quiet"


def listed():
    """How often each listed selector moves."""
    rows = {}
    with open(QUIET, encoding="utf-8") as file:
        for line in file:
            if line.startswith("#") or not line.strip():
                continue
            selector, how, reason = line.rstrip("\n").split("\t")
            if how not in HOW or not reason or selector in rows:
                sys.exit(f"{QUIET}: {line.strip()!r} does not say once how often it moves ({', '.join(HOW)}), and why")
            rows[selector] = how
    return rows


def lint(url):
    """Findings of `promtool check metrics` on our own metrics that no exception names."""
    if not shutil.which("promtool"):
        return ["promtool is missing: scripts/check_monitoring.sh installs it"]
    with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as answer:
        text = answer.read().decode()
    counters = set(re.findall(r"^# TYPE (\S+) counter$", text, re.M))
    lines = []
    for line in text.splitlines():
        words = line.split(" ", 3)
        if line.startswith("# UNIT") or line == "# EOF" or "malachitebft_" in line.split("{")[0]:
            continue
        if line.startswith("# ") and words[2] in counters:
            words[2] += "_total"
        lines.append(" ".join(words))
    done = subprocess.run(["promtool", "check", "metrics"], input="\n".join(lines) + "\n", text=True,
                          capture_output=True, check=False)
    with open(LINT, encoding="utf-8") as file:
        allowed = set(file.read().splitlines())
    found = [line for line in (done.stdout + done.stderr).splitlines() if line and line not in allowed]
    return [f"promtool check metrics: {line}" for line in found]


def unlisted(rows, states, quiet):
    """Selectors that are not as the list says."""
    faults = []
    for selector, found in sorted(states.items()):
        how = quiet.get(selector)
        if found == "moved":
            if how == "never":
                told = f"{selector} moved, and {QUIET} says that it never does"
                faults.append(told) if STRICT else print(f"note: {told}")
        elif how is None:
            users = sorted({row["place"] for row in rows if selector in row["selectors"]})
            faults.append(f"{selector} is {found}; used by {', '.join(users)}")
    faults += [f"{QUIET} names {selector}, which no expression reads" for selector in sorted(set(quiet) - set(states))]
    return faults


def is_of_alerts(selector):
    """The series of firing alerts, which is there only while one fires."""
    return selector.split("{")[0] == "ALERTS"


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    quiet, faults, states = listed(), [], {}
    for row in rows:
        for selector in row["selectors"]:
            if selector not in states and not is_of_alerts(selector):
                states[selector] = state(selector)
    faults += unlisted(rows, states, quiet)
    resolved = 0
    for row in rows:
        result, error = ask(row["expr"])
        if error:
            faults.append(f"{row['place']}: {error}")
        elif not result and not row["place"].startswith("alert ") and not set(row["selectors"]) & set(quiet) \
                and not any(is_of_alerts(selector) for selector in row["selectors"]):
            faults.append(f"{row['place']}: no result: {row['expr']}")
        resolved += bool(result)
    faults += lint(os.environ["METRICS_URL"])
    count = {kind: sum(1 for one in states.values() if one == kind) for kind in ("moved", "quiet", "missing")}
    print(f"{len(rows)} expressions, {resolved} with a result now; {len(states)} selectors: {count['moved']} moved, "
          f"{count['quiet']} quiet, {count['missing']} missing")
    for fault in faults:
        print(f"fault: {fault}")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
