"""Draws the boards of monitoring/grafana as one page of HTML, for machines without Grafana.

  python3 scripts/native_monitor.py [--output FILE] [--minutes N] [--at SECONDS]

The panels are those of Grafana, from the same files. Values come from the Prometheus at PROMETHEUS_URL
(http://localhost:9090 when unset), of the last N minutes (60) before SECONDS (now, Unix time). Where no Prometheus answers,
the page is the same with `no data` in each panel, and says so at its top. The page holds no script and loads nothing.
Only the standard library is used. Exit: 0 written, 1 a board cannot be read, 2 a wrong command line.
"""

import argparse
import glob
import html
import json
import math
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

TIMEOUT_SECONDS = 20
# Most lines of a panel, and points of a line.
LINES_MAX, POINTS = 24, 120
WIDTH, HEIGHT = 520, 150
UNITS = {"s": "s", "cps": "/s", "bytes": "B", "Bps": "B/s", "percentunit": "%", "short": ""}
# Colours with enough contrast on light and dark ground; lines also differ by their dashes.
COLOURS = ("#2f7ed8", "#c8501e", "#2f9e44", "#a64ac9", "#b8860b", "#0f9fa8", "#d6336c", "#6b7785")
DASHES = ("none", "6 3", "2 3")
STYLE = """:root{color-scheme:light dark;--ground:#f2f4f7;--panel:#fff;--line:#d3d9e0;--text:#1b1f24;--faint:#515b66}
@media(prefers-color-scheme:dark){:root{--ground:#0d1117;--panel:#161b22;--line:#343c47;--text:#e6edf3;--faint:#a0a9b4}}
body{margin:0;padding:1rem;background:var(--ground);color:var(--text);font:.95rem/1.4 system-ui,sans-serif}
a{color:inherit}.panels{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,24rem),1fr));gap:.75rem}
.panels>.row{grid-column:1/-1;background:none;border:0;padding:.6rem 0 0}section section{background:var(--panel);border:1px solid var(--line);border-radius:.5rem;padding:.6rem .8rem;min-width:0}
h3{margin:0;font-size:1rem}p{margin:.2rem 0}.faint{color:var(--faint)}svg{width:100%;height:auto;display:block}
.value{font-size:1.6rem}table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.1rem .5rem .1rem 0;overflow-wrap:anywhere}
nav a{margin-right:.75rem}ul{margin:.3rem 0;padding:0;list-style:none;font-size:.85rem;overflow-wrap:anywhere}"""


class Prometheus:
    """The server, or that there is none."""

    def __init__(self, url, at, minutes):
        self.url, self.at, self.minutes = url.rstrip("/"), at, minutes
        self.fault = None

    def answer(self, path, words):
        """What the server found. Raises urllib.error.HTTPError for what it refuses."""
        url = f"{self.url}/api/v1/{path}?" + urllib.parse.urlencode(words)
        with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as answer:
            return json.load(answer)["data"]["result"]

    def ask(self, path, words):
        if self.fault:
            return []
        try:
            return self.answer(path, words)
        except urllib.error.HTTPError as error:
            # One expression that is refused is no reason to ask no other.
            print(f"native_monitor: {words['query']}: {error}", file=sys.stderr)
            return []
        except (OSError, ValueError, KeyError) as error:
            self.fault = f"{self.url} does not answer"
            print(f"native_monitor: {self.fault} ({error}); set PROMETHEUS_URL to your Prometheus", file=sys.stderr)
            return []

    def lines(self, expression):
        step = max(self.minutes * 60 // POINTS, 1)
        return self.ask("query_range", {"query": expression, "start": self.at - self.minutes * 60, "end": self.at, "step": step})

    def now(self, expression):
        return self.ask("query", {"query": expression, "time": self.at})


def plain(expression):
    """The expression for all instances, without the variables of Grafana."""
    return expression.replace("$instance", ".*").replace("$job", ".*")


def shown(value, unit):
    if math.isnan(value):
        return "no value"
    if unit == "percentunit":
        value *= 100
    elif unit in ("bytes", "Bps"):
        for name in ("", "Ki", "Mi", "Gi", "Ti"):
            if abs(value) < 1024 or name == "Ti":
                return f"{value:.4g} {name}{UNITS[unit]}"
            value /= 1024
    text = f"{value:,.0f}" if value == int(value) and abs(value) < 1e15 else f"{value:.4g}"
    return f"{text} {UNITS.get(unit, '')}".strip()


def legend(form, labels):
    for name, value in labels.items():
        form = form.replace("{{" + name + "}}", value)
    return form or ", ".join(f"{name} {value}" for name, value in sorted(labels.items()))


def chart(series, unit, start, end, title):
    """Lines as SVG; the names with their newest values follow as text."""
    points = [(float(t), float(v)) for _, values in series for t, v in values if math.isfinite(float(v))]
    if not points:
        return "<p class=faint>no data</p>"
    top = max(value for _, value in points) or 1.0
    low = min(0.0, min(value for _, value in points))
    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{html.escape(title)}: lines over time">']
    names = []
    for number, (name, values) in enumerate(series[:LINES_MAX]):
        colour, dash = COLOURS[number % len(COLOURS)], DASHES[number // len(COLOURS) % len(DASHES)]
        path = " ".join(
            f"{(float(t) - start) / max(end - start, 1) * WIDTH:.1f},{HEIGHT - 4 - (float(v) - low) / (top - low) * (HEIGHT - 8):.1f}"
            for t, v in values if math.isfinite(float(v)))
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5" stroke-dasharray="{dash}"/>')
        last = shown(float(values[-1][1]), unit)
        names.append(f'<li><span style="color:{colour}">{"━" if dash == "none" else "╍"}</span> {html.escape(name)}: {last}</li>')
    parts.append("</svg>")
    more = f"<li>and {len(series) - LINES_MAX} more</li>" if len(series) > LINES_MAX else ""
    scale = f"<p class=faint>{shown(low, unit)} to {shown(top, unit)}</p>"
    return "".join(parts) + scale + f"<ul>{''.join(names)}{more}</ul>"


def panel(prometheus, told):
    unit = told["fieldConfig"]["defaults"]["unit"]
    if told["type"] == "timeseries":
        series = [(legend(target["legendFormat"], one["metric"]), one["values"])
                  for target in told["targets"] for one in prometheus.lines(plain(target["expr"]))]
        start = prometheus.at - prometheus.minutes * 60
        return chart(series, unit, start, prometheus.at, told["title"])
    found = [(target["legendFormat"], one) for target in told["targets"] for one in prometheus.now(plain(target["expr"]))]
    if not found:
        return "<p class=faint>no data</p>"
    rows = [(legend(form, one["metric"]), shown(float(one["value"][1]), unit)) for form, one in found]
    if told["type"] == "stat":
        values = "".join(f"<p><span class=value>{html.escape(value)}</span> {html.escape(name)}</p>" for name, value in rows[:LINES_MAX])
    else:
        body = [", ".join(f"{name} {value}" for name, value in sorted(one["metric"].items())) for _, one in found]
        lines = "".join(f"<tr><th scope=row>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>"
                        for name, (_, value) in zip(body[:LINES_MAX], rows))
        values = f"<table><thead><tr><th scope=col>labels</th><th scope=col>value</th></tr></thead><tbody>{lines}</tbody></table>"
    return values + (f"<p class=faint>and {len(found) - LINES_MAX} more</p>" if len(found) > LINES_MAX else "")


def page(prometheus, boards):
    parts = []
    for name, board in boards:
        parts.append(f'<section id="{name}" aria-labelledby="{name}-title"><h2 id="{name}-title">{html.escape(board["title"])}</h2>'
                     f'<p class=faint>{html.escape(board["description"])}</p><div class=panels>')
        for told in board["panels"]:
            title = f"{name}-{told['id']}"
            if told["type"] == "row":
                # A heading over the panels that follow; it has no values of its own.
                parts.append(f'<section class=row aria-labelledby="{title}"><h3 id="{title}">{html.escape(told["title"])}</h3>'
                             f'<p class=faint>{html.escape(told["description"])}</p></section>')
                continue
            parts.append(f'<section aria-labelledby="{title}"><h3 id="{title}">{html.escape(told["title"])}</h3>'
                         f'<p class=faint>{html.escape(told["description"])}</p>{panel(prometheus, told)}</section>')
        parts.append("</div></section>\n")
    links = "".join(f'<a href="#{name}">{html.escape(board["title"].removeprefix("The Block: "))}</a>' for name, board in boards)
    source = f"No values: {prometheus.fault}." if prometheus.fault else \
        f"Values of {prometheus.url}, {prometheus.minutes} minutes before {time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime(prometheus.at))} UTC."
    return (f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>The Block: boards</title><style>{STYLE}</style></head><body><header><h1>The Block: boards</h1>"
            f"<p>{html.escape(source)}</p><nav aria-label=\"boards\">{links}</nav></header><main>\n{''.join(parts)}</main></body></html>\n")


def main():
    parser = argparse.ArgumentParser(description="Draws the boards of monitoring/grafana as one page of HTML.")
    root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
    parser.add_argument("--output", default=os.path.join(root, "monitoring/output/index.html"))
    parser.add_argument("--minutes", type=int, default=60)
    parser.add_argument("--at", type=int, default=None)
    words = parser.parse_args()
    boards = []
    for path in sorted(glob.glob(os.path.join(root, "monitoring/grafana/*.json"))):
        with open(path, encoding="utf-8") as file:
            boards.append((os.path.basename(path).removesuffix(".json"), json.load(file)))
    # The overview first, as in Grafana.
    boards.sort(key=lambda board: board[0] != "overview")
    if not boards:
        sys.exit("monitoring/grafana holds no board; run: cargo xtask monitoring")
    at = int(time.time()) if words.at is None else words.at
    prometheus = Prometheus(os.environ.get("PROMETHEUS_URL", "http://localhost:9090"), at, max(words.minutes, 1))
    text = page(prometheus, boards)
    os.makedirs(os.path.dirname(os.path.abspath(words.output)), exist_ok=True)
    with open(words.output, "w", encoding="utf-8") as file:
        file.write(text)
    print(f"{sum(len(board['panels']) for _, board in boards)} panels of {len(boards)} boards are in {os.path.relpath(words.output)}")


if __name__ == "__main__":
    main()
