#!/usr/bin/env bash
# What a deployed node tells its operators: metrics that move, records in its log, spans that arrive at a collector.
#
#   tests/observability/run.sh --rpc http://127.0.0.1:26658 --log /var/log/node/node.log
#   journalctl -u the-block -o cat | tests/observability/run.sh --rpc http://127.0.0.1:26658 --log -
#
# The log must be JSON (log.format = "json") at level info; `-` is standard input. TOKEN holds the token for /metrics where
# the node asks for one. The node must have a collector (rollout.telemetry.endpoint or .http_endpoint).
# Exit: 0 all hold, 1 the first thing that does not, by name, 2 a wrong command line.
set -euo pipefail

rpc=http://127.0.0.1:26658 log="" patience=${SUITE_SECONDS:-30}
usage() {
    sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
    exit 2
}
while [ $# -gt 0 ]; do
    case "$1" in
    --rpc | --log)
        [ $# -ge 2 ] || usage
        declare "${1#--}=$2"
        shift 2
        ;;
    *) usage ;;
    esac
done
[ -n "$log" ] || usage
for needed in curl python3; do
    command -v "$needed" >/dev/null || {
        echo "$needed is needed" >&2
        exit 2
    }
done
exec python3 "$(dirname "$0")/look.py" "$rpc" "$log" "$patience"
