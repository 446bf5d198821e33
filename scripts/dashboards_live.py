"""Asks Prometheus every expression that monitoring_codegen prints; called by check_dashboards_live.sh.

A series is quiet when all its values in the window are alike; the sum over all nodes and labels counts. Only the
standard library is used. `promtool check metrics` knows Prometheus' own text format, so a node's OpenMetrics text is
rewritten for it: counters get their `_total` back in HELP and TYPE.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import urllib.parse
import urllib.request

BASE = os.environ["PROMETHEUS_URL"].rstrip("/")
WINDOW = f"{int(os.environ['MINUTES'])}m"
QUIET = "monitoring/quiet_series.tsv"
LINT = "monitoring/lint_exceptions.txt"
TIMEOUT_SECONDS = 20


def ask(expression):
    url = f"{BASE}/api/v1/query?" + urllib.parse.urlencode({"query": expression})
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as answer:
            return json.load(answer)["data"]["result"], None
    except urllib.error.HTTPError as error:
        return [], json.load(error).get("error", str(error))


def state(series):
    """missing, quiet or moved."""
    found, error = ask(f"last_over_time({series}[{WINDOW}])")
    if error:
        sys.exit(f"{series}: {error}")
    if not found:
        return "missing"
    changed, _ = ask(f"sum(changes({series}[{WINDOW}])) > 0")
    return "moved" if changed else "quiet"


def listed():
    rows = {}
    with open(QUIET, encoding="utf-8") as file:
        for line in file:
            if line.startswith("#") or not line.strip():
                continue
            series, reason = line.rstrip("\n").split("\t")
            rows[series] = reason
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


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    quiet, faults, states = listed(), [], {}
    for row in rows:
        for series in row["series"]:
            if series not in states and series not in ("ALERTS",):
                states[series] = state(series)
    for series, found in sorted(states.items()):
        if found == "moved":
            if series in quiet:
                print(f"note: {series} moved, its line in {QUIET} was not needed this time")
        elif series not in quiet:
            users = sorted({row["place"] for row in rows if series in row["series"]})
            faults.append(f"{series} is {found}; used by {', '.join(users)}")
    resolved = 0
    for row in rows:
        result, error = ask(row["expr"])
        if error:
            faults.append(f"{row['place']}: {error}")
        elif not result and not row["place"].startswith("alert ") and not set(row["series"]) & set(quiet) \
                and "ALERTS" not in row["series"]:
            faults.append(f"{row['place']}: no result: {row['expr']}")
        resolved += bool(result)
    for series in sorted(set(quiet) - set(states)):
        faults.append(f"{QUIET} names {series}, which no expression reads")
    faults += lint(os.environ["METRICS_URL"])
    count = {kind: sum(1 for one in states.values() if one == kind) for kind in ("moved", "quiet", "missing")}
    print(f"{len(rows)} expressions, {resolved} with a result now; {len(states)} series: {count['moved']} moved, "
          f"{count['quiet']} quiet, {count['missing']} missing")
    for fault in faults:
        print(f"fault: {fault}")
    sys.exit(1 if faults else 0)


main()
