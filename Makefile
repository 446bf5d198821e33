# For those who type `make`: the boards of monitoring/ as one page, without Grafana. Everything else is in the justfile.

OUTPUT ?= monitoring/output/index.html

.PHONY: monitor --native-monitor
monitor:
	python3 scripts/native_monitor.py --output $(OUTPUT)

# `make monitor -- --native-monitor` is the same: there is no other way to draw them here.
--native-monitor: monitor
	@:
