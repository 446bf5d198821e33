#!/usr/bin/env python3
"""A collector of one file: takes OTLP over HTTP and writes the names of the spans, as the file exporter of the
OpenTelemetry Collector does: one JSON object a line for each request.

    scripts/otlp_receiver.py CONFIG PORT_FILE

CONFIG is a file such as scripts/otel-collector-config.yaml: this program listens at the `endpoint` of its receiver `otlp`
over `http` and writes into the `path` of its exporter `file`. Port 0 is any free one; the port is written into PORT_FILE.
For smoke tests: of a span only the name is kept.
"""

import http.server
import json
import os
import re
import sys

# The way to the name of a span: request, resource spans, scope spans, span, name.
PATH = (1, 2, 2, 5)
# Longest body that is read, bytes.
BODY_MAX = 64 << 20


ENDPOINT = "receivers.otlp.protocols.http.endpoint"
FILE = "exporters.file.path"


def settings(text):
    """The plain values of a file of nested keys, by their path; variables are put in as the Collector does."""
    found, above = {}, []
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        depth = len(line) - len(line.lstrip())
        name, _, value = line.strip().partition(":")
        above = [entry for entry in above if entry[0] < depth] + [(depth, name)]
        value = re.sub(
            r"\$\{env:(\w+)(?::-([^}]*))?\}", lambda part: os.environ.get(part[1]) or part[2] or "", value.strip()
        )
        if value:
            found[".".join(name for _, name in above)] = value
    return found


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def fields(data):
    """Number and bytes of every field of a message that has a length."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        kind = key & 7
        if kind == 0:
            _, at = varint(data, at)
        elif kind == 1:
            at += 8
        elif kind == 5:
            at += 4
        elif kind == 2:
            length, at = varint(data, at)
            yield key >> 3, data[at : at + length]
            at += length
        else:
            raise ValueError(f"no field of kind {kind}")


def names(data, path=PATH):
    for number, inner in fields(data):
        if number == path[0]:
            if len(path) == 1:
                yield inner.decode("utf-8", "replace")
            else:
                yield from names(inner, path[1:])


class Receiver(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        length = int(self.headers.get("content-length", 0))
        body = self.rfile.read(min(length, BODY_MAX))
        status = 200
        if self.path == "/v1/traces":
            try:
                spans = [{"name": name} for name in names(body)]
                line = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}, separators=(",", ":"))
                with open(self.server.spans, "a", encoding="utf-8") as out:
                    out.write(line + "\n")
            except (ValueError, IndexError):
                status = 400
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as file:
        config = settings(file.read())
    missing = [key for key in (ENDPOINT, FILE) if key not in config]
    if missing:
        sys.exit(f"{sys.argv[1]} has no {missing[0]}")
    host, _, port = config[ENDPOINT].rpartition(":")
    server = http.server.ThreadingHTTPServer((host, int(port)), Receiver)
    server.spans = config[FILE]
    with open(sys.argv[2], "w", encoding="utf-8") as out:
        out.write(f"{server.server_port}\n")
    server.serve_forever()
