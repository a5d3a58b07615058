#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes well-formed messages of include/san/msg.h as seeds of fuzz_msg: `tests/fuzz/seed_msg.py DIR`."""

import os
import socket
import struct
import sys

VERSION = 2
ABI_VERSION = 3


def in6(text):
    return socket.inet_pton(socket.AF_INET6, text)


SEGMENT = in6("5f00:0:2:100::")
ADDRESS = in6("2001:db8:5::101")
INSTANCE4 = in6("::ffff:10.2.0.5")
SOURCE4 = socket.inet_pton(socket.AF_INET, "192.0.2.1")
PROFILE = bytes([7, 0x1e, 124, 1, 4, 8, 0, 0])
CLASS = struct.pack("=Q", 0x101) + bytes(16) + ADDRESS + bytes([0, 128, 5, 6])


def config():
    sizes = struct.pack("=8I", 5300, 1000, 64, 64, 64, 256, 64, 1000)
    return SEGMENT + PROFILE + sizes + SOURCE4 + ADDRESS + bytes([0, 1, 1]) + bytes(5)


def nexthop(kind, families, seg):
    return struct.pack("=I5B7x", 1, 0, 1, 0, kind, families) + seg + bytes(16 * 7)


def service(mode, members):
    return (struct.pack("=Q", 0x101) + ADDRESS + SOURCE4 + struct.pack("=IQIH", 1, 1, 300, members)
            + bytes([mode, 1, 1, 0]) + bytes(6))


def sid(behaviour, nexthop_address):
    return (SEGMENT + nexthop_address + bytes(16)
            + struct.pack("=QI", 0x101, 254) + bytes([behaviour, 0, 0, 0]))


def key(service_id, addr, number):
    return struct.pack("=Q", service_id) + addr + struct.pack("=I", number) + bytes(4)


MESSAGES = [  # (type in the order of SAN_MSGS, payload)
    (1, struct.pack("=II", ABI_VERSION, 4711)),
    (2, config()),
    (3, b"acc0".ljust(16, b"\0") + bytes([1, 15, 3]) + bytes(5)),
    (4, in6("5f00::") + bytes([16, 1]) + bytes(6)),
    (5, bytes(4)),
    (6, struct.pack("=II", 3, 0)),
    (7, nexthop(2, 1, SEGMENT)),
    (7, nexthop(3, 2, INSTANCE4)),
    (8, key(0, bytes(16), 1)),
    (9, service(1, 0)),
    (9, service(2, 2)),
    (10, struct.pack("=QII", 0x101, 1, 1000)),
    (11, key(0x101, bytes(16), 0)),
    (12, sid(2, ADDRESS)),
    (12, sid(4, INSTANCE4)),
    (13, key(0, SEGMENT, 0)),
    (14, CLASS + struct.pack("!HH", 0, 80) + bytes(4) + struct.pack("=I", 10)),
    (15, struct.pack("=II", 0, 1)),
    (16, struct.pack("=QQ", 0x101, 0) + bytes(32) + struct.pack("=II", 3, 0) + bytes(8)
     + struct.pack("=II", 60, 0)),
    (17, struct.pack("=II", 1, 0)),
]


def main():
    os.makedirs(sys.argv[1], exist_ok=True)
    for number, (kind, payload) in enumerate(MESSAGES):
        with open(os.path.join(sys.argv[1], f"{number:02}-type{kind}"), "wb") as out:
            out.write(struct.pack("=HHIQ", kind, VERSION, 1, 1) + payload)


if __name__ == "__main__":
    main()
