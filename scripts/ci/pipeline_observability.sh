#!/usr/bin/env bash
# After a deployment: the pipeline view is there, and it moves.
#
#   scripts/ci/pipeline_observability.sh --rpc http://127.0.0.1:26658
#
# Checks, each by name: the four series pipeline_… in /metrics, the snapshot with every stage, the dashboard, an event of
# the stream, and that finalized transactions were counted. Needs a chain that has finalized a transaction.
# Exit: 0 all hold, 1 something is missing, 2 a wrong command line.
set -euo pipefail

rpc=http://127.0.0.1:26658
usage() {
    sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
    exit 2
}
while [ $# -gt 0 ]; do
    case "$1" in
    --rpc)
        [ $# -ge 2 ] || usage
        rpc=$2
        shift 2
        ;;
    *) usage ;;
    esac
done
for needed in curl python3; do
    command -v "$needed" >/dev/null || {
        echo "$needed is needed" >&2
        exit 2
    }
done

fail() {
    echo "FAILED: $*" >&2
    exit 1
}
get() { curl -fsS --max-time 15 "$rpc$1" || fail "GET $1 of $rpc does not answer"; }

metrics=$(get /metrics)
for series in pipeline_stage_latency_ms_bucket pipeline_errors_total pipeline_gossip_events_total \
    pipeline_leader_rotations_total; do
    grep -q "^$series[{ ]" <<<"$metrics" || fail "/metrics has no $series"
done
echo "1. /metrics has the four series"

get /wallet/pipeline/telemetry | python3 -c '
import json, sys
told = json.load(sys.stdin)
stages = [stage["stage"] for stage in told["stages"]]
wanted = ["admitted", "gossiped", "proposed", "decided", "finalized", "proven"]
if stages != wanted:
    sys.exit(f"FAILED: the snapshot has the stages {stages}, not {wanted}")
finalized = told["stages"][wanted.index("finalized")]
if not finalized["count"] or finalized["p95_ms"] is None:
    sys.exit("FAILED: no transaction was finalized since the node started; pay somebody and try again")
for part in ("errors", "gossip", "proposer_changes"):
    if part not in told:
        sys.exit(f"FAILED: the snapshot has no {part}")
print("2. the snapshot:", finalized["count"], "finalized, height", told["height"])'

get /wallet/pipeline/dashboard | python3 -c '
import json, sys
flows = json.load(sys.stdin)["flows"]
if not any(flow["stage"] in ("finalized", "proven") for flow in flows):
    sys.exit("FAILED: the dashboard shows no finalized transaction")
print(f"3. the dashboard: {len(flows)} transactions")'

# The stream begins with the present numbers; the time limit ends it.
event=$(curl -sS -N --max-time 5 "$rpc/wallet/pipeline/stream" 2>/dev/null | head -n 2 || true)
grep -q '^event: telemetry$' <<<"$event" || fail "the stream said no event telemetry"
echo "4. the stream"
echo "OK: the pipeline of $rpc can be observed"
