#!/usr/bin/env bash
# The way of a transaction through a deployed node: handed in, finalized, proven where its chain proves, counted and shown.
#
#   tests/pipeline/run.sh --rpc http://127.0.0.1:26658 --home ~/.the_block/devnet --from account-1
#
# --home and --from name the wallet key that pays, and --proof-patience SECONDS how long a proof is awaited, as for
# scripts/smoke_rollout.sh. TB names the program, else `tb`.
# Exit: 0 everything holds; else that of the first step that fails, which says why; 2 a wrong command line.
set -euo pipefail

rpc=http://127.0.0.1:26658 home="" from="" proofs=()
usage() {
    sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
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
        proofs=("$1" "$2")
        shift 2
        ;;
    *) usage ;;
    esac
done
[ -n "$home" ] && [ -n "$from" ] || usage
scripts=$(dirname "$0")/../../scripts

echo "the node is ready, its height and its samples move"
"${TB:-tb}" rollout smoke --rpc "$rpc" --timeout 60s
echo "blocks, identities and proofs"
"$scripts/smoke_rollout.sh" --rpc "$rpc" --home "$home" --from "$from" "${proofs[@]}"
echo "the pipeline view"
"$scripts/ci/pipeline_observability.sh" --rpc "$rpc"
echo "OK: tests/pipeline at $rpc"
