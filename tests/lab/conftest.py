# SPDX-License-Identifier: GPL-2.0-or-later
"""Fixtures of the lab tests."""

import os
import re
import signal
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "bpf"))

from netns import Lab  # noqa: E402


def pytest_configure():
    """A polite end is an exception, so that fixtures clean up."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))


def pytest_collection_modifyitems(items):
    if os.geteuid() != 0:
        for item in items:
            item.add_marker(pytest.mark.skip(reason="needs root"))


@pytest.fixture
def lab(request):
    """An empty lab named after the test's file; gone after the test, also when it failed."""
    name = re.sub(r"[^a-z0-9_]", "_", request.path.stem.removeprefix("test_").lower())
    with Lab(name) as made:
        yield made


@pytest.fixture(scope="module")
def module_lab(request):
    """The same for all tests of a file, for topologies that are costly to build."""
    name = re.sub(r"[^a-z0-9_]", "_", request.path.stem.removeprefix("test_").lower())
    with Lab(name) as made:
        yield made
