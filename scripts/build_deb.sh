#!/usr/bin/env bash
# Makes the Debian package of a program that is built.
#
#   scripts/build_deb.sh --binary ./the-block-release/tb --out .
#
# It holds the program under all its names, the units the-block.service (also called ledger-node.service) and
# the-block-signer.service, the commented configuration and the profiles of the rollout; for those who watch it alert rules, examples
# of a Prometheus that loads them and of an Alertmanager, dashboards, and the scripts that runbooks use; and the manual with the runbooks,
# whose links lead to what the package has. Installing it makes the users the-block and the-block-signer, and starts nothing.
# Two packages of one program and one commit have the same bytes. DEB_COMPRESSION=none packs in a second.
# Exit: 0 with the path of the package on standard output, 1 where something fails, 2 a wrong command line.
set -euo pipefail

binary="" out=""
usage() {
    sed -n '2,11s/^# \{0,1\}//p' "$0" >&2
    exit 2
}
while [ $# -gt 0 ]; do
    case "$1" in
    --binary | --out)
        [ $# -ge 2 ] && [ -n "$2" ] || usage
        declare "${1#--}=$2"
        shift 2
        ;;
    *) usage ;;
    esac
done
[ -n "$binary" ] && [ -n "$out" ] || usage
[ -x "$binary" ] || {
    echo "$binary is no program; build it with scripts/build_release.sh" >&2
    exit 1
}
command -v dpkg-deb >/dev/null || {
    echo "dpkg-deb is needed" >&2
    exit 1
}

top=$(cd "$(dirname "$0")/.." && pwd)
version=$("$binary" --version | sed 's/.* //')
architecture=$(dpkg --print-architecture)
# The newest symbols of the C library that the program asks for.
libc=$(grep -ao 'GLIBC_2\.[0-9]*' "$binary" | sed 's/GLIBC_//' | sort -uV | tail -n 1 || true)
# The time in the package is that of the commit, so that it does not tell when somebody packed it.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$top" log -1 --format=%ct 2>/dev/null || echo 0)}
export SOURCE_DATE_EPOCH

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
chmod 755 "$root"
install -D -m 755 "$binary" "$root/usr/bin/tb"
for name in tb-cli contract-cli rpp-node simnet probe; do ln -s tb "$root/usr/bin/$name"; done
install -D -m 644 "$top/config/systemd/the-block.service" "$root/usr/lib/systemd/system/the-block.service"
install -D -m 644 "$top/config/systemd/the-block-signer.service" "$root/usr/lib/systemd/system/the-block-signer.service"
ln -s the-block.service "$root/usr/lib/systemd/system/ledger-node.service"
install -D -m 644 "$top/config/node.toml" "$root/usr/share/the-block/node.toml"
install -m 644 "$top/config/systemd/the-block.service.d/release.conf" "$root/usr/share/the-block/release.conf"
install -D -m 644 "$top/config/defaults/mainnet.toml" "$root/usr/share/the-block/profiles.toml"
# The rules name the runbooks where the package puts them.
sed 's|runbook_url: "docs/runbooks/|runbook_url: "/usr/share/doc/the-block/runbooks/|' "$top/monitoring/alert.rules.yml" \
    >"$root/usr/share/the-block/alert.rules.yml"
chmod 644 "$root/usr/share/the-block/alert.rules.yml"
install -m 644 "$top/monitoring/prometheus.yml" "$top/monitoring/alertmanager.yml" "$root/usr/share/the-block"
install -d -m 755 "$root/usr/share/the-block/grafana"
install -m 644 "$top"/monitoring/grafana/*.json "$root/usr/share/the-block/grafana"
# What the pages tell operators to run from the folder of the project: `cd /usr/share/the-block`.
for script in scripts/{prometheus_query,smoke_rollout.sh,smoke_otlp_export.sh,otlp_receiver.py,otel-collector-config.yaml} \
    scripts/ci/{proof_pipeline.py,pipeline_observability.sh} tests/pipeline/run.sh tests/observability/{run.sh,look.py}; do
    mode=755
    [ -x "$top/$script" ] || mode=644
    install -D -m "$mode" "$top/$script" "$root/usr/share/the-block/$script"
done

# The pages lie as in `docs`, with the specification and the change log among them.
manual=$root/usr/share/doc/the-block
while IFS= read -r page; do
    install -D -m 644 "$top/docs/$page" "$manual/$page"
done < <(cd "$top/docs" && find . -type f | LC_ALL=C sort)
install -d -m 755 "$manual/spec"
install -m 644 "$top"/spec/*.md "$manual/spec"
# What a page of the source links to and the package has not.
source='(apps|config|crates|fixtures|fuzz|monitoring|scenarios|scripts|sim|tb|tests|xtask)/[^)]*|(ARCHITECTURE|CONTRIBUTING|README|SECURITY|STYLE)\.md[^)]*'
# relink TO_THE_ROOT_OF_THE_SOURCE TO_THE_MANUAL PAGE...: makes the links of pages lead to where the package has the files, and plain text
# of those to what it has not. Both ways are relative to the folder of the page.
relink() {
    local from=${1//./\\.} to=$2
    sed -E -i \
        -e "s#\\]\\(${from}docs/#](@#g" \
        -e "s#\\]\\(${from}docs\\)#](@.)#g" \
        -e "s#\\]\\(${from}(spec/|CHANGELOG\\.md)#](@\\1#g" \
        -e "s#\\]\\(${from}monitoring/(alert\\.rules\\.yml|alertmanager\\.yml|prometheus\\.yml|grafana)#](/usr/share/the-block/\\1#g" \
        -e "s#\\]\\(${from}config/systemd/([a-z-]+\\.service)\\)#](/usr/lib/systemd/system/\\1)#g" \
        -e "s#\\]\\(${from}config/defaults/mainnet\\.toml\\)#](/usr/share/the-block/profiles.toml)#g" \
        -e "s#\\[([^]]*)\\]\\(${from}($source)\\)#\\1 (\\\`\\2\\\` of the source)#g" \
        -e "s#\\]\\(@#](${to}#g" "${@:3}"
}
relink ../ "" "$manual"/*.md
install -m 644 "$top/CHANGELOG.md" "$manual/CHANGELOG.md"
relink "" "" "$manual/CHANGELOG.md"
relink ../ ../ "$manual"/spec/*.md
for folder in adr deployment performance runbooks testing; do
    relink ../../ ../ "$manual/$folder"/*.md
done
cat "$top/LICENSE-MIT" "$top/LICENSE-APACHE" >"$root/usr/share/doc/the-block/copyright"
chmod 644 "$root/usr/share/doc/the-block/copyright"

install -d -m 755 "$root/DEBIAN"
cat >"$root/DEBIAN/control" <<CONTROL
Package: the-block
Version: $version
Architecture: $architecture
Maintainer: The Block <operators@the-block.invalid>
Section: net
Priority: optional
Depends: libc6 (>= ${libc:-2.31}), adduser
Installed-Size: $(du -k --apparent-size -s "$root/usr" | cut -f 1)
Description: node, wallet and prover of The Block
 One program: a BFT chain whose ledger is proven. The unit the-block runs a node
 whose home is /var/lib/the-block; make it with tb init before it is started.
 The unit the-block-signer keeps a validator's key in a process of its own.
CONTROL
cat >"$root/DEBIAN/postinst" <<'POSTINST'
#!/bin/sh
# The users of the services and their homes. Nothing is started: a node needs keys and a genesis file first, a signer a key.
set -e
if [ "$1" = configure ] && [ -z "${DPKG_ROOT:-}" ]; then
    for user in the-block the-block-signer; do
        if ! getent passwd "$user" >/dev/null; then
            adduser --system --group --quiet --home "/var/lib/$user" --no-create-home "$user"
        fi
        install -d -m 700 -o "$user" -g "$user" "/var/lib/$user"
    done
    if [ -d /run/systemd/system ]; then
        systemctl daemon-reload
    fi
fi
POSTINST
cat >"$root/DEBIAN/prerm" <<'PRERM'
#!/bin/sh
# A program that is removed does not run on. An upgrade leaves the restart to the operator.
set -e
if [ "$1" = remove ] && [ -z "${DPKG_ROOT:-}" ] && [ -d /run/systemd/system ]; then
    systemctl stop the-block.service the-block-signer.service || true
fi
PRERM
cat >"$root/DEBIAN/postrm" <<'POSTRM'
#!/bin/sh
# Keys and chain in /var/lib/the-block and /var/lib/the-block-signer are never removed here, not even by a purge: nobody could bring
# them back.
set -e
if [ -z "${DPKG_ROOT:-}" ] && [ -d /run/systemd/system ]; then
    systemctl daemon-reload
fi
POSTRM
chmod 755 "$root/DEBIAN/postinst" "$root/DEBIAN/prerm" "$root/DEBIAN/postrm"
(cd "$root" && find usr -type f | LC_ALL=C sort | xargs md5sum >DEBIAN/md5sums)
chmod 644 "$root/DEBIAN/md5sums" "$root/DEBIAN/control"
find "$root" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +

mkdir -p "$out"
package=$out/the-block_${version}_$architecture.deb
# The compression is named with one thread: the number of threads changes the bytes.
dpkg-deb --root-owner-group -Z"${DEB_COMPRESSION:-xz}" --threads-max=1 --build "$root" "$package" >&2
echo "$package"
