#!/usr/bin/env bash
# Checks that this machine can build and test the project, and names everything that is missing with the command
# that installs it. It changes nothing itself: only cargo fetches from the network.
set -euo pipefail
cd "$(dirname "$0")/.."

missing=0
need() { # need NAME HINT: the program NAME must be there
    if ! command -v "$1" >/dev/null 2>&1; then
        echo "missing: $1 — $2" >&2
        missing=1
    fi
}

channel=$(sed -n 's/^channel = "\(.*\)"$/\1/p' rust-toolchain.toml)

need git "the checks ask git which files belong to the project; install it with your package tool"
need cc "some dependencies hold C code; install a C compiler (Debian: apt-get install build-essential)"
need curl "the tests run the commands of the guides in docs/; install it with your package tool"
need python3 "scripts recompute what the node says and read its JSON; install it with your package tool"
need cargo "install Rust $channel with rustup: see rustup.rs"

if command -v cargo >/dev/null 2>&1; then
    if ! found=$(rustc --version 2>/dev/null); then
        echo "missing: the toolchain $channel — run: rustup toolchain install $channel" >&2
        missing=1
    elif [[ $found != "rustc $channel "* ]]; then
        echo "wrong: $found, the project is pinned to $channel — run: rustup toolchain install $channel" >&2
        missing=1
    fi
    for component in fmt clippy; do
        if ! cargo "$component" --version >/dev/null 2>&1; then
            echo "missing: cargo $component — run: rustup component add rustfmt clippy" >&2
            missing=1
        fi
    done
fi

if [[ $missing -ne 0 ]]; then
    echo "bootstrap: install what is named above and run scripts/bootstrap.sh again" >&2
    exit 1
fi
echo "bootstrap: Rust $channel, a C compiler, git and curl are here; next: cargo xtask test"
