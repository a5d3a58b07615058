# SPDX-License-Identifier: GPL-2.0-or-later
"""The loaded ingress program against the golden vectors and against the oracle."""

import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import oracle  # noqa: E402
import oracle_diff  # noqa: E402
from oracle_driver import Driver, frame_difference, native  # noqa: E402
from oracle_gen import golden, profile_of  # noqa: E402

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
DOCUMENT = golden()
GROUPS = sorted({(vector["profile"], vector["configuration"]) for vector in DOCUMENT["vectors"]})


def vectors_of(profile, configuration):
    return [vector for vector in DOCUMENT["vectors"]
            if (vector["profile"], vector["configuration"]) == (profile, configuration)]


def check(vector, packet, answer):
    assert (answer.verdict, answer.reason) == (vector["verdict"], vector["reason"])
    if packet[12:14] == b"\x86\xdd" and len(packet) >= 54:
        parse = vector["parse"]
        assert answer.native == parse["reason"]
        if parse["reason"] == "forwarded":
            assert native(answer) == ("forwarded", parse["service_id"], parse["l4_offset"],
                                      parse["l4_proto"], parse["fragment"], parse["flags"])
    if vector["packet_out"] is None:
        assert answer.out == packet
    else:
        assert not frame_difference(packet, bytes.fromhex(vector["packet_out"]), answer.out)


@pytest.mark.parametrize("profile,configuration", GROUPS)
def test_golden_vectors(profile, configuration):
    conf = DOCUMENT["configurations"][configuration]
    vectors = vectors_of(profile, configuration)
    packets = [bytes.fromhex(vector["packet"]) for vector in vectors]
    wrong = []
    with Driver(conf, profile_of(DOCUMENT["profiles"][profile])) as driver:
        for vector, packet, answer in zip(vectors, packets, driver.run(packets)):
            try:
                check(vector, packet, answer)
            except AssertionError as error:
                wrong.append(f"{vector['name']}: {error}")
    assert not wrong, "\n".join(wrong)


def test_flow_label_is_a_function_of_the_flow():
    """RFC 6437: the same for all packets of a flow, different for most flows."""
    vector = next(item for item in DOCUMENT["vectors"] if item["name"] == "doh/tcp")
    base = bytes.fromhex(vector["packet"])
    flows = [base[:70] + port.to_bytes(2, "big") + base[72:] for port in range(40000, 40256)]
    conf = DOCUMENT["configurations"]["default"]
    with Driver(conf) as driver:
        answers = list(driver.run(flows + flows))
    labels = [int.from_bytes(answer.out[15:18], "big") & 0xFFFFF for answer in answers]
    assert labels[:256] == labels[256:]
    assert len(set(labels)) >= 250


def test_5000_packets_against_the_oracle():
    tally = oracle_diff.differential(5000, "check")
    assert not tally.wrong, "\n".join(f"{why}\n  {packet.hex()}" for why, packet in tally.wrong[:5])
    assert tally.packets == 5000
    assert set(oracle.reasons()) - set(tally.reasons) <= {"no_role", "no_headroom"}
