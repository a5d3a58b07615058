#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes well-formed requests of etcd's protocol as seeds of fuzz_etcd: `tests/fuzz/seed_etcd.py DIR`."""

import os
import struct
import sys

METHODS = ["range", "put", "delete", "txn", "compact", "grant", "revoke", "keepalive", "ttl",
           "leases", "status", "watch"]


def varint(number):
    out = b""
    while number > 0x7f:
        out += bytes([number & 0x7f | 0x80])
        number >>= 7
    return out + bytes([number])


def field(number, value):
    """A member of a message: bytes, or a number."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def call(method, *members):
    message = b"".join(field(number, value) for number, value in members)
    return bytes([METHODS.index(method)]) + struct.pack(">H", len(message)) + message


def message(*members):
    return b"".join(field(number, value) for number, value in members)


PUT = message((1, b"/a"), (2, b"1"))
RANGE = message((1, b"/"), (2, b"0"))
DELETE = message((1, b"/a"), (2, b"/b"), (3, 1))
COMPARE = message((1, 1), (2, 0), (3, b"/a"), (4, 1), (64, b"/b"))
NESTED = b""
for _ in range(3000):
    NESTED = message((2, message((4, NESTED))))
VALUE = message((2, 3), (3, b"/a"), (7, b"1"))

SEEDS = {
    "kv": call("put", (1, b"/a"), (2, b"1"), (4, 1)) + call("put", (1, b"/b"), (2, b"2"))
    + call("range", (1, b"/"), (2, b"0"), (3, 1), (4, 3), (5, 2), (6, 4))
    + call("range", (1, b"\0"), (2, b"\0"), (10, 1), (11, 9), (12, 1), (13, 9))
    + call("delete", (1, b"/a"), (2, b"/c"), (3, 1)) + call("put", (1, b"/a"), (5, 1), (6, 1)),
    "txn": call("put", (1, b"/a"), (2, b"1"))
    + call("txn", (1, COMPARE), (1, VALUE), (2, message((1, RANGE))),
           (2, message((2, message((1, b"/c"), (2, b"1"), (4, 1))))), (2, message((3, DELETE))),
           (2, message((1, RANGE))), (3, message((2, PUT)))),
    "nested": call("txn", (2, message((4, NESTED)))),
    "lease": call("grant", (1, 10), (2, 7)) + call("put", (1, b"/a"), (2, b"1"), (3, 7))
    + call("keepalive", (1, 7)) + call("ttl", (1, 7), (2, 1)) + call("leases")
    + call("revoke", (1, 7)) + call("grant", (1, 0)),
    "watch": call("put", (1, b"/a"), (2, b"1")) + call("put", (1, b"/a"), (2, b"2"))
    + call("watch", (1, message((1, b"/"), (2, b"0"), (3, 1), (4, 1), (5, b"\x00"), (6, 1))))
    + call("watch", (1, message((1, b"/"), (7, 3), (8, 1)))) + call("watch", (2, message((1, 0))))
    + call("watch", (3, b"")) + call("compact", (1, 2)) + call("status"),
}


def main():
    os.makedirs(sys.argv[1], exist_ok=True)
    for name, data in SEEDS.items():
        with open(os.path.join(sys.argv[1], name), "wb") as file:
            file.write(data)


if __name__ == "__main__":
    main()
