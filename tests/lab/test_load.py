# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes as fast as the database takes them, and a start with a full database: the newest value wins,
memory stays bounded, nothing that is forwarded is lost. SAND_SOAK=1: for a minute, 100,000 services."""

import os
import sys

import pytest

from dual import ROOT, SOAK

sys.path.insert(0, os.path.join(ROOT, "tests", "bench"))

import load  # noqa: E402

pytestmark = pytest.mark.skipif(not os.path.exists(os.path.join(ROOT, "build", "bench", "load")),
                                reason="make build/bench/load")


def test_full_speed(monkeypatch):
    monkeypatch.setenv("LOAD_SERVICES", "1000" if SOAK else "200")
    got = load.load(60 if SOAK else 3)
    sizes = [row[-1] for row in got["resident_kib"]]
    print(f"{got['updates_per_s']} updates/s, child {sizes[0]} -> {sizes[-1]} KiB, "
          f"{got['sent']} packets, {got['lost']} lost")
    assert got["updates"] > 0 and got["selections_changed"] > 0
    assert got["wrong_values"] == 0 and got["wrong_entries"] == 0
    assert got["sent"] > 1000 and got["lost"] == 0
    assert sizes[-1] <= 1.1 * sizes[len(sizes) // 2]


def test_start_with_many_services(monkeypatch):
    monkeypatch.setenv("START_SERVICES", "100000" if SOAK else "5000")
    got = load.start()
    print(f"in sync after {got['synced_s']} s, ready {got['ready_s']} s, applied "
          f"{got['applied_s']} s, {got['sent']} packets, {got['lost']} lost")
    assert got["sent"] > 1000 and got["lost"] == 0
