# SPDX-License-Identifier: GPL-2.0-or-later
"""The loaded programs against the golden vectors and against the oracles. DIFF_PACKETS: how many
packets the differential run has (1,000,000)."""

import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import oracle  # noqa: E402
import oracle_diff  # noqa: E402
from oracle_core import machine  # noqa: E402
from oracle_driver import Driver, disagreement, native  # noqa: E402
from oracle_gen import golden, profile_of  # noqa: E402

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
DIFF_PACKETS = int(os.environ.get("DIFF_PACKETS", "1000000"))
DOCUMENT = golden()
VECTORS = DOCUMENT["vectors"] + DOCUMENT["frames"]
GROUPS = sorted({(vector["profile"], vector["configuration"]) for vector in VECTORS})


def vectors_of(profile, configuration):
    return [vector for vector in VECTORS
            if (vector["profile"], vector["configuration"]) == (profile, configuration)]


def unhex(texts):
    return [bytes.fromhex(text) for text in texts]


def play(driver, vector):
    """Runs what came before and the packet itself, through empty tables."""
    driver.forget()
    before = unhex(vector.get("before", []))
    given_up = vector.get("give_up", [])
    if not given_up:
        return list(driver.run(before + unhex([vector["packet"]])))[-1]
    list(driver.run(before))
    for index in given_up:
        driver.give_up(index)
    answer = next(iter(list(driver.run(unhex([vector["packet"]])))))
    for index in given_up:
        driver.restore(index)
    return answer


def check_parse(vector, answer):
    parse = vector["parse"]
    assert answer.native == parse["reason"]
    if parse["reason"] == "forwarded":
        assert native(answer) == ("forwarded", parse["service_id"], parse["l4_offset"],
                                  parse["l4_proto"], parse["fragment"], parse["flags"])


def check(vector, state, answer):
    packet = bytes.fromhex(vector["packet"])
    state.forget()
    for earlier in unhex(vector.get("before", [])):
        state.run(earlier)
    for index in vector.get("give_up", []):
        state.give_up(index)
    if vector["reason"] != "too_big_limited":  # where time may have given another token
        assert (answer.verdict, answer.reason) == (vector["verdict"], vector["reason"])
    why = disagreement(packet, state.options(packet), None, answer)
    for index in vector.get("give_up", []):
        state.nexthops[index].epoch -= 1
    assert not why
    if "parse" in vector and packet[12:14] == b"\x86\xdd" and len(packet) >= 54:
        check_parse(vector, answer)


@pytest.mark.parametrize("profile,configuration", GROUPS)
def test_golden_vectors(profile, configuration):
    conf = DOCUMENT["configurations"][configuration]
    state = machine(conf, profile_of(DOCUMENT["profiles"][profile]))
    wrong = []
    with Driver(conf, profile_of(DOCUMENT["profiles"][profile])) as driver:
        for vector in vectors_of(profile, configuration):
            try:
                check(vector, state, play(driver, vector))
            except AssertionError as error:
                wrong.append(f"{vector['name']}: {error}")
    assert not wrong, "\n".join(wrong)


def flow_packets(name, where, count):
    """The packet of a vector with as many source ports; where: offset of the port."""
    vector = next(item for item in VECTORS if item["name"] == name)
    base = bytes.fromhex(vector["packet"])
    return [base[:where] + port.to_bytes(2, "big") + base[where + 2:]
            for port in range(40000, 40000 + count)]


def test_flow_label_is_a_function_of_the_flow():
    """RFC 6437: the same for all packets of a flow, different for most flows."""
    flows = flow_packets("doh/tcp", 70, 256)
    with Driver(DOCUMENT["configurations"]["default"]) as driver:
        answers = list(driver.run(flows + flows))
    labels = [int.from_bytes(answer.out[15:18], "big") & 0xFFFFF for answer in answers]
    assert labels[:256] == labels[256:]
    assert len(set(labels)) >= 250


def test_too_big_is_limited_and_recovers():
    """RFC 4443 section 2.4 (f): a burst, then one each tenth of a second, never a flood."""
    vector = next(item for item in VECTORS if item["name"] == "limit/eleventh")
    with Driver(DOCUMENT["configurations"]["edge"]) as driver:
        driver.forget()
        answers = list(driver.run(unhex([vector["packet"]]) * 200))
    reasons = [answer.reason for answer in answers]
    assert reasons[:10] == ["too_big"] * 10
    assert set(reasons) <= {"too_big", "too_big_limited"}
    assert reasons.count("too_big_limited") > 0


def test_differential():
    """No packet is forwarded that the oracles would not forward, none for another reason."""
    before = oracle_diff.kernel_log()
    slow = min(DIFF_PACKETS // 5, 10000)
    tally = oracle_diff.differential(DIFF_PACKETS, slow, "check")
    print(f"{tally.packets} packets, {tally.steered} steered")
    assert not tally.disagreements, "\n".join(tally.wrong[:oracle_diff.SHOWN])
    assert abs(tally.packets - DIFF_PACKETS) < 100
    if DIFF_PACKETS >= 100000:  # routes and lack of headroom are not there in such a run
        unseen = set(oracle.reasons()) - set(tally.reasons)
        assert unseen <= {"no_headroom", "relayed"}
    if before is None:
        pytest.skip("kernel log cannot be read here")
    assert not oracle_diff.alarms(before, oracle_diff.kernel_log())
