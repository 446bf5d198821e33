#!/usr/bin/env bash
# Brings a published release onto the nodes of a development cluster, one node after the other.
#
#   scripts/deploy_nightly.sh --from http://builds.lan/nightly --cluster cluster.tsv --signers /etc/the-block/release_signers.txt
#
# --from      where scripts/publish_nightly.sh has published: http://, https:// or file://
# --cluster   one line for each node, columns separated by tabs, lines with # in front say nothing:
#             name, RPC URL, folder of its releases (--root of `tb release use`), command that restarts its service, and the
#             words before a command that runs it on that machine (`ssh node-1`; empty: this machine)
# --signers   whom the nodes believe: a file on each machine
# --commit    another release than the latest
# --patience  longest time for a node to come back, seconds (120)
# TB names the program that asks the nodes, else `tb`.
#
# On each node: the five files are fetched and judged by the program that runs there, kept beside it (`tb release use`), and the service is
# restarted. The node must be ready again, with moving height and samples (`tb rollout smoke`), and say that it runs that
# commit. When it does not, its previous release is made current, the service restarted, and nothing is done to the nodes after it.
# Every node needs curl and one installed release.
# Exit: 0 all run it, 1 FAILED: the node that did not take it is back on its release, 3 it is not back: look at it now, 2 a wrong command line.
set -euo pipefail

from="" cluster="" signers="" commit="" patience=120 tb=${TB:-tb}
FETCH_SECONDS=600 FETCH_BYTES=1073741824
usage() {
    sed -n '2,19s/^# \{0,1\}//p' "$0" >&2
    exit 2
}
while [ $# -gt 0 ]; do
    case "$1" in
    --from | --cluster | --signers | --commit | --patience)
        [ $# -ge 2 ] && [ -n "$2" ] || usage
        declare "${1#--}=$2"
        shift 2
        ;;
    *) usage ;;
    esac
done
[ -n "$from" ] && [ -r "$cluster" ] && [ -n "$signers" ] || usage

fail() {
    echo "FAILED: $*" >&2
    exit "${status:-1}"
}
if [ -z "$commit" ]; then
    commit=$(curl -fsS --max-time 30 --max-filesize 100 "$from/latest") || fail "$from names no latest release"
fi
[[ $commit =~ ^[0-9a-f]{40}$ ]] || fail "$commit is no commit"

# on WORDS: runs them with a shell on the machine of this node.
on() {
    if [ -n "$via" ]; then
        # The words before the command are several.
        # shellcheck disable=SC2086
        $via "$1" </dev/null
    else
        bash -c "$1" </dev/null
    fi
}
# Whether the node is well; what it lacks is kept for the last message.
lacks=""
smoke() {
    lacks=$("$tb" rollout smoke --rpc "$rpc" --timeout "${patience}s" 2>&1)
}
# Waits until the node answers at all, and then until it moves.
is_back() {
    local deadline=$((SECONDS + patience))
    until smoke; do
        [ "$SECONDS" -lt "$deadline" ] || return 1
        sleep 0.5
    done
}
# Whether the node says that it runs this commit; a build that says none is taken at its word.
runs() {
    local told
    told=$(curl -fsS --max-time 15 "$rpc/status/rollout" | python3 -c 'import json, sys; print(json.load(sys.stdin)["commit"] or "")') || return 1
    [ -z "$told" ] || [ "$told" = "$1" ]
}
# The previous program judges and turns back: the current one may be the one that does not run.
take_back() {
    on "'$root/previous/tb' release rollback --root '$root' --signers '$signers' >/dev/null" &&
        on "$restart" && is_back
}
deploy() {
    local incoming=$root/incoming file
    if [ "$(on "readlink '$root/current'" | sed 's,.*/,,')" = "$commit" ] && smoke && runs "$commit"; then
        echo "$name: runs $commit already"
        return
    fi
    smoke || fail "$name is not well before anything was done, look at it first: $lacks"
    on "rm -rf '$incoming' && mkdir -p '$incoming'" || fail "$name: $incoming cannot be made"
    for file in tb tb.cdx.json SHA256SUMS provenance.json provenance.json.sig; do
        on "curl -fsS --max-time $FETCH_SECONDS --max-filesize $FETCH_BYTES -o '$incoming/$file' '$from/$commit/$file'" ||
            fail "$name cannot fetch $from/$commit/$file"
    done
    on "'$root/current/tb' release verify '$incoming' --commit $commit --signers '$signers' >/dev/null" ||
        fail "$name refuses $commit; nothing was changed"
    on "'$root/current/tb' release use '$incoming' --root '$root' --signers '$signers' >/dev/null && rm -rf '$incoming'" ||
        fail "$name could not keep $commit; nothing was restarted"
    if on "$restart" && is_back && runs "$commit"; then
        echo "$name: runs $commit"
        return
    fi
    if take_back; then
        fail "$name did not come back with $commit; it runs its previous release again, and the nodes after it were left alone"
    fi
    status=3 fail "$name did not come back with $commit, nor with its previous release, look at it now: $lacks"
}
while IFS=$'\x1f' read -r name rpc root restart via <&3; do
    deploy
done 3< <(grep -v -e '^#' -e '^[[:space:]]*$' "$cluster" | tr '\t' '\037')
echo "OK: every node of $cluster runs $commit"
