#!/usr/bin/env bash
# Starts a collector and the program on this machine and waits until a span of the program has arrived.
#
#   scripts/smoke_otlp_export.sh --mode validator --binary ./target/release/rpp-node [--expect node.telemetry.init]
#
# Modes: validator (a chain of one), node, hybrid and wallet. The collector is told by scripts/otel-collector-config.yaml
# where to listen and where to write; COLLECTOR_CONFIG names another file.
# Exit: 0 the span arrived; 1 it did not, or the program ended; 2 wrong usage.
set -euo pipefail

mode=validator binary="" expect=node.telemetry.init patience=${SMOKE_SECONDS:-60}

usage() {
    sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
    exit 2
}
while [ $# -gt 0 ]; do
    case "$1" in
    --mode | --binary | --expect)
        [ $# -ge 2 ] && [ -n "$2" ] || usage
        declare "${1#--}=$2"
        shift 2
        ;;
    *) usage ;;
    esac
done
[ -n "$binary" ] || usage
case "$mode" in validator | node | hybrid | wallet) ;; *) usage ;; esac
[ -x "$binary" ] || {
    echo "$binary is no program; build it with: cargo build --release" >&2
    exit 2
}

work=$(mktemp -d)
collector="" node=""
cleanup() {
    for pid in $node $collector; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT

# The program goes by several names; these links give it the two that are needed here.
for name in tb rpp-node; do ln -s "$(realpath "$binary")" "$work/$name"; done
touch "$work/spans"
config=${COLLECTOR_CONFIG:-$(dirname "$0")/otel-collector-config.yaml}
OTLP_HTTP_ENDPOINT=127.0.0.1:0 OTLP_SPANS_FILE="$work/spans" "$(dirname "$0")/otlp_receiver.py" "$config" "$work/port" &
collector=$!

"$work/tb" init --mode validator --moniker smoke --home "$work/home" >"$work/log"
"$work/tb" genesis new --chain-id smoke --validator "$work/home/validator_public.json" --out "$work/genesis.json" >>"$work/log"
"$work/tb" init --genesis "$work/genesis.json" --home "$work/home" >>"$work/log"
until [ -s "$work/port" ]; do
    kill -0 "$collector" 2>/dev/null || {
        echo "FAILED: the collector does not run with $config" >&2
        exit 1
    }
    sleep 0.1
done

"$work/rpp-node" "$mode" --home "$work/home" \
    --set "rollout.telemetry.http_endpoint=http://127.0.0.1:$(cat "$work/port")" \
    --set rpc.listen=127.0.0.1:0 --set wallet.listen=127.0.0.1:0 --set consensus.listen=/ip4/127.0.0.1/tcp/0 \
    --set p2p.listen=/ip4/127.0.0.1/udp/0/quic-v1 >>"$work/log" 2>&1 &
node=$!

deadline=$((SECONDS + patience))
until grep -qF "{\"name\":\"$expect\"}" "$work/spans"; do
    if ! kill -0 "$node" 2>/dev/null; then
        echo "FAILED: the program ended before a span $expect arrived; its last words:" >&2
        tail -n 5 "$work/log" >&2
        exit 1
    fi
    if [ "$SECONDS" -ge "$deadline" ]; then
        echo "FAILED: no span $expect within $patience s; these arrived: $(grep -o '"name":"[^"]*"' "$work/spans" | sort -u | tr '\n' ' ')" >&2
        exit 1
    fi
    sleep 0.2
done
echo "OK: $expect arrived from $mode"
