#!/usr/bin/env bash
# Checks that this machine can build and test the project, and names what is missing with the command that installs
# it. Where it may, it installs instead. What is there is never touched, so it can run any number of times.
#
#   scripts/bootstrap.sh             installs missing required and wanted tools as root, names them otherwise; names the rest
#   scripts/bootstrap.sh --install   installs everything that is missing, with sudo where it is not root
#   scripts/bootstrap.sh --check     installs nothing
#
# Required: git, a C compiler, curl, Python 3, the pinned Rust. Wanted: Prometheus (alerts and dashboards are shown on a running network), its
# Alertmanager (a test alert reaches its receiver), Chromium with its driver (the page of a node is looked at), dpkg-deb and fakeroot (the
# Debian package is built and installed), strace (a disk fails under a running node); tests that need them name them where they cannot be installed. Useful: cargo-nextest (tests run in parallel), cargo-fuzz
# with a nightly Rust (fuzzing), patchelf (Linux packages), Python 3.12.3 or later in .venv (as operators have it), Node
# 18 or later (only for work on dashboards). Without a useful tool everything here still builds and passes.
set -euo pipefail
cd "$(dirname "$0")/.."

RUST_MIN=1.86.0
PYTHON_MIN=3.12.3
NODE_MIN=18.0.0
NEXTEST_VERSION=0.9.143
FUZZ_VERSION=0.13.1

mode=${1:-}
case $mode in
'' | --install | --check) ;;
*)
    echo "bootstrap: unknown argument $mode; use --install, --check or nothing" >&2
    exit 2
    ;;
esac
missing=0
refreshed=0
channel=$(sed -n 's/^channel = "\(.*\)"$/\1/p' rust-toolchain.toml)
PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin

has() { command -v "$1" >/dev/null 2>&1; }

# at_least FOUND MINIMUM: compares versions of numbers with points.
at_least() { [[ -n $1 && $(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1) == "$2" ]]; }

# version COMMAND…: the first version in what it prints; empty when it cannot be run.
version() { { "$@" --version 2>/dev/null || true; } | sed -n 's/^[^0-9]*\([0-9][0-9]*\(\.[0-9][0-9]*\)*\).*/\1/p' | head -n 1; }

package_tool() {
    local tool
    for tool in apt-get dnf pacman apk zypper brew; do
        if has "$tool"; then
            echo "$tool"
            return
        fi
    done
}

# package TOOL: what the package tool of this machine calls it.
package() {
    case $(package_tool):$1 in
    apt-get:cc) echo build-essential ;;
    apk:cc) echo build-base ;;
    pacman:cc) echo base-devel ;;
    *:cc) echo gcc ;;
    pacman:python3) echo python ;;
    apt-get:python-venv) echo python3-venv ;;
    pacman:prometheus-alertmanager | apk:prometheus-alertmanager | brew:prometheus-alertmanager) echo alertmanager ;;
    brew:node) echo node ;;
    *:node) echo nodejs ;;
    *) echo "$1" ;;
    esac
}

as_root() {
    if [[ $(id -u) -eq 0 ]]; then
        "$@"
    elif has sudo; then
        sudo "$@"
    else
        echo "bootstrap: this needs root: $*" >&2
        return 1
    fi
}

install_package() {
    local name
    name=$(package "$1")
    case $(package_tool) in
    apt-get)
        if [[ $refreshed -eq 0 ]]; then
            as_root apt-get update -q
            refreshed=1
        fi
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$name"
        ;;
    dnf | zypper) as_root "$(package_tool)" install -y "$name" ;;
    pacman) as_root pacman -S --noconfirm --needed "$name" ;;
    apk) as_root apk add "$name" ;;
    brew) brew install "$name" ;;
    *) return 1 ;;
    esac
}

# Whether something of this kind (required, wanted, useful) is to be installed here.
may_install() {
    [[ $mode == --install ]] || { [[ $mode == '' && $1 != useful && $(id -u) -eq 0 ]]; }
}

# ensure KIND NAME WHAT HINT CHECK INSTALL: CHECK says whether it is there, INSTALL brings it.
ensure() {
    local kind=$1 name=$2 what=$3 hint=$4 check=$5 install=$6
    if $check; then
        return
    fi
    if may_install "$kind"; then
        echo "bootstrap: installing $name" >&2
        if $install && $check; then
            return
        fi
        echo "bootstrap: $name could not be installed" >&2
    fi
    if [[ $kind == required || $mode == --install ]]; then
        missing=1
        echo "missing: $name — $what; $hint" >&2
    else
        echo "not here: $name — $what; $hint (or run: scripts/bootstrap.sh --install)" >&2
    fi
}

has_git() { has git; }
has_cc() { has cc; }
has_curl() { has curl; }
has_python3() { has python3; }
get_git() { install_package git; }
get_cc() { install_package cc; }
get_curl() { install_package curl; }
get_python3() { install_package python3; }

has_rustup_or_cargo() { has cargo; }
get_rustup() {
    curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --no-modify-path --default-toolchain none
    hash -r
}
has_rust() { [[ $(rustc --version 2>/dev/null) == "rustc $channel "* ]] && at_least "$channel" "$RUST_MIN"; }
get_rust() { rustup toolchain install "$channel" --profile minimal; }
has_components() { cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1; }
get_components() { rustup component add rustfmt clippy --toolchain "$channel"; }

has_nextest() { has cargo-nextest; }
get_nextest() { cargo install cargo-nextest --version "$NEXTEST_VERSION" --locked; }
has_fuzz() { has cargo-fuzz && has rustup && [[ $(rustup toolchain list) == *nightly* ]]; }
get_fuzz() {
    rustup toolchain install nightly --profile minimal
    has cargo-fuzz || cargo install cargo-fuzz --version "$FUZZ_VERSION" --locked
}
has_patchelf() { [[ $(uname -s) != Linux ]] || has patchelf; }
get_patchelf() { install_package patchelf; }
has_venv() { [[ -x .venv/bin/python3 ]] && at_least "$(version .venv/bin/python3)" "$PYTHON_MIN"; }
get_venv() {
    local python
    for python in python3.14 python3.13 python3.12 python3; do
        if has "$python" && at_least "$(version "$python")" "$PYTHON_MIN"; then
            "$python" -m venv .venv || { install_package python-venv && "$python" -m venv --clear .venv; }
            return
        fi
    done
    echo "bootstrap: python3 is $(version python3); $PYTHON_MIN or later is wanted" >&2
    return 1
}
has_prometheus() { has prometheus && has promtool; }
get_prometheus() { install_package prometheus; }
has_alertmanager() { has prometheus-alertmanager || has alertmanager; }
get_alertmanager() { install_package prometheus-alertmanager; }
has_chromium() { has chromium && has chromedriver; }
get_chromium() { install_package chromium && install_package chromium-driver; }
has_packager() { has dpkg-deb && has fakeroot; }
get_packager() { install_package dpkg && install_package fakeroot; }
has_strace() { [[ $(uname -s) != Linux ]] || has strace; }
get_strace() { install_package strace; }
has_node() { has node && at_least "$(version node)" "$NODE_MIN"; }
get_node() { install_package node; }

by_hand="install it with your package tool"
ensure required git "the checks ask git which files belong to the project" "$by_hand" has_git get_git
ensure required cc "some dependencies hold C code" "install a C compiler (Debian: apt-get install build-essential)" has_cc get_cc
ensure required curl "the tests run the commands of the guides in docs/" "$by_hand" has_curl get_curl
ensure required python3 "scripts recompute what the node says and read its JSON" "$by_hand" has_python3 get_python3
ensure required cargo "the project is written in Rust $channel" "install rustup: see rustup.rs" has_rustup_or_cargo get_rustup
if has cargo; then
    ensure required "Rust $channel" "the project is pinned to it (found: $(rustc --version 2>/dev/null || echo none))" \
        "run: rustup toolchain install $channel" has_rust get_rust
    ensure required "cargo fmt and clippy" "the checks run them" "run: rustup component add rustfmt clippy" \
        has_components get_components
    ensure useful cargo-nextest "tests run in parallel with it" \
        "run: cargo install cargo-nextest --version $NEXTEST_VERSION --locked" has_nextest get_nextest
    ensure useful "cargo-fuzz with a nightly Rust" "fuzzing needs both" \
        "run: rustup toolchain install nightly && cargo install cargo-fuzz --version $FUZZ_VERSION --locked" has_fuzz get_fuzz
fi
ensure wanted Prometheus "a test shows alerts and dashboards with it" "$by_hand" has_prometheus get_prometheus
ensure wanted Alertmanager "a test sends it an alert" "$by_hand" has_alertmanager get_alertmanager
ensure wanted "Chromium and its driver" "a test looks at the page of a node with it" "$by_hand" has_chromium get_chromium
ensure wanted "dpkg-deb and fakeroot" "a test builds and installs the Debian package with them" "$by_hand" has_packager get_packager
ensure wanted strace "a test lets a disk fail under a running node with it" "$by_hand" has_strace get_strace
ensure useful patchelf "packages for other Linux machines are adjusted with it" "$by_hand" has_patchelf get_patchelf
ensure useful "Python $PYTHON_MIN in .venv" "operators run the scripts with it" \
    "run: python3.12 -m venv .venv" has_venv get_venv
ensure useful "Node $NODE_MIN" "work on dashboards uses it, nothing else" "$by_hand" has_node get_node

if [[ $missing -ne 0 ]]; then
    echo "bootstrap: install what is named above and run scripts/bootstrap.sh again" >&2
    exit 1
fi
echo "bootstrap: Rust $channel, a C compiler, git, curl and Python are here; next: cargo xtask test"
