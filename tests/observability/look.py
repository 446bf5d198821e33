#!/usr/bin/env python3
"""The looks of tests/observability/run.sh: metrics, log and spans of one node. Exit: 0 all hold, 1 the first that does not."""

import json
import os
import sys
import time
import urllib.error
import urllib.request

# Series that dashboards and alerts of every stage stand on.
SERIES = (
    "consensus_finalized_height",
    "mempool_queue_depth",
    "node_ready",
    "node_uptime_seconds",
    "process_resident_memory_bytes",
    "proof_lag_blocks",
    "rollout_gate_active",
    "rpc_requests_total",
    "storage_size_bytes",
    "telemetry_samples_total",
)
# Longest text that is read of the node or of its log, bytes.
READ_MAX = 64 << 20


def fail(reason):
    sys.exit(f"FAILED: {reason}")


def get(url):
    request = urllib.request.Request(url)
    if os.environ.get("TOKEN"):
        request.add_header("authorization", f"Bearer {os.environ['TOKEN']}")
    try:
        with urllib.request.urlopen(request, timeout=15) as answer:
            return answer.read(READ_MAX).decode()
    except (OSError, urllib.error.URLError) as error:
        fail(f"GET {url} does not answer: {error}")


def until(what, patience, look):
    """Looks until there is an answer; what did not come in time is the failure."""
    deadline = time.monotonic() + patience
    while True:
        found = look()
        if found is not None:
            return found
        if time.monotonic() > deadline:
            fail(f"not within {patience} s: {what}")
        time.sleep(0.2)


def samples(text):
    """The sum of the samples of every series."""
    sums = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            name = name.split("{")[0]
            sums[name] = sums.get(name, 0.0) + float(value)
    return sums


def metrics(rpc, patience):
    # A node that nobody has asked yet has counted no request.
    get(f"{rpc}/health")
    text = get(f"{rpc}/metrics")
    if not text.endswith("# EOF\n"):
        fail("/metrics is not whole: it does not end with # EOF")
    before = samples(text)
    missing = [name for name in SERIES if name not in before]
    if missing:
        fail(f"/metrics has no {', '.join(missing)}")

    def moved():
        now = samples(get(f"{rpc}/metrics"))
        names = ("consensus_finalized_height", "telemetry_samples_total", "rpc_requests_total")
        return now if all(now.get(name, 0) > before[name] for name in names) else None

    until("height, samples and requests that rise in /metrics", patience, moved)
    print(f"1. /metrics: {len(before)} series, and they move")


def records(log):
    """The samples in the log, oldest first; lines that are no JSON are of other programs."""
    try:
        with sys.stdin if log == "-" else open(log, encoding="utf-8", errors="replace") as file:
            text = file.read(READ_MAX)
    except OSError as error:
        fail(f"the log cannot be read: {error}")
    found = []
    for line in text.splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict) and record.get("target") == "telemetry" and "health" in record:
            found.append(record)
    return found


def logs(rpc, log, patience):
    def two():
        found = records(log)
        return found if len(found) >= 2 else None

    found = until("two records of the target telemetry in the log", 0 if log == "-" else patience, two)
    status = json.loads(get(f"{rpc}/status/rollout"))
    last = found[-1]
    for key, wanted in (("release_channel", status["release_channel"]), ("genesis", status["genesis_hash"])):
        if last.get(key) != wanted:
            fail(f"the log says {key} {last.get(key)!r}, the node {wanted!r}: it is the log of another node")
    health = json.loads(last["health"])
    if not isinstance(health.get("ready"), bool):
        fail("the record in the log does not say whether the node is ready")
    print(f"2. the log: {len(found)} records, the last at height {last['height']}")


def traces(rpc, patience):
    def exporter():
        exporters = json.loads(get(f"{rpc}/status/rollout"))["telemetry"]["exporters"]
        found = [one for one in exporters if one["signal"] == "traces"]
        if not found:
            fail("the node exports no spans: set rollout.telemetry.endpoint or .http_endpoint")
        return found[0]

    before = exporter()

    def more():
        now = exporter()
        return now if now["exported"] > before["exported"] else None

    now = until(f"spans that a collector takes; the last failure: {before['last_failure']}", patience, more)
    if now["dropped"] > before["dropped"]:
        fail(f"{now['dropped'] - before['dropped']} spans were dropped meanwhile")
    print(f"3. spans: {now['exported']} at {now['endpoint']} over {now['protocol']}")


def main():
    rpc, log, patience = sys.argv[1].rstrip("/"), sys.argv[2], float(sys.argv[3])
    metrics(rpc, patience)
    logs(rpc, log, patience)
    traces(rpc, patience)
    print(f"OK: {rpc} can be observed")


if __name__ == "__main__":
    main()
