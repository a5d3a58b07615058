#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The lab's client: an ordinary program that knows nothing of SAN; run it under san-run.

  client.py requests LOG URL INTERVAL   one new TCP connection a request, a line each, until SIGTERM
  client.py download LOG URL            one long download, its instance, length and SHA-256
"""
import hashlib
import http.client
import json
import signal
import sys
import time
import urllib.parse

TIMEOUT = 10


def connect(url):
    parts = urllib.parse.urlsplit(url)
    conn = http.client.HTTPConnection(parts.hostname, parts.port or 80, timeout=TIMEOUT)
    return conn, (parts.path or "/") + ("?" + parts.query if parts.query else "")


def one(url):
    conn, path = connect(url)
    try:
        conn.request("GET", path, headers={"Connection": "close"})
        response = conn.getresponse()
        body = json.loads(response.read())
        return body["instance"], None if response.status == 200 else str(response.status)
    except (OSError, ValueError, http.client.HTTPException) as error:
        return None, f"{type(error).__name__}: {error}"
    finally:
        conn.close()


def requests(log, url, interval):
    stop = []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(True))
    while not stop:
        begin = time.monotonic()
        instance, error = one(url)
        line = {"begin": begin, "end": time.monotonic(), "instance": instance, "error": error}
        log.write(json.dumps(line) + "\n")
        log.flush()
        time.sleep(max(0, begin + interval - time.monotonic()))


def download(log, url):
    conn, path = connect(url)
    result = {"instance": None, "bytes": 0, "expected": None, "sha256": None, "error": None}
    digest = hashlib.sha256()
    try:
        conn.request("GET", path)
        response = conn.getresponse()
        result["instance"] = response.headers["X-Instance"]
        result["expected"] = int(response.headers["Content-Length"])
        log.write(json.dumps({"started": result["instance"]}) + "\n")
        log.flush()
        while chunk := response.read1(65536):
            digest.update(chunk)
            result["bytes"] += len(chunk)
    except (OSError, http.client.HTTPException) as error:
        result["error"] = f"{type(error).__name__}: {error}"
    result["sha256"] = digest.hexdigest()
    log.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    with open(sys.argv[2], "w", encoding="utf-8") as out:
        if sys.argv[1] == "requests":
            requests(out, sys.argv[3], float(sys.argv[4]))
        else:
            download(out, sys.argv[3])
