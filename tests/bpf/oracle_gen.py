# SPDX-License-Identifier: GPL-2.0-or-later
"""Packets for the differential run: valid ones of every shape, mutants of them, and noise. The
same seed gives the same packets. Plain bytes, because scapy makes some hundred packets a second."""

import json
import random
import struct

import oracle

MAC = bytes.fromhex("020000000002020000000001") + b"\x86\xdd"
UPPERS = [6, 17, 58, 50, 59, 41, 132, 253]
WALKABLE = [0, 60, 60, 60, 43, 43, 44, 51, 135, 139, 140]
INTERESTING = [0, 1, 2, 4, 5, 7, 8, 11, 12, 13, 16, 30, 43, 44, 50, 51, 59, 60, 124, 127, 128, 140,
               254, 255]
MAX_FRAME = 2100
ADDRESSES = [bytes.fromhex(text).ljust(15, b"\0") + b"\1" for text in (
    "", "fe80", "febf", "fec0", "ff02", "ff0e", "fd00", "0064ff9b", "00000000000001", "fe7f")]
OTHER_MACS = [bytes.fromhex(text) for text in (
    "020000000001", "030000000002", "333300000001", "ffffffffffff", "020000000102")]


class Generator:
    """Packets around the services of a configuration."""

    def __init__(self, seed, services, seeds=()):
        self.rng = random.Random(seed)
        self.services = services
        self.seeds = list(seeds)
        self.recent = []

    def packets(self, count):
        for _ in range(count):
            yield self.packet()

    def packet(self):
        dice = self.rng.random()
        if dice < 0.45 or not self.recent:
            frame = self.valid()
            self.remember(frame)
        elif dice < 0.55 and self.seeds:
            frame = self.rng.choice(self.seeds)
        elif dice < 0.98:
            base = self.rng.choice(self.recent if self.rng.random() < 0.7 or not self.seeds
                                   else self.seeds)
            frame = self.mutant(base)
        else:
            frame = self.noise()
        return frame[:MAX_FRAME].ljust(14, b"\0")

    def remember(self, frame):
        self.recent.append(frame)
        if len(self.recent) > 64:
            self.recent.pop(0)

    # --- well-formed ---

    def service_id(self):
        if self.rng.random() < 0.85:
            return self.rng.choice(self.services)
        return self.rng.choice([0, 0x999, self.rng.getrandbits(64), self.rng.getrandbits(16)])

    def san(self, kind):
        rng = self.rng
        version = 1 if rng.random() < 0.96 else rng.randrange(16)
        flags = rng.choice([0, 0, 0, 8, rng.randrange(16)])
        more = rng.randbytes(rng.choice([0, 0, 0, 0, 4, 8, 9]))
        value = struct.pack(">BBHQ", version << 4 | flags, 0, rng.getrandbits(16), self.service_id())
        return bytes([kind, 12 + len(more)]) + value + more

    def option(self):
        rng = self.rng
        dice = rng.random()
        if dice < 0.35:
            return b"\0"
        kind = 1 if dice < 0.7 else rng.choice([5, 0x3E, 0x9E, 4, 200, 0x1F])
        value = rng.randbytes(rng.choice([0, 1, 2, 4, 6, 6, 12, 40]))
        return bytes([kind, len(value)]) + value

    def options(self, start, kind, san):
        """Options from offset start on, to a multiple of 8."""
        rng = self.rng
        few = rng.choice([0, 0, 0, 1, 2, 3, 5]) if rng.random() < 0.93 else rng.randrange(24, 36)
        items = [self.option() for _ in range(few)]
        if few > 20:
            items = [b"\0"] * few
        if san:
            items.insert(rng.randrange(len(items) + 1), self.san(kind))
        body = b"".join(items)
        gap = -(start + len(body)) % 8
        if gap == 1:
            return body + b"\0"
        if gap:
            return body + bytes([1, gap - 2]) + bytes(gap - 2)
        return body

    def header(self, kind, following, san):
        rng = self.rng
        if kind in (0, 60):
            body = self.options(2, 0x1E, san)
            return bytes([following, (len(body) + 2) // 8 - 1]) + body
        if kind == 43:
            return self.routing(following, san)
        if kind == 44:
            offset = 0 if rng.random() < 0.8 else rng.choice([1, 8, 0xFFF8, 6])
            return struct.pack(">BBHI", following, rng.randrange(256), offset, 7)
        if kind == 51:
            units = rng.choice([0, 1, 2, 4, 4, 5, 7])
            return bytes([following, units]) + rng.randbytes((units + 2) * 4 - 2)
        units = rng.choice([0, 0, 1, 3])
        return bytes([following, units]) + rng.randbytes(units * 8 + 6)

    def routing(self, following, san):
        rng = self.rng
        if rng.random() < 0.15:
            units = rng.choice([0, 2, 4])
            return bytes([following, units, rng.choice([0, 2, 3, 253]), 1]) + bytes(units * 8 + 4)
        count = rng.randrange(1, 5)
        tlvs = self.options(0, 124, san) if san or rng.random() < 0.3 else b""
        left = rng.randrange(count + 1)
        fixed = bytes([following, (count * 16 + len(tlvs)) // 8, 4, left, count - 1, 0, 0, 0])
        return fixed + rng.randbytes(16 * count) + tlvs

    def upper(self, proto):
        rng = self.rng
        ports = struct.pack(">HH", 40000 + rng.randrange(4), rng.choice([80, 53, 443]))
        if proto == 6:
            return ports + struct.pack(">IIHHHH", 1, 0, 0x5002, 64240, 0, 0)
        if proto == 17:
            body = rng.choice([0, 8, 64, 512, 1300, 1380, 1400])
            return ports + struct.pack(">HH", 8 + body, 0) + bytes(body)
        return rng.randbytes(rng.choice([0, 8, 24, 40]))

    def chain(self):
        rng = self.rng
        if rng.random() < 0.4:
            return [(60, True)]
        length = rng.choice([0, 1, 1, 2, 2, 3, 4, 5]) if rng.random() < 0.95 else rng.randrange(7, 11)
        kinds = [rng.choice(WALKABLE) for _ in range(length)]
        return [(kind, rng.random() < 0.6) for kind in kinds]

    def valid(self):
        rng = self.rng
        proto = rng.choice(UPPERS) if rng.random() < 0.4 else rng.choice([6, 17])
        chain = self.chain()
        following = [kind for kind, _ in chain[1:]] + [proto]
        body = b"".join(self.header(kind, after, san)
                        for (kind, san), after in zip(chain, following))
        body += self.upper(proto)
        first = chain[0][0] if chain else proto
        hop_limit = 64 if rng.random() < 0.8 else rng.choice([255, 2, 1, 0, rng.randrange(256)])
        word = 6 << 28 | rng.choice([0, 0, rng.getrandbits(8)]) << 20 | rng.getrandbits(20)
        client = bytes.fromhex("20010db8000100000000000000000000")[:15] + bytes([rng.randrange(8)])
        target = bytes.fromhex("20010db8005a00000000000000000101")
        head = struct.pack(">IHBB", word, len(body), first, hop_limit)
        if rng.random() < 0.03:
            client = rng.choice(ADDRESSES)
        if rng.random() < 0.03:
            target = rng.choice(ADDRESSES)
        padding = bytes(rng.randrange(1, 9)) if rng.random() < 0.03 else b""
        ether = MAC if rng.random() < 0.98 else rng.choice(OTHER_MACS) + MAC[6:]
        return ether + head + client + target + body + padding

    # --- broken ---

    def noise(self):
        rng = self.rng
        frame = rng.randbytes(rng.randrange(14, 200))
        return frame if rng.random() < 0.3 else MAC + b"\x60" + frame[1:]

    def mutant(self, frame):
        data = bytearray(frame)
        for _ in range(self.rng.choice([1, 1, 1, 2, 3])):
            self.rng.choice(MUTATIONS)(self, data)
        return bytes(data)

    def flip_bit(self, data):
        place = self.place(data)
        data[place] ^= 1 << self.rng.randrange(8)

    def set_byte(self, data):
        data[self.place(data)] = self.rng.choice(INTERESTING)

    def cut(self, data):
        del data[self.rng.randrange(14, len(data) + 1):]

    def cut_and_fit(self, data):
        self.cut(data)
        fit_length(data)

    def grow(self, data):
        data += self.rng.randbytes(self.rng.choice([1, 2, 8, 64]))

    def insert(self, data):
        place = self.place(data)
        data[place:place] = self.rng.randbytes(self.rng.choice([1, 2, 8, 16]))
        fit_length(data)

    def remove(self, data):
        place = self.place(data)
        del data[place:place + self.rng.choice([1, 2, 8, 16])]
        fit_length(data)

    def payload_length(self, data):
        if len(data) >= 20:
            value = int.from_bytes(data[18:20], "big") + self.rng.choice([-9, -1, 1, 7, 1000])
            data[18:20] = (value & 0xFFFF).to_bytes(2, "big")

    def place(self, data):
        """A byte, mostly of the headers in front."""
        if self.rng.random() < 0.8:
            return self.rng.randrange(12, max(13, min(len(data), 130)))
        return self.rng.randrange(len(data))


def fit_length(data):
    if len(data) >= 54:
        data[18:20] = (len(data) - 54).to_bytes(2, "big")


def safe(mutation):
    """Mutations keep an Ethernet header's worth of bytes to work on."""

    def mutate(generator, data):
        if len(data) < 16:
            data += bytes(16 - len(data))
        mutation(generator, data)

    return mutate


MUTATIONS = [safe(mutation) for mutation in (
    Generator.flip_bit, Generator.flip_bit, Generator.set_byte, Generator.set_byte,
    Generator.set_byte, Generator.cut, Generator.cut_and_fit, Generator.grow, Generator.insert,
    Generator.remove, Generator.payload_length)]


def golden():
    """The published vectors: profiles, configurations, vectors."""
    path = oracle.ROOT / "tests/golden/wire/vectors.json"
    return json.loads(path.read_text(encoding="ascii"))


def profile_of(spec):
    bits = {"doh": oracle.DOH, "hbh": oracle.HBH, "srh": oracle.SRH}
    carriers = sum(bits[name] for name in spec["carriers"])
    return oracle.Profile(**{**spec, "carriers": carriers})
