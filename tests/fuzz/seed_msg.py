#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes well-formed messages of include/san/msg.h as seeds of fuzz_msg: `tests/fuzz/seed_msg.py DIR`."""

import os
import socket
import struct
import sys

VERSION = 1
SEGMENT = socket.inet_pton(socket.AF_INET6, "5f00:0:2:100::")
ADDRESS = socket.inet_pton(socket.AF_INET6, "2001:db8:5::101")
PROFILE = bytes([7, 0x1e, 124, 1, 4, 8, 0, 0])

MESSAGES = {  # type: payload, in the order of SAN_MSGS
    1: struct.pack("=II", 2, 4711),
    2: SEGMENT + PROFILE + struct.pack("=IIIIII", 5300, 1000, 64, 64, 64, 0),
    3: b"acc0".ljust(16, b"\0") + bytes([1, 3, 0, 0, 0, 0, 0, 0]),
    4: bytes(4),
    5: struct.pack("=II", 1, 0),
    6: struct.pack("=IBBBB", 1, 0, 1, 0, 0) + SEGMENT + bytes(16 * 7),
    7: bytes(24) + struct.pack("=II", 1, 0),
    8: struct.pack("=Q", 0x101) + ADDRESS + struct.pack("=IBBH", 1, 1, 2, 0),
    9: struct.pack("=Q", 0x101) + bytes(24),
    10: SEGMENT + ADDRESS + bytes(16) + struct.pack("=IBBH", 0, 2, 0, 0),
    11: bytes(8) + SEGMENT + bytes(8),
    12: struct.pack("=II", 0, 1),
    13: struct.pack("=II", 1, 0),
}


def main():
    os.makedirs(sys.argv[1], exist_ok=True)
    for kind, payload in MESSAGES.items():
        with open(os.path.join(sys.argv[1], f"type{kind}"), "wb") as out:
            out.write(struct.pack("=HHIQ", kind, VERSION, 1, 1) + payload)


if __name__ == "__main__":
    main()
