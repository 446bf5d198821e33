#!/usr/bin/env bash
# After a rollout: one transaction, one identity genesis, and the commitment to the ledger moves on.
#
#   scripts/smoke_rollout.sh --rpc http://127.0.0.1:26658 --home ~/.the_block/devnet --from account-1
#
# --home and --from name the wallet key that pays: the fees, the bond of the identity (refundable) and 1 BLOCK.
# --proof-patience SECONDS (1800): how long a proof is awaited where the gate recursive_proofs is on.
# Each step says what it checks; the first that fails ends the script with 1, a wrong command line with 2.
set -euo pipefail

rpc=http://127.0.0.1:26658 home="" from="" proof_patience=1800 tb=${TB:-tb} patience=60

usage() {
    sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
    exit 2
}
while [ $# -gt 0 ]; do
    case "$1" in
    --rpc | --home | --from)
        [ $# -ge 2 ] || usage
        declare "${1#--}=$2"
        shift 2
        ;;
    --proof-patience)
        [ $# -ge 2 ] || usage
        proof_patience=$2
        shift 2
        ;;
    *) usage ;;
    esac
done
[ -n "$home" ] && [ -n "$from" ] || usage
command -v python3 >/dev/null || {
    echo "python3 is needed to read JSON" >&2
    exit 2
}

fail() {
    echo "FAILED: $*" >&2
    exit 1
}
# The value at a dotted path of the JSON on standard input; empty for null.
field() {
    python3 -c '
import json, sys
value = json.load(sys.stdin)
for part in sys.argv[1].split("."):
    value = value[int(part)] if isinstance(value, list) else value[part]
print("" if value is None else json.dumps(value) if isinstance(value, (dict, list, bool)) else value)' "$1"
}
get() { curl -fsS --max-time 15 "$rpc$1"; }
wait_until() {
    local what=$1 left=$patience
    shift
    until "$@"; do
        left=$((left - 1))
        [ "$left" -gt 0 ] || fail "not within $patience s: $what"
        sleep 1
    done
}

status=$(get /status/node) || fail "the node at $rpc does not answer"
latest=$(get /blocks/latest)
height=$(field header.height <<<"$latest") digest=$(field header.ops_digest <<<"$latest")
root=$(field header.state_root <<<"$latest") proven=$(field proven_height <<<"$status")
echo "chain $(field chain_id <<<"$status") at height $height, ledger commitment $digest"

newcomer=$(mktemp -d)
trap 'rm -rf "$newcomer"' EXIT
get /genesis >"$newcomer/genesis.json"
"$tb" init --mode validator --moniker smoke --genesis "$newcomer/genesis.json" --home "$newcomer/home" --json >"$newcomer/made"
address=$(field validator.address <"$newcomer/made")
identity=$(get "/ledger/identity/$address")
[ -z "$(field identity <<<"$identity")" ] || fail "$address has an identity already"
amount=$(python3 -c 'import sys; print(int(sys.argv[1]) / 1_000_000 + 1)' "$(field bond <<<"$identity")")

echo "1. a transaction: $amount BLOCK to $address"
"$tb" tx transfer --rpc "$rpc" --home "$home" --from "$from" --to "$address" --amount "$amount" --json >"$newcomer/paid" ||
    fail "the transfer: $(cat "$newcomer/paid")"
[ "$(field stage <"$newcomer/paid")" = finalized ] || fail "the transfer is not finalized: $(cat "$newcomer/paid")"

echo "2. identity genesis of $address"
"$tb" identity register --rpc "$rpc" --home "$newcomer/home" --no-peer --json >"$newcomer/registered" ||
    fail "the registration: $(cat "$newcomer/registered")"
stage=$(get "/ledger/identity/$address" | field identity.stage)
[ "$stage" = pending ] || [ "$stage" = active ] || fail "the identity is $stage"

echo "3. the commitment moves on"
moved() {
    local now
    now=$(get /blocks/latest)
    [ "$(field header.height <<<"$now")" -gt "$height" ] &&
        [ "$(field header.ops_digest <<<"$now")" != "$digest" ] && [ "$(field header.state_root <<<"$now")" != "$root" ]
}
wait_until "another ledger commitment and state root" moved
gate=$(get /status/node | python3 -c '
import json, sys
print(any(gate["name"] == "recursive_proofs" and gate["active"] for gate in json.load(sys.stdin)["gates"]))')
if [ "$gate" = True ]; then
    echo "4. a proof of a later height"
    "$(dirname "$0")/ci/proof_pipeline.py" --rpc "$rpc" --above "${proven:-0}" --patience "$proof_patience"
else
    echo "   the gate recursive_proofs is off: no proof is awaited"
fi
echo "OK: transaction, identity and commitment at height $(get /blocks/latest | field header.height)"
