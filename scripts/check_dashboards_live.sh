#!/usr/bin/env bash
# Asks a running Prometheus every expression of every dashboard, alert and recording rule.
#
# Each series that an expression reads, with the labels that it asks for, must be there, and must have changed in the last
# MINUTES minutes (30), or stand in monitoring/quiet_series.tsv with its reason; and an expression that filters nothing must return something.
# The list is that of the drill in tb/tests/it/alerts.rs, which brings faults and runs the same with STRICT=1: then a line that was not needed is
# a fault too. On a network where less happens more series are quiet, and are named.
# PROMETHEUS_URL names the server, as for scripts/prometheus_query; METRICS_URL a node, whose text promtool judges.
# Exit: 0 all hold, 1 something does not.
set -euo pipefail
cd "$(dirname "$0")/.."
expressions=$(mktemp)
trap 'rm -f "$expressions"' EXIT
cargo run --release --locked --quiet --package monitoring --example monitoring_codegen -- --expressions >"$expressions"
PROMETHEUS_URL=${PROMETHEUS_URL:-http://localhost:9090} METRICS_URL=${METRICS_URL:-http://localhost:26658/metrics} \
    MINUTES=${MINUTES:-30} exec python3 scripts/dashboards_live.py "$expressions"
