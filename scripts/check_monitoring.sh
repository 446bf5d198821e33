#!/usr/bin/env bash
# Lets promtool judge the rules: they parse, and every alert fires, clears and keeps quiet on an idle network, as
# monitoring/tests/*.yml say. promtool comes from PATH; as root on Debian it is installed when it is missing.
# Exit: 0 all hold, 1 something does not, 3 there is no promtool and it cannot be installed.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v promtool >/dev/null 2>&1; then
    if [[ $(id -u) -ne 0 ]]; then
        echo "check_monitoring: promtool is missing and only root may install it; run: sudo apt-get install prometheus" >&2
        exit 3
    fi
    if ! command -v apt-get >/dev/null 2>&1; then
        echo "check_monitoring: promtool is missing and this system has no apt-get; install Prometheus and put promtool on PATH" >&2
        exit 3
    fi
    if ! DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends prometheus >&2; then
        echo "check_monitoring: promtool is missing and apt-get could not install prometheus; see its messages above" >&2
        exit 3
    fi
fi

promtool check config --syntax-only monitoring/prometheus.yml
promtool check rules monitoring/alert.rules.yml
promtool test rules monitoring/tests/*.yml
# It comes with Alertmanager, which this script does not install.
if command -v amtool >/dev/null 2>&1; then
    amtool check-config monitoring/alertmanager.yml
fi
