#!/usr/bin/env bash
# Asks a running Prometheus every expression of every dashboard, alert and recording rule.
#
# Each series that an expression reads must be there, and must have changed in the last MINUTES minutes (30), or stand
# in monitoring/quiet_series.tsv with its reason; and an expression that filters nothing must return something.
# A line of quiet_series.tsv that is not needed is named, and is a fault with STRICT=1 only: drills differ. A test of `tb` runs the same on a
# network with faults.
# PROMETHEUS_URL names the server, as for scripts/prometheus_query; METRICS_URL a node, whose text promtool judges.
# Exit: 0 all hold, 1 something does not.
set -euo pipefail
cd "$(dirname "$0")/.."
expressions=$(mktemp)
trap 'rm -f "$expressions"' EXIT
cargo run --release --locked --quiet --package monitoring --example monitoring_codegen -- --expressions >"$expressions"
PROMETHEUS_URL=${PROMETHEUS_URL:-http://localhost:9090} METRICS_URL=${METRICS_URL:-http://localhost:26658/metrics} \
    MINUTES=${MINUTES:-30} exec python3 scripts/dashboards_live.py "$expressions"
