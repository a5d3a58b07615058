#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A service instance: a real HTTP server that knows its name. instance.py NAME [PORT...]

  GET  /              {"instance": NAME}
  GET  /file?mb=N&s=T N MiB of known bytes over T seconds (a long download)
  POST /burn?s=T      real CPU load for T seconds, in this server's own cgroup
  POST /calm          ends the load
"""
import contextlib
import http.server
import json
import multiprocessing
import os
import socket
import socketserver
import sys
import threading
import time
import urllib.parse

CHUNK = bytes(range(256)) * 256  # 64 KiB


def burn(seconds):
    with contextlib.suppress(PermissionError):
        os.nice(-15)  # busy also where other work wants the machine: what is measured is this load
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        sum(range(20000))


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    burner = None

    def log_message(self, *args):
        pass

    def answer(self, status, obj):
        body = json.dumps(obj).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def query(self):
        url = urllib.parse.urlsplit(self.path)
        return url.path, {k: float(v[0]) for k, v in urllib.parse.parse_qs(url.query).items()}

    def do_GET(self):
        path, args = self.query()
        if path == "/":
            self.answer(200, {"instance": self.server.name})
        elif path == "/file":
            self.send_file(int(args.get("mb", 8)), args.get("s", 10))
        else:
            self.answer(404, {"error": "no such path"})

    def send_file(self, mib, seconds):
        chunks = mib * 16
        self.send_response(200)
        self.send_header("X-Instance", self.server.name)
        self.send_header("Content-Length", str(chunks * len(CHUNK)))
        self.end_headers()
        begin = time.monotonic()
        for i in range(chunks):
            self.wfile.write(CHUNK)
            ahead = begin + (i + 1) * seconds / chunks - time.monotonic()
            if ahead > 0:
                time.sleep(ahead)

    def do_POST(self):
        path, args = self.query()
        if Handler.burner:
            Handler.burner.kill()
            Handler.burner = None
        if path == "/burn":
            Handler.burner = multiprocessing.Process(target=burn, args=(args.get("s", 10),),
                                                     daemon=True)
            Handler.burner.start()
        self.answer(200, {"instance": self.server.name})


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    address_family = socket.AF_INET6
    daemon_threads = True
    request_queue_size = 128

    def server_bind(self):  # without the reverse look-up of HTTPServer
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.name, self.server_address[1]


if __name__ == "__main__":
    Server.name = sys.argv[1]
    first, *others = [Server(("::", int(port)), Handler) for port in sys.argv[2:] or ["80"]]
    for server in others:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    first.serve_forever()
