#!/usr/bin/env bash
# Publishes a release where the nodes of a development cluster fetch it: scripts/deploy_nightly.sh brings it onto them.
#
#   scripts/publish_nightly.sh --to /srv/nightly --signers release_signers.txt [--release DIR] [--key FILE] [--keep 7]
#
# --release  a folder with the five files of a release; default target/release-portable/out, which `cargo xtask nightly release` leaves
# --to       a folder that a web server shows, or that the machines mount
# --signers  whom the cluster believes: what none of them signed is not published
# --key      signs the copy with this key first: the nightly task signs with a key that it throws away
# --keep     releases that stay, the newest (7)
# TB names the program that signs and judges, else `tb`.
#
# What it leaves: TO/COMMIT/ with the five files, and TO/latest with the commit, which changes last. A release that is there already
# stays as it is. Exit: 0 published, 1 FAILED: why, 2 a wrong command line.
set -euo pipefail

release=$(dirname "$0")/../target/release-portable/out to="" signers="" key="" keep=7 tb=${TB:-tb}
files=(tb tb.cdx.json SHA256SUMS provenance.json provenance.json.sig)
usage() {
    sed -n '2,14s/^# \{0,1\}//p' "$0" >&2
    exit 2
}
while [ $# -gt 0 ]; do
    case "$1" in
    --release | --to | --signers | --key | --keep)
        [ $# -ge 2 ] && [ -n "$2" ] || usage
        declare "${1#--}=$2"
        shift 2
        ;;
    *) usage ;;
    esac
done
[ -n "$to" ] && [ -n "$signers" ] || usage
[[ $keep =~ ^[1-9][0-9]{0,3}$ ]] || usage

fail() {
    echo "FAILED: $*" >&2
    exit 1
}
mkdir -p "$to"
# One publisher at a time; the lock ends with this script.
exec 9>"$to/.lock"
flock -w 60 9 || fail "somebody else publishes to $to"
new=$to/.new
rm -rf "$new"
mkdir "$new"
trap 'rm -rf "$new"' EXIT
for file in "${files[@]}"; do
    [ -n "$key" ] && [ "$file" = provenance.json.sig ] && continue
    cp "$release/$file" "$new/$file" 2>/dev/null || fail "$release lacks $file"
done
if [ -n "$key" ]; then
    "$tb" release sign "$new" --key "$key" >&2 || fail "it cannot be signed"
fi
judged=$("$tb" release verify "$new" --signers "$signers" --json) || fail "$release does not hold: $judged"
commit=$(python3 -c 'import json, sys; print(json.load(sys.stdin)["commit"])' <<<"$judged")
chmod 755 "$new/tb"
if [ -d "$to/$commit" ]; then
    echo "$commit is there already" >&2
else
    chmod 755 "$new"
    mv "$new" "$to/$commit"
fi
echo "$commit" >"$to/.latest"
mv "$to/.latest" "$to/latest"
# Oldest first; the one that was just named stays.
find "$to" -mindepth 1 -maxdepth 1 -type d -regextype posix-extended -regex '.*/[0-9a-f]{40}' ! -name "$commit" -printf '%T@ %p\n' |
    sort -n | head -n "-$((keep - 1))" | cut -d ' ' -f 2- | while IFS= read -r old; do rm -rf "$old"; done
echo "published $commit at $to"
