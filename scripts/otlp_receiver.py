#!/usr/bin/env python3
"""A collector of one file: takes OTLP over HTTP and writes the name of each span, one a line.

    scripts/otlp_receiver.py PORT_FILE SPANS_FILE

It listens on a free port of 127.0.0.1 and writes the port into PORT_FILE. For smoke tests; it keeps no span.
"""

import http.server
import sys

# The way to the name of a span: request, resource spans, scope spans, span, name.
PATH = (1, 2, 2, 5)
# Longest body that is read, bytes.
BODY_MAX = 64 << 20


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
                found = list(names(body))
                with open(sys.argv[2], "a", encoding="utf-8") as out:
                    out.writelines(name.replace("\n", " ") + "\n" for name in found)
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
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    with open(sys.argv[1], "w", encoding="utf-8") as out:
        out.write(f"{server.server_port}\n")
    server.serve_forever()
